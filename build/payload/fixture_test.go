package payload

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// fixture is a file of testdata, which testdata/make.sh made.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func fixtureHypervisor(t testing.TB, name string) *Hypervisor {
	t.Helper()
	h, err := ReadHypervisor(fixture(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func fixturePayload(t testing.TB, name string) *Payload {
	t.Helper()
	p, err := Read(fixture(t, name+".livepatch"))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

// found are the checks that found something, in their order.
func found(r *Result) (list []string) {
	for i := range r.Findings {
		if id := r.Findings[i].Check; !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// A fixtureTest is a payload of testdata with the checks that find something in it.
type fixtureTest struct {
	name  string
	want  string // ids with a space between them
	taken bool   // nothing of it is refused
	opt   Options
	upon  string // the previous payload
}

var expected = []Expected{
	{Name: "plain", File: "xen/common/a.c", Sure: true},
	{Name: "inner", File: "xen/common/a.c", Sure: true},
	{Name: "fresh", New: true},
}

// fixtures are verified as Xen 4.17 would, unless the options say otherwise.
var fixtures = []fixtureTest{
	{name: "good", taken: true, opt: Options{Replace: true, Expected: expected, Release: "4.17.3"}},
	{name: "good", taken: true, opt: Options{Xen: "4.22"}},
	{name: "good", taken: true, opt: Options{Xen: "4.14"}},
	{name: "good", want: "name-length", opt: Options{Name: strings.Repeat("n", 128)}},
	{name: "good", want: "name-taken already-loaded duplicate-previous depends", opt: Options{Before: "fixture"}, upon: "good"},
	{name: "good", want: "already-loaded duplicate-previous", opt: Options{Replace: true}, upon: "good"},
	{name: "good", want: "base-broken", opt: Options{Release: "4.17.2+8"}},
	{name: "good", want: "function-missing function-unconfirmed function-extra", opt: Options{Expected: []Expected{
		{Name: "plain"}, {Name: "gone", Sure: true}, {Name: "perhaps"}, {Name: "added", New: true}, {Name: "inner", File: "xen/common/b.c"},
	}}},
	{name: "missing-function", want: "function-missing", opt: Options{Expected: expected}},
	{name: "truncated", want: "elf-table-offset"},

	{name: "upon-good", taken: true, upon: "good"},
	{name: "upon-good", want: "depends", opt: Options{Replace: true}, upon: "good"},
	{name: "upon-good", want: "depends"},
	{name: "other-build-id", want: "build-id depends"},
	{name: "other-build-id", want: "build-id depends", opt: Options{Xen: "4.18"}},
	{name: "other-depends", want: "depends"},
	{name: "no-depends", want: "section-missing"},
	{name: "no-xen-depends", want: "section-missing"},
	{name: "no-xen-depends", want: "xen-depends-missing", opt: Options{Xen: "4.20"}},
	{name: "empty-depends", want: "section-empty"},
	{name: "bad-depends", want: "note"},
	{name: "bad-xen-depends", want: "note"},
	{name: "bad-xen-depends", want: "xen-depends-note", opt: Options{Xen: "4.18"}},
	{name: "other-configuration", want: "old-size-differs"},

	{name: "write-and-execute", want: "section-flags"},
	{name: "big-bss", want: "nobits-size"},
	{name: "not-loaded", want: "section-not-loaded"},
	{name: "common", want: "common-symbol"},
	{name: "unknown-symbol", want: "symbol"},
	{name: "ambiguous", want: "symbol-ambiguous", taken: true},
	{name: "init-reference", want: "init-reference", taken: true},
	{name: "relocation-type", want: "rela-type"},
	{name: "relocation-symbol", want: "rela-no-symbol"},
	{name: "relocation-ignored", want: "rela-ignored"},
	{name: "relocation-far", want: "rela-overflow"},

	{name: "nothing", want: "nothing"},
	{name: "no-functions", want: "section-empty"},
	{name: "version-1", want: "section-size"},
	{name: "version-3", want: "version"},
	{name: "zero-size", want: "old-size-zero expectation"},
	{name: "unknown-function", want: "old-address"},
	{name: "long-nop", want: "nop-size"},
	{name: "wide-nop", want: "nop-size"},
	{name: "tiny", want: "old-size"},
	{name: "branded", want: "old-size-endbr64"},
	{name: "distant", want: "old-address-outside distance"},
	{name: "init-function", want: "init-function"},
	{name: "expectation", want: "expectation-bytes"},
	{name: "expectation-long", want: "expectation"},
	{name: "expectation-reserved", want: "expectation"},
	{name: "veto", want: "vetoing-hooks", opt: Options{Replace: true}},
	{name: "veto", want: "vetoing-hooks-policy", taken: true},
	{name: "veto-revert", want: "vetoing-hooks", opt: Options{Replace: true}},
	{name: "other-depends", want: "duplicate-previous depends vetoing-hooks-previous", opt: Options{Replace: true}, upon: "veto"},
	{name: "two-hooks", want: "hook-size"},
	{name: "data", want: "reapply", taken: true},

	{name: "alternatives-odd", want: "section-size"},
	{name: "alternatives-no-text", want: "alternatives-no-text"},
	{name: "alternatives-alone", want: "alternatives-no-replacement"},
	{name: "alternatives-original", want: "alternatives-original"},
	{name: "alternatives-original", want: "alternatives-original", taken: true, opt: Options{Xen: "4.16"}},
	{name: "alternatives-replacement", want: "alternatives-replacement"},
	{name: "alternatives-long", want: "alternatives-length"},
	{name: "calls-no-text", want: "calls-no-text", opt: Options{Xen: "4.21"}},
	{name: "calls-outside", want: "calls-original", opt: Options{Xen: "4.21"}},
	{name: "calls-outside", taken: true},
	{name: "metadata", want: "metadata"},
	{name: "duplicate", want: "duplicate"},
}

// verify runs one of them.
func (f *fixtureTest) verify(t testing.TB, h *Hypervisor) *Result {
	t.Helper()
	opt := f.opt
	if opt.Name == "" {
		opt.Name = "fixture"
	}
	if opt.Xen == "" {
		opt.Xen = "4.17"
	}
	if f.upon != "" {
		opt.Previous = fixturePayload(t, f.upon)
	}
	r, err := VerifyFile(fixture(t, f.name+".livepatch"), h, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFixtures wants each payload to be refused for its own reason and no other.
func TestFixtures(t *testing.T) {
	h := fixtureHypervisor(t, "xen-syms")
	for _, f := range fixtures {
		r := f.verify(t, h)
		if got := strings.Join(found(r), " "); got != f.want || r.Accepted != f.taken {
			t.Errorf("%s %s upon %q: %q, accepted %v; expected %q, %v\n%+v", f.name, f.opt.Xen, f.upon, got, r.Accepted, f.want, f.taken, r.Findings)
		}
		for i := range r.Findings {
			if x := &r.Findings[i]; x.Message == "" || x.Source == "" || x.Remedy == "" || strings.Contains(x.Loader, "%!") {
				t.Errorf("%s: %+v", f.name, x)
			}
		}
	}
}

// TestMake makes the fixtures again and wants the same bytes.
func TestMake(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("gcc is missing: install gcc and binutils to make the fixtures again")
	}
	var here string
	for _, tool := range []string{"as", "ld"} {
		text, err := exec.Command(tool, "--version").Output()
		if err != nil {
			t.Skipf("%s is missing: install gcc and binutils to make the fixtures again", tool)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		here += first + "\n"
	}
	if made := string(fixture(t, "tools.txt")); made != here || runtime.GOARCH != "amd64" {
		t.Skipf("the fixtures were made for amd64 with other tools:\n%sand here are\n%s", made, here)
	}
	out := t.TempDir()
	if text, err := exec.Command("sh", "testdata/make.sh", out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	files, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range files {
		names[f.Name()] = true
		if !bytes.Equal(fixtureAt(t, out, f.Name()), fixture(t, f.Name())) {
			t.Errorf("%s is not what testdata/make.sh makes", f.Name())
		}
	}
	kept, err := filepath.Glob("testdata/*.livepatch")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range kept {
		base := filepath.Base(name)
		if !names[base] {
			t.Errorf("testdata/make.sh does not make %s", base)
		}
		if !slices.ContainsFunc(fixtures, func(f fixtureTest) bool { return f.name+".livepatch" == base }) {
			t.Errorf("no test uses %s", base)
		}
	}
}

func fixtureAt(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// names are functions in a line each.
func names(list []Function) (lines []string) {
	for _, f := range list {
		lines = append(lines, fmt.Sprintf("%s -> %s %d %d %d", f.Name, f.New, f.OldSize, f.NewSize, f.Version))
	}
	return lines
}
