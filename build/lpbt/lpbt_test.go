package lpbt

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/build/internal/run"
	"lpready/build/payload"
)

func TestFind(t *testing.T) {
	tool := standInTool(t)
	if tool.NameLimit != 48 || !tool.Has("xen-depends") || tool.Has("frobnicate") || len(tool.Digest) != 64 || len(tool.Programs) != 4 {
		t.Errorf("%+v", tool)
	}
	t.Setenv("PATH", standIn+string(filepath.ListSeparator)+os.Getenv("PATH"))
	if found, err := Find(t.Context(), ""); err != nil || found.Script != tool.Script {
		t.Errorf("in PATH: %+v, %v", found, err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(t.Context(), ""); !errors.As(err, new(*run.MissingError)) {
		t.Errorf("not in PATH: %v", err)
	}
	if _, err := Find(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "livepatch-build") {
		t.Errorf("empty folder: %v", err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, scriptName), "")
	if _, err := Find(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "make") {
		t.Errorf("not compiled: %v", err)
	}
}

func TestReadScript(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		loses bool
	}{
		{"", 48, false},
		{"echo $name | cut -c 1-128\n", 128, false},
		{"N=$(comm -23 <(cd patched/xen && find .) <(cd original/xen))\n    cp \"patched/$i\" \"output/$i\"\n", 48, true},
		{"N=$(comm -23 <(cd patched && find xen) <(cd original))\n    cp \"patched/$i\" \"output/$i\"\n", 48, false},
	} {
		tool := &Tool{NameLimit: oldNameLimit}
		if tool.readScript(c.text); tool.NameLimit != c.limit || tool.LosesNew != c.loses {
			t.Errorf("%q: %+v", c.text, tool)
		}
	}
}

func TestName(t *testing.T) {
	for _, c := range []struct{ patch, name string }{
		{"/x/xsa480-4.17.patch", "xsa480-4-17"},
		{"a b.diff", "a-b"},
		{"xsa480.txt", "xsa480-txt"},
		{"x.patch.gz", "x-patch"},
		{"fé.patch", "f--"},
		{strings.Repeat("long", 20) + ".patch", strings.Repeat("long", 12)},
	} {
		if got := (&Tool{}).Name(c.patch); got != c.name {
			t.Errorf("%s: %s, expected %s", c.patch, got, c.name)
		}
	}
}

func TestBothModes(t *testing.T) {
	tool := standInTool(t)
	var phases []string
	req := request(t, fix, "")
	req.Progress = func(phase string) { phases = append(phases, phase) }
	faithful, err := tool.Faithful(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{phaseLay, phaseBegin, phaseFull, phaseSizes, phasePatched, phaseOriginal, phaseDiff, phaseLink}; !slices.Equal(phases, want) {
		t.Errorf("phases %q, expected %q", phases, want)
	}
	req = request(t, fix, "")
	shared, err := tool.Shared(t.Context(), req, compiled(t, fixed))
	if err != nil {
		t.Fatal(err)
	}
	want := []Object{{Path: "xen/common/event.o", Verdict: Changed, Changed: []string{"event"}}}
	for _, b := range []*Built{faithful, shared} {
		for i := range b.Objects {
			b.Objects[i].raw = ""
		}
		if !reflect.DeepEqual(b.Objects, want) {
			t.Errorf("%s: objects %+v, expected %+v", b.Mode, b.Objects, want)
		}
		if b.Name != "xsa900-4-17" || len(b.SHA256) != 64 || !strings.Contains(b.Command, "--xen-depends "+id) || len(b.Logs) < 2 || len(b.Added) != 0 {
			t.Errorf("%+v", b)
		}
		if !slices.Contains(b.Environment, "XEN_BUILD_TIME=00:00:00") {
			t.Errorf("%s: the time is not pinned: %q", b.Mode, b.Environment)
		}
	}
	if !slices.Contains(shared.Environment, "ALT_STRUCT_SIZE=14") || !strings.Contains(shared.Command, "--skip build") {
		t.Errorf("shared: %s, %q", shared.Command, shared.Environment)
	}
	if exists(filepath.Join(filepath.Dir(filepath.Dir(faithful.Payload)), treeName)) {
		t.Error("the copy of the source is still there")
	}
	expectSame(t, faithful, shared, 0)
	p, err := payload.Read(read(t, shared.Payload))
	if err != nil || len(p.Functions) != 1 || p.Functions[0].Name != "event" || p.Depends != id {
		t.Errorf("payload %+v, %v", p, err)
	}
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func expectSame(t *testing.T, a, b *Built, differences int) {
	t.Helper()
	list, err := Compare(read(t, a.Payload), read(t, b.Payload))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != differences {
		t.Errorf("%d differences between the payloads, expected %d: %v", len(list), differences, list)
	}
}

// TestFailures drives the stand-in to every end that the real tool has.
func TestFailures(t *testing.T) {
	tool := standInTool(t)
	for _, c := range []struct {
		name, patch, deed string
		want              Failure
	}{
		{"no change", noFix, "", Failure{Kind: NoChange, Phase: phaseDiff}},
		{"does not apply", elsewhere, "", Failure{Kind: NoApply, Phase: phaseBegin}},
		{"refused", fix, "refuse", Failure{Kind: Rejected, Phase: phaseDiff, Object: "xen/common/event.o", Symbol: ".rodata.table"}},
		{"gives up", fix, "give-up", Failure{Kind: Differ, Phase: phaseDiff, Object: "xen/common/event.o", Symbol: "helper"}},
		{"crash", fix, "crash", Failure{Kind: Crash, Phase: phaseDiff, Object: "xen/common/event.o"}},
		{"killed", fix, "kill", Failure{Kind: Stopped, Phase: phaseDiff}},
		{"disk full", fix, "disk", Failure{Kind: Machine, Phase: phaseDiff}},
		{"no DWARF", fix, "unsized", Failure{Kind: Setup, Phase: phaseSizes}},
		{"does not compile", fix, "mistake", Failure{Kind: NoCompile, Phase: phasePatched, File: "xen/common/event.c:3"}},
		{"compiler killed", fix, "starving", Failure{Kind: Machine, Phase: phasePatched}},
		{"new file lost", fix + newFile, "", Failure{Kind: Lost, Phase: phaseLink, Object: "xen/common/hooks.o"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := tool.Faithful(t.Context(), request(t, c.patch, c.deed))
			var f *Failure
			if !errors.As(err, &f) {
				t.Fatalf("%+v, %v", b, err)
			}
			t.Log(f)
			if f.Kind != c.want.Kind || f.Phase != c.want.Phase || f.Object != c.want.Object || f.Symbol != c.want.Symbol || f.File != c.want.File {
				t.Errorf("%s in %s, object %q, symbol %q, file %q, expected %+v", f.Kind, f.Phase, f.Object, f.Symbol, f.File, c.want)
			}
			if text := f.Error(); strings.Contains(text, "\n") || f.Cause == "" || f.Remedy == "" || len(f.Logs) == 0 {
				t.Errorf("%q, remedy %q, logs %q", text, f.Remedy, f.Logs)
			}
		})
	}
}

func TestStopped(t *testing.T) {
	tool := standInTool(t)
	req := request(t, fix, "slow")
	req.Limit = time.Second
	if _, err := tool.Faithful(t.Context(), req); !errors.Is(err, run.ErrTimeout) {
		t.Errorf("time limit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	req = request(t, fix, "slow")
	req.Progress = func(phase string) {
		if phase == phaseDiff {
			cancel()
		}
	}
	if _, err := tool.Shared(ctx, req, compiled(t, fixed)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestExistingFolder(t *testing.T) {
	tool := standInTool(t)
	req := request(t, fix, "")
	write(t, filepath.Join(req.Work, "mine"), "precious")
	var f *Failure
	if _, err := tool.Faithful(t.Context(), req); !errors.As(err, &f) || f.Kind != Setup {
		t.Errorf("%v", err)
	}
	if string(read(t, filepath.Join(req.Work, "mine"))) != "precious" {
		t.Error("the folder was touched")
	}
	req.Work, req.Source = filepath.Join(t.TempDir(), "work"), ""
	if _, err := tool.Faithful(t.Context(), req); !errors.As(err, &f) || f.Kind != Setup {
		t.Errorf("without a source: %v", err)
	}
}

// TestNewObjects wants new objects in the payload, where the tool alone loses them.
func TestNewObjects(t *testing.T) {
	tool := standInTool(t)
	from := compiled(t, fixed)
	from.Pairs = append(from.Pairs, Pair{Path: "xen/common/hooks.o", New: write(t, filepath.Join(t.TempDir(), "hooks.o"), "void hook(void)\n{\n}\n")})
	b, err := tool.Shared(t.Context(), request(t, fix+newFile, ""), from)
	if err != nil {
		t.Fatal(err)
	}
	p, err := payload.Read(read(t, b.Payload))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(p.Symbols, func(s payload.Symbol) bool { return s.Name == "hook" }) || !slices.Equal(b.Added, []string{"xen/common/hooks.o"}) {
		t.Errorf("%q, %+v", b.Added, p.Symbols)
	}
	tool.LosesNew = false
	var f *Failure
	if _, err := tool.Shared(t.Context(), request(t, fix+newFile, ""), from); !errors.As(err, &f) || f.Kind != Lost {
		t.Errorf("a tool that loses them: %v", err)
	}
}

// TestExtraObjects is for a tool that copies what was only compiled again.
func TestExtraObjects(t *testing.T) {
	req := request(t, fix, "")
	write(t, filepath.Join(req.Work, outName, "output", "xen", "common", "common", "again.o"), "")
	s := &session{req: req}
	if list, err := s.extra(nil, []string{"xen/common/hooks.o"}); err != nil || !slices.Equal(list, []string{"xen/common/again.o"}) {
		t.Errorf("%q, %v", list, err)
	}
}

func TestRepeatableRequest(t *testing.T) {
	if _, err := exec.LookPath("objcopy"); err != nil {
		t.Skip("objcopy is not installed: install binutils")
	}
	tool := standInTool(t)
	var sums []string
	for range 2 {
		req := request(t, fix, "")
		req.Repeatable = true
		b, err := tool.Shared(t.Context(), req, compiled(t, fixed))
		if err != nil {
			t.Fatal(err)
		}
		if b.Phases[len(b.Phases)-1].Name != phaseRepeat {
			t.Errorf("phases %v", b.Phases)
		}
		sums = append(sums, b.SHA256)
	}
	if sums[0] != sums[1] {
		t.Error("two payloads of the same differ")
	}
}

func TestSharedFails(t *testing.T) {
	tool := standInTool(t)
	from := compiled(t, fixed)
	from.Sizes = Sizes{}
	var f *Failure
	if _, err := tool.Shared(t.Context(), request(t, fix, ""), from); !errors.As(err, &f) || f.Kind != Setup || f.Remedy == "" {
		t.Errorf("no sizes: %v", err)
	}
	from = compiled(t, fixed)
	from.Pairs[0].Path = "../event.o"
	if _, err := tool.Shared(t.Context(), request(t, fix, ""), from); !errors.As(err, &f) {
		t.Errorf("a path out of the folder: %v", err)
	}
	from = compiled(t, eventC)
	if _, err := tool.Shared(t.Context(), request(t, fix, ""), from); !errors.As(err, &f) || f.Kind != NoChange {
		t.Errorf("no change: %v", err)
	}
	if _, err := tool.Shared(t.Context(), request(t, fix, "crash"), compiled(t, fixed)); !errors.As(err, &f) || f.Kind != Crash || f.Object != "xen/common/event.o" {
		t.Errorf("crash: %v", err)
	}
}
