package lpbt

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze/truth"
	"lpready/build/kbuild"
	"lpready/vendors"
)

// realTool is the tool that LPREADY_LPBT names.
func realTool(t *testing.T) *Tool {
	t.Helper()
	tool, err := Find(t.Context(), truth.Env(t, "LPREADY_LPBT", "folder of livepatch-build-tools"))
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// realBase is Debian's Xen, compiled, and a request for the payload of XSA-480.
func realBase(t *testing.T) (*kbuild.Base, Request) {
	t.Helper()
	source := truth.Env(t, "LPREADY_XEN_TREE", "Debian's Xen 4.17.5+72")
	config := truth.Env(t, "LPREADY_XEN_CONFIG", "the .config in its package")
	cache := truth.Env(t, "LPREADY_XEN_CACHE", "folder for what is compiled")
	base, err := kbuild.Prepare(t.Context(), kbuild.Request{Source: vendors.Source{Dir: source}, Config: read(t, config), Cache: filepath.Join(cache, "lpready")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { base.Close() })
	work := t.TempDir()
	return base, Request{Patch: truth.Shared(t, "corpus", "xsa480-4.17.patch"), Config: write(t, filepath.Join(work, "config"), string(base.Config)),
		DebugInfo: true, Depends: id, XenDepends: id, Jobs: base.Jobs(), Limit: time.Hour, Source: source, Work: filepath.Join(work, "work")}
}

// TestRealTool makes the payload of XSA-480 on Debian's Xen twice, by the tool's
// own three builds and by one unit that is compiled again, and wants the same
// content and the functions of the truth.
func TestRealTool(t *testing.T) {
	tool := realTool(t)
	base, req := realBase(t)
	if problems := tool.Check(t.Context(), req); slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning }) {
		t.Fatalf("problems: %v", problems)
	}
	began := time.Now()
	from := patchedPairs(t, base, req.Patch)
	compiled := time.Since(began)
	shared, err := tool.Shared(t.Context(), req, from)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("shared: %v, of which compiling %v; once for all, the base: %v", time.Since(began).Round(time.Millisecond), compiled.Round(time.Millisecond), base.Took.Round(time.Millisecond))

	req.Work += "-faithful"
	began = time.Now()
	faithful, err := tool.Faithful(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("faithful: %v", time.Since(began).Round(time.Millisecond))
	for _, b := range []*Built{shared, faithful} {
		t.Logf("%s: %d bytes, phases %v, warnings %q: %s", b.Mode, b.Bytes, b.Phases, b.Warnings, b.Command)
	}
	expectSame(t, faithful, shared, 0)
	want := truth.Load(t, truth.Shared(t, "truth", "xsa480-4.17.json"))
	if got := changedFunctions(shared); !slices.Equal(got, changedFunctions(faithful)) {
		t.Errorf("functions %q and %q", got, changedFunctions(faithful))
	} else if !slices.Equal(got, sorted(want.Changed)) {
		t.Errorf("functions %q, the truth has %q", got, want.Changed)
	}

	var ids []string
	for _, b := range []*Built{faithful, shared} {
		if err := repeatable(t.Context(), b.Payload); err != nil {
			t.Fatal(err)
		}
		own, err := readBuildID(b.Payload)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, own)
	}
	if ids[0] != ids[1] {
		t.Errorf("build-ids by content %q", ids)
	}
}

// TestRealRepeatable runs the real differ twice, at different seconds, and wants the
// same bytes.
func TestRealRepeatable(t *testing.T) {
	tool := realTool(t)
	base, req := realBase(t)
	req.Repeatable = true
	from := patchedPairs(t, base, req.Patch)
	var sums []string
	for range 2 {
		req.Work += "-again"
		b, err := tool.Shared(t.Context(), req, from)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, b.SHA256)
		time.Sleep(1100 * time.Millisecond) // the seed is the second
	}
	if sums[0] != sums[1] {
		t.Errorf("payloads %q", sums)
	}
}

