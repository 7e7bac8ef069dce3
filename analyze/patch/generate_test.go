package patch

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A script is one file and its change, line by line, from which a diff can be
// written in any shape.
type script []Line

func (s script) side(drop Op) string {
	var b strings.Builder
	for _, l := range s {
		if l.Op != drop {
			b.WriteString(l.Text)
		}
	}
	return b.String()
}

func (s script) old() string { return s.side(Add) }
func (s script) new() string { return s.side(Delete) }

// diff writes the hunks of a script with so many lines of context. Skew moves
// the numbers of a hunk, cut takes lines of context off its ends.
func (s script) diff(context int, skew func() int, cut func() (lead, trail int)) string {
	var b strings.Builder
	oldLine, newLine := 1, 1
	for i := 0; i < len(s); {
		if s[i].Op == Context {
			i++
			oldLine++
			newLine++
			continue
		}
		start, end := max(i-context, 0), i
		for j, quiet := i, 0; j < len(s) && quiet <= 2*context; j++ {
			if quiet++; s[j].Op != Context {
				quiet, end = 0, j+1
			}
		}
		oldStart, newStart := oldLine-(i-start), newLine-(i-start)
		for _, l := range s[i:end] {
			if l.Op != Add {
				oldLine++
			}
			if l.Op != Delete {
				newLine++
			}
		}
		i = end
		hunk := s[start:min(end+context, len(s))]
		lead, trail := cut()
		for ; lead > 0 && hunk[0].Op == Context; lead-- {
			hunk = hunk[1:]
			oldStart++
			newStart++
		}
		for ; trail > 0 && hunk[len(hunk)-1].Op == Context; trail-- {
			hunk = hunk[:len(hunk)-1]
		}
		writeHunk(&b, oldStart+skew(), newStart, hunk)
	}
	return b.String()
}

