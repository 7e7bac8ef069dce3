package factor

import "lpready/analyze/csource"

var inlineFunction = Rule{
	ID:    "inline-function",
	Title: "Inline function edited",
	Explanation: "An inline function has no code of its own: every function that uses it changes instead, each is replaced, " +
		"and each must be safe to replace.",
	Remedy:   "Check the list of users. If one must not be patched, give the fixed version a new name and use it only where it is needed.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old == nil || f.New == nil || !inlined(f.New) {
				return
			}
			if in.After == nil {
				list = append(list, c.finding(f.Old.NameLine, f.New.Name, "%s() is inline: its users change instead", f.New.Name))
				return
			}
			const many = 30
			users := in.users(f.New.Name)
			finding := c.finding(f.Old.NameLine, f.New.Name, "%s() is inline and used by %s: %s", f.New.Name,
				count(len(users), "function"), some(users))
			if len(users) == 0 {
				finding.Message = f.New.Name + "() is inline, and no compiled function names it"
			}
			if len(users) >= many {
				finding.Severity = Review
			}
			list = append(list, finding)
		})
		return list
	},
}