// TestRealEnds has the real differ say no, on objects of a few lines.
func TestRealEnds(t *testing.T) {
	tool := realTool(t)
	const unit = `static int count; extern int table[]; int table[2] = { 1, 2 };
static __attribute__((noinline)) int helper(int x) { asm volatile("nop; nop; nop; nop; nop"); return x + ++count; }
int event(int x) { asm volatile("nop; nop; nop; nop; nop"); return helper(x) + table[0]; }
`
	old := compile(t, "event", unit)
	syms := filepath.Join(t.TempDir(), "xen-syms")
	if out, err := exec.Command("ld", "-e", "event", "-o", syms, old).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct {
		name   string
		change []string // old and new texts
		kind   Kind     // empty: a payload
		symbol string
	}{
		{"same", nil, NoChange, ""},
		{"function", []string{"x + ++count", "x - ++count"}, "", ""},
		{"data alone", []string{"1, 2", "1, 3"}, NoChange, ""},
		{"data and function", []string{"1, 2", "1, 3", "+ table", "- table"}, Rejected, ".data.table"},
		{"size", []string{"table[2]", "table[3]"}, Rejected, "table"},
		{"linkage", []string{"int event", "__attribute__((weak)) int event"}, Rejected, "event"},
		{"renamed", []string{"x + ++count", "x - ++count", "helper", "helped"}, "", ""},
	} {
		req := request(t, fix, "")
		req.Source = ""
		from := Compiled{Syms: syms, Sizes: Sizes{14, 8, 8}, Pairs: []Pair{{"xen/common/event.o", old, compile(t, "event", strings.NewReplacer(c.change...).Replace(unit))}}}
		b, err := tool.Shared(t.Context(), req, from)
		if c.kind == "" {
			if err != nil || len(b.Objects[0].Changed) != 1 {
				t.Errorf("%s: %+v, %v", c.name, b, err)
			}
			continue
		}
		var f *Failure
		if !errors.As(err, &f) || f.Kind != c.kind || f.Symbol != c.symbol {
			t.Errorf("%s: %v, %+v", c.name, err, f)
		}
		t.Log(err)
	}
}

// TestRealNewObject wants a new object in the payload of the real tool.
func TestRealNewObject(t *testing.T) {
	tool := realTool(t)
	old := compile(t, "event", unitA)
	syms := filepath.Join(t.TempDir(), "xen-syms")
	if out, err := exec.Command("ld", "-r", "-o", syms, old).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	req := request(t, fix, "")
	req.Source = ""
	from := Compiled{Syms: syms, Sizes: Sizes{14, 8, 8}, Pairs: []Pair{{"xen/common/event.o", old, old}, {Path: "xen/common/hooks.o", New: compile(t, "hooks", "void hook(void) { }\n")}}}
	b, err := tool.Shared(t.Context(), req, from)
	if err != nil {
		t.Fatal(err)
	}
	set, err := contents(read(t, b.Payload))
	if err != nil || !slices.Equal(b.Added, []string{"xen/common/hooks.o"}) {
		t.Fatalf("%q, %v", b.Added, err)
	}
	found := false
	for what := range set {
		found = found || strings.HasPrefix(what, "symbol hook,")
	}
	if !found {
		t.Error("hook is not in the payload")
	}
}

func changedFunctions(b *Built) (list []string) {
	for _, o := range b.Objects {
		for _, name := range o.Changed {
			list = append(list, strings.TrimPrefix(o.Path, "xen/")+":"+name)
		}
	}
	return sorted(list)
}

// patchedPairs compiles the units that include a file of the patch, in a view.
func patchedPairs(t *testing.T, base *kbuild.Base, patch string) Compiled {
	t.Helper()
	changed := map[string][]byte{}
	scratch := t.TempDir()
	for l := range strings.Lines(string(read(t, patch))) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(l), "+++ b/"); ok {
			changed[name] = nil
			write(t, filepath.Join(scratch, name), string(read(t, filepath.Join(base.Dir, name))))
		}
	}
	cmd := exec.Command("patch", "-s", "-p1", "-d", scratch, "-i", patch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name := range changed {
		changed[name] = read(t, filepath.Join(scratch, name))
	}
	view, err := base.View(filepath.Join(t.TempDir(), "view"), changed)
	if err != nil {
		t.Fatal(err)
	}
	var units []*kbuild.Unit
	for i := range base.Units {
		u := &base.Units[i]
		if slices.ContainsFunc(u.Deps, func(dep string) bool { return changed["xen/"+dep] != nil }) {
			units = append(units, u)
		}
	}
	if err := view.Compile(t.Context(), units); err != nil {
		t.Fatal(err)
	}
	from := Compiled{Syms: base.Symbols()}
	for _, u := range units {
		from.Pairs = append(from.Pairs, Pair{Path: "xen/" + u.Object, Old: base.Object(u), New: view.Object(u)})
	}
	return from
}
