package factor

import "lpready/analyze/csource"

var memberRetyped = Rule{
	ID:    "member-retyped",
	Title: "Member with a new type of the same size",
	Explanation: "The layout stays, but live objects hold values that old code wrote for the old type: sign, unit, pointer " +
		"target or flags may mean something else. No tool sees it.",
	Remedy:   "Read every writer of the member: are the old values valid under the new type? If not, convert them in a load hook.",
	Severity: Review,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			for _, t := range c.Types {
				if t.Old == nil || t.New == nil || t.Old.Kind == "enum" {
					continue
				}
				for _, m := range t.Members {
					if c.memberChange(m) != csource.Retyped || isFunction(m.Old.Type) || isFunction(m.New.Type) ||
						plain(m.Old.Type) == plain(m.New.Type) || !in.sameMember(m) {
						continue
					}
					name := spell(t.Old.Kind, t.Old.Name)
					list = append(list, c.finding(m.Old.Line, name+"."+m.Name, "%s of %s was %s and becomes %s, of the same size",
						m.Name, name, m.Old.Type, m.New.Type))
				}
			}
		}
		return list
	},
}
