package lock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// entry is one of a cache for tests, which counts how often it is filled.
func entry(path string, filled *int) *Entry {
	whole := func() bool { _, err := os.Stat(path); return err == nil }
	return &Entry{Path: path, Whole: whole, Fill: func(*Lock) error { *filled++; return os.Mkdir(path, 0o700) }}
}

// TestEntry fills an entry once, and not with what could not be made.
func TestEntry(t *testing.T) {
	filled := 0
	e := entry(filepath.Join(t.TempDir(), "a"), &filled)
	for range 2 {
		held, err := e.Use(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		held.Release()
	}
	if filled != 1 {
		t.Errorf("filled %d times", filled)
	}
	want := errors.New("no room")
	e = &Entry{Path: filepath.Join(t.TempDir(), "b"), Whole: func() bool { return false }, Fill: func(*Lock) error { return want }}
	if _, err := e.Use(t.Context(), 2); !errors.Is(err, want) {
		t.Errorf("error %v, expected %v", err, want)
	}
}

// TestLeft removes what a run left that was killed when it made or removed an entry.
func TestLeft(t *testing.T) {
	filled := 0
	e := entry(filepath.Join(t.TempDir(), "a"), &filled)
	left := []string{e.Aside(), e.Path + ".gone"}
	for _, name := range left {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	held, err := e.Use(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	for _, name := range left {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestTogether has many use an entry that is not there yet, all at the same time: who came
// late must not wait until the others have let go of it.
func TestTogether(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	path := filepath.Join(t.TempDir(), "a")
	var filled atomic.Int32
	const users = 20
	var asked, have, done sync.WaitGroup
	asked.Add(users)
	have.Add(users)
	for range users {
		var first sync.Once
		e := &Entry{Path: path,
			Whole: func() bool {
				first.Do(func() { asked.Done(); asked.Wait() })
				_, err := os.Stat(path)
				return err == nil
			},
			Fill: func(*Lock) error { filled.Add(1); return os.Mkdir(path, 0o700) }}
		done.Go(func() {
			held, err := e.Use(ctx, 2)
			have.Done()
			if err != nil {
				t.Error(err)
				return
			}
			have.Wait()
			held.Release()
		})
	}
	done.Wait()
	if filled.Load() != 1 {
		t.Errorf("filled %d times", filled.Load())
	}
}

// TestPruned removes what was used longest ago, and leaves what is in use.
func TestPruned(t *testing.T) {
	store, filled := t.TempDir(), 0
	for n, name := range []string{"held", "old", "new"} {
		held, err := entry(filepath.Join(store, name), &filled).Use(t.Context(), 3)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(n-10) * time.Hour)
		if err := os.Chtimes(held.Name(), at, at); err != nil {
			t.Fatal(err)
		}
		if name == "held" {
			defer held.Release()
		} else {
			held.Release()
		}
	}
	held, err := entry(filepath.Join(store, "next"), &filled).Use(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	left, err := filepath.Glob(filepath.Join(store, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if want := []string{"held", "held.lock", "new", "new.lock", "next", "next.lock"}; !slices.Equal(left, want) {
		t.Errorf("left are %q, expected %q", left, want)
	}
}
