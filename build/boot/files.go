package boot

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"lpready/build/internal/unpack"
)

// Files are where a hypervisor, a dom0 kernel and programs are taken from. It is
// read only.
type Files struct {
	roots []root
}

// A root is a folder that looks like the root of a system, or one file.
type root struct {
	from string   // what the user named
	dir  string   // of the names below
	list []string // names of files, with slashes, sorted
}

// OpenFiles takes Debian packages, folders of packages, folders in which packages were
// unpacked, and single files. Packages are unpacked once, into the folder cache: only
// what a run could need, a few megabytes. Earlier names win.
func OpenFiles(ctx context.Context, cache string, names ...string) (*Files, error) {
	f := &Files{}
	for _, name := range names {
		packages, err := packagesOf(name)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			if err := f.addPackage(ctx, cache, p); err != nil {
				return nil, err
			}
		}
		if len(packages) == 0 {
			if err := f.addPlain(name); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// packagesOf lists the packages that a name stands for, none for anything else.
func packagesOf(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if filepath.Ext(name) == ".deb" {
			return []string{name}, nil
		}
		return nil, nil
	}
	list, err := filepath.Glob(filepath.Join(escape(name), "*.deb"))
	if err != nil {
		return nil, err
	}
	slices.Sort(list)
	seen := map[string]string{}
	for _, p := range list {
		which, _, _ := strings.Cut(filepath.Base(p), "_")
		if before := seen[which]; before != "" {
			return nil, fmt.Errorf("%s: expected one version of %s, and there are %s and %s", name, which, filepath.Base(before), filepath.Base(p))
		}
		seen[which] = p
	}
	return list, nil
}

// escape has Glob take a folder's name as it is.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// addPackage unpacks a package into the cache, if it is not there.
func (f *Files) addPackage(ctx context.Context, cache, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	abs, err := filepath.EvalSymlinks(name)
	if err == nil {
		abs, err = filepath.Abs(abs)
	}
	if err != nil {
		return err
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%d\x00%d", keptVersion, abs, info.Size(), info.ModTime().UnixNano()))
	dir := filepath.Join(cache, hex.EncodeToString(key[:]))
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := unpackInto(ctx, dir, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return f.addFolder(name, dir)
}

// unpackInto makes a folder of what is wanted from a package, whole or not at all.
func unpackInto(ctx context.Context, dir, name string) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), "unpacking-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	err = readDeb(in, wanted, func(e entry) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		at := filepath.Join(aside, filepath.FromSlash(e.name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return err
		}
		if e.link != "" {
			return os.Symlink(e.link, at)
		}
		return os.WriteFile(at, e.data, 0o600)
	})
	if err != nil {
		return err
	}
	if err = os.Rename(aside, dir); errors.Is(err, fs.ErrExist) {
		return nil // another run was faster
	}
	return err
}

// keptVersion changes with what is wanted.
const keptVersion = 2

// wanted tells whether a run could need a file of a package.
func wanted(name string) bool {
	dir, base := path.Split(name)
	switch {
	case strings.HasPrefix(name, "boot/"):
		return strings.HasPrefix(base, "xen") && strings.HasSuffix(base, "gz") || strings.HasPrefix(base, "vmlinuz")
	case strings.Contains(dir, "/modules/"):
		return strings.HasSuffix(strings.TrimSuffix(dir, "xenfs/"), "/drivers/xen/")
	case strings.Contains(base, ".so"):
		return strings.HasPrefix(dir, "lib") || strings.HasPrefix(dir, "usr/lib")
	}
	return slices.Contains(programs, base) && strings.Contains(dir, "bin/")
}

// programs are those that a dom0 runs; see guest.go for what the later ones do.
var programs = []string{"busybox", "xen-livepatch", "xenstored", "xen-init-dom0", "xenconsoled", "xl"}

// addPlain adds a folder as it lies there, or one file.
func (f *Files) addPlain(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		f.roots = append(f.roots, root{from: name, dir: filepath.Dir(name), list: []string{filepath.Base(name)}})
		return nil
	}
	return f.addFolder(name, name)
}

func (f *Files) addFolder(from, dir string) error {
	r := root{from: from, dir: dir}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if len(r.list) == maxEntries {
			return fmt.Errorf("more than %d files: expected a folder of packages or of unpacked ones", maxEntries)
		}
		rel, err := filepath.Rel(dir, name)
		r.list = append(r.list, filepath.ToSlash(rel))
		return err
	})
	f.roots = append(f.roots, r)
	return err
}

// A found is a file, and where it is.
type found struct {
	root *root
	name string
}

func (x found) String() string { return path.Join(filepath.ToSlash(x.root.from), x.name) }

