package csource

import (
	"os"
	"testing"
)

// BenchmarkIndex measures the parts of work on a whole tree: reading it,
// scanning every file, and the first question for the users of a name.
func BenchmarkIndex(b *testing.B) {
	tree := os.DirFS(xenTree(b))
	open := func() *Index {
		ix, err := Open(b.Context(), tree, Options{})
		if err != nil {
			b.Fatal(err)
		}
		return ix
	}
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			open()
		}
	})
	b.Run("open+files", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ix := open()
			for _, p := range ix.Paths() {
				ix.File(p)
			}
		}
	})
	b.Run("open+mentions", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			open().Mentions("domain_crash")
		}
	})
	b.Run("open+mentions cached", func(b *testing.B) {
		opt := Options{Cache: b.TempDir(), Version: "benchmark"}
		for b.Loop() {
			ix, err := Open(b.Context(), tree, opt)
			if err != nil {
				b.Fatal(err)
			}
			ix.Mentions("domain_crash")
		}
	})
	b.Run("open+includers", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			open().Includers("xen/include/xen/sched.h")
		}
	})
	b.Run("uses", func(b *testing.B) {
		ix := open()
		for _, p := range ix.Paths() {
			ix.File(p)
		}
		b.ReportAllocs()
		for b.Loop() {
			for _, p := range ix.Paths() {
				if f := ix.File(p); f != nil {
					for i := range f.Funcs {
						ix.Uses(p, &f.Funcs[i])
					}
				}
			}
		}
	})
}
