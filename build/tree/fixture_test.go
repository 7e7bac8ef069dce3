package tree

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"lpready/build/internal/run"
	"lpready/vendors"
)

// sample is a tree of Xen in small, with things that are not the hypervisor.
var sample = map[string]string{
	"xen/Makefile":             "all:\n",
	"xen/common/domain.c":      "int a;\nint b;\nint c;\n",
	"xen/include/xen/domain.h": "extern int a;\n",
	"tools/libs/x.c":           "tool\n",
	"tools/xen/odd":            "not the hypervisor\n",
	"Config.mk":                "config\n",
}

// hypervisor is what of sample is kept.
var hypervisor = map[string]string{
	"xen/Makefile":             sample["xen/Makefile"],
	"xen/common/domain.c":      sample["xen/common/domain.c"],
	"xen/include/xen/domain.h": sample["xen/include/xen/domain.h"],
}

const changeB = `A change of b.
--- a/xen/common/domain.c
+++ b/xen/common/domain.c
@@ -1,3 +1,3 @@
 int a;
-int b;
+long b;
 int c;
`

const changeTool = `--- a/tools/libs/x.c
+++ b/tools/libs/x.c
@@ -1 +1 @@
-tool
+other
`

const newFile = `--- /dev/null
+++ b/xen/common/new.c
@@ -0,0 +1 @@
+new
`

const both = `--- a/tools/libs/x.c
+++ b/tools/libs/x.c
@@ -1 +1 @@
-other
+third
--- a/xen/common/domain.c
+++ b/xen/common/domain.c
@@ -1,3 +1,3 @@
 int a;
 long b;
-int c;
+long c;
--- a/xen/Makefile
+++ /dev/null
@@ -1 +0,0 @@
-all:
`

var patches = map[string]string{
	"series":        "# a queue\n\nb.patch -p1\ntool.patch # not ours\nsub/new.patch\nboth.patch\n",
	"b.patch":       changeB,
	"both.patch":    both,
	"tool.patch":    changeTool,
	"sub/new.patch": newFile,
}

// patched is the hypervisor with patches applied.
var patched = map[string]string{
	"xen/common/domain.c":      "int a;\nlong b;\nlong c;\n",
	"xen/common/new.c":         "new\n",
	"xen/include/xen/domain.h": sample["xen/include/xen/domain.h"],
}

func write(t testing.TB, dir string, files map[string]string) string {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tarOf makes an archive with a prefix before every name, sorted.
func tarOf(t testing.TB, prefix string, files map[string]string, more ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := tar.Header{Name: prefix + name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(files[name]))}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, files[name])
	}
	for _, h := range more {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compressed(t testing.TB, kind string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch kind {
	case "tar":
		return data
	case "gz":
		w = gzip.NewWriter(&b)
	case "xz":
		w, err = xz.NewWriter(&b)
	case "zst":
		w, err = zstd.NewWriter(&b)
	case "bz2":
		if _, err := exec.LookPath("bzip2"); err != nil {
			t.Skip("bzip2 is not installed")
		}
		cmd := run.Cmd{Name: "bzip2", Args: []string{"-c"}, Stdin: bytes.NewReader(data), Stdout: &b}
		if _, err := cmd.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// content reads all files of a tree.
func content(t testing.TB, tree fs.FS) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := fs.WalkDir(tree, "xen", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		got[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func expect(t *testing.T, src vendors.Source, want map[string]string) *Tree {
	t.Helper()
	tree, err := Open(t.Context(), src, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	if got := content(t, tree); !maps.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	return tree
}
