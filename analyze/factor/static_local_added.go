package factor

import "fmt"

var staticLocalAdded = Rule{
	ID:    "static-local-added",
	Title: "Static local variable added",
	Explanation: "A new static local comes with the payload like any new variable. The compiler numbers static locals of the " +
		"same name (last.1, last.2); a new one can renumber the others, which create-diff-object then has to pair by " +
		"what uses them: it warns \"unable to correlate static local variable\" and takes an old variable for a new one, " +
		"whose value starts afresh.",
	Remedy:   "Give it a name that no other static local of the file has; read the differ's warnings.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			for _, s := range c.Statics {
				if s.Old != nil || s.New == nil || in.ownedByInit(c, s.Func) {
					continue
				}
				f := c.finding(s.New.Start, s.Func+"."+s.New.Name, "%s() gains the static variable %s", s.Func, s.New.Name)
				if owner := otherStatic(c, s.Func, s.New.Name); owner != "" {
					f.Severity = Review
					f.Message += fmt.Sprintf("; %s() has one of the same name", owner)
				}
				list = append(list, f)
			}
		}
		return list
	},
}

func otherStatic(c *change, owner, name string) string {
	if c.before == nil {
		return ""
	}
	for _, fn := range c.before.Funcs {
		for _, v := range fn.Statics {
			if fn.Name != owner && v.Name == name {
				return fn.Name
			}
		}
	}
	return ""
}
