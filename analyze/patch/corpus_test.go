package patch

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// corpus is the folder of real patches beside the repository, or skips the test.
func corpus(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			found := filepath.Join(filepath.Dir(dir), "shared", "corpus")
			if _, err := os.Stat(found); err == nil {
				return found
			}
			t.Skipf("no real patches: %s is missing", found)
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	t.Skip("no go.mod above the working directory")
	return ""
}

// xenTree is a Debian source tree of Xen 4.17.5+72, or skips the test.
func xenTree(t testing.TB) fs.FS {
	t.Helper()
	dir := os.Getenv("LPREADY_XEN_TREE")
	if dir == "" {
		t.Skip("LPREADY_XEN_TREE is not set: it names the source tree of Debian's xen 4.17.5+72")
	}
	return os.DirFS(dir)
}

// series lists the patches of the corpus in order.
func series(t testing.TB, dir string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "series"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(data))
}

func parseFile(t testing.TB, dir, name string) (string, []Patch) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	patches, err := Parse(name, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return string(data), patches
}

// touched is the part of a tree that the patches name.
func touched(t testing.TB, tree fs.FS, patches []Patch) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, p := range patches {
		for _, f := range p.Files {
			for _, name := range []string{f.OldName, f.NewName} {
				if data, err := fs.ReadFile(tree, name); err == nil {
					files[name] = string(data)
				}
			}
		}
	}
	return files
}

func asFS(files map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return m
}

// TestSeriesLikeGNU applies the whole corpus in order to the real tree, and
// then each patch alone, with GNU patch and with ours.
func TestSeriesLikeGNU(t *testing.T) {
	dir, xen, tool := corpus(t), xenTree(t), findGNU(t)
	names := series(t, dir)
	texts, parsed := map[string]string{}, map[string][]Patch{}
	var all []Patch
	for _, name := range names {
		texts[name], parsed[name] = parseFile(t, dir, name)
		all = append(all, parsed[name]...)
	}
	base := touched(t, xen, all)

	work := t.TempDir()
	writeTree(t, work, base)
	tree := NewTree(asFS(base))
	hunks, offsets := 0, 0
	for _, name := range names {
		wantOK, want, log := gnu(t, tool, work, texts[name])
		report, err := tree.Apply(&parsed[name][0])
		if err != nil {
			t.Fatal(err)
		}
		var got []outcome
		for _, f := range report.Files {
			for _, h := range f.Hunks {
				got = append(got, outcome{h.At, h.Offset, h.Failed})
			}
		}
		if !wantOK || !report.OK() || !slices.Equal(got, want) {
			t.Fatalf("%s: got %v %v, want %v %v\n%s", name, report.Status(), got, wantOK, want, log)
		}
		if g, w := overlaid(t, tree, base), readTree(t, os.DirFS(work)); !maps.Equal(g, w) {
			t.Fatalf("%s: other bytes than GNU patch", name)
		}
		hunks += len(want)
		if report.Status() == Offset {
			offsets++
		}
	}
	t.Logf("series: %d patches, %d hunks, %d files byte-equal with GNU patch after each; %d patches with offsets",
		len(names), hunks, len(base), offsets)

	var failing []string
	for _, name := range names {
		part := touched(t, xen, parsed[name])
		diff, ok := difference(t, tool, scene{part, texts[name]})
		if diff != "" {
			t.Fatalf("%s alone:\n%s", name, diff)
		}
		report, err := NewTree(xen).Apply(&parsed[name][0])
		if err != nil || report.OK() != ok {
			t.Fatalf("%s alone: %v %v, want %v", name, report.Status(), err, ok)
		}
		if !ok {
			failing = append(failing, name)
		}
	}
	t.Logf("each alone on the plain tree: %d like GNU patch, of which %d fail in the same hunks: %v", len(names), len(failing), failing)
	if !slices.Contains(failing, "xsa490-4.17.patch") {
		t.Error("xsa490-4.17.patch alone applies; it needs other/0012")
	}

	for _, name := range names { // once more on the patched tree
		diff, ok := difference(t, tool, scene{overlaid(t, tree, base), texts[name]})
		if diff != "" || ok {
			t.Fatalf("%s again: applies %v\n%s", name, ok, diff)
		}
	}
	t.Logf("each again on the patched tree: %d refused like GNU patch", len(names))
}

// TestCorpusHeaders holds every preamble of the corpus against its own words.
func TestCorpusHeaders(t *testing.T) {
	dir := corpus(t)
	for _, name := range series(t, dir) {
		text, patches := parseFile(t, dir, name)
		if len(patches) != 1 {
			t.Fatalf("%s: %d patches", name, len(patches))
		}
		h := patches[0].Header
		if h.From == "" || h.Date == "" || h.Subject == "" || strings.Contains(h.Subject, "[PATCH") {
			t.Errorf("%s: %+v", name, h)
		}
		if signed := strings.Count(text, "\nSigned-off-by: "); signed > 0 {
			n := 0
			for _, tr := range h.Trailers {
				if tr.Key == "Signed-off-by" {
					n++
				}
			}
			if n != signed {
				t.Errorf("%s: %d of %d Signed-off-by: %v", name, n, signed, h.Trailers)
			}
		}
		if strings.Contains(text, "\n---\n") && strings.Contains(h.Body, " file changed") {
			t.Errorf("%s: the body has the diffstat: %s", name, h.Body)
		}
		if p := patches[0]; p.Added() == 0 && p.Removed() == 0 {
			t.Errorf("%s: no lines", name)
		}
	}
}
