package objdiff

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// A lifeGraph tells what holds or points to what, by name. Adding to it is
// independent of order.
type lifeGraph struct {
	types    map[string]holds   // by the type that holds
	roots    map[lifeRoot]holds // variables of static storage, functions
	declared map[string]holds   // variables of other objects, by name
	defined  map[string]bool    // variables that others may refer to
}

// A lifeRoot is a variable, or a function as the holder of its variables.
type lifeRoot struct {
	kind                   LifeKind
	object, function, name string // object is "" where none defines it, function for all but static locals
}

// holds are the types that are held or pointed to, each by the best way.
type holds map[string]hold

// A hold is one way from a holder to a type.
type hold struct {
	text     string // "struct domain.arch", "idle_vcpu[]"
	sep      string // before the name of a member of it
	pointers int    // on the way
}

func newLifeGraph() *lifeGraph {
	return &lifeGraph{map[string]holds{}, map[lifeRoot]holds{}, map[string]holds{}, map[string]bool{}}
}

func (h hold) compare(o hold) int {
	return cmp.Or(cmp.Compare(h.pointers, o.pointers), cmp.Compare(len(h.text), len(o.text)), strings.Compare(h.text, o.text))
}

func (all holds) add(to string, h hold) {
	if was, ok := all[to]; !ok || h.compare(was) < 0 {
		all[to] = h
	}
}

// holder is the entry of a map of holders, made if there is none.
func holder[K comparable](m map[K]holds, key K) holds {
	all := m[key]
	if all == nil {
		all = holds{}
		m[key] = all
	}
	return all
}

func joinHolds[K comparable](to, from map[K]holds) {
	for key, all := range from {
		into := holder(to, key)
		for name, h := range all {
			into.add(name, h)
		}
	}
}

func (g *lifeGraph) join(o *lifeGraph) {
	joinHolds(g.types, o.types)
	joinHolds(g.roots, o.roots)
	joinHolds(g.declared, o.declared)
	maps.Copy(g.defined, o.defined)
}

func readLives(ctx context.Context, tree fs.FS) (*lifeGraph, error) {
	names, err := objects(tree)
	if err != nil {
		return nil, err
	}
	graphs := make([]*lifeGraph, min(runtime.GOMAXPROCS(0), max(len(names), 1)))
	errs := make([]error, len(names))
	var next atomic.Int64
	var wg sync.WaitGroup
	for i := range graphs {
		g := newLifeGraph()
		graphs[i] = g
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(names) {
					return
				}
				errs[i] = g.readFile(tree, names[i])
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", names[i], err)
		}
	}
	for _, g := range graphs[1:] {
		graphs[0].join(g)
	}
	return graphs[0], nil
}

func (g *lifeGraph) readFile(tree fs.FS, name string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("expected an object as compilers make them: %v", r)
		}
	}()
	data, err := fs.ReadFile(tree, name)
	if err != nil || !isELF(data) || is32(data) {
		return err
	}
	o, err := readObject(data)
	if err != nil {
		return err
	}
	if d := o.dwarf(); d != nil {
		return g.read(name, o, d)
	}
	return nil
}

// read adds what the debugging information of one object says.
func (g *lifeGraph) read(name string, o *object, d *dwarf) error {
	t, err := d.readTypes()
	if err != nil {
		return err
	}
	r := &lifeReader{graph: g, name: name, object: o, types: t, funcs: map[int]*lifeFunc{}, vars: map[int]lifeVar{}}
	units, err := d.units()
	if err != nil {
		return err
	}
	for _, u := range units {
		if err := r.unit(u); err != nil {
			return err
		}
	}
	at := o.addresses()
	return cmp.Or(r.addTypes(), r.addVars(at), r.addFuncs(at))
}

// A lifeReader reads one object.
type lifeReader struct {
	graph  *lifeGraph
	name   string
	object *object
	types  *types
	funcs  map[int]*lifeFunc // by offset
	vars   map[int]lifeVar   // by offset
}

type lifeFunc struct {
	name    string
	origin  int
	lowPC   int
	ranges  bool
	uses    []int // types of variables, parameters and results
	inlined []int // functions
}

