package match

import (
	"path"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// maxSteps is how many definitions may stand between a function and an option.
const maxSteps = 8

// A chain says how a definition depends on an option: by a word in it that stands
// for the next link, the last of which is the option itself.
type chain struct {
	word string
	next *chain // nil for the option
}

// steps lists the words, the option last.
func (c *chain) steps() (list []string) {
	for ; c != nil; c = c.next {
		list = append(list, strings.TrimPrefix(c.word, "."))
	}
	return list
}

// A reach knows, for one option, which definitions of the tree depend on it.
type reach struct {
	tree  *tree
	chain map[key]*chain // of functions and macros, by file and name
}

// A tree is the source with what its files define, read as needed.
type tree struct {
	ix    *csource.Index
	files map[string][]definition
	below map[string]map[string]bool // see includers
	seen  map[[2]string]bool         // see sees
}

func newTree(ix *csource.Index) *tree {
	return &tree{ix: ix, files: map[string][]definition{}, below: map[string]map[string]bool{}, seen: map[[2]string]bool{}}
}

// A definition is a function, a macro, a type, or what else a file defines; with
// the words of its text and of the conditions that it stands under. A member that
// is accessed counts as ".member".
type definition struct {
	name  string
	kind  kind
	words map[string]bool
	typ   *csource.Type
}

type kind uint8

const (
	function kind = iota
	macro
	datum // a variable, or the call of a macro at file scope
	layout
)

// sees tells whether code in a file can use what another defines: it includes it,
// or something includes both, since headers count on others before them.
func (t *tree) sees(file, defined string) bool {
	k := [2]string{file, defined}
	seen, ok := t.seen[k]
	if !ok {
		includers := t.includers(defined)
		seen = file == defined || includers[file]
		if !seen && path.Ext(file) == ".h" {
			for p := range t.includers(file) {
				if seen = includers[p]; seen {
					break
				}
			}
		}
		t.seen[k] = seen
	}
	return seen
}

// includers are the files that include one, directly or not.
func (t *tree) includers(p string) map[string]bool {
	set := t.below[p]
	if set == nil {
		set = map[string]bool{}
		for _, by := range t.ix.Includers(p) {
			set[by] = true
		}
		t.below[p] = set
	}
	return set
}

// definitions are what a file defines.
func (t *tree) definitions(p string) []definition {
	if list, ok := t.files[p]; ok {
		return list
	}
	var list []definition
	if f := t.ix.File(p); f != nil {
		src := t.ix.Source(p)
		lines, under := lineOffsets(src), conditions(src)
		add := func(s csource.Span, name string, k kind, typ *csource.Type) {
			if s.Start < 1 || s.End < s.Start || s.End >= len(lines) {
				return
			}
			d := definition{name, k, map[string]bool{}, typ}
			addWords(d.words, src[lines[s.Start-1]:lines[s.End]])
			if s.Start < len(under) {
				addWords(d.words, []byte(under[s.Start]))
			}
			list = append(list, d)
		}
		for i := range f.Funcs {
			add(f.Funcs[i].Span, f.Funcs[i].Name, function, nil)
		}
		for i := range f.Macros {
			add(f.Macros[i].Span, f.Macros[i].Name, macro, nil)
		}
		for i := range f.Vars {
			add(f.Vars[i].Span, f.Vars[i].Name, datum, nil)
		}
		for i := range f.Calls {
			add(f.Calls[i].Span, f.Calls[i].Name, datum, nil)
		}
		for i := range f.Types {
			add(f.Types[i].Span, f.Types[i].Name, layout, &f.Types[i])
		}
	}
	t.files[p] = list
	return list
}

// lineOffsets gives the offset of each line, and the end of the text.
func lineOffsets(src []byte) []int {
	list := []int{0}
	for i, c := range src {
		if c == '\n' {
			list = append(list, i+1)
		}
	}
	if list[len(list)-1] < len(src) {
		list = append(list, len(src))
	}
	return list
}

// conditions gives for each line, counted from 1, the text of all #if, #elif and
// #else that decide whether it is compiled.
func conditions(src []byte) []string {
	list := []string{""}
	var stack []string
	under := ""
	for line := range strings.Lines(string(src)) {
		text := strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(text, "#"); ok {
			rest = strings.TrimSpace(rest)
			n := len(stack)
			switch {
			case strings.HasPrefix(rest, "if"):
				stack = append(stack, rest)
			case strings.HasPrefix(rest, "el") && n > 0:
				stack[n-1] += " " + rest
			case strings.HasPrefix(rest, "endif") && n > 0:
				stack = stack[:n-1]
			}
			under = strings.Join(stack, " ")
		}
		list = append(list, under)
	}
	return list
}

// addWords adds the words of a piece of source.
func addWords(set map[string]bool, src []byte) {
	for at, w := range csource.Words(src) {
		if at > 0 && src[at-1] == '.' || at > 1 && src[at-1] == '>' && src[at-2] == '-' {
			w = "." + w
		}
		set[w] = true
	}
}

// A seed is a word that stands for an option in the files that see one.
type seed struct {
	word, file string // no file: all of them
	why        *chain
	depth      int
}

// spread finds what depends on the seeds: what has the word, and what uses that by
// name where it can see it. Macros and inline functions become part of whoever uses
// them, and so may any function of the same file.
func (r *reach) spread(queue []seed) {
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, p := range r.tree.ix.Mentions(strings.TrimPrefix(s.word, ".")) {
			if s.file != "" && !r.tree.sees(p, s.file) {
				continue
			}
			for _, d := range r.tree.definitions(p) {
				k := key{p, d.name}
				if !d.words[s.word] || d.kind > macro || d.name == s.word || r.chain[k] != nil {
					continue
				}
				r.chain[k] = &chain{s.word, s.why}
				if s.depth < maxSteps {
					queue = append(queue, seed{d.name, p, r.chain[k], s.depth + 1})
				}
			}
		}
	}
}

