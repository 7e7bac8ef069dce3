package port

import (
	"bytes"
	"io/fs"
	"sync"
)

// A warm is a tree that keeps in memory what was read of it, for a recipe is
// tried many times on the same few files. It knows files and folders by their
// full name only. It is safe for concurrent use.
type warm struct {
	base fs.FS
	mu   sync.Mutex
	seen map[string]*entry
}

// maxWarm is the size of the largest file that is kept.
const maxWarm = 4 << 20

// An entry is a name that was looked up: what it is, or why it cannot be read.
type entry struct {
	info fs.FileInfo
	data []byte
	read bool
	err  error
}

func newWarm(base fs.FS) *warm { return &warm{base: base, seen: map[string]*entry{}} }

// look finds a name; with data where it is a regular file and wanted.
func (w *warm) look(name string, data bool) (*entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.seen[name]
	if e == nil {
		e = new(entry)
		e.info, e.err = fs.Lstat(w.base, name)
		w.seen[name] = e
	}
	if e.err != nil {
		return nil, e.err
	}
	if data && !e.read {
		read, err := fs.ReadFile(w.base, name)
		if err != nil {
			return nil, err
		}
		e.data, e.read = read, true
	}
	return e, nil
}

// Lstat and ReadLink make it an fs.ReadLinkFS.
func (w *warm) Lstat(name string) (fs.FileInfo, error) {
	e, err := w.look(name, false)
	if err != nil {
		return nil, err
	}
	return e.info, nil
}

func (w *warm) ReadLink(name string) (string, error) { return fs.ReadLink(w.base, name) }

func (w *warm) Open(name string) (fs.File, error) {
	e, err := w.look(name, false)
	if err != nil {
		return nil, err
	}
	if !e.info.Mode().IsRegular() || e.info.Size() > maxWarm {
		return w.base.Open(name)
	}
	if e, err = w.look(name, true); err != nil {
		return nil, err
	}
	return &opened{bytes.NewReader(e.data), e.info}, nil
}

// An opened is a file in memory.
type opened struct {
	*bytes.Reader
	info fs.FileInfo
}

func (o *opened) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o *opened) Close() error               { return nil }
