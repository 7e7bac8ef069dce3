package revision

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/csource"
	"lpready/analyze/patch"
)

// realBase is a Debian tree with its configuration, and the corpus of real fixes
// for it.
func realBase(t testing.TB) (base analyze.Base, corpus string) {
	t.Helper()
	shared, err := filepath.Abs("../../../shared")
	if err != nil {
		t.Fatal(err)
	}
	corpus = filepath.Join(shared, "corpus")
	f, err := os.Open(filepath.Join(shared, "truth", "xen.config"))
	if err != nil {
		t.Skipf("the reference data is not beside the project: %v", err)
	}
	defer f.Close()
	dir := os.Getenv("LPREADY_XEN_TREE")
	if dir == "" {
		t.Skip("LPREADY_XEN_TREE is not set: it names the source of Debian's Xen 4.17.5+72")
	}
	config, err := csource.ParseConfig("xen.config", f)
	if err != nil {
		t.Fatal(err)
	}
	return analyze.Base{ID: "debian", Xen: "4.17", Arch: "x86", Tree: os.DirFS(dir), Config: config}, corpus
}

// revisedCorpus copies the corpus and edits one kind of its patches on the way.
func revisedCorpus(t testing.TB, corpus string, edit func(name string, data []byte) []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(corpus)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".patch" || filepath.Base(filepath.Dir(name)) == "other" {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(name, edit(filepath.Base(name), data), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestRealTags adds tags to every patch of the corpus: nothing is to be redone.
func TestRealTags(t *testing.T) {
	base, corpus := realBase(t)
	old := readBatch(t, corpus)
	fresh := readBatch(t, revisedCorpus(t, corpus, func(_ string, data []byte) []byte {
		return bytes.Replace(data, []byte("\nSigned-off-by: "), []byte("\nReviewed-by: Ada Pell <ada@harbourworks.example>\nSigned-off-by: "), 1)
	}))
	start := time.Now()
	r, err := Compare(context.Background(), Request{Old: old, New: fresh, Bases: []analyze.Base{base}, Generated: at})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d items on a Debian tree in %v, without a cache", len(r.Cells), time.Since(start))
	for _, c := range r.Cells {
		if v := c.Revision; v.Kind != Message || len(v.Redo) > 0 || v.Hours.Expected != 0 || v.Evidence != "tree" {
			t.Errorf("XSA-%d: %s by %s, redo %v, %g h: expected tags only", c.XSA, v.Kind, v.Evidence, v.Redo, v.Hours.Expected)
		}
	}
	if len(r.Cells) != 12 {
		t.Errorf("%d cells, expected 12", len(r.Cells))
	}
}

// TestRealCode changes one line of one patch: its function is named, and nothing
// else is to be redone.
func TestRealCode(t *testing.T) {
	base, corpus := realBase(t)
	fresh := revisedCorpus(t, corpus, func(name string, data []byte) []byte {
		if !strings.HasPrefix(name, "xsa480") {
			return data
		}
		changed := bytes.Replace(data, []byte("\n+    p2m_tlb_flush_sync(p2m);"), []byte("\n+    if ( p2m ) p2m_tlb_flush_sync(p2m);"), 1)
		if bytes.Equal(changed, data) {
			t.Fatal("the corpus has another XSA-480")
		}
		return changed
	})
	r := compare(t, readBatch(t, corpus), readBatch(t, fresh), base)
	for _, c := range r.Cells {
		if c.XSA != 480 {
			if c.Revision.Kind != Same || len(c.Revision.Redo) > 0 {
				t.Errorf("XSA-%d: %s, redo %v: expected the same", c.XSA, c.Revision.Kind, c.Revision.Redo)
			}
			continue
		}
		code := slices.DeleteFunc(slices.Clone(c.Revision.Changes), func(d Change) bool { return d.Kind != Code })
		if len(code) != 1 || code[0].Function != "p2m_free_ptp" || !slices.Equal(c.Revision.Redo, []string{Port, Rebuild, Retest}) {
			t.Errorf("XSA-480: %v, redo %v: expected p2m_free_ptp to be rebuilt", c.Revision.Changes, c.Revision.Redo)
		}
	}
}

// TestRealSquash makes one patch of the 17 of XSA-492: the same code, by text
// and on the tree.
func TestRealSquash(t *testing.T) {
	base, corpus := realBase(t)
	paths, err := filepath.Glob(filepath.Join(corpus, "xsa492", "*.patch"))
	if err != nil || len(paths) != 17 {
		t.Fatalf("%d patches, expected 17: %v", len(paths), err)
	}
	b := newBench(context.Background(), &base, "", "")
	for _, e := range readBatch(t, corpus).Entries { // what XSA-492 builds on
		if e.XSA == 492 {
			break
		}
		if s, err := read(e, filesOf(e)); err == nil {
			b.lay(s)
		}
	}
	var raw [][]byte
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, data)
	}
	old, err := parse(paths, raw)
	if err != nil {
		t.Fatal(err)
	}
	done, ok := applied(b.now, old)
	if !ok {
		t.Fatal("XSA-492 does not apply")
	}
	var squashed strings.Builder
	for _, name := range filesTouched(old) {
		before, after := linesOf(b.now, name), linesOf(done.tree, name)
		if before == nil {
			fmt.Fprintf(&squashed, "diff --git a/%[1]s b/%[1]s\nnew file mode 100644\n--- /dev/null\n+++ b/%[1]s\n@@ -0,0 +1,%d @@\n+%s\n", name, len(after), strings.Join(after, "\n+"))
			continue
		}
		squashed.WriteString(unified(name, before, after))
	}
	fresh, err := parse([]string{"xsa492.patch"}, [][]byte{[]byte(squashed.String())})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	text := compareText(old, fresh)
	t.Logf("17 patches against one, by text, in %v: %s", time.Since(start), worst(text))
	if rank(worst(text)) > rank(Context) { // the corpus was made from a slightly longer sched.h
		t.Errorf("by text: %v", text)
	}
	out, ok, err := b.compare(old, fresh, text)
	if err != nil || !ok || rank(worst(out.changes)) > rank(Context) {
		t.Errorf("on the tree: %v, %v, %v", out.changes, ok, err)
	}
}

func linesOf(t *patch.Tree, name string) []string {
	data, err := t.ReadFile(name)
	if err != nil {
		return nil
	}
	var lines []string
	for l := range strings.Lines(string(data)) {
		lines = append(lines, chomp(l))
	}
	return lines
}
