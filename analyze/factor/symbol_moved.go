package factor

import (
	"slices"
	"strings"

	"lpready/analyze/csource"
)

var symbolMoved = Rule{
	ID:    "symbol-moved",
	Title: "Symbol moves to another object",
	Explanation: "create-diff-object compares object by object, so a global function or variable that moves to another file " +
		"is new there. The loader looks every new global symbol up in the hypervisor and refuses the payload " +
		"(\"duplicate new symbol\"); a variable would also start again with its initial value while unpatched code goes on " +
		"using the old one.",
	Remedy:   "Leave the definition where it is and move only what the fix needs, or give the new one a new name.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		gone, made := make(map[string]*change), make(map[string]Finding)
		note := func(c *change, name string, old, new, static bool, line int) {
			switch {
			case static || !isSource(c.Path):
			case old && !new:
				gone[name] = c
			case new && !old:
				made[name] = c.finding(line, name, "%s", name)
			}
		}
		in.funcs(func(c *change, f csource.FuncChange) {
			def := f.New
			if def == nil {
				def = f.Old
			}
			note(c, funcName(f), f.Old != nil, f.New != nil, def.Static || isInit(def.Section), funcLine(f))
		})
		in.vars(func(c *change, v csource.VarChange, owner string) {
			def := v.New
			if def == nil {
				def = v.Old
			}
			if owner == "" && !def.Extern {
				note(c, def.Name, v.Old != nil && !v.Old.Extern, v.New != nil && !v.New.Extern, def.Static || isInit(def.Section), varLine(v))
			}
		})
		var list []Finding
		for name, f := range made {
			if from := gone[name]; from != nil && from.Path != f.File {
				f.Message = name + " moves here from " + from.Path + ": the loader sees a new symbol with a name that exists"
				list = append(list, f)
			}
		}
		slices.SortFunc(list, func(a, b Finding) int { return strings.Compare(a.Symbol, b.Symbol) })
		return list
	},
}
