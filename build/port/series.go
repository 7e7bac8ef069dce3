package port

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/patch"
)

// A series is the work on one base: the items of the batch, and what was placed
// so far, in order.
type series struct {
	ctx      context.Context
	req      *Request
	base     *Base
	ground   *ground // nil without a source
	jobs     []*job  // in the order of the batch
	sorted   []*job  // in the order of work
	steps    []*step
	now      *patch.Tree // with all steps
	warnings []string
	progress func(n int, what string)
	classes  map[string]analyze.Cell // of prerequisites, by hash
}

func newSeries(ctx context.Context, req *Request, base *Base) *series {
	s := &series{ctx: ctx, req: req, base: base, classes: map[string]analyze.Cell{}}
	if base.Tree != nil {
		s.ground = newGround(newWarm(base.Tree))
		s.now = s.ground.tree.Fork()
	}
	return s
}

// run places all it can: first in the order of the batch, then what did not fit
// again after the others, then with the help of upstream.
func (s *series) run() error {
	entries := s.req.Batch.Entries
	jobs := map[int]*job{}
	var waiting []*job
	for _, i := range order(entries, s.base.Xen) {
		if entries[i].Context {
			s.context(entries[i])
			continue
		}
		j := s.first(entries[i])
		jobs[i] = j
		s.sorted = append(s.sorted, j)
		if j.tree != nil && !j.placed && j.trial.status != Applied && j.trial.status != Outside {
			waiting = append(waiting, j)
		}
	}
	for i := range entries {
		if jobs[i] != nil {
			s.jobs = append(s.jobs, jobs[i])
		}
	}
	waiting = s.again(s.under(waiting))
	if s.req.Upstream != nil {
		for n := 0; n < len(waiting); n++ {
			s.progress(len(s.jobs)-len(waiting)+n, waiting[n].name()+" on "+s.base.ID)
			solved, err := s.solve(waiting[n])
			if err != nil {
				return fmt.Errorf("%s: %w", waiting[n].name(), err)
			}
			if solved {
				waiting = slices.Delete(waiting, n, n+1)
				waiting = s.again(waiting)
				n = -1
			}
		}
	}
	for _, j := range waiting {
		s.part(j)
	}
	return s.finish()
}

// context applies a patch of the queue that is no item of the batch.
func (s *series) context(e *advisory.Entry) {
	if s.ground == nil {
		return
	}
	j, recipes := s.newJob(e)
	if len(recipes) == 0 || !recipes[0].Covers(s.base.Xen) || !j.take(recipes[0], s.base.Xen) {
		s.warn("%s: left out, it is not for Xen %s", e.Name, s.base.Xen)
		return
	}
	t := s.ground.try(s.now, j.patches)
	switch {
	case t.usable():
		s.put(&step{context: e, patches: j.patches, text: j.files, trial: t})
	case t.status == Conflicts || t.status == Missing || t.status == Unknown:
		s.warn("%s: left out, it does not fit (%s): %s", e.Name, t.status, strings.Join(t.misfit(), "; "))
	}
}

func (s *series) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// misfit names the places where a trial ended, in short.
func (t *trial) misfit() (out []string) {
	for _, p := range t.places() {
		if p.number > 0 {
			out = append(out, fmt.Sprintf("%s: hunk %d of %d: %s", p.name, p.number, len(p.file.Hunks), p.reason))
		} else {
			out = append(out, p.name+": "+p.reason)
		}
	}
	if t.problem != "" {
		out = append(out, t.problem)
	}
	return out
}

// first chooses the recipe of an item and tries it in its place.
func (s *series) first(e *advisory.Entry) *job {
	j, recipes := s.newJob(e)
	for n, r := range recipes {
		exact := r.Covers(s.base.Xen)
		if !exact && j.tree != nil && j.trial.usable() {
			break
		}
		next := *j
		ok := next.take(r, s.base.Xen)
		if s.ground == nil {
			if *j = next; ok {
				j.cell.Port = Placement{Status: Unknown, Detail: []string{"there is no source of this base at hand"}}
			}
			return j
		}
		if ok {
			s.useFinished(&next)
			next.tree, next.trial = s.now, s.ground.try(s.now, next.patches)
		}
		tried := j.cell.Port.Tried
		if !exact {
			tried = append(tried, s.attempt(&next, ok, n))
		}
		if n == 0 || ok && (j.tree == nil || next.trial.usable() || next.trial.status == Applied) {
			*j = next
		}
		j.cell.Port.Tried = tried
		if exact || j.tree != nil && j.trial.status == Applied {
			break
		}
	}
	for i := range j.cell.Port.Tried {
		a := &j.cell.Port.Tried[i]
		a.Taken = a.Xen == j.recipe.Xen
	}
	if j.tree != nil && j.trial.usable() {
		s.place(j)
	}
	return j
}

