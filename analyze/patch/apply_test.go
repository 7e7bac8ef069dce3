package patch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// gitNew and its like write the sections of git diffs.
func gitNew(name, text string) string {
	return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\nnew file mode 100644\nindex 0000000..1234567\n--- /dev/null\n+++ b/%[1]s\n@@ -0,0 +1 @@\n+%[2]s\n", name, text)
}

func gitDelete(name, text string) string {
	return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\ndeleted file mode 100644\nindex 1234567..0000000\n--- a/%[1]s\n+++ /dev/null\n@@ -1 +0,0 @@\n-%[2]s\n", name, text)
}

func gitMove(kind, old, new, hunks string) string {
	s := fmt.Sprintf("diff --git a/%[2]s b/%[3]s\nsimilarity index 90%%\n%[1]s from %[2]s\n%[1]s to %[3]s\n", kind, old, new)
	if hunks != "" {
		s += fmt.Sprintf("index 1234567..89abcde 100644\n--- a/%s\n+++ b/%s\n%s", old, new, hunks)
	}
	return s
}

func plain(name, hunks string) string { return "--- a/" + name + "\n+++ b/" + name + "\n" + hunks }

// cases are scenes with a name and the status that they must have. All but
// those that begin with "stricter" come out as with GNU patch.
var cases = []struct {
	what string
	scene
	want Status
}{
	{"applies", scene{map[string]string{"d/f": "a\nc\n"}, plain("d/f", hunk)}, Applies},
	{"no newline at the end", scene{map[string]string{"d/f": "a"}, plain("d/f", "@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n\\ No newline at end of file\n")}, Applies},
	{"newline where none is expected", scene{map[string]string{"d/f": "a\n"}, plain("d/f", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n")}, Conflicts},
	{"incomplete line comes to stand inside", scene{map[string]string{"d/f": "a\nb\nc\n"}, plain("d/f", "@@ -2,0 +3 @@\n+x\n\\ No newline at end of file\n")}, Applies},
	{"offset forward", scene{map[string]string{"d/f": "x\nx\na\nc\n"}, plain("d/f", "@@ -2,2 +2,3 @@\n a\n+b\n c\n")}, Offset},
	{"nearest of two", scene{map[string]string{"d/f": "a\nc\nx\nx\nx\na\nc\nx\n"}, plain("d/f", "@@ -5,2 +5,3 @@\n a\n+b\n c\n")}, Offset},
	{"later of two as near", scene{map[string]string{"d/f": "a\nc\nx\nx\na\nc\n"}, plain("d/f", "@@ -3,2 +3,3 @@\n a\n+b\n c\n")}, Offset},
	{"start of file", scene{map[string]string{"d/f": "x\na\nc\n"}, plain("d/f", "@@ -1,2 +1,3 @@\n+b\n a\n c\n")}, Conflicts},
	{"no start of file in the middle", scene{map[string]string{"d/f": "x\na\nc\n"}, plain("d/f", "@@ -5,2 +5,3 @@\n+b\n a\n c\n")}, Offset},
	{"end of file", scene{map[string]string{"d/f": "x\nx\na\nc\n"}, plain("d/f", "@@ -1,2 +1,3 @@\n a\n c\n+b\n")}, Offset},
	{"not the end of the file", scene{map[string]string{"d/f": "x\na\nc\nx\n"}, plain("d/f", "@@ -2,2 +2,3 @@\n a\n c\n+b\n")}, Conflicts},
	{"no context", scene{map[string]string{"d/f": "x\na\n"}, plain("d/f", "@@ -7,0 +8 @@\n+b\n")}, Applies},
	{"no context, old lines", scene{map[string]string{"d/f": "x\na\nx\n"}, plain("d/f", "@@ -9 +9 @@\n-a\n+b\n")}, Offset},
	{"hunks in wrong order", scene{map[string]string{"d/f": "a\nb\nc\nd\n"}, plain("d/f", "@@ -3 +3 @@\n-c\n+C\n@@ -1 +1 @@\n-a\n+A\n")}, Conflicts},
	{"second hunk fails", scene{map[string]string{"d/f": "a\nc\nx\n"}, plain("d/f", "@@ -1,2 +1,3 @@\n a\n+b\n c\n@@ -3 +4 @@\n-z\n+y\n")}, Conflicts},
	{"already applied", scene{map[string]string{"d/f": "a\nb\nc\n"}, plain("d/f", hunk)}, Applied},
	{"already applied elsewhere", scene{map[string]string{"d/f": "x\na\nb\nc\n"}, plain("d/f", hunk)}, Applied},
	{"half applied", scene{map[string]string{"d/f": "a\nb\nc\nx\n"}, plain("d/f", "@@ -1,2 +1,3 @@\n a\n+b\n c\n@@ -3 +4 @@\n-x\n+y\n")}, Conflicts},
	{"removal that is not there", scene{map[string]string{"d/f": "a\nb\n"}, plain("d/f", "@@ -1 +0,0 @@\n-z\n")}, Conflicts},
	{"missing", scene{map[string]string{"d/g": "a\n"}, plain("d/f", hunk)}, Missing},
	{"missing in git", scene{nil, "diff --git a/d/f b/d/f\nindex 1234567..89abcde 100644\n" + plain("d/f", hunk)}, Missing},
	{"create", scene{nil, gitNew("d/f", "a")}, Applies},
	{"create without git", scene{nil, "--- /dev/null\n+++ b/d/e/f\n@@ -0,0 +1 @@\n+a\n"}, Applies},
	{"create by timestamp", scene{nil, "--- x.orig/f\t1970-01-01 01:00:00 +0100\n+++ x/f\t2026-01-01 01:00:00 +0100\n@@ -0,0 +1 @@\n+a\n"}, Applies},
	{"create without a word of it", scene{nil, plain("d/f", "@@ -0,0 +1 @@\n+a\n")}, Applies},
	{"fill an empty file", scene{map[string]string{"d/f": ""}, plain("d/f", "@@ -0,0 +1 @@\n+a\n")}, Applies},
	{"insert on top", scene{map[string]string{"d/f": "x\n"}, plain("d/f", "@@ -0,0 +1 @@\n+a\n")}, Applies},
	{"create over an empty file", scene{map[string]string{"d/f": ""}, gitNew("d/f", "a")}, Applies},
	{"create over the same", scene{map[string]string{"d/f": "a\n"}, gitNew("d/f", "a")}, Applied},
	{"create over another", scene{map[string]string{"d/f": "b\n"}, gitNew("d/f", "a")}, Conflicts},
	{"create an empty file", scene{nil, "diff --git a/d/f b/d/f\nnew file mode 100644\nindex 0000000..e69de29\n"}, Applies},
	{"create an empty file again", scene{map[string]string{"d/f": ""}, "diff --git a/d/f b/d/f\nnew file mode 100644\nindex 0000000..e69de29\n"}, Applied},
	{"delete", scene{map[string]string{"d/f": "a\n"}, gitDelete("d/f", "a")}, Applies},
	{"delete an empty file", scene{map[string]string{"d/f": ""}, "diff --git a/d/f b/d/f\ndeleted file mode 100644\nindex e69de29..0000000\n"}, Applies},
	{"delete what is gone", scene{nil, gitDelete("d/f", "a")}, Applied},
	{"delete more than the patch knows", scene{map[string]string{"d/f": "a\nb\n"}, "--- a/d/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"}, Conflicts},
	{"delete without its content", scene{map[string]string{"d/f": "a\n"}, "diff --git a/d/f b/d/f\ndeleted file mode 100644\nindex 1234567..0000000\n"}, Conflicts},
	{"empty out", scene{map[string]string{"d/f": "a\n"}, plain("d/f", "@@ -1 +0,0 @@\n-a\n")}, Applies},
	{"empty out what is empty", scene{map[string]string{"d/f": ""}, plain("d/f", "@@ -1 +0,0 @@\n-a\n")}, Applied},
	{"delete and create again", scene{map[string]string{"d/f": "a\n"}, gitDelete("d/f", "a") + gitNew("d/f", "b")}, Applies},
	{"create, then change", scene{nil, gitNew("d/f", "a") + plain("d/f", "@@ -1 +1,2 @@\n a\n+b\n")}, Applies},
	{"twice in one patch", scene{map[string]string{"d/f": "a\nc\n"}, plain("d/f", hunk) + plain("d/f", "@@ -1,3 +1,4 @@\n a\n b\n+b2\n c\n")}, Applies},
	{"rename", scene{map[string]string{"d/f": "a\nc\n"}, gitMove("rename", "d/f", "e/g", hunk)}, Applies},
	{"rename only", scene{map[string]string{"d/f": "a\nc\n"}, gitMove("rename", "d/f", "e/g", "")}, Applies},
	{"rename that is done", scene{map[string]string{"e/g": "a\nc\n"}, gitMove("rename", "d/f", "e/g", hunk)}, Applies},
	{"rename of nothing", scene{nil, gitMove("rename", "d/f", "e/g", "")}, Missing},
	{"swap", scene{map[string]string{"d/f": "f\n", "d/g": "g\n"}, gitMove("rename", "d/f", "d/g", "") + gitMove("rename", "d/g", "d/f", "")}, Applies},
	{"copy", scene{map[string]string{"d/f": "a\nc\n"}, gitMove("copy", "d/f", "d/g", hunk)}, Applies},
	{"copy of what it was before", scene{map[string]string{"d/f": "a\nc\n"}, "diff --git a/d/f b/d/f\nindex 1234567..89abcde 100644\n" + plain("d/f", hunk) + gitMove("copy", "d/f", "d/g", "@@ -1,2 +1,3 @@\n a\n+B\n c\n")}, Applies},
	{"mode", scene{map[string]string{"d/f": "a\n"}, "diff --git a/d/f b/d/f\nold mode 100644\nnew mode 100755\n"}, Applies},
	{"mode of nothing", scene{nil, "diff --git a/d/f b/d/f\nold mode 100644\nnew mode 100755\n"}, Missing},
	{"old name has a suffix", scene{map[string]string{"d/f": "a\nc\n"}, "--- a/d/f.orig\n+++ b/d/f\n" + hunk}, Applies},
	{"both names are there", scene{map[string]string{"d/f": "a\nc\n", "d/f.orig": "a\nc\n"}, "--- a/d/f.orig\n+++ b/d/f\n" + hunk}, Applies},
	{"fewer folders win", scene{map[string]string{"d/e/f": "a\nc\n", "d/ff": "a\nc\n"}, "--- a/d/e/f\n+++ b/d/ff\n" + hunk}, Applies},
	{"create with fewer new folders", scene{map[string]string{"e/x": ""}, "--- a/d/f\n+++ b/e/f\n@@ -0,0 +1 @@\n+a\n"}, Applies},
	{"CRLF patch, LF file", scene{map[string]string{"d/f": "a\nc\n"}, strings.ReplaceAll(plain("d/f", hunk), "\n", "\r\n")}, Applies},
	{"CRLF patch, CRLF file", scene{map[string]string{"d/f": "a\r\nc\r\n"}, strings.ReplaceAll(plain("d/f", hunk), "\n", "\r\n")}, Conflicts},
	{"CR as content", scene{map[string]string{"d/f": "a\r\nc\r\n"}, plain("d/f", strings.ReplaceAll(hunk, "\n", "\r\n"))}, Applies},
	{"chopped blank lines", scene{map[string]string{"d/f": "a\n\n\n"}, plain("d/f", "@@ -1,3 +1,4 @@\n a\n+b\n")}, Applies},
	{"eaten blanks", scene{map[string]string{"d/f": "\ta\n\n"}, plain("d/f", "@@ -1,2 +1,3 @@\n\ta\n+b\n\n")}, Applies},
	{"quoted name", scene{map[string]string{"d/\tf": "a\nc\n"}, "--- \"a/d/\\tf\"\n+++ \"b/d/\\tf\"\n" + hunk}, Applies},
	{"one there, one not", scene{map[string]string{"d/f": "a\nb\nc\n", "d/g": "a\nc\n"}, plain("d/f", hunk) + plain("d/g", hunk)}, Conflicts},

	{"stricter: binary", scene{map[string]string{"d/f": "a\n"}, "diff --git a/d/f b/d/f\nindex 1234567..89abcde 100644\nBinary files a/d/f and b/d/f differ\n"}, Conflicts},
	{"stricter: symbolic link", scene{nil, "diff --git a/d/f b/d/f\nnew file mode 120000\nindex 0000000..1234567\n--- /dev/null\n+++ b/d/f\n@@ -0,0 +1 @@\n+g\n\\ No newline at end of file\n"}, Conflicts},
	{"stricter: below a file", scene{map[string]string{"d": "a\n"}, gitNew("d/f", "a")}, Conflicts},
}

func TestStatus(t *testing.T) {
	for _, c := range cases {
		tree := NewTree(asFS(c.tree))
		r, err := tree.Apply(&mustParse(t, c.patch)[0])
		if err != nil || r.Status() != c.want {
			t.Errorf("%s: got %v %v, want %v\n%+v", c.what, r.Status(), err, c.want, r)
		}
		if changed := tree.Changed(); !r.OK() && len(changed) > 0 {
			t.Errorf("%s: not applied, but changed %q", c.what, changed)
		}
		for _, f := range r.Files {
			if bad := f.Status != Applies && f.Status != Offset; bad && f.Reason == "" && !slices.ContainsFunc(f.Hunks, func(h HunkReport) bool { return h.Failed && h.Reason != "" }) {
				t.Errorf("%s: no reason: %+v", c.what, f)
			}
		}
	}
}

func TestCasesLikeGNU(t *testing.T) {
	tool := findGNU(t)
	n := 0
	for _, c := range cases {
		if strings.HasPrefix(c.what, "stricter") {
			continue
		}
		diff, ok := difference(t, tool, c.scene)
		if diff != "" {
			t.Errorf("%s:\n%s", c.what, diff)
		}
		if want := c.want == Applies || c.want == Offset; ok != want {
			t.Errorf("%s: GNU patch applies: %v, want %v", c.what, ok, want)
		}
		n++
	}
	t.Logf("%d cases like GNU patch", n)
}

func TestReport(t *testing.T) {
	tree := NewTree(asFS(map[string]string{"f": "x\na\nc\nm\nn\nB\n"}))
	r, err := tree.Apply(&mustParse(t, plain("f", "@@ -1,2 +1,3 @@\n a\n+b\n c\n@@ -4 +5 @@\n-n\n+N\n@@ -5 +6 @@\n-b\n+B\n@@ -6 +7 @@\n-z\n+Z\n"))[0])
	if err != nil {
		t.Fatal(err)
	}
	want := []HunkReport{
		{At: 2, Offset: 1},
		{At: 6, Offset: 1},
		{At: 6, Failed: true, Reversed: true, Reason: "already applied"},
		{At: 7, Failed: true, Reason: "its old lines are not there"},
	}
	if got := r.Files[0].Hunks; !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, c := range []struct {
		files []Status
		want  Status
	}{
		{nil, Applies},
		{[]Status{Applies, Offset}, Offset},
		{[]Status{Applied, Applied}, Applied},
		{[]Status{Applied, Applies}, Conflicts},
		{[]Status{Missing, Applies}, Missing},
		{[]Status{Missing, Conflicts}, Conflicts},
		{[]Status{Missing, Applied}, Conflicts},
	} {
		var r Report
		for _, s := range c.files {
			r.Files = append(r.Files, FileReport{Status: s})
		}
		if r.Status() != c.want {
			t.Errorf("%v: got %v, want %v", c.files, r.Status(), c.want)
		}
	}
}

func TestTree(t *testing.T) {
	base := map[string]string{"d/f": "a\nc\n", "d/g": "a\n"}
	tree := NewTree(asFS(base))
	fork := tree.Fork()
	for _, text := range []string{plain("d/f", hunk), gitDelete("d/g", "a"), gitNew("e/h", "x")} {
		if r, err := fork.Apply(&mustParse(t, text)[0]); err != nil || !r.OK() {
			t.Fatal(r, err)
		}
	}
	if got := fork.Changed(); !slices.Equal(got, []string{"d/f", "d/g", "e/h"}) {
		t.Errorf("changed %q", got)
	}
	if got := tree.Changed(); len(got) > 0 || !maps.Equal(overlaid(t, tree, base), base) {
		t.Errorf("the fork changed its origin: %q", got)
	}
	for name, want := range map[string]bool{"d/f": true, "d/g": false, "e/h": true, "d": false, "e": false, "nowhere": false} {
		_, err := fork.ReadFile(name)
		if fork.Exists(name) != want || (err == nil) != want {
			t.Errorf("%s: exists %v, %v", name, !want, err)
		}
	}
	if _, err := fork.ReadFile("d/g"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a deleted file: %v", err)
	}
	back := "--- a/d/f\n+++ b/d/f\n@@ -1,3 +1,2 @@\n a\n-b\n c\n"
	if r, err := fork.Apply(&mustParse(t, back+gitDelete("e/h", "x"))[0]); err != nil || !r.OK() {
		t.Fatal(r, err)
	}
	if got := fork.Changed(); !slices.Equal(got, []string{"d/g"}) {
		t.Errorf("after going back changed %q", got)
	}
}

func TestTreeSpecials(t *testing.T) {
	base := fstest.MapFS{
		"link": {Data: []byte("d/f"), Mode: fs.ModeSymlink | 0o777},
		"d/f":  {Data: []byte("a\nc\n")},
		"big":  {Data: make([]byte, maxFile+1)},
	}
	for name, want := range map[string]string{"link": "link is not a regular file", "d": "d is not a regular file"} {
		r, err := NewTree(base).Apply(&mustParse(t, plain(name, hunk))[0])
		if err != nil || r.Status() != Conflicts || r.Files[0].Reason != want {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
	if _, err := NewTree(base).Apply(&mustParse(t, plain("big", hunk))[0]); !errors.Is(err, ErrLimit) || !strings.HasPrefix(err.Error(), "t.patch:1: ") {
		t.Errorf("a file over the limit: %v", err)
	}
}

// TestEffort gives Apply a patch that would keep it busy for hours.
func TestEffort(t *testing.T) {
	var b strings.Builder
	for range 4000 {
		b.WriteString("@@ -1 +1 @@\n-y\n+z\n")
	}
	tree := NewTree(asFS(map[string]string{"f": strings.Repeat("x\n", 1<<17)}))
	if _, err := tree.Apply(&mustParse(t, plain("f", b.String()))[0]); !errors.Is(err, ErrLimit) || len(tree.Changed()) > 0 {
		t.Errorf("got %v", err)
	}
}
