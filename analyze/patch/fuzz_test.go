package patch

import (
	"io/fs"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// seeds are patches of all kinds that our tests know.
func seeds() (texts []string) {
	for _, c := range cases {
		texts = append(texts, c.patch)
	}
	for seed := range uint64(8) {
		texts = append(texts, maker{rand.New(rand.NewPCG(seed, 1))}.scene().patch)
	}
	return append(texts, string(release(2)),
		"# HG changeset patch\n# User A\nwords\n\ndiff -r 1 -r 2 f\n"+plain("f", hunk),
		"*** a/f\n--- b/f\n***************\n*** 1,2 ****\n", "2c2\n< a\n---\n> b\n",
		"diff --git a/g b/g\nnew file mode 100644\nindex 0000000..1234567\nGIT binary patch\nliteral 1\nIcmZPo000310RR91\n\n",
		"Binary files a/x and b/x differ\n", "--- \"a/\\303\\251\"\n+++ \"b/\\303\\251\"\n"+hunk)
}

// FuzzParse asserts that a parsed patch keeps its own promises, and that an
// error comes without patches.
func FuzzParse(f *testing.F) {
	for _, text := range seeds() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		patches, err := Parse("f", strings.NewReader(text))
		if err != nil {
			if patches != nil || !strings.HasPrefix(err.Error(), "f:") {
				t.Fatalf("%d patches with the error %v", len(patches), err)
			}
			return
		}
		lines, last := strings.Count(text, "\n")+1, 0
		for _, p := range patches {
			if p.Line < 1 || p.Line > lines || len(p.Files) == 0 {
				t.Fatalf("line %d of %d, %d files", p.Line, lines, len(p.Files))
			}
			for _, file := range p.Files {
				if file.Line <= last || file.Line > lines {
					t.Fatalf("file of line %d after %d, of %d", file.Line, last, lines)
				}
				last = file.Line
				for _, name := range []string{file.OldName, file.NewName} {
					if name != "" && !fs.ValidPath(name) {
						t.Fatalf("name %q", name)
					}
				}
				if file.Name() == "" || file.New != (file.OldName == "") || file.Deleted != (file.NewName == "") {
					t.Fatalf("%+v", file)
				}
				for i := range file.Hunks {
					last = checkHunk(t, text, &file.Hunks[i], last)
				}
			}
		}
	})
}

// checkHunk holds a hunk against its header and its line in the file.
func checkHunk(t *testing.T, text string, h *Hunk, last int) int {
	at := strings.Split(text, "\n")
	if h.Line <= last || h.Line > len(at) || !strings.HasPrefix(at[h.Line-1], "@@ -") {
		t.Fatalf("hunk at line %d", h.Line)
	}
	old, new := 0, 0
	for _, l := range h.Lines {
		if l.Op != Add {
			old++
		}
		if l.Op != Delete {
			new++
		}
	}
	if old != h.OldLines || new != h.NewLines {
		t.Fatalf("%d old and %d new lines in %+v", old, new, h)
	}
	return h.Line
}

// FuzzApply asserts that a patch is applied wholly or not at all, that the
// report covers every hunk, and that two runs give the same.
func FuzzApply(f *testing.F) {
	for i, text := range seeds() {
		f.Add([]string{"a\nc\n", "a\nb\nc\n", "", "x\na\nc"}[i%4], text)
	}
	f.Fuzz(func(t *testing.T, content, text string) {
		patches, err := Parse("f", strings.NewReader(text))
		if err != nil {
			return
		}
		base := map[string]string{}
		for i, p := range patches {
			for j, file := range p.Files {
				if file.OldName != "" && (i+j)%4 != 3 {
					base[file.OldName] = content
				}
			}
		}
		tree := NewTree(asFS(base))
		for i := range patches {
			before := overlaid(t, tree, base)
			again := tree.Fork()
			r, err := tree.Apply(&patches[i])
			after := overlaid(t, tree, base)
			if (err != nil || !r.OK()) && !reflect.DeepEqual(before, after) {
				t.Fatalf("%v %v, but it changed\n%q to\n%q", r.Status(), err, before, after)
			}
			r2, err2 := again.Apply(&patches[i])
			if (err == nil) != (err2 == nil) || !reflect.DeepEqual(r, r2) || !reflect.DeepEqual(after, overlaid(t, again, base)) {
				t.Fatalf("%+v %v\n%+v %v", r, err, r2, err2)
			}
			if err != nil {
				continue
			}
			for j, file := range patches[i].Files {
				if len(r.Files[j].Hunks) != len(file.Hunks) {
					t.Fatalf("%d reports for %d hunks", len(r.Files[j].Hunks), len(file.Hunks))
				}
			}
		}
	})
}
