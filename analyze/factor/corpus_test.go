package factor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpready/analyze/cpp"
	"lpready/analyze/csource"
	"lpready/analyze/patch"
	"lpready/analyze/reach"
)

var printAll = flag.Bool("print", false, "print the findings of real patches")

// shared is the folder with the corpus and its truth beside the repository.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	for err == nil {
		if _, stat := os.Stat(filepath.Join(dir, "go.mod")); stat == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Skip("needs go.mod in a folder above")
		}
		dir = filepath.Dir(dir)
	}
	dir = filepath.Join(filepath.Dir(dir), "shared")
	if _, err := os.Stat(filepath.Join(dir, "truth")); err != nil {
		t.Skip("needs the reference data in ../shared beside the repository")
	}
	return dir
}

// truth is what the real tools said about one XSA.
type truth struct {
	XSA     int
	Base    string
	Commits []struct{ Commit string }
	Verdict string

	Effective     string
	Hazards       []string
	LayoutChanges []struct{ Kind string } `json:"layout_changes"`
}

func readTruth(t *testing.T, name string) truth {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out truth
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

// allowed lists the classes that an outcome allows, by the rules in the
// reference data's truth/README.md: the first line that fits.
func (x truth) allowed() []Class {
	layout := false
	for _, l := range x.LayoutChanges {
		layout = layout || l.Kind == "changed"
	}
	hazard := func(name string) bool { return slices.Contains(x.Hazards, name) }
	switch {
	case x.Effective == "not-hypervisor" || x.Effective == "code-not-in-this-config-or-no-code-change":
		return []Class{NotNeeded}
	case x.Effective == "silently-not-covered":
		return []Class{Adapt, Hard, Reboot}
	case layout && x.Effective == "fails":
		return []Class{Hard, Reboot}
	case layout:
		return []Class{Hard}
	case x.Effective == "fails" || x.Effective == "builds-partial" || hazard("payload-references-init-symbols") || hazard("init-code-touched"):
		return []Class{Adapt, Hard, Reboot}
	}
	return []Class{Clean}
}

// A bench assesses patches one after the other on one tree.
type bench struct {
	t     *testing.T
	fs    fs.FS
	tree  *patch.Tree
	ix    *csource.Index
	cfg   csource.Config
	units []csource.Unit
	pre   *cpp.Preprocessor
}

func newBench(t *testing.T, dir, config string) *bench {
	t.Helper()
	file, err := os.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cfg, err := csource.ParseConfig(config, file)
	if err != nil {
		t.Fatal(err)
	}
	root := os.DirFS(dir)
	ix, err := csource.Open(context.Background(), root, csource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	units, err := csource.Units(root, csource.Arch(cfg), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, fs: root, tree: patch.NewTree(root), ix: ix, cfg: cfg, units: units,
		pre: cpp.New(ix, csource.Arch(cfg), cfg)}
}

// apply puts patches on the tree and returns the cell they make.
func (b *bench) apply(patches []patch.Patch) *Input {
	b.t.Helper()
	changed := make(map[string]bool)
	for i := range patches {
		report, err := b.tree.Apply(&patches[i])
		if err != nil || !report.OK() {
			b.t.Fatalf("%s: %s %v", patches[i].Name, report.Status(), err)
		}
		for j := range patches[i].Files {
			f := &patches[i].Files[j]
			changed[f.OldName], changed[f.NewName] = true, true
		}
	}
	files := make(map[string][]byte)
	for name := range changed {
		if name == "" || !strings.HasPrefix(name, "xen/") {
			continue
		}
		data, err := b.tree.ReadFile(name)
		if err != nil {
			data = nil
		}
		files[name] = data
	}
	in := cell(b.ix, files, patches, b.cfg, b.units)
	after := b.pre.With(in.After)
	in.Reach = reach.Predict(reach.Change{Before: in.Before, After: in.After, Old: b.pre, New: after, Deltas: in.Deltas, Units: b.units})
	b.ix, b.pre = in.After, after
	return in
}

// cell builds the input for changed files on an index.
func cell(before *csource.Index, files map[string][]byte, patches []patch.Patch, cfg csource.Config, units []csource.Unit) *Input {
	after := before.With(files)
	in := &Input{Patches: patches, Before: before, After: after, Config: cfg, Arch: csource.Arch(cfg), Units: units, Xen: "4.17",
		Boot: csource.Lifetimes(after, units)}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		x, y := before.File(name), after.File(name)
		if x == nil && y == nil {
			continue
		}
		in.Deltas = append(in.Deltas, csource.Diff(x, y, before.Source(name), after.Source(name)))
	}
	return in
}

func readPatches(t *testing.T, name string) []patch.Patch {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	list, err := patch.Parse(filepath.Base(name), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// judge compares the class with what the truth allows.
func judge(t *testing.T, x truth, in *Input) {
	t.Helper()
	findings := Run(in)
	class, why := Decide(findings, Scopes(in.Patches)...)
	t.Logf("XSA-%d: %s (%s)", x.XSA, class, why)
	if *printAll {
		for _, f := range findings {
			t.Logf("  %-7s %-9s %-22s %s: %s", f.Severity, f.Class, f.ID, f.Place(), f.Message)
		}
	}
	want := x.allowed()
	if note, tension := tensions[x.XSA]; tension {
		t.Logf("  truth allows %v, on purpose otherwise: %s", want, note)
		return
	}
	if !slices.Contains(want, class) {
		t.Errorf("XSA-%d: class %s, the truth (%s) allows %v", x.XSA, class, x.Effective, want)
	}
}

// tensions are cases in which the class says more than the README's rule.
var tensions = map[int]string{
	431: "the payload builds, but its per-CPU variable lies outside the per-CPU area (domain.md, section 6)",
}

// TestCorpus assesses the XSAs of the reference corpus in their order.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("LPREADY_XEN_TREE")
	if dir == "" {
		t.Skip("needs LPREADY_XEN_TREE: a folder with Debian's Xen source 4.17.5+72")
	}
	ref := shared(t)
	b := newBench(t, dir, filepath.Join(ref, "truth", "xen.config"))
	for name, patches := range series(t, filepath.Join(ref, "corpus")) {
		in := b.apply(patches)
		if name == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			judge(t, readTruth(t, filepath.Join(ref, "truth", name+"-4.17.json")), in)
		})
	}
}

