package kbuild

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"lpready/analyze/csource"
)

// A View is the source of a compiled base with some files changed, in a folder of
// its own: real folders, links to the files of the base, and the changed files.
// Units are compiled in it as they were in the base, at the price of some
// thousand links instead of a copy. The headers that the build makes are those of
// the base, but for asm-offsets.h; see Needs.
type View struct {
	base    *Base
	dir     string
	changed map[string][]byte // relative to xen/; nil: removed
}

// A viewFile is a file or link of the base that a view has, too.
type viewFile struct {
	name string // relative to xen/
	link string // target of a symbolic link
	dir  bool
}

// listFiles lists what a view holds: all but what compiling and linking made.
func (b *Base) listFiles() ([]viewFile, error) {
	var list []viewFile
	err := filepath.WalkDir(b.xen(), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(b.xen(), name)
		if err != nil {
			return err
		}
		f := viewFile{name: filepath.ToSlash(rel), dir: d.IsDir()}
		switch ext := path.Ext(f.name); {
		case ext == ".o" || ext == ".a" || ext == ".cmd" || ext == ".d" || ext == ".tmp":
			return nil
		case !strings.Contains(f.name, "/") && (strings.HasPrefix(f.name, "xen.") || strings.HasPrefix(f.name, "xen-syms") || f.name == "xen"):
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			if f.link, err = os.Readlink(name); err != nil {
				return err
			}
		}
		list = append(list, f)
		return nil
	})
	return list, err
}

// View lays changed files over the base's source, in a new folder. Names have the
// prefix xen/; files outside of it are left out. nil is a file that is removed.
func (b *Base) View(dir string, changed map[string][]byte) (*View, error) {
	files, err := b.files()
	if err != nil {
		return nil, err
	}
	v := &View{base: b, dir: dir, changed: map[string][]byte{}}
	xen := filepath.Join(dir, csource.Root)
	if err := os.MkdirAll(xen, 0o700); err != nil {
		return nil, err
	}
	for _, f := range files {
		to := filepath.Join(xen, filepath.FromSlash(f.name))
		switch {
		case f.name == ".":
		case f.dir:
			err = os.Mkdir(to, 0o700)
		case f.link != "":
			err = os.Symlink(f.link, to)
		default:
			err = os.Symlink(filepath.Join(b.xen(), filepath.FromSlash(f.name)), to)
		}
		if err != nil {
			return nil, err
		}
	}
	for name, data := range changed {
		if rel, ok := strings.CutPrefix(name, csource.Root+"/"); ok {
			if err := v.write(rel, data); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// write puts a file in the place of a link.
func (v *View) write(rel string, data []byte) error {
	v.changed[rel] = data
	return replace(filepath.Join(v.dir, csource.Root, filepath.FromSlash(rel)), data)
}

// replace writes a file whatever stands there; nil removes it.
func replace(name string, data []byte) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if data == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}

// compileLimit is how long one compiler may take.
const compileLimit = 10 * time.Minute

// Compile makes the objects of units, as many at once as the base's jobs; those
// that are made of others after them. The error is a *FailedError where the source
// does not compile.
func (v *View) Compile(ctx context.Context, units []*Unit) error {
	for _, made := range []bool{false, true} {
		err := v.each(ctx, units, made, func(u *Unit) error { return v.compile(ctx, u) })
		if err != nil {
			return err
		}
	}
	return nil
}

// each runs a function for the units that are made of others, or for the rest.
// The error is that of the first unit that failed, in their order.
func (v *View) each(ctx context.Context, units []*Unit, made bool, do func(*Unit) error) error {
	errs := make([]error, len(units))
	var wg sync.WaitGroup
	for i, u := range units {
		if (u.From != "") != made {
			continue
		}
		if errs[i] = v.base.budget.Take(ctx, 1); errs[i] != nil {
			break
		}
		wg.Go(func() {
			defer v.base.budget.Give(1)
			errs[i] = do(u)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Object is the path of an object that Compile made.
func (v *View) Object(u *Unit) string {
	return filepath.Join(v.dir, csource.Root, filepath.FromSlash(u.Object))
}

// Object is the path of an object of the base.
func (b *Base) Object(u *Unit) string { return filepath.Join(b.xen(), filepath.FromSlash(u.Object)) }

func (v *View) compile(ctx context.Context, u *Unit) error {
	if err := v.shell(ctx, u, u.command); err != nil {
		return err
	}
	temporary := filepath.Join(filepath.Dir(v.Object(u)), "."+path.Base(u.Object)+".tmp")
	if _, err := os.Stat(temporary); err != nil {
		return nil
	}
	return v.unique(ctx, u, temporary)
}

// unique does what Rules.mk does after the compiler (objcopy_fix_sym): the name of
// the source in the object becomes its path, so that local symbols can be told
// apart. Kbuild does not record that command.
func (v *View) unique(ctx context.Context, u *Unit, temporary string) error {
	full := u.Source
	if name, err := fileSymbol(v.base.Object(u)); err == nil {
		full = name
	}
	_, err := command(v.dir, v.base.env, v.base.objcopy, "--redefine-sym", path.Base(full)+"="+full, temporary, v.Object(u)).Run(ctx)
	return errors.Join(err, os.Remove(temporary))
}

// fileSymbol is the name of the source that an object of the build holds.
func fileSymbol(object string) (string, error) {
	f, err := elf.Open(object)
	if err != nil {
		return "", err
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return "", err
	}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FILE {
			return s.Name, nil
		}
	}
	return "", fmt.Errorf("%s: expected a FILE symbol", object)
}

// shell runs a command of the record in the view.
func (v *View) shell(ctx context.Context, u *Unit, text string) error {
	text = strings.ReplaceAll(text, v.base.Dir, v.dir)
	cmd := command(filepath.Join(v.dir, csource.Root, u.dir), v.base.env, "sh", "-c", text)
	cmd.Timeout = compileLimit
	_, err := cmd.Run(ctx)
	return failed(err)
}

var (
	dependencies = regexp.MustCompile(`-MMD|-MP|-MF \S+`)
	outputs      = regexp.MustCompile(` -c (\S+)| -o \S+| -MQ \S+`)
)

// Text is what the preprocessor makes of a unit, without the numbers of lines but
// with those that __LINE__ puts in.
func (v *View) Text(ctx context.Context, u *Unit) ([]byte, error) { return v.base.text(ctx, v.dir, u) }

// Text is that of a unit of the base itself.
func (b *Base) Text(ctx context.Context, u *Unit) ([]byte, error) { return b.text(ctx, b.Dir, u) }

func (b *Base) text(ctx context.Context, dir string, u *Unit) ([]byte, error) {
	if err := b.budget.Take(ctx, 1); err != nil {
		return nil, err
	}
	defer b.budget.Give(1)
	text := dependencies.ReplaceAllString(u.command, "")
	text = outputs.ReplaceAllString(text, " $1") + " -E -P"
	cmd := command(filepath.Join(dir, csource.Root, u.dir), b.env, "sh", "-c", strings.ReplaceAll(text, b.Dir, dir))
	var out bytes.Buffer
	cmd.Stdout, cmd.Timeout = &out, compileLimit
	_, err := cmd.Run(ctx)
	return out.Bytes(), failed(err)
}
