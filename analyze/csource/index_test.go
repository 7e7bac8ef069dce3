package csource

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// smallTree is a tree in the shape of Xen's.
var smallTree = fstest.MapFS{
	"README":                                 {Data: []byte("not below xen/")},
	"xen/Makefile":                           {Data: []byte("all:\n")},
	"xen/common/Kconfig":                     {Data: []byte("config A\n")},
	"xen/common/a.c":                         {Data: []byte("#include <xen/lib.h>\n#include \"local.h\"\nint a(void) { return helper() + LIMIT; }\n")},
	"xen/common/local.h":                     {Data: []byte("#include <asm/page.h>\n#define LOCAL 1 /* helper */\n")},
	"xen/arch/x86/b.c":                       {Data: []byte("#include <asm/page.h>\n#include <compat/arch.h>\nint b(void) { return 1; } /* helper */\n")},
	"xen/arch/arm/c.c":                       {Data: []byte("#include <asm/page.h>\nconst char *c = \"helper\";\n")},
	"xen/arch/x86/include/asm/page.h":        {Data: []byte("#define LIMIT 1\n")},
	"xen/arch/arm/include/asm/page.h":        {Data: []byte("#define LIMIT 2\n")},
	"xen/arch/x86/include/asm/asm-offsets.h": {Data: []byte("")},
	"xen/include/xen/lib.h":                  {Data: []byte("int helper(void);\n")},
	"xen/include/xen/config.h":               {Data: []byte("#define __XEN__\n")},
	"xen/include/public/arch.h":              {Data: []byte("struct arch { int x; };\n")},
	"xen/tools/t.c":                          {Data: []byte("int main(void) { return 0; }\n")},
	"xen/common/notes.txt":                   {Data: []byte("helper")},
}

