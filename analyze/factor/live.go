package factor

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// A home is a place where objects of a type live while the hypervisor runs.
type home struct {
	kind homeKind
	text string // "allocated by alloc_domain_struct() (xen/arch/x86/domain.c:475)"
}

type homeKind uint8

const (
	homeStack homeKind = iota // only for as long as one call lasts
	homeData                  // a variable, one per CPU or one for all
	homeHeap
	homeAsm // assembly knows its offsets
)

// homes tells where objects of a struct, union or typedef live in the tree
// before the patch. It follows types that embed it by value. What is reached
// only by casting memory (pages shared with a guest, tables that hardware reads)
// has no home that the source shows.
func (in *Input) homes(kind, name string) []home {
	s := homeSearch{in: in, seen: make(map[string]bool)}
	s.find(spell(kind, name), "", 0)
	slices.SortFunc(s.found, func(a, b home) int {
		if a.kind != b.kind {
			return int(b.kind) - int(a.kind)
		}
		return strings.Compare(a.text, b.text)
	})
	return slices.Compact(s.found)
}

// spell is how code names a type: "struct domain", or the name of a typedef.
func spell(kind, name string) string {
	if kind == "typedef" {
		return name
	}
	return kind + " " + name
}

type homeSearch struct {
	in    *Input
	seen  map[string]bool
	found []home
}

const (
	deepestHome = 8
	enoughHomes = 3 // live homes after which the search ends
)

func (s *homeSearch) enough() bool {
	live := 0
	for _, h := range s.found {
		if h.kind != homeStack {
			live++
		}
	}
	return live >= enoughHomes
}

// find collects the homes of a type. Via is the chain of embedding types.
func (s *homeSearch) find(spelled, via string, depth int) {
	if s.seen[spelled] || depth > deepestHome || s.enough() {
		return
	}
	s.seen[spelled] = true
	_, tag, tagged := strings.Cut(spelled, " ")
	if !tagged {
		tag = spelled
	}
	if tag == "" {
		return
	}
	for _, name := range s.in.Before.Mentions(tag) {
		if s.enough() {
			return
		}
		if s.in.relevant(name) {
			s.file(name, spelled, via, depth)
		}
	}
}

func (s *homeSearch) add(kind homeKind, via, format string, args ...any) {
	s.found = append(s.found, home{kind, via + fmt.Sprintf(format, args...)})
}

func (s *homeSearch) file(name, spelled, via string, depth int) {
	file, src := s.in.Before.File(name), s.in.Before.Source(name)
	if file == nil {
		return
	}
	if path.Base(name) == "asm-offsets.c" && strings.Contains(string(src), "("+strings.TrimPrefix(spelled, "struct ")) ||
		path.Base(name) == "asm-offsets.c" && strings.Contains(string(src), ", "+spelled+",") {
		s.add(homeAsm, via, "its offsets are compiled into assembly through %s", name)
	}
	for i := range file.Vars {
		s.variable(name, spelled, via, &file.Vars[i])
	}
	for i := range file.Types {
		s.outer(name, spelled, via, &file.Types[i], depth)
	}
	for i := range file.Funcs {
		fn := &file.Funcs[i]
		for j := range fn.Statics {
			s.variable(name, spelled, via, &fn.Statics[j])
		}
		s.function(name, spelled, via, fn, src)
	}
}

func (s *homeSearch) variable(name, spelled, via string, v *csource.Var) {
	if v.Extern || !holds(v.Type, spelled) || strings.HasPrefix(v.Section, ".init") {
		return
	}
	what := "a variable"
	switch {
	case v.PerCPU:
		what = "a per-CPU variable"
	case v.Const:
		what = "a constant"
	}
	s.add(homeData, via, "%s is %s (%s:%d)", v.Name, what, name, v.Start)
}

// outer looks into a type that may embed the wanted one, or give it a new name.
func (s *homeSearch) outer(name, spelled, via string, t *csource.Type, depth int) {
	outer := spell(t.Kind, t.Name)
	if outer == spelled || t.Name == "" {
		return
	}
	for i := range t.Members {
		if m := &t.Members[i]; holds(m.Type, spelled) {
			s.find(outer, fmt.Sprintf("%sembedded in %s as %s (%s:%d): ", via, outer, m.Name, name, m.Line), depth+1)
			return
		}
	}
	if t.Kind == "typedef" && holds(t.Of, spelled) {
		s.find(outer, via, depth+1)
	}
}

