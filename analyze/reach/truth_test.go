package reach

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"lpready/analyze/cpp"
	"lpready/analyze/csource"
	"lpready/analyze/patch"
	"lpready/analyze/truth"
)

// A verdict is an outcome with the names of its functions as the source has them.
type verdict struct {
	truth.Outcome
	functions map[string]bool
}

// The clones that GCC makes of a function keep its name before a dot.
var clone = regexp.MustCompile(`(\.(isra|constprop|part|cold|lto_priv)(\.\d+)?)+$`)

func loadVerdict(t *testing.T, path string) verdict {
	t.Helper()
	v := verdict{truth.Load(t, path), map[string]bool{}}
	for _, name := range append(v.Changed, v.New...) {
		v.functions[clone.ReplaceAllString(name, "")] = true
	}
	return v
}

// refused tells whether the differ gave up on object before it listed functions.
func (v verdict) refused(object string) bool {
	for name := range v.functions {
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
		if v.functions[name] {
			s.right++
			continue
		}
		s.wrong++
		t.Logf("XSA-%d: predicted, the differ saw no change: %s (%s: %s)", v.XSA, name, f.Change, f.Why)
	}
	for _, name := range sortedNames(v.functions) {
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

// TestTruth measures the prediction against what the real differ said: on the
// series of ../shared/corpus, on the upstream commits of ../shared/truth/older,
// and, where both are at hand, over all of them.
func TestTruth(t *testing.T) {
	var total score
	measured := 0
	for _, part := range []struct {
		name    string
		measure func(*testing.T) score
	}{{"corpus", corpus}, {"older", older}} {
		t.Run(part.name, func(t *testing.T) {
			s := part.measure(t)
			s.report(t)
			total.add(s)
			measured++
		})
	}
	if measured == 2 {
		total.report(t)
		if total.recall() < 0.95 {
			t.Error("want a recall of at least 0.95 over all")
		}
	}
}

// corpus measures each XSA on the tree that those before it in the series leave.
func corpus(t *testing.T) score {
	root := truth.Env(t, "LPREADY_XEN_TREE", "Xen source tree")
	corpus, cfg := truth.Shared(t, "corpus"), truth.Config(t, truth.Shared(t, "truth", "xen.config"))
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
		v := loadVerdict(t, truth.Shared(t, "truth", key+".json"))
		c, r := predict(t, index, tree, cfg, changed)
		index = c.After
		if v.Layout() || v.Verdict == "not-hypervisor" {
			continue
		}
		total.add(judge(t, v, c, r))
	}
	return total
}

func (s score) report(t *testing.T) {
	t.Helper()
	t.Logf("recall %.3f (%d of %d), precision %.3f (%d of %d)", s.recall(), s.right, s.right+s.missed,
		s.precision(), s.right, s.right+s.wrong)
	t.Logf("recall without the %d that have no cause in the source: %.3f", s.noise, s.visible())
	if s.visible() < 0.95 || s.precision() < 0.80 {
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

// older measures each XSA on the upstream tree before it.
func older(t *testing.T) score {
	repo := truth.Env(t, "LPREADY_XEN_GIT", "xen-project/xen repository")
	files, err := filepath.Glob(filepath.Join(truth.Shared(t, "truth", "older"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := truth.Config(t, truth.Shared(t, "truth", "older", "xen.config"))
	var total score
	for _, file := range files {
		v := loadVerdict(t, file)
		if v.Layout() || v.Verdict == "not-hypervisor" {
			continue
		}
		tree, changed := truth.Tree(t, repo, v.Base, "xen"), truth.Changes(t, repo, v.Outcome)
		index, err := csource.Open(context.Background(), tree, csource.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c, r := predict(t, index, tree, cfg, changed)
		total.add(judge(t, v, c, r))
	}
	return total
}
