package revision

import (
	"math"
	"strings"

	"lpready/analyze/patch"
)

// A row is one line of a sheet, or a run of lines that no hunk shows.
type row struct {
	text   string // without its end of line
	added  bool   // by the series
	gone   bool   // removed by the series
	unseen int    // number of lines of a run that nobody has seen, 0 for a line
	base   int    // line in the file before the series, of the first for a run; 0 for added
	head   string // heading of the hunk that starts here
}

// A sheet is what a series makes of one file, as far as its hunks show the
// file: lines kept, removed and added in place, between runs of lines that are
// not seen. It is put together by the line numbers that the hunks give, so a
// line that one patch adds and the next removes leaves no trace.
type sheet struct {
	rows   []row
	effort *int // rows looked at so far, in all files of the comparison
}

// maxEffort bounds the rows that one comparison looks at. A series of 17 patches
// with 400 hunks takes less than a thousandth of it.
const maxEffort = 1 << 27

// endless is the length of the run that ends a file.
const endless = math.MaxInt32

func newSheet(created bool, effort *int) *sheet {
	s := &sheet{effort: effort}
	if !created {
		s.rows = []row{{unseen: endless, base: 1}}
	}
	return s
}

// apply puts a hunk where it says it belongs, the hunks of its patch before it
// being there. It fails where the sheet shows other lines there.
func (s *sheet) apply(h *patch.Hunk) bool {
	at := h.NewStart
	if h.NewLines == 0 {
		at++
	}
	i, ok := s.seek(at)
	if !ok {
		return false
	}
	head := h.Section
	var out []row
	out = append(out, s.rows[:i]...)
	rest := s.rows[i:]
	for _, l := range h.Lines {
		text := chomp(l.Text)
		if l.Op == patch.Add {
			out = append(out, row{text: text, added: true, head: head})
			head = ""
			continue
		}
		for len(rest) > 0 && rest[0].gone {
			out, rest = append(out, rest[0]), rest[1:]
		}
		if len(rest) == 0 {
			return false
		}
		r := rest[0]
		if r.unseen > 0 {
			r, rest = s.reveal(rest, text)
		} else {
			rest = rest[1:]
		}
		switch {
		case r.text != text:
			return false
		case l.Op == patch.Delete && r.added:
			continue
		case l.Op == patch.Delete:
			r.gone = true
		}
		if head != "" {
			r.head, head = head, ""
		}
		out = append(out, r)
	}
	*s.effort += len(out) + len(rest)
	s.rows = append(out, rest...)
	return *s.effort < maxEffort
}

// reveal takes the first line off a run that nobody has seen.
func (s *sheet) reveal(rest []row, text string) (row, []row) {
	run := rest[0]
	r := row{text: text, base: run.base}
	if run.unseen == 1 {
		return r, rest[1:]
	}
	left := run
	left.unseen, left.base = run.unseen-1, run.base+1
	if run.unseen == endless {
		left.unseen = endless
	}
	return r, append([]row{left}, rest[1:]...)
}

// seek is the index of the row that holds a line of the file as it is now; a
// run is split there.
func (s *sheet) seek(line int) (int, bool) {
	if line < 1 {
		return 0, false
	}
	now := 1
	for i := range s.rows {
		r := &s.rows[i]
		*s.effort++
		switch {
		case r.gone:
			continue
		case now == line:
			return i, true
		case r.unseen == 0:
			now++
		case now+r.unseen > line:
			seen := line - now
			after := *r
			after.base += seen
			if r.unseen != endless {
				after.unseen -= seen
			}
			r.unseen = seen
			s.rows = append(s.rows[:i+1], append([]row{after}, s.rows[i+1:]...)...)
			return i + 1, true
		default:
			now += r.unseen
		}
	}
	return len(s.rows), now == line
}

// settle writes each stretch of seen lines as the shortest change between what it
// was and what it becomes: how a diff, or a detour, is written must not matter.
func (s *sheet) settle() {
	var out []row
	for i := 0; i < len(s.rows); {
		if s.rows[i].unseen > 0 {
			out = append(out, s.rows[i])
			i++
			continue
		}
		j := i
		for j < len(s.rows) && s.rows[j].unseen == 0 {
			j++
		}
		out = append(out, s.shortest(s.rows[i:j])...)
		i = j
	}
	s.rows = out
}

// shortest rewrites a stretch. Between lines that stay, what goes stands before
// what comes.
func (s *sheet) shortest(rows []row) []row {
	var before, after []row
	for _, r := range rows {
		if !r.added {
			before = append(before, r)
		}
		if !r.gone {
			after = append(after, r)
		}
	}
	pairs, ok := align(len(before), len(after), func(i, j int) bool { return before[i].text == after[j].text }, s.effort)
	if !ok {
		return rows
	}
	out := make([]row, 0, len(rows))
	i, j := 0, 0
	for _, p := range append(pairs, pair{len(before), len(after)}) {
		for ; i < p.old; i++ {
			gone := before[i]
			gone.gone = true
			out = append(out, gone)
		}
		for ; j < p.new; j++ {
			out = append(out, row{text: after[j].text, added: true, head: after[j].head})
		}
		if p.old < len(before) {
			kept := before[p.old]
			kept.gone = false
			if kept.head == "" {
				kept.head = after[p.new].head
			}
			out = append(out, kept)
			i, j = p.old+1, p.new+1
		}
	}
	return out
}

// chomp takes the end of line off.
func chomp(s string) string { return strings.TrimRight(s, "\r\n") }

// A pair is two indices that belong together.
type pair struct{ old, new int }

// maxAlign is the number of comparisons that one alignment may take.
const maxAlign = 1 << 23

// align finds a longest common subsequence of two lists. ok is false where that
// would take too long.
func align(n, m int, same func(i, j int) bool, effort *int) (pairs []pair, ok bool) {
	head, tail := 0, 0
	for head < n && head < m && same(head, head) {
		pairs = append(pairs, pair{head, head})
		head++
	}
	for tail < n-head && tail < m-head && same(n-1-tail, m-1-tail) {
		tail++
	}
	rows, columns := n-head-tail, m-head-tail
	if rows > 0 && columns > 0 {
		if rows > maxAlign/columns || *effort+rows*columns >= maxEffort {
			return nil, false
		}
		*effort += rows * columns
		pairs = append(pairs, longest(rows, columns, head, same)...)
	}
	for i := tail; i > 0; i-- {
		pairs = append(pairs, pair{n - i, m - i})
	}
	return pairs, true
}

// longest is the textbook algorithm over what the ends do not share.
func longest(rows, columns, shift int, same func(i, j int) bool) []pair {
	best := make([]int32, (rows+1)*(columns+1))
	at := func(i, j int) *int32 { return &best[i*(columns+1)+j] }
	for i := rows - 1; i >= 0; i-- {
		for j := columns - 1; j >= 0; j-- {
			if same(shift+i, shift+j) {
				*at(i, j) = *at(i+1, j+1) + 1
			} else {
				*at(i, j) = max(*at(i+1, j), *at(i, j+1))
			}
		}
	}
	var pairs []pair
	for i, j := 0, 0; i < rows && j < columns; {
		switch {
		case same(shift+i, shift+j):
			pairs = append(pairs, pair{shift + i, shift + j})
			i, j = i+1, j+1
		case *at(i+1, j) >= *at(i, j+1):
			i++
		default:
			j++
		}
	}
	return pairs
}
