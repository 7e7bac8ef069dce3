package port

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"lpready/analyze/patch"
)

// A revision is what a new version of a recipe's patch makes of its port.
type revision struct {
	patch     *patch.Patch // the port of the new version, nil where a person has to decide
	change    string
	review    string
	contested *draft // where both changed the same
}

// A segment is a run of lines of the file that both versions of a patch were
// made for, as far as their hunks show it, and what each makes of it.
type segment struct {
	start    int // first line of the file that they were made for, from 1
	was, now []string
}

// revise brings the difference between two versions of a patch to the result of
// the port of the older one.
func (s *series) revise(tree *patch.Tree, f *finished, old, now *patch.Patch) revision {
	ported := tree.Fork()
	in, _ := s.ground.within(&f.patch)
	if r, err := ported.Apply(in); err != nil || !r.OK() {
		return revision{change: "the recipe has changed", review: "what was ported does not apply to the base any more"}
	}
	out := *now
	out.Files = nil
	d := &draft{patch: now, files: map[string][]byte{}}
	var changed, beside []string
	for _, name := range changedFiles(tree, ported, old, now) {
		segments, ok := compare(fileOf(old, name), fileOf(now, name))
		if !ok {
			d.list = append(d.list, name+": the two versions of the patch were made for different sources")
			continue
		}
		data, _ := ported.ReadFile(name)
		text := lines(data)
		result, places, near, conflicts := s.bring(text, segments, name, now.Name)
		changed, beside = append(changed, places...), append(beside, near...)
		if len(conflicts) > 0 {
			d.list = append(d.list, conflicts...)
			d.files[name] = []byte(strings.Join(result, ""))
			continue
		}
		before, _ := tree.ReadFile(name)
		exists := ported.Exists(name) || len(result) > 0
		file := patch.File{OldName: name, NewName: name, New: !tree.Exists(name), Deleted: !exists, Hunks: hunks(lines(before), result)}
		if file.New {
			file.OldName = ""
		}
		if file.Deleted {
			file.NewName = ""
		}
		if len(file.Hunks) > 0 {
			out.Files = append(out.Files, file)
		}
	}
	r := revision{change: "the recipe has changed: " + cmp.Or(strings.Join(changed, ", "), "see the list")}
	switch {
	case len(d.list) > 0:
		r.contested = d
		r.review = "the new version changes code in the same place as what was ported by hand: " + strings.Join(d.list, "; ")
		return r
	case len(beside) > 0:
		r.review = "the new version changes code beside what was ported by hand: read " + strings.Join(beside, ", ")
	}
	r.patch = &out
	return r
}

// changedFiles lists the files that matter to a revision.
func changedFiles(tree, ported *patch.Tree, patches ...*patch.Patch) []string {
	var all []string
	for _, name := range slices.Concat(tree.Changed(), ported.Changed()) {
		a, _ := tree.ReadFile(name)
		b, _ := ported.ReadFile(name)
		if string(a) != string(b) || tree.Exists(name) != ported.Exists(name) {
			all = append(all, name)
		}
	}
	for _, p := range patches {
		for i := range p.Files {
			all = append(all, p.Files[i].Name())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func fileOf(p *patch.Patch, name string) *patch.File {
	for i := range p.Files {
		if p.Files[i].Name() == name {
			return &p.Files[i]
		}
	}
	return new(patch.File)
}

// bring merges segments into a text.
func (s *series) bring(text []string, segments []segment, name, patchName string) (out, changed, beside, conflicts []string) {
	at := 0
	for _, g := range segments {
		if slices.Equal(g.was, g.now) {
			continue
		}
		w, ok := align(text[at:], g.was, g.start-1-at)
		w.from, w.to = w.from+at, w.to+at
		if !ok {
			conflicts = append(conflicts, fmt.Sprintf("%s:%d: nothing like what it was before was found", name, g.start))
			continue
		}
		out = append(out, text[at:w.from]...)
		at = w.to
		place := fmt.Sprintf("%s:%d", name, len(out)+1)
		changed = append(changed, place)
		if !slices.Equal(text[w.from:w.to], g.was) {
			beside = append(beside, place)
		}
		for _, p := range merge(g.was, text[w.from:w.to], g.now) {
			if !p.conflict {
				out = append(out, p.settled...)
				continue
			}
			conflicts = append(conflicts, fmt.Sprintf("%s:%d", name, len(out)+1))
			out = append(out, block(p.ours, p.base, p.theirs, s.base.ID+", ported by hand", patchName)...)
		}
	}
	return append(out, text[at:]...), changed, beside, conflicts
}

// compare puts the hunks of two versions of a file change side by side. It is
// false where they do not agree on the file that they change.
func compare(old, now *patch.File) ([]segment, bool) {
	for _, shift := range shifts(old, now) {
		if list, ok := compareAt(old.Hunks, now.Hunks, shift); ok {
			return list, true
		}
	}
	return nil, false
}

// shifts are the candidates for how many lines further down the new version
// finds the file: none, or what a hunk with the same old lines says.
func shifts(old, now *patch.File) []int {
	out := []int{0}
	for i := range old.Hunks {
		a, _ := sides(&old.Hunks[i])
		for k := range now.Hunks {
			if b, _ := sides(&now.Hunks[k]); slices.Equal(a, b) {
				if d := now.Hunks[k].OldStart - old.Hunks[i].OldStart; !slices.Contains(out, d) {
					out = append(out, d)
				}
			}
		}
	}
	return out
}

// compareAt compares hunks with the new ones moved up by shift lines.
func compareAt(old, now []patch.Hunk, shift int) ([]segment, bool) {
	known := map[int]string{} // line of the file, as hunks show it
	note := func(list []patch.Hunk, shift int) bool {
		for _, h := range list {
			text, _ := sides(&h)
			for i, l := range text {
				at := h.OldStart - shift + i
				if was, ok := known[at]; ok && was != l {
					return false
				}
				known[at] = l
			}
		}
		return true
	}
	if !note(old, 0) || !note(now, shift) {
		return nil, false
	}
	was, is := outcome(old, 0), outcome(now, shift)
	at := map[int]bool{}
	for n := range known {
		at[n] = true
	}
	for _, m := range []map[int]edit{was, is} {
		for n := range m {
			at[n] = true
		}
	}
	var numbers []int
	for n := range at {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var out []segment
	for i, n := range numbers {
		if i == 0 || numbers[i-1] != n-1 {
			out = append(out, segment{start: n})
		}
		g := &out[len(out)-1]
		line, ok := known[n]
		g.was = was[n].apply(g.was, line, ok)
		g.now = is[n].apply(g.now, line, ok)
	}
	return out, true
}

// An edit is what hunks do at a line: lines that they put before it, and
// whether they take it out.
type edit struct {
	before []string
	drop   bool
}

func (e edit) apply(text []string, line string, known bool) []string {
	text = append(text, e.before...)
	if known && !e.drop {
		text = append(text, line)
	}
	return text
}

func outcome(list []patch.Hunk, shift int) map[int]edit {
	out := map[int]edit{}
	for _, h := range list {
		at := h.OldStart - shift
		if h.OldLines == 0 {
			at++
		}
		for _, l := range h.Lines {
			e := out[at]
			switch l.Op {
			case patch.Add:
				e.before = append(e.before, l.Text)
				out[at] = e
				continue
			case patch.Delete:
				e.drop = true
				out[at] = e
			}
			at++
		}
	}
	return out
}
