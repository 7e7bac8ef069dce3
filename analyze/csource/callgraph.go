package csource

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"
)

// A callGraph says which functions use which, over the sources of some units
// and all that they include. Its nodes are functions, macros (by name, since a
// use does not say which definition it meets) and members of structures that
// hold function pointers.
//
// It knows names, not types: a use of a name may be any function of that name
// that the place can see, so that there are too many edges rather than too few.
// What it cannot see: names in the strings of inline assembly.
type callGraph struct {
	nodes  []graphNode
	byName map[string]*graphName
	byFunc map[funcKey]int32
	own    map[string]bool // sources of units, rather than what they include
}

type funcKey struct{ file, name string }

// A graphName lists the nodes that a name can mean.
type graphName struct {
	funcs  []int32
	macro  int32 // -1 for none
	member int32 // likewise
}

// A graphNode is a function, a macro, a member, or a variable in an init
// section.
type graphNode struct {
	name  string
	file  string // of a function or a variable
	local bool   // a static function of a unit's own source: nobody else sees it
	init  bool   // lies in an init section
	quiet bool   // noinline: its code stays out of its callers
	uses  []int32
	taken string // where its address goes to an unknown place; empty if nowhere
	used  bool   // something uses it
}

// A use is a name in some text, and how it stands there.
type use struct {
	name string
	how  useKind
}

type useKind uint8

const (
	useCall   useKind = iota // f(
	useRef                   // f, not followed by a bracket
	useMember                // .f or ->f
)

// newCallGraph reads the sources of units from an index.
func newCallGraph(ix *Index, units []Unit) *callGraph {
	g := &callGraph{byName: make(map[string]*graphName, 1<<14), byFunc: make(map[funcKey]int32, 1<<14), own: make(map[string]bool, len(units))}
	files, initOnly := unitFiles(ix, units)
	for _, u := range units {
		g.own[u.Source] = true
	}
	parsed := make([]*File, len(files))
	inParallel(len(files), func(i int) { parsed[i] = ix.File(files[i]) })
	for i, f := range parsed {
		if f != nil {
			g.addFuncs(f, initOnly[files[i]])
			g.addInitData(f)
		}
	}
	g.addMembers(parsed)
	g.addMacros(parsed)
	found := make([]*fileUses, len(files))
	inParallel(len(files), func(i int) {
		if parsed[i] != nil {
			found[i] = g.usesOf(parsed[i])
		}
	})
	for i, u := range found {
		if u != nil {
			g.connect(parsed[i], u)
		}
	}
	for i := range g.nodes {
		slices.Sort(g.nodes[i].uses)
		g.nodes[i].uses = slices.Compact(g.nodes[i].uses)
		for _, to := range g.nodes[i].uses {
			g.nodes[to].used = true
		}
	}
	return g
}

func inParallel(n int, do func(i int)) {
	// Without an error or a context that ends, parallel always succeeds.
	_ = parallel(context.Background(), n, func(i int) error { do(i); return nil })
}

// unitFiles lists the sources of the units and what they include, sorted.
// Headers of other architectures are left out. initOnly are the files that only
// .init.o objects are made of.
func unitFiles(ix *Index, units []Unit) (files []string, initOnly map[string]bool) {
	arches := map[string]bool{"": true}
	for _, u := range units {
		arches[archOf(Root+"/"+u.Object)] = true
	}
	initOnly = make(map[string]bool)
	seen := make(map[string]bool)
	for _, u := range units {
		if init, known := initOnly[u.Source]; known {
			initOnly[u.Source] = init && u.Init
		} else {
			initOnly[u.Source] = u.Init
		}
	}
	var add func(file string)
	add = func(file string) {
		if seen[file] || !arches[archOf(file)] {
			return
		}
		seen[file] = true
		files = append(files, file)
		for _, inc := range ix.Includes(file) {
			add(inc)
		}
	}
	for _, u := range units {
		add(u.Source)
	}
	slices.Sort(files)
	return files, initOnly
}

func (g *callGraph) name(name string) *graphName {
	n := g.byName[name]
	if n == nil {
		n = &graphName{macro: -1, member: -1}
		g.byName[name] = n
	}
	return n
}

func (g *callGraph) add(n graphNode) int32 {
	g.nodes = append(g.nodes, n)
	return int32(len(g.nodes) - 1)
}