// holds tells whether a declared type contains the spelled one by value.
func holds(declared, spelled string) bool {
	if strings.ContainsAny(declared, "*(") || !strings.Contains(declared, spelled) {
		return false
	}
	list, want := words(declared), strings.Fields(spelled)
	for i := 0; i+len(want) <= len(list); i++ {
		if !slices.Equal(list[i:i+len(want)], want) {
			continue
		}
		return len(want) > 1 || i == 0 || list[i-1] != "struct" && list[i-1] != "union" && list[i-1] != "enum"
	}
	return false
}

// allocates tells whether a function's name is that of Xen's allocators, or of
// a wrapper around one.
func allocates(name string) bool {
	return strings.Contains(name, "alloc") && !strings.Contains(name, "dealloc")
}

// function looks at one body for an allocation of the type and for objects on
// its stack.
func (s *homeSearch) function(name, spelled, via string, fn *csource.Func, src []byte) {
	if fn.BodyStart < 0 || fn.BodyEnd > len(src) || fn.BodyStart >= fn.BodyEnd || strings.HasPrefix(fn.Section, ".init") {
		return
	}
	want := strings.Fields(spelled)
	result := strings.HasSuffix(fn.Result, "*") && holds(strings.TrimRight(fn.Result, "* "), spelled)
	body := string(src[fn.BodyStart:fn.BodyEnd])
	if !result && !strings.Contains(body, spelled) {
		return
	}
	toks := slices.Collect(lex(body, fn.Open))
	pointers := make(map[string]bool)
	for i := range toks {
		if i+len(want) < len(toks) && matches(toks[i:], want) {
			s.declaration(name, via, spelled, fn, toks, i+len(want), pointers)
		}
	}
	for _, c := range calls(toks) {
		if !allocates(c.name) {
			continue
		}
		end := closing(toks, c.at+1)
		named := slices.ContainsFunc(indexes(c.at, end), func(i int) bool { return matches(toks[i:], want) })
		assigned := c.at >= 2 && toks[c.at-1].text == "=" && pointers[toks[c.at-2].text]
		if named || assigned && !typedAllocation(toks, c.at) || result {
			s.add(homeHeap, via, "allocated with %s() in %s() (%s:%d)", c.name, fn.Name, name, toks[c.at].line)
			return
		}
	}
}

// typedAllocation tells whether the call names a type of its own: xzalloc(struct
// other) assigned to a pointer of the wanted type cannot be.
func typedAllocation(toks []token, at int) bool {
	return at+2 < len(toks) && toks[at+2].text == "struct"
}

// declaration records what "struct t" at a place in a body declares.
func (s *homeSearch) declaration(name, via, spelled string, fn *csource.Func, toks []token, at int, pointers map[string]bool) {
	switch {
	case toks[at].text == "*":
		for at < len(toks) && (toks[at].text == "*" || toks[at].text == "const") {
			at++
		}
		if at < len(toks) && toks[at].ident() {
			pointers[toks[at].text] = true
		}
	case toks[at].ident() && at+1 < len(toks) && slices.Contains([]string{";", "=", ",", "["}, toks[at+1].text):
		s.add(homeStack, via, "%s is on the stack of %s() (%s:%d)", toks[at].text, fn.Name, name, toks[at].line)
	}
}

func matches(toks []token, want []string) bool {
	if len(toks) < len(want) {
		return false
	}
	for i, w := range want {
		if toks[i].text != w {
			return false
		}
	}
	return true
}

func indexes(from, to int) []int {
	list := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

// relevant tells whether a file can be part of this base: hypervisor code that
// is common or of its architecture, and compiled where that is known.
func (in *Input) relevant(name string) bool {
	scope := Scope(name)
	if scope != scopeCommon && scope != "hypervisor/"+in.arch() {
		return false
	}
	if in.Units == nil || !isSource(name) {
		return true
	}
	return len(in.facts().units[name]) > 0 || path.Base(name) == "asm-offsets.c" || included(in.Before, name)
}

// included tells whether a .c file is part of another one.
func included(ix *csource.Index, name string) bool { return len(ix.Includers(name)) > 0 }
