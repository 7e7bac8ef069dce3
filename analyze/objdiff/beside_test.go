package objdiff

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBeside runs the real create-diff-object on pairs of objects and wants the
// same exit code, the same functions and the same words. LPREADY_CDO is the
// program, LPREADY_PAIRS the folder (CASE/old/..., CASE/new/...; the
// truth test of build/probe keeps one), LPREADY_SYMS the hypervisor with symbols. The public copy of 2019 needs
// repairs first: it takes for granted that every section has a symbol, knows no
// cold parts, and counts static locals that it has correlated as new.
func TestBeside(t *testing.T) {
	program, pairs, syms := os.Getenv("LPREADY_CDO"), os.Getenv("LPREADY_PAIRS"), os.Getenv("LPREADY_SYMS")
	if program == "" || pairs == "" || syms == "" {
		t.Skip("LPREADY_CDO, LPREADY_PAIRS and LPREADY_SYMS are not set: create-diff-object, pairs of objects, xen-syms")
	}
	data, err := os.ReadFile(syms)
	if err != nil {
		t.Fatal(err)
	}
	table, err := ReadSymbols(data)
	if err != nil {
		t.Fatal(err)
	}
	byExit := map[int]int{}
	cases, err := filepath.Glob(filepath.Join(pairs, "*", "new"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no pairs in %s: %v", pairs, err)
	}
	out := filepath.Join(t.TempDir(), "out.o")
	for _, dir := range cases {
		names, err := objects(os.DirFS(dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			old, new := filepath.Join(filepath.Dir(dir), "old", name), filepath.Join(dir, name)
			a, errA := os.ReadFile(old)
			b, errB := os.ReadFile(new)
			if errA != nil || errB != nil {
				continue
			}
			ours, err := Compare(a, b, Options{Xen: "4.17", Symbols: table, NoTypes: true})
			if err != nil {
				t.Errorf("%s: %v", new, err)
				continue
			}
			theirs := realDiff(program, old, new, syms, out)
			byExit[theirs.exit]++
			if ours.Exit != theirs.exit || !slices.Equal(ours.Functions, theirs.changed) || !slices.Equal(ours.NewFunctions, theirs.fresh) || !theirs.says(ours.Refusals) {
				t.Errorf("%s: exit %d, changed %q, new %q, refusals %q; the tool: %d, %q, %q\n%s",
					new, ours.Exit, ours.Functions, ours.NewFunctions, ours.Refusals, theirs.exit, theirs.changed, theirs.fresh, theirs.text)
			}
		}
	}
	t.Logf("pairs by the tool's exit code: %v", byExit)
}

type real struct {
	exit           int
	changed, fresh []string
	text           string
}

func realDiff(program, old, new, syms, out string) real {
	cmd := exec.Command(program, old, new, syms, out)
	cmd.Env = append(os.Environ(), "ALT_STRUCT_SIZE=14", "BUG_STRUCT_SIZE=8", "EX_STRUCT_SIZE=8")
	text, _ := cmd.CombinedOutput() // a refusal is an exit code
	r := real{exit: cmd.ProcessState.ExitCode(), text: string(text)}
	for l := range strings.Lines(r.text) {
		if _, f, ok := strings.Cut(strings.TrimSpace(l), ": changed function: "); ok {
			r.changed = append(r.changed, f)
		}
		if _, f, ok := strings.Cut(strings.TrimSpace(l), ": new function: "); ok {
			r.fresh = append(r.fresh, f)
		}
	}
	r.changed, r.fresh = sorted(r.changed), sorted(r.fresh)
	return r
}

// says tells whether the tool used these words.
func (r real) says(list []string) bool {
	for _, s := range list {
		if !strings.Contains(r.text, s) {
			return false
		}
	}
	return true
}