func openSmall(t testing.TB, opt Options) *Index {
	t.Helper()
	ix, err := Open(t.Context(), smallTree, opt)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func TestIndex(t *testing.T) {
	ix := openSmall(t, Options{})
	if got := ix.Paths(); len(got) != 13 || !slices.IsSorted(got) || slices.Contains(got, "xen/common/notes.txt") {
		t.Errorf("paths: %q", got)
	}
	if f := ix.File("xen/common/a.c"); f == nil || len(f.Funcs) != 1 || f.Funcs[0].Name != "a" {
		t.Errorf("a.c: %+v", f)
	}
	for _, absent := range []string{"xen/none.c", "xen/Makefile", ""} {
		if ix.File(absent) != nil {
			t.Errorf("%s has a File", absent)
		}
	}
	if string(ix.Source("xen/Makefile")) != "all:\n" || ix.Source("README") != nil {
		t.Error("sources")
	}
	f := ix.File("xen/common/a.c")
	if got, want := ix.Uses("xen/common/a.c", &f.Funcs[0]), []string{"LIMIT", "helper", "return"}; !slices.Equal(got, want) {
		t.Errorf("uses: %q, want %q", got, want)
	}
	check := func(name string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	check("mentions helper", ix.Mentions("helper"), "xen/common/a.c", "xen/include/xen/lib.h")
	check("mentions nothing", ix.Mentions("nothing"))
	check("mentions", ix.Mentions(""))
	check("includes of a.c", ix.Includes("xen/common/a.c"),
		"xen/include/xen/config.h", "xen/include/xen/lib.h", "xen/common/local.h")
	check("includes of local.h", ix.Includes("xen/common/local.h"),
		"xen/arch/arm/include/asm/page.h", "xen/arch/x86/include/asm/page.h")
	check("includes of b.c", ix.Includes("xen/arch/x86/b.c"),
		"xen/include/xen/config.h", "xen/arch/x86/include/asm/page.h", "xen/include/public/arch.h")
	check("includers of x86 page.h", ix.Includers("xen/arch/x86/include/asm/page.h"),
		"xen/arch/x86/b.c", "xen/common/a.c", "xen/common/local.h")
	check("includers of config.h", ix.Includers("xen/include/xen/config.h"),
		"xen/arch/arm/c.c", "xen/arch/x86/b.c", "xen/common/a.c")
	check("includers of a public header", ix.Includers("xen/include/public/arch.h"), "xen/arch/x86/b.c")
}

func TestIndexWith(t *testing.T) {
	ix := openSmall(t, Options{})
	next := ix.With(map[string][]byte{
		"xen/common/local.h": nil,
		"xen/common/a.c":     []byte("int a2(void) { return helper2(); }\n"),
		"xen/common/new.c":   []byte("int fresh(void) { return helper(); }\n"),
		"tools/other.c":      []byte("int other;\n"),
	})
	if ix.File("xen/common/local.h") == nil || next.File("xen/common/local.h") != nil {
		t.Error("the deleted file")
	}
	if got := next.Mentions("helper"); !slices.Equal(got, []string{"xen/common/new.c", "xen/include/xen/lib.h"}) {
		t.Errorf("after: %q", got)
	}
	if got := ix.Mentions("helper"); !slices.Equal(got, []string{"xen/common/a.c", "xen/include/xen/lib.h"}) {
		t.Errorf("before: %q", got)
	}
	if next.File("xen/arch/x86/b.c") != ix.File("xen/arch/x86/b.c") {
		t.Error("an unchanged file is not shared")
	}
	if next.Source("tools/other.c") != nil {
		t.Error("a file outside xen/ came in")
	}
	if next.Digest() == ix.Digest() {
		t.Error("the digests are the same")
	}
	back := next.With(map[string][]byte{
		"xen/common/local.h": ix.Source("xen/common/local.h"),
		"xen/common/a.c":     ix.Source("xen/common/a.c"),
		"xen/common/new.c":   nil,
	})
	if back.Digest() != ix.Digest() {
		t.Error("the digest does not come back with the content")
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(t.Context(), fstest.MapFS{"README": {}}, Options{}); err == nil || !strings.Contains(err.Error(), "no folder xen/") {
		t.Errorf("no tree: %v", err)
	}
	broken := brokenFS{smallTree}
	if _, err := Open(t.Context(), broken, Options{}); err == nil || !strings.Contains(err.Error(), "a.c") {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

// brokenFS fails to open one file.
type brokenFS struct{ fstest.MapFS }

func (b brokenFS) Open(name string) (fs.File, error) {
	if name == "xen/common/a.c" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return b.MapFS.Open(name)
}

// TestIndexShared uses one index from many goroutines, for the race detector.
func TestIndexShared(t *testing.T) {
	ix := openSmall(t, Options{Cache: t.TempDir(), Version: "test"})
	next := ix.With(map[string][]byte{"xen/common/a.c": []byte("int a;\n")})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, x := range []*Index{ix, next} {
				x.Mentions("helper")
				x.Includers("xen/include/xen/lib.h")
				x.Digest()
				for _, p := range x.Paths() {
					if f := x.File(p); f != nil {
						f.At(1)
					}
				}
			}
		})
	}
	wg.Wait()
}

// TestIndexCache checks that a cached answer is used and that a damaged one is
// not.
func TestIndexCache(t *testing.T) {
	dir := t.TempDir()
	opt := Options{Cache: dir, Version: "test"}
	made := 0
	derive := func(opt Options) string {
		data, err := openSmall(t, opt).Derived("sum", []byte("x"), func() ([]byte, error) {
			made++
			return []byte("answer"), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	steps := []struct {
		name  string
		opt   Options
		do    func(entry string)
		fresh bool
	}{
		{name: "first", opt: opt, fresh: true},
		{name: "second", opt: opt},
		{name: "other version", opt: Options{Cache: dir, Version: "other"}, fresh: true},
		{name: "no version", opt: Options{Cache: dir}, fresh: true},
		{name: "no cache", opt: Options{Version: "test"}, fresh: true},
		{name: "damaged", opt: opt, fresh: true, do: func(e string) { rewrite(t, e, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }) }},
		{name: "cut off", opt: opt, fresh: true, do: func(e string) { rewrite(t, e, func(b []byte) []byte { return b[:len(b)/2] }) }},
		{name: "empty", opt: opt, fresh: true, do: func(e string) { rewrite(t, e, func([]byte) []byte { return nil }) }},
		{name: "healed", opt: opt},
	}
	for _, s := range steps {
		if s.do != nil {
			entries, _ := filepath.Glob(filepath.Join(dir, "sum", "*", "*"))
			for _, e := range entries {
				s.do(e)
			}
		}
		was := made
		if got := derive(s.opt); got != "answer" || (made > was) != s.fresh {
			t.Errorf("%s: %q, made anew: %v, want %v", s.name, got, made > was, s.fresh)
		}
	}
	ix := openSmall(t, opt)
	first := ix.Mentions("helper")
	if again := openSmall(t, opt).Mentions("helper"); !slices.Equal(first, again) {
		t.Errorf("mentions from the cache: %q, want %q", again, first)
	}
}

func rewrite(t *testing.T, name string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, change(data), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestStoreShared lets several writers and readers use one entry.
func TestStoreShared(t *testing.T) {
	dir := t.TempDir()
	key := DigestOf([]byte("key"))
	data := []byte(strings.Repeat("data", 10_000))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			store := OpenStore(dir)
			for range 20 {
				store.Save("kind", key, data)
				if got, ok := store.Load("kind", key); !ok || string(got) != string(data) {
					t.Error("a reader saw something else")
				}
			}
		})
	}
	wg.Wait()
	left, _ := filepath.Glob(filepath.Join(dir, "kind", "*", "new-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
