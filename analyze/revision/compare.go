package revision

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
)

// A Request asks for the comparison of two versions.
type Request struct {
	Old, New  *advisory.Batch
	Bases     []analyze.Base // none: one for each Xen version that has patches of its own, by text alone
	Vendor    string
	Model     *effort.Model // nil: the embedded one
	Generated time.Time
	Cache     string // folder of the index cache, empty for none
	Version   string // of this program; empty for no cache

	// Progress, where set, is called after each cell of the comparison.
	Progress func(done, total int, what string)
}

// Compare matches the items of two versions, assesses both on every base and
// tells what changed. Cells come in the order of the new version; what was
// dropped follows. The error is about the machine or the input as a whole.
func Compare(ctx context.Context, req Request) (*Report, error) {
	rates, err := shares()
	if err != nil {
		return nil, err
	}
	old, err := gather(ctx, req.Old)
	if err != nil {
		return nil, fmt.Errorf("the old version: %w", err)
	}
	fresh, err := gather(ctx, req.New)
	if err != nil {
		return nil, fmt.Errorf("the new version: %w", err)
	}
	c := &comparison{Request: req, rates: rates, old: old, new: fresh, couples: match(old, fresh)}
	c.derived = len(req.Bases) == 0
	if c.derived {
		c.Bases = textBases(c.couples)
	}
	if err := c.assess(ctx); err != nil {
		return nil, err
	}
	if err := c.compare(ctx); err != nil {
		return nil, err
	}
	return c.report(), nil
}

// A comparison is one under way.
type comparison struct {
	Request
	rates    *rework
	old, new *batch
	couples  []couple
	derived  bool // the bases are Xen versions that the recipes name
	before   map[spot]*analyze.Cell
	after    map[spot]*analyze.Cell
	warnings []string
	cells    [][]Cell // by couple
}

// A spot is an item on a base.
type spot struct {
	entry *advisory.Entry
	base  string
}

// textBases stands in for bases where none are given.
func textBases(couples []couple) []analyze.Base {
	var bases []analyze.Base
	for _, c := range couples {
		for _, xen := range versions(c.entries()...) {
			b := analyze.Base{ID: "xen-" + xen, Xen: xen}
			if !slices.ContainsFunc(bases, func(o analyze.Base) bool { return o.Xen == xen }) {
				bases = append(bases, b)
			}
		}
	}
	if len(bases) == 0 {
		bases = []analyze.Base{{ID: "unnamed"}}
	}
	slices.SortStableFunc(bases, func(a, b analyze.Base) int { return compareVersions(b.Xen, a.Xen) })
	return bases
}

// compareVersions orders "4.9", "4.17" and "unstable".
func compareVersions(a, b string) int {
	key := func(s string) (n [2]int) {
		if _, err := fmt.Sscanf(s, "%d.%d", &n[0], &n[1]); err != nil {
			n[0] = math.MaxInt
		}
		return n
	}
	p, q := key(a), key(b)
	return slices.Compare(p[:], q[:])
}

func (c couple) entries() []*advisory.Entry {
	return slices.DeleteFunc([]*advisory.Entry{c.new, c.old}, func(e *advisory.Entry) bool { return e == nil })
}

// assess judges both versions on all bases.
func (c *comparison) assess(ctx context.Context) error {
	for _, v := range []struct {
		name  string
		batch *batch
		to    *map[spot]*analyze.Cell
	}{{"the old version", c.old, &c.before}, {"the new version", c.new, &c.after}} {
		r, err := analyze.Assess(ctx, analyze.Request{Batch: v.batch.Batch, Bases: c.Bases, Vendor: c.Vendor, Model: c.Model,
			Generated: c.Generated, Cache: c.Cache, Version: c.Version})
		if err != nil {
			return err
		}
		for _, w := range r.Warnings {
			c.warnings = append(c.warnings, v.name+": "+w)
		}
		*v.to = map[spot]*analyze.Cell{}
		n := 0
		for _, e := range items(v.batch.Batch) {
			for _, b := range c.Bases {
				cell := &r.Cells[n]
				if e == v.batch.set {
					cell.Patches = v.batch.names
				}
				(*v.to)[spot{e, b.ID}] = cell
				n++
			}
		}
	}
	for _, w := range contextChanges(c.old.Batch, c.new.Batch) {
		c.warnings = append(c.warnings, w+": what that does to the items on top of it stands in their classes only")
	}
	return nil
}

