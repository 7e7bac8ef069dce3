package patch

import "strings"

// maxEffort is how many lines are compared for one patch. A patch of 500 hunks
// of which none fits into a file of 10,000 lines takes a tenth of it.
const maxEffort = 1 << 28

// An edit applies the hunks of one file in order, as GNU patch does: the search
// for a hunk starts where the hunk before it leads to expect it, and lines up
// to the last changed one are never touched again.
type edit struct {
	file   *File
	in     []string // lines with their ends
	frozen int      // lines of in that are already written or dropped
	shift  int      // lines between where hunks are found and expected
	grown  int      // lines added so far, less those removed
	out    strings.Builder
	broken bool // the last line written lacks its end
	effort *int // lines compared so far, in all files of the patch

	skipped bool // the first hunk is already there, the others were not tried
}

func newEdit(f *File, data []byte, effort *int) *edit {
	text := string(data)
	in := make([]string, 0, strings.Count(text, "\n")+1)
	for l := range strings.Lines(text) {
		in = append(in, l)
	}
	e := &edit{file: f, in: in, effort: effort}
	e.out.Grow(len(data) + len(data)/16)
	return e
}

// run tries all hunks. Those that fail are left out of the output.
func (e *edit) run() []HunkReport {
	reports := make([]HunkReport, len(e.file.Hunks))
	for i := range e.file.Hunks {
		h := &e.file.Hunks[i]
		where, shift := e.locate(h)
		if i == 0 && where == 0 {
			// GNU patch judges by the first hunk alone.
			undo, _ := e.locate(h.reverse())
			e.skipped = undo != 0
		}
		if e.skipped {
			return e.ignore("not tried, for the first hunk is there already")
		}
		if where != 0 {
			e.shift = shift
		}
		reports[i] = e.try(h, where)
	}
	return reports
}

// ignore reports all hunks of a file that is not to be touched.
func (e *edit) ignore(reason string) []HunkReport {
	reports := make([]HunkReport, len(e.file.Hunks))
	for i := range e.file.Hunks {
		h := &e.file.Hunks[i]
		reports[i] = HunkReport{At: h.first(), Failed: true, Reversed: e.isReversed(h), Reason: reason}
	}
	return reports
}

// try puts a hunk at the line where it was found, 0 for nowhere.
func (e *edit) try(h *Hunk, where int) HunkReport {
	r := HunkReport{At: where + e.grown, Offset: e.shift}
	switch {
	case where == 0:
		r.At = h.first() + e.grown
		r.Reason = "its old lines are not there"
	case where == 1 && e.file.says(oldSide) == 2 && len(e.in) > 0:
		r.Reason = "would create a file that is there"
	case !e.insert(h, where):
		r.Reason = "found only in front of an earlier hunk"
	default:
		e.grown += h.NewLines - h.OldLines
		return r
	}
	r.Offset, r.Failed = 0, true
	if r.Reversed = e.isReversed(h); r.Reversed {
		r.Reason = "already applied"
	}
	return r
}

// first is the line of the file where a hunk expects to start. A hunk without
// old lines names the line before.
func (h *Hunk) first() int {
	if h.OldLines == 0 {
		return h.OldStart + 1
	}
	return h.OldStart
}

// pattern is the old side of a hunk, and how many lines of context it starts
// and ends with.
func (h *Hunk) pattern() (old []string, lead, trail int) {
	changed := false
	for _, l := range h.Lines {
		if l.Op != Add {
			old = append(old, l.Text)
		}
		switch {
		case l.Op != Context:
			changed, trail = true, 0
		case changed:
			trail++
		default:
			lead++
		}
	}
	return old, lead, trail
}

// reverse is the hunk that undoes h.
func (h *Hunk) reverse() *Hunk {
	r := &Hunk{OldStart: h.NewStart, OldLines: h.NewLines, NewStart: h.OldStart, NewLines: h.OldLines, Lines: make([]Line, len(h.Lines))}
	for i, l := range h.Lines {
		switch l.Op {
		case Add:
			l.Op = Delete
		case Delete:
			l.Op = Add
		}
		r.Lines[i] = l
	}
	return r
}

