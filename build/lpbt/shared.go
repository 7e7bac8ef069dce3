package lpbt

import (
	"cmp"
	"context"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// A Pair is an object before and after. Path is that in the tree, with xen/ before
// it; Old is empty for an object that only the patched source has.
type Pair struct {
	Path     string
	Old, New string // files
}

// Compiled is what somebody else compiled of a base and of its patched source: the
// objects that the patch can reach, and the base's xen-syms.
type Compiled struct {
	Pairs []Pair
	Syms  string // xen-syms of the base, as it was compiled, with DWARF
	Sizes Sizes  // of structures; those that are zero are read from Syms
}

// Sizes are those of the entries of special sections. The tool measures them after
// its first build; without the builds it takes those of an old Xen.
type Sizes struct{ Alternative, Bug, Exception int }

// structures are the types whose sizes count, with the tool's variables for them.
var structures = []struct {
	name, variable string
	size           func(*Sizes) *int
}{
	{"alt_instr", "ALT_STRUCT_SIZE", func(s *Sizes) *int { return &s.Alternative }},
	{"bug_frame", "BUG_STRUCT_SIZE", func(s *Sizes) *int { return &s.Bug }},
	{"exception_table_entry", "EX_STRUCT_SIZE", func(s *Sizes) *int { return &s.Exception }},
}

// Shared runs only the comparison of the tool, on objects that are there.
func (t *Tool) Shared(ctx context.Context, req Request, from Compiled) (*Built, error) {
	s, err := t.begin(modeShared, req)
	if err != nil {
		return nil, err
	}
	s.clock.enter(phaseLay)
	if err := from.Sizes.read(from.Syms); err != nil {
		return nil, s.fail(&Failure{Kind: Setup, Cause: err.Error(), Remedy: "compile the base with CONFIG_DEBUG_INFO, or give the sizes"}, nil)
	}
	s.source = filepath.Join(s.req.Work, pairName) // looked for, never looked into
	added, err := s.layOut(from)
	if err != nil {
		return nil, s.stopped(ctx, err)
	}
	var sizes []string
	for _, st := range structures {
		sizes = append(sizes, fmt.Sprintf("%s=%d", st.variable, *st.size(&from.Sizes)))
	}
	s.env = s.environment(sizes...)
	if err := s.run(ctx); err != nil {
		return nil, s.stopped(ctx, err)
	}
	return s.finish(ctx, added)
}

// layOut makes the folder that the tool's builds would have left: original/ and
// patched/ with a list beside the objects, xen-syms and .config. Objects are linked
// from where they are; the differ only reads them.
func (s *session) layOut(from Compiled) (added []string, err error) {
	out := s.out()
	for _, dir := range []string{s.source, filepath.Join(out, "original", csource.Root), filepath.Join(out, "patched", csource.Root)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	pairs := slices.Clone(from.Pairs)
	slices.SortFunc(pairs, func(a, b Pair) int { return cmp.Compare(a.Path, b.Path) })
	lists := map[string][]string{"original": nil, "patched": nil}
	for i, p := range pairs {
		if !strings.HasPrefix(p.Path, csource.Root+"/") || path.Clean(p.Path) != p.Path || path.Ext(p.Path) != ".o" || i > 0 && p.Path == pairs[i-1].Path {
			return nil, fmt.Errorf("object %q: expected a path of its own, such as xen/common/event.o", p.Path)
		}
		lists["patched"] = append(lists["patched"], p.Path)
		if p.Old == "" {
			added = append(added, p.Path)
			err = s.layNew(p)
		} else {
			lists["original"] = append(lists["original"], p.Path)
			err = errors.Join(place(p.Old, filepath.Join(out, "original", p.Path)), place(p.New, filepath.Join(out, "patched", p.Path)))
		}
		if err != nil {
			return nil, err
		}
	}
	for dir, list := range lists {
		if err := os.WriteFile(filepath.Join(out, dir, "changed_objs"), []byte(strings.Join(list, "\n")+"\n"), 0o600); err != nil {
			return nil, err
		}
	}
	return added, errors.Join(place(from.Syms, filepath.Join(out, "xen-syms")), place(s.req.Config, filepath.Join(out, ".config")))
}

// layNew lays a new object, and the folder that the tool copies it to and does not
// make. A tool that loses new objects gets it where it looks, besides.
func (s *session) layNew(p Pair) error {
	out := s.out()
	if err := place(p.New, filepath.Join(out, "patched", p.Path)); err != nil {
		return err
	}
	below := p.Path
	if s.tool.LosesNew {
		below = strings.TrimPrefix(p.Path, csource.Root+"/")
		if err := place(p.New, filepath.Join(out, "patched", below)); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(out, "output", path.Dir(below)), 0o700)
}

// places are where a new object may lie in the tool's output.
func places(name string) []string {
	rel := strings.TrimPrefix(name, csource.Root+"/")
	dir := path.Dir(rel)
	return []string{name, rel, path.Join(csource.Root, dir, rel), path.Join(dir, rel)}
}

// place gives a file a second name. The tool looks for regular files, which leaves
// out symbolic links; where a hard link cannot be, it is copied.
func place(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(from); err == nil {
		if os.Link(real, to) == nil {
			return nil
		}
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// read fills in what is zero from debugging information.
func (s *Sizes) read(syms string) error {
	missing := map[string]*int{}
	for _, st := range structures {
		if p := st.size(s); *p == 0 {
			missing[st.name] = p
		}
	}
	if len(missing) > 0 {
		if err := readSizes(syms, missing); err != nil {
			return err
		}
	}
	for _, st := range structures {
		// The bounds are the tool's own.
		if n := *st.size(s); n <= 0 || n > 16 {
			return fmt.Errorf("%s: struct %s has %d bytes, expected 1 to 16", syms, st.name, n)
		}
	}
	return nil
}

// readSizes looks through the units of a file for the definitions of structures.
func readSizes(name string, want map[string]*int) (err error) {
	defer func() {
		// Last resort: a hostile file must not stop the program.
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: expected DWARF as compilers make it: %v", name, r)
		}
	}()
	f, err := elf.Open(name)
	if err != nil {
		return fmt.Errorf("sizes of structures: %w", err)
	}
	defer f.Close()
	data, err := f.DWARF()
	if err != nil {
		return fmt.Errorf("%s: debugging information: %w", name, err)
	}
	left := len(want)
	for r := data.Reader(); left > 0; {
		e, err := r.Next()
		if err != nil {
			return fmt.Errorf("%s: debugging information: %w", name, err)
		}
		if e == nil {
			break
		}
		if e.Tag == dwarf.TagCompileUnit {
			continue // go into it
		}
		if e.Tag == dwarf.TagStructType {
			entry, _ := e.Val(dwarf.AttrName).(string)
			size, known := e.Val(dwarf.AttrByteSize).(int64)
			if p := want[entry]; p != nil && *p == 0 && known {
				*p = int(size)
				left--
			}
		}
		r.SkipChildren()
	}
	for entry, p := range want {
		if *p == 0 {
			return fmt.Errorf("%s: debugging information: struct %s is not in it", name, entry)
		}
	}
	return nil
}