// compare fills in the cells, base by base in the order of the new batch, whose
// own patches for the base are laid on it on the way.
func (c *comparison) compare(ctx context.Context) error {
	c.cells = make([][]Cell, len(c.couples))
	done := 0
	for i := range c.Bases {
		bench := newBench(ctx, &c.Bases[i], c.Cache, c.Version)
		for j := range c.order(bench) {
			done++
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if c.derived && !c.worthwhile(c.couples[j], &c.Bases[i]) {
				continue
			}
			cell, err := c.cell(bench, c.couples[j])
			if err != nil {
				return fmt.Errorf("base %s: %w", bench.ID, err)
			}
			c.cells[j] = append(c.cells[j], cell)
			if c.Progress != nil {
				c.Progress(done, len(c.Bases)*len(c.couples), fmt.Sprintf("%s on %s", cell.Title, bench.ID))
			}
		}
	}
	return nil
}

// order yields the couples in the order of the new batch, those that were
// dropped last. Between them it lays the new queue's own patches on the base.
func (c *comparison) order(b *bench) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, e := range c.new.Entries {
			if e.Context {
				if r, ok := e.Recipe(b.Xen); ok {
					if s, err := read(e, r.Patches); err == nil {
						b.lay(s)
					}
				}
				continue
			}
			if !yield(slices.IndexFunc(c.couples, func(p couple) bool { return p.new == e })) {
				return
			}
		}
		for j, p := range c.couples {
			if p.new == nil && !yield(j) {
				return
			}
		}
	}
}

// worthwhile tells whether an item has patches of its own for a Xen version that
// stands in for a base: others than for the versions before it.
func (c *comparison) worthwhile(pair couple, base *analyze.Base) bool {
	if !slices.Contains(versions(pair.entries()...), base.Xen) {
		return false
	}
	used := func(id string) (all []string) {
		for _, e := range pair.entries() {
			cells := c.after
			if e == pair.old {
				cells = c.before
			}
			all = append(append(all, cells[spot{e, id}].Patches...), "")
		}
		return all
	}
	mine := used(base.ID)
	for i := range c.Bases {
		if c.Bases[i].ID == base.ID {
			return true
		}
		if slices.Contains(versions(pair.entries()...), c.Bases[i].Xen) && slices.Equal(used(c.Bases[i].ID), mine) {
			return false
		}
	}
	return true
}

// read parses the named patches of an item.
func read(e *advisory.Entry, names []string) (*series, error) {
	var raw [][]byte
	for _, n := range names {
		data, ok := e.Patch(n)
		if !ok {
			return nil, fmt.Errorf("%s: the patch %s is not there", e.Name, n)
		}
		raw = append(raw, data)
	}
	return parse(names, raw)
}

// series reads what an item was assessed by on a base.
func (b *batch) series(e *advisory.Entry, cell *analyze.Cell) (*series, error) {
	if e == b.set {
		return parse(b.names, b.raw)
	}
	return read(e, cell.Patches)
}

