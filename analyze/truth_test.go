package analyze_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/csource"
	"lpready/analyze/factor"
)

// An outcome is what the real tools said of one XSA (../shared/truth), and a
// reading of it.
type outcome struct {
	Effective string
	Verdict   string
	Hazards   []string
	Layouts   []struct{ Kind string } `json:"layout_changes"`
}

// allowed follows the rules of ../shared/truth/README.md, the first that fits.
func (o outcome) allowed() []analyze.Class {
	needsWork := []analyze.Class{factor.Adapt, factor.Hard, factor.Reboot}
	switch {
	case o.Effective == "not-hypervisor", o.Effective == "code-not-in-this-config-or-no-code-change":
		return []analyze.Class{factor.NotNeeded}
	case o.Effective == "silently-not-covered":
		return needsWork
	case slices.ContainsFunc(o.Layouts, func(l struct{ Kind string }) bool { return l.Kind == "changed" }):
		if o.Effective == "fails" {
			return []analyze.Class{factor.Hard, factor.Reboot}
		}
		return []analyze.Class{factor.Hard}
	case o.Effective == "fails", o.Effective == "builds-partial":
		return needsWork
	case slices.Contains(o.Hazards, "payload-references-init-symbols"), slices.Contains(o.Hazards, "init-code-touched"):
		return needsWork
	case slices.Contains(o.Hazards, "new-per-cpu-variable"):
		// The README would have clean here, for the differ takes it. But the payload's
		// copy lies outside the per-CPU area: the fix would read and write other memory.
		return []analyze.Class{factor.Adapt}
	}
	return []analyze.Class{factor.Clean}
}

func shared(t testing.TB, elements ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{"..", "..", "shared"}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference data: %v", err)
	}
	return path
}

func xenTree(t testing.TB) string {
	t.Helper()
	root := os.Getenv("LPREADY_XEN_TREE")
	if root == "" {
		t.Skip("LPREADY_XEN_TREE names no Xen source tree")
	}
	return root
}

// corpus assesses the real batch on the Debian tree.
func corpus(t testing.TB, cache string) *analyze.Report {
	t.Helper()
	root := xenTree(t)
	batch, err := advisory.Read(context.Background(), []string{shared(t, "corpus"), shared(t, "advisories")}, advisory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	base := analyze.Base{ID: "bookworm", Xen: "4.17", Tree: os.DirFS(root), Config: config(t, shared(t, "truth", "xen.config"))}
	report, err := analyze.Assess(context.Background(), analyze.Request{Batch: batch, Bases: []analyze.Base{base}, Cache: cache, Version: "test",
		Generated: time.Date(2026, 7, 28, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// judge holds the class of every cell that has an outcome against what that allows.
func judge(t *testing.T, report *analyze.Report, truth string) (judged int) {
	t.Helper()
	for _, c := range report.Cells {
		t.Logf("XSA-%d %s (%s): %s", c.XSA, c.Class, c.Evidence, c.Why)
		matches, _ := filepath.Glob(filepath.Join(truth, fmt.Sprintf("xsa%d-*.json", c.XSA)))
		if len(matches) == 0 {
			continue
		}
		data, err := os.ReadFile(matches[0])
		if err != nil {
			t.Fatal(err)
		}
		var o outcome
		if err := json.Unmarshal(data, &o); err != nil {
			t.Fatal(err)
		}
		judged++
		if !slices.Contains(o.allowed(), c.Class) {
			t.Errorf("XSA-%d: %s, the real outcome (%s) allows %v", c.XSA, c.Class, o.Effective, o.allowed())
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
	judged := judge(t, report, shared(t, "truth"))
	t.Logf("%d XSAs judged; %s", judged, strings.Join(report.Warnings, "; "))
	if judged != 12 {
		t.Errorf("%d of 12 XSAs were judged", judged)
	}
}

// TestOlderClasses judges XSA-425 to 450, each on the upstream commit before it.
func TestOlderClasses(t *testing.T) {
	repo := os.Getenv("LPREADY_XEN_GIT")
	if repo == "" {
		t.Skip("LPREADY_XEN_GIT names no xen-project/xen repository")
	}
	truth := shared(t, "truth", "older")
	files, err := filepath.Glob(filepath.Join(truth, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(t, filepath.Join(truth, "xen.config"))
	for _, file := range files {
		batch, tree := upstream(t, repo, file)
		base := analyze.Base{ID: "upstream", Xen: "4.17", Tree: tree, Config: cfg}
		report, err := analyze.Assess(context.Background(), analyze.Request{Batch: batch, Bases: []analyze.Base{base}})
		if err != nil {
			t.Fatal(err)
		}
		judge(t, report, truth)
	}
}

// upstream makes a batch of the commits that a truth file names, and the tree
// that they were made for.
func upstream(t *testing.T, repo, file string) (*advisory.Batch, fs.FS) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		XSA     int
		Base    string
		Commits []struct{ Commit string }
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, c := range v.Commits {
		name := filepath.Join(dir, fmt.Sprintf("xsa%d-4.17-%02d.patch", v.XSA, i+1))
		if err := os.WriteFile(name, git(t, repo, "format-patch", "--stdout", "-1", c.Commit), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	batch, err := advisory.Read(context.Background(), []string{dir}, advisory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	for r := tar.NewReader(bytes.NewReader(git(t, repo, "archive", v.Base))); ; {
		h, err := r.Next()
		if err == io.EOF {
			return batch, tree
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			tree[h.Name] = &fstest.MapFile{Data: content}
		}
	}
}

func git(t *testing.T, repo string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", repo}, args...)...).Output()
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return out
}

func config(t testing.TB, name string) csource.Config {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cfg, err := csource.ParseConfig(name, f)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
