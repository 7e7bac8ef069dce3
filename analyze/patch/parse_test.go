package patch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
)

func mustParse(t testing.TB, text string) []Patch {
	t.Helper()
	patches, err := Parse("t.patch", strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return patches
}

const hunk = "@@ -1,2 +1,3 @@ int f(void)\n a\n+b\n c\n"

func TestNames(t *testing.T) {
	for _, c := range []struct{ what, text, old, new string }{
		{"git prefixes", "diff --git a/xen/f.c b/xen/f.c\n--- a/xen/f.c\n+++ b/xen/f.c\n" + hunk, "xen/f.c", "xen/f.c"},
		{"mnemonic prefixes", "diff --git i/xen/f.c w/xen/f.c\n--- i/xen/f.c\n+++ w/xen/f.c\n" + hunk, "xen/f.c", "xen/f.c"},
		{"commit and object prefixes", "--- c/xen/f.c\n+++ o/xen/f.c\n" + hunk, "xen/f.c", "xen/f.c"},
		{"quilt", "Index: xen/xen/f.c\n=====\n--- xen.orig/xen/f.c\t2026-01-01 10:00:00.000000000 +0100\n+++ xen/xen/f.c\t2026-01-02 10:00:00.000000000 +0100\n" + hunk, "xen/f.c", "xen/f.c"},
		{"release folders", "--- xen-4.17.3/xen/f.c\n+++ xen-4.17.3/xen/f.c\n" + hunk, "xen/f.c", "xen/f.c"},
		{"folder named as the project", "--- xen/xen/f.c\n+++ xen/xen/f.c\n" + hunk, "xen/f.c", "xen/f.c"},
		{"dot", "--- ./xen/f.c\n+++ ./xen/f.c\n" + hunk, "xen/f.c", "xen/f.c"},
		{"dot and slashes within", "--- a//xen/./f.c\n+++ b//xen/./f.c\n" + hunk, "xen/f.c", "xen/f.c"},
		{"backup name", "--- a/xen/f.c.orig\n+++ b/xen/f.c\n" + hunk, "xen/f.c.orig", "xen/f.c"},
		{"quoted", "--- \"a/xen/\\303\\251\\tf.c\"\n+++ \"b/xen/\\303\\251\\tf.c\"\n" + hunk, "xen/é\tf.c", "xen/é\tf.c"},
		{"quoted in git line", "diff --git \"a/xen/\\\"f.c\" \"b/xen/\\\"f.c\"\nold mode 100644\nnew mode 100755\n", "xen/\"f.c", "xen/\"f.c"},
		{"spaces", "diff --git a/a b c.txt b/a b c.txt\nold mode 100644\nnew mode 100755\n", "a b c.txt", "a b c.txt"},
		{"spaces and tab", "--- a/a b.txt\t\n+++ b/a b.txt\t\n" + hunk, "a b.txt", "a b.txt"},
		{"created", "--- /dev/null\n+++ b/xen/f.c\n@@ -0,0 +1 @@\n+a\n", "", "xen/f.c"},
		{"created by timestamp", "--- xen.orig/xen/f.c\t1970-01-01 01:00:00.000000000 +0100\n+++ xen/xen/f.c\t2026-01-02 10:00:00 +0100\n@@ -0,0 +1 @@\n+a\n", "", "xen/f.c"},
		{"deleted by timestamp", "--- a/f.c\tTue Feb 17 09:33:43 2026\n+++ b/f.c\tThu Jan  1 00:00:00 1970\n@@ -1 +0,0 @@\n-a\n", "f.c", ""},
		{"created empty", "diff --git a/e b/e\nnew file mode 100644\nindex 0000000..e69de29\n", "", "e"},
		{"deleted", "diff --git a/xen/f.c b/xen/f.c\ndeleted file mode 100644\nindex 1234567..0000000\n--- a/xen/f.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", "xen/f.c", ""},
		{"renamed", "diff --git a/xen/a b.c b/xen/c.c\nsimilarity index 100%\nrename from xen/a b.c\nrename to xen/c.c\n", "xen/a b.c", "xen/c.c"},
		{"cvs", "Index: xen/f.c\n=====\nRCS file: x\nretrieving revision 1.1\n--- f.c\t1 Jan 2026\n+++ f.c\t2 Jan 2026\n" + hunk, "xen/f.c", "xen/f.c"},
		{"CRLF", "--- a/xen/f.c\r\n+++ b/xen/f.c\r\n@@ -1 +1,2 @@\r\n a\r\n+b\r\n", "xen/f.c", "xen/f.c"},
		{"CRLF git", "diff --git a/xen/f.c b/xen/f.c\r\nnew file mode 100644\r\nindex 0000000..e69de29\r\n", "", "xen/f.c"},
		{"binary by diff -r", "Binary files a/x.bin and b/x.bin differ\n", "x.bin", "x.bin"},
	} {
		p := mustParse(t, c.text)
		f := p[0].Files[0]
		if len(p) != 1 || len(p[0].Files) != 1 || f.OldName != c.old || f.NewName != c.new {
			t.Errorf("%s: got %q %q, want %q %q", c.what, f.OldName, f.NewName, c.old, c.new)
		}
		if f.Bare != (c.what == "cvs") || f.New != (c.old == "") || f.Deleted != (c.new == "") || f.Binary != (c.what == "binary by diff -r") {
			t.Errorf("%s: %+v", c.what, f)
		}
	}
}

func TestBareNames(t *testing.T) {
	p := mustParse(t, "diff --git xen/common/f.c xen/common/f.c\n--- xen/common/f.c\n+++ xen/common/f.c\n"+hunk+
		"diff --git tools/h.c xen/h.c\nsimilarity index 100%\nrename from tools/h.c\nrename to xen/h.c\n"+
		"diff --git xen/common/g.c xen/common/g.c\nnew file mode 100644\n--- /dev/null\n+++ xen/common/g.c\n@@ -0,0 +1 @@\n+a\n")
	for i, want := range []string{"xen/common/f.c", "xen/h.c", "xen/common/g.c"} {
		if f := p[0].Files[i]; f.Name() != want || !f.Bare {
			t.Errorf("got %q bare %v, want %q", f.Name(), f.Bare, want)
		}
	}
}

func TestHunks(t *testing.T) {
	p := mustParse(t, "x86: words\n\ndiff --git a/f b/f\nindex 1..2 100644\n--- a/f\n+++ b/f\n"+
		"@@ -1,3 +1,3 @@ int f(void)\n a\n\n-c\n+d\n@@ -7 +7,2 @@\n e\n\\ No newline at end of file\n+g\n"+
		"diff --git a/g b/g\n--- a/g\n+++ b/g\n@@ -2,2 +1,0 @@\n-x\n-y\n-- \n2.39\n")
	want := []File{
		{OldName: "f", NewName: "f", Line: 3, git: true, Hunks: []Hunk{
			{1, 3, 1, 3, "int f(void)", 7, []Line{{' ', "a\n"}, {' ', "\n"}, {'-', "c\n"}, {'+', "d\n"}}},
			{7, 1, 7, 2, "", 12, []Line{{' ', "e"}, {'+', "g\n"}}},
		}},
		{OldName: "g", NewName: "g", Line: 16, git: true, Hunks: []Hunk{
			{2, 2, 1, 0, "", 19, []Line{{'-', "x\n"}, {'-', "y\n"}}},
		}},
	}
	want[0].oldMode = 0o100644
	if got := p[0].Files; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if p[0].Added() != 2 || p[0].Removed() != 3 {
		t.Errorf("added %d removed %d", p[0].Added(), p[0].Removed())
	}
}

func TestMailerDamage(t *testing.T) {
	want := []Line{{' ', "\ta\n"}, {'+', "b\n"}, {' ', "\n"}, {' ', "\n"}}
	for what, text := range map[string]string{
		"blank eaten before a tab":  "--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n\ta\n+b\n\n\n",
		"blank lines chopped":       "--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n \ta\n+b\n",
		"one blank line chopped":    "--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n \ta\n+b\n \n",
		"CRLF":                      "--- a/f\r\n+++ b/f\r\n@@ -1,3 +1,4 @@\r\n \ta\r\n+b\r\n\r\n \r\n",
		"CRLF and blank eaten":      "--- a/f\r\n+++ b/f\r\n@@ -1,3 +1,4 @@\r\n\ta\r\n+b\r\n\r\n\r\n",
		"CRLF and blank lines gone": "--- a/f\r\n+++ b/f\r\n@@ -1,3 +1,4 @@\r\n\ta\r\n+b\r\n",
	} {
		if got := mustParse(t, text)[0].Files[0].Hunks[0].Lines; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q", what, got)
		}
	}
	// CR in the lines but not in the header is content, as for GNU patch.
	got := mustParse(t, "--- a/f\n+++ b/f\n@@ -1 +1,2 @@\r\n a\r\n+b\r\n")[0].Files[0].Hunks[0].Lines
	if want := []Line{{' ', "a\r\n"}, {'+', "b\r\n"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("CR as content: got %q", got)
	}
}

func TestSplit(t *testing.T) {
	one := "--- a/f\n+++ b/f\n" + hunk
	mbox := "From 4bc2e5333abb37b9a67e44d7d6c712247e5e5146 Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nSubject: [PATCH %d/2] x86: part %d\n\nText.\n---\n f | 1 +\n\n"
	for _, c := range []struct {
		what, text string
		want       []string // line:subject:files
	}{
		{"bare", one + one, []string{"1::2"}},
		{"bare with tool lines", "diff -u a/f b/f\n" + one + "Only in b: x\nIndex: f\n====\n" + one, []string{"1::2"}},
		{"mbox", fmt.Sprintf(mbox, 1, 1) + one + "-- \n2.39.5\n\n" + fmt.Sprintf(mbox, 2, 2) + one + "-- \n2.39.5\n\n",
			[]string{"1:x86: part 1:1", "18:x86: part 2:1"}},
		{"mbox with a cover letter", "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nSubject: [PATCH 0/2] two\n\nAbout.\n\n" + fmt.Sprintf(mbox, 1, 1) + one,
			[]string{"6:x86: part 1:1"}},
		{"mails without From_", "From: A <a@example.org>\nSubject: one\n\n" + one + "\nFrom: B <b@example.org>\nSubject: two\n\n" + one,
			[]string{"1:one:1", "11:two:1"}},
		{"quilt patches after each other", "one\n\nSigned-off-by: A <a@example.org>\n\n" + one + "-- \n2.30\n\ntwo\n\nSigned-off-by: B <b@example.org>\n\n" + one,
			[]string{"1:one:1", "14:two:1"}},
		{"hg exports", "# HG changeset patch\n# User A <a@example.org>\n# Date 1333384359 -3600\none\n\n" + one + "# HG changeset patch\n# User B\ntwo\n\n" + one,
			[]string{"1:one:1", "12:two:1"}},
		{"footer of a list", "Subject: one\n\n" + one + "-- \n2.30\n\n_______\nlist mailing list\nhttps://example.org\n", []string{"1:one:1"}},
		{"words between files", one + "\nand now the other file\n\n" + one, []string{"1::2"}},
	} {
		var got []string
		for _, p := range mustParse(t, c.text) {
			got = append(got, fmt.Sprintf("%d:%s:%d", p.Line, p.Header.Subject, len(p.Files)))
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	head := "--- a/f\n+++ b/f\n"
	for _, c := range []struct{ what, text, want string }{
		{"nothing", "", "t.patch: no file is changed"},
		{"prose", "Dear all,\n1a\nbye\n", "t.patch: no file is changed"},
		{"cover letter", "From: A\nSubject: [PATCH 0/3] x\n\n f | 1 +\n", "t.patch: no file is changed"},
		{"context diff", "*** a/f\t2026\n--- b/f\t2026\n***************\n*** 1,2 ****\n  a\n! b\n", "t.patch:3: not a unified diff but a context diff: expected the output of diff -u"},
		{"normal diff", "diff f g\n2c2\n< a\n---\n> b\n", "t.patch:2: not a unified diff but a normal diff"},
		{"ed script", "2,3d\n1a\nb\n.\n", "t.patch:3: not a unified diff but an ed script"},
		{"too few lines", head + "@@ -1,3 +1,4 @@\n a\n+b\n c\ndiff --git a/g b/g\n", "t.patch:7: the hunk of line 3 (@@ -1,3 +1,4 @@) lacks 1 old and 1 new lines here: expected a line with ' ', '-' or '+', found \"diff --git a/g b/g\""},
		{"too many lines", head + "@@ -1,2 +1,2 @@\n a\n b\n+c\n", "t.patch:6: the hunk of line 3 (@@ -1,2 +1,2 @@) ends before this line: expected another hunk or file, found \"+c\""},
		{"too many context lines", head + hunk + " d\n-e\n f\n", "t.patch:8: the hunk of line 3"},
		{"no changes", head + "@@ -1,2 +1,2 @@\n a\n b\n", "t.patch:6: fragment contains no changes"},
		{"not a hunk", head + "@@ -1,x +1,2 @@\n", "t.patch:3: expected a line like"},
		{"no hunk", head + "\n", "t.patch:3: expected a line like"},
		{"hunk alone", hunk, "t.patch:1: hunk without a file"},
		{"blank line between hunks", head + hunk + "\n" + hunk, "t.patch:8: hunk without a file"},
		{"truncated", head + "@@ -1,9 +1,9 @@\n a\n", "t.patch:5: the hunk of line 3"},
		{"truncated line", head + "@@ -1,2 +1,3 @@\n a\n+b\n c", "t.patch:6: the patch file ends in the middle of a line"},
		{"misplaced marker", head + "@@ -1,3 +1,3 @@\n a\n\\ No newline at end of file\n-b\n+c\n d\n", "t.patch:5: the hunk of line 3"},
		{"parent folder", "--- a/../../etc/passwd\n+++ b/../../etc/passwd\n" + hunk, "t.patch:1: expected a name within the tree"},
		{"parent folder, quoted", "--- \"a/\\056\\056/f\"\n+++ \"b/\\056\\056/f\"\n" + hunk, "t.patch:1: expected a name within the tree"},
		{"parent folder in a rename", "diff --git a/f b/../g\nrename from f\nrename to ../g\n", "t.patch:1: expected a name within the tree"},
		{"absolute name", "--- /etc/passwd\n+++ /etc/passwd\n" + hunk, "t.patch:1: expected a name relative to the tree"},
		{"only a folder", "--- a/\n+++ b/\n" + hunk, "t.patch:1: expected a file name"},
		{"NUL", "--- a/f\x00\n+++ b/f\x00\n" + hunk, "t.patch:1: expected a file name"},
		{"bad quoting", "--- \"a/f\n+++ \"b/f\n" + hunk, "t.patch:"},
		{"no name", "--- /dev/null\n+++ /dev/null\n" + hunk, "t.patch:"},
		{"bad binary data", "diff --git a/f b/f\nindex 1..2\nGIT binary patch\nliteral 3\n!!!\n\n", "t.patch:5: binary patch: corrupt data line"},
		{"huge numbers", head + "@@ -99999999999999999999,2 +1,2 @@\n", "t.patch:3: expected a line like"},
	} {
		p, err := Parse("t.patch", strings.NewReader(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || p != nil {
			t.Errorf("%s: got %v, want %s", c.what, err, c.want)
		}
		if want := strings.Contains(c.want, "not a unified"); errors.Is(err, ErrFormat) != want {
			t.Errorf("%s: ErrFormat is %v", c.what, !want)
		}
		if want := strings.Contains(c.want, "no file is changed"); errors.Is(err, ErrNoChange) != want {
			t.Errorf("%s: ErrNoChange is %v", c.what, !want)
		}
	}
}

// A zeros is an endless stream.
type zeros byte

func (z zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(z)
	}
	return len(b), nil
}

func TestLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 200 MiB")
	}
	file := "--- a/f\n+++ b/f\n@@ -0,0 +1 @@\n+a\n"
	for what, r := range map[string]io.Reader{
		"size":  zeros('\n'),
		"line":  io.MultiReader(strings.NewReader("x\n"), io.LimitReader(zeros('x'), maxLine+1)),
		"lines": strings.NewReader(strings.Repeat("\n", maxLines+1)),
		"files": strings.NewReader(strings.Repeat(file, maxFiles+1)),
		"names": strings.NewReader("diff --git a/f " + strings.Repeat(" ", maxNames) + "b/f\nindex 1..2\n"),
		"name":  strings.NewReader("--- a/f\n+++ b/" + strings.Repeat("f", maxNames) + "\n" + hunk),
		"hunks": strings.NewReader("--- a/f\n+++ b/f\n" + strings.Repeat("@@ -0,0 +1 @@\n+a\n", maxHunks+1)),
	} {
		if _, err := Parse("big", r); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %.200v", what, err)
		}
	}
	folded := "Subject: x\n" + strings.Repeat(" y\n", 1<<20) + "\nAcked-by: x\n" + strings.Repeat(" y\n", 1<<19)
	if p := mustParse(t, folded+file)[0].Header; len(p.Subject) != 1+2<<20 || len(p.Trailers[0].Value) != 1+2<<19 {
		t.Errorf("folded: %d %d", len(p.Subject), len(p.Trailers[0].Value))
	}
	broken := io.MultiReader(strings.NewReader("--- a/f\n"), brokenReader{})
	if _, err := Parse("broken", broken); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reader's error: %v", err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

func TestBinary(t *testing.T) {
	p := mustParse(t, "diff --git a/f b/f\nindex 1111111..2222222 100644\nBinary files a/f and b/f differ\n"+
		"diff --git a/g b/g\nnew file mode 100644\nindex 0000000..1234567\nGIT binary patch\nliteral 1\nIcmZPo000310RR91\n\nliteral 0\nHcmV?d00001\n\n"+
		"--- a/h\n+++ b/h\n"+hunk)
	var got []string
	for _, f := range p[0].Files {
		got = append(got, fmt.Sprintf("%s binary=%v new=%v hunks=%d", f.Name(), f.Binary, f.New, len(f.Hunks)))
	}
	want := []string{"f binary=true new=false hunks=0", "g binary=true new=true hunks=0", "h binary=false new=false hunks=1"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
