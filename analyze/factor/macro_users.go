package factor

import "lpready/analyze/csource"

var macroUsers = Rule{
	ID:          "macro-users",
	Title:       "Macro changed",
	Explanation: "Whatever uses a macro changes with it. A new macro, or one that only moves, changes nothing by itself.",
	Remedy:      "Check the list of users. If one must not be patched, define the fixed macro under a new name and use it only where it is needed.",
	Severity:    Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			for _, m := range c.Macros {
				if m.Old == nil || m.New == nil || m.Old.Body == m.New.Body && len(m.Old.Params) == len(m.New.Params) {
					continue
				}
				list = append(list, in.macroFinding(c, m))
			}
		}
		return list
	},
}

func (in *Input) macroFinding(c *change, m csource.MacroChange) Finding {
	if in.After == nil {
		return c.finding(m.Old.Start, m.Old.Name, "%s changes: what uses it changes too", m.Old.Name)
	}
	const many = 30
	users := in.users(m.Old.Name)
	f := c.finding(m.Old.Start, m.Old.Name, "%s changes and is used by %s", m.Old.Name, count(len(users), "function"))
	if len(users) > 0 {
		f.Message += ": " + some(users)
	}
	if len(users) >= many {
		f.Severity = Review
	}
	return f
}
