package factor

import "lpready/analyze/csource"

var sectionChanged = Rule{
	ID:    "section-changed",
	Title: "Symbol changes its section",
	Explanation: "Taking const, __read_mostly, __ro_after_init, __init or __initdata away from an existing symbol (or adding " +
		"it) moves it to another section; create-diff-object stops with \"symbol changed sections\". What was in an init " +
		"section has been freed at boot and cannot be used by the payload at all.",
	Remedy:   "Leave the attribute as it is, or define a new symbol under a new name.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		report := func(c *change, line int, name, before, after string) {
			list = append(list, c.finding(line, name, "%s moves from %s to %s", name, shown(before), shown(after)))
		}
		in.vars(func(c *change, v csource.VarChange, owner string) {
			if v.Old == nil || v.New == nil || v.Old.Extern || v.New.Extern || isRegistration(v.Old.Macro) || in.ownedByInit(c, owner) {
				return
			}
			switch {
			case v.Old.Section != v.New.Section:
				report(c, v.Old.Start, v.Old.Name, v.Old.Section, v.New.Section)
			case v.Old.Section == "" && dataSection(v.Old) != dataSection(v.New):
				report(c, v.Old.Start, v.Old.Name, dataSection(v.Old), dataSection(v.New))
			}
		})
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old != nil && f.New != nil && f.Old.Section != f.New.Section {
				report(c, f.Old.NameLine, f.Old.Name, f.Old.Section, f.New.Section)
			}
		})
		return list
	},
}

func shown(section string) string {
	if section == "" {
		return "its default section"
	}
	return section
}

// dataSection is where gcc puts data without a section attribute.
func dataSection(v *csource.Var) string {
	switch {
	case v.Const:
		return ".rodata"
	case v.Init == "" || v.Init == "0" || v.Init == "NULL" || v.Init == "false":
		return ".bss"
	}
	return ".data"
}
