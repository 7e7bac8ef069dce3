package payload

import "fmt"

// A Severity says what a finding means for the payload.
type Severity string

const (
	Refused Severity = "refused" // the hypervisor refuses it, or it must not be shipped
	Warning Severity = "warning" // the hypervisor takes it, a person has to look
	Note    Severity = "note"
)

// A need is what a check has to know besides the payload.
type need uint8

const (
	needSymbols  need = 1 << iota // xen-syms of the base
	needRelease                   // the release of the base
	needPrevious                  // the payload that is loaded already
	needExpected                  // the functions that the assessment expects
)

// A check is one thing that is looked at, by the loader or after it.
type check struct {
	id       string
	severity Severity
	says     string // in the loader, after the name of the payload; empty where it says nothing
	crash    bool   // of the host, instead of an answer
	source   string // file and function
	remedy   string
	needs    need

	// from and until are the first and the last minor version of Xen 4 that has it,
	// 0 for any.
	from, until int
}

// Sources of checks.
const (
	inLoader = "xen/common/livepatch.c: "
	inELF    = "xen/common/livepatch_elf.c: "
	inArch   = "xen/arch/x86/livepatch.c: "
	own      = "lpready: "
)

// Remedies that many checks share.
const (
	buildAgain   = "build the payload again; this file is damaged"
	fixBuild     = "give livepatch-build the build-ids of this base with --depends and --xen-depends"
	buildForBase = "build the payload for this base: from its source, with its .config and its compiler"
	fixSections  = "look at the objects and the linker's step of the build: this section is not as livepatch-build-tools make it"
	fixHook      = "declare the hook with the macros of xen/include/xen/livepatch_payload.h"
)

