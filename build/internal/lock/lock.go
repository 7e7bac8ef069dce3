// Package lock keeps runs of lpready apart that use the same folder: advisory
// locks on files, which the system drops when a process dies, however it dies.
// They hold between processes of one machine that all ask for them, and on the
// file systems that know Flock(2).
package lock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// A Lock guards what its file stands for. Who reads it shares the lock; who makes
// or removes it has the lock alone.
type Lock struct{ file *os.File }

// ErrBusy is the error, wrapped, where a lock is taken and waiting makes no sense.
var ErrBusy = errors.New("in use by another run")

// Try takes a lock, or gives ErrBusy.
func Try(path string, exclusive bool) (*Lock, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		taken, err := Flock(f, exclusive)
		if err == nil && !taken {
			err = ErrBusy
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
			return &Lock{f}, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// Wait takes a lock, waiting for it as long as the context lasts.
func Wait(ctx context.Context, path string, exclusive bool) (*Lock, error) {
	return WaitUnless(ctx, path, exclusive, func() bool { return false })
}

// WaitUnless is Wait until there is no need for the lock any more; then it gives nil. Who
// is to make what the lock stands for must not wait for it alone: whoever made it in the
// meantime may share it with others for hours.
func WaitUnless(ctx context.Context, path string, exclusive bool, needless func() bool) (*Lock, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		l, err := Try(path, exclusive)
		if !errors.Is(err, ErrBusy) {
			return l, err
		}
		if needless() {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// Release lets go of the lock.
func (l *Lock) Release() error { return l.file.Close() }

// Name is the path of the lock's file.
func (l *Lock) Name() string { return l.file.Name() }

// File is the open file, for programs that are to hold the lock, too (run.Cmd.Held).
func (l *Lock) File() *os.File { return l.file }
