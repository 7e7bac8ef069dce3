package kbuild

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lpready/build/internal/run"
	"lpready/vendors"
)

// small compiles the small tree of testdata.
func small(t testing.TB, cache, config string) (*Base, error) {
	t.Helper()
	for _, tool := range []string{"gcc", "make", "ld", "objcopy", "cp"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: %s", tool, hint)
		}
	}
	b, err := Prepare(t.Context(), Request{Source: vendors.Source{Dir: filepath.Join("testdata", "small")}, Config: []byte(config), Cache: cache})
	if err == nil {
		t.Cleanup(func() { b.Close() })
	}
	return b, err
}

const config = "CONFIG_X86=y\nCONFIG_LIVEPATCH=y\n"

func mustSmall(t testing.TB, cache string) *Base {
	t.Helper()
	b, err := small(t, cache, config)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPrepare(t *testing.T) {
	cache := t.TempDir()
	b := mustSmall(t, cache)
	if len(b.Units) != 3 || b.Units[2].Object != "common/event.o" || b.Units[2].Source != "common/event.c" || !b.Units[0].Asm {
		t.Fatalf("units %+v", b.Units)
	}
	if b.offsets == nil {
		t.Error("asm-offsets.h cannot be made again")
	}
	want := "common/event.c include/generated/autoconf.h include/public/version.h include/xen/config.h include/xen/sched.h"
	if got := strings.Join(b.Units[2].Deps, " "); got != want {
		t.Errorf("dependencies %s, expected %s", got, want)
	}
	if !strings.Contains(b.Units[2].command, " -g ") || !strings.Contains(b.Units[2].command, "-ffunction-sections") {
		t.Errorf("no debugging information or sections: %s", b.Units[2].command)
	}
	made, err := os.Stat(b.Object(&b.Units[0]))
	if err != nil {
		t.Fatal(err)
	}
	again := mustSmall(t, cache)
	same, err := os.Stat(again.Object(&again.Units[0]))
	if err != nil || !os.SameFile(made, same) {
		t.Errorf("built twice: %v", err)
	}
	other, err := small(t, cache, config+"CONFIG_TRACE=y\n")
	if err != nil || other.Key == b.Key {
		t.Errorf("another configuration has the key of the first: %v", err)
	}
	if _, err := os.Stat(filepath.Join("testdata", "small", "xen", "xen-syms")); err == nil {
		t.Error("built where the source lies")
	}
}

// TestUnfinished builds anew what a killed run left.
func TestUnfinished(t *testing.T) {
	cache := t.TempDir()
	b := mustSmall(t, cache)
	dir := filepath.Dir(b.Dir)
	b.Close()
	for _, name := range []string{ready, filepath.Join("tree", "xen", "common", "event.o")} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	b = mustSmall(t, cache)
	if _, err := os.Stat(b.Object(&b.Units[2])); err != nil {
		t.Error(err)
	}
}

func TestPrepareFails(t *testing.T) {
	for _, c := range []struct{ config, says string }{
		{"nonsense\n", "expected"},
		{"CONFIG_X86=y\nCONFIG_ARM_64=y\n", ""}, // both are only options to the small tree
	} {
		if _, err := small(t, t.TempDir(), c.config); err == nil && c.says != "" || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, expected %q", c.config, err, c.says)
		}
	}
	t.Setenv("PATH", t.TempDir())
	_, err := Prepare(t.Context(), Request{Source: vendors.Source{Dir: "testdata/small"}, Config: []byte(config), Cache: t.TempDir()})
	if !errors.As(err, new(*run.MissingError)) || !strings.Contains(err.Error(), "install") {
		t.Errorf("without tools: %v", err)
	}
}

func TestView(t *testing.T) {
	b := mustSmall(t, t.TempDir())
	event, err := os.ReadFile(filepath.Join(b.Dir, "xen", "common", "event.c"))
	if err != nil {
		t.Fatal(err)
	}
	changed := map[string][]byte{"xen/common/event.c": []byte(strings.Replace(string(event), "return -1", "return -22", 1)), "docs/x": nil}
	v, err := b.View(filepath.Join(t.TempDir(), "view"), changed)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := b.Unit("common/event.o")
	if err := v.Compile(t.Context(), []*Unit{u}); err != nil {
		t.Fatal(err)
	}
	old, errOld := os.ReadFile(b.Object(u))
	now, errNow := os.ReadFile(v.Object(u))
	if errOld != nil || errNow != nil || string(old) == string(now) {
		t.Errorf("the object is as before: %v, %v", errOld, errNow)
	}
	text, err := v.Text(t.Context(), u)
	if err != nil || !strings.Contains(string(text), "return -22;") || strings.Contains(string(text), "#") {
		t.Errorf("preprocessed: %v\n%s", err, text)
	}
	if still, err := os.ReadFile(filepath.Join(b.Dir, "xen", "common", "event.c")); err != nil || string(still) != string(event) {
		t.Errorf("the base's own file changed: %v", err)
	}
}

func TestViewFails(t *testing.T) {
	b := mustSmall(t, t.TempDir())
	v, err := b.View(filepath.Join(t.TempDir(), "view"), map[string][]byte{"xen/common/event.c": []byte("#include <xen/sched.h>\nint f(struct domain *d)\n{\n    return d->lock;\n}\n")})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := b.Unit("common/event.o")
	err = v.Compile(t.Context(), []*Unit{u})
	var failed *FailedError
	if !errors.As(err, &failed) || failed.Fault != Source || failed.Place != "common/event.c:4" || !strings.Contains(failed.Cause, "no member named") {
		t.Errorf("%#v", err)
	}
}

func TestNeeds(t *testing.T) {
	b := mustSmall(t, t.TempDir())
	makefile, err := os.ReadFile(filepath.Join(b.Dir, "xen", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		need Need
	}{
		{"xen/common/event.c", []byte("x"), Compile},
		{"xen/include/xen/sched.h", []byte("x"), Compile},
		{"docs/misc/x.md", nil, Compile},
		{"tools/libs/x.c", []byte("x"), Compile},
		{"xen/arch/arm/Kconfig", []byte("x"), Compile},
		{"xen/common/event.c", nil, Make},
		{"xen/common/new.c", []byte("x"), Make},
		{"xen/common/Makefile", []byte("x"), Make},
		{"xen/Makefile", []byte(strings.Replace(string(makefile), "?= .0", "?= .1", 1)), Headers},
		{"xen/Makefile", append(makefile, "OBJS += x.o\n"...), Make},
		{"xen/include/public/version.lst", []byte("x"), Headers},
		{"Config.mk", []byte("x"), Make},
	} {
		if got := b.Needs(map[string][]byte{c.name: c.data}); got != c.need {
			t.Errorf("%s: %v, expected %v", c.name, got, c.need)
		}
	}
}

// TestRebuild has make see to a changed Makefile.
func TestRebuild(t *testing.T) {
	b := mustSmall(t, t.TempDir())
	makefile, err := os.ReadFile(filepath.Join(b.Dir, "xen", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := b.Rebuild(t.Context(), filepath.Join(t.TempDir(), "again"), map[string][]byte{
		"xen/Makefile":       []byte(strings.Replace(string(makefile), "OBJS := ", "OBJS := common/extra.o ", 1)),
		"xen/common/extra.c": []byte("int extra(void) { return 1; }\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := made.Unit("common/extra.o"); !ok || len(b.Units) != 3 {
		t.Errorf("units %+v", made.Units)
	}
}