// checks are all checks, in the order in which they are made. One id stands in
// several rows where versions of Xen say it with other words.
var checks = []check{
	// The upload.
	{id: "name-length", source: inLoader + "get_name", remedy: "give the payload a shorter name: at most 127 characters without its ending"},
	{id: "size-zero", source: inLoader + "verify_payload", remedy: buildAgain},
	{id: "size", source: inLoader + "verify_payload", remedy: "make it smaller than 2 MiB: strip debugging information, or split the payload"},
	{id: "name-taken", source: inLoader + "livepatch_upload", remedy: "give the payload another name", needs: needPrevious},

	// The file.
	{id: "elf-short", says: ": Section header is bigger than payload", source: inELF + "livepatch_header_check", remedy: buildAgain},
	{id: "elf-magic", says: ": Not an ELF payload", source: inELF + "livepatch_header_check", remedy: buildAgain},
	{id: "elf-kind", says: ": Invalid ELF payload", source: inELF + "livepatch_header_check", remedy: fixSections},
	{id: "elf-machine", says: ": Unsupported ELF Machine type", source: inArch + "arch_livepatch_verify_elf", remedy: buildForBase},
	{id: "elf-names-undefined", says: ": Section name idx is undefined", source: inELF + "livepatch_header_check", remedy: buildAgain},
	{id: "elf-sections", says: ": Too many (%d) sections", source: inELF + "livepatch_header_check", remedy: "split the payload: it may have at most 1023 sections"},
	{id: "elf-names-index", says: ": Section name idx (%d) is past end of sections (%d)", source: inELF + "livepatch_header_check", remedy: buildAgain},
	{id: "elf-table-offset", says: ": Bogus e_shoff", source: inELF + "livepatch_header_check", remedy: buildAgain},
	{id: "elf-table-entry", says: ": Section header size is %d! Expected %d.", source: inELF + "livepatch_header_check", remedy: buildAgain},
	{id: "elf-table-size", says: ": Section header size is corrupted", source: inELF + "livepatch_header_check", remedy: buildAgain},
	{id: "section-data", says: ": Section [%d] data %s of payload", source: inELF + "elf_resolve_sections", remedy: buildAgain},
	{id: "section-align", says: ": Section [%d] alignment (%#x) is not supported", source: inELF + "elf_resolve_sections", remedy: buildAgain},
	{id: "section-address", says: ": Section [%d] addr (%#x) is not aligned properly (%#x)", source: inELF + "elf_resolve_sections", remedy: buildAgain},
	{id: "nobits-size", source: inELF + "elf_resolve_sections", remedy: "allocate the memory when the payload is applied, in a hook, instead of in .bss"},
	{id: "symtab-multiple", says: ": Unsupported multiple symbol tables", source: inELF + "elf_resolve_sections", remedy: buildAgain},
	{id: "symtab-link", says: ": Symbol table idx (%d) to strtab past end (%d)", source: inELF + "elf_resolve_sections", remedy: buildAgain},
	{id: "symtab-missing", says: ": No symbol table found", source: inELF + "elf_resolve_sections", remedy: "do not strip the table of symbols"},
	{id: "symtab-size", says: ": Symbol table header is corrupted", source: inELF + "elf_resolve_sections", remedy: buildAgain},
	{id: "strtab-none", crash: true, source: inELF + "elf_verify_strtab", remedy: buildAgain},
	{id: "strtab", says: ": String table section is corrupted", source: inELF + "elf_resolve_sections", remedy: buildAgain},
	{id: "names-table", says: ": Section string table is corrupted", source: inELF + "elf_resolve_section_names", remedy: buildAgain},
	{id: "section-name", says: ": Section %d name is not within .shstrtab", source: inELF + "elf_resolve_section_names", remedy: buildAgain},
	{id: "symbol-name", says: ": Symbol [%d] name is not within .strtab", source: inELF + "elf_get_sym", remedy: buildAgain},

	// The hypervisor that it was made for; before 4.18 later.
	{id: "xen-depends-missing", says: ": section %s is missing", source: inLoader + "check_xen_buildid", remedy: fixBuild, from: 18},
	{id: "xen-depends-note", says: ": failed to parse section %s as build-id: ...", source: inLoader + "check_xen_buildid", remedy: fixBuild, from: 18},
	{id: "xen-build-id", says: ": unable to get running Xen build-id: -61", source: inLoader + "check_xen_buildid", remedy: "link the base with --build-id", needs: needSymbols, from: 18},
	{id: "build-id", says: ": build-id mismatch:", source: inLoader + "check_xen_buildid", remedy: buildForBase, needs: needSymbols, from: 18},

	// Memory, symbols and relocations.
	{id: "section-flags", source: inLoader + "move_payload", remedy: fixSections},
	{id: "memory", says: ": Could not allocate memory for payload", source: inLoader + "move_payload", remedy: fixSections},
	{id: "section-unaligned", source: inLoader + "calc_section (ROUNDUP)", remedy: "give the section an alignment of at least 1: with 0 the loader puts it upon the sections before it"},
	{id: "section-not-loaded", crash: true, source: inLoader + "prepare_payload", remedy: "give the section the flag SHF_ALLOC: the loader reads it in memory"},
	{id: "common-symbol", says: ": Unexpected common symbol: %s", source: inELF + "livepatch_elf_resolve_symbols", remedy: "compile with -fno-common"},
	{id: "symbol", says: ": Unknown symbol: %s", source: inELF + "livepatch_elf_resolve_symbols", needs: needSymbols,
		remedy: "see whether the base has the function under another name, inlined it, or leaves it out by its .config; then call something it has"},
	{id: "symbol-section", says: ": Out of bounds symbol section %#x", source: inELF + "livepatch_elf_resolve_symbols", remedy: buildAgain},
	{id: "rela-target", crash: true, source: inELF + "livepatch_elf_perform_relocs", remedy: buildAgain},
	{id: "rela-link", says: ": Relative link of %s is incorrect (%d, expected=%d)", source: inELF + "livepatch_elf_perform_relocs", remedy: buildAgain},
	{id: "rela-header", says: ": Section relative header is corrupted", source: inELF + "livepatch_elf_perform_relocs", remedy: buildAgain},
	{id: "rel", says: ": SHT_REL relocation unsupported", source: inArch + "arch_livepatch_perform_rel", remedy: "link for x86-64, whose relocations have addends"},
	{id: "rela-no-symbol", says: ": Encountered STN_UNDEF", source: inArch + "arch_livepatch_perform_rela", remedy: fixSections},
	{id: "rela-symbol", says: ": Relative relocation wants symbol@%d which is past end", source: inArch + "arch_livepatch_perform_rela", remedy: buildAgain},
	{id: "rela-ignored", says: ": Relocation against ignored symbol %s cannot be resolved", source: inArch + "arch_livepatch_perform_rela",
		remedy: "keep the section of the symbol: create-diff-object left it out or the linker took its flag SHF_ALLOC"},
	{id: "rela-type", says: ": Unhandled relocation %d", source: inArch + "arch_livepatch_perform_rela",
		remedy: "compile as Xen does (-fpic, hidden visibility): the loader knows R_X86_64_64, PC32 and PLT32 only"},
	{id: "rela-offset", says: ": Relative relocation offset is past %s section", source: inArch + "arch_livepatch_perform_rela", remedy: buildAgain},
	{id: "rela-overflow", says: ": Overflow in relocation %d in %s for %s", source: inArch + "arch_livepatch_perform_rela", needs: needSymbols,
		remedy: "reach the address through a pointer: code can only reach 2 GiB"},

	// Sections that must be there.
	{id: "section-missing", says: ": %s is missing", source: inLoader + "check_special_sections", remedy: fixBuild},
	{id: "section-empty", says: ": %s is empty", source: inLoader + "check_special_sections, check_patching_sections", remedy: fixSections},
	{id: "nothing", says: ": Nothing to patch. Aborting...", source: inLoader + "check_patching_sections", remedy: "see whether the patch changes code that this base compiles: the payload replaces nothing and has no hooks"},

	// Functions and hooks.
	{id: "section-size", says: ": Wrong size %d of %s (must be multiple of %d)", source: inLoader + "section_ok",
		remedy: "build with the sizes of this base's structures: see ALT_STRUCT_SIZE, BUG_STRUCT_SIZE and EX_STRUCT_SIZE of livepatch-build"},
	{id: "version", says: ": Wrong version (%d). Expected %d", source: inLoader + "prepare_payload", remedy: "build with livepatch-build-tools for Xen 4.14 or newer"},
	{id: "old-size-zero", says: ": Address or size fields are zero", source: inLoader + "prepare_payload", remedy: "patch the function that jumps to it: a function without a size cannot be replaced"},
	{id: "old-address", says: ": Could not resolve old address of %s", source: inLoader + "resolve_old_address", needs: needSymbols, remedy: buildForBase},
	{id: "old-address-outside", crash: true, source: inArch + "arch_livepatch_verify_func", needs: needSymbols,
		remedy: "let the loader look the function up by its name: it reads the address that it is given"},
	{id: "init-function", crash: true, source: inArch + "arch_livepatch_verify_func", needs: needSymbols,
		remedy: "the function runs at boot only and its memory is gone: do in a hook what it would do now, or reboot"},
	{id: "nop-size", source: inArch + "arch_livepatch_verify_func", remedy: "replace at most 31 bytes, and no more than the function has, by nothing"},
	{id: "old-size", source: inArch + "arch_livepatch_verify_func", remedy: "patch its callers instead: 5 bytes are needed for the jump"},
	{id: "old-size-endbr64", source: inArch + "arch_livepatch_verify_func", needs: needSymbols,
		remedy: "patch its callers instead: the function begins with ENDBR64, which stays, so 9 bytes are needed for the jump"},
	{id: "distance", source: "xen/include/xen/livepatch.h: livepatch_verify_distance", needs: needSymbols, remedy: "let the loader look the function up by its name"},
	{id: "hook-size", source: inLoader + "LIVEPATCH_ASSIGN_SINGLE_HOOK", remedy: "keep one hook of this kind: there may be only one"},
	{id: "note", source: inLoader + "prepare_payload, xen/common/version.c: xen_build_id_check", remedy: fixBuild},
	{id: "already-loaded", source: inLoader + "prepare_payload", needs: needPrevious, remedy: "this payload is loaded already; link the new one with a build-id of its own"},

	// Sections that may be there.
	{id: "alternatives-no-text", says: " Alternatives provided, but no .text", source: inLoader + "prepare_payload", remedy: fixSections, from: 17},
	{id: "alternatives-no-replacement", says: " .altinstructions provided, but no .altinstr_replacement", source: inLoader + "prepare_payload", remedy: fixSections, from: 17},
	{id: "alternatives-original", says: " Alternative orig ...+%#x outside payload text ...+%#x", source: inLoader + "prepare_payload", remedy: fixSections, from: 17},
	{id: "alternatives-original", severity: Warning, source: inLoader + "prepare_payload (its check is always true)", remedy: fixSections, until: 16},
	{id: "alternatives-replacement", says: " Alternative repl ...+%#x outside .altinstr_replacement ...+%#x", source: inLoader + "prepare_payload", remedy: fixSections, from: 17},
	{id: "alternatives-replacement", severity: Warning, source: inLoader + "prepare_payload (its check is always true)", remedy: fixSections, until: 16},
	{id: "alternatives-length", says: " applying alternatives failed: -28", source: "xen/arch/x86/alternative.c: apply_alternatives", remedy: fixSections, from: 18},
	{id: "alternatives-length", crash: true, source: "xen/arch/x86/alternative.c: apply_alternatives (BUG_ON)", remedy: fixSections, until: 17},
	{id: "calls-no-text", says: " Alternative calls provided, but no .text", source: inLoader + "prepare_payload", remedy: fixSections, from: 21},
	{id: "calls-original", says: ": Alternative call ...+%#x outside payload text ...+%#x", source: inLoader + "prepare_payload", remedy: fixSections, from: 21},
	{id: "metadata-empty", crash: true, source: inLoader + "prepare_payload", remedy: "leave .modinfo out where there is no metadata"},
	{id: "metadata", says: ": Incorrect metadata format detected", source: inLoader + "prepare_payload", remedy: "end every string of .modinfo with a zero"},
	{id: "xen-build-id", source: inLoader + "xen_build_id_dep", remedy: "link the base with --build-id", needs: needSymbols, until: 17},
	{id: "build-id", says: ": check against hypervisor build-id failed", source: inLoader + "xen_build_id_dep", remedy: buildForBase, needs: needSymbols, until: 17},
	{id: "duplicate", says: ": duplicate new symbol: %s", source: inLoader + "build_symbol_table", needs: needSymbols,
		remedy: "rename the new symbol: the hypervisor has one of this name already"},
	{id: "duplicate-previous", says: ": duplicate new symbol: %s", source: inLoader + "build_symbol_table", needs: needPrevious,
		remedy: "rename the new symbol, such as by a number: the previous payload has one of this name, and is still loaded when this one comes, even if it is replaced"},

	// Application.
	{id: "depends", says: ": check against %s build-id failed", source: inLoader + "build_id_dep", needs: needSymbols,
		remedy: "build with --depends of what lies below it: the build-id of the hypervisor for the first payload and for one that replaces, else that of the previous payload"},
	{id: "expectation", says: ": expectations of %s failed (rc=%d), aborting!", source: inLoader + "livepatch_verify_expectation_fn", remedy: fixHook},
	{id: "expectation-bytes", says: ": expectations of %s failed (rc=-22), aborting!", source: inLoader + "livepatch_verify_expectation_fn", needs: needSymbols, remedy: buildForBase},
	{id: "vetoing-hooks", says: ": REPLACE action is not supported on livepatches with vetoing hooks!", source: inLoader + "livepatch_action",
		remedy: "use load and unload hooks, or apply and revert ones, or ship it so that it does not replace"},
	{id: "vetoing-hooks-previous", says: ": REPLACE action is not supported on livepatches with vetoing hooks!", source: inLoader + "livepatch_action", needs: needPrevious,
		remedy: "revert and unload the previous payload first, instead of replacing it"},
	{id: "reapply", severity: Note, says: ": can't revert as payload has .data. Please unload", source: inLoader + "livepatch_action",
		remedy: "after it was reverted, unload it and load it again instead of applying it again"},

	// What no hypervisor checks.
	{id: "base-broken", crash: true, source: own + "upstream commit 82182ad7b4", needs: needRelease,
		remedy: "make .livepatch.funcs writable, or update the base and reboot; ask the vendor whether the fix was taken into this release"},
	{id: "old-size-differs", source: own + "xen-syms against .livepatch.funcs", needs: needSymbols, remedy: buildForBase},
	{id: "symbol-size-differs", severity: Warning, source: own + "xen-syms against the table of symbols", needs: needSymbols, remedy: buildForBase},
	{id: "symbol-ambiguous", severity: Warning, source: own + "xen/common/symbols.c: symbols_lookup_by_name", needs: needSymbols,
		remedy: "several symbols of the base have this name, and which one the loader takes is not said: avoid the reference, or make sure that either will do"},
	{id: "init-reference", severity: Warning, source: own + "memory that is freed after boot", needs: needSymbols,
		remedy: "take the reference out, or show that it is never used once the host is up"},
	{id: "vetoing-hooks-policy", severity: Note, source: own + "the action REPLACE", remedy: "neither it nor the payload after it can be applied by REPLACE; plan for revert and apply"},
	{id: "function-missing", source: own + "the assessment", needs: needExpected, remedy: "see the log of create-diff-object for the object: the fix is not whole without this function"},
	{id: "function-unconfirmed", severity: Warning, source: own + "the assessment", needs: needExpected, remedy: "compare with lpready probe: the assessment predicts that the function changes"},
	{id: "function-extra", severity: Warning, source: own + "the assessment", needs: needExpected,
		remedy: "find out why it changed (line numbers, another compiler, other patches in the tree)"},
}

// checkOf finds the row of an id for a version.
func checkOf(id string, minor int) *check {
	for i := range checks {
		if c := &checks[i]; c.id == id && c.applies(minor) {
			return c
		}
	}
	panic("no check is called " + id)
}

// applies tells whether a version of Xen makes the check.
func (c *check) applies(minor int) bool {
	return (c.from == 0 || minor >= c.from) && (c.until == 0 || minor <= c.until)
}

// newFinding is what a check of any version found.
func newFinding(id, message string, args []any) Finding {
	return findingOf(checkOf(id, newest), message, args)
}

func findingOf(c *check, message string, args []any) Finding {
	f := Finding{Check: c.id, Severity: c.severity, Crash: c.crash, Message: message, Source: c.source, Remedy: c.remedy}
	if f.Severity == "" {
		f.Severity = Refused
	}
	if c.says != "" {
		f.Loader = fmt.Sprintf(c.says, args...)
	}
	return f
}
