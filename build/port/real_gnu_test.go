package port

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/patch"
)

// releases are the trees that patches are tried on, oldest first.
var releases = []string{"RELEASE-4.17.0", "RELEASE-4.17.2", "RELEASE-4.17.4", "RELEASE-4.17.5", "staging-4.17"}

// gnu applies a patch to copies of the files that it names and says how GNU
// patch saw it.
func gnu(t *testing.T, tool string, src string, p *patch.Patch, text []byte) string {
	t.Helper()
	dir := t.TempDir()
	defer os.RemoveAll(dir)
	for _, f := range p.Files {
		for _, name := range []string{f.OldName, f.NewName} {
			data, err := os.ReadFile(filepath.Join(src, name))
			if name == "" || err != nil {
				continue
			}
			to := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Folders decide where a new file goes: those of the tree are all there.
	for _, f := range p.Files {
		for d := filepath.Dir(f.Name()); d != "."; d = filepath.Dir(d) {
			if info, err := os.Stat(filepath.Join(src, d)); err == nil && info.IsDir() {
				os.MkdirAll(filepath.Join(dir, d), 0o755)
			}
		}
	}
	run := func(args ...string) (string, bool) {
		cmd := exec.Command(tool, append(args, "-p1", "--fuzz=0", "--verbose", "--no-backup-if-mismatch", "-r", "-")...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(text)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "PATCH_GET=0"}
		out, err := cmd.CombinedOutput()
		return string(out), err == nil
	}
	out, ok := run("-N")
	switch {
	case ok && strings.Contains(out, "(offset "):
		return Offset
	case ok:
		return Applies
	case strings.Contains(out, "can't find file to patch") && !strings.Contains(out, "FAILED") && !strings.Contains(out, "Reversed (or previously applied)"):
		return Missing
	}
	return "refused"
}

// gnuReversed tells whether GNU patch takes a patch off.
func gnuReversed(t *testing.T, tool, src string, p *patch.Patch, text []byte) bool {
	t.Helper()
	dir := t.TempDir()
	defer os.RemoveAll(dir)
	for _, f := range p.Files {
		if data, err := os.ReadFile(filepath.Join(src, f.Name())); err == nil {
			to := filepath.Join(dir, f.Name())
			os.MkdirAll(filepath.Dir(to), 0o755)
			if err := os.WriteFile(to, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command(tool, "-R", "-p1", "--fuzz=0", "-f", "-r", "-")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(text)
	return cmd.Run() == nil
}

// TestRealLikeGNU compares the status of patches on trees with what GNU patch
// says of each pair.
func TestRealLikeGNU(t *testing.T) {
	up := xenGit(t)
	tool, err := exec.LookPath("patch")
	if err != nil {
		t.Skip("GNU patch is missing: install the package patch to compare with it")
	}
	list, err := up.between(t.Context(), "RELEASE-4.17.0", "staging-4.17")
	if err != nil {
		t.Fatal(err)
	}
	var some []*commit
	for i := 0; i < len(list); i += 4 {
		some = append(some, list[i])
	}
	if err := up.read(t.Context(), some); err != nil {
		t.Fatal(err)
	}
	pairs, seen := 0, map[string]int{}
	for _, ref := range releases {
		src := worktree(t, up, ref)
		g := newGround(newWarm(os.DirFS(src)))
		for _, c := range some {
			p := up.patch(c)
			if p == nil || slices.ContainsFunc(p.Files, func(f patch.File) bool { return f.Binary || len(f.Hunks) == 0 }) {
				continue
			}
			pairs++
			got := g.try(g.tree, []patch.Patch{*p}).status
			want := gnu(t, tool, src, p, c.text)
			seen[got]++
			same := got == want
			switch got {
			case Applied:
				same = want == "refused" && gnuReversed(t, tool, src, p, c.text)
			case Partly, Conflicts:
				same = want == "refused" || want == Missing // of several files one may be missing
				if got == Conflicts && gnuReversed(t, tool, src, p, c.text) {
					same = false
				}
			}
			if !same {
				t.Errorf("%s on %s: %s, GNU patch says %s", c.subject, ref, got, want)
			}
		}
	}
	if pairs < 500 {
		t.Errorf("%d pairs, expected at least 500", pairs)
	}
	t.Logf("%d pairs of patch and tree like GNU patch: %v", pairs, seen)
}

// TestRealExhaustive compares what the search finds with all smaller sets.
func TestRealExhaustive(t *testing.T) {
	up := xenGit(t)
	type item struct {
		xsa  int
		path string
		base Base
	}
	var items []item
	old := Base{Base: analyze.Base{ID: "4.17.0", Xen: "4.17", Tree: os.DirFS(worktree(t, up, "RELEASE-4.17.0"))}, Commit: "RELEASE-4.17.0"}
	for _, p := range youngest(t, up, "RELEASE-4.17.0", "staging-4.17", 20) {
		for _, x := range []int{484, 492, 494} {
			if filepath.Base(p) == fmt.Sprintf("xsa%d", x) {
				items = append(items, item{x, p, old})
			}
		}
	}
	if os.Getenv("LPREADY_XEN_TREE") != "" {
		for _, p := range corpus(t) {
			for _, x := range []int{490, 492} {
				if strings.HasPrefix(filepath.Base(p), fmt.Sprintf("xsa%d", x)) {
					items = append(items, item{x, p, debian(t)})
				}
			}
		}
	}
	if len(items) < 3 {
		t.Fatalf("%d recipes to compare, expected at least 3", len(items))
	}
	for _, it := range items {
		req := Request{Batch: readBatch(t, it.path), Bases: []Base{it.base}, Upstream: up}
		s := newSeries(t.Context(), &req, &req.Bases[0])
		j := s.first(req.Batch.Entries[0])
		r, err := s.span(j)
		if err != nil {
			t.Fatal(err)
		}
		got := &search{ctx: t.Context(), up: up, ground: s.ground, from: s.ground.tree, goal: j.patches, pool: r.pool}
		f, err := got.run()
		if err != nil || f == nil {
			t.Fatalf("XSA-%d on %s: %v %v", it.xsa, it.base.ID, f, err)
		}
		if err := up.read(t.Context(), r.pool); err != nil {
			t.Fatal(err)
		}
		pool := make([]*patch.Patch, len(r.pool))
		for i, c := range r.pool {
			pool[i] = up.patch(c)
		}
		start := time.Now()
		tried := 0
		for size := range len(f.set) {
			subsets(len(pool), size, func(set []int) bool {
				if !related(r.pool, set, j.patches) {
					return false
				}
				tried++
				if works(s.ground.tree, pool, set, j.patches) {
					t.Errorf("XSA-%d on %s: %v found, %v does", it.xsa, it.base.ID, f.set, set)
					return true
				}
				return false
			})
		}
		t.Logf("XSA-%d on %s: %d commits out of %d, %d applied by the search; all %d smaller sets that can matter fail (%v)",
			it.xsa, it.base.ID, len(f.set), len(pool), got.tried, tried, time.Since(start).Round(time.Millisecond))
		if !f.smallest {
			t.Errorf("XSA-%d on %s: not known to be smallest", it.xsa, it.base.ID)
		}
	}
}

// related tells whether each member of a set shares files, over others of the
// set, with the goal; a set of which this is not true does no more than a
// smaller one.
func related(pool []*commit, set []int, goal []patch.Patch) bool {
	reached := map[string]bool{}
	for _, p := range goal {
		for _, f := range p.Files {
			reached[f.OldName], reached[f.NewName] = true, true
		}
	}
	left := slices.Clone(set)
	for changed := true; changed; {
		changed = false
		left = slices.DeleteFunc(left, func(i int) bool {
			if !slices.ContainsFunc(pool[i].files, func(f string) bool { return reached[f] }) {
				return false
			}
			for _, f := range pool[i].files {
				reached[f] = true
			}
			changed = true
			return true
		})
	}
	return len(left) == 0
}

// BenchmarkStatus places the twelve recipes on five bases, trees warm.
func BenchmarkStatus(b *testing.B) {
	up := xenGit(b)
	batch := readBatch(b, corpus(b)...)
	var bases []Base
	for _, ref := range releases {
		bases = append(bases, Base{Base: analyze.Base{ID: ref, Xen: "4.17", Tree: os.DirFS(worktree(b, up, ref))}})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Place(b.Context(), Request{Batch: batch, Bases: bases}); err != nil {
			b.Fatal(err)
		}
	}
}
