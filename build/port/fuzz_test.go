package port

import (
	"strings"
	"testing"

	"lpready/analyze/patch"
)

// FuzzParseLog wants an error to mean no result, and every commit to have a hash.
func FuzzParseLog(f *testing.F) {
	head := "\x01" + strings.Repeat("a", 40) + "\x0212\x02subject\x02subject\n\nbody\n"
	f.Add(head + "\x00\nM\x00xen/a.c\x00R100\x00old\x00new\x00" + head + "\x00")
	f.Add("M\x00a\x00")
	f.Fuzz(func(t *testing.T, out string) {
		list, err := parseLog(out)
		if err != nil && list != nil {
			t.Fatalf("%v and %d commits", err, len(list))
		}
		for _, c := range list {
			if len(c.hash) != 40 && len(c.hash) != 64 {
				t.Fatalf("hash %q", c.hash)
			}
		}
	})
}

// FuzzMerge wants a patch made of two texts to turn one into the other, and
// places and merges of hostile texts to end within the text.
func FuzzMerge(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nx\nc\n", "a\nb\nd")
	f.Add("", "a", "\n")
	f.Fuzz(func(t *testing.T, base, ours, theirs string) {
		a, b := lines([]byte(base)), lines([]byte(ours))
		for _, h := range hunks(a, b) {
			old, _ := sides(&h)
			if w, ok := align(a, old, h.OldStart-1); ok && (w.from < 0 || w.to > len(a) || w.from > w.to) {
				t.Fatalf("window %v in %d lines", w, len(a))
			}
		}
		merge(a, b, lines([]byte(theirs)))
		if base == "" || ours == "" || base == ours {
			return
		}
		p := patch.Patch{Name: "p", Files: []patch.File{{OldName: "f", NewName: "f", Hunks: hunks(a, b)}}}
		tree := memory(map[string]string{"f": base})
		over := patch.NewTree(tree.Tree)
		report, err := over.Apply(&p)
		if err != nil || !report.OK() {
			t.Fatalf("%v %v", report, err)
		}
		if data, _ := over.ReadFile("f"); string(data) != ours {
			t.Fatalf("%q, expected %q", data, ours)
		}
	})
}