// cell compares one item on one base.
func (c *comparison) cell(b *bench, pair couple) (Cell, error) {
	if pair.new == nil {
		was := c.before[spot{pair.old, b.ID}]
		r := Revision{From: was.Version, Kind: Dropped, Evidence: string(factor.Text), Redo: []string{},
			Why: "it is not in the new version; ask whether it was withdrawn before anything made for it is dropped"}
		return Cell{*was, r}, nil
	}
	is := c.after[spot{pair.new, b.ID}]
	s, err := c.new.series(pair.new, is)
	if pair.old == nil {
		b.lay(s)
		return Cell{*is, c.fresh(is, "it was not in the version before")}, nil
	}
	was := c.before[spot{pair.old, b.ID}]
	before, errOld := c.old.series(pair.old, was)
	r := Revision{From: was.Version, To: is.Version, Evidence: string(factor.Text), Before: beforeOf(was),
		Sections: sections(pair.old.Advisory, pair.new.Advisory), Says: updates(pair.old.Advisory, pair.new.Advisory)}
	switch {
	case err != nil || errOld != nil:
		c.unread(&r, pair, errors.Join(errOld, err))
	case len(before.patches)+len(s.patches) == 0:
		c.unread(&r, pair, nil)
	case len(before.patches) == 0 && len(is.Patches) > 0 && pair.old.Advisory != nil:
		b.lay(s)
		r = c.fresh(is, "the version before had no patch for this base")
		r.From, r.Before = was.Version, beforeOf(was)
	case len(before.patches) == 0 || len(s.patches) == 0:
		c.unread(&r, pair, nil)
	default:
		if err := c.judge(&r, b, before, s, is); err != nil {
			return Cell{}, err
		}
	}
	if r.Kind == Same && (s == nil || len(s.patches) == 0) {
		is = asBefore(was, is)
	}
	if r.Kind != New {
		r.Redo = redo(&r, was, is)
	}
	c.explain(&r, pair, was, is)
	return Cell{*is, r}, nil
}

// asBefore is the cell of a version that came without its patches, which are
// known to be those of the version before: its verdict counts.
func asBefore(was, is *analyze.Cell) *analyze.Cell {
	c := *was
	c.Version, c.Title, c.CVEs, c.Public, c.Mitigation = is.Version, is.Title, is.CVEs, is.Public, is.Mitigation
	c.Signature, c.Checksums = is.Signature, is.Checksums
	return &c
}

func beforeOf(was *analyze.Cell) *Before {
	b := &Before{Class: was.Class, Evidence: was.Evidence, Why: was.Why, Patches: was.Patches}
	if was.Port != nil {
		b.Port = was.Port.Status
	}
	if was.Hours != nil {
		b.Hours = was.Hours.Expected
	}
	return b
}

// fresh is the revision of what was not there before.
func (c *comparison) fresh(is *analyze.Cell, why string) Revision {
	r := Revision{To: is.Version, Kind: New, Evidence: string(is.Evidence), Why: why, Redo: []string{All}}
	if is.Hours != nil {
		r.Hours = *is.Hours
	}
	return r
}

// judge compares two series on a base.
func (c *comparison) judge(r *Revision, b *bench, old, new *series, is *analyze.Cell) error {
	defer b.lay(new)
	r.Changes = compareMessages(old, new)
	if slices.EqualFunc(old.raw, new.raw, func(x, y []byte) bool { return string(x) == string(y) }) {
		r.Kind, r.Changes = Same, nil
		return nil
	}
	text := compareText(old, new)
	found, ok, err := b.compare(old, new, text)
	switch {
	case err != nil:
		return err
	case ok:
		r.Evidence, text, r.idle = string(factor.Tree), found.changes, found.idle
	}
	r.Changes = append(r.Changes, text...)
	if r.Kind = worst(r.Changes); r.Kind == Same { // what git notes between header and hunks
		r.Kind = Message
	}
	sortChanges(r.Changes)
	return nil
}

// unread judges an item whose patches are not at hand: the checksums that both
// texts list may show that they are the same.
func (c *comparison) unread(r *Revision, pair couple, err error) {
	was, is := listing(pair.old), listing(pair.new)
	switch {
	case len(is) > 0 && !touched(pair.old, pair.new):
		r.Kind, r.Why = Same, "both texts list the same checksums for the patches"
	case len(was)+len(is) == 0 && pair.old.Advisory != nil && pair.new.Advisory != nil:
		r.Kind, r.Why = Message, "neither version has a patch"
	case bare(pair.new) && len(is) > 0:
		r.Kind, r.Why = Unknown, "the new version came without its patches, and it lists other checksums for them than before"
	case bare(pair.new):
		r.Kind, r.Why = Unknown, "the new version came without its patches"
	case bare(pair.old):
		r.Kind, r.Why = Unknown, "the old version came without its patches"
	case err != nil:
		r.Kind, r.Why = Unknown, "not all patches can be read: "+strings.ReplaceAll(err.Error(), "\n", "; ")
	default:
		r.Kind, r.Why = Unknown, "one of them has no patch for this base"
	}
}

