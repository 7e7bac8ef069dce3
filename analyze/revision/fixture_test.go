package revision

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/csource"
	"lpready/testdata"
)

var update = flag.Bool("update", false, "write expected outputs anew")

// at is when all comparisons of the tests are made.
var at = time.Date(2025, 10, 1, 9, 30, 0, 0, time.UTC)

// sampleBase is the small tree of the sample with a configuration of it.
func sampleBase(t testing.TB) analyze.Base {
	t.Helper()
	tree, err := fs.Sub(testdata.Files, "tree")
	if err != nil {
		t.Fatal(err)
	}
	f, err := testdata.Files.Open("sample/quay-2.0.config")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	config, err := csource.ParseConfig("quay-2.0.config", f)
	if err != nil {
		t.Fatal(err)
	}
	return analyze.Base{ID: "quay", Xen: "4.17", Arch: "x86", Tree: tree, Config: config}
}

// write puts the files of an archive below one folder into a folder of the
// test's own.
func write(t testing.TB, ar *txtar.Archive, side string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), side)
	for _, f := range ar.Files {
		name, ok := strings.CutPrefix(f.Name, side+"/")
		if !ok {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readBatch(t testing.TB, path string) *advisory.Batch {
	t.Helper()
	b, err := advisory.Read(context.Background(), []string{path}, advisory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compare(t testing.TB, old, new *advisory.Batch, bases ...analyze.Base) *Report {
	t.Helper()
	r, err := Compare(context.Background(), Request{Old: old, New: new, Bases: bases, Generated: at})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// temporary are names of folders that differ from run to run.
var temporary = regexp.MustCompile(`/\S+/00\d/`)

// told writes what a report says of each cell, line by line.
func told(w *bytes.Buffer, r *Report) {
	for _, c := range r.Cells {
		v := &c.Revision
		redo := strings.Join(v.Redo, ", ")
		if redo == "" {
			redo = "nothing"
		}
		fmt.Fprintf(w, "XSA-%d on %s: %s by %s, redo %s, %.1f h\n", c.XSA, c.Base, v.Kind, v.Evidence, redo, v.Hours.Expected)
		if v.Before != nil && v.Before.Class != c.Class {
			fmt.Fprintf(w, "  class %s to %s\n", v.Before.Class, c.Class)
		}
		fmt.Fprintf(w, "  why: %s\n", v.Why)
		for _, d := range v.Changes {
			fmt.Fprintf(w, "  %s %s: %s\n", d.Kind, d.place(), d.Detail)
		}
		for _, s := range v.Says {
			fmt.Fprintf(w, "  says %s\n", s)
		}
		for _, s := range v.Contradiction {
			fmt.Fprintf(w, "  but %s\n", s)
		}
		if len(v.Sections) > 0 {
			fmt.Fprintf(w, "  text differs in %s\n", strings.Join(v.Sections, ", "))
		}
	}
	for _, s := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", temporary.ReplaceAllString(s, ""))
	}
}

// TestFixtures compares the two versions of each archive by their text and on
// the sample's tree.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d fixtures, expected more: %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			old, fresh := readBatch(t, write(t, ar, "old")), readBatch(t, write(t, ar, "new"))
			var got bytes.Buffer
			text := sampleBase(t)
			text.ID, text.Tree, text.Config = "text", nil, nil
			told(&got, compare(t, old, fresh, text))
			told(&got, compare(t, old, fresh, sampleBase(t)))
			want := &ar.Files[len(ar.Files)-1]
			if want.Name != "want" {
				t.Fatalf("the last file is %s, expected want", want.Name)
			}
			if *update {
				want.Data = got.Bytes()
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got.String() != string(want.Data) {
				t.Errorf("got:\n%s\nwant:\n%s", got.String(), want.Data)
			}
		})
	}
}
