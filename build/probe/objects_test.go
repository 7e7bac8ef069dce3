package probe

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"lpready/analyze"
)

// TestLay wants the objects of a cell where they are said to be, for as long as the
// folder is there.
func TestLay(t *testing.T) {
	p, index := small(t)
	after := edit(t, "xen/common/event.c", "return -1", "return -22")
	dir := filepath.Join(t.TempDir(), "objects")
	trial := analyze.Trial{Base: "base", After: after, BeforeIndex: index, AfterIndex: index.With(after)}
	objects, err := p.Lay(t.Context(), trial, dir)
	if err != nil || !slices.Equal(objects, []string{"common/event.o"}) {
		t.Fatalf("%q, %v", objects, err)
	}
	if of := p.OfBase("base", dir); !of("old/common/event.o") || of("new/common/event.o") {
		t.Error("the object before is the base's, that after is not")
	}
	if err := os.RemoveAll(filepath.Join(dir, oldDir)); err != nil {
		t.Fatal(err)
	}
	if err := p.AddBase("base", dir); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(p.work); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(OldObject(dir, objects[0]))
	if err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(NewObject(dir, objects[0])); err != nil || bytes.Equal(before, now) {
		t.Errorf("%v, or the same object twice", err)
	}
	trial.Base = "other"
	if _, err := p.Lay(t.Context(), trial, filepath.Join(dir, "other")); err == nil {
		t.Error("a base that was not added")
	}
}
