package port

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"lpready/analyze/csource"
	"lpready/analyze/patch"
)

// A trial is what became of patches that were applied one after the other.
type trial struct {
	status  string
	tree    *patch.Tree // with all that applied; of use where the trial fits
	parts   []part      // one for each patch that was tried
	failed  int         // index of the patch that did not apply, -1 for none
	left    []string    // files that were not looked at, as they are not in such a source
	problem string      // why the trial could not be made
}

// A part is one patch of a trial.
type part struct {
	patch  *patch.Patch // what was applied: all of the patch, or what of it was not there yet
	whole  bool         // the patch is as it came
	status patch.Status
	report patch.Report
	there  []string // hunks that are there already
}

// fits tells whether all of it applied.
func (t *trial) fits() bool { return t.status == Applies || t.status == Offset }

// usable tells whether its tree holds the whole fix.
func (t *trial) usable() bool { return t.fits() || t.status == Partly }

// try applies patches to a fork of the tree, all of them or none.
func (g *ground) try(from *patch.Tree, patches []patch.Patch) *trial {
	t := &trial{tree: from.Fork(), failed: -1, status: Applies}
	looked := 0
	for i := range patches {
		p, left := g.within(&patches[i])
		t.left = append(t.left, left...)
		if len(p.Files) == 0 {
			continue
		}
		looked++
		report, err := t.tree.Apply(p)
		if err != nil {
			t.status, t.problem, t.failed = Unknown, err.Error(), i
			return t
		}
		one := part{patch: p, whole: len(left) == 0, status: report.Status(), report: report}
		if !report.OK() && one.status != patch.Applied {
			one = remainder(t.tree, one)
		}
		t.parts = append(t.parts, one)
		if one.status == patch.Conflicts || one.status == patch.Missing {
			t.failed = i
			break
		}
	}
	t.left = slices.Compact(slices.Sorted(slices.Values(t.left)))
	if looked == 0 {
		t.status = Outside
		return t
	}
	t.sum()
	if !t.fits() && t.status != Applied && g.undone(from, patches) {
		t.status = Applied
	}
	return t
}

// sum finds the status of the trial in those of its parts.
func (t *trial) sum() {
	there, offset := 0, false
	for _, p := range t.parts {
		switch p.status {
		case patch.Conflicts, patch.Missing:
			t.status = string(p.status)
			return
		case patch.Applied:
			there++
		}
		offset = offset || p.status == patch.Offset
		if len(p.there) > 0 {
			t.status = Partly
		}
	}
	switch {
	case there == len(t.parts):
		t.status = Applied
	case there > 0:
		t.status = Partly
	case t.status == Applies && offset:
		t.status = Offset
	}
}

// remainder tries what of a patch is not there yet, where a part of it is. A
// patch of which nothing is there is left as it was.
func remainder(tree *patch.Tree, one part) part {
	rest := *one.patch
	rest.Files = nil
	var there []string
	for i, f := range one.patch.Files {
		r := one.report.Files[i]
		if r.Status == patch.Applied {
			there = append(there, f.Name())
			continue
		}
		keep := f
		keep.Hunks = nil
		for j, h := range f.Hunks {
			if r.Hunks[j].Reversed {
				there = append(there, fmt.Sprintf("%s:%d", f.Name(), r.Hunks[j].At))
			} else {
				keep.Hunks = append(keep.Hunks, h)
			}
		}
		if len(keep.Hunks) > 0 || len(f.Hunks) == 0 {
			rest.Files = append(rest.Files, keep)
		}
	}
	if len(there) == 0 || len(rest.Files) == 0 {
		return one
	}
	report, err := tree.Apply(&rest)
	if err != nil || !report.OK() {
		return one
	}
	return part{patch: &rest, status: report.Status(), report: report, there: there}
}

// undone tells whether patches can be taken off a tree, the last one first.
func (g *ground) undone(from *patch.Tree, patches []patch.Patch) bool {
	return g.undo(from, patches) != nil
}

// undo is the tree without patches that are in it, nil where they are not.
func (g *ground) undo(from *patch.Tree, patches []patch.Patch) *patch.Tree {
	tree := from.Fork()
	for i := len(patches) - 1; i >= 0; i-- {
		p, _ := g.within(&patches[i])
		r := reverse(p)
		if report, err := tree.Apply(r); err != nil || !report.OK() {
			return nil
		}
	}
	return tree
}

