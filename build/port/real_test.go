package port

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/advisory"
)

// debianCommit is the upstream commit of Debian's 4.17.5+72-g01140da4e8-1.
const debianCommit = "01140da4e8babe1e79d845b9117c1f9e6a057d0a"

// shared is a folder beside the checkout with what must not be in it.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
	}
	name = filepath.Join(filepath.Dir(dir), "shared", name)
	if _, err := os.Stat(name); err != nil {
		t.Skipf("%s is missing: the fixes of twelve XSAs as patches", name)
	}
	return name
}

// corpus is the paths of the twelve recipes, by number.
func corpus(t testing.TB) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(shared(t, "corpus"), "xsa*"))
	if err != nil || len(all) != 12 {
		t.Fatalf("%d recipes in the corpus, expected 12: %v", len(all), err)
	}
	return all
}

func readBatch(t testing.TB, paths ...string) *advisory.Batch {
	t.Helper()
	b, err := advisory.Read(t.Context(), paths, advisory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func debian(t testing.TB) Base {
	t.Helper()
	dir := os.Getenv("LPREADY_XEN_TREE")
	if dir == "" {
		t.Skip("set LPREADY_XEN_TREE to the tree that dpkg-source -x makes of Debian's Xen 4.17.5+72")
	}
	return Base{Base: analyze.Base{ID: "debian", Xen: "4.17", Tree: os.DirFS(dir)}, Commit: debianCommit}
}

func xenGit(t testing.TB) *Upstream {
	t.Helper()
	dir := os.Getenv("LPREADY_XEN_GIT")
	if dir == "" {
		t.Skip("set LPREADY_XEN_GIT to a clone of upstream's repository")
	}
	u, err := OpenUpstream(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func describe(c *Cell) string {
	var b strings.Builder
	p := c.Port
	fmt.Fprintf(&b, "XSA-%d %s", c.XSA, p.Status)
	if p.Alone != "" {
		fmt.Fprintf(&b, " (alone %s)", p.Alone)
	}
	for _, q := range p.Prerequisites {
		fmt.Fprintf(&b, "\n    needs %s %.10s %s [%s]: %s", q.Name, q.Commit, q.Subject, q.Class, q.Why)
	}
	if p.Search != nil {
		fmt.Fprintf(&b, "\n    search %+v", *p.Search)
	}
	for _, m := range p.Misfits {
		fmt.Fprintf(&b, "\n    misfit %+v", m)
	}
	for _, d := range append(slices.Clone(p.Detail), p.Clashes...) {
		fmt.Fprintf(&b, "\n    %s", d)
	}
	return b.String()
}

// TestRealOneByOne places each of the twelve recipes on Debian's plain tree.
func TestRealOneByOne(t *testing.T) {
	base, up := debian(t), xenGit(t)
	needs := map[int][]string{}
	for _, p := range corpus(t) {
		start := time.Now()
		r, err := Place(t.Context(), Request{Batch: readBatch(t, p), Bases: []Base{base}, Upstream: up})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Report.Cells {
			for _, q := range c.Port.Prerequisites {
				needs[c.XSA] = append(needs[c.XSA], q.Commit)
			}
			t.Logf("%s (%v)", describe(&c), time.Since(start).Round(time.Millisecond))
		}
	}
	// The SRSO commit does not apply to the plain tree by itself: it builds on
	// the fix of XSA-488.
	want := map[int][]string{490: {"57d0c0cdde8ad6c8d54251827edc7689347e6a3e", srso}, 492: {getdomaininfo}}
	if !reflect.DeepEqual(needs, want) {
		t.Errorf("needs %v, expected %v", needs, want)
	}
}

// Commits of staging-4.17 behind Debian's: what XSA-490 and XSA-492 build on.
const (
	srso          = "550d632f9b7e2599b8485246aa33d7d01cb95d47" // x86/spec-ctrl: Support for SRSO_U/S_NO and SRSO_MSR_FIX
	getdomaininfo = "c5915a56fb49d635447586b121f5dcd44537935e" // xen/xsm: make getdomaininfo xsm dummy checks more stringent
)

// TestRealTogether places the batch as a whole.
func TestRealTogether(t *testing.T) {
	base, up := debian(t), xenGit(t)
	start := time.Now()
	r, err := Place(t.Context(), Request{Batch: readBatch(t, corpus(t)...), Bases: []Base{base}, Upstream: up})
	if err != nil {
		t.Fatal(err)
	}
	needs := map[int][]string{}
	for _, c := range r.Report.Cells {
		t.Logf("%s", describe(&c))
		for _, q := range c.Port.Prerequisites {
			needs[c.XSA] = append(needs[c.XSA], cmp.Or(q.Commit, q.Name))
		}
	}
	if want := map[int][]string{490: {"XSA-488", srso}, 492: {getdomaininfo}}; !reflect.DeepEqual(needs, want) {
		t.Errorf("needs %v, expected %v", needs, want)
	}
	if err := r.Write(filepath.Join(t.TempDir(), "out"), nil); err != nil {
		t.Error(err)
	}
	t.Logf("%v %v in %v", r.Report.Totals, r.Report.Warnings, time.Since(start).Round(time.Millisecond))
}

// youngest writes the fixes of the n youngest XSAs of a branch as recipes, with
// .meta files that name the commit before the first of each.
func youngest(t testing.TB, up *Upstream, from, branch string, n int) (paths []string) {
	t.Helper()
	list, err := up.between(t.Context(), from, branch)
	if err != nil {
		t.Fatal(err)
	}
	type fix struct {
		commits []*commit
		ref     string
	}
	fixes := map[int]*fix{}
	var order []int
	for i, c := range list {
		var x int
		for _, m := range isXSA.FindAllStringSubmatch(c.message, -1) {
			fmt.Sscan(m[1], &x)
		}
		if x == 0 {
			continue
		}
		if fixes[x] == nil {
			fixes[x] = &fix{ref: list[max(i-1, 0)].hash}
		}
		fixes[x].commits = append(fixes[x].commits, c)
		order = append(slices.DeleteFunc(order, func(o int) bool { return o == x }), x)
	}
	order = order[max(len(order)-n, 0):]
	slices.Sort(order)
	dir := t.TempDir()
	for _, x := range order {
		f := fixes[x]
		if err := up.read(t.Context(), f.commits); err != nil {
			t.Fatal(err)
		}
		sub := filepath.Join(dir, fmt.Sprintf("xsa%d", x))
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		var names []string
		for i, c := range f.commits {
			name := fmt.Sprintf("xsa%d-4.17-%02d.patch", x, i+1)
			names = append(names, `"`+name+`"`)
			if err := os.WriteFile(filepath.Join(sub, name), c.text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		meta := fmt.Sprintf(`{"XSA":%d,"SupportedVersions":["4.17"],"Trees":["xen"],"Recipes":{"4.17":{"Recipes":{"xen":{"StableRef":"%s","Prereqs":[],"Patches":[%s]}}}}}`,
			x, f.ref, strings.Join(names, ","))
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("xsa%d.meta", x)), []byte(meta), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, sub)
	}
	return paths
}

// worktree is a commit of the repository as a folder, all of it.
func worktree(t testing.TB, up *Upstream, ref string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "tree.tar")
	if _, err := up.git(t.Context(), nil, "archive", "-o", file, ref); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-xf", file, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	return dir
}

// TestRealOld places the twenty youngest XSAs of 4.17 on its first release.
func TestRealOld(t *testing.T) {
	up := xenGit(t)
	paths := youngest(t, up, "RELEASE-4.17.0", "staging-4.17", 20)
	if len(paths) != 20 {
		t.Fatalf("%d XSAs, expected 20", len(paths))
	}
	base := Base{Base: analyze.Base{ID: "4.17.0", Xen: "4.17", Tree: os.DirFS(worktree(t, up, "RELEASE-4.17.0"))}, Commit: "RELEASE-4.17.0"}
	fits, solved, human := 0, 0, 0
	var times []time.Duration
	for _, p := range paths {
		batch := readBatch(t, p)
		start := time.Now()
		r, err := Place(t.Context(), Request{Batch: batch, Bases: []Base{base}, Upstream: up})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		c := &r.Report.Cells[0]
		switch {
		case c.Port.Ready():
			fits++
		case len(c.Port.Prerequisites) > 0:
			solved++
		default:
			human++
		}
		if c.Port.Search != nil {
			times = append(times, took)
		}
		t.Logf("%s (%v)", describe(c), took.Round(time.Millisecond))
	}
	slices.Sort(times)
	t.Logf("one by one: %d apply, %d solved by prerequisites, %d left; median of %d searches %v, longest %v", fits, solved, human, len(times), times[len(times)/2], times[len(times)-1])
	start := time.Now()
	r, err := Place(t.Context(), Request{Batch: readBatch(t, paths...), Bases: []Base{base}, Upstream: up})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(filepath.Join(t.TempDir(), "out"), nil); err != nil {
		t.Error(err)
	}
	fits, solved, human = 0, 0, 0
	for i := range r.Report.Cells {
		switch c := &r.Report.Cells[i]; {
		case c.Port.Ready():
			fits++
		case c.Port.Order > 0:
			solved++
		default:
			human++
			t.Log(describe(c))
		}
	}
	t.Logf("together: %d apply, %d with prerequisites, %d left, in %v", fits, solved, human, time.Since(start).Round(time.Millisecond))
}
