package reach

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"testing/fstest"

	"lpready/analyze/cpp"
	"lpready/analyze/csource"
	"lpready/analyze/patch"
)

// A verdict is what the real differ said of one XSA (../shared/truth).
type verdict struct {
	XSA       int      `json:"xsa"`
	Verdict   string   `json:"verdict"`
	Base      string   `json:"base"`
	Changed   []string `json:"changed_functions"`
	New       []string `json:"new_functions"`
	Errors    []string `json:"errors"`
	Commits   []struct{ Commit string }
	Layouts   []struct{ Kind string } `json:"layout_changes"`
	Functions map[string]bool         `json:"-"`
}

// The clones that GCC makes of a function keep its name before a dot.
var clone = regexp.MustCompile(`(\.(isra|constprop|part|cold|lto_priv)(\.\d+)?)+$`)

func loadTruth(t *testing.T, path string) verdict {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v verdict
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	v.Functions = map[string]bool{}
	for _, name := range append(v.Changed, v.New...) {
		v.Functions[clone.ReplaceAllString(name, "")] = true
	}
	return v
}

func (v verdict) layout() bool {
	for _, l := range v.Layouts {
		if l.Kind == "changed" {
			return true
		}
	}
	return false
}

// refused tells whether the differ gave up on object before it listed functions.
func (v verdict) refused(object string) bool {
	for name := range v.Functions {
		if strings.HasPrefix(name, object+":") {
			return false
		}
	}
	for _, e := range v.Errors {
		if strings.HasPrefix(e, object+":") {
			return true
		}
	}
	return false
}

// A score counts predicted functions against the differ's. Noise are those of
// the missed whose text after preprocessing is the same before and after: only
// the optimiser knows why their code differs.
type score struct{ right, wrong, missed, noise int }

func (s *score) add(o score) {
	s.right += o.right
	s.wrong += o.wrong
	s.missed += o.missed
	s.noise += o.noise
}

func (s score) recall() float64    { return ratio(s.right, s.right+s.missed) }
func (s score) visible() float64   { return ratio(s.right, s.right+s.missed-s.noise) }
func (s score) precision() float64 { return ratio(s.right, s.right+s.wrong) }

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

func judge(t *testing.T, v verdict, c Change, r *Result) score {
	t.Helper()
	var s score
	predicted := map[string]bool{}
	for _, f := range r.Functions {
		if f.Change == "removed" || v.refused(f.Object) {
			continue
		}
		name := f.Object + ":" + f.Name
		predicted[name] = true
		if v.Functions[name] {
			s.right++
			continue
		}
		s.wrong++
		t.Logf("XSA-%d: predicted, the differ saw no change: %s (%s: %s)", v.XSA, name, f.Change, f.Why)
	}
	for _, name := range sortedNames(v.Functions) {
		if predicted[name] {
			continue
		}
		s.missed++
		why := ""
		if sameText(c, name) {
			s.noise++
			why = " (its text is the same: the optimiser's choice)"
		}
		t.Logf("XSA-%d: the differ saw a change, not predicted: %s%s", v.XSA, name, why)
	}
	t.Logf("XSA-%d: %d right, %d too many, %d missed", v.XSA, s.right, s.wrong, s.missed)
	return s
}

// sameText tells whether "object:function" and all that the unit defines and the
// function calls, directly or not, read the same before and after.
func sameText(c Change, name string) bool {
	object, function, _ := strings.Cut(name, ":")
	for _, u := range c.Units {
		if u.Object != object {
			continue
		}
		every := func(string) bool { return true }
		old, new := newSide(c.Old.Unit(u, every)), newSide(c.New.Unit(u, every))
		reached := map[string]bool{function: true}
		for work := []string{function}; len(work) > 0; work = work[1:] {
			was, is := old.funcs[work[0]], new.funcs[work[0]]
			if was == nil || is == nil || was.Hash != is.Hash {
				return false
			}
			for callee := range is.Calls {
				if new.funcs[callee] != nil && !reached[callee] {
					reached[callee] = true
					work = append(work, callee)
				}
			}
		}
		return true
	}
	return false
}

func sortedNames(set map[string]bool) []string {
	var names []string
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func shared(t *testing.T, elements ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{"..", "..", "..", "shared"}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference data: %v", err)
	}
	return path
}

