package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"lpready/build/internal/lock"
	"lpready/vendors"
)

// A Prepared tree lies in the cache: the whole source with its patches applied,
// files and folders read only. Nobody ever writes to it; work is done in copies
// (WorkCopy). While it is open no other run removes it.
type Prepared struct {
	Tree        // rooted where xen/ is; all of Applied, nothing Skipped
	Dir  string // where it lies, for programs; to be read only
	Key  string // names what it was made from, by content

	manifest *manifest
	lock     *lock.Lock
}

// Close lets go of the tree. It stays in the cache.
func (p *Prepared) Close() error {
	return errors.Join(p.Tree.Close(), p.lock.Release())
}

// Prepare gives the whole tree of a source from the cache, and makes it first if
// it is not there. cacheDir is a folder of the user's; empty is lpready/trees in
// os.UserCacheDir. It is created with mode 0700, since patches may be secret.
//
// An entry is named by the digest of all that it is made from: tarball, patches,
// commit, spec. It is written aside, brought to the disk, and only then renamed;
// a lock, which the system drops when a process dies, keeps runs apart. So a run
// that is killed at any point leaves nothing that another would take for a whole
// tree, and what it left is removed by the next run that makes an entry. An entry
// is checked when it is opened: every file must be there with the size, mode and
// time that its manifest says, and nothing else. One that was changed is made
// anew, with a warning. Verify checks contents as well.
//
// Empty folders of a source are not kept, nor are modes beyond who may run a file.
//
// The caller closes the tree.
func Prepare(ctx context.Context, src vendors.Source, cacheDir string, opt Options) (*Prepared, error) {
	o := &opener{ctx: ctx, limits: opt.Limits.orDefault(), whole: true}
	in, err := o.inputs(src, opt.Look)
	if err != nil {
		return nil, err
	}
	s, err := openStore(cacheDir)
	if err != nil {
		return nil, err
	}
	p, err := s.get(ctx, in.key(), func(dir string) (*manifest, error) {
		return o.make(src, opt.Look, in, dir)
	})
	if err != nil {
		return nil, err
	}
	p.From, p.Commit = in.from, in.commit
	p.Warnings = slices.Concat(p.Warnings, p.manifest.Warnings, in.warnings)
	return p, nil
}

// make writes the tree of a source into a new folder.
func (o *opener) make(src vendors.Source, look []string, in *inputs, dir string) (*manifest, error) {
	t, err := o.source(src, look)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	m, err := o.write(dir, t)
	if err != nil {
		return nil, err
	}
	// What was read must be what the key says.
	again, err := o.inputs(src, look)
	if err != nil {
		return nil, err
	}
	if again.key() != in.key() {
		return nil, fmt.Errorf("%s: it was changed while it was read", in.from)
	}
	m.Key, m.Applied = in.key(), t.Applied
	// Those that hang on where the source lies are told anew each time.
	m.Warnings = slices.DeleteFunc(slices.Clone(t.Warnings), func(w string) bool { return slices.Contains(in.warnings, w) })
	return m, nil
}

// source opens a whole source. A folder without a series is not read into memory:
// it may have been built in, and is copied file by file.
func (o *opener) source(src vendors.Source, look []string) (*Tree, error) {
	if src.Dir == "" || src.Series != "" {
		return o.open(src, look)
	}
	root, err := os.OpenRoot(src.Dir)
	if err != nil {
		return nil, fmt.Errorf("source folder: %w", err)
	}
	t := &Tree{FS: root.FS(), root: root, kept: &image{links: map[string]string{}, files: files{}}}
	err = o.walk(t.FS, func(name string, d fs.DirEntry) error {
		switch d.Type() {
		case 0:
			t.kept.files[name] = nil
		case fs.ModeSymlink:
			target, err := root.Readlink(name)
			t.kept.links[name] = target
			return err
		default:
			t.Warnings = append(t.Warnings, name+": neither a file nor a folder: left out")
		}
		return nil
	})
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("source folder %s: %w", src.Dir, err)
	}
	t.Warnings = append(t.Warnings, t.kept.tie()...)
	return t, nil
}

// A store is a cache of prepared trees. For each there is KEY/ with tree/ and
// manifest in it, and KEY.lock, whose time is that of the last use. KEY.part is
// one that is being made, KEY.gone one that is being removed: without a lock on
// KEY, they are what a killed run left.
type store struct{ dir string }

func openStore(dir string) (*store, error) {
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("cache of trees: %w", err)
		}
		dir = filepath.Join(user, "lpready", "trees")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cache of trees: %w", err)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cache of trees: %w", err)
	}
	return &store{dir}, nil
}

func (s *store) path(name string) string { return filepath.Join(s.dir, name) }

