package port

import (
	"strings"

	"lpready/analyze/patch"
)

// A window is the part of a file that seems to be where a hunk belongs: lines
// from to to, counted from 0, the end exclusive. It is empty where nothing of
// the hunk is found.
type window struct{ from, to int }

// maxCells bounds the table of align: 400 lines of a hunk against a file of
// 40,000.
const maxCells = 16 << 20

// align finds the lines of a file that best correspond to the old lines of a
// hunk, by semi-global alignment: the hunk is matched as a whole, the rest of
// the file costs nothing. Near the expected line, counted from 0, wins among
// equals.
func align(file, old []string, expected int) (window, bool) {
	first, last := 0, len(file)
	if len(old) == 0 {
		at := min(max(expected, 0), len(file))
		return window{at, at}, true
	}
	if size := maxCells / (len(old) + 1); last > size {
		first = min(max(expected-size/2, 0), last-size)
		last = first + size
	}
	text := file[first:last]
	const match, gap = 8, -1
	weights := make([]int, len(old))
	for i, l := range old {
		weights[i] = weight(l)
	}
	// score[i][j]: best for old[:i] ending at text[:j].
	width := len(text) + 1
	moves := make([]byte, (len(old)+1)*width)
	before, now := make([]int32, width), make([]int32, width)
	for i := 1; i <= len(old); i++ {
		now[0] = int32(i * gap)
		moves[i*width] = 'u'
		for j := 1; j < width; j++ {
			best, move := before[j]+gap, byte('u')
			if s := now[j-1] + gap; s > best {
				best, move = s, 'l'
			}
			if old[i-1] == text[j-1] {
				if s := before[j-1] + int32(weights[i-1]*match); s >= best {
					best, move = s, 'd'
				}
			}
			now[j], moves[i*width+j] = best, move
		}
		before, now = now, before
	}
	best := 0
	for j := range before {
		d, e := distance(first+j-len(old), expected), distance(first+best-len(old), expected)
		if before[j] > before[best] || before[j] == before[best] && d < e {
			best = j
		}
	}
	w, matched := trace(moves, width, len(old), best)
	if matched == 0 {
		return window{}, false
	}
	got := 0
	for i, l := range old {
		if w.hits[i] {
			got += weight(l)
		}
	}
	all := 0
	for _, n := range weights {
		all += n
	}
	if got*3 < all {
		return window{}, false
	}
	return window{first + w.from, first + w.to}, true
}

type traced struct {
	from, to int
	hits     []bool // lines of the hunk that were found
}

// trace walks back through the moves of align. Lines of the hunk before the
// first match and after the last one stand for as many lines of the file.
func trace(moves []byte, width, i, j int) (traced, int) {
	t := traced{hits: make([]bool, i), to: -1}
	n, matched, rows := i, 0, (len(moves)/width)-1
	tail := 0
	for i > 0 {
		switch moves[i*width+j] {
		case 'd':
			if matched == 0 {
				t.to, tail = j, n-i
			}
			i, j = i-1, j-1
			t.from = j
			t.hits[i] = true
			matched++
		case 'l':
			j--
		default:
			i--
		}
	}
	lead := 0
	for lead < rows && !t.hits[lead] {
		lead++
	}
	t.from = max(t.from-lead, 0)
	t.to = min(t.to+tail, width-1)
	return t, matched
}

// weight tells how much it says that a line was found.
func weight(l string) int {
	switch n := len(strings.TrimSpace(l)); {
	case n == 0:
		return 1
	case n <= 3:
		return 1
	case n <= 10:
		return 3
	}
	return 5
}

func distance(a, b int) int {
	if a > b {
		return a - b
	}
	return b - a
}

// sides are the old and the new lines of a hunk.
func sides(h *patch.Hunk) (old, new []string) {
	for _, l := range h.Lines {
		if l.Op != patch.Add {
			old = append(old, l.Text)
		}
		if l.Op != patch.Delete {
			new = append(new, l.Text)
		}
	}
	return old, new
}

// maxShow is how many lines of a misfit are shown for each side.
const maxShow = 12

// misfits describes where a trial does not apply: what is wanted, and what
// stands there instead.
func misfits(t *trial) (out []Misfit) {
	for _, p := range t.places() {
		m := Misfit{Patch: p.patch.Name, File: p.name, Reason: p.reason}
		if m.Hunk = p.number; p.number == 0 {
			out = append(out, m)
			continue
		}
		m.Of, m.Line = len(p.file.Hunks), p.report.At
		data, err := t.tree.ReadFile(p.name)
		if err != nil {
			out = append(out, m)
			continue
		}
		old, new := sides(p.hunk)
		file := lines(data)
		w, ok := align(file, old, p.report.At-1)
		if !ok {
			m.Reason += "; nothing like them was found"
			m.Expected = show(old)
			out = append(out, m)
			continue
		}
		m.At = w.from + 1
		m.Merged = true
		for _, c := range merge(old, file[w.from:w.to], new) {
			m.Merged = m.Merged && !c.conflict
		}
		list := changes(old, file[w.from:w.to])
		var want, have []string
		for _, c := range list {
			want = append(want, old[c.a0:c.a1]...)
			have = append(have, file[w.from+c.b0:w.from+c.b1]...)
		}
		if len(list) > 0 {
			m.At = w.from + list[0].b0 + 1
		}
		m.Expected, m.Found = show(want), show(have)
		out = append(out, m)
	}
	return out
}

// show cuts a list of lines and their ends.
func show(list []string) (out []string) {
	for i, l := range list {
		if i == maxShow {
			return append(out, "...")
		}
		out = append(out, strings.TrimRight(l, "\r\n"))
	}
	return out
}