type lifeVar struct {
	name        string
	typ, origin int
	location    int
	function    *lifeFunc
	external    bool
	declaration bool
}

// unit walks a unit, with the types that are declared inside of functions.
func (r *lifeReader) unit(u *unit) error {
	c := cursor{data: u.info[:u.end], at: u.pos}
	var around *lifeFunc
	var stack []*lifeFunc // the function around each open list of children
	var e die
	for c.at < u.end {
		at := c.at
		if err := u.read(&c, &e); err != nil {
			return err
		}
		if r.types.count++; r.types.count > maxTypes {
			return errTypes
		}
		inner := around
		switch e.tag {
		case 0:
			if n := len(stack); n > 0 {
				around, stack = stack[n-1], stack[:n-1]
			}
			continue
		case tagFunc:
			inner = &lifeFunc{name: e.name, origin: e.origin, lowPC: e.lowPC, ranges: e.ranges, uses: []int{e.typ}}
			r.funcs[at] = inner
		case tagInlined:
			if around != nil {
				around.inlined = append(around.inlined, e.origin)
			}
		case tagVariable, tagParam:
			r.variable(at, &e, around)
		case tagStruct, tagUnion, tagEnum, tagArray, tagFuncType, tagTypedef, tagPointer, tagConst, tagVolatile, tagRestrict, tagAtomic:
			if around == nil { // known
				if err := u.skipChildren(&c, &e); err != nil {
					return err
				}
				continue
			}
			c.at = at
			if _, err := u.readType(&c, r.types, 0); err != nil {
				return err
			}
			continue
		}
		if e.children {
			if len(stack) > 1<<16 {
				return errDwarf
			}
			stack = append(stack, around)
			around = inner
		}
	}
	return nil
}

func (r *lifeReader) variable(at int, e *die, around *lifeFunc) {
	if around != nil {
		around.uses = append(around.uses, e.typ)
	}
	if e.tag == tagVariable {
		r.vars[at] = lifeVar{e.name, e.typ, e.origin, e.location, around, e.external, e.declaration}
	}
}

// reach follows a type to the names it stands for, which it adds to what is held.
func (r *lifeReader) reach(all holds, off int, h hold, depth int) error {
	if err := r.object.spend(256 + len(h.text)); err != nil {
		return err
	}
	e := r.types.at[off]
	if e == nil {
		return nil // void
	}
	if depth > 64 {
		return errTypes
	}
	switch e.tag {
	case tagPointer:
		h.pointers++
		h.sep = "->"
	case tagArray:
		h.text += "[]"
	case tagConst, tagVolatile, tagRestrict, tagAtomic:
	case tagStruct, tagUnion, tagEnum, tagTypedef:
		switch {
		case e.name != "":
			all.add(kinds[e.tag]+e.name, h)
		case e.aggregate():
			return r.members(all, e, h, depth)
		}
		return nil
	default:
		return nil
	}
	return r.reach(all, e.typ, h, depth+1)
}

