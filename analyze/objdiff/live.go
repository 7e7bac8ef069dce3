package objdiff

import (
	"cmp"
	"container/heap"
	"context"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// A Life says where objects of a type can be while the hypervisor runs.
type Life struct {
	Type  string   `json:"type"` // as in a Layout: "struct domain"
	Kind  LifeKind `json:"kind"`
	Path  []string `json:"path,omitempty"`  // how it is reached: a variable or function, then members
	Users []string `json:"users,omitempty"` // "common/domain.o:domain_kill": functions whose code knows the type
}

// A LifeKind is the strongest reason for a type to have objects, or none.
type LifeKind string

const (
	LifeStatic   LifeKind = "static"   // a variable is or holds one
	LifePerCPU   LifeKind = "percpu"   // a variable of each CPU is or holds one
	LifePointed  LifeKind = "pointed"  // something live points to one, so it was allocated or is static
	LifeConstant LifeKind = "constant" // data that is never written is or holds one: a payload brings its own
	LifeStack    LifeKind = "stack"    // a variable of a function is or holds one, for as long as a call lasts
	LifeHidden   LifeKind = "hidden"   // functions know pointers to it only: it is somewhere, DWARF does not show where
	LifeUnused   LifeKind = "unused"   // no variable and no function
)

// Lives tells of each type where its objects can be, from the debugging
// information of all objects below a folder, built_in.o and prelink.o left out
// as in CompareTrees. A path begins at a variable of static storage and leads
// through members, by value rather than by pointer and in few steps rather than
// many. Types are joined by name: what one unit only declares, another completes,
// and different types of one name count as one. A variable that no object
// defines is taken for one of assembly or the linker. Code and data of init
// sections are gone when the hypervisor runs and count for nothing.
//
// Users are the functions that have, themselves or by what was inlined into
// them, a variable, a parameter or a result of the type or of a pointer to it.
// Where nothing live has the type they are also those of types that lead to it,
// so that replacing them all replaces all code that knows the type. A function
// that was split in a hot and a cold part has the name of the source.
//
// DWARF shows neither allocations nor casts nor which function uses a global
// variable. What is reached through void *, container_of or a number only (a
// scheduler's private data, pages shared with a guest, what assembly builds) is
// hidden; and a type of which there are constants, or variables on a stack, may
// have objects elsewhere, too. All but static, percpu and pointed must be joined
// with what the source shows to be allocated.
func Lives(ctx context.Context, tree fs.FS, types []string) ([]Life, error) {
	g, err := readLives(ctx, tree)
	if err != nil {
		return nil, err
	}
	return g.lives(types), nil
}

// A way is the best one to a type that is known so far.
type way struct {
	to   string
	from *way // nil at the root
	root lifeRoot
	hold hold
	cost int64
	turn int // of being found: of two that cost the same, the first is better
}

// What a way costs: pointers are worse than any number of members, constants
// worse than pointers, and the stack comes last.
const (
	stepCost     = 1
	pointerCost  = 1 << 20
	constantCost = 1 << 40
	stackCost    = 1 << 41
)

// ways is a heap, the best on top.
type ways []*way

func (w ways) Len() int { return len(w) }
func (w ways) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(w[i].cost, w[j].cost), cmp.Compare(w[i].turn, w[j].turn)) < 0
}
func (w ways) Swap(i, j int) { w[i], w[j] = w[j], w[i] }
func (w *ways) Push(x any)   { *w = append(*w, x.(*way)) }
func (w *ways) Pop() any {
	last := len(*w) - 1
	x := (*w)[last]
	*w = (*w)[:last]
	return x
}

// best finds the best way to each type.
func (g *lifeGraph) best() map[string]*way {
	best := map[string]*way{}
	open, turn := &ways{}, 0
	add := func(from *way, root lifeRoot, cost int64, all holds) {
		for _, to := range slices.Sorted(maps.Keys(all)) {
			if best[to] != nil {
				continue
			}
			turn++
			w := &way{to, from, root, all[to], cost, turn}
			if !w.alias() {
				w.cost += stepCost + int64(w.hold.pointers)*pointerCost
			}
			heap.Push(open, w)
		}
	}
	for _, root := range slices.SortedFunc(maps.Keys(g.roots), lifeRoot.compare) {
		add(nil, root, root.cost(), g.roots[root])
	}
	for _, name := range slices.Sorted(maps.Keys(g.declared)) {
		if !g.defined[name] {
			add(nil, lifeRoot{kind: LifeStatic, name: name}, 0, g.declared[name])
		}
	}
	for open.Len() > 0 {
		if w := heap.Pop(open).(*way); best[w.to] == nil {
			best[w.to] = w
			add(w, w.root, w.cost, g.types[w.to])
		}
	}
	return best
}

