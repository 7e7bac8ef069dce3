package objdiff

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Trees is the difference between two folders of objects.
type Trees struct {
	Objects []*Diff  `json:"objects"`           // that both have, by path
	Added   []string `json:"added,omitempty"`   // that only the new folder has: they come into the payload whole
	Removed []string `json:"removed,omitempty"` // that only the old folder has
	Layouts []Layout `json:"layouts"`           // structures and unions
	Types   []Layout `json:"types,omitempty"`   // enumerations, type names, prototypes
}

// CompareTrees compares all objects below two folders, those of the same path
// with each other. Objects that the build links of others (built_in.o,
// prelink.o) are left out. A type counts as new only if no old object has it,
// and as removed only if no new one does.
func CompareTrees(ctx context.Context, old, new fs.FS, opt Options) (*Trees, error) {
	before, err := objects(old)
	if err != nil {
		return nil, fmt.Errorf("old objects: %w", err)
	}
	after, err := objects(new)
	if err != nil {
		return nil, fmt.Errorf("new objects: %w", err)
	}
	t := &Trees{Objects: []*Diff{}, Layouts: []Layout{}}
	var both []string
	for _, name := range after {
		if _, ok := slices.BinarySearch(before, name); ok {
			both = append(both, name)
		} else {
			t.Added = append(t.Added, name)
		}
	}
	for _, name := range before {
		if _, ok := slices.BinarySearch(after, name); !ok {
			t.Removed = append(t.Removed, name)
		}
	}
	if t.Objects, err = compareAll(ctx, old, new, both, opt); err != nil {
		return nil, err
	}
	if !opt.NoTypes {
		if err := t.knowNames(old); err != nil {
			return nil, err
		}
		t.join()
	}
	return t, nil
}

// Single is one comparison in the form of many.
func Single(path string, d *Diff) *Trees {
	d.Path = path
	t := &Trees{Objects: []*Diff{d}}
	t.join()
	return t
}

// objects lists the objects below a folder, sorted.
func objects(tree fs.FS) (list []string, err error) {
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		base := path.Base(name)
		if strings.HasSuffix(base, ".o") && !strings.HasPrefix(base, ".") && !strings.HasPrefix(base, "built_in") && !strings.HasPrefix(base, "prelink") {
			list = append(list, name)
		}
		return nil
	})
	slices.Sort(list)
	return list, err
}

func compareAll(ctx context.Context, old, new fs.FS, names []string, opt Options) ([]*Diff, error) {
	list, errs := make([]*Diff, len(names)), make([]error, len(names))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		wg.Go(func() {
			for i := range next {
				list[i], errs[i] = comparePath(old, new, names[i], opt)
			}
		})
	}
	var err error
feed:
	for i := range names {
		select {
		case next <- i:
		case <-ctx.Done():
			err = ctx.Err()
			break feed
		}
	}
	close(next)
	wg.Wait()
	for i, e := range errs {
		if e != nil && err == nil {
			err = fmt.Errorf("%s: %w", names[i], e)
		}
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

func comparePath(old, new fs.FS, name string, opt Options) (*Diff, error) {
	a, err := fs.ReadFile(old, name)
	if err != nil {
		return nil, err
	}
	b, err := fs.ReadFile(new, name)
	if err != nil {
		return nil, err
	}
	if !isELF(a) && !isELF(b) {
		// The build-id of the EFI binary is a COFF object.
		d := &Diff{Path: name, Verdict: Same, Exit: 3}
		if !bytes.Equal(a, b) {
			d.Ignored = &Ignored{Data: []string{"(not ELF)"}}
		}
		return d, nil
	}
	d, err := Compare(a, b, opt)
	if err != nil {
		return nil, err
	}
	d.Path = name
	return d, nil
}

// join joins what the objects say of types.
func (t *Trees) join() {
	known := func(layout *Layout) bool { // elsewhere, on the other side
		for _, d := range t.Objects {
			if d.names == nil {
				continue
			}
			side := d.names.old
			if layout.Kind == "removed" {
				side = d.names.new
			}
			if _, ok := side[layout.Type]; ok {
				return true
			}
		}
		return false
	}
	join := func(of func(*Diff) []Layout) []Layout {
		index := map[string]int{}
		list := []Layout{}
		for _, d := range t.Objects {
			for _, l := range of(d) {
				key := sprintf("%s %s %v %v", l.Type, l.Kind, l.Size, l.Changes)
				i, ok := index[key]
				if !ok {
					if l.Kind != "changed" && known(&l) {
						continue
					}
					i = len(list)
					index[key] = i
					list = append(list, l)
				}
				list[i].Objects = append(list[i].Objects, d.Path)
			}
		}
		sortLayouts(list)
		return list
	}
	t.Layouts = join(func(d *Diff) []Layout { return d.Layouts })
	t.Types = join(func(d *Diff) []Layout { return d.Types })
}

// knowNames reads the types of objects that are the same byte for byte, which
// Compare leaves unread, if a type seems new or gone.
func (t *Trees) knowNames(old fs.FS) error {
	doubt := slices.ContainsFunc(t.Objects, func(d *Diff) bool {
		return slices.ContainsFunc(slices.Concat(d.Layouts, d.Types), func(l Layout) bool { return l.Kind != "changed" })
	})
	if !doubt {
		return nil
	}
	for _, d := range t.Objects {
		if d.names != nil {
			continue
		}
		data, err := fs.ReadFile(old, d.Path)
		if err != nil {
			return err
		}
		names, err := namesOf(data)
		if err != nil {
			return fmt.Errorf("%s: %w", d.Path, err)
		}
		d.names = &typeNames{names, names}
	}
	return nil
}

func namesOf(data []byte) (names map[string]int, err error) {
	defer func() {
		if r := recover(); r != nil {
			names, err = nil, fmt.Errorf("expected an object as compilers make them: %v", r)
		}
	}()
	if !isELF(data) || is32(data) {
		return nil, nil
	}
	o, err := readObject(data)
	if err != nil {
		return nil, err
	}
	if d := o.dwarf(); d != nil {
		types, err := d.readTypes()
		if err != nil {
			return nil, err
		}
		return types.named, nil
	}
	return nil, nil
}

func isELF(data []byte) bool { return bytes.HasPrefix(data, []byte("\x7fELF")) }

// Count is the number of objects with a verdict.
func (t *Trees) Count(v Verdict) (n int) {
	for _, d := range t.Objects {
		if d.Verdict == v {
			n++
		}
	}
	return n
}

// Differs tells whether there is anything to say of an object.
func (d *Diff) Differs() bool {
	return d.Verdict != Same || d.Ignored != nil || cmp.Or(len(d.Data), len(d.Gone)) > 0
}
