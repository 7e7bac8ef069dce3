package factor

import "lpready/analyze/csource"

var staticLocalRemoved = Rule{
	ID:    "static-local-removed",
	Title: "Static local variable removed",
	Explanation: "create-diff-object pairs the static locals of a function before and after and stops when one is gone " +
		"(\"reference to static local variable ... was removed\"), because it cannot tell a removed variable from a " +
		"renamed one. XSA-479 fails on per_cpu(last) in context_switch() this way.",
	Remedy:   "Keep the variable and a reference that costs nothing, for example an empty asm with it as an operand.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			for _, s := range c.Statics {
				if s.Old == nil || s.New != nil || in.ownedByInit(c, s.Func) || !in.survives(c, s.Func) {
					continue
				}
				list = append(list, c.finding(s.Old.Start, s.Func+"."+s.Old.Name, "%s() loses its static variable %s: the differ refuses it",
					s.Func, s.Old.Name))
			}
		}
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old == nil || f.New == nil || in.life(c.Path, f.Old).Kind == csource.Init {
				return
			}
			for _, call := range c.callChanges(f, func(name string) bool { return in.hiddenStatics()[name] != "" }) {
				if call.delta < 0 {
					list = append(list, c.finding(f.Old.NameLine, f.Old.Name, "%s() loses a %s(), which hides a static variable", f.Old.Name, call.name))
				}
			}
		})
		return list
	},
}

// survives tells whether the function is still there after the patch; the
// statics of a function that is gone are nobody's reference.
func (in *Input) survives(c *change, name string) bool {
	if c.after == nil {
		return false
	}
	for i := range c.after.Funcs {
		if c.after.Funcs[i].Name == name {
			return true
		}
	}
	return in.After == nil // a hunk shows only a part
}