func (r lifeRoot) compare(o lifeRoot) int {
	return cmp.Or(cmp.Compare(r.kind, o.kind), cmp.Compare(r.object, o.object), cmp.Compare(r.function, o.function), cmp.Compare(r.name, o.name))
}

func (r lifeRoot) cost() int64 {
	switch r.kind {
	case LifeConstant:
		return constantCost
	case LifeStack:
		return stackCost
	}
	return 0
}

// alias tells whether the last step is from a typedef to what it names.
func (w *way) alias() bool {
	return w.from != nil && w.hold.pointers == 0 && w.hold.text == w.from.to
}

// says writes the way, from its root.
func (w *way) says() (path []string) {
	for ; w.from != nil; w = w.from {
		if !w.alias() {
			path = append(path, w.hold.text+w.hold.suffix(" (pointer)"))
		}
	}
	slices.Reverse(path)
	return slices.Insert(path, 0, w.root.says(w.hold))
}

// suffix is what to write of a pointer.
func (h hold) suffix(s string) string {
	if h.pointers == 0 {
		return ""
	}
	return s
}

func (r lifeRoot) says(h hold) string {
	what := map[LifeKind]string{LifeStatic: "variable", LifePerCPU: "per-CPU variable", LifeConstant: "constant"}[r.kind]
	where := cmp.Or(r.object, "assembly or linker") + h.suffix(", pointer")
	switch {
	case r.kind == LifeStack:
		return sprintf("function `%s` (%s)", r.name, where)
	case r.function != "":
		return sprintf("%s `%s` of `%s` (%s)", what, h.text, r.function, where)
	}
	return sprintf("%s `%s` (%s)", what, h.text, where)
}

// kind is that of the root, unless a pointer leads away from it.
func (w *way) kind() LifeKind {
	if w == nil {
		return LifeUnused
	}
	kind := w.root.kind
	for ; w != nil; w = w.from {
		switch {
		case w.hold.pointers == 0:
		case kind == LifeStack:
			return LifeHidden
		default:
			return LifePointed
		}
	}
	return kind
}

func (g *lifeGraph) lives(types []string) []Life {
	best, users := g.best(), g.users()
	list := make([]Life, len(types))
	for i, name := range types {
		w := best[name]
		list[i] = Life{Type: name, Kind: w.kind()}
		if w != nil {
			list[i].Path = w.says()
			list[i].Users = users.of(name, w.root.cost() > 0 && list[i].Kind != LifePointed)
		}
	}
	return list
}

// lifeUsers finds the functions that know a type.
type lifeUsers struct {
	functions map[string][]string // by type
	aliases   map[string][]string // typedefs of a type, of a pointer to it
	holders   map[string][]string // all types that lead to one
}

func (g *lifeGraph) users() *lifeUsers {
	u := &lifeUsers{map[string][]string{}, map[string][]string{}, map[string][]string{}}
	for root, all := range g.roots {
		for to := range all {
			if root.kind == LifeStack {
				u.functions[to] = append(u.functions[to], root.object+":"+root.name)
			}
		}
	}
	for from, all := range g.types {
		for to, h := range all {
			u.holders[to] = append(u.holders[to], from)
			if strings.TrimRight(h.text, "[]") == from {
				u.aliases[to] = append(u.aliases[to], from)
			}
		}
	}
	return u
}

// of lists the users of a type and of its aliases, or of all that leads to it.
func (u *lifeUsers) of(name string, all bool) []string {
	next := u.aliases
	if all {
		next = u.holders
	}
	var list []string
	seen, queue := map[string]bool{name: true}, []string{name}
	for len(queue) > 0 {
		name, queue = queue[0], queue[1:]
		list = append(list, u.functions[name]...)
		for _, from := range next[name] {
			if !seen[from] {
				seen[from] = true
				queue = append(queue, from)
			}
		}
	}
	return sorted(list)
}