func loadConfig(t testing.TB, path string) csource.Config {
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

// predict runs the whole prediction for a tree and the files that change in it.
func predict(t *testing.T, before *csource.Index, tree fs.FS, cfg csource.Config, changed map[string][]byte) (Change, *Result) {
	t.Helper()
	units, err := csource.Units(tree, "x86", cfg)
	if err != nil {
		t.Fatal(err)
	}
	after := before.With(changed)
	c := Change{Before: before, After: after, Units: units}
	c.Old = cpp.New(before, "x86", cfg)
	c.New = c.Old.With(after)
	for _, name := range sortedKeys(changed) {
		c.Deltas = append(c.Deltas, csource.Diff(before.File(name), after.File(name), before.Source(name), after.Source(name)))
	}
	return c, Predict(c)
}

func sortedKeys(m map[string][]byte) []string {
	set := map[string]bool{}
	for name := range m {
		if strings.HasPrefix(name, "xen/") && strings.Contains(".c.h.S", filepath.Ext(name)) {
			set[name] = true
		}
	}
	return sortedNames(set)
}

// TestCorpus measures the prediction on the series of ../shared/corpus.
func TestCorpus(t *testing.T) {
	root := os.Getenv("LPREADY_XEN_TREE")
	if root == "" {
		t.Skip("LPREADY_XEN_TREE names no Xen source tree")
	}
	corpus, cfg := shared(t, "corpus"), loadConfig(t, shared(t, "truth", "xen.config"))
	series, err := os.ReadFile(filepath.Join(corpus, "series"))
	if err != nil {
		t.Fatal(err)
	}
	tree := os.DirFS(root)
	work := patch.NewTree(tree)
	index, err := csource.Open(context.Background(), tree, csource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var total score
	var names []string
	for _, name := range strings.Fields(string(series)) {
		key := strings.TrimSuffix(filepath.Base(name), ".patch")
		if i := strings.LastIndex(key, "-"); strings.HasPrefix(name, "xsa492/") {
			key = key[:i]
		}
		if len(names) > 0 && key == names[len(names)-1] {
			continue
		}
		names = append(names, key)
		changed := applyAll(t, work, corpus, series, name)
		if !strings.HasPrefix(key, "xsa") {
			index = index.With(changed)
			continue
		}
		v := loadTruth(t, shared(t, "truth", key+".json"))
		c, r := predict(t, index, tree, cfg, changed)
		index = c.After
		if v.layout() || v.Verdict == "not-hypervisor" {
			continue
		}
		total.add(judge(t, v, c, r))
	}
	finish(t, total)
}

func finish(t *testing.T, total score) {
	t.Helper()
	t.Logf("recall %.3f (%d of %d), precision %.3f (%d of %d)", total.recall(), total.right, total.right+total.missed,
		total.precision(), total.right, total.right+total.wrong)
	t.Logf("recall without the %d that have no cause in the source: %.3f", total.noise, total.visible())
	if total.visible() < 0.95 || total.precision() < 0.80 {
		t.Error("want recall of at least 0.95 of what the source can show, and precision of at least 0.80")
	}
}

// applyAll applies a patch, or the whole folder of a set, and returns what changed.
func applyAll(t *testing.T, work *patch.Tree, corpus string, series []byte, name string) map[string][]byte {
	t.Helper()
	parts := []string{name}
	if dir := filepath.Dir(name); strings.HasPrefix(dir, "xsa") {
		parts = nil
		for _, other := range strings.Fields(string(series)) {
			if filepath.Dir(other) == dir {
				parts = append(parts, other)
			}
		}
	}
	changed := map[string][]byte{}
	for _, part := range parts {
		data, err := os.ReadFile(filepath.Join(corpus, part))
		if err != nil {
			t.Fatal(err)
		}
		patches, err := patch.Parse(part, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		for i := range patches {
			report, err := work.Apply(&patches[i])
			if err != nil || !report.OK() {
				t.Fatalf("%s: %v %v", part, report.Status(), err)
			}
			for _, f := range patches[i].Files {
				changed[f.Name()], _ = work.ReadFile(f.Name())
			}
		}
	}
	return changed
}

// TestOlder does the same on the upstream commits of ../shared/truth/older.
func TestOlder(t *testing.T) {
	repo := os.Getenv("LPREADY_XEN_GIT")
	if repo == "" {
		t.Skip("LPREADY_XEN_GIT names no xen-project/xen repository")
	}
	files, err := filepath.Glob(filepath.Join(shared(t, "truth", "older"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := loadConfig(t, shared(t, "truth", "older", "xen.config"))
	var total score
	for _, file := range files {
		v := loadTruth(t, file)
		if v.layout() || v.Verdict == "not-hypervisor" {
			continue
		}
		tree, changed := checkout(t, repo, v)
		index, err := csource.Open(context.Background(), tree, csource.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c, r := predict(t, index, tree, cfg, changed)
		total.add(judge(t, v, c, r))
	}
	finish(t, total)
}

func git(t *testing.T, repo string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", repo}, args...)...).Output()
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return out
}

func checkout(t *testing.T, repo string, v verdict) (fs.FS, map[string][]byte) {
	t.Helper()
	tree := fstest.MapFS{}
	r := tar.NewReader(bytes.NewReader(git(t, repo, "archive", v.Base, "xen")))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
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
	last := v.Commits[len(v.Commits)-1].Commit
	changed := map[string][]byte{}
	for _, name := range strings.Fields(string(git(t, repo, "diff", "--name-only", "--diff-filter=AM", "--no-renames", v.Base, last, "--", "xen"))) {
		changed[name] = git(t, repo, "show", last+":"+name)
	}
	for _, name := range strings.Fields(string(git(t, repo, "diff", "--name-only", "--diff-filter=D", "--no-renames", v.Base, last, "--", "xen"))) {
		changed[name] = nil
	}
	return tree, changed
}
