package kbuild

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"lpready/analyze/objdiff"
	"lpready/vendors"
)

// realBase is Debian's Xen, compiled. LPREADY_XEN_CACHE keeps it between tests of
// all packages.
func realBase(t testing.TB) *Base {
	t.Helper()
	tree, config, cache := os.Getenv("LPREADY_XEN_TREE"), os.Getenv("LPREADY_XEN_CONFIG"), os.Getenv("LPREADY_XEN_CACHE")
	if tree == "" || config == "" || cache == "" {
		t.Skip("LPREADY_XEN_TREE, LPREADY_XEN_CONFIG and LPREADY_XEN_CACHE are not set: Debian's Xen, its .config, a folder for what is compiled")
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Prepare(t.Context(), Request{Source: vendors.Source{Dir: tree}, Config: text, Cache: filepath.Join(cache, "lpready")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// TestRecompile compiles every unit of Debian's Xen again by its recorded command,
// in a view without a change, and wants the objects that make left.
func TestRecompile(t *testing.T) {
	b := realBase(t)
	for _, w := range b.Warnings {
		t.Error(w)
	}
	if b.offsets == nil {
		t.Error("asm-offsets.h cannot be made again")
	}
	v, err := b.View(filepath.Join(t.TempDir(), "view"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var units []*Unit
	for i := range b.Units {
		units = append(units, &b.Units[i])
	}
	if err := v.Compile(context.Background(), units); err != nil {
		t.Fatal(err)
	}
	same := 0
	for _, u := range units {
		was, err := os.ReadFile(b.Object(u))
		if err != nil {
			t.Fatal(err)
		}
		is, err := os.ReadFile(v.Object(u))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(was, is) {
			same++
			continue
		}
		d, err := objdiff.Compare(was, is, objdiff.Options{Xen: "4.17"})
		if err != nil {
			t.Fatalf("%s: %v", u.Object, err)
		}
		if d.Differs() || len(d.Layouts)+len(d.Types) > 0 {
			t.Errorf("%s: %s: %+v", u.Object, d.Verdict, d)
		}
	}
	t.Logf("%d units: %d byte for byte the same, the others but for the folder in their debugging information", len(units), same)
}
