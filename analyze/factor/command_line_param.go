package factor

import "lpready/analyze/csource"

var commandLineParam = Rule{
	ID:    "command-line-param",
	Title: "Command-line parameter",
	Explanation: "custom_param(), boolean_param() and the like make a table in .init.setup that is read once, at boot. In a " +
		"payload the entry is lost without a word: the option keeps its default, and what an administrator wrote on the " +
		"command line is never parsed.",
	Remedy:   "Set the variable from a load hook, or accept the default and say so in the release note; the option works after the next boot into a fixed hypervisor.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.registrations(func(c *change, v *csource.Var, verb string) {
			if isParameter(v.Macro) {
				list = append(list, c.finding(v.Start, v.Name, "the patch %s %s(%s)", verb, v.Macro, v.Name))
			}
		})
		return list
	},
}

// registrations calls visit for every table entry that the patch makes, changes
// or takes away.
func (in *Input) registrations(visit func(c *change, v *csource.Var, verb string)) {
	in.vars(func(c *change, v csource.VarChange, owner string) {
		def, verb := v.New, "adds"
		switch {
		case v.New == nil:
			def, verb = v.Old, "removes"
		case v.Old != nil:
			verb = "changes"
		}
		if isRegistration(def.Macro) {
			visit(c, def, verb)
		}
	})
}
