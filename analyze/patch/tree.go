package patch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// maxFile is the size of the largest file that a tree reads to patch it.
const maxFile = 16 << 20

// A Tree is a source tree with changes laid over it in memory. The base is
// never written. A Tree is not safe for concurrent use, but forks of it are
// independent of each other.
type Tree struct {
	base    fs.FS
	changed map[string][]byte // nil: deleted
}

// NewTree lays an empty set of changes over a base, whose names use slashes.
func NewTree(base fs.FS) *Tree {
	return &Tree{base: base, changed: map[string][]byte{}}
}

// Fork is a tree with the same content that changes on its own. File contents
// are shared.
func (t *Tree) Fork() *Tree {
	return &Tree{base: t.base, changed: maps.Clone(t.changed)}
}

// ReadFile is the content of a file, which the caller must not change. The
// error of a missing file matches fs.ErrNotExist.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	if data, ok := t.changed[name]; ok {
		if data == nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return data, nil
	}
	return readBase(t.base, name)
}

// Exists tells whether name is a file of the tree.
func (t *Tree) Exists(name string) bool {
	kind, err := t.kind(name)
	return err == nil && kind == regular
}

// Changed lists the names whose content differs from that of the base, those of
// deleted files included, sorted.
func (t *Tree) Changed() []string {
	return slices.Sorted(maps.Keys(t.changed))
}

// write sets the content of a file, nil to delete it. A content equal to that
// of the base is no change.
func (t *Tree) write(name string, data []byte) error {
	old, err := readBase(t.base, name)
	switch {
	case err == nil && data != nil && bytes.Equal(old, data),
		errors.Is(err, fs.ErrNotExist) && data == nil:
		delete(t.changed, name)
	case err == nil, errors.Is(err, fs.ErrNotExist):
		t.changed[name] = data
	default:
		return err
	}
	return nil
}

func readBase(base fs.FS, name string) ([]byte, error) {
	f, err := base.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: %w: a file to patch has at most %d MiB", name, ErrLimit, maxFile>>20)
	}
	return data, nil
}

// A kind is what a name of a tree is.
type kind int

const (
	absent kind = iota
	regular
	folder
	special // a symbolic link or a device
)

func (t *Tree) kind(name string) (kind, error) {
	if data, ok := t.changed[name]; ok {
		if data == nil {
			return absent, nil
		}
		return regular, nil
	}
	info, err := fs.Lstat(t.base, name)
	switch {
	case err == nil && info.Mode().IsRegular():
		return regular, nil
	case err == nil && info.IsDir():
		return folder, nil
	case err == nil:
		return special, nil
	case !errors.Is(err, fs.ErrNotExist) && !t.underFile(name):
		return absent, err
	}
	for n, data := range t.changed {
		if data != nil && strings.HasPrefix(n, name+"/") {
			return folder, nil
		}
	}
	return absent, nil
}

// underFile tells whether a folder of name is not a folder but a file.
func (t *Tree) underFile(name string) bool {
	for i := range len(name) {
		if name[i] != '/' {
			continue
		}
		if k, _ := t.kind(name[:i]); k == regular || k == special {
			return true
		}
	}
	return false
}

// folders counts the leading folders of name that exist.
func (t *Tree) folders(name string) (n int) {
	for i := range len(name) {
		if name[i] == '/' {
			if k, _ := t.kind(name[:i]); k != folder {
				break
			}
			n++
		}
	}
	return n
}
