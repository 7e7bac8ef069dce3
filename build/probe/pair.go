package probe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"lpready/build/kbuild"
)

// A pairing is what is compared: the objects of two states.
type pairing struct {
	base          *base
	before, after *state

	once    sync.Once // of what follows
	err     error
	reached int      // units that see a changed file
	units   []string // objects to compare, sorted
}

// choose finds the units whose objects can differ.
func (p *pairing) choose(ctx context.Context) error {
	if p.before.built != p.after.built {
		return p.all()
	}
	changed := p.differing()
	var doubtful []*kbuild.Unit
	for i := range p.after.built.Units {
		u := &p.after.built.Units[i]
		if u.From != "" {
			continue
		}
		seen := append(p.after.sees(u, changed), p.before.sees(u, changed)...)
		if len(seen) == 0 {
			continue
		}
		p.reached++
		if slices.ContainsFunc(seen, func(name string) bool { return path.Ext(name) != ".h" }) {
			p.units = append(p.units, u.Object)
		} else {
			doubtful = append(doubtful, u)
		}
	}
	differ, err := p.texts(ctx, doubtful)
	p.units = append(p.units, differ...)
	p.addMade()
	return err
}

// all takes every object that either state has: make decided what to build.
func (p *pairing) all() error {
	for _, s := range []*state{p.before, p.after} {
		for i := range s.built.Units {
			p.units = append(p.units, s.built.Units[i].Object)
		}
	}
	slices.Sort(p.units)
	p.units = slices.Compact(p.units)
	p.reached = len(p.units)
	return nil
}

// differing lists the files that the two states have not in common, sorted.
func (p *pairing) differing() (list []string) {
	for name, data := range p.after.files {
		if was, ok := p.before.files[name]; !ok || !same(was, data) {
			list = append(list, name)
		}
	}
	for name := range p.before.files {
		if _, ok := p.after.files[name]; !ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// sample is how many units are preprocessed first: if the change matters to every
// one of them, it is taken to matter to all, and they are compiled at once.
const sample = 8

// texts are the objects of those units whose preprocessed source differs in
// something that they use.
func (p *pairing) texts(ctx context.Context, units []*kbuild.Unit) ([]string, error) {
	differ, errs := make([]bool, len(units)), make([]error, len(units))
	var order []int // a few from everywhere, then the rest
	step := max(len(units)/sample, 1)
	for start := range step {
		for i := start; i < len(units); i += step {
			order = append(order, i)
		}
	}
	for len(order) > 0 {
		n := min(len(order), sample)
		if len(order) < len(units) {
			n = len(order)
		}
		p.preprocess(ctx, units, order[:n], differ, errs)
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		if len(order) == len(units) && !slices.ContainsFunc(order[:n], func(i int) bool { return !differ[i] }) {
			for i := range differ {
				differ[i] = true
			}
			break
		}
		order = order[n:]
	}
	var list []string
	for i, u := range units {
		if differ[i] {
			list = append(list, u.Object)
		}
	}
	return list, nil
}

// preprocess compares the sources of some of the units.
func (p *pairing) preprocess(ctx context.Context, units []*kbuild.Unit, which []int, differ []bool, errs []error) {
	var wg sync.WaitGroup
	gate := make(chan struct{}, p.after.built.Jobs())
	for _, i := range which {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			differ[i], errs[i] = p.textDiffers(ctx, units[i])
		})
	}
	wg.Wait()
}

func (p *pairing) textDiffers(ctx context.Context, u *kbuild.Unit) (bool, error) {
	old, err := p.before.text(ctx, u)
	if err != nil {
		return false, err
	}
	now, err := p.after.text(ctx, u)
	if err != nil {
		return false, err
	}
	if u.Asm { // has no declarations that count for nothing
		return !bytes.Equal(old, now), nil
	}
	return textMatters(string(old), string(now)), nil
}

// text is a unit's preprocessed source.
func (s *state) text(ctx context.Context, u *kbuild.Unit) ([]byte, error) {
	if s.view == nil {
		return s.built.Text(ctx, u)
	}
	return s.view.Text(ctx, u)
}

// addMade adds the objects that the build makes of those chosen.
func (p *pairing) addMade() {
	for i := range p.after.built.Units {
		if u := &p.after.built.Units[i]; u.From != "" && slices.Contains(p.units, u.From) {
			p.units = append(p.units, u.Object)
		}
	}
	slices.Sort(p.units)
}

// lay links or copies the objects of both states into the folders old and new of dir.
func (p *pairing) lay(ctx context.Context, dir string) error {
	for _, side := range []struct {
		name string
		*state
	}{{oldDir, p.before}, {newDir, p.after}} {
		objects, err := side.make(ctx, p.units)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(dir, side.name), 0o700); err != nil {
			return err
		}
		for name, object := range objects {
			if err := link(object, filepath.Join(dir, side.name, filepath.FromSlash(name))); err != nil {
				return err
			}
		}
	}
	return nil
}

func link(object, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if os.Link(object, to) == nil {
		return nil // else it is on another file system
	}
	data, err := os.ReadFile(object)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

// make gives the paths of a state's objects, compiling what is not there.
func (s *state) make(ctx context.Context, names []string) (map[string]string, error) {
	objects := map[string]string{}
	var missing []*kbuild.Unit
	files := slices.Sorted(maps.Keys(s.files))
	for _, name := range names {
		u, ok := s.built.Unit(name)
		if !ok {
			continue
		}
		compiled := u
		if from, ok := s.built.Unit(u.From); ok {
			compiled = from
		}
		seen := s.sees(compiled, files)
		if len(seen) == 0 {
			objects[name] = s.built.Object(u)
			continue
		}
		objects[name] = s.keptAt(u, seen)
		if _, err := os.Stat(objects[name]); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, u)
		} else if err != nil {
			return nil, err
		}
	}
	return objects, s.compile(ctx, missing, objects)
}

// compile makes objects in the state's view and keeps them. One caller at a time
// works on a state.
func (s *state) compile(ctx context.Context, units []*kbuild.Unit, kept map[string]string) error {
	if len(units) == 0 {
		return nil
	}
	s.compiling.Lock()
	defer s.compiling.Unlock()
	// Another cell of the same state may have compiled them in the meantime.
	units = slices.DeleteFunc(units, func(u *kbuild.Unit) bool {
		_, err := os.Stat(kept[u.Object])
		return err == nil
	})
	units = s.withOrigins(units)
	if err := s.view.Compile(ctx, units); err != nil {
		return err
	}
	for _, u := range units {
		to := kept[u.Object]
		if to == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := os.Link(s.view.Object(u), to); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// withOrigins adds the objects that others are made of.
func (s *state) withOrigins(units []*kbuild.Unit) []*kbuild.Unit {
	list := slices.Clone(units)
	for _, u := range units {
		if from, ok := s.built.Unit(u.From); ok && !slices.Contains(list, from) {
			list = append(list, from)
		}
	}
	return list
}

// keptAt is where an object is kept: named by the content of the changed files
// that the unit sees, so that states which agree in these share it.
func (s *state) keptAt(u *kbuild.Unit, seen []string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", s.built.Dir, u.Object)
	for _, name := range seen {
		fmt.Fprintf(h, "%s %x\n", name, sha256.Sum256(s.files[name]))
	}
	return filepath.Join(s.base.work, "objects", fmt.Sprintf("%x", h.Sum(nil)[:16]), strings.ReplaceAll(u.Object, "/", "_"))
}
