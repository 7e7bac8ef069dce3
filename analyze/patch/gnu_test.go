package patch

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// findGNU is the path of GNU patch, or skips the test.
func findGNU(t testing.TB) string {
	t.Helper()
	tool, err := exec.LookPath("patch")
	if err != nil {
		t.Skip("GNU patch is missing: install the package patch to compare with it")
	}
	if v, _ := exec.Command(tool, "--version").Output(); !bytes.HasPrefix(v, []byte("GNU patch 2.7")) {
		t.Skipf("%s is not GNU patch 2.7", tool)
	}
	return tool
}

// An outcome is what became of one hunk.
type outcome struct {
	at, offset int
	failed     bool
}

var hunkLine = regexp.MustCompile(`(?m)^Hunk #\d+ (succeeded|FAILED|ignored) at (-?\d+)(?: \(offset (-?\d+) lines?\))?`)

// gnu applies a patch in dir and says what became of its hunks.
func gnu(t *testing.T, tool, dir, text string) (ok bool, hunks []outcome, log string) {
	t.Helper()
	cmd := exec.Command(tool, "-N", "-p1", "--fuzz=0", "--verbose", "--no-backup-if-mismatch", "-r", "-")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(text)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "POSIXLY_CORRECT=", "PATCH_GET=0")
	cmd.Env = slices.DeleteFunc(cmd.Env, func(s string) bool { return strings.HasPrefix(s, "POSIXLY_CORRECT") })
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); err != nil && code != 1 {
		t.Fatalf("patch: %v\n%s\n%s", err, out, text)
	}
	for _, m := range hunkLine.FindAllStringSubmatch(string(out), -1) {
		at, _ := strconv.Atoi(m[2])
		offset, _ := strconv.Atoi(m[3])
		hunks = append(hunks, outcome{at, offset, m[1] != "succeeded"})
	}
	return err == nil, hunks, string(out)
}

// ours applies patches as Tree.Apply does, but keeps what applies of a patch
// that fails as a whole.
func ours(t *testing.T, tree *Tree, patches []Patch) (ok bool, hunks []outcome) {
	t.Helper()
	ok = true
	for i := range patches {
		run := run{before: tree, tree: tree.Fork(), written: map[string]bool{}}
		for j := range patches[i].Files {
			r, err := run.apply(&patches[i].Files[j])
			if err != nil {
				t.Fatal(err)
			}
			ok = ok && Report{[]FileReport{r}}.OK()
			for _, h := range r.Hunks {
				hunks = append(hunks, outcome{h.At, h.Offset, h.Failed})
			}
		}
		tree.changed = run.tree.changed
	}
	return ok, hunks
}

func writeTree(t *testing.T, dir string, tree map[string]string) {
	t.Helper()
	for name, text := range tree {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func readTree(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		tree[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// overlaid is the whole content of a tree whose base is a map.
func overlaid(t *testing.T, tree *Tree, base map[string]string) map[string]string {
	t.Helper()
	all := map[string]string{}
	maps.Copy(all, base)
	for _, name := range tree.Changed() {
		if !tree.Exists(name) {
			delete(all, name)
			continue
		}
		data, err := tree.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(data)
	}
	return all
}

// difference describes how ours departs from GNU patch in one scene, "" if it
// does not.
func difference(t *testing.T, tool string, s scene) (diff string, ok bool) {
	t.Helper()
	dir := t.TempDir()
	defer os.RemoveAll(dir)
	writeTree(t, dir, s.tree)
	wantOK, wantHunks, log := gnu(t, tool, dir, s.patch)
	want := readTree(t, os.DirFS(dir))

	base := fstest.MapFS{}
	for name, text := range s.tree {
		base[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	patches, err := Parse("scene.patch", strings.NewReader(s.patch))
	if err != nil {
		t.Fatalf("%v\n%s", err, s.patch)
	}
	tree := NewTree(base)
	gotOK, gotHunks := ours(t, tree, patches)
	got := overlaid(t, tree, s.tree)
	if gotOK != wantOK || !slices.Equal(gotHunks, wantHunks) || !maps.Equal(got, want) {
		return fmt.Sprintf("got  %v %v\nwant %v %v\ngot tree  %q\nwant tree %q\nbefore %q\n%s\n%s",
			gotOK, gotHunks, wantOK, wantHunks, got, want, s.tree, s.patch, log), wantOK
	}
	return "", wantOK
}

var scenes = flag.Int("scenes", 1000, "how many random scenes to compare with GNU patch")

// TestLikeGNU compares with GNU patch on random scenes: which hunks apply,
// where, and what the files are afterwards, also where a part is rejected.
func TestLikeGNU(t *testing.T) {
	tool := findGNU(t)
	n := *scenes
	if testing.Short() {
		n = 200
	}
	applied, rejected := 0, 0
	for seed := range n {
		s := maker{rand.New(rand.NewPCG(uint64(seed), 480))}.scene()
		if s.patch == "" {
			continue
		}
		diff, ok := difference(t, tool, s)
		if diff != "" {
			t.Fatalf("scene %d:\n%s", seed, diff)
		}
		if ok {
			applied++
		} else {
			rejected++
		}
	}
	t.Logf("%d scenes like GNU patch: %d applied, %d rejected wholly or in part", applied+rejected, applied, rejected)
}