// addFuncs adds the functions of a file.
func (g *callGraph) addFuncs(f *File, initOnly bool) {
	for i := range f.Funcs {
		fn := &f.Funcs[i]
		key := funcKey{f.Path, fn.Name}
		init := initOnly || strings.HasPrefix(fn.Section, ".init")
		if id, twice := g.byFunc[key]; twice { // in both branches of an #if
			g.nodes[id].init = g.nodes[id].init && init
			continue
		}
		id := g.add(graphNode{name: fn.Name, file: f.Path, local: g.own[f.Path] && fn.Static, init: init, quiet: fn.Inline == InlineNever})
		g.byFunc[key] = id
		n := g.name(fn.Name)
		n.funcs = append(n.funcs, id)
	}
}

// addInitData adds the variables of a file that lie in init sections.
func (g *callGraph) addInitData(f *File) {
	for i := range f.Vars {
		if v := &f.Vars[i]; strings.HasPrefix(v.Section, ".init") && !v.Extern {
			n := g.name(v.Name)
			n.funcs = append(n.funcs, g.add(graphNode{name: v.Name, file: f.Path, local: g.own[f.Path] && v.Static, init: true}))
		}
	}
}

// addMembers adds the members to which initialisers assign functions:
// .c_init = init_amd.
func (g *callGraph) addMembers(files []*File) {
	for _, f := range files {
		if f == nil {
			continue
		}
		src := f.text
		for i := range f.Vars {
			v := &f.Vars[i]
			if v.Init == "" {
				continue
			}
			for at, word := range wordsOf(src[v.from:v.to]) {
				if n := g.byName[word]; n != nil && len(n.funcs) > 0 {
					if m := designator(src, v.from+at); m != "" && g.name(m).member < 0 {
						g.byName[m].member = g.add(graphNode{name: "." + m})
					}
				}
			}
		}
	}
}

// designator gives m where src[at:] is the value of ".m = ", else "".
func designator(src string, at int) string {
	before := strings.TrimRight(src[:at], " \t\n&")
	before, ok := strings.CutSuffix(before, "=")
	if !ok {
		return ""
	}
	before = strings.TrimRight(before, " \t\n")
	start := len(before)
	for start > 0 && (class[before[start-1]] == isWord || class[before[start-1]] == isDigit) {
		start--
	}
	if start == 0 || start == len(before) || before[start-1] != '.' {
		return ""
	}
	return before[start:]
}

