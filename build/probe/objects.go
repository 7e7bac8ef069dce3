package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"lpready/analyze"
)

// Names below the folder of Lay.
const (
	oldDir = "old"
	newDir = "new"
)

// Lay compiles a cell before and after and links the objects that can differ into
// dir/old and dir/new, by their paths relative to xen/. It gives those paths, sorted;
// an object may be on one side only. An error is a *kbuild.FailedError where the
// source does not compile, else the machine's.
func (p *Prober) Lay(ctx context.Context, t analyze.Trial, dir string) ([]string, error) {
	b := p.base(t.Base)
	if b == nil {
		return nil, fmt.Errorf("base %s: it was not added", t.Base)
	}
	pair, err := b.pair(ctx, t)
	if err != nil {
		return nil, err
	}
	return pair.units, pair.lay(ctx, dir)
}

// Laid lists the objects of a folder that Lay filled.
func Laid(dir string) (list []string, err error) {
	for _, side := range []string{oldDir, newDir} {
		root := filepath.Join(dir, side)
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && name == root {
				return nil // all objects are on the other side
			}
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(root, name)
			list = append(list, filepath.ToSlash(rel))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// OldObject is where Lay puts an object of a folder.
func OldObject(dir, object string) string {
	return filepath.Join(dir, oldDir, filepath.FromSlash(object))
}

// NewObject is where Lay puts the same object after the patches.
func NewObject(dir, object string) string {
	return filepath.Join(dir, newDir, filepath.FromSlash(object))
}
