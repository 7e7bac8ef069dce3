package lpbt

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestUndouble(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{"xen/arch/x86/mm/arch/x86/mm/p2m.o", "xen/arch/x86/mm/p2m.o"},
		{"xen/common/common/event.o", "xen/common/event.o"},
		{"xen/common/./event.o", "xen/common/event.o"},
		{"xen/common/event.o", "xen/common/event.o"},
		{"xen/arch/x86/x86/x.o", "xen/arch/x86/x86/x.o"},
		{"xen/x.o", "xen/x.o"},
		{"x.o", "x.o"},
		{"", "."},
	} {
		if got := undouble(c.raw); got != c.want {
			t.Errorf("%s: %s, expected %s", c.raw, got, c.want)
		}
	}
}

// aLog is one of the differ, with an object for each end that it has. What it prints
// is buffered and comes after the error, or not at all.
const aLog = `Run create-diff-object on xen/common/common/event.o
event.o: WARNING: Explicitly ignoring .init section: .init.text
event.o: WARNING: unable to correlate static local variable count used by event, assuming variable is new
event.o: new function: helper
event.o: changed function: event
event.o: found hook: load_hook
Run create-diff-object on xen/common/common/same.o
same.o: WARNING: Explicitly ignoring .init section: .init.data
Run create-diff-object on xen/common/common/data.o
ERROR: data.o: 2 unsupported section change(s)
/opt/lpbt/create-diff-object: unreconcilable difference
data.o: changed function: table
data.o: changed section .rodata.table not selected for inclusion
data.o: data section .bss.state selected for inclusion
Run create-diff-object on xen/arch/x86/arch/x86/lost.o
/opt/lpbt/create-diff-object: ERROR: lost.o: create_sections: 12: lookup_local_symbol gone (arch/x86/lost.c)
Run create-diff-object on xen/arch/x86/arch/x86/dead.o
`

func TestParseDiffLog(t *testing.T) {
	objects, err := parseDiffLog(strings.NewReader(aLog))
	if err != nil {
		t.Fatal(err)
	}
	codes := parseErrors("cp: some noise\nERROR: create-diff-object xen/common/common/data.o rc 2.\n" +
		"ERROR: create-diff-object xen/arch/x86/arch/x86/lost.o rc 1.\nERROR: create-diff-object SIGSEGV.\n")
	settle(objects, codes, func(raw string) bool { return raw == "xen/common/common/event.o" })
	for i := range objects {
		objects[i].raw = ""
	}
	want := []Object{
		{Path: "xen/arch/x86/dead.o", Verdict: Crashed},
		{Path: "xen/arch/x86/lost.o", Verdict: Failed, Errors: []string{"lookup_local_symbol gone (arch/x86/lost.c)"}},
		{Path: "xen/common/data.o", Verdict: Refused, Changed: []string{"table"},
			Errors: []string{"2 unsupported section change(s)", "changed section .rodata.table not selected for inclusion", "data section .bss.state selected for inclusion"}},
		{Path: "xen/common/event.o", Verdict: Changed, Changed: []string{"event"}, New: []string{"helper"}, Hooks: []string{"load_hook"},
			Ignored: []string{".init.text"}, Warnings: []string{"unable to correlate static local variable count used by event, assuming variable is new"}},
		{Path: "xen/common/same.o", Verdict: Same, Ignored: []string{".init.data"}},
	}
	if !reflect.DeepEqual(objects, want) {
		t.Errorf("got %+v\nexpected %+v", objects, want)
	}
	if got := warnings(objects); len(got) != 2 {
		t.Errorf("warnings %q", got)
	}
}

// TestSettleWithoutCodes is for scripts that tell no exit codes of the differ.
func TestSettleWithoutCodes(t *testing.T) {
	objects, err := parseDiffLog(strings.NewReader(aLog))
	if err != nil {
		t.Fatal(err)
	}
	settle(objects, nil, func(raw string) bool { return strings.HasSuffix(raw, "event.o") })
	var verdicts []Verdict
	for _, o := range objects {
		verdicts = append(verdicts, o.Verdict)
	}
	if want := []Verdict{Same, Failed, Refused, Changed, Same}; !slices.Equal(verdicts, want) {
		t.Errorf("verdicts %q, expected %q", verdicts, want)
	}
}

