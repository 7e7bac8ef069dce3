package lpbt

import "regexp"

// A pattern is a line that tells why. Groups named symbol and file name the place,
// one named cause says why where the whole line says too much; cause, where set, is
// said instead of the line.
type pattern struct {
	kind   Kind
	line   *regexp.Regexp
	cause  string
	remedy string
}

func pat(kind Kind, line, cause, remedy string) pattern {
	return pattern{kind, regexp.MustCompile(line), cause, remedy}
}

// machinePatterns come before all others: what the machine lacks makes the rest
// fail in many ways.
var machinePatterns = []pattern{
	pat(Machine, `(?i)no space left on device|disk quota exceeded`, "", "free some room on the disk"),
	pat(Machine, `(?i)virtual memory exhausted|cannot allocate memory|out of memory`, "", "give the build more memory, or run fewer compilers at once"),
	pat(Machine, `Killed signal terminated program|internal compiler error: Killed`, "", "the compiler was killed, most likely for want of memory: run fewer at once"),
	pat(Machine, `internal compiler error`, "", "compare the compiler with the one that the base was built with"),
	pat(Machine, `(?i)read-only file system|input/output error|too many open files`, "", "look at the disk"),
	pat(Machine, `^(?:\S+: line \d+: |/bin/sh: \d+: |make(?:\[\d+\])?: )(?P<symbol>[\w.+-]+): (?:(?:command )?not found|No such file or directory)$`, "",
		"install the program"),
	pat(Machine, `(?i)permission denied`, "", "look at who owns the folders"),
}

// scriptPatterns are what livepatch-build says at its end. Of LivePatch build
// failed only the phase tells what it means: see refine.
var scriptPatterns = []pattern{
	pat(Crash, `^ERROR: create-diff-object SIGSEGV`, "the differ died (exit code 139)", "use a newer create-diff-object; without one, split the patch or avoid the object"),
	pat(NoChange, `no functional changes found`, "no functional changes found: the objects say the same before and after",
		"check that the .config compiles what the patch changes, and that it is not boot code or data alone, which the differ passes over"),
	pat(NoChange, `no changed objects found`, "no object was compiled again: nothing that the .config builds sees the patch",
		"check that the patch is for this base and its .config"),
	pat(Differ, `(\d+) error\(s\) encountered`, "", ""),
	pat(NoApply, `Source patch file failed to apply`, "the patch does not apply to the source", "port it first: the tool takes no fuzz"),
	pat(Setup, `Output directory exists`, "the output folder exists", "remove it, or give another"),
	pat(Setup, `Output directory does not exist`, "the folder with the objects is not there", "lay it out first"),
	pat(Setup, `CONFIG_LIVEPATCH must be enabled`, "CONFIG_LIVEPATCH is not set in the .config", "give the .config of the shipped hypervisor"),
	pat(Setup, `CONFIG_DEBUG and --xen-debug mismatch`, "", "leave --xen-debug out"),
	pat(Setup, `can't find special struct size`, "xen-syms has no debugging information to read sizes of structures from",
		"set CONFIG_DEBUG_INFO (and CONFIG_EXPERT until 4.17), or have it added by DebugInfo; gawk and readelf have to be there, too"),
	pat(Setup, `invalid special struct size (?P<symbol>\S+?)\.?$`, "", "the sizes of structures in xen-syms are none that the tool knows: use a newer one"),
	pat(Setup, `can't find supporting tools`, "create-diff-object is not beside the script", "run make in the tool's folder"),
	pat(Setup, `xen-syms file does not exist|Xen directory does not exist|Patchfile does not exist|\.config does not exist`, "", "see to the path"),
	pat(Setup, `getopt failed|not given\.?$`, "", "use a tool that knows these options"),
}

// linkPatterns are those of ld and prelink.
var linkPatterns = []pattern{
	pat(NoLink, "multiple definition of [`'](?P<symbol>[^']+)'", "two objects define the same symbol", "make it static, or rename one"),
	pat(NoLink, `lookup_(?:local|global)_symbol (?P<symbol>\S+)`, "xen-syms lacks a symbol that the payload needs", "compare xen-syms with the base"),
	pat(NoLink, `^ld: .*`, "", "read the tool's log"),
}

// buildPatterns are those of the compiler, the assembler, the linker and make.
var buildPatterns = []pattern{
	pat(NoCompile, `^(?P<file>[^\s:]+:\d+)(?::\d+)?: (?:fatal )?error: (?P<cause>.*)`, "", ""),
	pat(NoCompile, `^(?P<file>[^\s:]+:\d+): Error: (?P<cause>.*)`, "", ""),
	pat(NoCompile, "(?P<cause>undefined reference to [`'](?P<symbol>[^']+)')", "", ""),
	pat(NoCompile, `(?P<cause>Error: size of (?P<file>\S+) is 0x\w+)`, "", "constants outside of .init.rodata: mark what the patch adds to boot code"),
	pat(NoCompile, `(?P<cause>No rule to make target .*)`, "", ""),
	pat(NoCompile, `^(?P<file>[^\s:]+:\d+): \*\*\* (?P<cause>.*)`, "", ""),
}

