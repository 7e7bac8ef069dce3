package probe

import (
	"context"
	"fmt"
	"path/filepath"

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

// OldObject is where Lay puts an object of a folder.
func OldObject(dir, object string) string {
	return filepath.Join(dir, oldDir, filepath.FromSlash(object))
}

// NewObject is where Lay puts the same object after the patches.
func NewObject(dir, object string) string {
	return filepath.Join(dir, newDir, filepath.FromSlash(object))
}
