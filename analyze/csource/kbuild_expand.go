package csource

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// lookup finds a variable: arguments of $(call) and loop variables first, then
// the automatic and target-specific ones of the recipe at hand.
func (r *makeRun) lookup(name string) (makeVar, bool) {
	for i := len(r.scope) - 1; i >= 0; i-- {
		if r.scope[i].name == name {
			return makeVar{r.scope[i].value, true}, true
		}
	}
	if value, ok := r.auto[name]; ok {
		return makeVar{value, true}, true
	}
	if v, ok := r.local[name]; ok {
		return v, true
	}
	if value, ok := r.tree.fixed[name]; ok {
		return makeVar{value, true}, true
	}
	v, ok := r.vars[name]
	return v, ok
}

// value expands a variable.
func (r *makeRun) value(name string) string {
	v, ok := r.lookup(name)
	switch {
	case !ok:
		return r.automatic(name)
	case v.simple:
		return v.value
	case r.busy[name]:
		r.warn("variable %s refers to itself", name)
		return ""
	}
	r.busy[name] = true
	text := r.expand(v.value)
	delete(r.busy, name)
	return text
}

// automatic gives $(@D), $(<F) and the like.
func (r *makeRun) automatic(name string) string {
	if len(name) != 2 || name[1] != 'D' && name[1] != 'F' {
		return ""
	}
	value, ok := r.auto[name[:1]]
	if !ok {
		return ""
	}
	if name[1] == 'D' {
		return path.Dir(value)
	}
	return path.Base(value)
}

// expand replaces the references in s (GNU make manual, chapter 6).
func (r *makeRun) expand(s string) string {
	i := strings.IndexByte(s, '$')
	if i < 0 {
		return s
	}
	if r.depth >= maxMakeDepth {
		r.tree.fail("%s: expected references at most %d deep", r.where(), maxMakeDepth)
	}
	if !r.tree.spend(len(s)) {
		return ""
	}
	r.depth++
	defer func() { r.depth-- }()
	var b strings.Builder
	for i >= 0 && i+1 < len(s) {
		b.WriteString(s[:i])
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case '$':
			b.WriteByte('$')
		case '(', '{':
			end := closing(s, 0, c)
			if end < 0 {
				r.warn("reference is not closed")
				return b.String()
			}
			b.WriteString(r.reference(s[:end]))
			s = s[end+1:]
		default:
			b.WriteString(r.value(string(rune(c))))
		}
		if b.Len() > maxMakeString {
			r.tree.fail("%s: expected text of at most %d bytes", r.where(), maxMakeString)
		}
		if r.tree.err != nil {
			return ""
		}
		i = strings.IndexByte(s, '$')
	}
	b.WriteString(strings.TrimSuffix(s, "$"))
	r.tree.spend(b.Len())
	return b.String()
}

// reference expands what stands between $( and ).
func (r *makeRun) reference(ref string) string {
	if i := strings.IndexAny(ref, " \t"); i > 0 {
		if f, ok := makeFuncs[ref[:i]]; ok {
			return f.call(r, splitArgs(strings.TrimLeft(ref[i:], " \t"), f.max))
		}
	}
	if i := outside(ref, ":"); i >= 0 {
		if from, to, ok := strings.Cut(ref[i+1:], "="); ok {
			from, to = r.expand(from), r.expand(to)
			if !strings.Contains(from, "%") {
				from, to = "%"+from, "%"+to
			}
			return patsubst(from, to, r.value(r.expand(ref[:i])))
		}
	}
	return r.value(r.expand(ref))
}

// A makeFunc is a function of make. Its arguments come as written; max is how
// many there are at most, 0 for any number.
type makeFunc struct {
	max  int
	call func(r *makeRun, args []string) string
}

// texts wraps a function of expanded arguments; missing ones are empty.
func texts(n int, f func(a []string) string) makeFunc {
	return makeFunc{n, func(r *makeRun, args []string) string {
		a := make([]string, n)
		for i := range min(n, len(args)) {
			a[i] = r.expand(args[i])
		}
		return f(a)
	}}
}

// each wraps a function of one word.
func each(f func(word string) string) makeFunc {
	return texts(1, func(a []string) string {
		words := strings.Fields(a[0])
		out := words[:0]
		for _, w := range words {
			if w = f(w); w != "" {
				out = append(out, w)
			}
		}
		return strings.Join(out, " ")
	})
}

var makeFuncs map[string]makeFunc