func writeHunk(b *strings.Builder, oldStart, newStart int, hunk []Line) {
	var old, new int
	for _, l := range hunk {
		if l.Op != Add {
			old++
		}
		if l.Op != Delete {
			new++
		}
	}
	if old == 0 {
		oldStart--
	}
	if new == 0 {
		newStart--
	}
	fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", max(oldStart, 0), old, max(newStart, 0), new)
	for _, l := range hunk {
		b.WriteByte(byte(l.Op))
		b.WriteString(l.Text)
		if !strings.HasSuffix(l.Text, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// A maker makes random files, changes and patches.
type maker struct{ *rand.Rand }

func (m maker) line() string {
	words := []string{"{", "}", "", "    return 0;", "    int rc;", "    if ( rc )", "static int f(void)", "    goto out;"}
	return words[m.IntN(len(words))] + "\n"
}

// script makes a file of up to n lines and changes some of them.
func (m maker) script(n int) script {
	var s script
	for range m.IntN(n + 1) {
		s = append(s, Line{Context, m.line()})
	}
	for range 1 + m.IntN(4) {
		at := m.IntN(len(s) + 1)
		var mid script
		for range m.IntN(3) {
			if at+len(mid) < len(s) && s[at+len(mid)].Op == Context {
				mid = append(mid, Line{Delete, s[at+len(mid)].Text})
			}
		}
		tail := append(script(nil), s[at+len(mid):]...)
		for range m.IntN(3) {
			mid = append(mid, Line{Add, fmt.Sprintf("%s/* %d */\n", strings.TrimSpace(m.line()), m.IntN(5))})
		}
		s = append(append(s[:at:at], mid...), tail...)
	}
	if m.IntN(5) == 0 {
		s.chomp(m)
	}
	return s
}

// chomp takes the newline off the last line of a side, or of both.
func (s script) chomp(m maker) {
	last := map[Op]int{Add: -1, Delete: -1, Context: -1}
	for i, l := range s {
		last[l.Op] = i
	}
	for _, op := range []Op{Add, Delete, Context} {
		i := last[op]
		if i < 0 || i < last[Context] || op == Context && i != len(s)-1 || s[i].Text == "\n" || m.IntN(3) == 0 {
			continue
		}
		s[i].Text = strings.TrimSuffix(s[i].Text, "\n")
	}
}

// all makes every line one of op; only the last may lack its newline.
func (s script) all(op Op) {
	for i := range s {
		s[i].Op = op
		if i < len(s)-1 {
			s[i].Text = strings.TrimSuffix(s[i].Text, "\n") + "\n"
		}
	}
}

// drift changes a text here and there, as a vendor's tree differs from upstream.
func (m maker) drift(text string) string {
	ls := strings.SplitAfter(text, "\n")
	for range m.IntN(4) {
		at := m.IntN(len(ls))
		switch m.IntN(4) {
		case 0:
			ls[at] = m.line()
		case 1:
			ls[at] = ""
		default:
			ls[at] = strings.Repeat(m.line(), 1+m.IntN(6)) + ls[at]
		}
	}
	return strings.Join(ls, "")
}

// A scene is a small tree and a patch for it that may or may not apply.
type scene struct {
	tree  map[string]string
	patch string
}

func (m maker) scene() scene {
	s := scene{tree: map[string]string{}}
	git := m.IntN(2) == 0
	var b strings.Builder
	for i := range 1 + m.IntN(3) {
		name := fmt.Sprintf("xen/%c/f%d.c", 'a'+i, m.IntN(3))
		b.WriteString(m.change(s.tree, name, git))
	}
	s.patch = b.String()
	if m.IntN(12) == 0 {
		s.patch = strings.ReplaceAll(s.patch, "\n", "\r\n")
	}
	return s
}

// change writes one file change and puts the file as the tree has it.
func (m maker) change(tree map[string]string, name string, git bool) string {
	s := m.script(30)
	context := m.IntN(4)
	skew := func() int { return 0 }
	cut := func() (int, int) { return 0, 0 }
	if m.IntN(3) == 0 {
		skew = func() int { return m.IntN(9) - 4 }
	}
	if m.IntN(4) == 0 {
		cut = func() (int, int) { return m.IntN(4), m.IntN(4) }
	}
	switch m.IntN(8) {
	case 0: // creation
		s.all(Add)
		if m.IntN(3) == 0 {
			tree[name] = []string{"", s.new(), m.drift(s.new())}[m.IntN(3)]
		}
		return m.header(name, name, "new", git) + body("/dev/null", "b/"+name, s.diff(context, skew, cut))
	case 1: // deletion
		s.all(Delete)
		if m.IntN(4) != 0 {
			tree[name] = []string{"", s.old(), s.old(), m.drift(s.old()), s.old() + m.line()}[m.IntN(5)]
		}
		return m.header(name, name, "deleted", git) + body("a/"+name, "/dev/null", s.diff(context, skew, cut))
	case 2: // rename or copy
		if !git {
			break
		}
		to := name + ".new"
		tree[name] = s.old()
		switch m.IntN(6) {
		case 0:
			delete(tree, name)
		case 1:
			delete(tree, name)
			tree[to] = s.old()
		case 2:
			tree[to] = m.drift(s.old())
		}
		kind := []string{"rename", "copy"}[m.IntN(2)]
		return m.header(name, to, kind, git) + body("a/"+name, "b/"+to, s.diff(context, skew, cut))
	}
	switch m.IntN(10) {
	case 0: // missing
	case 1:
		tree[name] = s.new()
	case 2:
		tree[name] = m.drift(s.new())
	case 3, 4:
		tree[name] = s.old()
	default:
		tree[name] = m.drift(s.old())
	}
	old := "a/" + name
	if !git && m.IntN(5) == 0 {
		old += ".orig"
		if m.IntN(3) == 0 {
			tree[name+".orig"] = s.old()
		}
	}
	return m.header(name, name, "", git) + body(old, "b/"+name, s.diff(context, skew, cut))
}

func body(old, new, hunks string) string {
	if hunks == "" {
		return ""
	}
	return "--- " + old + "\n+++ " + new + "\n" + hunks
}

func (m maker) header(old, new, kind string, git bool) string {
	if !git {
		return ""
	}
	h := fmt.Sprintf("diff --git a/%s b/%s\n", old, new)
	switch kind {
	case "new", "deleted":
		return h + kind + " file mode 100644\n"
	case "rename", "copy":
		return h + fmt.Sprintf("similarity index 80%%\n%s from %s\n%s to %s\n", kind, old, kind, new)
	}
	return h + "index 1234567..89abcde 100644\n"
}
