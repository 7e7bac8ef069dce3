package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lpready/analyze"
)

// Names below the folder of Lay.
const (
	oldDir = "old"
	newDir = "new"
)

// Lay compiles a cell before and after and links (or copies) the objects that can differ
// into dir/old and dir/new, by their paths relative to xen/. It gives those paths, sorted;
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

// OfBase tells which files of a folder that Lay filled are objects of the base before
// the patches: whoever has the base can do without them, and AddBase links them again.
func (p *Prober) OfBase(id, dir string) func(name string) bool {
	b := p.base(id)
	return func(name string) bool {
		object, old := strings.CutPrefix(name, oldDir+"/")
		u, ok := b.built.Unit(object)
		if !old || !ok {
			return false
		}
		_, err := os.Lstat(NewObject(dir, object)) // else nothing would tell of it
		return err == nil && sameContent(b.built.Object(u), filepath.Join(dir, name))
	}
}

func sameContent(one, other string) bool {
	a, err := os.ReadFile(one)
	if err != nil {
		return false
	}
	b, err := os.ReadFile(other)
	return err == nil && bytes.Equal(a, b)
}

// AddBase links the base's objects beside those of the same name after the patches, where
// a folder has no other. That is what Lay filled it with if nothing was changed before.
func (p *Prober) AddBase(id, dir string) error {
	b := p.base(id)
	names, err := Laid(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		u, ok := b.built.Unit(name)
		if _, err := os.Lstat(OldObject(dir, name)); !ok || err == nil {
			continue
		}
		if err := link(b.built.Object(u), OldObject(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// OldObject is where Lay puts an object of a folder.
func OldObject(dir, object string) string {
	return filepath.Join(dir, oldDir, filepath.FromSlash(object))
}

// NewObject is where Lay puts the same object after the patches.
func NewObject(dir, object string) string {
	return filepath.Join(dir, newDir, filepath.FromSlash(object))
}
