// Package truth lets tests read what the real tools said of real advisories
// (../shared/truth beside the checkout, described by its README) and the
// upstream trees that they were said of. What is not there skips the test with
// a line that says what is missing.
package truth

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"lpready/analyze/csource"
)

// An Outcome is what livepatch-build-tools' differ said of one XSA, and a
// reading of it.
type Outcome struct {
	XSA       int       `json:"xsa"`
	Verdict   string    `json:"verdict"`
	Effective string    `json:"effective"`
	Hazards   []string  `json:"hazards"`
	Base      string    `json:"base"` // upstream commit before the fix
	Objects   []string  `json:"changed_objects"`
	Changed   []string  `json:"changed_functions"` // "object:name", with clone suffixes
	New       []string  `json:"new_functions"`
	Data      []string  `json:"included_data"`
	Errors    []string  `json:"errors"`
	Init      []string  `json:"init_functions_touched"`
	Freed     []string  `json:"payload_refs_init"`
	Ignored   []Ignored `json:"silently_ignored"`
	Commits   []struct{ Commit string }
	Layouts   []Layout `json:"layout_changes"`
}

// Ignored is what of an object differs and was passed over.
type Ignored struct {
	Object       string   `json:"object"`
	Init         []string `json:"init"`
	Text         []string `json:"text"`
	Alternatives []string `json:"alternatives"`
}

// A Layout is a structure that pahole shows otherwise.
type Layout struct {
	Struct  string   `json:"struct"`
	Kind    string   `json:"kind"`
	Before  *int64   `json:"before"`
	After   *int64   `json:"after"`
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
	Moved   []string `json:"moved"`
}

// Layout tells whether a structure with members changed its layout.
func (o *Outcome) Layout() bool {
	return slices.ContainsFunc(o.Layouts, func(l Layout) bool { return l.Kind == "changed" })
}

// Allows lists the classes that fit, by the rules of ../shared/truth/README.md, the first that fits.
func (o *Outcome) Allows() []string {
	needsWork := []string{"adapt", "hard", "reboot"}
	switch {
	case o.Effective == "not-hypervisor", o.Effective == "code-not-in-this-config-or-no-code-change":
		return []string{"not-needed"}
	case o.Effective == "silently-not-covered":
		return needsWork
	case o.Layout():
		if o.Effective == "fails" {
			return []string{"hard", "reboot"}
		}
		return []string{"hard"}
	case o.Effective == "fails", o.Effective == "builds-partial":
		return needsWork
	case slices.Contains(o.Hazards, "payload-references-init-symbols"), slices.Contains(o.Hazards, "init-code-touched"):
		return needsWork
	case slices.Contains(o.Hazards, "new-per-cpu-variable"):
		// The README would have clean here, for the differ takes it. But the payload's
		// copy lies outside the per-CPU area: the fix would read and write other memory.
		return []string{"adapt"}
	}
	return []string{"clean"}
}

// Load reads the outcome of one XSA.
func Load(t testing.TB, path string) Outcome {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var o Outcome
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return o
}

// Shared is a path below ../shared, which lies beside the checkout.
func Shared(t testing.TB, elements ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(append([]string{filepath.Dir(dir), "shared"}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference data: %v", err)
	}
	return path
}

// Env is the folder that an environment variable names.
func Env(t testing.TB, name, what string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Skipf("%s names no %s", name, what)
	}
	return value
}

// Config reads a .config.
func Config(t testing.TB, path string) csource.Config {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cfg, err := csource.ParseConfig(path, f)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Git runs git on a repository and returns what it prints.
func Git(t testing.TB, repo string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", repo}, args...)...).Output()
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return out
}

// Tree is the tree of a commit, or the folders of it that are named.
func Tree(t testing.TB, repo, commit string, folders ...string) fs.FS {
	t.Helper()
	tree := fstest.MapFS{}
	for r := tar.NewReader(bytes.NewReader(Git(t, repo, append([]string{"archive", commit}, folders...)...))); ; {
		h, err := r.Next()
		if err == io.EOF {
			return tree
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			tree[h.Name] = &fstest.MapFile{Data: data}
		}
	}
}

// Changes are the files below xen/ that the commits of an outcome change, with
// their new content, nil for files that go.
func Changes(t testing.TB, repo string, o Outcome) map[string][]byte {
	t.Helper()
	last := o.Commits[len(o.Commits)-1].Commit
	list := func(filter string) []string {
		return strings.Fields(string(Git(t, repo, "diff", "--name-only", "--no-renames", "--diff-filter="+filter, o.Base, last, "--", "xen")))
	}
	changed := map[string][]byte{}
	for _, name := range list("AM") {
		changed[name] = Git(t, repo, "show", last+":"+name)
	}
	for _, name := range list("D") {
		changed[name] = nil
	}
	return changed
}