// TestPatterns has a line for every pattern of the tables, in the words of the
// tools, and what is to come of it.
func TestPatterns(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []struct {
		table []pattern
		line  string
		kind  Kind
		place string // symbol or file
	}{
		{machinePatterns, "cp: error writing 'x': No space left on device", Machine, ""},
		{machinePatterns, "cc1: out of memory allocating 65536 bytes", Machine, ""},
		{machinePatterns, "gcc: fatal error: Killed signal terminated program cc1", Machine, ""},
		{machinePatterns, "common/x.c:1: internal compiler error: Segmentation fault", Machine, ""},
		{machinePatterns, "mkdir: cannot create directory: Read-only file system", Machine, ""},
		{machinePatterns, "/opt/lpbt/livepatch-build: line 130: perl: command not found", Machine, "perl"},
		{machinePatterns, "/bin/sh: 1: flex: not found", Machine, "flex"},
		{machinePatterns, "make[2]: gcc: No such file or directory", Machine, "gcc"},
		{machinePatterns, "mkdir: cannot create directory 'x': Permission denied", Machine, ""},
		{scriptPatterns, "ERROR: create-diff-object SIGSEGV.", Crash, ""},
		{scriptPatterns, "ERROR: no functional changes found.", NoChange, ""},
		{scriptPatterns, "ERROR: no changed objects found.", NoChange, ""},
		{scriptPatterns, "ERROR: 2 error(s) encountered.", Differ, ""},
		{scriptPatterns, "ERROR: Source patch file failed to apply.", NoApply, ""},
		{scriptPatterns, "ERROR: Output directory exists.", Setup, ""},
		{scriptPatterns, "ERROR: Output directory does not exist.", Setup, ""},
		{scriptPatterns, "ERROR: CONFIG_LIVEPATCH must be enabled.", Setup, ""},
		{scriptPatterns, "ERROR: CONFIG_DEBUG and --xen-debug mismatch.", Setup, ""},
		{scriptPatterns, "ERROR: can't find special struct size.", Setup, ""},
		{scriptPatterns, "ERROR: invalid special struct size 32.", Setup, "32"},
		{scriptPatterns, "ERROR: can't find supporting tools.", Setup, ""},
		{scriptPatterns, "ERROR: xen-syms file does not exist.", Setup, ""},
		{scriptPatterns, "ERROR: getopt failed.", Setup, ""},
		{scriptPatterns, "ERROR: Build-id dependency not given.", Setup, ""},
		{linkPatterns, "ld: x.o: multiple definition of `twice'; y.o: first defined here", NoLink, "twice"},
		{linkPatterns, "prelink: ERROR: out: resolve: 1: lookup_global_symbol gone", NoLink, "gone"},
		{linkPatterns, "ld: cannot find output/x.o", NoLink, ""},
		{buildPatterns, "common/event.c:12:5: error: 'x' undeclared", NoCompile, "xen/common/event.c:12"},
		{buildPatterns, "common/event.c:12:10: fatal error: xen/no.h: No such file or directory", NoCompile, "xen/common/event.c:12"},
		{buildPatterns, "arch/x86/entry.S:3: Error: no such instruction: `frob'", NoCompile, "xen/arch/x86/entry.S:3"},
		{buildPatterns, "ld: prelink.o: undefined reference to `gone'", NoCompile, "gone"},
		{buildPatterns, "Error: size of common/event.o:.text is 0x10", NoCompile, "xen/common/event.o:.text"},
		{buildPatterns, "make[1]: *** No rule to make target 'x.o', needed by 'y'.  Stop.", NoCompile, ""},
		{buildPatterns, "Makefile:7: *** missing separator.  Stop.", NoCompile, "xen/Makefile:7"},
		{differPatterns, "changed section .rodata.x not selected for inclusion", Rejected, ".rodata.x"},
		{differPatterns, "changed section .text.x is part of a section group", Rejected, ".text.x"},
		{differPatterns, "new/changed group sections are not supported", Rejected, ""},
		{differPatterns, ".rodata section .rodata.x included, but not referenced", Rejected, ".rodata.x"},
		{differPatterns, "section .altinstructions has an entry with an undefined symbol: x", Rejected, ".altinstructions"},
		{differPatterns, "data section .data.x selected for inclusion", Rejected, ".data.x"},
		{differPatterns, "reference to static local variable n in f was removed", Rejected, "n"},
		{differPatterns, "found two twins for static local variable n: n.1 and n.2", Rejected, "n"},
		{differPatterns, "object size mismatch: table", Rejected, "table"},
		{differPatterns, "symbol info mismatch: f", Rejected, "f"},
		{differPatterns, "symbol changed sections: v, v, .data.v, .rodata.v", Rejected, "v"},
		{differPatterns, ".data.v section header details differ", Rejected, ".data.v"},
		{differPatterns, "ELF headers differ", Rejected, ""},
		{differPatterns, "lookup_local_symbol f (common/event.c)", Differ, "f"},
		{differPatterns, "lookup_global_symbol f", Differ, "f"},
		{differPatterns, "f too small to patch", Differ, "f"},
		{differPatterns, "group size mismatch for section .altinstructions", Differ, ".altinstructions"},
		{differPatterns, "can't find .fixup rela group at offset 8", Differ, ""},
		{differPatterns, "FILE symbol not found in output. Stripped?", Differ, ""},
		{differPatterns, "symbol f at offset 32 within section .text.f, expected 0", Differ, "f"},
		{differPatterns, "multiple function symbols f and g within section .text.f", Differ, "f"},
		{differPatterns, "can't decode instruction in section .text.f at offset 0x4", Differ, ".text.f"},
		{differPatterns, "bundle mismatch for symbol f", Differ, "f"},
		{differPatterns, "sections .text.f and .text.g aren't correlated", Differ, ".text.f"},
		{differPatterns, "couldn't find section for symbol f", Differ, "f"},
		{differPatterns, "could not lookup rela string for .rodata.str+8", Differ, ".rodata.str"},
		{differPatterns, "KPATCH_IGNORE_SECTION: can't find .x", Differ, ".x"},
		{differPatterns, "missing symbol table", Differ, ""},
		{differPatterns, "elf_begin", Differ, ""},
		{differPatterns, "3 unsupported section change(s)", Rejected, ""},
	} {
		f := match(c.table, c.line)
		if f == nil {
			t.Errorf("%q: nothing known", c.line)
			continue
		}
		if place := f.Symbol + f.File; f.Kind != c.kind || place != c.place || f.Cause == "" {
			t.Errorf("%q: %s at %q: %q, expected %s at %q", c.line, f.Kind, place, f.Cause, c.kind, c.place)
		}
		for _, p := range c.table {
			if p.line.MatchString(c.line) {
				seen[p.line.String()] = true
				break
			}
		}
	}
	for _, p := range slices.Concat(machinePatterns, scriptPatterns, linkPatterns, buildPatterns, differPatterns) {
		if !seen[p.line.String()] {
			t.Errorf("no line for %s", p.line)
		}
	}
}

