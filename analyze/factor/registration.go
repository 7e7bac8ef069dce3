package factor

import (
	"strings"

	"lpready/analyze/csource"
)

var registration = Rule{
	ID:    "registration",
	Title: "Entry in a table that boot code reads",
	Explanation: "__initcall(), presmp_initcall(), HVM_REGISTER_SAVE_RESTORE(), REGISTER_SCHEDULER() and the like put an entry " +
		"into a section that is walked once, at boot. In a payload the entry is lost without a word, and the old entry of " +
		"the running hypervisor stays.",
	Remedy:   "Call the function, or change the table that boot code made out of the entries, from a load hook.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.registrations(func(c *change, v *csource.Var, verb string) {
			if !isParameter(v.Macro) && !strings.HasPrefix(v.Macro, "LIVEPATCH_") {
				list = append(list, c.finding(v.Start, v.Name, "the patch %s %s(%s)", verb, v.Macro, v.Name))
			}
		})
		for _, c := range in.facts().changes {
			for _, m := range c.Calls {
				call, verb := m.New, "adds"
				switch {
				case m.New == nil:
					call, verb = m.Old, "removes"
				case m.Old != nil:
					verb = "changes"
				}
				if isParameter(call.Name) || call.Name == "XEN_CPUFEATURE" {
					continue // command-line-param, cpu-capability, generated-header
				}
				f := c.finding(call.Start, call.Name, "the patch %s %s(%s)", verb, call.Name, clip(strings.Join(call.Args, ", ")))
				if !in.registers(call.Name) {
					f.Severity = Review
					f.Message += ", whose meaning is not known"
				}
				list = append(list, f)
			}
		}
		return list
	},
}

// registers tells whether a macro puts something into a section of its own:
// always for initcalls, else if one of its definitions in the tree says so.
func (in *Input) registers(macro string) bool {
	if strings.HasSuffix(macro, "initcall") || strings.HasSuffix(macro, "exitcall") || strings.Contains(macro, "REGISTER") {
		return true
	}
	if in.After == nil {
		return false
	}
	for _, p := range in.After.Mentions(macro) {
		file := in.After.File(p)
		if file == nil {
			continue
		}
		for _, m := range file.Macros {
			if m.Name == macro && sectionMacro(&m) {
				return true
			}
		}
	}
	return false
}

func sectionMacro(m *csource.Macro) bool {
	for _, word := range []string{"initcall", "__init_call", "__initsetup", "__used_section", "__section", "REGISTER"} {
		if strings.Contains(m.Body, word) {
			return true
		}
	}
	return false
}
