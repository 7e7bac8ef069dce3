package revision

import (
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strings"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
	"lpready/analyze/strict"
)

//go:embed rework.yaml
var reworkYAML []byte

// A rework is the numbers of rework.yaml.
type rework struct {
	Read map[string]float64            `yaml:"read"` // by kind
	Redo map[string]map[string]float64 `yaml:"redo"` // by what is redone, then by task
}

// shares reads rework.yaml.
func shares() (*rework, error) {
	r := new(rework)
	if err := strict.Decode("rework.yaml", reworkYAML, r).Err(); err != nil {
		return nil, err
	}
	return r, nil
}

// redo lists what has to be done again for a cell, in the order of work.
func redo(r *Revision, was, is *analyze.Cell) []string {
	list := []string{}
	add := func(what ...string) {
		for _, w := range what {
			if !slices.Contains(list, w) {
				list = append(list, w)
			}
		}
	}
	switch r.Kind {
	case Series, Context, Comments:
		if touches(is, "hypervisor/") && is.Class != factor.NotNeeded && is.Class != factor.Reboot {
			add(Port)
		}
	case Unknown:
		add(Look)
	case Code:
		add(afterCode(r, is)...)
	}
	if r.Kind != Code && r.Kind != Unknown && !fits(is) && fits(was) {
		add(Port)
	}
	if was.Class != is.Class && (r.Kind != Code || is.Class == factor.NotNeeded || is.Class == factor.Reboot) {
		add(Look) // what was made for the other class has to be withdrawn, or the base changed under it
	}
	return list
}

// afterCode is what a change of code asks for, by the parts of Xen that differ.
func afterCode(r *Revision, is *analyze.Cell) []string {
	var list []string
	differs := func(scope string) bool {
		return slices.ContainsFunc(r.Changes, func(c Change) bool { return c.Kind == Code && strings.HasPrefix(factor.Scope(c.File), scope) })
	}
	if differs("toolstack") || differs("flask-policy") {
		list = append(list, Repackage)
	}
	if differs("other") {
		list = append(list, Look)
	}
	switch {
	case !differs("hypervisor/") || r.idle:
		return list
	case is.Class == factor.NotNeeded:
		return list
	case is.Class == factor.Reboot:
		return append(list, Port, Repackage)
	case is.Class == factor.Unknown:
		return append(list, Port, Rebuild, Retest, Look)
	case is.Class == factor.Adapt, is.Class == factor.Hard:
		return append(list, Port, Adapt, Rebuild, Retest)
	}
	return append(list, Port, Rebuild, Retest)
}

// touches tells whether the patches of a cell touch a part of Xen.
func touches(c *analyze.Cell, scope string) bool {
	return slices.ContainsFunc(c.Scope, func(s string) bool { return strings.HasPrefix(s, scope) })
}

// fits tells whether the recipe of a cell applies, as far as anyone tried.
func fits(c *analyze.Cell) bool {
	return c.Port == nil || c.Port.Status != "conflicts" && c.Port.Status != "missing"
}

// hours is the rework: of each task of the new version the share that its parts
// to be redone take, and in full what the version before did not ask for.
func (w *rework) hours(r *Revision, was, is *analyze.Cell) effort.Hours {
	if is.Hours == nil || len(r.Redo) == 0 {
		return effort.Hours{}
	}
	before := map[string]bool{}
	if was.Hours != nil {
		for _, t := range was.Hours.Tasks {
			before[t.Task+"\x00"+t.Why] = true
			before[t.Task] = true
		}
	}
	var tasks []effort.Task
	for _, t := range is.Hours.Tasks {
		share, why := w.share(r, t.Task)
		if r.Kind == Code && !before[t.Task] {
			share, why = 1, "the version before did not ask for it"
		}
		if share > 0 {
			tasks = append(tasks, scaled(t, share, fmt.Sprintf("%s: %g %% of %.1f h", why, math.Round(share*100), t.Expected)))
		}
	}
	return total(tasks)
}

// share is how much of a task is done again, and for what.
func (w *rework) share(r *Revision, task string) (share float64, why string) {
	if task == effort.Read {
		return w.Read[string(r.Kind)], "read what differs"
	}
	var parts []string
	for _, what := range r.Redo {
		if s := w.Redo[what][task]; s > 0 {
			share = max(share, s)
			parts = append(parts, what)
		}
	}
	return share, strings.Join(parts, ", ")
}

func scaled(t effort.Task, share float64, why string) effort.Task {
	t.Optimistic, t.Likely, t.Pessimistic = tenth(t.Optimistic*share), tenth(t.Likely*share), tenth(t.Pessimistic*share)
	t.Expected, t.Why = tenth((t.Optimistic+4*t.Likely+t.Pessimistic)/6), why
	return t
}

// total adds the tasks of one cell up.
func total(tasks []effort.Task) effort.Hours {
	h := effort.Hours{Tasks: tasks}
	for _, t := range tasks {
		h.Optimistic += t.Optimistic
		h.Likely += t.Likely
		h.Pessimistic += t.Pessimistic
		h.Expected += t.Expected
	}
	h.Optimistic, h.Likely, h.Pessimistic, h.Expected = tenth(h.Optimistic), tenth(h.Likely), tenth(h.Pessimistic), tenth(h.Expected)
	return h
}

// tenth rounds to a tenth of an hour.
func tenth(h float64) float64 { return math.Round(h*10) / 10 }
