package port

import (
	"fmt"
	"slices"

	"lpready/analyze/advisory"
)

// A Step is what is applied at one place of a base's series: the recipe of an item
// of the batch, a patch of the queue, or an upstream commit.
type Step struct {
	XSA    int    // 0 where it has none
	Name   string // "XSA-480", else what names the patch or the subject of the commit
	Item   bool   // it is an item of the batch
	Commit string // of a prerequisite
	Files  []advisory.NamedData

	entry *advisory.Entry // nil for a commit
}

// Steps are the series of a base, in order, with the texts for the places where
// they apply. Items that do not fit are not among them.
func (r *Result) Steps(base string) (list []Step) {
	s := r.on(base)
	if s == nil {
		return nil
	}
	for _, st := range s.steps {
		step := Step{Name: st.name()}
		switch {
		case st.job != nil:
			step.XSA, step.Item, step.entry = st.job.entry.XSA, true, st.job.entry
		case st.context != nil:
			step.entry = st.context
		default:
			step.Commit = st.commit.hash
		}
		for _, o := range s.outputs(st) {
			step.Files = append(step.Files, advisory.NamedData{Name: o.name, Data: o.text})
		}
		list = append(list, step)
	}
	return list
}

func (r *Result) on(base string) *series {
	i := slices.IndexFunc(r.series, func(s *series) bool { return s.base.ID == base })
	if i < 0 || r.series[i].ground == nil {
		return nil
	}
	return r.series[i]
}

// Needs gives the steps before one, by their numbers, that it cannot do without:
// none where it fits the base alone.
func (r *Result) Needs(base string, n int) []int {
	s := r.on(base)
	st := s.steps[n]
	if s.ground.try(s.ground.tree, st.patches).usable() {
		return nil
	}
	var list []int
	for _, needed := range s.needs(&job{patches: st.patches}, s.steps[:n]) {
		list = append(list, slices.Index(s.steps, needed))
	}
	return list
}

// Changed applies some steps of a base's series, by their numbers in order, and
// gives the content of all files that they change; nil is one that is removed.
func (r *Result) Changed(base string, numbers []int) (map[string][]byte, error) {
	s := r.on(base)
	var steps []*step
	for _, n := range numbers {
		steps = append(steps, s.steps[n])
	}
	tree, stuck := s.replay(steps)
	if stuck != nil {
		return nil, fmt.Errorf("%s does not apply without others of the series", stuck.name())
	}
	files := map[string][]byte{}
	for _, name := range tree.Changed() {
		data, err := tree.ReadFile(name)
		if err == nil && data == nil {
			data = []byte{} // nil is for files that are removed
		}
		files[name] = data
	}
	return files, nil
}

// Batch is the batch as it was placed on a base: its items in the order of the
// batch with the patches that fit, those of the queue and the commits between them.
// Items that do not fit stay as they came, after the others.
func (r *Result) Batch(base string, from *advisory.Batch, xen string) *advisory.Batch {
	placed := map[*advisory.Entry]bool{}
	made := &advisory.Batch{Queue: from.Queue}
	for _, st := range r.Steps(base) {
		if st.entry == nil {
			made.Entries = append(made.Entries, advisory.NewContext(st.Name, xen, st.Files))
			continue
		}
		placed[st.entry] = true
		made.Entries = append(made.Entries, st.entry.Ported(xen, st.Files))
	}
	for _, e := range from.Entries {
		if !placed[e] && !e.Context {
			made.Entries = append(made.Entries, e)
		}
	}
	return made
}
