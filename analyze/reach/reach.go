// Package reach predicts, without compiling, which functions of which objects a
// change alters: what livepatch-build-tools' differ would call "changed
// function" and "new function".
//
// Every unit that can see the change is preprocessed before and after, and the
// functions' token streams are compared, __LINE__ included, so that macros,
// shifted lines and header functions count exactly where the compiler would see
// them. What the compiler then inlines is estimated with GCC's rules at -O2
// (gcc/params.opt; static functions called once, small ones, hints); the
// thresholds are measured by the calibration test of this package.
//
// It cannot see what only the optimiser knows: interprocedural clones, code that
// folds away because an argument is constant, edits that compile to the same
// instructions. Changes of layout reach further than it lists.
package reach

import (
	"fmt"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"

	"lpready/analyze/cpp"
	"lpready/analyze/csource"
)

// A Result says what a change is predicted to do to the objects of a base.
type Result struct {
	Functions []Function // sorted by object and name
	Init      []Function // changed functions of init sections, which no payload carries
	Inlined   []Inlined  // sorted by file and name
	Units     []string   // objects in which a function is predicted to change, sorted
	Rebuilt   int        // objects that make would build again
}

// A Function is one symbol of one object that is predicted to change.
type Function struct {
	Name   string // source name; clone suffixes are the compiler's own
	File   string // where it is defined
	Object string // relative to xen/, as in arch/x86/mm/p2m.o
	Change string // edited, affected, new, removed
	Why    string // one line of evidence
	Line   bool   // only __LINE__ differs
}

// An Inlined is an edited function that has no symbol of its own; its code is
// part of the functions named by Into.
type Inlined struct {
	Name string
	File string
	Into []string // "object:function", sorted
}

// A Change is the input: one tree before and after, and what differs.
type Change struct {
	Before, After *csource.Index
	Old, New      *cpp.Preprocessor
	Deltas        []csource.Delta
	Units         []csource.Unit // what the base compiles
}

// Predict compares the units that c can reach.
func Predict(c Change) *Result {
	s := suspectsOf(c)
	units, rebuilt := s.units(c)
	found := make([]unitDiff, len(units))
	var wg sync.WaitGroup
	gate := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, u := range units {
		wg.Add(1)
		gate <- struct{}{}
		go func() {
			defer func() { <-gate; wg.Done() }()
			old, new := c.Old.Unit(u, s.header), c.New.Unit(u, s.header)
			found[i] = compare(u, old, new, s)
		}()
	}
	wg.Wait()
	return collect(found, rebuilt)
}

// suspects are the names whose meaning a change alters, and the headers that
// define functions which it can alter.
type suspects struct {
	names   map[string]string          // name: why
	headers map[string]bool            // headers whose functions must be looked at
	sources map[string]bool            // .c files to preprocess
	edited  map[string]map[string]bool // path: functions whose source lines change
}

func (s *suspects) header(path string) bool { return s.headers[path] }

func suspectsOf(c Change) *suspects {
	s := &suspects{names: map[string]string{}, headers: map[string]bool{}, sources: map[string]bool{}, edited: map[string]map[string]bool{}}
	for _, d := range c.Deltas {
		s.seed(d)
	}
	work := make([]string, 0, len(s.names))
	for name := range s.names {
		work = append(work, name)
	}
	sort.Strings(work)
	for len(work) > 0 {
		name := work[0]
		work = work[1:]
		for _, ix := range []*csource.Index{c.Before, c.After} {
			work = s.spread(ix, name, work)
		}
	}
	return s
}

func isHeader(path string) bool { return strings.HasSuffix(path, ".h") }

