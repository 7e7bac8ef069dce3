package tree

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lpready/vendors"
)

// TestPrepareChild is the other process of the tests below.
func TestPrepareChild(t *testing.T) {
	archive, cache, work := os.Getenv("LPREADY_TEST_ARCHIVE"), os.Getenv("LPREADY_TEST_CACHE"), os.Getenv("LPREADY_TEST_WORK")
	if archive == "" {
		t.Skip("runs as a child of other tests")
	}
	p := prepare(t, vendors.Source{Tarball: archive}, cache)
	if err := p.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.WorkCopy(t.Context(), work); err != nil {
		t.Error(err)
	}
}

func child(t *testing.T, archive, cache, work string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestPrepareChild$", "-test.count=1")
	cmd.Env = append(os.Environ(), "LPREADY_TEST_ARCHIVE="+archive, "LPREADY_TEST_CACHE="+cache, "LPREADY_TEST_WORK="+work)
	return cmd
}

// big makes a tarball whose preparation takes long enough to be hit.
func big(t *testing.T) string {
	t.Helper()
	files := maps.Clone(sample)
	for i := range 300 {
		files[fmt.Sprintf("xen/arch/x86/%d/file%d.c", i%20, i)] = strings.Repeat(fmt.Sprintln("int x", i), 100)
	}
	archive := filepath.Join(t.TempDir(), "xen.tar.gz")
	if err := os.WriteFile(archive, compressed(t, "gz", tarOf(t, "xen-4.17/", files)), 0o644); err != nil {
		t.Fatal(err)
	}
	return archive
}

// settled is the state of a cache but for the times of locks and manifests.
func settled(t *testing.T, cache string) map[string]string {
	s := state(t, cache)
	maps.DeleteFunc(s, func(name, _ string) bool { return strings.HasSuffix(name, ".lock") })
	for name, text := range s {
		if filepath.Base(name) == "manifest" {
			_, s[name], _ = strings.Cut(text, " ")
		}
	}
	return s
}

// A run that is killed at any point leaves nothing that is taken for whole: the
// next one ends as if there had been none before it.
func TestKilled(t *testing.T) {
	archive := big(t)
	clean, cleanWork := t.TempDir(), filepath.Join(t.TempDir(), "work")
	start := time.Now()
	if out, err := child(t, archive, clean, cleanWork).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	took := time.Since(start)
	want, wantWork := settled(t, clean), state(t, cleanWork)

	const seed = 3
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	random := rand.New(rand.NewPCG(seed, seed))
	cache, parent := t.TempDir(), t.TempDir()
	work := filepath.Join(parent, "work")
	hits := map[string]int{}
	for range rounds {
		cmd := child(t, archive, cache, work)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(random.Int64N(int64(took))), func() { cmd.Process.Kill() })
		cmd.Wait()
		kill.Stop()
		made, _ := filepath.Glob(filepath.Join(cache, "*"))
		kind := "before the entry"
		for _, name := range made {
			switch {
			case strings.HasSuffix(name, ".part"):
				kind = "half an entry"
			case entryName.MatchString(filepath.Base(name)) && kind != "half an entry":
				kind = "after the entry"
			}
		}
		if half, _ := filepath.Glob(filepath.Join(parent, ".work.work-*")); len(half) > 0 {
			kind = "half a copy"
		}
		hits[kind]++
		// What stands under its own name is whole.
		if _, err := os.Stat(work); err == nil {
			if !maps.Equal(state(t, work), wantWork) {
				t.Fatal("half a work copy is taken for whole")
			}
			if err := os.RemoveAll(work); err != nil {
				t.Fatal(err)
			}
		}
		p := prepare(t, vendors.Source{Tarball: archive}, cache)
		if err := errors.Join(p.Verify(t.Context()), p.WorkCopy(t.Context(), work), p.Close()); err != nil {
			t.Fatal(err)
		}
		if len(p.Warnings) > 0 {
			t.Fatalf("warnings %q", p.Warnings)
		}
		if !maps.Equal(settled(t, cache), want) {
			t.Fatal("the cache is not that of a clean run")
		}
		if entries, _ := os.ReadDir(parent); len(entries) != 1 || !maps.Equal(state(t, work), wantWork) {
			t.Fatalf("the work copy is not that of a clean run, or something is left: %v", entries)
		}
		if err := errors.Join(os.RemoveAll(work), remove(filepath.Join(cache, p.Key))); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("killed %d runs of %v: %v", rounds, took, hits)
}

// Runs at once on one cache do not disturb each other, in one process or many.
func TestConcurrent(t *testing.T) {
	archive := big(t)
	cache, works := t.TempDir(), t.TempDir()
	src := vendors.Source{Tarball: archive}
	var group sync.WaitGroup
	for i := range 3 {
		group.Go(func() {
			if out, err := child(t, archive, cache, filepath.Join(works, fmt.Sprint("child", i))).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
		group.Go(func() {
			p, err := Prepare(t.Context(), src, cache, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer p.Close()
			if err := errors.Join(p.Verify(t.Context()), p.WorkCopy(t.Context(), filepath.Join(works, fmt.Sprint("own", i)))); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() { // one that clears the cache meanwhile
			if _, err := Prune(cache, time.Now().AddDate(1, 0, 0), time.Hour, 0); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	var first map[string]string
	copies, err := os.ReadDir(works)
	if err != nil || len(copies) != 6 {
		t.Fatalf("copies %v, %v", copies, err)
	}
	for _, d := range copies {
		got := state(t, filepath.Join(works, d.Name()))
		if first == nil {
			first = got
		}
		if len(got) < 300 || !maps.Equal(got, first) {
			t.Errorf("%s differs", d.Name())
		}
	}
}
