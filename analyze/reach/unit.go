package reach

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"lpready/analyze/cpp"
	"lpready/analyze/csource"
)

// A unitDiff is what one unit contributes to a Result.
type unitDiff struct {
	object    string
	functions []Function
	init      []Function
	inlined   map[[2]string][]string // name and file: "object:function"
}

// Thresholds in units of cpp.Func.Size with inlined callees counted in.
// Measured against the symbols of the 375 units of Xen 4.17 by GCC 12 at -O2:
// see TestInlining.
const (
	smallStatic = 28 // static, no hint, several callers: inlined up to here
	smallGlobal = 12 // has to keep its own body, so copies must be cheaper
	hinted      = 70 // inline: beyond this GCC keeps a call where there are several
	smallOuter  = 60 // a function that calls its argument, where the argument is constant
	maxNesting  = 12
)

// A side is one unit, before or after, with its call graph.
type side struct {
	order []string
	funcs map[string]*cpp.Func
	calls map[string]int // in live functions
	refs  map[string]int // address taken
	by    map[string][]string
	sizes map[string]int
}

func newSide(text *cpp.Text) *side {
	s := &side{funcs: map[string]*cpp.Func{}, calls: map[string]int{}, refs: map[string]int{}, by: map[string][]string{}, sizes: map[string]int{}}
	for i := range text.Funcs {
		fn := &text.Funcs[i]
		if _, twice := s.funcs[fn.Name]; !twice {
			s.order = append(s.order, fn.Name)
		}
		s.funcs[fn.Name] = fn
	}
	for _, name := range s.live() {
		fn := s.funcs[name]
		for callee, n := range fn.Calls {
			if s.funcs[callee] != nil && callee != name {
				s.calls[callee] += n
				s.by[callee] = append(s.by[callee], name)
			}
		}
		for other, n := range fn.Refs {
			if s.funcs[other] != nil {
				s.refs[other] += n
			}
		}
	}
	s.passed()
	for name := range text.Data {
		if s.funcs[name] != nil {
			s.refs[name]++
		}
	}
	for _, callers := range s.by {
		sort.Strings(callers)
	}
	return s
}

// passed turns a function whose only use is as an argument of a function that
// calls it into a callee of whoever passes it: GCC inlines the outer call for the
// constant (ipa-cp's devirtualisation bonus), and the function into that.
func (s *side) passed() {
	for _, name := range s.order {
		fn := s.funcs[name]
		for arg, callee := range fn.Passed {
			outer, handler := s.funcs[callee], s.funcs[arg]
			if handler == nil || outer == nil || !handler.Static || s.refs[arg] != 1 || s.calls[arg] != 0 || outer.Size > smallOuter || !callsParam(outer) {
				continue
			}
			s.refs[arg], s.calls[arg] = 0, 1
			s.by[arg] = []string{name}
		}
	}
}

func callsParam(fn *cpp.Func) bool {
	return slices.ContainsFunc(fn.Params, func(p string) bool { return fn.Calls[p] > 0 })
}

// live lists what the object can hold: functions of the source, and header
// functions that these reach.
func (s *side) live() []string {
	var order []string
	seen := map[string]bool{}
	visit := func(name string) {
		if s.funcs[name] != nil && !seen[name] {
			seen[name] = true
			order = append(order, name)
		}
	}
	for _, name := range s.order {
		if fn := s.funcs[name]; !isHeader(fn.File) {
			visit(name)
		}
	}
	for i := 0; i < len(order); i++ {
		fn := s.funcs[order[i]]
		for name := range fn.Calls {
			visit(name)
		}
		for name := range fn.Refs {
			visit(name)
		}
	}
	return order
}

// size is the function's own size with the bodies that are inlined into it.
func (s *side) size(name string, depth int) int {
	if size, ok := s.sizes[name]; ok {
		return size
	}
	fn := s.funcs[name]
	size := fn.Size
	if depth < maxNesting {
		for callee, n := range fn.Calls {
			if inner := s.funcs[callee]; inner != nil && callee != name && s.swallowed(callee, depth+1) {
				size += n * (s.size(callee, depth+1) - 2)
			}
		}
	}
	s.sizes[name] = size
	return size
}

// swallowed tells whether calls of name within the unit get a copy of its body.
func (s *side) swallowed(name string, depth int) bool {
	fn := s.funcs[name]
	switch {
	case fn.Inline == csource.InlineAlways || fn.Inline == csource.InlineExtern:
		return true
	case fn.Inline == csource.InlineNever || fn.Calls[name] > 0:
		return false
	case fn.Inline == csource.InlineHint:
		return s.calls[name] <= 1 || s.size(name, depth) <= hinted
	case !fn.Static:
		return s.size(name, depth) <= smallGlobal
	case s.calls[name] == 1 && s.refs[name] == 0:
		return true
	}
	return s.size(name, depth) <= smallStatic
}

// symbol tells whether the object has a symbol for name.
func (s *side) symbol(name string) bool {
	fn := s.funcs[name]
	switch {
	case fn == nil:
		return false
	case !fn.Static && fn.Inline != csource.InlineExtern:
		return true
	case s.refs[name] > 0:
		return true
	}
	return s.calls[name] > 0 && !s.swallowed(name, 0)
}

