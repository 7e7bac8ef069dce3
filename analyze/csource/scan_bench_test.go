package csource

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// xenTree is the source tree that LPREADY_XEN_TREE names.
func xenTree(tb testing.TB) string {
	root := os.Getenv("LPREADY_XEN_TREE")
	if root == "" {
		tb.Skip("LPREADY_XEN_TREE is not set: it wants a Xen source tree (a folder with xen/ in it)")
	}
	return root
}

// BenchmarkScanTree scans every source file of a Xen tree on one core, from
// memory, and lets universal-ctags do the same from the page cache. Goals: at
// least 200 MB/s, and at least five times the speed of ctags.
func BenchmarkScanTree(b *testing.B) {
	root := xenTree(b)
	type source struct {
		path string
		text []byte
	}
	var files []source
	var list strings.Builder
	bytes := int64(0)
	err := filepath.WalkDir(filepath.Join(root, Root), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !scannable(path) {
			return err
		}
		text, err := os.ReadFile(path)
		files = append(files, source{path, text})
		list.WriteString(path + "\n")
		bytes += int64(len(text))
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("scanner", func(b *testing.B) {
		b.SetBytes(bytes)
		b.ReportAllocs()
		for b.Loop() {
			for _, f := range files {
				Scan(f.path, f.text)
			}
		}
	})
	b.Run("ctags", func(b *testing.B) {
		if _, err := exec.LookPath("ctags"); err != nil {
			b.Skip("ctags is missing: install universal-ctags")
		}
		names := filepath.Join(b.TempDir(), "names")
		if err := os.WriteFile(names, []byte(list.String()), 0o600); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(bytes)
		for b.Loop() {
			cmd := exec.Command("ctags", "--languages=C,C++,Asm", "-f", os.DevNull, "-L", names)
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("ctags: %v: %s", err, out)
			}
		}
	})
}
