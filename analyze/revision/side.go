package revision

import (
	"path"
	"slices"
)

// A side is one version's sheet, ready for weaving.
type side struct {
	rows  []row
	names []string   // what each row belongs to
	words [][]string // of each row; two rows with the same words differ in comments and white space
	inner []bool     // whether a block comment is open behind each row
	base  []int      // rows that are not added
}

// A language says how lines of a file are cut into words.
type language int

const (
	verbatim language = iota // every character counts
	cSource
	assembly
)

func languageOf(name string) language {
	switch path.Ext(name) {
	case ".c", ".h":
		return cSource
	case ".S":
		return assembly
	}
	return verbatim
}

func newSide(s *sheet, lang language) *side {
	d := &side{rows: s.rows, names: make([]string, len(s.rows)), words: make([][]string, len(s.rows)), inner: make([]bool, len(s.rows))}
	var was, is locator // of the file before and after
	for from := 0; from < len(d.rows); {
		if d.rows[from].unseen > 0 {
			was, is = locator{}, locator{}
			d.base = append(d.base, from)
			from++
			continue
		}
		to := from
		for ; to < len(d.rows) && d.rows[to].unseen == 0; to++ {
			r := &d.rows[to]
			if !r.added {
				d.base = append(d.base, to)
			}
			if lang == verbatim {
				continue
			}
			if r.head != "" {
				was.enter(r.head)
				is.enter(r.head)
			}
			if !r.added {
				d.names[to] = was.at(r.text)
			}
			if !r.gone {
				d.names[to] = is.at(r.text)
			}
		}
		d.lex(from, to, lang, func(r *row) bool { return r.gone })  // lines of the result ...
		d.lex(from, to, lang, func(r *row) bool { return r.added }) // ... and those that go
		from = to
	}
	return d
}

// lex finds the words of a stretch of rows, without those of one kind.
func (d *side) lex(from, to int, lang language, without func(*row) bool) {
	var text []string
	for i := from; i < to; i++ {
		if !without(&d.rows[i]) {
			text = append(text, d.rows[i].text)
		}
	}
	l := lexer{comment: opensInside(text), lines: lang == assembly}
	for i := from; i < to; i++ {
		r := &d.rows[i]
		if without(r) {
			continue
		}
		words := []string{r.text}
		if lang != verbatim {
			words = l.next(r.text)
		}
		if d.words[i] == nil {
			d.words[i], d.inner[i] = words, l.comment
		}
	}
}

// A span is a run of rows, its end not included.
type span struct{ from, to int }

// ragged tells whether a side shows lines of the file there that the other does
// not.
func (s *side) ragged(p span) bool {
	return slices.ContainsFunc(s.rows[p.from:p.to], func(r row) bool { return !r.added })
}

// name is what the first changed row of a span belongs to, or else the first.
func (d *side) name(p span) string {
	name := ""
	for i := p.from; i < p.to; i++ {
		if r := &d.rows[i]; d.names[i] != "" && (r.added || r.gone) {
			return d.names[i]
		}
		if name == "" {
			name = d.names[i]
		}
	}
	return name
}

// touched tells whether a span holds a change.
func (d *side) touched(p span) bool {
	return slices.ContainsFunc(d.rows[p.from:p.to], func(r row) bool { return r.added || r.gone })
}

// after is the text that a span leaves behind.
func (d *side) after(p span) []string {
	var list []string
	for _, r := range d.rows[p.from:p.to] {
		if !r.gone && r.unseen == 0 {
			list = append(list, r.text)
		}
	}
	return list
}

// rowsOf lists the rows of a span that a predicate picks.
func (d *side) rowsOf(p span, pick func(i int) bool) []int {
	var list []int
	for i := p.from; i < p.to; i++ {
		if d.rows[i].unseen == 0 && pick(i) {
			list = append(list, i)
		}
	}
	return list
}

// of lists the rows that a span leaves in one function.
func (d *side) of(name string, p span) []int {
	return d.rowsOf(p, func(i int) bool { return d.names[i] == name && d.rows[i].added })
}

type edits struct{ added, gone []int }

func (d *side) changes(p span) edits {
	return edits{
		d.rowsOf(p, func(i int) bool { return d.rows[i].added }),
		d.rowsOf(p, func(i int) bool { return d.rows[i].gone }),
	}
}

// leaves tells whether the last of some rows leaves a comment open.
func (d *side) leaves(rows []int) bool { return len(rows) > 0 && d.inner[rows[len(rows)-1]] }

// sameWords tells whether two spans leave the same words, and the same state of
// comments, behind.
func (d *side) sameWords(p span, o *side, q span) bool {
	rows := func(d *side, p span) []int { return d.rowsOf(p, func(i int) bool { return !d.rows[i].gone }) }
	a, b := rows(d, p), rows(o, q)
	return slices.Equal(flat(d, a), flat(o, b)) && d.leaves(a) == o.leaves(b)
}

func texts(d *side, rows []int) []string {
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = d.rows[r].text
	}
	return list
}

func flat(d *side, rows []int) []string {
	var list []string
	for _, r := range rows {
		list = append(list, d.words[r]...)
	}
	return list
}

// stays tells whether a span holds a line of the file that both the patch and
// the version keep.
func (d *side) stays(p span) bool {
	return slices.ContainsFunc(d.rows[p.from:p.to], func(r row) bool { return !r.added && !r.gone && r.unseen == 0 })
}

// blind tells whether a span holds lines that no hunk shows.
func (d *side) blind(p span) bool {
	return slices.ContainsFunc(d.rows[p.from:p.to], func(r row) bool { return r.unseen > 0 })
}
