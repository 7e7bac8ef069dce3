package revision

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"lpready/analyze/factor"
	"lpready/analyze/patch"
)

// A series is the ordered patches of a recipe, with the text that they were
// read from.
type series struct {
	names   []string
	raw     [][]byte
	patches []patch.Patch
	from    []int // file of each patch, an index into raw
}

// parse reads the files of a series.
func parse(names []string, raw [][]byte) (*series, error) {
	s := &series{names: names, raw: raw}
	for i, data := range raw {
		patches, err := patch.Parse(names[i], bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		for range patches {
			s.from = append(s.from, i)
		}
		s.patches = append(s.patches, patches...)
	}
	return s, nil
}

// A part is one change of one file in a series.
type part struct {
	*patch.File
	meta   []string // git's lines about modes, names and binary content
	before string   // git's name of the content before, empty if not said
}

// parts gathers the changes of each file, in the order of the series. A file
// that is renamed counts under the name it ends with.
func (s *series) parts() map[string][]part {
	byName := map[string][]part{}
	for i := range s.patches {
		lines := strings.Split(string(s.raw[s.from[i]]), "\n")
		for j := range s.patches[i].Files {
			f := &s.patches[i].Files[j]
			p := part{File: f}
			p.meta, p.before = aboutFile(lines, f)
			name := f.Name()
			if f.Renamed && f.OldName != name {
				byName[name] = append(byName[f.OldName], byName[name]...)
				delete(byName, f.OldName)
			}
			byName[name] = append(byName[name], p)
		}
	}
	return byName
}

var (
	metaLine  = regexp.MustCompile(`^(?:old mode|new mode|new file mode|deleted file mode|copy from|copy to|rename from|rename to) `)
	indexLine = regexp.MustCompile(`^index ([0-9a-f]{7,64})\.\.[0-9a-f]{7,64}`)
)

// aboutFile reads what git says of a file between its header and its hunks; for
// a binary change all of it.
func aboutFile(lines []string, f *patch.File) (meta []string, before string) {
	for i := f.Line - 1; i >= 0 && i < len(lines); i++ {
		l := strings.TrimRight(lines[i], "\r")
		if i >= f.Line && strings.HasPrefix(l, "diff --git ") || !f.Binary && strings.HasPrefix(l, "@@ ") {
			break
		}
		m := indexLine.FindStringSubmatch(l)
		if m != nil && strings.Trim(m[1], "0") != "" {
			before = m[1]
		}
		if metaLine.MatchString(l) || f.Binary && i >= f.Line && m == nil {
			meta = append(meta, l)
		}
	}
	return meta, before
}

// compareText compares what two series do, as far as their own text shows it.
func compareText(old, new *series) []Change {
	was, is := old.parts(), new.parts()
	effort := 0
	var list []Change
	for _, name := range unionOf(was, is) {
		for _, d := range compareFile(name, was[name], is[name], &effort) {
			list = append(list, change(name, d))
		}
	}
	return list
}

// change words a difference of a file.
func change(name string, d difference) Change {
	if d.kind == Code && factor.Scope(name) == "docs" {
		d.kind = Docs
	}
	return Change{File: name, Function: d.name, Kind: d.kind, Detail: d.detail}
}

// compareFile compares the changes that two series make to one file.
func compareFile(name string, old, new []part, effort *int) []difference {
	if special := compareMeta(old, new); special != nil {
		return special
	}
	if found, ok := sameHunks(old, new); ok {
		return found
	}
	a, okOld := compose(old, effort)
	b, okNew := compose(new, effort)
	if !okOld || !okNew {
		return compareLines(old, new)
	}
	return weave(name, a, b)
}

// compareMeta judges what is not in hunks: binary content, modes and names.
func compareMeta(old, new []part) []difference {
	meta := func(list []part) (all []string, odd bool) {
		for _, p := range list {
			all = append(all, p.meta...)
			odd = odd || p.Binary || p.Renamed || p.Copied
		}
		return all, odd
	}
	was, oddOld := meta(old)
	is, oddNew := meta(new)
	switch {
	case slices.Equal(was, is):
		return nil
	case oddOld || oddNew:
		return []difference{{kind: Unknown, detail: "binary content, a copy or a rename: compare it by hand"}}
	case len(old) == 0 || len(new) == 0:
		if len(hunks(old))+len(hunks(new)) > 0 && !slices.ContainsFunc(append(was, is...), func(l string) bool { return strings.HasPrefix(l, "old mode ") }) {
			return nil // the hunks say it all
		}
	case slices.Equal(modes(was), modes(is)): // a series that was split or merged
		return nil
	}
	return []difference{{kind: Code, detail: fmt.Sprintf("what it is: %s, now %s", orNothing(was), orNothing(is))}}
}

func orNothing(meta []string) string {
	if len(meta) == 0 {
		return "not said"
	}
	return strings.Join(meta, ", ")
}

func modes(meta []string) []string {
	return slices.DeleteFunc(slices.Clone(meta), func(s string) bool { return !strings.Contains(s, "mode ") })
}

// sameHunks compares hunk by hunk: where all lines are the same, only their
// numbers can differ.
func sameHunks(old, new []part) (found []difference, same bool) {
	a, b := hunks(old), hunks(new)
	if len(a) != len(b) {
		return nil, false
	}
	moved := false
	for i := range a {
		if !slices.Equal(a[i].Lines, b[i].Lines) {
			return nil, false
		}
		p, q := headName(a[i]), headName(b[i])
		if p != q && p != "" && q != "" {
			return []difference{{kind: Unknown, name: q, detail: "the same lines stood in " + p + " before"}}, true
		}
		moved = moved || a[i].OldStart != b[i].OldStart || a[i].NewStart != b[i].NewStart
	}
	switch {
	case !moved:
		return nil, true
	case len(old) > 0 && len(new) > 0 && old[0].before != "" && old[0].before == new[0].before && a[0].OldStart != b[0].OldStart:
		return []difference{{kind: Unknown, detail: "the lines moved although both versions were made from the same file"}}, true
	}
	return []difference{{kind: Context, detail: "line numbers only"}}, true
}

// headName is what a hunk belongs to by its first lines and git's heading.
func headName(h *patch.Hunk) string {
	var l locator
	l.enter(h.Section)
	name := ""
	for _, line := range h.Lines {
		name = l.at(chomp(line.Text))
		if line.Op != patch.Context {
			break
		}
	}
	return name
}

func hunks(list []part) []*patch.Hunk {
	var all []*patch.Hunk
	for _, p := range list {
		for i := range p.Hunks {
			all = append(all, &p.Hunks[i])
		}
	}
	return all
}

// compose puts all changes of a file together. It fails where the hunks do not
// follow from one another, as in a series that was edited by hand.
func compose(list []part, effort *int) (*sheet, bool) {
	s := newSheet(len(list) > 0 && list[0].New, effort)
	for _, p := range list {
		if p.New && len(s.rows) > 0 && s.live() {
			return nil, false
		}
		for i := range p.Hunks {
			if !s.apply(&p.Hunks[i]) {
				return nil, false
			}
		}
	}
	s.settle()
	return s, true
}

// live tells whether anything is left of the file.
func (s *sheet) live() bool {
	return slices.ContainsFunc(s.rows, func(r row) bool { return !r.gone })
}

// compareLines counts the lines that two series add and remove, where their
// hunks cannot be put together. Equal counts show nothing.
func compareLines(old, new []part) []difference {
	count := map[string]int{}
	place := map[string]string{}
	tally := func(list []part, by int) {
		for _, h := range hunks(list) {
			var l locator
			l.enter(h.Section)
			for _, line := range h.Lines {
				text := chomp(line.Text)
				name := l.at(text)
				switch key := "+" + text; line.Op {
				case patch.Add:
					count[key] += by
					place[key] = name
				case patch.Delete:
					count[key] -= by
					place[key] = name
				}
			}
		}
	}
	tally(old, -1)
	tally(new, 1)
	var names []string
	for key, n := range count {
		if n != 0 && strings.TrimSpace(key[1:]) != "" && !slices.Contains(names, place[key]) {
			names = append(names, place[key])
		}
	}
	slices.Sort(names)
	var found []difference
	for _, n := range names {
		found = append(found, difference{Code, n, "other lines are added or removed"})
	}
	if found == nil {
		found = []difference{{kind: Unknown, detail: "the hunks of a series do not follow from one another, so its result is not known"}}
	}
	return found
}

// compareMessages compares what the patches say beside their hunks.
func compareMessages(old, new *series) []Change {
	var list []Change
	if len(old.patches) != len(new.patches) {
		return []Change{{Kind: Series, Detail: fmt.Sprintf("%s instead of %s", count(len(new.patches), "patch", "patches"), count(len(old.patches), "patch", "patches"))}}
	}
	if reordered(old, new) {
		return []Change{{Kind: Series, Detail: "the patches come in another order"}}
	}
	for i := range new.patches {
		if detail := messageDetail(&old.patches[i].Header, &new.patches[i].Header); detail != "" {
			list = append(list, Change{File: new.names[new.from[i]], Kind: Message, Detail: detail})
		}
	}
	return list
}

// reordered tells whether the subjects are the same in another order.
func reordered(old, new *series) bool {
	subjects := func(s *series) []string {
		list := make([]string, len(s.patches))
		for i := range s.patches {
			list[i] = s.patches[i].Header.Subject
		}
		return list
	}
	a, b := subjects(old), subjects(new)
	if slices.Equal(a, b) {
		return false
	}
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// messageDetail says what differs between two preambles.
func messageDetail(a, b *patch.Header) string {
	var parts []string
	tags := func(h *patch.Header) []string {
		list := make([]string, len(h.Trailers))
		for i, t := range h.Trailers {
			list[i] = t.Key + ": " + t.Value
		}
		return list
	}
	was, is := tags(a), tags(b)
	if d := without(is, was); len(d) > 0 {
		parts = append(parts, "new tags: "+strings.Join(d, ", "))
	}
	if d := without(was, is); len(d) > 0 {
		parts = append(parts, "tags gone: "+strings.Join(d, ", "))
	}
	if a.Subject != b.Subject {
		parts = append(parts, "subject: "+quote(b.Subject))
	}
	if message(a) != message(b) {
		parts = append(parts, "its message")
	}
	if a.From != b.From {
		parts = append(parts, "author: "+b.From)
	}
	return strings.Join(parts, "; ")
}

// message is the body without its tags.
func message(h *patch.Header) string {
	body := h.Body
	for _, t := range h.Trailers {
		body = strings.Replace(body, t.Key+": "+t.Value, "", 1)
	}
	return strings.Join(strings.Fields(body), " ")
}

func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