func (r *lifeReader) members(all holds, e *ctype, h hold, depth int) error {
	for _, m := range e.members {
		inner := h
		if m.name != "" {
			inner.text, inner.sep = h.text+h.sep+m.name, "."
		}
		if err := r.reach(all, m.typ, inner, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// addTypes adds what the named types hold.
func (r *lifeReader) addTypes() error {
	for _, off := range r.types.list {
		e := r.types.at[off]
		if e.name == "" || e.declaration || !e.aggregate() && e.tag != tagTypedef {
			continue
		}
		key := kinds[e.tag] + e.name
		all, h := holder(r.graph.types, key), hold{text: key, sep: "."}
		var err error
		if e.aggregate() {
			err = r.members(all, e, h, 0)
		} else {
			err = r.reach(all, e.typ, h, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addVars adds the variables of static storage.
func (r *lifeReader) addVars(address map[int]address) error {
	for _, v := range r.vars {
		v = r.whole(v)
		var all holds
		at, ok := address[v.location]
		switch {
		case ok:
			if v.external {
				r.graph.defined[v.name] = true
			}
			if at.gone() {
				continue
			}
			root := lifeRoot{kind: at.kind(), object: r.name, name: v.name}
			if v.function != nil {
				root.function = r.function(v.function)
			}
			all = holder(r.graph.roots, root)
		case v.declaration && v.external:
			all = holder(r.graph.declared, v.name)
		default:
			continue
		}
		if err := r.reach(all, v.typ, hold{text: strings.TrimPrefix(v.name, "per_cpu__"), sep: "."}, 0); err != nil {
			return err
		}
	}
	return nil
}

// whole is a variable with what the entries say that it refers to.
func (r *lifeReader) whole(v lifeVar) lifeVar {
	for range 8 {
		from, ok := r.vars[v.origin]
		if !ok {
			break
		}
		v.name, v.typ, v.origin = cmp.Or(v.name, from.name), cmp.Or(v.typ, from.typ), from.origin
		v.external = v.external || from.external
	}
	return v
}

// addFuncs adds the functions that have code, with what was inlined into them. One
// without an address of its own is split in parts.
func (r *lifeReader) addFuncs(address map[int]address) error {
	for _, f := range r.funcs {
		at, ok := address[f.lowPC]
		name := r.function(f)
		switch {
		case ok && at.gone():
			continue
		case ok:
			name = cmp.Or(r.object.functionAt(at), name)
		case !f.ranges:
			continue
		}
		all := holder(r.graph.roots, lifeRoot{kind: LifeStack, object: r.name, name: name})
		if err := r.uses(all, f); err != nil {
			return err
		}
		for _, origin := range f.inlined {
			if err := r.uses(all, r.funcs[origin]); err != nil {
				return err
			}
		}
	}
	return nil
}

// uses adds what a function uses, and what the one does that it is made of.
func (r *lifeReader) uses(all holds, f *lifeFunc) error {
	for range 8 {
		if f == nil {
			break
		}
		for _, typ := range f.uses {
			if err := r.reach(all, typ, hold{sep: "."}, 0); err != nil {
				return err
			}
		}
		f = r.funcs[f.origin]
	}
	return nil
}

func (r *lifeReader) function(f *lifeFunc) string {
	for range 8 {
		if f.name != "" || r.funcs[f.origin] == nil {
			break
		}
		f = r.funcs[f.origin]
	}
	return f.name
}

// An address is what a relocation points to.
type address struct {
	sec *section // nil for a symbol without one
	off uint64
}

// addresses are those in the debugging information, by their place.
func (o *object) addresses() map[int]address {
	list := map[int]address{}
	info := o.first[".debug_info"]
	if info == nil || info.rela == nil {
		return list
	}
	for e := info.rela.raw; len(e) >= relaSize; e = e[relaSize:] {
		index := le.Uint32(e[12:])
		if le.Uint32(e[8:]) == relX8664 && uint64(index) < uint64(len(o.symbols)) {
			s := o.symbols[index]
			list[int(le.Uint64(e))] = address{s.sec, s.value + le.Uint64(e[16:])}
		}
	}
	delete(list, 0) // which stands for no place
	return list
}

// functionAt is the symbol of the function there, "" if there is none.
func (o *object) functionAt(a address) string {
	if a.sec == nil {
		return ""
	}
	if a.sec.sym != nil {
		return a.sec.sym.name
	}
	if f := o.starts(a.sec)[a.off]; f != nil {
		return f.name
	}
	return ""
}

// gone tells whether the hypervisor frees the section once it has booted.
func (a address) gone() bool {
	return a.sec != nil && (strings.HasPrefix(a.sec.name, ".init") || strings.HasPrefix(a.sec.name, ".exit"))
}

func (a address) kind() LifeKind {
	switch s := a.sec; {
	case s == nil:
		return LifeStatic
	case strings.HasPrefix(s.name, ".bss.percpu"), strings.HasPrefix(s.name, ".data.percpu"):
		return LifePerCPU
	case s.flags&shfWrite == 0, strings.HasPrefix(s.name, ".data.rel.ro"):
		return LifeConstant
	}
	return LifeStatic
}
