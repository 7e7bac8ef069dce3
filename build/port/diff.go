package port

import (
	"slices"
	"strings"

	"lpready/analyze/patch"
)

// A change says that lines a0 to a1 of one text stand as b0 to b1 in another.
// Lines count from 0, ends are exclusive.
type change struct{ a0, a1, b0, b1 int }

// maxEdits bounds the search for the shortest script between two texts. Beyond
// it, what lies between the common ends counts as replaced.
const maxEdits = 1500

// lines splits a text and keeps the ends of lines.
func lines(text []byte) []string { return slices.Collect(strings.Lines(string(text))) }

// changes is the shortest script from a to b, after E. W. Myers, "An O(ND)
// Difference Algorithm and Its Variations", 1986.
func changes(a, b []string) []change {
	lead := 0
	for lead < len(a) && lead < len(b) && a[lead] == b[lead] {
		lead++
	}
	trail := 0
	for trail < len(a)-lead && trail < len(b)-lead && a[len(a)-1-trail] == b[len(b)-1-trail] {
		trail++
	}
	list := middle(a[lead:len(a)-trail], b[lead:len(b)-trail])
	for i := range list {
		list[i].a0, list[i].a1 = list[i].a0+lead, list[i].a1+lead
		list[i].b0, list[i].b1 = list[i].b0+lead, list[i].b1+lead
	}
	return list
}

// middle compares texts that differ at both ends.
func middle(a, b []string) []change {
	n, m := len(a), len(b)
	if n == 0 && m == 0 {
		return nil
	}
	most := min(n+m, maxEdits)
	at := make([]int, 2*most+3) // furthest line of a on each diagonal
	var trace [][]int
	for d := 0; d <= most; d++ {
		trace = append(trace, slices.Clone(at[most+1-d:most+2+d]))
		for k := -d; k <= d; k += 2 {
			x := at[most+2+k]
			if k != -d && (k == d || at[most+k] >= x) {
				x = at[most+k] + 1
			}
			y := x - k
			for x < n && y < m && y >= 0 && a[x] == b[y] {
				x, y = x+1, y+1
			}
			at[most+1+k] = x
			if x >= n && y >= m {
				return script(trace, n, m)
			}
		}
	}
	return []change{{0, n, 0, m}}
}

// script walks the trace of middle back to its start. trace[d] holds the
// diagonals -d to d as they were before step d.
func script(trace [][]int, x, y int) []change {
	var list []change
	for d := len(trace) - 1; d > 0; d-- {
		k := x - y
		before := func(diagonal int) int { // as they were after step d-1
			if diagonal < -d || diagonal > d {
				return -1
			}
			return trace[d][diagonal+d]
		}
		down := k == -d || k != d && before(k-1) < before(k+1)
		from := k - 1
		if down {
			from = k + 1
		}
		px := before(from)
		py := px - from
		c := change{px, px + 1, py, py}
		if down {
			c = change{px, px, py, py + 1}
		}
		if n := len(list); n > 0 && list[n-1].a0 == c.a1 && list[n-1].b0 == c.b1 {
			list[n-1].a0, list[n-1].b0 = c.a0, c.b0
		} else {
			list = append(list, c)
		}
		x, y = px, py
	}
	slices.Reverse(list)
	return list
}

// margin is how many lines of context a hunk has on either side.
const margin = 3

// hunks makes the hunks of a unified diff.
func hunks(a, b []string) []patch.Hunk {
	var out []patch.Hunk
	list := changes(a, b)
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].a0-list[n-1].a1 <= 2*margin {
			n++
		}
		out = append(out, hunk(a, b, list[:n]))
		list = list[n:]
	}
	return out
}

// hunk makes one hunk of neighbouring changes.
func hunk(a, b []string, list []change) patch.Hunk {
	first, last := list[0], list[len(list)-1]
	lead, trail := min(margin, first.a0), min(margin, len(a)-last.a1)
	h := patch.Hunk{OldStart: first.a0 - lead + 1, OldLines: last.a1 - first.a0 + lead + trail,
		NewStart: first.b0 - lead + 1, NewLines: last.b1 - first.b0 + lead + trail}
	if h.OldLines == 0 {
		h.OldStart--
	}
	if h.NewLines == 0 {
		h.NewStart--
	}
	add := func(op patch.Op, from []string) {
		for _, l := range from {
			h.Lines = append(h.Lines, patch.Line{Op: op, Text: l})
		}
	}
	at := first.a0 - lead
	for _, c := range list {
		add(patch.Context, a[at:c.a0])
		add(patch.Delete, a[c.a0:c.a1])
		add(patch.Add, b[c.b0:c.b1])
		at = c.a1
	}
	add(patch.Context, a[at:at+trail])
	return h
}

// A piece is a part of a merge of three texts: lines that are settled, or a
// conflict of three sides.
type piece struct {
	conflict           bool
	settled            []string
	ours, base, theirs []string
	touched            bool // settled by taking what ours or theirs changed alone
}

// merge brings what changed between base and theirs to ours. Changes that
// touch each other conflict unless they are the same.
func merge(base, ours, theirs []string) []piece {
	left, right := changes(base, ours), changes(base, theirs)
	var out []piece
	at := 0     // line of base
	shiftL := 0 // of ours against base, behind the changes so far
	shiftR := 0 // of theirs
	for len(left) > 0 || len(right) > 0 {
		start, end := len(base), -1
		if len(left) > 0 {
			start = left[0].a0
		}
		if len(right) > 0 && right[0].a0 < start {
			start = right[0].a0
		}
		end = start
		var l, r []change
		for grown := true; grown; {
			grown = false
			if len(left) > 0 && left[0].a0 <= end {
				end, grown = max(end, left[0].a1), true
				l, left = append(l, left[0]), left[1:]
			}
			if len(right) > 0 && right[0].a0 <= end {
				end, grown = max(end, right[0].a1), true
				r, right = append(r, right[0]), right[1:]
			}
		}
		if at < start {
			out = append(out, piece{settled: base[at:start]})
		}
		endL, endR := shiftL, shiftR
		if len(l) > 0 {
			endL = l[len(l)-1].b1 - l[len(l)-1].a1
		}
		if len(r) > 0 {
			endR = r[len(r)-1].b1 - r[len(r)-1].a1
		}
		p := piece{ours: ours[start+shiftL : end+endL], base: base[start:end], theirs: theirs[start+shiftR : end+endR]}
		switch {
		case len(r) == 0 || slices.Equal(p.ours, p.theirs):
			p = piece{settled: p.ours, touched: true}
		case len(l) == 0:
			p = piece{settled: p.theirs, touched: true}
		default:
			p.conflict = true
		}
		out = append(out, p)
		at, shiftL, shiftR = end, endL, endR
	}
	if at < len(base) {
		out = append(out, piece{settled: base[at:]})
	}
	return out
}
