package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"lpready/build/internal/lock"
)

// WorkCopy makes a copy of the tree that may be written to, in a folder that must
// not exist yet. Times are kept, so that make knows what is built.
//
// Where the file system can, a file of the copy shares its blocks with the cache
// until it is written to (reflink); else it is copied. Hard links would be cheap
// everywhere, but a build writes in place (a shell's >, sed -i on some systems,
// Kconfig, generated headers), and through a hard link it would write into the
// cache, for root even though the files are read only. They would be safe only
// between entries of the cache, whose files nobody writes to.
//
// The copy is made aside and renamed: a killed run leaves no half a copy. What it
// leaves, .NAME.work-* beside it, is removed by the next WorkCopy of that name.
// The copy is not brought to the disk; it is scratch.
func (p *Prepared) WorkCopy(ctx context.Context, dir string) (err error) {
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("work copy %s: it exists; expected a new folder", dir)
	}
	parent, pattern := filepath.Dir(dir), "."+filepath.Base(dir)+".work-*"
	if inside, err := within(parent, filepath.Dir(filepath.Dir(p.Dir))); err != nil || inside {
		return errors.Join(err, fmt.Errorf("work copy %s: expected a folder outside the cache", dir))
	}
	sweepCopies(parent, pattern)
	aside, hold, err := newCopy(parent, pattern)
	if err != nil {
		return fmt.Errorf("work copy: %w", err)
	}
	defer hold.Close()
	if err = p.copyTo(ctx, aside); err == nil {
		err = os.Rename(aside, dir)
	}
	if err != nil {
		return fmt.Errorf("work copy: %w", errors.Join(err, remove(aside)))
	}
	return nil
}

// newCopy makes a folder for a copy that is being made, with a lock on it that
// tells others so.
func newCopy(parent, pattern string) (string, *os.File, error) {
	for {
		dir, err := os.MkdirTemp(parent, pattern)
		if err != nil {
			return "", nil, err
		}
		hold, err := os.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another run took it for a left one
		}
		if err != nil {
			return "", nil, err
		}
		taken, err := lock.Flock(hold, true)
		if err == nil && taken {
			if _, err = os.Lstat(dir); err == nil {
				return dir, hold, nil
			}
		}
		hold.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", nil, errors.Join(err, os.Remove(dir))
		}
	}
}

// within tells whether a folder lies in the cache.
func within(dir, cache string) (bool, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return false, err
	}
	if cache, err = filepath.EvalSymlinks(cache); err != nil {
		return false, err
	}
	rel, err := filepath.Rel(cache, real)
	return err == nil && filepath.IsLocal(rel), nil
}

// sweepCopies removes copies that killed runs left half made.
func sweepCopies(parent, pattern string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, d := range entries {
		if match, err := filepath.Match(pattern, d.Name()); err != nil || !match || !d.IsDir() {
			continue
		}
		path := filepath.Join(parent, d.Name())
		if f, err := os.Open(path); err == nil {
			if mine, err := lock.Flock(f, true); mine && err == nil {
				remove(path)
			}
			f.Close()
		}
	}
}

// copyTo fills a folder that this run has made. Names are those of the manifest,
// none of which leads through a symbolic link.
func (p *Prepared) copyTo(ctx context.Context, dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	made := map[string]bool{".": true}
	for _, e := range p.manifest.Files {
		if sub := filepath.Dir(e.Name); !made[sub] {
			made[sub] = true
			if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &copier{from: p.Dir, to: dir}
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 8) {
		group.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(p.manifest.Files) && ctx.Err() == nil; i = next.Add(1) - 1 {
				e := &p.manifest.Files[i]
				if err := c.copy(e); err != nil {
					cancel(fmt.Errorf("%s: %w", e.Name, err))
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

type copier struct {
	from, to string
	apart    atomic.Bool // the file system cannot share blocks
}

func (c *copier) copy(e *entry) error {
	name := filepath.Join(c.to, e.Name)
	if e.Target != "" {
		return os.Symlink(e.Target, name)
	}
	from, err := os.Open(filepath.Join(c.from, e.Name))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, e.mode()|0o200)
	if err != nil {
		return err
	}
	if err := errors.Join(c.content(to, from, e.Size), to.Close()); err != nil {
		return err
	}
	stamp := time.Unix(0, e.Time)
	return os.Chtimes(name, stamp, stamp)
}

func (c *copier) content(to, from *os.File, size int64) error {
	if !c.apart.Load() {
		if reflink(to, from) == nil {
			return nil
		}
		c.apart.Store(true)
	}
	n, err := io.Copy(to, from)
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes, expected %d: %w", n, size, errChanged)
	}
	return err
}

// syncAll brings every file and folder below dir to the disk.
func syncAll(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() == fs.ModeSymlink {
			return err
		}
		return syncDir(name)
	})
}

// syncDir brings a folder, or a file, to the disk.
func syncDir(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
