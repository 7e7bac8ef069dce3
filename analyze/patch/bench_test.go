package patch

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// release writes patches as a batch of advisories has them: a mail header, a
// message of some paragraphs, a diffstat, a few files with a few hunks each.
func release(patches int) []byte {
	m := maker{rand.New(rand.NewPCG(4, 17))}
	var b bytes.Buffer
	for i := range patches {
		fmt.Fprintf(&b, "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"+
			"From: A Developer <dev@example.org>\nDate: Tue, 17 Feb 2026 09:33:43 +0100\n"+
			"Subject: [PATCH %d/%d] x86/p2m: flush before the pages are freed\n\n", i+1, patches)
		for range 12 {
			b.WriteString("The flush is deferred without a condition, so that a page could go back\n")
		}
		b.WriteString("\nSigned-off-by: A Developer <dev@example.org>\n---\n xen/arch/x86/mm/p2m.c | 5 +++++\n 1 file changed\n\n")
		for f := range 1 + m.IntN(4) {
			name := fmt.Sprintf("xen/arch/x86/mm/file%d.c", f)
			var s script
			for range 1 + m.IntN(4) {
				s = append(s, m.script(24)...)
				for range 9 {
					s = append(s, Line{Context, "    ASSERT(p2m->domain->arch.paging.free_page); /* as ever */\n"})
				}
			}
			for i := range s {
				s[i].Text = strings.TrimSuffix(s[i].Text, "\n") + "\n"
			}
			hunks := s.diff(3, func() int { return 0 }, func() (int, int) { return 0, 0 })
			if hunks != "" {
				b.WriteString(m.header(name, name, "", true) + body("a/"+name, "b/"+name, hunks))
			}
		}
		b.WriteString("-- \n2.39.5\n\n")
	}
	return b.Bytes()
}

// BenchmarkParse parses a large series and the real corpus. The goal is at
// least 100 MB/s on one core.
func BenchmarkParse(b *testing.B) {
	b.Run("series", func(b *testing.B) {
		data := release(400)
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Parse("series.mbox", bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("corpus", func(b *testing.B) {
		dir := corpus(b)
		var files [][]byte
		var size int64
		for _, name := range series(b, dir) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				b.Fatal(err)
			}
			files = append(files, data)
			size += int64(len(data))
		}
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			for _, data := range files {
				if _, err := Parse("corpus", bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkApply applies a hunk in the middle of a file of 10,000 lines that
// has moved by 500 lines.
func BenchmarkApply(b *testing.B) {
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&text, "    line %d of a large file\n", i)
	}
	patches, err := Parse("bench", strings.NewReader("--- a/f.c\n+++ b/f.c\n@@ -4501,3 +4501,3 @@\n"+
		"     line 5000 of a large file\n-    line 5001 of a large file\n+    another\n     line 5002 of a large file\n"))
	if err != nil {
		b.Fatal(err)
	}
	tree := NewTree(asFS(map[string]string{"f.c": text.String()}))
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if r, err := tree.Fork().Apply(&patches[0]); err != nil || r.Status() != Offset {
			b.Fatal(r, err)
		}
	}
}
