// Package tree opens the source of a base: the hypervisor's tree as the vendor
// shipped it, read only, with the vendor's patches applied.
//
// A source is a folder, a tarball with a quilt series, a commit of a git
// repository with a series, a Debian source package (.dsc with its original
// tarball and debian/patches; the format of dpkg-source(1), "3.0 (quilt)" and
// "3.0 (native)"), or an RPM spec with the patches that it lists. Patches are
// applied with the rules of patch -p1 --fuzz=0.
//
// Open reads the hypervisor alone, what lies under xen/, into memory. Prepare
// writes the whole tree, for programs that need one on a disk, once, into a cache
// of trees that are verified and never modified; work is done in copies of them.
// No source of the user is ever written to.
//
// Archives are foreign input: names that lead out of them, devices, and more
// files or bytes than Limits allows are errors. But for Fetch, which has apt
// download a Debian package, the package uses no network: what is not on this
// machine is a NotHereError that says how to get it. It checks the checksums of a
// .dsc; its signature is apt's affair.
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
	Skipped  []string // patches that touch nothing under xen/ and are left out of it, in order
	Warnings []string // what was left out, such as links that lead nowhere

	root *os.Root // of a folder
	kept *image   // in memory
}

// hold completes a tree with what it consists of.
func (t *Tree) hold(c *image) *Tree {
	t.FS, t.kept = newMemory(c.files), c
	return t
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
	return o.open(src, opt.Look)
}

func (o *opener) open(src vendors.Source, look []string) (*Tree, error) {
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
	case src.RPM != nil:
		return o.rpm(src.RPM)
	case src.Debian.DSC != "":
		return o.dsc(src.Debian.DSC)
	case src.Debian.Package != "":
		file, err := findDSC(src, look)
		if err != nil {
			return nil, err
		}
		return o.dsc(file)
	}
	return nil, ErrNoSource
}

// At is the source that a path on this machine holds: a folder with xen/ in it,
// a .dsc file, the spec file of an RPM, or a tarball.
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
	case strings.HasSuffix(path, ".spec"), strings.HasSuffix(path, ".spec.in"):
		return vendors.Source{RPM: &vendors.RPM{Spec: path}}, nil
	}
	return vendors.Source{Tarball: path}, nil
}

// An opener carries what every way of opening needs.
type opener struct {
	ctx    context.Context
	limits Limits
	whole  bool // the whole tree, not only xen/
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
	t = &Tree{From: t.From}
	c, err := o.load(t, root.FS())
	if err != nil {
		return nil, fmt.Errorf("source folder %s: %w", dir, err)
	}
	return o.finish(t, c, series)
}

// load reads a folder, or its xen/, into memory.
func (o *opener) load(t *Tree, folder fs.FS) (*image, error) {
	keep := o.keeper(nil)
	err := o.walk(folder, func(name string, d fs.DirEntry) error {
		if !d.Type().IsRegular() {
			if !o.whole || d.Type() != fs.ModeSymlink {
				return nil
			}
			target, err := fs.ReadLink(folder, name)
			keep.links[name] = target
			return err
		}
		f, err := folder.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		keep.program(name, info.Mode()&0o111 != 0)
		return keep.file(name, f)
	})
	if err != nil {
		return nil, err
	}
	if o.whole {
		return keep.image(t, ""), nil
	}
	return &image{files: keep.files}, nil
}

// walk visits what is no folder below a folder's xen/, or for a whole tree in all
// of it but the repository that it may be a work tree of.
func (o *opener) walk(folder fs.FS, visit func(name string, d fs.DirEntry) error) error {
	top := "xen"
	if o.whole {
		top = "."
	}
	return fs.WalkDir(folder, top, func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = o.ctx.Err()
		}
		switch {
		case err != nil:
			return err
		case name == ".git":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		return visit(name, d)
	})
}

func (o *opener) tarball(file, series string) (*Tree, error) {
	t := &Tree{From: "tarball " + file}
	c, err := o.archive(t, file)
	if err != nil {
		return nil, err
	}
	return o.finish(t, c, series)
}

// archive reads a tarball that lies on this machine.
func (o *opener) archive(t *Tree, file string) (*image, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("source tarball: %w", err)
	}
	defer f.Close()
	c, err := o.unpack(t, f)
	if err != nil {
		return nil, fmt.Errorf("source tarball %s: %w", file, err)
	}
	return c, nil
}

// finish applies a series that lies on this machine, if any, and completes the
// tree with the content.
func (o *opener) finish(t *Tree, c *image, series string) (*Tree, error) {
	if series != "" {
		q, done, err := openSeries(series)
		if err != nil {
			return nil, err
		}
		defer done()
		if err := o.apply(t, c, q); err != nil {
			return nil, err
		}
	}
	return t.hold(c), nil
}

// openSeries reads a series given by its file or its folder. The function
// returned lets go of the folder.
func openSeries(series string) (*queue, func() error, error) {
	if info, err := os.Stat(series); err == nil && info.IsDir() {
		series = filepath.Join(series, "series")
	}
	dir, err := os.OpenRoot(filepath.Dir(series))
	if err != nil {
		return nil, nil, fmt.Errorf("patch series: %w", err)
	}
	q, err := quilt(series, dir.FS(), filepath.Base(series))
	if err != nil {
		dir.Close()
		return nil, nil, err
	}
	return q, dir.Close, nil
}
