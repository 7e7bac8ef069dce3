// Package tree opens the source of a base: the hypervisor's tree as the vendor
// shipped it, read only, with the vendor's patches applied.
//
// A source is a folder, a tarball with a quilt series, a commit of a git
// repository with a series, or a Debian source package (.dsc with its original
// tarball and debian/patches; the format of dpkg-source(1), "3.0 (quilt)" and
// "3.0 (native)"). Only what lies under xen/ is kept and only patches that touch
// it are applied, with the rules of patch -p1 --fuzz=0.
//
// Archives are foreign input: names that lead out of them, devices, and more
// files or bytes than Limits allows are errors, and nothing is written anywhere.
// The package uses no network: what is not on this machine is a NotHereError that
// says how to get it. It checks the checksums of a .dsc, not its signature.
package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"lpready/vendors"
)

// A Tree is an opened source. As an fs.FS it is rooted where xen/ is.
type Tree struct {
	fs.FS
	From     string   // what it was made from, for people
	Commit   string   // the commit, of a git source
	Applied  []string // patches of the series that were applied, in order
	Skipped  []string // patches that touch nothing under xen/, in order
	Warnings []string // what was left out, such as links that lead nowhere

	root *os.Root // of a folder
}

// Close lets go of a folder. The tree cannot be read any more.
func (t *Tree) Close() error {
	if t.root == nil {
		return nil
	}
	return t.root.Close()
}

// Options of Open. The zero value is in order.
type Options struct {
	Look   []string // folders in which downloaded Debian source packages are looked for
	Limits Limits
}

// Limits on archives and repositories; a zero is the default.
type Limits struct {
	Stream  int64 // bytes of an archive when decompressed; 2 GiB
	Kept    int64 // bytes of the files under xen/; 512 MiB
	File    int64 // bytes of one file; 64 MiB
	Entries int   // entries of an archive; 1,000,000
}

func (l Limits) orDefault() Limits {
	if l.Stream <= 0 {
		l.Stream = 2 << 30
	}
	if l.Kept <= 0 {
		l.Kept = 512 << 20
	}
	if l.File <= 0 {
		l.File = 64 << 20
	}
	if l.Entries <= 0 {
		l.Entries = 1_000_000
	}
	return l
}

// A NotHereError says that a source is not on this machine.
type NotHereError struct {
	Source string // what is missing
	Obtain string // with which command it can be had
}

func (e *NotHereError) Error() string {
	return fmt.Sprintf("the source is not on this machine: %s; to get it: %s", e.Source, e.Obtain)
}

// ErrNoSource is the error for a base whose profile does not say where its
// source is.
var ErrNoSource = errors.New("the profile does not say where the source is")

// Open opens a source. The caller closes the tree.
func Open(ctx context.Context, src vendors.Source, opt Options) (*Tree, error) {
	o := &opener{ctx: ctx, limits: opt.Limits.orDefault()}
	switch {
	case src.Dir != "":
		return o.folder(src.Dir, src.Series)
	case src.Tarball != "":
		return o.tarball(src.Tarball, src.Series)
	case src.Git.Repo != "":
		if vendors.IsAddress(src.Git.Repo) {
			return nil, &NotHereError{Source: "git repository " + src.Git.Repo, Obtain: src.Obtain()}
		}
		return o.git(src.Git)
	case src.Debian.DSC != "":
		return o.dsc(src.Debian.DSC)
	case src.Debian.Package != "":
		return o.debian(src, opt.Look)
	}
	return nil, ErrNoSource
}

// At is the source that a path on this machine holds: a folder with xen/ in it,
// a .dsc file, or a tarball.
func At(path string) (vendors.Source, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return vendors.Source{}, fmt.Errorf("source: %w", err)
	case info.IsDir():
		return vendors.Source{Dir: path}, nil
	case !info.Mode().IsRegular():
		return vendors.Source{}, fmt.Errorf("source %s: neither a folder nor a file", path)
	case strings.HasSuffix(path, ".dsc"):
		return vendors.Source{Debian: vendors.Debian{DSC: path}}, nil
	}
	return vendors.Source{Tarball: path}, nil
}

// An opener carries what every way of opening needs.
type opener struct {
	ctx    context.Context
	limits Limits
}

func (o *opener) folder(dir, series string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("source folder: %w", err)
	}
	info, err := root.Stat("xen")
	if err != nil || !info.IsDir() {
		root.Close()
		return nil, fmt.Errorf("source folder %s: no xen/ in it; expected the root of a Xen tree", dir)
	}
	t := &Tree{FS: root.FS(), From: "folder " + dir, root: root}
	if series == "" {
		return t, nil
	}
	defer root.Close()
	files, err := o.load(root.FS())
	if err != nil {
		return nil, fmt.Errorf("source folder %s: %w", dir, err)
	}
	return o.finish(&Tree{From: "folder " + dir}, files, series)
}

// load reads the regular files of a folder's xen/ into memory.
func (o *opener) load(folder fs.FS) (files, error) {
	keep := o.keeper(nil)
	err := fs.WalkDir(folder, "xen", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if err := o.ctx.Err(); err != nil {
			return err
		}
		f, err := folder.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return keep.file(name, f)
	})
	return keep.files, err
}

func (o *opener) tarball(file, series string) (*Tree, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("source tarball: %w", err)
	}
	defer f.Close()
	t := &Tree{From: "tarball " + file}
	files, err := o.hypervisor(t, f)
	if err != nil {
		return nil, fmt.Errorf("source tarball %s: %w", file, err)
	}
	return o.finish(t, files, series)
}

// finish applies a series that lies on this machine, if any, and completes the
// tree with the files.
func (o *opener) finish(t *Tree, files files, series string) (*Tree, error) {
	if series != "" {
		if info, err := os.Stat(series); err == nil && info.IsDir() {
			series = filepath.Join(series, "series")
		}
		dir, err := os.OpenRoot(filepath.Dir(series))
		if err != nil {
			return nil, fmt.Errorf("patch series: %w", err)
		}
		defer dir.Close()
		q := queue{name: series, dir: dir.FS(), series: filepath.Base(series)}
		if files, err = o.apply(t, files, q); err != nil {
			return nil, err
		}
	}
	t.FS = newMemory(files)
	return t, nil
}
