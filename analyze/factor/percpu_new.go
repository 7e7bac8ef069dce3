package factor

import "lpready/analyze/csource"

var percpuNew = Rule{
	ID:    "percpu-new",
	Title: "New per-CPU variable",
	Explanation: "Per-CPU data lives in one area per CPU that is sized when the hypervisor is linked. A new variable lands in " +
		"the payload's own .bss.percpu: create-diff-object refuses that if the object already had such a section " +
		"(XSA-494), and accepts it if not (XSA-431). But this_cpu() then adds the CPU's offset to an address outside " +
		"the area: on every CPU but the first it reads and writes somebody else's memory.",
	Remedy:   "Use a plain static array indexed by smp_processor_id(), or spare room in a per-CPU structure that exists.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.vars(func(c *change, v csource.VarChange, owner string) {
			if v.Old != nil || v.New == nil || !v.New.PerCPU || v.New.Extern {
				return
			}
			outcome := "the object has no per-CPU data yet, so the differ accepts it, but its copy lies outside the per-CPU area"
			switch {
			case in.Before == nil:
				outcome = "the differ refuses it where the object has per-CPU data, and elsewhere its copy lies outside the per-CPU area"
			case in.hasSection(c, func(o *csource.Var) bool { return o.PerCPU }):
				outcome = "the object already has per-CPU data, so the differ refuses it"
			}
			list = append(list, c.finding(v.New.Start, v.New.Name, "%s is a new per-CPU variable: %s", v.New.Name, outcome))
		})
		return list
	},
}

// hasSection tells whether the file, before the patch, already defines data for
// which the predicate holds.
func (in *Input) hasSection(c *change, pick func(*csource.Var) bool) bool {
	if c.before == nil {
		return false
	}
	for i := range c.before.Vars {
		if v := &c.before.Vars[i]; !v.Extern && c.oldActive.of(v.Start) != off && pick(v) {
			return true
		}
	}
	for i := range c.before.Funcs {
		for j := range c.before.Funcs[i].Statics {
			if v := &c.before.Funcs[i].Statics[j]; c.oldActive.of(v.Start) != off && pick(v) {
				return true
			}
		}
	}
	return false
}