// attempt records that a recipe for another version was tried.
func (s *series) attempt(j *job, ok bool, n int) Attempt {
	a := Attempt{Xen: j.recipe.Xen, Status: j.cell.Port.Status, Why: fmt.Sprintf("the next nearest to %s", s.base.Xen)}
	if n == 0 {
		a.Why = fmt.Sprintf("there is no recipe for %s; this is the nearest", s.base.Xen)
	}
	if ok {
		a.Status = j.trial.status
	}
	return a
}

// place puts a job whose last trial is usable into the series.
func (s *series) place(j *job) {
	j.placed = true
	s.put(&step{job: j, patches: j.patches, text: j.files, trial: j.trial})
}

func (s *series) put(st *step) {
	s.steps = append(s.steps, st)
	s.now = st.trial.tree
}

// again tries jobs until none of them fits any more, and returns the rest.
func (s *series) again(waiting []*job) []*job {
	for changed := true; changed; {
		changed = false
		for n := 0; n < len(waiting); n++ {
			j := waiting[n]
			if j.tree == s.now {
				continue
			}
			t := s.ground.try(s.now, j.patches)
			j.tree = s.now
			if t.usable() {
				j.trial = t
				s.place(j)
				waiting = slices.Delete(waiting, n, n+1)
				n, changed = n-1, true
			} else if t.status != Applied { // through others of the batch: it would hide that it does not fit
				j.trial = t
			}
		}
	}
	return waiting
}

// under finds jobs that are there already but were changed again by later items
// of the batch that are there, too: it takes those off first.
func (s *series) under(waiting []*job) []*job {
	if s.ground == nil {
		return waiting
	}
	tree := s.ground.tree
	var above []string
	for n := len(s.sorted) - 1; n >= 0; n-- {
		j := s.sorted[n]
		open := slices.Contains(waiting, j)
		if j.tree == nil || !open && j.trial.status != Applied {
			continue
		}
		without := s.ground.undo(tree, j.patches)
		if without == nil {
			continue
		}
		tree = without
		if open && len(above) > 0 {
			j.trial = &trial{status: Applied, failed: -1}
			j.note = "it is there already, below " + strings.Join(above, ", ")
			waiting = slices.DeleteFunc(slices.Clone(waiting), func(o *job) bool { return o == j })
		}
		above = append(above, j.name())
	}
	return waiting
}

// part places what a recipe does below xen/, where the rest of it does not fit.
func (s *series) part(j *job) {
	in, more := onlyInside(j.patches)
	if !more || len(in) == 0 {
		return
	}
	t := s.ground.try(s.now, in)
	if t.usable() {
		j.placed, j.partial = true, true
		s.put(&step{job: j, patches: in, trial: t})
	}
}

// replay applies steps to the source as it was shipped. It gives no tree but
// the step that does not apply, where there is one.
func (s *series) replay(steps []*step) (*patch.Tree, *step) {
	tree := s.ground.tree
	for _, st := range steps {
		t := s.ground.try(tree, st.patches)
		if !t.usable() {
			return nil, st
		}
		tree = t.tree
	}
	return tree, nil
}

// needs finds which of the steps before a job it cannot do without: steps that
// apply by themselves, the job on top of them, and none of them to spare.
func (s *series) needs(j *job, before []*step) []*step {
	works := func(steps []*step) bool {
		tree, _ := s.replay(steps)
		return tree != nil && s.ground.try(tree, j.patches).usable()
	}
	need := slices.Clone(before)
	if !works(need) {
		return nil
	}
	for dropped := true; dropped; {
		dropped = false
		for n := len(need) - 1; n >= 0; n-- {
			if less := slices.Delete(slices.Clone(need), n, n+1); works(less) {
				need, dropped = less, true
			}
		}
	}
	return need
}

// clashes names the first item of the series after which a job does not apply
// any more.
func (s *series) clashes(j *job) []string {
	tree := s.ground.tree
	for _, st := range s.steps {
		t := s.ground.try(tree, st.patches)
		if !t.usable() {
			return nil
		}
		if tree = t.tree; !s.ground.try(tree, j.patches).usable() {
			return []string{st.name()}
		}
	}
	return nil
}

