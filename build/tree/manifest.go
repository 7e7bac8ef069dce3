package tree

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A manifest says what a prepared tree consists of. In its file the checksum of
// the rest comes first, on a line of its own.
type manifest struct {
	Form     string   `json:"form"`
	Key      string   `json:"key"`
	Applied  []string `json:"applied,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Bytes    int64    `json:"bytes"`
	Files    []entry  `json:"files"` // sorted by name
}

// An entry is a file of the tree or, with a target, a symbolic link.
type entry struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"`
	Time   int64  `json:"time,omitempty"` // nanoseconds since 1970
	Exec   bool   `json:"exec,omitempty"`
	Target string `json:"target,omitempty"`
}

// errChanged is the error, wrapped, of an entry of the cache that is not what its
// manifest says.
var errChanged = errors.New("not as it was prepared")

// age is the time of all files whose own is not known or does not matter: none is
// older than another, so make has nothing to do again.
var age = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	readOnly        fs.FileMode = 0o444
	readOnlyProgram fs.FileMode = 0o555
)

func (e *entry) mode() fs.FileMode {
	if e.Exec {
		return readOnlyProgram
	}
	return readOnly
}

// write writes a whole tree into an empty folder and leaves it read only.
func (o *opener) write(dir string, t *Tree) (*manifest, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	m := &manifest{Form: form}
	dirs := map[string]bool{".": true}
	for _, name := range slices.Sorted(maps.Keys(t.kept.files)) {
		if err := o.ctx.Err(); err != nil {
			return nil, err
		}
		if err := makeDirs(root, filepath.Dir(name), dirs); err != nil {
			return nil, err
		}
		e, err := writeFile(root, t, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		m.Files = append(m.Files, e)
		m.Bytes += e.Size
	}
	for _, name := range slices.Sorted(maps.Keys(t.kept.links)) {
		if err := makeDirs(root, filepath.Dir(name), dirs); err != nil {
			return nil, err
		}
		if err := root.Symlink(t.kept.links[name], name); err != nil {
			return nil, err
		}
		m.Files = append(m.Files, entry{Name: name, Target: t.kept.links[name]})
	}
	slices.SortFunc(m.Files, byName)
	for name := range dirs {
		if err := root.Chmod(name, readOnlyProgram); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func makeDirs(root *os.Root, dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	if err := makeDirs(root, filepath.Dir(dir), made); err != nil {
		return err
	}
	made[dir] = true
	return root.Mkdir(dir, 0o700)
}

// writeFile writes one file of the tree. One of a folder keeps its time, so that
// make still knows what is built.
func writeFile(root *os.Root, t *Tree, name string) (entry, error) {
	e := entry{Name: name, Exec: t.kept.exec[name]}
	from, err := t.FS.Open(name)
	if err != nil {
		return e, err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return e, err
	}
	stamp := age
	if t.root != nil {
		stamp, e.Exec = info.ModTime(), info.Mode()&0o111 != 0
	}
	to, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return e, err
	}
	hash := sha256.New()
	e.Size, err = io.Copy(io.MultiWriter(to, hash), from)
	if err == nil {
		err = to.Chmod(e.mode())
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return e, err
	}
	if err := root.Chtimes(name, stamp, stamp); err != nil {
		return e, err
	}
	// As the file system keeps it, which may be coarser.
	if info, err = root.Lstat(name); err != nil {
		return e, err
	}
	e.SHA256, e.Time = hex.EncodeToString(hash.Sum(nil)), info.ModTime().UnixNano()
	return e, nil
}

func (m *manifest) save(file string) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s\n%s\n", sum(body), body)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

const maxManifest = 1 << 28

func loadManifest(file string) (*manifest, error) {
	text, err := readLimited(os.DirFS(filepath.Dir(file)), filepath.Base(file), maxManifest)
	if err != nil {
		return nil, err
	}
	return parseManifest(text)
}

func parseManifest(text []byte) (*manifest, error) {
	head, body, _ := bytes.Cut(text, []byte("\n"))
	body = bytes.TrimSuffix(body, []byte("\n"))
	m := &manifest{}
	if string(head) != sum(body) || json.Unmarshal(body, m) != nil || m.Form != form {
		return nil, fmt.Errorf("manifest: %w", errChanged)
	}
	return m, nil
}

// check compares a tree with the manifest by names, sizes, modes and times.
func (m *manifest) check(ctx context.Context, dir string) error {
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() {
			return err
		}
		name := filepath.ToSlash(path[len(dir)+1:])
		i, found := slices.BinarySearchFunc(m.Files, entry{Name: name}, byName)
		if !found {
			return fmt.Errorf("%s should not be there: %w", name, errChanged)
		}
		n++
		return m.Files[i].check(path, d)
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%v: %w", err, errChanged)
	case err == nil && n != len(m.Files):
		return fmt.Errorf("%d of %d files are there: %w", n, len(m.Files), errChanged)
	}
	return err
}

func byName(a, b entry) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) }

func (e *entry) check(path string, d fs.DirEntry) error {
	if e.Target != "" {
		if target, err := os.Readlink(path); err != nil || target != e.Target {
			return fmt.Errorf("%s: another link: %w", e.Name, errChanged)
		}
		return nil
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	if info.Mode() != e.mode() || info.Size() != e.Size || info.ModTime().UnixNano() != e.Time {
		return fmt.Errorf("%s: mode, size or time: %w", e.Name, errChanged)
	}
	return nil
}

// Verify reads every file of the tree and compares it with its checksum.
func (p *Prepared) Verify(ctx context.Context) error {
	if err := p.manifest.check(ctx, p.Dir); err != nil {
		return fmt.Errorf("prepared tree %s: %w", p.Dir, err)
	}
	for _, e := range p.manifest.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Target != "" {
			continue
		}
		got, err := sumOf(p.root.Open(e.Name))
		if err == nil && got != e.SHA256 {
			err = fmt.Errorf("checksum: %w", errChanged)
		}
		if err != nil {
			return fmt.Errorf("prepared tree %s: %s: %w", p.Dir, e.Name, err)
		}
	}
	return nil
}
