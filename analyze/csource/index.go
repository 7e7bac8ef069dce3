package csource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Root is the folder below which the index reads; its paths begin with it, as
// patches to Xen name files.
const Root = "xen"

// Limits of a tree; a Xen tree has 1,600 files and 17 MB.
const (
	maxFiles = 100_000
	maxFile  = 32 << 20
	maxTree  = 1 << 30
)

// Options of Open.
type Options struct {
	Cache   string // folder of the content-addressed cache; empty for none
	Version string // of the program: what another version has cached is not used; without one there is no cache
}

// An Index is what the scanner and the preprocessor need to know of a tree. It
// does not change and may be used by several goroutines.
type Index struct {
	paths   []string // sorted
	files   map[string]*entry
	base    *Index // the index that With was called on first, nil for that itself
	store   *Store
	version string

	links struct {
		once sync.Once
		includes,
		includers map[string][]string
	}
	digest struct {
		once sync.Once
		sum  Digest
	}
	filters sync.Once // of all files, see names
}

// An entry is one file; what is known of it is worked out when somebody asks.
type entry struct {
	src []byte
	sum Digest

	scan struct {
		once sync.Once
		file *File
	}
	names struct {
		once   sync.Once
		filter nameFilter
	}
}

// Open reads every source file, Makefile and Kconfig below xen/ of a tree.
func Open(ctx context.Context, tree fs.FS, opt Options) (*Index, error) {
	paths, err := list(ctx, tree)
	if err != nil {
		return nil, err
	}
	ix := &Index{paths: paths, files: make(map[string]*entry, len(paths)), store: OpenStore(opt.Cache), version: opt.Version}
	if opt.Version == "" {
		ix.store = OpenStore("")
	}
	entries := make([]*entry, len(paths))
	var total atomic.Int64
	err = parallel(ctx, len(paths), func(i int) error {
		src, err := readFile(tree, paths[i], &total)
		if err != nil {
			return err
		}
		entries[i] = newEntry(src)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the Xen tree: %w", err)
	}
	for i, p := range paths {
		ix.files[p] = entries[i]
	}
	return ix, nil
}

// readFile reads a file within the limits of a tree.
func readFile(tree fs.FS, path string, total *atomic.Int64) ([]byte, error) {
	f, err := tree.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if size > maxFile || total.Add(size) > maxTree {
		return nil, fmt.Errorf("%s: larger than anything in a Xen tree (limits: %d MB a file, %d MB together)", path, maxFile>>20, maxTree>>20)
	}
	src := make([]byte, size)
	if _, err := io.ReadFull(f, src); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return src, nil
}

func newEntry(src []byte) *entry { return &entry{src: src, sum: DigestOf(src)} }

// list walks the tree for the files that count, sorted by path.
func list(ctx context.Context, tree fs.FS) ([]string, error) {
	var paths []string
	err := fs.WalkDir(tree, Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !d.Type().IsRegular() || !indexed(d.Name()) {
			return nil
		}
		if len(paths) == maxFiles {
			return fmt.Errorf("%s: more than %d source files, far more than a Xen tree has", path, maxFiles)
		}
		paths = append(paths, path)
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("no Xen tree: it has no folder %s/: %w", Root, err)
	case err != nil:
		return nil, fmt.Errorf("listing the Xen tree: %w", err)
	}
	slices.Sort(paths)
	return paths, nil
}

// indexed tells whether the index holds files of this name.
func indexed(name string) bool {
	switch {
	case scannable(name):
		return true
	case strings.HasSuffix(name, ".inc"), strings.HasSuffix(name, ".mk"), strings.HasSuffix(name, "_defconfig"):
		return true
	case strings.HasPrefix(name, "Makefile"), strings.HasPrefix(name, "Kconfig"), name == "Rules.mk":
		return true
	}
	return strings.HasSuffix(name, ".lds.S") || strings.HasSuffix(name, ".lst")
}

func scannable(name string) bool {
	return strings.HasSuffix(name, ".c") || strings.HasSuffix(name, ".h") || strings.HasSuffix(name, ".S")
}

// parallel calls do for 0 to n-1 on all processors, until the first error.
func parallel(ctx context.Context, n int, do func(i int) error) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && ctx.Err() == nil; i += workers {
				if err := do(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// Paths lists the files of the index, sorted.
func (ix *Index) Paths() []string { return ix.paths }

// Source is the text of a file, nil if the index does not have it. It must not
// be changed.
func (ix *Index) Source(path string) []byte {
	if e := ix.files[path]; e != nil {
		return e.src
	}
	return nil
}

// File is what the scanner finds in a file, nil if the index does not have it
// or it is no source.
func (ix *Index) File(path string) *File {
	e := ix.files[path]
	if e == nil || !scannable(path) {
		return nil
	}
	e.scan.once.Do(func() { e.scan.file = Scan(path, e.src) })
	return e.scan.file
}

// With is the index of a tree in which some files are different; nil stands
// for a file that is gone. What did not change is shared.
func (ix *Index) With(changed map[string][]byte) *Index {
	next := &Index{files: maps.Clone(ix.files), base: cmp.Or(ix.base, ix), store: ix.store, version: ix.version}
	for path, src := range changed {
		switch {
		case src == nil:
			delete(next.files, path)
		case strings.HasPrefix(path, Root+"/") && indexed(path[strings.LastIndexByte(path, '/')+1:]):
			next.files[path] = newEntry(src)
		}
	}
	next.paths = slices.Sorted(maps.Keys(next.files))
	return next
}

// Uses lists the distinct identifiers in the body of a function, sorted.
func (ix *Index) Uses(path string, fn *Func) []string {
	src := ix.Source(path)
	if fn.BodyStart < 0 || fn.BodyEnd > len(src) || fn.BodyStart >= fn.BodyEnd {
		return nil
	}
	var names []string
	for _, w := range Words(src[fn.BodyStart:fn.BodyEnd]) {
		names = append(names, w)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
