// Package probe proves what a patch does to the objects of a base: it compiles
// only the units that the patch can reach, before and after, on the vendor's own
// tree, configuration and compiler, and compares the objects.
//
// Which units those are follows from the dependencies that the build recorded and
// from the includes of the changed source. Of units that see a change only through
// headers the preprocessor's output is compared first: where it is the same, or
// differs in nothing that the unit uses, the object cannot differ. Objects are
// compiled in a view of the base (build/kbuild); where a patch touches what the
// build makes other sources of, make itself works in a copy.
//
// The comparison has the semantics of livepatch-build-tools' differ and of what
// that tool passes over (analyze/objdiff). Only x86-64 objects are compared. It
// cannot know whether the base was built as its profile says: see analyze/match.
package probe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"lpready/analyze"
	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/analyze/objdiff"
	"lpready/build/kbuild"
)

// A Prober proves cells of some bases. It is safe for concurrent use.
type Prober struct {
	work  string
	lent  bool       // the bases are another prober's, see Apart
	mu    sync.Mutex // of bases
	bases map[string]*base
}

// New makes a prober that works in a new folder below dir, with what it was asked
// to prove in it; Close removes it.
func New(dir string) (*Prober, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return nil, err
	}
	return &Prober{work: work, bases: map[string]*base{}}, nil
}

// Apart makes a prober of the same bases that works in a new folder below dir and knows
// nothing of what this one compiled. This one is closed after it.
func (p *Prober) Apart(dir string) (*Prober, error) {
	apart, err := New(dir)
	if err != nil {
		return nil, err
	}
	apart.lent = true
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.bases {
		if err := apart.add(b.id, b.xen, b.built, b.symbols, b.recorded); err != nil {
			return nil, errors.Join(err, apart.Close())
		}
	}
	return apart, nil
}

// Close removes what the prober made, and lets go of the bases.
func (p *Prober) Close() error {
	var errs []error
	for _, b := range p.bases {
		if !p.lent {
			errs = append(errs, b.built.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(p.work))...)
}

// Add adds a compiled base. Symbols is the shipped xen-syms, or nil: then those of
// the rebuilt base are taken. Recorded names the compiler of the shipped one where
// that is not the one used here. The prober closes the base.
func (p *Prober) Add(id, xen string, built *kbuild.Base, symbols []byte, recorded string) error {
	if symbols == nil {
		var err error
		if symbols, err = os.ReadFile(built.Symbols()); err != nil {
			return err
		}
	}
	table, err := objdiff.ReadSymbols(symbols)
	if err != nil {
		return fmt.Errorf("base %s: symbols: %w", id, err)
	}
	return p.add(id, xen, built, table, recorded)
}

func (p *Prober) add(id, xen string, built *kbuild.Base, table *objdiff.Symbols, recorded string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := &base{id: id, xen: xen, built: built, symbols: table, recorded: recorded,
		work: filepath.Join(p.work, fmt.Sprint(len(p.bases))), states: map[string]*state{}, chosen: map[string]*pairing{}, remade: map[string]*remade{}}
	p.bases[id] = b
	return os.Mkdir(b.work, 0o700)
}

// A base is a compiled base with the states of its source that were asked for.
type base struct {
	id, xen  string
	built    *kbuild.Base
	symbols  *objdiff.Symbols
	recorded string // the compiler of the shipped hypervisor, where it is another
	work     string
	pairs    string // where compared objects stay, for tests; empty: nowhere

	mu     sync.Mutex
	states map[string]*state   // by digest of the changed files
	chosen map[string]*pairing // by those of both
	remade map[string]*remade  // by digest of those that need make
}

// base is a base that was added, nil if it was not.
func (p *Prober) base(id string) *base {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bases[id]
}

// Prove compiles and compares one cell. That the source does not compile is a
// result (Proof.Failed); an error is the machine's.
func (p *Prober) Prove(ctx context.Context, t analyze.Trial) (*factor.Proof, error) {
	b := p.base(t.Base)
	if b == nil {
		return nil, nil
	}
	started := time.Now()
	proof, err := b.prove(ctx, t)
	var failed *kbuild.FailedError
	if errors.As(err, &failed) && failed.Fault == kbuild.Source {
		proof, err = &factor.Proof{Failed: failed.Cause, FailedAt: failed.InSource()}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("base %s: %w", b.id, err)
	}
	proof.Compiler, proof.Recorded, proof.Seconds = b.built.Compiler, b.recorded, time.Since(started).Seconds()
	return proof, nil
}

// pair finds what differs between the two states of a cell.
func (b *base) pair(ctx context.Context, t analyze.Trial) (*pairing, error) {
	before, err := b.state(ctx, t.Before, t.BeforeIndex)
	if err != nil {
		return nil, err
	}
	after, err := b.state(ctx, t.After, t.AfterIndex)
	if err != nil {
		return nil, err
	}
	key := before.key + after.key
	b.mu.Lock()
	p := b.chosen[key]
	if p == nil {
		p = &pairing{base: b, before: before, after: after}
		b.chosen[key] = p
	}
	b.mu.Unlock()
	p.once.Do(func() { p.err = p.choose(ctx) })
	return p, p.err
}

func (b *base) prove(ctx context.Context, t analyze.Trial) (*factor.Proof, error) {
	pair, err := b.pair(ctx, t)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.work, "pair-")
	if err != nil {
		return nil, err
	}
	if b.pairs == "" {
		defer os.RemoveAll(dir)
	} else {
		dir = filepath.Join(b.pairs, fmt.Sprint(t.XSA))
	}
	if err := pair.lay(ctx, dir); err != nil {
		return nil, err
	}
	return pair.compare(ctx, dir)
}