// finish works out what the cells say.
func (s *series) finish() error {
	position := map[*job]int{}
	for n, st := range s.steps {
		if st.job != nil {
			position[st.job] = n
		}
	}
	for _, j := range s.jobs {
		if j.tree == nil {
			continue
		}
		p := &j.cell.Port
		j.alone = s.ground.try(s.ground.tree, j.patches)
		p.Status, p.Detail = j.trial.status, j.trial.detail()
		p.Search, p.Used = j.search, j.uses
		if j.note != "" {
			p.Detail = append(p.Detail, j.note)
		}
		at, placed := position[j]
		switch {
		case placed && !j.partial:
			p.Order = at + 1
			if !j.alone.usable() {
				p.Alone = j.alone.status
				s.explain(j, s.needs(j, s.steps[:at]))
			}
		case !placed && j.alone.usable() && j.cell.Port.Prerequisites == nil:
			p.On, p.Status, p.Detail = "the base alone", j.alone.status, j.alone.detail()
			p.Clashes = s.clashes(j)
		}
		if !j.trial.usable() && j.trial.status != Applied && p.On == "" {
			p.Misfits = misfits(j.trial)
		}
		s.below(j)
		s.prereqs(j)
		if s.req.Watch && s.req.Upstream != nil {
			if err := s.watch(j); err != nil {
				return err
			}
		}
	}
	return s.classify()
}

// below says how the part below xen/ fits the base alone, where the whole does
// not.
func (s *series) below(j *job) {
	in, more := onlyInside(j.patches)
	if !more || len(in) == 0 || j.alone.usable() || j.alone.status == Applied {
		return
	}
	if t := s.ground.try(s.ground.tree, in); t.status != j.alone.status {
		j.cell.Port.Hypervisor = t.status
	}
}

// prereqs says of the XSAs that the .meta file wants first where they are.
func (s *series) prereqs(j *job) {
	for _, x := range j.recipe.Prereqs {
		if !slices.ContainsFunc(s.jobs, func(o *job) bool { return o.entry.XSA == x }) && !slices.ContainsFunc(j.cell.Port.Prerequisites, func(p Prerequisite) bool { return p.XSA == x }) {
			j.cell.Port.Detail = append(j.cell.Port.Detail, fmt.Sprintf("its .meta file wants XSA-%d first, which is not in the batch: make sure that the base has it", x))
		}
	}
}

// explain lists steps as prerequisites of a job, with why each is needed.
func (s *series) explain(j *job, need []*step) {
	for n, st := range need {
		q := Prerequisite{Hypervisor: touchesHypervisor(st.patches)}
		less, stuck := s.replay(slices.Delete(slices.Clone(need), n, n+1))
		if stuck != nil {
			q.Why = "without it this one of the list does not apply: " + stuck.name()
		} else if t := s.ground.try(less, j.patches); len(t.places()) > 0 {
			p := t.places()[0]
			q.Why = fmt.Sprintf("without it %s does not apply: %s", p.patch.Name, p.String())
		}
		switch {
		case st.commit != nil:
			q.Commit, q.Subject = st.commit.hash, st.commit.subject
			if m := isXSA.FindStringSubmatch(st.commit.message); m != nil {
				q.Name = "XSA-" + m[1]
			}
		case st.job != nil:
			q.XSA, q.Name, q.Subject = st.job.entry.XSA, st.job.name(), st.job.cell.Title
		default:
			q.Name, q.Subject = st.context.Name, st.context.Title()
		}
		j.cell.Port.Prerequisites = append(j.cell.Port.Prerequisites, q)
	}
}

func (p place) String() string {
	if p.number == 0 {
		return p.name + ": " + p.reason
	}
	return fmt.Sprintf("%s, hunk %d of %d, line %d: %s", p.name, p.number, len(p.file.Hunks), p.report.At, p.reason)
}

func touchesHypervisor(patches []patch.Patch) bool {
	return slices.ContainsFunc(patches, func(p patch.Patch) bool {
		return slices.ContainsFunc(p.Files, func(f patch.File) bool { return !outside(f) })
	})
}

func (s *series) cells() []Cell {
	out := make([]Cell, len(s.jobs))
	for i, j := range s.jobs {
		out[i] = j.cell
	}
	return out
}