func init() { // the functions refer to the table through expand
	makeFuncs = map[string]makeFunc{
		"subst":      texts(3, func(a []string) string { return subst(a[0], a[1], a[2]) }),
		"patsubst":   texts(3, func(a []string) string { return patsubst(strings.TrimSpace(a[0]), a[1], a[2]) }),
		"strip":      texts(1, func(a []string) string { return strings.Join(strings.Fields(a[0]), " ") }),
		"findstring": texts(2, func(a []string) string { return iff(strings.Contains(a[1], a[0]), a[0]) }),
		"filter":     texts(2, func(a []string) string { return filterWords(a[0], a[1], true) }),
		"filter-out": texts(2, func(a []string) string { return filterWords(a[0], a[1], false) }),
		"sort": texts(1, func(a []string) string {
			words := strings.Fields(a[0])
			slices.Sort(words)
			return strings.Join(slices.Compact(words), " ")
		}),
		"word":      texts(2, func(a []string) string { return strings.Join(pick(a[1], number(a[0]), number(a[0])), " ") }),
		"wordlist":  texts(3, func(a []string) string { return strings.Join(pick(a[2], number(a[0]), number(a[1])), " ") }),
		"words":     texts(1, func(a []string) string { return strconv.Itoa(len(strings.Fields(a[0]))) }),
		"firstword": texts(1, func(a []string) string { return strings.Join(pick(a[0], 1, 1), " ") }),
		"lastword": texts(1, func(a []string) string {
			n := len(strings.Fields(a[0]))
			return strings.Join(pick(a[0], n, n), " ")
		}),
		"dir": each(func(w string) string {
			if i := strings.LastIndexByte(w, '/'); i >= 0 {
				return w[:i+1]
			}
			return "./"
		}),
		"notdir":    each(func(w string) string { return w[strings.LastIndexByte(w, '/')+1:] }),
		"suffix":    each(path.Ext),
		"basename":  each(func(w string) string { return strings.TrimSuffix(w, path.Ext(w)) }),
		"abspath":   each(path.Clean),
		"realpath":  each(path.Clean),
		"addsuffix": texts(2, func(a []string) string { return affix("", strings.TrimSpace(a[0]), a[1]) }),
		"addprefix": texts(2, func(a []string) string { return affix(strings.TrimSpace(a[0]), "", a[1]) }),
		"join":      texts(2, func(a []string) string { return joinWords(a[0], a[1]) }),
		"wildcard":  {1, (*makeRun).wildcard},
		"if":        {3, (*makeRun).ifFunc},
		"or":        {0, (*makeRun).orFunc},
		"and":       {0, (*makeRun).andFunc},
		"foreach":   {3, (*makeRun).foreach},
		"call":      {0, (*makeRun).call},
		"eval":      {1, (*makeRun).evalFunc},
		"value":     {1, (*makeRun).valueFunc},
		"origin":    {1, (*makeRun).origin},
		"shell":     {1, func(r *makeRun, a []string) string { return r.shell(r.expand(a[0])) }},
		"info":      texts(1, func([]string) string { return "" }),
		"warning":   texts(1, func([]string) string { return "" }),
		"error": {1, func(r *makeRun, a []string) string {
			r.warn("the Makefile stops here: %.80s", known(r.expand(a[0])))
			return ""
		}},
	}
}

func iff(cond bool, s string) string {
	if cond {
		return s
	}
	return ""
}

func subst(from, to, text string) string {
	if from == "" || len(to) > len(from) && strings.Count(text, from)*(len(to)-len(from)) > maxMakeString {
		return text
	}
	return strings.ReplaceAll(text, from, to)
}