func compare(u csource.Unit, before, after *cpp.Text, s *suspects) unitDiff {
	old, new := newSide(before), newSide(after)
	d := unitDiff{object: u.Object, inlined: map[[2]string][]string{}}
	why := map[string]reason{}
	var changed []string
	for _, name := range new.order {
		fn, was := new.funcs[name], old.funcs[name]
		if was == nil || was.Hash != fn.Hash && !cpp.Same(before, after, was, fn) {
			changed = append(changed, name)
			why[name] = explain(was, fn, s)
		}
	}
	for _, name := range changed {
		seen := map[string]bool{}
		if old.funcs[name] == nil { // whoever calls it now has other text, or had the same as a macro
			for _, caller := range new.by[name] {
				seen[caller] = !slices.Contains(changed, caller)
			}
		}
		d.place(u, old, new, name, name, why, seen)
	}
	d.moved(u, old, new, why)
	d.vanished(u, old, new)
	return d
}

// moved books the callers of functions that were inlined and are called now, or
// the other way round: because they grew, or gained a second caller.
func (d *unitDiff) moved(u csource.Unit, old, new *side, why map[string]reason) {
	for _, name := range new.order {
		if old.funcs[name] == nil || len(old.by[name]) == 0 || old.swallowed(name, 0) == new.swallowed(name, 0) {
			continue
		}
		text := fmt.Sprintf("%s() is likely to be inlined into it no longer", name)
		if new.swallowed(name, 0) {
			text = fmt.Sprintf("%s() is likely to be inlined into it now", name)
		}
		for _, caller := range new.by[name] {
			if _, known := why[caller]; !known && new.symbol(caller) {
				d.add(u, old, new, caller, Function{Change: "affected", Why: text})
			}
		}
		if new.symbol(name) && !old.symbol(name) {
			d.add(u, old, new, name, Function{})
		}
	}
}

// A reason says why a function's own text differs.
type reason struct {
	edited bool
	line   bool
	text   string
}

func explain(was, fn *cpp.Func, s *suspects) reason {
	if s.edited[fn.File][fn.Name] {
		return reason{edited: true, text: "the patch edits it"}
	}
	if was != nil && was.Plain == fn.Plain {
		return reason{line: true, text: fmt.Sprintf("only line numbers in it move, by %+d", fn.Line-was.Line)}
	}
	var names []string
	for _, uses := range []map[string]int{fn.Calls, fn.Refs} {
		for name := range uses {
			if s.names[name] != "" {
				names = append(names, name)
			}
		}
	}
	if len(names) > 0 {
		sort.Strings(names)
		return reason{text: s.names[names[0]]}
	}
	return reason{text: "its text after preprocessing differs"}
}

// place books a changed function on the symbols that hold its code: its own, and
// those of the callers that swallow it.
func (d *unitDiff) place(u csource.Unit, old, new *side, name, root string, why map[string]reason, seen map[string]bool) {
	if seen[name] {
		return
	}
	seen[name] = true
	key := [2]string{root, new.funcs[root].File}
	switch edited := why[root].edited; {
	case new.symbol(name):
		d.add(u, old, new, name, describe(name, root, why))
		if edited && name != root {
			d.inlined[key] = append(d.inlined[key], u.Object+":"+name)
		}
	case edited && name == root:
		d.inlined[key] = nil // listed even if nobody is found to hold its code
	}
	if !new.swallowed(name, 0) {
		return
	}
	for _, caller := range new.by[name] {
		d.place(u, old, new, caller, root, why, seen)
	}
}

// describe words why the symbol name changes when the function root does.
func describe(name, root string, why map[string]reason) Function {
	own, direct := why[name]
	switch {
	case direct && own.edited:
		return Function{Change: "edited", Why: own.text}
	case name == root:
		return Function{Change: "affected", Why: own.text, Line: own.line}
	}
	return Function{Change: "affected", Why: fmt.Sprintf("%s() is inlined into it: %s", root, why[root].text), Line: why[root].line}
}

// add books one symbol. A reason other than moved line numbers wins over these.
func (d *unitDiff) add(u csource.Unit, old, new *side, name string, f Function) {
	fn := new.funcs[name]
	f.Name, f.File, f.Object = name, fn.File, u.Object
	if !old.symbol(name) {
		f.Change, f.Why, f.Line = "new", "no symbol of that name before", false
	}
	list := &d.functions
	if u.Init || strings.HasPrefix(fn.Section, ".init") {
		list = &d.init
	}
	i := slices.IndexFunc(*list, func(known Function) bool { return known.Name == name })
	switch {
	case i < 0:
		*list = append(*list, f)
	case (*list)[i].Line && !f.Line:
		(*list)[i] = f
	}
}

// vanished books symbols that the source no longer gives.
func (d *unitDiff) vanished(u csource.Unit, old, new *side) {
	for _, name := range old.order {
		fn := old.funcs[name]
		if isHeader(fn.File) || new.symbol(name) || !old.symbol(name) || u.Init || strings.HasPrefix(fn.Section, ".init") {
			continue
		}
		why := "its definition is gone"
		if new.funcs[name] != nil {
			why = "it is likely to be inlined everywhere now"
		}
		d.functions = append(d.functions, Function{Name: name, File: fn.File, Object: u.Object, Change: "removed", Why: why})
	}
}
