package port

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
)

// A lab is a git repository with a made-up history of a made-up hypervisor,
// and the means to cut recipes from it.
type lab struct {
	t   testing.TB
	dir string
	day int
}

// newLab makes a repository whose branch staging-4.17 starts with some files,
// tagged RELEASE-4.17.0. It skips the test where git is absent.
func newLab(t testing.TB) *lab {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is missing: install the package git for a repository to look for prerequisites in")
	}
	l := &lab{t: t, dir: t.TempDir()}
	l.git("init", "-q", "-b", "staging-4.17")
	l.write("xen/Makefile", "export XEN_VERSION       = 4\nexport XEN_SUBVERSION    = 17\nexport XEN_EXTRAVERSION ?= .0$(XEN_VENDORVERSION)\n")
	l.write("xen/common/pool.c", numbered("pool", 60))
	l.write("xen/common/queue.c", numbered("queue", 60))
	l.write("tools/quay.c", numbered("quay", 30))
	l.commit("start", "")
	l.git("tag", "RELEASE-4.17.0")
	return l
}

// numbered is a text of distinct lines.
func numbered(word string, n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "    %s_line(%d);\n", word, i)
	}
	return b.String()
}

func (l *lab) git(args ...string) string {
	l.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", l.dir, "-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"}, args...)...)
	when := time.Date(2030, 1, 1+l.day, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "TZ=UTC",
		"GIT_AUTHOR_NAME=Ada Quay", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=Ada Quay", "GIT_COMMITTER_EMAIL=ada@example.org",
		"GIT_AUTHOR_DATE=" + when, "GIT_COMMITTER_DATE=" + when}
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (l *lab) write(name, text string) {
	l.t.Helper()
	name = filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// edit replaces text in a file, which must hold it once.
func (l *lab) edit(name, old, new string) {
	l.t.Helper()
	data, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.t.Fatal(err)
	}
	if strings.Count(string(data), old) != 1 {
		l.t.Fatalf("%s holds %q %d times", name, old, strings.Count(string(data), old))
	}
	l.write(name, strings.Replace(string(data), old, new, 1))
}

// commit commits all changes and gives the hash.
func (l *lab) commit(subject, body string) string {
	l.t.Helper()
	l.day++
	l.git("add", "-A")
	l.git("commit", "-q", "-m", subject+"\n\n"+body+"\n\nSigned-off-by: Ada Quay <ada@example.org>")
	return strings.TrimSpace(l.git("rev-parse", "HEAD"))
}

// change is edit and commit.
func (l *lab) change(subject, body, name, old, new string) string {
	l.t.Helper()
	l.edit(name, old, new)
	return l.commit(subject, body)
}

// recipe cuts a commit out as a patch file, takes it off the branch again where
// it should not be there, and gives the path.
func (l *lab) recipe(name, ref string) string {
	l.t.Helper()
	path := filepath.Join(l.t.TempDir(), name)
	text := l.git("format-patch", "-1", "--stdout", "--zero-commit", ref)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// tree is a commit as a folder.
func (l *lab) tree(ref string) string {
	l.t.Helper()
	dir := l.t.TempDir()
	l.git("--work-tree="+dir, "checkout", "-q", ref, "--", ".")
	l.git("reset", "-q", "--hard")
	return dir
}

func (l *lab) base(ref string) Base {
	return Base{Base: analyze.Base{ID: "quay", Xen: "4.17", Tree: os.DirFS(l.tree(ref))}, Commit: ref}
}

func (l *lab) upstream() *Upstream {
	l.t.Helper()
	u, err := OpenUpstream(l.t.Context(), l.dir)
	if err != nil {
		l.t.Fatal(err)
	}
	return u
}

// port places recipes and gives the cells by XSA.
func port(t testing.TB, req Request, paths ...string) (map[int]Cell, *Result) {
	t.Helper()
	req.Batch = readBatch(t, paths...)
	r, err := Place(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	cells := map[int]Cell{}
	for _, c := range r.Report.Cells {
		cells[c.XSA] = c
	}
	return cells, r
}