// get opens an entry; make makes it if it is not there.
func (s *store) get(ctx context.Context, key string, make func(dir string) (*manifest, error)) (*Prepared, error) {
	var warnings []string
	const rounds = 5 // each is lost to another run, or to somebody who changes files
	for range rounds {
		shared, err := lock.Wait(ctx, s.path(key+".lock"), false)
		if err != nil {
			return nil, s.errorf(key, err)
		}
		p, err := s.open(ctx, key, shared)
		if err == nil {
			p.Warnings = warnings
			return p, nil
		}
		shared.Release()
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errChanged) {
			return nil, s.errorf(key, err)
		}
		if errors.Is(err, errChanged) {
			warnings = append(warnings, fmt.Sprintf("the cache was tampered with, and the tree is made anew: %v", err))
		}
		if err := s.fill(ctx, key, make, errors.Is(err, errChanged)); err != nil {
			return nil, err
		}
	}
	return nil, s.errorf(key, fmt.Errorf("made %d times, and each time %w", rounds, errChanged))
}

func (s *store) errorf(key string, err error) error {
	return fmt.Errorf("cache of trees %s: %s: %w", s.dir, key, err)
}

// patience is how long a run waits for others to let go of a changed entry.
const patience = 10 * time.Second

// fill makes an entry, unless another run has just made it.
func (s *store) fill(ctx context.Context, key string, make func(dir string) (*manifest, error), changed bool) error {
	wait, cancel := ctx, context.CancelFunc(func() {})
	if changed {
		wait, cancel = context.WithTimeoutCause(ctx, patience, lock.ErrBusy)
	}
	defer cancel()
	alone, err := lock.WaitUnless(wait, s.path(key+".lock"), true, func() bool { return !changed && s.has(key) })
	if err != nil {
		if cause := context.Cause(wait); cause != nil {
			err = cause
		}
		if errors.Is(err, lock.ErrBusy) {
			err = fmt.Errorf("its files were changed, and it is %w: end that run first", lock.ErrBusy)
		}
		return s.errorf(key, err)
	}
	if alone == nil {
		return nil
	}
	defer alone.Release()
	if _, err := s.read(ctx, key); err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	s.sweep(key)
	if err := s.discard(key); err != nil {
		return s.errorf(key, err)
	}
	part := s.path(key + ".part")
	if err := remove(part); err != nil {
		return s.errorf(key, err)
	}
	if err := os.Mkdir(part, 0o700); err != nil {
		return s.errorf(key, err)
	}
	m, err := make(filepath.Join(part, "tree"))
	if err == nil {
		err = m.save(filepath.Join(part, "manifest"))
	}
	if err == nil {
		err = Settle(part)
	}
	if err == nil {
		err = os.Rename(part, s.path(key))
	}
	if err == nil {
		err = syncDir(s.dir)
	}
	if err != nil {
		return errors.Join(err, remove(part))
	}
	_, err = prune(s.dir, time.Now(), KeepAge, KeepBytes, key)
	return err
}

// open opens an entry under a lock, which it keeps.
func (s *store) open(ctx context.Context, key string, shared *lock.Lock) (*Prepared, error) {
	m, err := s.read(ctx, key)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.path(key), "tree")
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if err := os.Chtimes(shared.Name(), now, now); err != nil {
		root.Close()
		return nil, err
	}
	return &Prepared{
		Tree: Tree{FS: root.FS(), Applied: m.Applied, root: root},
		Dir:  dir, Key: key, manifest: m, lock: shared,
	}, nil
}

// has tells whether an entry has been made.
func (s *store) has(key string) bool {
	_, err := os.Lstat(s.path(key))
	return err == nil
}

// read reads the manifest of an entry and checks the entry by it.
func (s *store) read(ctx context.Context, key string) (*manifest, error) {
	m, err := loadManifest(filepath.Join(s.path(key), "manifest"))
	if err != nil {
		if _, there := os.Lstat(s.path(key)); there == nil && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("no manifest: %w", errChanged)
		}
		return nil, err
	}
	if m.Key != key {
		return nil, fmt.Errorf("manifest of %s: %w", m.Key, errChanged)
	}
	return m, m.check(ctx, filepath.Join(s.path(key), "tree"))
}

// discard takes an entry away, whole.
func (s *store) discard(key string) error {
	gone := s.path(key + ".gone")
	if err := remove(gone); err != nil {
		return err
	}
	err := os.Rename(s.path(key), gone)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, remove(gone))
}

// sweep removes what killed runs left of other entries than the one whose lock
// the caller has. What cannot be removed now is left to the next run.
func (s *store) sweep(but string) {
	for _, suffix := range []string{".part", ".gone"} {
		left, err := filepath.Glob(filepath.Join(s.dir, "*"+suffix))
		if err != nil {
			continue
		}
		for _, dir := range left {
			key := filepath.Base(dir[:len(dir)-len(suffix)])
			if key == but {
				continue
			}
			if alone, err := lock.Try(s.path(key+".lock"), true); err == nil {
				remove(dir)
				alone.Release()
			}
		}
	}
}

// remove removes a folder whose folders may be read only.
func remove(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			os.Chmod(name, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
