package lock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// An Entry is a folder of a cache, with what was costly to make. Its lock lies beside it
// (NAME.lock), and the lock's time says when it was last taken. NAME.gone is one that is
// being removed: without a lock on NAME it is what a killed run left, as is NAME.new.
type Entry struct {
	Path  string
	Whole func() bool             // all of it is there; it is asked while Fill is at work, too
	Fill  func(alone *Lock) error // makes it; there is nothing at Path and Aside
}

const suffix = ".lock"

// Aside is where Fill can make the entry, to rename it when it is whole.
func (e *Entry) Aside() string { return e.Path + ".new" }

// Use gives a lock on an entry that is whole, and has it filled first where it is not:
// then those of the cache that were used longest ago make room, so that it holds keep and
// those that are in use. While the lock is held the entry stays.
func (e *Entry) Use(ctx context.Context, keep int) (*Lock, error) {
	for {
		shared, err := Wait(ctx, e.Path+suffix, false)
		if err != nil {
			return nil, err
		}
		if e.Whole() {
			if err := shared.touch(); err != nil {
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
	if err := remove(e.Path); err != nil {
		return err
	}
	prune(filepath.Dir(e.Path), keep)
	if err := e.Fill(alone); err != nil {
		return err
	}
	return alone.touch() // it is not the oldest, though its lock may have lain there
}

// touch says that what the lock stands for is used now.
func (l *Lock) touch() error {
	now := time.Now()
	return os.Chtimes(l.Name(), now, now)
}

// remove takes an entry away, which must not look whole at any time until it is gone.
func remove(path string) error {
	gone := path + ".gone"
	if err := errors.Join(os.RemoveAll(gone), os.RemoveAll(path+".new")); err != nil {
		return err
	}
	if err := os.Rename(path, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(gone)
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
		if remove(strings.TrimSuffix(name, suffix)) == nil {
			os.Remove(name)
		}
		alone.Release()
	}
}