// bare tells whether an item came without any patch.
func bare(e *advisory.Entry) bool { return len(filesOf(e)) == 0 }

// explain fills in what follows from the kind.
func (c *comparison) explain(r *Revision, pair couple, was, is *analyze.Cell) {
	if r.Kind != New {
		r.Hours = c.rates.hours(r, was, is)
	}
	r.Contradiction = contradictions(r, pair.old.Advisory, pair.new.Advisory, touched(pair.old, pair.new))
	if r.Why == "" {
		r.Why = why(r)
	}
	if r.Kind == Code && r.idle {
		r.Why += "; nothing of that is part of this base's hypervisor"
	} else if r.Kind == Code && is.Class == factor.NotNeeded {
		r.Why += "; " + is.Why
	}
	if strings.Contains(was.Recipe, writtenFor) && !strings.Contains(is.Recipe, writtenFor) {
		r.Why += "; it has a recipe of its own for this base now"
	}
	if was.Class != is.Class && rank(r.Kind) <= rank(Comments) {
		r.Why += fmt.Sprintf("; yet the class was %s and is %s: what it is applied to differs", was.Class, is.Class)
	}
}

// writtenFor stands in Cell.Recipe where the recipe is for another Xen version.
const writtenFor = "written for Xen"

// why is one sentence on a comparison.
func why(r *Revision) string {
	lines := 0
	for _, c := range r.Changes {
		if c.Kind == Affected {
			lines++
		}
	}
	switch r.Kind {
	case Same:
		return "byte for byte the same patches"
	case Message:
		return "nothing but tags and messages differs"
	case Docs:
		return "nothing but documentation differs"
	case Series:
		return "the same code in other patches"
	case Context:
		return "the same code, with other lines or line numbers around it"
	case Comments:
		s := "comments and white space differ, the code is the same"
		if lines > 0 {
			s += fmt.Sprintf("; %s get other line numbers", count(lines, "function", "functions"))
		}
		return s
	case Unknown:
		var list []string
		for _, c := range r.Changes {
			if c.Kind == Unknown {
				list = append(list, strings.TrimPrefix(c.place()+": "+c.Detail, ": "))
			}
		}
		return "it cannot be shown to be the same, look: " + some(list)
	}
	return "code differs: " + places(r.Changes)
}

// sortChanges orders changes by kind, the worst first, then by place.
func sortChanges(list []Change) {
	slices.SortStableFunc(list, func(a, b Change) int {
		if a.Kind != b.Kind {
			return rank(b.Kind) - rank(a.Kind)
		}
		return strings.Compare(a.File+"\x00"+a.Function, b.File+"\x00"+b.Function)
	})
}

// report puts the cells together.
func (c *comparison) report() *Report {
	r := &Report{Schema: analyze.Schema, Command: "revise", Vendor: c.Vendor, Generated: c.Generated, Cells: []Cell{}}
	for _, list := range c.cells {
		r.Cells = append(r.Cells, list...)
	}
	for _, w := range c.warnings {
		if !slices.Contains(r.Warnings, w) {
			r.Warnings = append(r.Warnings, w)
		}
	}
	r.Sum()
	return r
}

// Sum fills in the totals from the cells.
func (r *Report) Sum() {
	cells, hours := make([]analyze.Cell, len(r.Cells)), make([]analyze.Hours, len(r.Cells))
	for i := range r.Cells {
		cells[i], hours[i] = r.Cells[i].Cell, r.Cells[i].Revision.Hours
	}
	r.Totals, r.Rework = analyze.Sum(cells), effort.Sum(hours)
}
