package revision

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A difference is what two versions of a series do differently to one file.
type difference struct {
	kind   Kind
	name   string // function, type, variable or macro; empty at file scope or where the hunks do not show it
	detail string
}

// A weaver compares two sides along the lines that both saw before the change.
type weaver struct {
	old, new *side
	sameBase bool // both versions were made from one file
	found    []difference
}

// weave finds the differences of two sheets of one file.
func weave(name string, old, new *sheet) []difference {
	lang := languageOf(name)
	w := &weaver{old: newSide(old, lang), new: newSide(new, lang)}
	a, b := w.old, w.new
	common, ok := w.sameFile()
	if w.sameBase = ok; !ok {
		common, ok = align(len(a.base), len(b.base), func(i, j int) bool {
			p, q := &a.rows[a.base[i]], &b.rows[b.base[j]]
			m, n := a.names[a.base[i]], b.names[b.base[j]]
			return p.unseen == 0 && q.unseen == 0 && p.text == q.text && (m == n || m == "" || n == "")
		}, old.effort)
	}
	if !ok {
		return []difference{{kind: Unknown, detail: "too large to compare without a source"}}
	}
	for i, p := range common {
		common[i] = pair{a.base[p.old], b.base[p.new]}
	}
	w.walk(common)
	switch {
	case len(w.found) > 0:
		return w.found
	case w.sameBase:
		return []difference{{kind: Series, detail: "written otherwise, with the same result"}}
	}
	return []difference{{kind: Context, detail: "line numbers only"}}
}

// sameFile pairs the lines by their numbers where all that both sides show at the
// same numbers is the same: both versions were made from one file.
func (w *weaver) sameFile() (common []pair, ok bool) {
	at := map[int]int{}
	for j, r := range w.new.base {
		if row := &w.new.rows[r]; row.unseen == 0 {
			at[row.base] = j
		}
	}
	for i, r := range w.old.base {
		row := &w.old.rows[r]
		j, seen := at[row.base]
		switch {
		case row.unseen > 0 || !seen:
		case w.new.rows[w.new.base[j]].text != row.text:
			return nil, false
		default:
			common = append(common, pair{i, j})
		}
	}
	return common, len(common) > 0
}

// A segment is what lies between two lines that both sides saw, on each side.
type segment struct {
	old, new span
	right    pair // the line behind it; -1, -1 for the end of the file
}

// walk goes through the file: stretches where both sides show the same lines,
// and ragged places between them.
func (w *weaver) walk(common []pair) {
	var stretch []segment
	at := pair{-1, -1}
	for _, p := range append(common, pair{len(w.old.rows), len(w.new.rows)}) {
		seg := segment{span{at.old + 1, p.old}, span{at.new + 1, p.new}, p}
		if p.old == len(w.old.rows) {
			seg.right = pair{-1, -1}
		}
		if w.old.ragged(seg.old) || w.new.ragged(seg.new) {
			w.stretch(stretch)
			w.raggedPlace(seg, stretch, common)
			stretch = nil
			seg.old.from, seg.new.from = seg.old.to, seg.new.to
		}
		stretch = append(stretch, seg)
		at = p
	}
	w.stretch(stretch)
}

// stretch compares a run of lines of which both sides know all.
func (w *weaver) stretch(list []segment) {
	if len(list) == 0 {
		return
	}
	first, last := list[0], list[len(list)-1]
	a, b := span{first.old.from, last.old.to}, span{first.new.from, last.new.to}
	if last.right.old >= 0 {
		a.to, b.to = last.right.old+1, last.right.new+1
	}
	if !w.old.touched(a) && !w.new.touched(b) {
		return
	}
	if slices.Equal(w.old.after(a), w.new.after(b)) {
		if !w.anchored(list) {
			w.add(Unknown, w.new.name(b), "the lines around it do not show that it is the same place")
		}
		return
	}
	comments := w.old.sameWords(a, w.new, b)
	for _, s := range list {
		w.clean(s, comments)
	}
}

// clean compares one segment of a stretch, and the line behind it.
func (w *weaver) clean(s segment, comments bool) {
	if !slices.Equal(w.old.after(s.old), w.new.after(s.new)) {
		w.byName(s.old, s.new, comments)
	}
	if s.right.old < 0 {
		return
	}
	p, q := &w.old.rows[s.right.old], &w.new.rows[s.right.new]
	if p.gone == q.gone {
		return
	}
	kind, what := Code, "no longer removes "
	if comments || len(w.old.words[s.right.old]) == 0 {
		kind = Comments
	}
	if q.gone {
		what = "now removes "
	}
	name := w.new.names[s.right.new]
	if name == "" {
		name = w.old.names[s.right.old]
	}
	w.add(kind, name, what+quote(q.text))
}

