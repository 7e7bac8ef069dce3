package factor

import (
	"slices"

	"lpready/analyze/csource"
	"lpready/analyze/reach"
)

var linkageChange = Rule{
	ID:    "linkage-change",
	Title: "Static becomes global, or the reverse",
	Explanation: "create-diff-object compares binding, type and visibility of symbols of the same name and stops at a " +
		"difference (\"symbol info mismatch\"). A static function that gcc had inlined everywhere has no symbol before, " +
		"and is then simply new.",
	Remedy:   "Leave the old symbol as it is and give the new one a new name; the old function stays behind unused.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old == nil || f.New == nil || f.Old.Static == f.New.Static || isHeader(c.Path) || isInit(f.Old.Section) {
				return
			}
			if f.Old.Inline == csource.InlineAlways || f.New.Inline == csource.InlineAlways {
				return
			}
			found := c.finding(f.Old.NameLine, f.Old.Name, "%s() %s", f.Old.Name, becomes(f.New.Static))
			if in.oneSided(c.Path, f.Old.Name) {
				found.Severity = Info
				found.Message += "; while it is static it is likely to be inlined everywhere, so no two symbols differ"
			}
			list = append(list, found)
		})
		in.vars(func(c *change, v csource.VarChange, owner string) {
			if v.Old != nil && v.New != nil && v.Linkage && owner == "" && !v.Old.Extern && !v.New.Extern && v.Old.Static != v.New.Static &&
				!isInit(v.Old.Section) {
				list = append(list, c.finding(v.Old.Start, v.Old.Name, "%s %s", v.Old.Name, becomes(v.New.Static)))
			}
		})
		return list
	},
}

// oneSided tells whether the prediction gives the function a symbol only before
// or only after the change.
func (in *Input) oneSided(path, name string) bool {
	return in.Reach != nil && slices.ContainsFunc(in.Reach.Functions, func(f reach.Function) bool {
		return f.File == path && f.Name == name && (f.Change == "new" || f.Change == "removed")
	})
}

func becomes(static bool) string {
	if static {
		return "was global and becomes static"
	}
	return "was static and becomes global"
}
