package factor

import "lpready/analyze/csource"

var symbolRemoved = Rule{
	ID:    "symbol-removed",
	Title: "Function removed or renamed",
	Explanation: "Nothing can be taken out of a running hypervisor: create-diff-object passes over deleted functions without a " +
		"word. The old function stays, and whoever still holds its address (tables, timers, callbacks registered " +
		"earlier) goes on calling it, unfixed.",
	Remedy:   "Check that no pointer to the old function is kept anywhere; if one is, keep the function and fix it too.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.New != nil || f.Old == nil || inlined(f.Old) || isHeader(c.Path) || isInit(f.Old.Section) {
				return
			}
			list = append(list, c.finding(f.Old.NameLine, f.Old.Name, "%s() is removed; its code stays in the hypervisor", f.Old.Name))
		})
		return list
	},
}