// byName reports what differs in a segment for each function in it.
func (w *weaver) byName(old, new span, comments bool) {
	var names []string
	for _, p := range []struct {
		s  *side
		at span
	}{{w.new, new}, {w.old, old}} {
		for i := p.at.from; i < p.at.to; i++ {
			if p.s.rows[i].unseen == 0 && !slices.Contains(names, p.s.names[i]) {
				names = append(names, p.s.names[i])
			}
		}
	}
	code := false
	for pass := range 2 {
		for _, n := range names {
			a, b := w.old.of(n, old), w.new.of(n, new)
			if slices.Equal(texts(w.old, a), texts(w.new, b)) {
				continue
			}
			same := comments || slices.Equal(flat(w.old, a), flat(w.new, b))
			switch {
			case pass == 0 && !same:
				code = true
				w.add(Code, n, w.sample(a, b))
			case pass == 1 && same:
				w.add(Comments, n, w.sample(a, b))
			}
		}
	}
	if !code && !comments && !w.old.sameWords(old, w.new, new) { // the same lines in another order
		w.add(Code, w.new.name(new), "its lines come in another order, or a comment around them ends elsewhere")
	}
}

// raggedPlace compares a place where the sides show different lines of the file.
func (w *weaver) raggedPlace(s segment, before []segment, common []pair) {
	a, b := w.old.changes(s.old), w.new.changes(s.new)
	switch {
	case len(a.added)+len(a.gone)+len(b.added)+len(b.gone) == 0:
		if !w.sameBase && (w.old.stays(s.old) || w.new.stays(s.new)) {
			w.add(Context, w.place(s), "the lines around it")
		}
	case !slices.Equal(texts(w.old, a.added), texts(w.new, b.added)):
		words := flat(w.new, b.added)
		switch {
		case !slices.Equal(flat(w.old, a.added), words) || w.old.leaves(a.added) != w.new.leaves(b.added):
			w.byName(s.old, s.new, false)
		case !slices.Equal(flat(w.old, a.gone), flat(w.new, b.gone)) || len(words) > 0 && !w.samePlace(s, before, common):
			w.add(Unknown, w.place(s), "adds the same code, but the hunks do not show that it is the same change")
		default:
			w.byName(s.old, s.new, true)
		}
	case len(a.added) == 0 || (len(a.gone) == 0) != (len(b.gone) == 0):
		if len(a.added) > 0 && !w.samePlace(s, before, common) {
			w.add(Unknown, w.place(s), "adds the same lines, but the hunks do not show that it is the same place")
			break
		}
		w.removals(s, a.gone, b.gone, before, common)
	case !w.samePlace(s, before, common):
		w.add(Unknown, w.place(s), "adds the same lines, but the hunks do not show that it is the same place")
	case len(a.gone) > 0:
		w.replaced(s, "replaces", a.gone, b.gone)
	default:
		w.add(Context, w.place(s), "the lines around it")
	}
}

// removals compares a ragged place where only removed lines differ.
func (w *weaver) removals(s segment, was, is []int, before []segment, common []pair) {
	a, b := flat(w.old, was), flat(w.new, is)
	switch {
	case len(a)+len(b) == 0 && len(was) > 0 && len(is) > 0:
		w.add(Context, w.place(s), "removes comments that read otherwise before: "+w.sample(was, is))
	case len(a)+len(b) == 0:
		w.add(Comments, w.place(s), "removes other comments: "+w.sample(was, is))
	case len(was) > 0 && len(is) > 0 && w.samePlace(s, before, common):
		w.replaced(s, "removes", was, is)
	case slices.Equal(a, b):
		w.add(Unknown, w.place(s), "removes the same code, but the hunks do not show that it is in the same place")
	default:
		w.add(Code, w.place(s), "removes other lines: "+w.sample(was, is))
	}
}

// replaced judges lines that go and that read otherwise in both versions: where
// nothing stays between them and what both sides saw, the rest is the same.
func (w *weaver) replaced(s segment, does string, was, is []int) {
	if w.old.stays(s.old) || w.new.stays(s.new) || w.old.blind(s.old) || w.new.blind(s.new) {
		w.add(Unknown, w.place(s), does+" lines that read otherwise before, and the hunks do not show what else is there: "+w.sample(was, is))
		return
	}
	w.add(Context, w.place(s), does+" lines that read otherwise before: "+w.sample(was, is))
}

