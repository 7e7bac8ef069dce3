package kbuild

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// imported brings a base to another cache.
func imported(t *testing.T, b *Base, cache string) *Base {
	t.Helper()
	i, err := Import(t.Context(), b.Key, Request{Cache: cache}, func(w io.Writer) error { return b.Export(t.Context(), w) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Close() })
	return i
}

// plain is an object without debugging information, which names folders.
func plain(t *testing.T, object string) []byte {
	t.Helper()
	to := filepath.Join(t.TempDir(), "plain.o")
	if out, err := exec.Command("objcopy", "--strip-debug", object, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestImport compiles the same change where the base was made and where it was brought.
func TestImport(t *testing.T) {
	b := mustSmall(t, t.TempDir())
	elsewhere := t.TempDir()
	i := imported(t, b, elsewhere)
	if !reflect.DeepEqual(i.Units, unitsAt(b, i)) || !bytes.Equal(i.Config, b.Config) || i.Compiler != b.Compiler || i.offsets == nil {
		t.Errorf("brought %+v, expected %+v", i.Units, b.Units)
	}
	changed := map[string][]byte{"xen/include/xen/sched.h": nil}
	var err error
	if changed["xen/include/xen/sched.h"], err = os.ReadFile(filepath.Join(b.Dir, "xen", "include", "xen", "sched.h")); err != nil {
		t.Fatal(err)
	}
	changed["xen/include/xen/sched.h"] = append(changed["xen/include/xen/sched.h"], "struct brought { int x; };\n"...)
	var objects [][]byte
	for _, base := range []*Base{b, i} {
		v, err := base.View(filepath.Join(t.TempDir(), "view"), changed)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := base.Unit("common/event.o")
		if err := v.Compile(t.Context(), []*Unit{u}); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, plain(t, v.Object(u)))
	}
	if !bytes.Equal(objects[0], objects[1]) {
		t.Error("the object is another where the base was brought")
	}
	// What is there is not fetched again.
	again, err := Import(t.Context(), b.Key, Request{Cache: elsewhere}, func(io.Writer) error { return errors.New("fetched again") })
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// unitsAt are the units of a base as they are where another copy of it lies.
func unitsAt(b, at *Base) (list []Unit) {
	for _, u := range b.Units {
		u.command = strings.ReplaceAll(u.command, b.Dir, at.Dir)
		list = append(list, u)
	}
	return list
}

// TestImportDamage leaves nothing of what does not come whole.
func TestImportDamage(t *testing.T) {
	b := mustSmall(t, t.TempDir())
	var whole bytes.Buffer
	if err := b.Export(t.Context(), &whole); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"nothing": nil, "no line": []byte("x\n"), "cut": whole.Bytes()[:whole.Len()/2]} {
		cache := t.TempDir()
		_, err := Import(t.Context(), b.Key, Request{Cache: cache}, func(w io.Writer) error { _, err := w.Write(data); return err })
		if err == nil {
			t.Errorf("%s: it is a base", name)
		}
		if _, err := os.Stat(filepath.Join(cache, "built", b.Key)); err == nil {
			t.Errorf("%s: a part of it is left", name)
		}
	}
	// All of it comes, and the sender finds at its end that it is not what was stored.
	cache := t.TempDir()
	if _, err := Import(t.Context(), b.Key, Request{Cache: cache}, func(w io.Writer) error {
		_, err := w.Write(whole.Bytes())
		return errors.Join(err, errors.New("not what was stored"))
	}); err == nil || !strings.Contains(err.Error(), "not what was stored") {
		t.Errorf("what the sender takes back: %v", err)
	}
	if _, err := os.Stat(filepath.Join(cache, "built", b.Key)); err == nil {
		t.Error("what the sender takes back is left")
	}
	for _, key := range []string{"", "..", "a/b"} {
		if _, err := Import(t.Context(), key, Request{Cache: t.TempDir()}, nil); err == nil {
			t.Errorf("key %q is taken", key)
		}
	}
}