// read reads a file. Links do not lead out of the folder.
func (x found) read() ([]byte, error) {
	dir, err := os.OpenRoot(x.root.dir)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := dir.Open(filepath.FromSlash(x.name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("more than %d MB: %w", maxFile>>20, unpack.ErrLimit)
	}
	return data, err
}

// all finds the files that a test takes, in the order of the roots.
func (f *Files) all(test func(name string) bool) (list []found) {
	for i := range f.roots {
		for _, name := range f.roots[i].list {
			if test(name) {
				list = append(list, found{&f.roots[i], name})
			}
		}
	}
	return list
}

// base finds files by their name without a folder.
func (f *Files) base(name string) []found {
	return f.all(func(full string) bool { return path.Base(full) == name })
}

// program reads a program.
func (f *Files) program(name string) ([]byte, error) {
	for _, x := range f.base(name) {
		data, err := x.read()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x, err)
		}
		if bytes.HasPrefix(data, []byte("\x7fELF")) {
			return data, nil
		}
	}
	return nil, f.lacks(name)
}

// A LacksError says that a file of a run is not among the files that were given.
type LacksError struct {
	What  string
	Given []string
}

func (e *LacksError) Error() string {
	given := "nothing was given"
	if len(e.Given) > 0 {
		given = "looked in " + strings.Join(e.Given, ", ")
	}
	return fmt.Sprintf("%s is not among the files for booting: %s; it is in %s", e.What, given, whereFrom(e.What))
}

func (f *Files) lacks(what string) error {
	e := &LacksError{What: what}
	for i := range f.roots {
		if !slices.Contains(e.Given, f.roots[i].from) {
			e.Given = append(e.Given, f.roots[i].from)
		}
	}
	const most = 4
	if n := len(e.Given); n > most {
		e.Given = append(e.Given[:most:most], fmt.Sprintf("and %d more", n-most))
	}
	return e
}

// A Source tells where a file that is needed can be had.
type Source struct {
	What   string // the file
	Guest  bool   // only for running a guest
	Debian string // package
	Fedora string

	of string // the program whose libraries it stands for
}

// Names of files that are no programs.
const (
	hypervisorName = "hypervisor"
	kernelName     = "kernel"
	moduleName     = "xen-privcmd module"
)

// Look looks for what a source gives, and says where it is.
func (f *Files) Look(s Source) (where string, ok bool) {
	var list []found
	switch s.What {
	case hypervisorName:
		list = f.hypervisors("")
	case kernelName:
		list = f.kernels()
	case moduleName:
		list = f.all(func(name string) bool { return strings.HasPrefix(path.Base(name), modules[0]+".ko") })
	default:
		if s.of != "" {
			return f.lookLibraries(s.of)
		}
		list = f.base(s.What)
	}
	if len(list) == 0 {
		return "", false
	}
	return list[0].String(), true
}

// lookLibraries looks for all that a program needs beside it.
func (f *Files) lookLibraries(program string) (string, bool) {
	t := newImage()
	if err := t.addProgram(f, program); err != nil {
		return "", false
	}
	return fmt.Sprintf("%d files", len(t.entries)-1), true
}

// Sources are the files that a run needs, and what they are in.
var Sources = []Source{
	{What: hypervisorName, Debian: "the base's xen-hypervisor-VERSION-amd64", Fedora: "xen-hypervisor"},
	{What: kernelName, Debian: "linux-image-amd64 (the package that it depends on)", Fedora: "kernel-core"},
	{What: moduleName, Debian: "linux-image-amd64 (the package that it depends on)", Fedora: "kernel-modules"},
	{What: "busybox", Debian: "busybox-static", Fedora: "busybox"},
	{What: "xen-livepatch", Debian: "the base's xen-utils-VERSION", Fedora: "xen-runtime"},
	{What: "libxenctrl and the libraries below it", of: "xen-livepatch", Debian: "the base's libxenmiscVERSION, libxencall1, libxendevicemodel1, libxenevtchn1, libxenforeignmemory1, libxengnttab1, libxentoolcore1, libxentoollog1", Fedora: "xen-libs"},
	{What: "xl", Guest: true, Debian: "the base's xen-utils-VERSION", Fedora: "xen-runtime"},
	{What: "xenstored", Guest: true, Debian: "the base's xen-utils-VERSION", Fedora: "xen-runtime"},
	{What: "xen-init-dom0", Guest: true, Debian: "the base's xen-utils-VERSION", Fedora: "xen-runtime"},
	{What: "xenconsoled", Guest: true, Debian: "the base's xen-utils-VERSION", Fedora: "xen-runtime"},
	{What: "libxenlight and the libraries below it", of: "xl", Guest: true, Debian: "libxenstore4, libxenhypfs1, libyajl2, libnl-3-200, libnl-route-3-200, libfdt1", Fedora: "xen-libs, yajl, libnl3, libfdt"},
}

// whereFrom names the packages that have a file.
func whereFrom(what string) string {
	for _, s := range Sources {
		if strings.HasPrefix(s.What, what) || strings.HasPrefix(what, "lib") && strings.HasPrefix(s.What, "lib") {
			return cmp.Or(s.Debian, "a package") + " of Debian or " + s.Fedora + " of Fedora"
		}
	}
	return "a package of the distribution"
}
