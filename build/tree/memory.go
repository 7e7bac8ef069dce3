package tree

import (
	"bytes"
	"cmp"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"
)

// files is the content of a tree by name, such as "xen/common/domain.c".
type files map[string][]byte

// A memory is a read-only file system of files in memory. Contents are shared
// with who reads them: nobody writes to them. It is safe for concurrent use.
type memory struct {
	files files
	dirs  map[string][]fs.DirEntry // sorted by name
}

func newMemory(files files) *memory {
	m := &memory{files: files, dirs: map[string][]fs.DirEntry{".": nil}}
	for name, data := range files {
		m.enter(name, stat{name: path.Base(name), size: int64(len(data))})
	}
	for _, entries := range m.dirs {
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	}
	return m
}

// enter lists an entry in its folder, and the folder in its own.
func (m *memory) enter(name string, s stat) {
	dir := path.Dir(name)
	_, known := m.dirs[dir]
	m.dirs[dir] = append(m.dirs[dir], fs.FileInfoToDirEntry(s))
	if !known {
		m.enter(dir, stat{name: path.Base(dir), dir: true})
	}
}

func (m *memory) stat(op, name string) (stat, error) {
	if !fs.ValidPath(name) {
		return stat{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if data, ok := m.files[name]; ok {
		return stat{name: path.Base(name), size: int64(len(data))}, nil
	}
	if _, ok := m.dirs[name]; ok {
		return stat{name: path.Base(name), dir: true}, nil
	}
	return stat{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func (m *memory) Open(name string) (fs.File, error) {
	s, err := m.stat("open", name)
	if err != nil {
		return nil, err
	}
	if s.dir {
		return &openDir{stat: s, name: name, entries: m.dirs[name]}, nil
	}
	return &openFile{stat: s, Reader: bytes.NewReader(m.files[name])}, nil
}

func (m *memory) Stat(name string) (fs.FileInfo, error) {
	s, err := m.stat("stat", name)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// ReadFile gives a copy, as fs.ReadFileFS demands.
func (m *memory) ReadFile(name string) ([]byte, error) {
	s, err := m.stat("read", name)
	if err != nil {
		return nil, err
	}
	if s.dir {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	return bytes.Clone(m.files[name]), nil
}

func (m *memory) ReadDir(name string) ([]fs.DirEntry, error) {
	s, err := m.stat("readdir", name)
	if err != nil {
		return nil, err
	}
	if !s.dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	return slices.Clone(m.dirs[name]), nil
}

// A stat describes a file or a folder. Times do not matter here and are zero.
type stat struct {
	name string
	size int64
	dir  bool
}

func (s stat) Name() string       { return s.name }
func (s stat) Size() int64        { return s.size }
func (s stat) ModTime() time.Time { return time.Time{} }
func (s stat) IsDir() bool        { return s.dir }
func (s stat) Sys() any           { return nil }
func (s stat) Mode() fs.FileMode {
	if s.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

type openFile struct {
	stat stat
	*bytes.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.stat, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	stat    stat
	name    string
	entries []fs.DirEntry // not read yet
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.stat, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.entries)
	} else if len(d.entries) == 0 {
		return nil, io.EOF
	}
	list := d.entries[:min(n, len(d.entries))]
	d.entries = d.entries[len(list):]
	return slices.Clone(list), nil
}