// isReversed tells whether the result of a hunk is found where the hunk would
// be looked for.
func (e *edit) isReversed(h *Hunk) bool {
	where, _ := e.locate(h.reverse())
	return where != 0 && h.NewLines > 0
}

// reversible tells whether all hunks of the file are there already: whether
// they can be undone.
func (e *edit) reversible() bool {
	undo := edit{file: e.file, in: e.in, effort: e.effort}
	for i := range e.file.Hunks {
		h := e.file.Hunks[i].reverse()
		where, shift := undo.locate(h)
		if where == 0 || h.OldLines == 0 || !undo.insert(h, where) {
			return false
		}
		undo.shift = shift
	}
	return true
}

// locate finds the line at which a hunk applies without fuzz, 0 for nowhere,
// and the shift that goes with it. The nearest place to where it is expected
// wins, the later one of two. A hunk with less context in front than behind
// starts the file if it says line 1; one with less behind ends the file.
func (e *edit) locate(h *Hunk) (where, shift int) {
	guess := h.first() + e.shift
	if h.OldLines == 0 {
		return guess, e.shift
	}
	old, lead, trail := h.pattern()
	first, last := e.frozen+1, len(e.in)-len(old)+1
	back, forward := guess-first, last-guess
	at := func(offset int) (int, int) { return guess + offset, e.shift + offset }
	switch {
	case lead < trail && h.first() <= 1:
		if last >= 1 && e.frozen <= lead && e.matches(old, 1) {
			return at(1 - guess)
		}
		return 0, e.shift
	case trail < lead:
		if last >= first && e.matches(old, last) {
			return at(forward)
		}
		return 0, e.shift
	}
	offset := 0
	switch {
	case forward < 0:
		offset = -forward
	case back < 0:
		offset = back // GNU patch looks at written lines, too, and then fails
	}
	for ; offset <= max(forward, back) && *e.effort < maxEffort; offset++ {
		if offset <= forward && e.matches(old, guess+offset) {
			return at(offset)
		}
		if offset <= back && e.matches(old, guess-offset) {
			return at(-offset)
		}
	}
	return 0, e.shift
}

// matches compares the old lines of a hunk with those at a 1-based line.
func (e *edit) matches(old []string, where int) bool {
	for i, l := range old {
		*e.effort++
		if l != e.line(where+i) {
			return false
		}
	}
	return true
}

// line is a line of the input by its 1-based number, "" outside of it.
func (e *edit) line(n int) string {
	if n < 1 || n > len(e.in) {
		return ""
	}
	return e.in[n-1]
}

// insert copies the input up to the hunk at line where and replaces its old
// lines by the new ones. It fails if they are written already.
func (e *edit) insert(h *Hunk, where int) bool {
	line := where - 1 // lines of the input that come before the next line of h
	lastOld := len(h.Lines) - 1
	for lastOld >= 0 && h.Lines[lastOld].Op == Add {
		lastOld--
	}
	for i, l := range h.Lines {
		if l.Op == Context {
			line++
			continue
		}
		if !e.copyTo(line) {
			return false
		}
		if l.Op == Delete {
			e.frozen++
			line++
		} else {
			e.write(l.Text, i > lastOld)
		}
	}
	return true
}

// copyTo copies the input through line n.
func (e *edit) copyTo(n int) bool {
	if e.frozen > n {
		return false
	}
	for _, l := range e.in[min(e.frozen, len(e.in)):min(n, len(e.in))] {
		e.write(l, true)
	}
	e.frozen = n
	return true
}

// write appends a line, after completing the one before if told so.
func (e *edit) write(l string, complete bool) {
	if l == "" {
		return
	}
	if e.broken && complete {
		e.out.WriteByte('\n')
	}
	e.out.WriteString(l)
	e.broken = l[len(l)-1] != '\n'
}

// finish copies the rest of the input and returns the whole output, not nil.
func (e *edit) finish() []byte {
	e.copyTo(max(e.frozen, len(e.in)))
	return []byte(e.out.String())
}