// samePlace tells whether what both sides change in a ragged place stands next
// to the same line in both.
func (w *weaver) samePlace(s segment, before []segment, common []pair) bool {
	left, right := true, true
	var names []string
	for _, p := range []struct {
		s  *side
		at span
	}{{w.old, s.old}, {w.new, s.new}} {
		first, last := -1, -1
		for i := p.at.from; i < p.at.to; i++ {
			if r := &p.s.rows[i]; r.added || r.gone {
				if first < 0 {
					first = i
				}
				last = i
			}
		}
		if first < 0 {
			return false
		}
		stays := func(r row) bool { return !r.added && !r.gone }
		if slices.ContainsFunc(p.s.rows[first:last], stays) {
			return false
		}
		left = left && !slices.ContainsFunc(p.s.rows[p.at.from:first], stays)
		right = right && !slices.ContainsFunc(p.s.rows[last:p.at.to], stays)
		names = append(names, p.s.names[first])
	}
	if names[0] != names[1] && names[0] != "" && names[1] != "" {
		return false
	}
	if left && w.anchored(before) {
		return true
	}
	if !right || s.right.old < 0 {
		return false
	}
	i := slices.Index(common, s.right)
	for ; i >= 0 && i < len(common); i++ { // lines that both sides show one after the other
		if informative(w.new.rows[common[i].new].text) {
			return true
		}
		if i+1 == len(common) || w.old.ragged(span{common[i].old + 1, common[i+1].old}) || w.new.ragged(span{common[i].new + 1, common[i+1].new}) {
			return false
		}
	}
	return false
}

// anchored tells whether a line of a stretch says where it is: it is more than
// a brace or a keyword.
func (w *weaver) anchored(list []segment) bool {
	for _, s := range list {
		created := s.right.old < 0 && len(list) == 1 && s.old.from == 0 && s.new.from == 0
		if created || s.right.old >= 0 && informative(w.new.rows[s.right.new].text) {
			return true
		}
	}
	return false
}

var commonWords = map[string]bool{"else": true, "break": true, "return": true, "endif": true, "default": true,
	"continue": true, "case": true, "out": true, "goto": true, "int": true, "void": true, "static": true, "ifdef": true}

var longWord = regexp.MustCompile(`[A-Za-z_]\w{2,}`)

// informative tells whether a line holds a word that says more than how C looks.
func informative(text string) bool {
	return slices.ContainsFunc(longWord.FindAllString(text, -1), func(s string) bool { return !commonWords[s] })
}

// place names what a segment belongs to.
func (w *weaver) place(s segment) string {
	if n := w.new.name(s.new); n != "" {
		return n
	}
	return w.old.name(s.old)
}

// sample shows the first line that differs.
func (w *weaver) sample(a, b []int) string {
	said := func(s string) bool { return strings.TrimSpace(s) != "" }
	x, y := texts(w.old, a), texts(w.new, b)
	if slices.ContainsFunc(x, said) && slices.ContainsFunc(y, said) {
		blank := func(s string) bool { return !said(s) }
		x, y = slices.DeleteFunc(x, blank), slices.DeleteFunc(y, blank)
	}
	effort := 0
	pairs, _ := align(len(x), len(y), func(i, j int) bool { return x[i] == y[j] }, &effort)
	i, j := 0, 0
	for _, p := range append(pairs, pair{len(x), len(y)}) {
		switch {
		case i < p.old && j < p.new:
			return fmt.Sprintf("%s is now %s", quote(x[i]), quote(y[j]))
		case j < p.new:
			return "new: " + quote(y[j])
		case i < p.old:
			return "gone: " + quote(x[i])
		}
		i, j = p.old+1, p.new+1
	}
	return "empty lines"
}

// quote shows a line of code within a sentence.
func quote(s string) string {
	const most = 60
	runes := []rune(strings.TrimSpace(s))
	if len(runes) == 0 {
		return "an empty line"
	}
	if len(runes) > most {
		runes = append(runes[:most-3], []rune("...")...)
	}
	return "\"" + string(runes) + "\""
}

// add notes a difference, the worst one of each name.
func (w *weaver) add(kind Kind, name, detail string) {
	for i := range w.found {
		if f := &w.found[i]; f.name == name {
			if rank(kind) > rank(f.kind) {
				*f = difference{kind, name, detail}
			}
			return
		}
	}
	w.found = append(w.found, difference{kind, name, detail})
}
