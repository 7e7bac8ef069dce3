package lock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// An Entry is a folder of a cache, with what was costly to make. Its lock lies beside it
// (NAME.lock), and the lock's time says when it was last used.
type Entry struct {
	Path  string
	Whole func() bool             // all of it is there
	Fill  func(alone *Lock) error // makes it; there is nothing at Path, and nobody else looks
}

const suffix = ".lock"

// Use gives a lock on an entry that is whole, and has it filled first where it is not;
// then those of the cache that were used longest ago go, until it holds keep. While the
// lock is held the entry stays.
func (e *Entry) Use(ctx context.Context, keep int) (*Lock, error) {
	for {
		shared, err := Wait(ctx, e.Path+suffix, false)
		if err != nil {
			return nil, err
		}
		if e.Whole() {
			now := time.Now()
			if err := os.Chtimes(shared.Name(), now, now); err != nil {
				return nil, errors.Join(err, shared.Release())
			}
			return shared, nil
		}
		if err := errors.Join(shared.Release(), e.fill(ctx, keep)); err != nil {
			return nil, err
		}
	}
}

// fill makes the entry, unless another run has just done so.
func (e *Entry) fill(ctx context.Context, keep int) error {
	alone, err := WaitUnless(ctx, e.Path+suffix, true, e.Whole)
	if alone == nil {
		return err
	}
	defer alone.Release()
	if e.Whole() {
		return nil
	}
	if err := os.RemoveAll(e.Path); err != nil {
		return err
	}
	prune(filepath.Dir(e.Path), keep)
	return e.Fill(alone)
}

// prune removes the entries that were used longest ago and are not in use. What cannot
// be removed now is left to the next run.
func prune(store string, keep int) {
	locks, err := filepath.Glob(filepath.Join(store, "*"+suffix))
	if err != nil || len(locks) <= keep {
		return
	}
	used := func(name string) time.Time {
		info, err := os.Stat(name)
		if err != nil {
			return time.Time{}
		}
		return info.ModTime()
	}
	slices.SortFunc(locks, func(x, y string) int { return used(x).Compare(used(y)) })
	for _, name := range locks[:len(locks)-keep] {
		alone, err := Try(name, true)
		if err != nil {
			continue
		}
		if os.RemoveAll(strings.TrimSuffix(name, suffix)) == nil {
			os.Remove(name)
		}
		alone.Release()
	}
}