// TestNewObjects tells objects that are compiled again from those that are new: the
// tool wanted to copy both and found neither.
func TestNewOrAgain(t *testing.T) {
	stderr := "cp: cannot stat 'patched/./common/common/again.o': No such file or directory\n" +
		"cp: cannot stat 'patched/./common/common/fresh.o': No such file or directory\nother: cannot stat 'x'\n"
	candidates := parseUncopied(stderr)
	if want := []string{"xen/common/again.o", "xen/common/fresh.o"}; !slices.Equal(candidates, want) {
		t.Fatalf("candidates %q, expected %q", candidates, want)
	}
	for name, logs := range map[string][2]string{
		"short": {"  CC      common/again.o\n", "  CC      common/again.o\n  CC      common/fresh.o\n"},
		"long":  {"gcc -O2 -c again.c -o again.o\n", "x gcc -O2 -c again.c -o again.o\nx gcc -O2 -c fresh.c -o fresh.o\n"},
	} {
		list, err := newObjects(candidates, strings.NewReader(logs[0]), strings.NewReader(logs[1]))
		if err != nil || !slices.Equal(list, []string{"xen/common/fresh.o"}) {
			t.Errorf("%s: %q, %v", name, list, err)
		}
	}
}

func TestClock(t *testing.T) {
	now := time.Unix(0, 0)
	c := &clock{now: func() time.Time { now = now.Add(time.Second); return now }}
	for _, piece := range []string{"Perform full ini", "tial build with 1 CPU(s)...\nnoise\nReading special sec", "tion data\nProcessing x\n"} {
		c.Write([]byte(piece))
	}
	if c.last() != phaseSizes {
		t.Errorf("in phase %q", c.last())
	}
	c.stop()
	if want := []Phase{{phaseFull, time.Second}, {phaseSizes, time.Second}}; !slices.Equal(c.phases, want) || c.last() != phaseSizes {
		t.Errorf("phases %v, expected %v", c.phases, want)
	}
}

func FuzzDiffLog(f *testing.F) {
	f.Add(aLog, "ERROR: create-diff-object xen/common/common/data.o rc 2.\n")
	f.Add("Run create-diff-object on \nERROR: : x\n", "ERROR: create-diff-object SIGSEGV\n")
	f.Fuzz(func(t *testing.T, log, stderr string) {
		objects, err := parseDiffLog(strings.NewReader(log))
		if err != nil {
			t.Fatal(err)
		}
		settle(objects, parseErrors(stderr), func(string) bool { return len(log)%2 == 0 })
		for _, o := range objects {
			if o.Verdict == "" || strings.Contains(o.Path, "\n") {
				t.Errorf("%+v", o)
			}
		}
		warnings(objects)
		fail := &Failure{}
		refineObject(fail, objects)
		if strings.Contains(fail.Error(), "\n") {
			t.Errorf("more than a line: %q", fail.Error())
		}
	})
}

func FuzzOutput(f *testing.F) {
	f.Add("common/x.c:1:2: error: no\nERROR: LivePatch build failed.\n", 3)
	f.Add("cp: cannot stat 'patched/./x.o': No\nPerform full initial build\n", 1)
	f.Fuzz(func(t *testing.T, text string, step int) {
		for _, table := range [][]pattern{machinePatterns, scriptPatterns, linkPatterns, buildPatterns, differPatterns} {
			if m := match(table, text); m != nil && (strings.Contains(m.Error(), "\n") || m.Kind == "") {
				t.Errorf("%q", m.Error())
			}
		}
		if _, err := newObjects(parseUncopied(text), strings.NewReader(text), strings.NewReader(text)); err != nil {
			t.Error(err)
		}
		parseHelp(text)
		(&Tool{}).readScript(text)
		now := time.Unix(0, 0)
		c := &clock{now: func() time.Time { return now }}
		for step, rest := max(step, 1), text; len(rest) > 0; rest = rest[min(step, len(rest)):] {
			c.Write([]byte(rest[:min(step, len(rest))]))
		}
	})
}