// Remedies that several messages of the differ share.
const (
	sameData    = "leave the variable as it is; what is new goes into a variable of its own, filled by a hook"
	newer       = "the differ does not know what this compiler makes: use a newer livepatch-build-tools"
	otherXen    = "compare xen-syms with the base: the symbol has to be there, once under that file"
	noAssembly  = "data, constants or assembly changed: leave them as they are and change them from a hook"
	sameSection = "keep the attributes of the declaration (const, __init, __read_mostly) as they were"
)

// differPatterns are what create-diff-object says where it does not go on, the
// telling ones first: the number of unsupported changes comes after their reasons.
var differPatterns = []pattern{
	pat(Rejected, `changed section (?P<symbol>\S+) not selected for inclusion`, "", noAssembly),
	pat(Rejected, `changed section (?P<symbol>\S+) is part of a section group`, "", "keep the section as it is: groups are not supported"),
	pat(Rejected, `new/changed group sections are not supported`, "", "keep inline functions of headers as they were"),
	pat(Rejected, `\.rodata section (?P<symbol>\S+) included, but not referenced`, "", newer),
	pat(Rejected, `section (?P<symbol>\S+) has an entry with an undefined symbol: \S+`, "", newer),
	pat(Rejected, `data section (?P<symbol>\S+) selected for inclusion`, "", sameData),
	pat(Rejected, `reference to static local variable (?P<symbol>\S+) in \S+ was removed`, "", "keep a use of the static local variable in the function"),
	pat(Rejected, `found two twins for static local variable (?P<symbol>[^\s:]+)`, "", "give the static local variables names of their own"),
	pat(Rejected, `object size mismatch: (?P<symbol>\S+)`, "", sameData),
	pat(Rejected, `symbol info mismatch: (?P<symbol>\S+)`, "", "keep the symbol static, global or weak as it was; give the new one another name"),
	pat(Rejected, `symbol changed sections: (?P<symbol>[^\s,]+)`, "", sameSection),
	pat(Rejected, `(?P<symbol>\S+) section header details differ`, "", sameSection),
	pat(Rejected, `ELF headers differ|ELF contains program header`, "", "both objects have to be of the same compiler and options"),
	pat(Differ, `lookup_local_symbol (?P<symbol>\S+)`, "", otherXen),
	pat(Differ, `lookup_global_symbol (?P<symbol>\S+)`, "", otherXen),
	pat(Differ, `(?P<symbol>\S+) too small to patch`, "", "a jump takes five bytes: patch its callers instead"),
	pat(Differ, `group size mismatch for section (?P<symbol>\S+)`, "", "the sizes of structures are those of another Xen: see ALT_STRUCT_SIZE, BUG_STRUCT_SIZE and EX_STRUCT_SIZE"),
	pat(Differ, `can't find \.fixup rela group|missing \.rela\.ex_table section`, "", "the exception table changed otherwise than the tool knows: "+newer),
	pat(Differ, `FILE symbol not found`, "", "the object is stripped, or lacks the name of its source"),
	pat(Differ, `symbol (?P<symbol>\S+) at offset \d+ within section`, "", newer),
	pat(Differ, `multiple function symbols (?P<symbol>\S+)`, "", newer),
	pat(Differ, `can't decode instruction in section (?P<symbol>\S+)`, "", newer),
	pat(Differ, `bundle mismatch for symbol (?P<symbol>\S+)`, "", newer),
	pat(Differ, `sections (?P<symbol>\S+) and \S+ aren't correlated`, "", newer),
	pat(Differ, `couldn't find section for symbol (?P<symbol>\S+)`, "", newer),
	pat(Differ, `could not lookup rela string for (?P<symbol>[^\s+]+)`, "", newer),
	pat(Differ, `KPATCH_IGNORE_SECTION: can't find (?P<symbol>\S+)`, "", "remove the annotation, or correct its section"),
	pat(Differ, `(?P<symbol>\.\S+) section not found|missing symbol table`, "", "the file is stripped: give one with symbols"),
	pat(Differ, `^(open|creat|elf_begin|gelf_\w+|elf_\w+|malloc)\b`, "", "the object or xen-syms cannot be read, or the result not be written: look at the files"),
	pat(Rejected, `\d+ unsupported section change\(s\)`, "", "read the lines before it in "+diffLog),
}
