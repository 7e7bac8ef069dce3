package tree

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"lpready/build/internal/run"
	"lpready/vendors"
)

// The real Debian source package, opened here, is byte for byte what dpkg-source
// makes of it.
func TestRealDSC(t *testing.T) {
	dsc, folder := os.Getenv("LPREADY_XEN_DSC"), os.Getenv("LPREADY_XEN_TREE")
	if dsc == "" || folder == "" {
		t.Skip("set LPREADY_XEN_DSC to Debian's .dsc of Xen and LPREADY_XEN_TREE to the tree that dpkg-source -x makes of it")
	}
	tree, err := Open(t.Context(), vendors.Source{Debian: vendors.Debian{DSC: dsc}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := Open(t.Context(), vendors.Source{Dir: folder}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	compare(t, content(t, tree), content(t, want))
	t.Logf("%d patches applied: %q; %d skipped; warnings %q", len(tree.Applied), tree.Applied, len(tree.Skipped), tree.Warnings)
}

// A commit read object by object is what git archive writes where, as in
// upstream's repository, nothing filters it.
func TestRealGit(t *testing.T) {
	repo := os.Getenv("LPREADY_XEN_GIT")
	if repo == "" {
		t.Skip("set LPREADY_XEN_GIT to a clone of upstream's repository")
	}
	tree, err := Open(t.Context(), vendors.Source{Git: vendors.Git{Repo: repo, Ref: "RELEASE-4.17.5"}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if tree.Commit != "430ce6cd936546ad883ecd1c85ddea32d790604b" {
		t.Errorf("commit %s", tree.Commit)
	}
	archive := filepath.Join(t.TempDir(), "xen.tar")
	cmd := run.Cmd{Name: "git", Args: []string{"-C", repo, "archive", "-o", archive, tree.Commit, "xen"}}
	if _, err := cmd.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, err := Open(t.Context(), vendors.Source{Tarball: archive}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, content(t, tree), content(t, want))
	t.Logf("warnings %q", tree.Warnings)
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if text, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		} else if text != want[name] {
			t.Errorf("%s differs", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			t.Errorf("%s should not be there", name)
		}
	}
	t.Logf("%d files compared", len(want))
}

func BenchmarkOpenDSC(b *testing.B) {
	dsc := os.Getenv("LPREADY_XEN_DSC")
	if dsc == "" {
		b.Skip("set LPREADY_XEN_DSC to Debian's .dsc of Xen")
	}
	benchmark(b, vendors.Source{Debian: vendors.Debian{DSC: dsc}})
}

func BenchmarkOpenGit(b *testing.B) {
	repo := os.Getenv("LPREADY_XEN_GIT")
	if repo == "" {
		b.Skip("set LPREADY_XEN_GIT to a clone of upstream's repository")
	}
	benchmark(b, vendors.Source{Git: vendors.Git{Repo: repo, Ref: "RELEASE-4.17.5"}})
}

func BenchmarkOpenAndReadFolder(b *testing.B) {
	folder := os.Getenv("LPREADY_XEN_TREE")
	if folder == "" {
		b.Skip("set LPREADY_XEN_TREE to a source tree of Xen")
	}
	benchmark(b, vendors.Source{Dir: folder})
}

// benchmark opens a source and reads all of it; bytes are those under xen/.
func benchmark(b *testing.B, src vendors.Source) {
	b.ReportAllocs()
	for b.Loop() {
		tree, err := Open(b.Context(), src, Options{})
		if err != nil {
			b.Fatal(err)
		}
		size := 0
		for _, text := range content(b, tree) {
			size += len(text)
		}
		b.SetBytes(int64(size))
		tree.Close()
	}
}