// compare compares the objects that lie in dir, and asks the base about types and
// symbols.
func (p *pairing) compare(ctx context.Context, dir string) (*factor.Proof, error) {
	opt := objdiff.Options{Xen: p.base.xen}
	if len(p.before.changed) == 0 {
		opt.Symbols = p.base.symbols // else functions of earlier patches are not there yet
	}
	trees, err := objdiff.CompareTrees(ctx, os.DirFS(filepath.Join(dir, oldDir)), os.DirFS(filepath.Join(dir, newDir)), opt)
	if err != nil {
		return nil, err
	}
	proof := &factor.Proof{Trees: trees, Reached: p.reached, Compiled: len(p.units)}
	p.references(proof)
	var types []string
	for _, l := range trees.Layouts {
		if l.Kind == "changed" {
			types = append(types, l.Type)
		}
	}
	if len(types) > 0 {
		if proof.Lives, err = objdiff.Lives(ctx, p.before.objects(), types); err != nil {
			return nil, err
		}
	}
	return proof, nil
}

// references finds what the payload refers to and the running hypervisor does not
// have any more, or not at all.
func (p *pairing) references(proof *factor.Proof) {
	own := map[string]bool{} // what the payload, or one before it, brings along
	for _, d := range proof.Trees.Objects {
		for _, name := range slices.Concat(d.Functions, d.NewFunctions) {
			own[name] = true
		}
		for _, x := range d.Data {
			own[x.Symbol] = true
		}
	}
	for _, data := range p.before.changed {
		for _, w := range words(string(data)) {
			own[w] = true
		}
	}
	for _, d := range proof.Trees.Objects {
		for _, reference := range d.References {
			_, name, local := strings.Cut(reference, "#")
			if !local {
				name = reference
			}
			switch p.base.symbols.Where(reference) {
			case objdiff.Freed:
				proof.Freed = append(proof.Freed, factor.Reference{Object: d.Path, Symbol: name})
			case objdiff.Absent:
				if !own[name] && !own[factor.Plain(name)] && !strings.HasPrefix(name, ".") {
					proof.Absent = append(proof.Absent, factor.Reference{Object: d.Path, Symbol: name})
				}
			}
		}
	}
}

// A state is a base's source with some files changed. Names of files have the
// prefix xen/.
type state struct {
	base    *base
	changed map[string][]byte // against the base's source
	index   *csource.Index
	key     string

	once      sync.Once
	err       error
	built     *kbuild.Base      // what it is compiled on: the base, or one that make made
	files     map[string][]byte // that differ from those of built, headers that are made among them
	view      *kbuild.View      // of built with files; nil without files
	compiling sync.Mutex
}

func contentKey(files map[string][]byte) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %v %x\n", name, files[name] == nil, sha256.Sum256(files[name]))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// state finds or makes the state with these files changed.
func (b *base) state(ctx context.Context, changed map[string][]byte, index *csource.Index) (*state, error) {
	key := contentKey(changed)
	b.mu.Lock()
	s := b.states[key]
	if s == nil {
		s = &state{base: b, changed: changed, index: index, key: key}
		b.states[key] = s
	}
	b.mu.Unlock()
	s.once.Do(func() { s.err = s.open(ctx) })
	return s, s.err
}

