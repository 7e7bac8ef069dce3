package analyze_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/factor"
	"lpready/analyze/truth"
)

// corpus assesses the real batch on the Debian tree.
func corpus(t testing.TB, cache string) *analyze.Report {
	t.Helper()
	root := truth.Env(t, "LPREADY_XEN_TREE", "Xen source tree")
	batch, err := advisory.Read(context.Background(), []string{truth.Shared(t, "corpus"), truth.Shared(t, "advisories")}, advisory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	base := analyze.Base{ID: "bookworm", Xen: "4.17", Tree: os.DirFS(root), Config: truth.Config(t, truth.Shared(t, "truth", "xen.config"))}
	report, err := analyze.Assess(context.Background(), analyze.Request{Batch: batch, Bases: []analyze.Base{base}, Cache: cache, Version: "test",
		Generated: time.Date(2026, 7, 28, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// judge holds the class of every cell that has an outcome against what that allows.
func judge(t *testing.T, report *analyze.Report, folder string) (judged int) {
	t.Helper()
	for _, c := range report.Cells {
		t.Logf("XSA-%d %s (%s): %s", c.XSA, c.Class, c.Evidence, c.Why)
		matches, _ := filepath.Glob(filepath.Join(folder, fmt.Sprintf("xsa%d-*.json", c.XSA)))
		if len(matches) == 0 {
			continue
		}
		o := truth.Load(t, matches[0])
		judged++
		if !slices.Contains(o.Allows(), string(c.Class)) {
			t.Errorf("XSA-%d: %s, the real outcome (%s) allows %v", c.XSA, c.Class, o.Effective, o.Allows())
			for _, f := range c.Findings {
				t.Logf("  %s %s %s %s: %s", f.ID, f.Severity, f.Class, f.Place(), f.Message)
			}
		}
	}
	return judged
}

// TestClasses judges the corpus.
func TestClasses(t *testing.T) {
	report := corpus(t, "")
	judged := judge(t, report, truth.Shared(t, "truth"))
	t.Logf("%d XSAs judged; %s", judged, strings.Join(report.Warnings, "; "))
	if judged != 12 {
		t.Errorf("%d of 12 XSAs were judged", judged)
	}
}

// TestTextClasses judges the corpus by its text alone: what the text cannot tell
// must be unknown, never lighter than it is.
func TestTextClasses(t *testing.T) {
	batch, err := advisory.Read(context.Background(), []string{truth.Shared(t, "corpus")}, advisory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := analyze.Assess(context.Background(), analyze.Request{Batch: batch, Bases: []analyze.Base{{ID: "text", Xen: "4.17"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Cells {
		t.Logf("XSA-%d %s (%s): %s", c.XSA, c.Class, c.Evidence, c.Why)
		o := truth.Load(t, truth.Shared(t, "truth", fmt.Sprintf("xsa%d-4.17.json", c.XSA)))
		if c.Class != factor.Unknown && !slices.Contains(o.Allows(), string(c.Class)) {
			t.Errorf("XSA-%d: %s, the real outcome (%s) allows %v", c.XSA, c.Class, o.Effective, o.Allows())
		}
	}
}

// TestOlderClasses judges XSA-425 to 450, each on the upstream commit before it.
func TestOlderClasses(t *testing.T) {
	repo := truth.Env(t, "LPREADY_XEN_GIT", "xen-project/xen repository")
	folder := truth.Shared(t, "truth", "older")
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := truth.Config(t, filepath.Join(folder, "xen.config"))
	for _, file := range files {
		batch, tree := upstream(t, repo, file)
		base := analyze.Base{ID: "upstream", Xen: "4.17", Tree: tree, Config: cfg}
		report, err := analyze.Assess(context.Background(), analyze.Request{Batch: batch, Bases: []analyze.Base{base}})
		if err != nil {
			t.Fatal(err)
		}
		judge(t, report, folder)
	}
}

// upstream makes a batch of the commits that a truth file names, and the tree
// that they were made for.
func upstream(t *testing.T, repo, file string) (*advisory.Batch, fs.FS) {
	t.Helper()
	o := truth.Load(t, file)
	dir := t.TempDir()
	for i, c := range o.Commits {
		name := filepath.Join(dir, fmt.Sprintf("xsa%d-4.17-%02d.patch", o.XSA, i+1))
		if err := os.WriteFile(name, truth.Git(t, repo, "format-patch", "--stdout", "-1", c.Commit), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	batch, err := advisory.Read(context.Background(), []string{dir}, advisory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return batch, truth.Tree(t, repo, o.Base)
}