func patsubst(from, to, text string) string {
	words := strings.Fields(text)
	for i, w := range words {
		if stem, ok := matchPattern(from, w); ok {
			words[i] = to
			if strings.Contains(from, "%") {
				words[i] = strings.Replace(to, "%", stem, 1)
			}
		}
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

func filterWords(patterns, text string, keep bool) string {
	list := strings.Fields(patterns)
	exact := make(map[string]bool, len(list))
	var wild []string
	for _, p := range list {
		if strings.Contains(p, "%") {
			wild = append(wild, p)
		} else {
			exact[p] = true
		}
	}
	var out []string
	for w := range strings.FieldsSeq(text) {
		hit := exact[w] || slices.ContainsFunc(wild, func(p string) bool { _, ok := matchPattern(p, w); return ok })
		if hit == keep {
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}

func number(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return 0
	}
	return n
}

// pick gives the words from first to last, counted from 1.
func pick(text string, first, last int) []string {
	words := strings.Fields(text)
	first, last = max(first, 1), min(last, len(words))
	if first > last {
		return nil
	}
	return words[first-1 : last]
}

func affix(prefix, suffix, text string) string {
	words := strings.Fields(text)
	if len(words)*(len(prefix)+len(suffix)) > maxMakeString {
		return text
	}
	for i, w := range words {
		words[i] = prefix + w + suffix
	}
	return strings.Join(words, " ")
}

func joinWords(a, b string) string {
	x, y := strings.Fields(a), strings.Fields(b)
	for i, w := range y {
		if i < len(x) {
			x[i] += w
		} else {
			x = append(x, w)
		}
	}
	return strings.Join(x, " ")
}

func (r *makeRun) wildcard(args []string) string {
	var out []string
	for pattern := range strings.FieldsSeq(r.expand(args[0])) {
		node := r.node(pattern)
		if !strings.ContainsAny(node, "*?[") {
			if r.tree.has(node) {
				out = append(out, pattern)
			}
			continue
		}
		found, err := fs.Glob(r.tree.files, node)
		if err != nil {
			r.warn("pattern %q is not understood", pattern)
		}
		for _, f := range found {
			out = append(out, r.name(f))
		}
	}
	return strings.Join(out, " ")
}

// truth expands the condition of $(if), $(or) and $(and).
func (r *makeRun) truth(arg string) string {
	s := r.expand(strings.TrimSpace(arg))
	if strings.TrimSpace(s) == unknownText {
		r.warn("a condition depends on a shell command, which is taken to print nothing")
		return ""
	}
	return s
}

func (r *makeRun) ifFunc(args []string) string {
	switch {
	case r.truth(args[0]) != "":
		if len(args) > 1 {
			return r.expand(args[1])
		}
	case len(args) > 2:
		return r.expand(args[2])
	}
	return ""
}

func (r *makeRun) orFunc(args []string) string {
	for _, a := range args {
		if s := r.truth(a); s != "" {
			return s
		}
	}
	return ""
}

func (r *makeRun) andFunc(args []string) string {
	s := ""
	for _, a := range args {
		if s = r.truth(a); s == "" {
			return ""
		}
	}
	return s
}

func (r *makeRun) foreach(args []string) string {
	if len(args) < 3 {
		return ""
	}
	name := strings.TrimSpace(r.expand(args[0]))
	var out []string
	size := 0
	for w := range strings.FieldsSeq(r.expand(args[1])) {
		r.scope = append(r.scope, binding{name, w})
		s := r.expand(args[2])
		r.scope = r.scope[:len(r.scope)-1]
		if size += len(s); size > maxMakeString || r.tree.err != nil {
			r.tree.fail("%s: expected text of at most %d bytes", r.where(), maxMakeString)
			return ""
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func (r *makeRun) call(args []string) string {
	name := strings.TrimSpace(r.expand(args[0]))
	values := make([]string, 10) // $0 to $9
	values[0] = name
	for i := 1; i < len(args) && i < len(values); i++ {
		values[i] = r.expand(args[i])
	}
	if probe, ok := toolchainProbes[name]; ok {
		return probe(r, values)
	}
	if f, ok := makeFuncs[name]; ok {
		escaped := make([]string, 0, len(args))
		for _, v := range values[1:min(len(args), len(values))] {
			escaped = append(escaped, strings.ReplaceAll(v, "$", "$$"))
		}
		if len(escaped) == 0 {
			return ""
		}
		return f.call(r, escaped)
	}
	v, ok := r.lookup(name)
	if !ok {
		return ""
	}
	for i, value := range values {
		r.scope = append(r.scope, binding{strconv.Itoa(i), value})
	}
	text := r.expand(v.value)
	r.scope = r.scope[:len(r.scope)-len(values)]
	return text
}

func (r *makeRun) evalFunc(args []string) string {
	text := r.expand(args[0])
	if len(r.reading) >= maxMakeDepth {
		r.tree.fail("%s: expected $(eval) at most %d deep", r.where(), maxMakeDepth)
		return ""
	}
	line, scope := r.line, r.scope
	r.scope = nil
	inRule, open := r.inRule, r.open
	r.endRule()
	lines := splitMake(text)
	for i := range lines {
		lines[i].num = line
	}
	r.reading = append(r.reading, strings.TrimSuffix(r.where(), ":"+strconv.Itoa(line)))
	r.read(lines)
	r.reading = r.reading[:len(r.reading)-1]
	r.line, r.scope = line, scope
	r.inRule, r.open = inRule, open
	return ""
}

func (r *makeRun) valueFunc(args []string) string {
	v, _ := r.lookup(strings.TrimSpace(r.expand(args[0])))
	return v.value
}

func (r *makeRun) origin(args []string) string {
	name := strings.TrimSpace(r.expand(args[0]))
	if _, ok := r.tree.fixed[name]; ok {
		return "environment"
	}
	if _, ok := r.lookup(name); ok {
		return "file"
	}
	return "undefined"
}