// addMacros adds the macros through which a function or a member can be
// reached, directly or by other macros, with what they use.
func (g *callGraph) addMacros(files []*File) {
	bodies := make(map[string][]use)
	users := make(map[string][]string) // by the name used
	made := make(map[paste][]use)
	var functions []string
	for name, n := range g.byName {
		if len(n.funcs) > 0 {
			functions = append(functions, name)
		}
	}
	slices.Sort(functions)
	for _, f := range files {
		if f == nil {
			continue
		}
		for i := range f.Macros {
			m := &f.Macros[i]
			if m.Undef || m.Body == "" {
				continue
			}
			for _, u := range macroUses(m, functions, made) {
				bodies[m.Name] = append(bodies[m.Name], u)
				users[u.name] = append(users[u.name], m.Name)
			}
		}
	}
	var queue []string
	for name := range g.byName {
		queue = append(queue, name)
	}
	slices.Sort(queue)
	for len(queue) > 0 {
		name := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, macro := range users[name] {
			if n := g.name(macro); n.macro < 0 {
				n.macro = g.add(graphNode{name: macro})
				queue = append(queue, macro)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		if n := g.byName[name]; n != nil && n.macro >= 0 {
			for _, u := range bodies[name] {
				g.link(n.macro, "", u, "macro "+name)
			}
		}
	}
}

// macroUses lists the names in a macro's body. One that only stands for
// another name is used as that name is; names joined with ## are found among
// the functions, and kept in made.
func macroUses(m *Macro, functions []string, made map[paste][]use) []use {
	var out []use
	for at, word := range wordsOf(m.Body) {
		if slices.Contains(m.Params, word) {
			continue
		}
		how := howUsed(m.Body, at, at+len(word))
		if word == m.Body {
			how = useCall
		}
		out = append(out, use{word, how})
	}
	if strings.Contains(m.Body, "##") {
		for _, p := range pastes(m.Body, m.Params) {
			uses, ok := made[p]
			if !ok {
				uses = pasted(functions, p)
				made[p] = uses
			}
			out = append(out, uses...)
		}
	}
	return out
}

// A paste is what is known of a name that ## makes.
type paste struct{ before, after string }

// pastes finds the names that a body makes with ##, as far as at least four
// characters of them are known.
func pastes(body string, params []string) []paste {
	parts := strings.Split(strings.ReplaceAll(strings.ReplaceAll(body, " ##", "##"), "## ", "##"), "##")
	var out []paste
	literal := func(word string) string {
		if slices.Contains(params, word) {
			return ""
		}
		return word
	}
	for i := 0; i+1 < len(parts); i++ {
		var p paste
		left := parts[i]
		start := len(left)
		for start > 0 && (class[left[start-1]] == isWord || class[left[start-1]] == isDigit) {
			start--
		}
		p.before = literal(left[start:])
		right := parts[i+1]
		p.after = literal(right[:wordEnd(right, 0)])
		if i+2 < len(parts) && len(right) == wordEnd(right, 0) { // a ## b ## c
			next := parts[i+2]
			p.after = literal(next[:wordEnd(next, 0)])
		}
		if len(p.before)+len(p.after) >= 4 {
			out = append(out, p)
		}
	}
	return out
}

// pasted lists the functions that a paste can mean, by name. functions are the
// names of all, sorted.
func pasted(functions []string, p paste) []use {
	first, _ := slices.BinarySearch(functions, p.before)
	var out []use
	for _, name := range functions[first:] {
		if !strings.HasPrefix(name, p.before) {
			break
		}
		if len(name) > len(p.before)+len(p.after) && strings.HasSuffix(name, p.after) {
			out = append(out, use{name, useCall})
		}
	}
	return out
}

// connect adds the edges that a file's code makes.
func (g *callGraph) connect(f *File, u *fileUses) {
	for i, uses := range u.bodies {
		from := g.byFunc[funcKey{f.Path, f.Funcs[i].Name}]
		slices.SortFunc(uses, compareUses)
		for _, x := range slices.Compact(uses) {
			if x.name != f.Funcs[i].Name {
				g.link(from, f.Path, x, f.Funcs[i].Name)
			}
		}
	}
	for _, d := range u.data {
		for _, id := range g.resolve(d.name, f.Path) {
			if n := g.byName[d.member]; d.member != "" && n != nil && n.member >= 0 {
				g.nodes[n.member].uses = append(g.nodes[n.member].uses, id)
			} else {
				g.take(id, "data "+d.variable)
			}
		}
	}
	// Code at file scope that the scanner does not place: initcalls, command
	// line parameters, assembly.
	for _, x := range u.outside {
		if x.how != useMember {
			for _, id := range g.resolve(x.name, f.Path) {
				g.take(id, path.Base(f.Path))
			}
		}
	}
}

func compareUses(a, b use) int {
	if a.name != b.name {
		return strings.Compare(a.name, b.name)
	}
	return int(a.how) - int(b.how)
}

func (g *callGraph) take(id int32, where string) {
	g.nodes[id].used = true
	if g.nodes[id].taken == "" {
		g.nodes[id].taken = where
	}
}

// link adds the edges of one use. A function whose address is taken can be
// called from anywhere later.
func (g *callGraph) link(from int32, file string, u use, where string) {
	if u.how == useMember {
		if n := g.byName[u.name]; n != nil && n.member >= 0 {
			g.nodes[from].uses = append(g.nodes[from].uses, n.member)
		}
		return
	}
	for _, id := range g.resolve(u.name, file) {
		g.nodes[from].uses = append(g.nodes[from].uses, id)
		if u.how == useRef && g.nodes[id].file != "" {
			g.take(id, where)
		}
	}
}

// resolve lists what a name can mean in a file: its own static function, else
// every function that the file can see, and a macro. What stands in an included
// file or in a macro can see the static functions of whoever includes it.
func (g *callGraph) resolve(name, file string) []int32 {
	n := g.byName[name]
	if n == nil {
		return nil
	}
	var out []int32
	for _, id := range n.funcs {
		switch node := &g.nodes[id]; {
		case node.local && node.file == file:
			out = []int32{id}
			if n.macro >= 0 {
				out = append(out, n.macro)
			}
			return out
		case !node.local || !g.own[file]:
			out = append(out, id)
		}
	}
	if n.macro >= 0 {
		out = append(out, n.macro)
	}
	return out
}