// seed takes what one file's change alters directly.
func (s *suspects) seed(d csource.Delta) {
	s.edited[d.Path] = map[string]bool{}
	for _, f := range d.Funcs {
		fn := f.New
		if fn == nil {
			fn = f.Old
		}
		s.edited[d.Path][fn.Name] = true
		if isHeader(d.Path) {
			s.names[fn.Name] = fmt.Sprintf("%s() in %s changes", fn.Name, d.Path)
		}
	}
	if !isHeader(d.Path) {
		s.sources[d.Path] = true
		return
	}
	s.headers[d.Path] = true
	for _, m := range d.Macros {
		macro := m.New
		if macro == nil {
			macro = m.Old
		}
		s.names[macro.Name] = fmt.Sprintf("macro %s in %s changes", macro.Name, d.Path)
	}
	for _, t := range d.Types {
		for _, m := range t.Members {
			if of := enumerated(t); of {
				s.names[m.Name] = fmt.Sprintf("enumerator %s in %s changes", m.Name, d.Path)
			}
		}
	}
}

func enumerated(t csource.TypeChange) bool {
	return t.Old != nil && t.Old.Kind == "enum" || t.New != nil && t.New.Kind == "enum"
}

// spread marks what mentions name: macros and header functions become suspects
// themselves, sources are to be compared.
func (s *suspects) spread(ix *csource.Index, name string, work []string) []string {
	for _, path := range ix.Mentions(name) {
		if !isHeader(path) {
			s.sources[path] = true
			continue
		}
		file := ix.File(path)
		add := func(other, what string) {
			if _, known := s.names[other]; !known {
				s.names[other] = fmt.Sprintf("%s %s uses %s", what, other, name)
				work = append(work, other)
			}
		}
		for i := range file.Macros {
			if m := &file.Macros[i]; strings.Contains(m.Body, name) && mentions(m.Body, name) {
				add(m.Name, "macro")
			}
		}
		for i := range file.Funcs {
			if fn := &file.Funcs[i]; slices.Contains(ix.Uses(path, fn), name) {
				s.headers[path] = true
				add(fn.Name, "function")
			}
		}
	}
	return work
}

func mentions(body, name string) bool {
	for _, word := range csource.Words([]byte(body)) {
		if word == name {
			return true
		}
	}
	return false
}

// units lists the C units to compare, and counts the objects that make rebuilds.
func (s *suspects) units(c Change) (look []csource.Unit, rebuilt int) {
	sees := map[string]bool{} // files that include a changed file
	for _, d := range c.Deltas {
		sees[d.Path] = true
		for _, path := range c.After.Includers(d.Path) {
			sees[path] = true
		}
	}
	want := map[string]bool{}
	for path := range s.sources {
		want[path] = true
		if !strings.HasSuffix(path, ".S") {
			for _, wrapper := range c.After.Includers(path) {
				want[wrapper] = true
			}
		}
	}
	for _, u := range c.Units {
		if !sees[u.Source] {
			continue
		}
		rebuilt++
		if want[u.Source] && !u.Asm {
			look = append(look, u)
		}
	}
	return look, rebuilt
}

func collect(found []unitDiff, rebuilt int) *Result {
	r := &Result{Rebuilt: rebuilt}
	inlined := map[[2]string]map[string]bool{}
	for _, d := range found {
		r.Functions = append(r.Functions, d.functions...)
		r.Init = append(r.Init, d.init...)
		if len(d.functions) > 0 {
			r.Units = append(r.Units, d.object)
		}
		for key, into := range d.inlined {
			if inlined[key] == nil {
				inlined[key] = map[string]bool{}
			}
			for _, name := range into {
				inlined[key][name] = true
			}
		}
	}
	for key, into := range inlined {
		entry := Inlined{Name: key[0], File: key[1]}
		for name := range into {
			entry.Into = append(entry.Into, name)
		}
		sort.Strings(entry.Into)
		r.Inlined = append(r.Inlined, entry)
	}
	sort.Strings(r.Units)
	sort.Slice(r.Inlined, func(i, j int) bool {
		a, b := r.Inlined[i], r.Inlined[j]
		return a.File < b.File || a.File == b.File && a.Name < b.Name
	})
	for _, list := range [][]Function{r.Functions, r.Init} {
		sort.Slice(list, func(i, j int) bool {
			a, b := list[i], list[j]
			return a.Object < b.Object || a.Object == b.Object && a.Name < b.Name
		})
	}
	return r
}