// uses finds the code that depends on an option.
func (t *tree) uses(option string) *reach {
	r := &reach{t, map[key]*chain{}}
	r.spread([]seed{{word: option}})
	return r
}

// layouts finds the code that reads members whose place depends on an option: those
// of structures that have members under it, from the first one on, and of the
// structures that such a one is a part of. Members are known by name only.
func (t *tree) layouts(option string) *reach {
	r := &reach{t, map[key]*chain{}}
	why := &chain{word: option}
	moving := map[key]bool{} // structures, by file and name
	var seeds []seed
	queue := []key{{name: option}}
	for len(queue) > 0 {
		k := queue[0]
		queue = queue[1:]
		for _, p := range t.ix.Mentions(k.name) {
			if k.file != "" && !t.sees(p, k.file) {
				continue
			}
			for _, d := range t.definitions(p) {
				at := key{p, d.name}
				if d.kind != layout || d.name == "" || !d.words[k.name] || moving[at] {
					continue
				}
				after := membersAfter(d.typ, k.name, option)
				if after == nil {
					continue
				}
				moving[at] = true
				queue = append(queue, at)
				for _, name := range after {
					seeds = append(seeds, seed{"." + name, p, &chain{d.typ.Kind + " " + d.name, why}, 1})
				}
			}
		}
	}
	r.spread(seeds)
	return r
}

// membersAfter lists the members of a type whose place depends on a word: the option
// in a condition of a member, or a type that is a part of this one. It is nil if the
// type does not depend on it.
func membersAfter(t *csource.Type, word, option string) []string {
	for i := range t.Members {
		m := &t.Members[i]
		conditional := word == option && mentions([]byte(m.Cond), option)
		part := word != option && !strings.Contains(m.Type, "*") && mentions([]byte(m.Type), word)
		if !conditional && !part {
			continue
		}
		list := []string{}
		for j := i; j < len(t.Members); j++ {
			if name := t.Members[j].Name; name != "" && (j > i || conditional) {
				list = append(list, name)
			}
		}
		return list
	}
	return nil
}

// users lists the functions and variables of a file that use a name, sorted.
func (t *tree) users(file, name string) (list []string) {
	for _, d := range t.definitions(file) {
		if d.name != name && d.kind != layout && d.words[name] && !slices.Contains(list, d.name) {
			list = append(list, d.name)
		}
	}
	return sorted(list)
}
