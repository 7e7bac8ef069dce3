package factor

import "lpready/analyze/csource"

var newVariable = Rule{
	ID:    "new-variable",
	Title: "New variable",
	Explanation: "A new variable without a named section comes with the payload, in its own .data or .bss. It starts with its " +
		"initial value each time the payload is loaded, is gone when it is unloaded, and a payload that writes it cannot " +
		"be re-applied after a revert on older hypervisors (\"can't revert as payload has .data\").",
	Remedy:   "Nothing, if the initial value is right for a hypervisor that already runs.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.vars(func(c *change, v csource.VarChange, owner string) {
			if v.Old != nil || v.New == nil || v.New.Extern || v.New.PerCPU || v.New.Section != "" || isRegistration(v.New.Macro) {
				return
			}
			if owner != "" {
				return // static-local-added
			}
			list = append(list, c.finding(v.New.Start, v.New.Name, "%s is new data of the payload (%s)", v.New.Name, v.New.Type))
		})
		return list
	},
}
