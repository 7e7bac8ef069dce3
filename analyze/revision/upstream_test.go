package revision

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"lpready/analyze/advisory"
	"lpready/analyze/patch"
)

// upstream is Xen's own repository.
type upstream struct {
	t   testing.TB
	dir string
}

func openUpstream(t testing.TB) upstream {
	t.Helper()
	dir := os.Getenv("LPREADY_XEN_GIT")
	if dir == "" {
		t.Skip("LPREADY_XEN_GIT is not set: it names a clone of Xen's repository with the branches staging-4.17 and staging-4.18")
	}
	return upstream{t, dir}
}

func (u upstream) git(args ...string) []byte {
	u.t.Helper()
	out, err := exec.Command("git", append([]string{"-C", u.dir}, args...)...).Output()
	if err != nil {
		u.t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return out
}

var ownXSA = regexp.MustCompile(`(?m)^\s*This is (?:part of )?(?:CVE-[\d-]+ */ *)?XSA-(\d{3})\b`)

// fixes lists the commits of each XSA on a branch since its release, oldest first.
func (u upstream) fixes(branch, since string) map[string][]string {
	byXSA := map[string][]string{}
	for record := range strings.SplitSeq(string(u.git("log", "--reverse", "--format=%H%n%b%x00", since+".."+branch)), "\x00") {
		commit, body, _ := strings.Cut(strings.TrimLeft(record, "\n"), "\n")
		if m := ownXSA.FindStringSubmatch(body); m != nil {
			byXSA[m[1]] = append(byXSA[m[1]], commit)
		}
	}
	return byXSA
}

// series makes the patches of commits, as a version of an advisory would have them.
func (u upstream) series(dir, xsa string, commits []string) {
	for i, c := range commits {
		data := u.git("format-patch", "-1", "--stdout", "--no-signature", c)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("xsa%s-%02d.patch", xsa, i+1)), data, 0o600); err != nil {
			u.t.Fatal(err)
		}
	}
}

// standIns takes the recipes of one XSA for 4.17 and for 4.18 as two versions of
// it: no revised advisory of the last years is public in both of its versions.
func standIns(t testing.TB) (u upstream, old, fresh *advisory.Batch, commits map[string][]string) {
	u = openUpstream(t)
	a, b := u.fixes("staging-4.17", "RELEASE-4.18.0^{commit}"), u.fixes("staging-4.18", "RELEASE-4.18.0^{commit}")
	before, after := t.TempDir(), t.TempDir()
	for xsa := range a {
		if b[xsa] == nil {
			delete(a, xsa)
			continue
		}
		u.series(before, xsa, a[xsa])
		u.series(after, xsa, b[xsa])
	}
	return u, readBatch(t, before), readBatch(t, after), a
}

// TestStandIns compares the 4.17 and 4.18 recipes of each XSA by text, and where
// both apply to the parent of the 4.17 commits holds the verdict to the result.
func TestStandIns(t *testing.T) {
	u, old, fresh, commits := standIns(t)
	start := time.Now()
	report, err := Compare(context.Background(), Request{Old: old, New: fresh, Generated: at})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	kinds := map[Kind]int{}
	checked, equal := 0, 0
	for _, c := range report.Cells {
		v := &c.Revision
		kinds[v.Kind]++
		xsa := fmt.Sprint(c.XSA)
		was, is := seriesOf(t, old, c.XSA, v.Before.Patches), seriesOf(t, fresh, c.XSA, c.Patches)
		tree := patch.NewTree(u.tree(commits[xsa][0]+"^", filesTouched(was, is)))
		x, ok := applied(tree, was)
		y, ok2 := applied(tree, is)
		if !ok || !ok2 || x.partial || y.partial {
			continue
		}
		checked++
		same := true
		for _, name := range filesTouched(was, is) {
			p, _ := x.tree.ReadFile(name)
			q, _ := y.tree.ReadFile(name)
			same = same && bytes.Equal(p, q)
		}
		if same {
			equal++
		}
		if !same && rank(v.Kind) <= rank(Context) {
			t.Errorf("XSA-%s: %s, but the results on 4.17 differ", xsa, v.Kind)
		}
		if same && v.Kind == Code {
			t.Errorf("XSA-%s: %s, but the results on 4.17 are the same: %v", xsa, v.Kind, v.Changes)
		}
	}
	t.Logf("%d stand-ins (4.17 and 4.18 recipes of one XSA) in %v: %v; %d checked on the 4.17 parent, same result for %d", len(report.Cells), took, kinds, checked, equal)
	if len(report.Cells) < 20 || checked < 10 {
		t.Errorf("%d stand-ins, %d checked: expected more", len(report.Cells), checked)
	}
}

func seriesOf(t *testing.T, b *advisory.Batch, xsa int, names []string) *series {
	t.Helper()
	i := slices.IndexFunc(b.Entries, func(e *advisory.Entry) bool { return e.XSA == xsa })
	s, err := read(b.Entries[i], names)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tree holds the named files as they are at a commit.
func (u upstream) tree(commit string, names []string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, name := range names {
		if data, err := exec.Command("git", "-C", u.dir, "show", commit+":"+name).Output(); err == nil {
			files[name] = &fstest.MapFile{Data: data}
		}
	}
	return files
}

func BenchmarkStandIns(b *testing.B) {
	_, old, fresh, _ := standIns(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compare(context.Background(), Request{Old: old, New: fresh, Generated: at}); err != nil {
			b.Fatal(err)
		}
	}
}
