package tree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// A lock guards one entry of the cache. Who reads the entry shares it; who makes
// or removes the entry has it alone.
type lock struct{ file *os.File }

// errBusy is the error, wrapped, where a lock is taken and waiting makes no sense.
var errBusy = errors.New("in use by another run")

// tryLock takes a lock, or gives errBusy.
func tryLock(path string, exclusive bool) (*lock, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		taken, err := flock(f, exclusive)
		if err == nil && !taken {
			err = errBusy
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		// The file may have been removed, with its entry, while we took the lock:
		// a lock on a file that nobody else finds is none.
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		named, err := os.Stat(path)
		if err == nil && os.SameFile(mine, named) {
			return &lock{f}, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// waitLock takes a lock, waiting for it as long as the context lasts.
func waitLock(ctx context.Context, path string, exclusive bool) (*lock, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		l, err := tryLock(path, exclusive)
		if !errors.Is(err, errBusy) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// release lets go of the lock.
func (l *lock) release() error { return l.file.Close() }