// open lays out the state: what make has to see to is made, once for all states
// that agree in it, headers that are made come next, and the rest lies over that.
func (s *state) open(ctx context.Context) error {
	s.built, s.files = s.base.built, s.against(nil)
	if needed := s.needing(kbuild.Make); len(needed) > 0 {
		r := s.base.remake(ctx, s, needed)
		if r.err != nil {
			return r.err
		}
		s.built, s.files = r.built, s.against(r.changed)
	}
	if needed := s.needing(kbuild.Headers); len(needed) > 0 {
		made, err := s.base.headers(ctx, s.built, needed)
		if err != nil {
			return err
		}
		maps.Copy(s.files, made)
	}
	if len(s.files) == 0 {
		return nil
	}
	var err error
	if s.view, err = s.built.View(filepath.Join(s.base.work, "view-"+s.key), s.files); err != nil {
		return err
	}
	made, err := s.view.Offsets(ctx)
	maps.Copy(s.files, made)
	return err
}

// needing are the changed files with a need.
func (s *state) needing(need kbuild.Need) map[string][]byte {
	files := map[string][]byte{}
	for name, data := range s.changed {
		if s.base.built.Needs(map[string][]byte{name: data}) == need {
			files[name] = data
		}
	}
	return files
}

// against are the files that differ from a base which has others changed.
func (s *state) against(on map[string][]byte) map[string][]byte {
	different := map[string][]byte{}
	for name, data := range s.changed {
		if was, ok := on[name]; !ok || !same(was, data) {
			different[name] = data
		}
	}
	for name := range on {
		if _, ok := s.changed[name]; !ok {
			different[name] = s.index.Source(name)
		}
	}
	maps.DeleteFunc(different, func(name string, _ []byte) bool { return s.base.built.Elsewhere(name) })
	return different
}

func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// A remade is what make made of the base with changed files.
type remade struct {
	once    sync.Once
	built   *kbuild.Base
	changed map[string][]byte
	headers map[string][]byte
	err     error
}

// remaking finds or begins what is made of changed files on a base, once.
func (b *base) remaking(on *kbuild.Base, files map[string][]byte, do func(r *remade, dir string)) *remade {
	key := contentKey(files)
	b.mu.Lock()
	r := b.remade[on.Dir+key]
	if r == nil {
		r = &remade{}
		b.remade[on.Dir+key] = r
	}
	b.mu.Unlock()
	r.once.Do(func() {
		do(r, filepath.Join(b.work, fmt.Sprintf("make-%s-%s", filepath.Base(filepath.Dir(on.Dir)), key)))
	})
	return r
}

// remake lets make build the base with those of the state's files that make has to
// see. Where they do not compile without the others, all are laid over it.
func (b *base) remake(ctx context.Context, s *state, needed map[string][]byte) *remade {
	return b.remaking(b.built, needed, func(r *remade, dir string) {
		r.changed = needed
		r.built, r.err = b.built.Rebuild(ctx, dir, needed)
		if errors.As(r.err, new(*kbuild.FailedError)) {
			r.changed = s.changed
			r.built, r.err = b.built.Rebuild(ctx, dir+"-whole", s.changed)
		}
	})
}

// headers lets make make headers of changed files, and gives those that differ.
func (b *base) headers(ctx context.Context, on *kbuild.Base, needed map[string][]byte) (map[string][]byte, error) {
	r := b.remaking(on, needed, func(r *remade, dir string) { r.headers, r.err = on.Headers(ctx, dir, needed) })
	return r.headers, r.err
}

// objects are the objects of what the state is compiled on.
func (s *state) objects() fs.FS { return os.DirFS(filepath.Join(s.built.Dir, csource.Root)) }

// sees tells which of the files that differ a unit can see: those that the
// compiler read for it, those that its source includes now.
func (s *state) sees(u *kbuild.Unit, files []string) []string {
	var list []string
	for _, name := range files {
		rel := strings.TrimPrefix(name, csource.Root+"/")
		if _, found := slices.BinarySearch(u.Deps, rel); found || u.Source == rel || slices.Contains(s.index.Includers(name), csource.Root+"/"+u.Source) {
			list = append(list, name)
		}
	}
	return list
}