// reverse is the patch that takes p off.
func reverse(p *patch.Patch) *patch.Patch {
	r := &patch.Patch{Name: p.Name, Line: p.Line}
	for _, f := range p.Files {
		b := patch.File{OldName: f.NewName, NewName: f.OldName, New: f.Deleted, Deleted: f.New,
			Renamed: f.Renamed, Binary: f.Binary || f.Copied, Bare: f.Bare, Line: f.Line}
		for _, h := range f.Hunks {
			u := patch.Hunk{OldStart: h.NewStart, OldLines: h.NewLines, NewStart: h.OldStart, NewLines: h.OldLines, Line: h.Line}
			for _, l := range h.Lines {
				switch l.Op {
				case patch.Add:
					l.Op = patch.Delete
				case patch.Delete:
					l.Op = patch.Add
				}
				u.Lines = append(u.Lines, l)
			}
			b.Hunks = append(b.Hunks, u)
		}
		r.Files = append(r.Files, b)
	}
	return r
}

// A ground is the source of a base, to try patches on.
type ground struct {
	tree  *patch.Tree // as it was shipped
	whole bool        // it holds Xen's whole repository, not only xen/
}

func newGround(w *warm) *ground {
	tree := patch.NewTree(w)
	info, err := w.Lstat("tools")
	return &ground{tree: tree, whole: err == nil && info.IsDir()}
}

// within drops the changes of files that a source of nothing but xen/ cannot
// have, and names them.
func (g *ground) within(p *patch.Patch) (*patch.Patch, []string) {
	if g.whole || !slices.ContainsFunc(p.Files, outside) {
		return p, nil
	}
	return inside(p)
}

// inside is the part of a patch below xen/, and the names of the rest.
func inside(p *patch.Patch) (*patch.Patch, []string) {
	in := *p
	in.Files = nil
	var left []string
	for _, f := range p.Files {
		if outside(f) {
			left = append(left, f.Name())
		} else {
			in.Files = append(in.Files, f)
		}
	}
	return &in, left
}

func outside(f patch.File) bool {
	return !strings.HasPrefix(f.Name(), csource.Root+"/")
}

// onlyInside is the part of patches below xen/, and whether there is more.
func onlyInside(patches []patch.Patch) (in []patch.Patch, more bool) {
	for i := range patches {
		p, left := inside(&patches[i])
		more = more || len(left) > 0
		if len(p.Files) > 0 {
			in = append(in, *p)
		}
	}
	return in, more
}

// detail words what did not go straight.
func (t *trial) detail() []string {
	var all []string
	if t.problem != "" {
		all = append(all, t.problem)
	}
	for _, p := range t.parts {
		name := path.Base(p.patch.Name)
		switch {
		case p.status == patch.Applied && t.status != Applied:
			all = append(all, name+": there already")
		case len(p.there) > 0:
			all = append(all, fmt.Sprintf("%s: there already: %s", name, strings.Join(p.there, ", ")))
		}
	}
	if len(t.left) > 0 {
		all = append(all, "not looked at, for the source holds only xen/: "+strings.Join(t.left, ", "))
	}
	return all
}

// A place is a hunk, or a file change without hunks, that did not apply.
type place struct {
	patch  *patch.Patch
	file   *patch.File
	name   string // of the file in the tree
	number int    // of the hunk, from 1; 0 for the file as a whole
	hunk   *patch.Hunk
	report patch.HunkReport
	status patch.Status
	reason string
}

// places lists where the failing patch of a trial does not apply.
func (t *trial) places() (out []place) {
	if t.failed < 0 || len(t.parts) == 0 {
		return nil
	}
	p := t.parts[len(t.parts)-1]
	for i := range p.patch.Files {
		f, r := &p.patch.Files[i], p.report.Files[i]
		if r.Status == patch.Applies || r.Status == patch.Offset {
			continue
		}
		found := false
		for j := range f.Hunks {
			if h := r.Hunks[j]; h.Failed && !h.Reversed && r.Status != patch.Missing {
				found = true
				out = append(out, place{p.patch, f, r.Name, j + 1, &f.Hunks[j], h, r.Status, cmp.Or(h.Reason, r.Reason)})
			}
		}
		if !found {
			out = append(out, place{p.patch, f, cmp.Or(r.Name, f.Name()), 0, nil, patch.HunkReport{}, r.Status, r.Reason})
		}
	}
	return out
}
