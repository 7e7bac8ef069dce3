package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/analyze/truth"
	"lpready/build/internal/budget"
	"lpready/build/lpbt"
	"lpready/build/port"
	"lpready/build/tree"
	"lpready/vendors"
)

// realRequest is the whole corpus, ten XSAs of which touch the hypervisor, on three
// bases: Debian's Xen 4.17.5+72 as it was shipped, the same source with the .config of
// the truth's older cases (no shadow paging), and the shipped .config with upstream
// commits on top.
func realRequest(t testing.TB, cache string) Request {
	t.Helper()
	tool, err := lpbt.Find(t.Context(), truth.Env(t, "LPREADY_LPBT", "folder of livepatch-build-tools"))
	if err != nil {
		t.Fatal(err)
	}
	dir := truth.Env(t, "LPREADY_XEN_TREE", "Debian's Xen 4.17.5+72")
	shipped := readFile(t, truth.Env(t, "LPREADY_XEN_CONFIG", "the .config in its package"))
	corpus := truth.Shared(t, "corpus")
	var commits []string
	for _, prefix := range []string{"0001-", "0007-", "0015-"} {
		found, err := filepath.Glob(filepath.Join(corpus, "other", prefix+"*.patch"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %q, %v", prefix, found, err)
		}
		commits = append(commits, filepath.Join("other", filepath.Base(found[0])))
	}
	r := Request{Vendor: "debian", Grouping: Separate, Mode: Shared, Tool: tool, Work: filepath.Join(t.TempDir(), "work"), Cache: cache, Version: "test",
		Now: time.Now, Event: func(e Event) {
			if e.Kind == "cell" {
				tell("%d of %d: %s: %s: %s", e.Done, e.Total, e.Cell, e.State, e.Detail)
			}
		}}
	paths, err := filepath.Glob(filepath.Join(corpus, "xsa*"))
	if err != nil {
		t.Fatal(err)
	}
	if git := os.Getenv("LPREADY_XEN_GIT"); git != "" { // two of them need a commit first
		if r.Upstream, err = port.OpenUpstream(t.Context(), git); err != nil {
			t.Fatal(err)
		}
	}
	if r.Batch, err = advisory.Read(t.Context(), paths, advisory.Options{}); err != nil {
		t.Fatal(err)
	}
	r.Bases = []Base{
		realBase(t, "shipped", vendors.Source{Dir: dir}, shipped),
		realBase(t, "no-shadow", vendors.Source{Dir: dir}, readFile(t, truth.Shared(t, "truth", "older", "xen.config"))),
		realBase(t, "newer", vendors.Source{Dir: dir, Series: seriesOf(t, commits)}, shipped),
	}
	r.Bases[0].Symbols = truth.Env(t, "LPREADY_SYMS_SHIPPED", "the shipped xen-syms")
	return r
}

func realBase(t testing.TB, id string, from vendors.Source, config []byte) Base {
	t.Helper()
	parsed, err := csource.ParseConfig(id, bytes.NewReader(config))
	if err != nil {
		t.Fatal(err)
	}
	source, err := tree.Open(t.Context(), from, tree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return Base{Base: analyze.Base{ID: id, Xen: "4.17", Arch: "x86", Tree: source, Config: parsed}, Source: from, Config: config,
		Vendor: &vendors.Base{ID: id, Xen: "4.17", Arch: "x86_64", Commit: "01140da4e8babe1e79d845b9117c1f9e6a057d0a"}}
}

// seriesOf makes a folder with a series of patches of the corpus.
func seriesOf(t testing.TB, patches []string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range patches {
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, readFile(t, truth.Shared(t, "corpus", name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "series"), []byte(strings.Join(patches, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestModes builds six XSAs of the corpus in both modes, each on the state for which the
// truth has its functions: Debian's source with what comes before it in the corpus'
// series, and the .config of the truth. Both payloads must hold the same, and those
// functions. A base and the tool's own builds take some five minutes for each on two idle
// processors, so that it only runs where it is asked for.
func TestModes(t *testing.T) {
	truth.Env(t, "LPREADY_MODES", "anything, for half an hour of time")
	r := realRequest(t, filepath.Join(truth.Env(t, "LPREADY_XEN_CACHE", "folder for what is compiled"), "lpready"))
	series := strings.Fields(string(readFile(t, truth.Shared(t, "corpus", "series"))))
	config := readFile(t, truth.Shared(t, "truth", "xen.config"))
	for _, xsa := range []int{477, 480, 486, 488, 491, 492} {
		t.Run(fmt.Sprintf("XSA-%d", xsa), func(t *testing.T) {
			before := slices.IndexFunc(series, func(name string) bool { return strings.HasPrefix(name, fmt.Sprintf("xsa%d", xsa)) })
			from := vendors.Source{Dir: r.Bases[0].Source.Dir, Series: seriesOf(t, series[:before])}
			own := r
			own.Bases, own.XSAs = []Base{realBase(t, "before", from, config)}, []int{xsa}
			own.Work = filepath.Join(t.TempDir(), "work")
			report, err := Run(t.Context(), own)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(report.Cells, func(c Cell) bool { return slices.Equal(c.XSAs, own.XSAs) })
			if c := &report.Cells[i]; !asTruth(t, c) {
				t.Errorf("%s: not the functions of the truth", c.ID)
			}
			if _, done, all := faithfulLoop(t, own, report, 0); done != 1 || all != 1 {
				t.Errorf("%d of %d cells in the mode faithful, expected one", done, all)
			}
		})
	}
}

// hypervisorXSAs are the ten of the corpus that touch the hypervisor's source.
var hypervisorXSAs = []int{477, 479, 480, 486, 488, 490, 491, 492, 493, 494}

// BenchmarkMatrix builds thirty cells with nothing in the caches, and then has the
// tool make its own three builds for one cell after the other, on copies of the same
// source, with as many compilers: for all of them, since nothing tells a plain loop that
// a base does not compile what is patched. Payloads of both must hold the same, and on
// the shipped base the functions of the truth.
//
// The loop takes hours: it ends after as many times the matrix's time as
// LPREADY_LOOP_TIMES says, and what it has not done by then would come on top. Run it
// with -benchtime 1x -timeout 6h.
func BenchmarkMatrix(b *testing.B) {
	r := realRequest(b, b.TempDir())
	r.XSAs = hypervisorXSAs
	for range b.N {
		began := time.Now()
		report, err := Run(b.Context(), r)
		if err != nil {
			b.Fatal(err)
		}
		matrix := time.Since(began)
		tell("matrix: %v, %v", matrix.Round(time.Second), report.Totals)
		checkTruth(b, report)
		loop, done, all := faithfulLoop(b, r, report, matrix)
		tell("loop: %d of %d cells in %v: at least %.1f times the matrix", done, all, loop.Round(time.Second), loop.Seconds()/matrix.Seconds())
		b.ReportMetric(matrix.Seconds(), "matrix-s")
		b.ReportMetric(loop.Seconds(), "loop-s")
		b.ReportMetric(float64(done), "loop-cells")
		b.ReportMetric(loop.Seconds()/matrix.Seconds(), "ratio")
	}
}

// tell says at once how far a benchmark of an hour has come.
func tell(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// loopTimes is after how many times the time of the matrix the loop ends.
func loopTimes(t testing.TB) float64 {
	var times float64
	if text := os.Getenv("LPREADY_LOOP_TIMES"); text != "" {
		if _, err := fmt.Sscan(text, &times); err != nil {
			t.Fatalf("LPREADY_LOOP_TIMES: %v", err)
		}
	}
	return times
}

// faithfulLoop has the tool do everything for each cell, one after the other.
func faithfulLoop(t testing.TB, r Request, report *Report, matrix time.Duration) (took time.Duration, done, all int) {
	t.Helper()
	r.Classes = factor.Classes
	m := planned(t, r)
	defer m.close()
	ctx := t.Context()
	if times := loopTimes(t); times > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(times*float64(matrix)))
		defer cancel()
	}
	began := time.Now()
	for _, c := range m.cells {
		if c.Status != "" {
			continue
		}
		all++
		i := slices.IndexFunc(report.Cells, func(o Cell) bool { return o.ID == c.ID })
		if ctx.Err() != nil {
			continue
		}
		dir := filepath.Join(t.TempDir(), c.Name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		result, err := m.makePayload(ctx, c, nil, dir)
		if ctx.Err() != nil {
			continue
		}
		took, done = time.Since(began), done+1
		tell("%v: %s: %v", took.Round(time.Second), c.ID, err)
		shared := &report.Cells[i]
		var failed *lpbt.Failure
		switch {
		case errors.As(err, &failed) && shared.Status == Nothing: // so it is
		case errors.As(err, &failed):
			if shared.Failure == nil || shared.Failure.Kind != failed.Kind || shared.Failure.Object != failed.Object {
				t.Errorf("%s: the loop has %v, the matrix %+v", c.ID, err, shared.Failure)
			}
		case err != nil:
			t.Errorf("%s: %v", c.ID, err)
		case shared.Payload == nil:
			t.Errorf("%s: the loop has a payload, the matrix %+v", c.ID, shared.Failure)
		default:
			compareModes(t, c.ID, readFile(t, filepath.Join(dir, payloadFile)), r, shared, result.(*kept))
		}
	}
	if done < all {
		took = time.Since(began)
	}
	return took, done, all
}

// planned is a matrix that knows its cells and has worked on none, in the mode
// faithful. It takes over the verdicts of the run in r.Work.
func planned(t testing.TB, r Request) *matrix {
	t.Helper()
	state := os.DirFS(filepath.Join(r.Work, stateDir))
	r.Mode, r.Work, r.Event = Faithful, filepath.Join(t.TempDir(), "loop"), nil
	if err := os.CopyFS(filepath.Join(r.Work, stateDir), state); err != nil {
		t.Fatal(err)
	}
	m := &matrix{Request: r, budget: budget.New(r.Jobs, 0), started: time.Now(), report: &Report{}}
	if err := m.open(); err != nil {
		t.Fatal(err)
	}
	if err := m.plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

func compareModes(t testing.TB, id string, faithful []byte, r Request, shared *Cell, k *kept) {
	t.Helper()
	differences, err := lpbt.Compare(readFile(t, payloadOf(t, r.Work, shared)), faithful)
	if err != nil {
		t.Fatal(err)
	}
	if len(differences) > 0 {
		tell("%s: %d differences between the modes", id, len(differences))
		t.Errorf("%s: %d differences between the modes, the first: %v", id, len(differences), differences[0])
	}
	if one, other := functionsOf(shared.Payload.Objects), functionsOf(k.Objects); !slices.Equal(one, other) {
		t.Errorf("%s: functions %q and %q", id, one, other)
	}
	tell("%s: %d functions", id, len(functionsOf(k.Objects)))
}

// functionsOf are the changed functions, with their objects as the truth names them.
func functionsOf(objects []lpbt.Object) (list []string) {
	for _, o := range objects {
		for _, name := range o.Changed {
			list = append(list, strings.TrimPrefix(o.Path, "xen/")+":"+name)
		}
	}
	slices.Sort(list)
	return list
}

// checkTruth compares what was built for the shipped base with what the real differ
// said of the same XSAs, on a tree with the patches before them: a function that two of
// them change may be inlined otherwise there (TestModes builds on those trees). Where a
// payload holds several it is another.
func checkTruth(t testing.TB, r *Report) {
	t.Helper()
	equal := 0
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Base != "shipped" || len(c.XSAs) != 1 || c.Status == Nothing || c.Status == LeftOut || len(c.Holds) > 0 {
			continue
		}
		if asTruth(t, c) {
			equal++
		}
	}
	tell("%d cells of the shipped base are built or not as the truth has it, with its functions", equal)
}

// asTruth tells whether what was built of an XSA changes the functions that the real
// differ named. Whether something can be built at all must be equal.
func asTruth(t testing.TB, c *Cell) bool {
	t.Helper()
	want := truth.Load(t, truth.Shared(t, "truth", fmt.Sprintf("xsa%d-4.17.json", c.XSAs[0])))
	built := c.Payload != nil
	if built != (want.Verdict == "builds") {
		t.Errorf("%s: built %v, the truth says %s (%s)", c.ID, built, want.Verdict, c.Why)
		return false
	}
	if !built {
		return true
	}
	got, expected := functionsOf(c.Payload.Objects), slices.Sorted(slices.Values(want.Changed))
	if slices.Equal(got, expected) {
		return true
	}
	tell("%s: %d functions, the truth has %d: only here %q, only there %q", c.ID, len(got), len(expected), without(got, expected), without(expected, got))
	return false
}

func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}