// TestCorpusText assesses the same patches without the tree. Text can say less,
// but must not call clean what is not.
func TestCorpusText(t *testing.T) {
	ref := shared(t)
	for name, patches := range series(t, filepath.Join(ref, "corpus")) {
		if name == "" {
			continue
		}
		in := &Input{Patches: patches}
		findings := Run(in)
		class, why := Decide(findings, Scopes(patches)...)
		t.Logf("%s: %s (%s)", name, class, why)
		if *printAll {
			for _, f := range findings {
				t.Logf("  %-7s %-9s %-22s %s: %s", f.Severity, f.Class, f.ID, f.Place(), f.Message)
			}
		}
		x := readTruth(t, filepath.Join(ref, "truth", name+"-4.17.json"))
		if allowed := x.allowed(); class == Clean && !slices.Contains(allowed, Clean) && !slices.Contains(allowed, NotNeeded) {
			t.Errorf("%s: clean by its text, the truth allows %v", name, allowed)
		}
	}
}

// series yields the corpus in the order of its series file: the patches of one
// XSA together under its name, the others under "".
func series(t *testing.T, dir string) func(func(string, []patch.Patch) bool) {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, "series"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	type step struct {
		name    string
		patches []patch.Patch
	}
	var steps []step
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		name := ""
		if strings.HasPrefix(line, "xsa") {
			name = line[:6]
		}
		patches := readPatches(t, filepath.Join(dir, filepath.FromSlash(line)))
		if n := len(steps); n > 0 && name != "" && steps[n-1].name == name {
			steps[n-1].patches = append(steps[n-1].patches, patches...)
			continue
		}
		steps = append(steps, step{name, patches})
	}
	return func(yield func(string, []patch.Patch) bool) {
		for _, s := range steps {
			if !yield(s.name, s.patches) {
				return
			}
		}
	}
}

// TestOlder assesses XSA-425 to 450, each on its own upstream tree.
func TestOlder(t *testing.T) {
	repo := os.Getenv("LPREADY_XEN_GIT")
	if repo == "" {
		t.Skip("needs LPREADY_XEN_GIT: a clone of Xen's repository with staging-4.17")
	}
	ref := filepath.Join(shared(t), "truth", "older")
	cases, err := filepath.Glob(filepath.Join(ref, "xsa*.json"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases in %s: %v", ref, err)
	}
	for _, name := range cases {
		x := readTruth(t, name)
		t.Run(fmt.Sprintf("xsa%d", x.XSA), func(t *testing.T) {
			tree := checkout(t, repo, x.Base)
			var patches []patch.Patch
			for _, c := range x.Commits {
				text := git(t, repo, "format-patch", "--stdout", "--no-renames", "-1", c.Commit)
				list, err := patch.Parse(c.Commit[:12], bytes.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				patches = append(patches, list...)
			}
			judge(t, x, newBench(t, tree, filepath.Join(ref, "xen.config")).apply(patches))
		})
	}
}

// checkout writes one commit's files into a folder of its own.
func checkout(t *testing.T, repo, commit string) string {
	t.Helper()
	dir := t.TempDir()
	tar := filepath.Join(dir, "tree.tar")
	git(t, repo, "archive", "-o", tar, commit)
	if out, err := exec.Command("tar", "-xf", tar, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	return dir
}

func git(t *testing.T, repo string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", repo}, args...)...).Output()
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return out
}
