package factor

import (
	"path"
	"slices"

	"lpready/analyze/csource"
)

var ambiguousStatic = Rule{
	ID:    "ambiguous-static",
	Title: "Local symbol that exists several times",
	Explanation: "create-diff-object finds the old address of a static function by its name and its object's FILE symbol " +
		"(lookup_local_symbol). Where a source is compiled several times (shadow/multi.c, guest_walk.c), or two objects " +
		"share a file name, an older tool finds none or the wrong one.",
	Remedy:   "Check the addresses in the payload against xen-syms; use a differ with the FILE-symbol fixes, or rename the function.",
	Severity: Review,
	Check: func(in *Input) []Finding {
		if in.Units == nil {
			return nil
		}
		bases := make(map[string][]string)
		for source := range in.facts().units {
			bases[path.Base(source)] = append(bases[path.Base(source)], source)
		}
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old == nil || f.New == nil || !f.Old.Static || isHeader(c.Path) || inlined(f.Old) || isInit(f.Old.Section) {
				return
			}
			if n := len(in.facts().units[c.Path]); n > 1 {
				list = append(list, c.finding(f.Old.NameLine, f.Old.Name, "%s() exists %d times: %s is compiled into %d objects",
					f.Old.Name, n, c.Path, n))
				return
			}
			twins := bases[path.Base(c.Path)]
			slices.Sort(twins)
			for _, twin := range twins {
				if twin != c.Path && in.definesStatic(twin, f.Old.Name) {
					list = append(list, c.finding(f.Old.NameLine, f.Old.Name, "%s() also exists in %s, whose object has the same file name",
						f.Old.Name, twin))
				}
			}
		})
		return list
	},
}

func (in *Input) definesStatic(source, name string) bool {
	if in.Before == nil || in.Before.File(source) == nil {
		return false
	}
	return slices.ContainsFunc(in.Before.File(source).Funcs, func(f csource.Func) bool { return f.Static && f.Name == name })
}
