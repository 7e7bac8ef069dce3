package factor

import (
	"slices"
	"strings"

	"lpready/analyze/csource"
)

var cpuCapability = Rule{
	ID:    "cpu-capability",
	Title: "CPU capability set at boot",
	Explanation: "Synthetic feature bits (XEN_CPUFEATURE, setup_force_cpu_cap()) are decided by boot code, and alternatives are " +
		"patched by them once. In a payload they are patched when it is loaded, before any hook runs: a bit that only " +
		"new boot code would force is still clear then, and the mitigation stays switched off (XSA-426).",
	Remedy:   "Set the bit with a first payload's hook and load the code that uses it as a second one, or replace the alternative by a test of a variable that a load hook sets.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			for _, m := range c.Calls {
				if m.New != nil && m.New.Name == "XEN_CPUFEATURE" && len(m.New.Args) > 0 && c.generates() == "" {
					list = append(list, c.finding(m.New.Start, m.New.Args[0], "%s is a new feature bit", strings.Join(m.New.Args, ", ")))
				}
			}
		}
		in.funcs(func(c *change, f csource.FuncChange) {
			force := []string{"setup_force_cpu_cap", "setup_clear_cpu_cap"}
			if changed := c.callChanges(f, func(name string) bool { return slices.Contains(force, name) }); len(changed) > 0 {
				list = append(list, c.finding(funcLine(f), funcName(f), "%s(): %s, decided before alternatives were patched", funcName(f), describe(changed)))
			}
		})
		return list
	},
}
