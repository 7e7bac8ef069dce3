package csource

import (
	"slices"
	"sort"
	"strings"
)

// A pair is a thing before and after; one of them may be nil.
type pair[T any] struct{ old, new *T }

// match pairs things by key. Where a key comes several times, as with the
// branches of an #if, equal conditions go together first, then what is left in
// order. The pairs come in the order of the new file, what is gone last.
func match[T any](before, after []T, key, cond func(*T) string) []pair[T] {
	to := make([]int, len(after)) // index in before
	for i := range to {
		to[i] = -1
	}
	gone := make([]bool, len(before))
	for i := range gone {
		gone[i] = true
	}
	for _, exact := range []bool{true, false} {
		name := func(t *T) string {
			if exact {
				return key(t) + "\x00" + cond(t)
			}
			return key(t)
		}
		queue := make(map[string][]int, len(before))
		for i := range before {
			if gone[i] {
				queue[name(&before[i])] = append(queue[name(&before[i])], i)
			}
		}
		for i := range after {
			if q := queue[name(&after[i])]; to[i] < 0 && len(q) > 0 {
				to[i], gone[q[0]] = q[0], false
				queue[name(&after[i])] = q[1:]
			}
		}
	}
	pairs := make([]pair[T], 0, len(after))
	for i := range after {
		p := pair[T]{new: &after[i]}
		if to[i] >= 0 {
			p.old = &before[to[i]]
		}
		pairs = append(pairs, p)
	}
	for i := range before {
		if gone[i] {
			pairs = append(pairs, pair[T]{old: &before[i]})
		}
	}
	return pairs
}

// cut is text[from:to], as far as there is any.
func cut(text string, from, to int) string {
	to = max(0, min(to, len(text)))
	return text[max(0, min(from, to)):to]
}

// sameTokens tells whether two texts differ only in comments and white space.
func sameTokens(a, b string) bool {
	la, lb := lexer{text: a}, lexer{text: b}
	for {
		x, y := la.next(), lb.next()
		if x != y {
			return false
		}
		if x == "" {
			return true
		}
	}
}

// A lexer cuts text into tokens. The end of a preprocessor line is one too.
type lexer struct {
	text      string
	at        int
	directive bool
}

// next is the next token, empty at the end.
func (l *lexer) next() string {
	text, i := l.text, l.at
	for i < len(text) {
		from := i
		switch class[text[i]] {
		case isSpace:
			i++
			if l.directive && text[from] == '\n' && !continued(text, from) {
				l.directive, l.at = false, i
				return "\n"
			}
			continue
		case isWord, isDigit:
			i = wordEnd(text, i+1)
		case isQuote:
			i = quoteEnd(text, i)
			i = max(i, from+1)
		case isSlash:
			if i = commentEnd(text, i); i > from {
				continue
			}
			i++
		case isHash:
			l.directive = l.directive || startsLine(text, i)
			i++
		default:
			i++
		}
		l.at = i
		return text[from:i]
	}
	l.at = i
	if l.directive {
		l.directive = false
		return "\n"
	}
	return ""
}

// lines is the text of the lines of some kinds.
func (f *File) lines(src string, kinds []PlaceKind) string {
	var b strings.Builder
	n := 0
	for line := range strings.Lines(src) {
		n++
		if slices.Contains(kinds, f.At(n).Kind) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// A LineMove is a run of lines that are the same before and after.
type LineMove struct{ Old, New, Count int }

// Shift tells by how much an old line has moved down. A line that is gone moves
// with the text before it.
func (d *Delta) Shift(line int) int {
	n := sort.Search(len(d.Lines), func(i int) bool { return d.Lines[i].Old > line })
	if n == 0 {
		return 0
	}
	return d.Lines[n-1].New - d.Lines[n-1].Old
}

// matchLines pairs the equal lines of two texts, in order: anchors are lines
// that come once in both (as in a patience diff), and what is equal next to
// them goes with them.
func matchLines(before, after string) []LineMove {
	a, b := splitLines(before), splitLines(after)
	var anchors [][2]int
	seen := map[string][3]int{} // count before, count after, place before
	for i, l := range a {
		c := seen[l]
		seen[l] = [3]int{c[0] + 1, 0, i}
	}
	for _, l := range b {
		c := seen[l]
		c[1]++
		seen[l] = c
	}
	for j, l := range b {
		if c := seen[l]; c[0] == 1 && c[1] == 1 {
			anchors = append(anchors, [2]int{c[2], j})
		}
	}
	places := make([]int, len(anchors))
	for i, p := range anchors {
		places[i] = p[0]
	}
	var moves []LineMove
	i, j := 0, 0 // all before these is decided
	add := func(i, j int) {
		if n := len(moves) - 1; n >= 0 && moves[n].Old+moves[n].Count == i+1 && moves[n].New+moves[n].Count == j+1 {
			moves[n].Count++
			return
		}
		moves = append(moves, LineMove{i + 1, j + 1, 1})
	}
	gap := func(toI, toJ int) { // the lines between two anchors
		for i < toI && j < toJ && a[i] == b[j] {
			add(i, j)
			i, j = i+1, j+1
		}
		n := 0
		for toI-n > i && toJ-n > j && a[toI-n-1] == b[toJ-n-1] {
			n++
		}
		for i, j = toI-n, toJ-n; i < toI; i, j = i+1, j+1 {
			add(i, j)
		}
	}
	for _, k := range increasing(places) {
		gap(anchors[k][0], anchors[k][1])
		add(i, j)
		i, j = i+1, j+1
	}
	gap(len(a), len(b))
	return moves
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// increasing gives the indices of a longest increasing run of distinct numbers.
func increasing(list []int) []int {
	var tails []int // index of the smallest last element of a run of each length
	prev := make([]int, len(list))
	for i, v := range list {
		n := sort.Search(len(tails), func(k int) bool { return list[tails[k]] >= v })
		prev[i] = -1
		if n > 0 {
			prev[i] = tails[n-1]
		}
		if n == len(tails) {
			tails = append(tails, i)
		} else {
			tails[n] = i
		}
	}
	if len(tails) == 0 {
		return nil
	}
	run := make([]int, len(tails))
	for i, k := tails[len(tails)-1], len(tails)-1; k >= 0; i, k = prev[i], k-1 {
		run[k] = i
	}
	return run
}
