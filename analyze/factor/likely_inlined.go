package factor

import (
	"fmt"

	"lpready/analyze/csource"
)

var likelyInlined = Rule{
	ID:    "likely-inlined",
	Title: "Function that gcc inlines by itself",
	Explanation: "At -O2 gcc inlines small functions and static functions with one caller. Such a function has no symbol in " +
		"the running hypervisor; the differ then reports its callers as changed.",
	Remedy:   "Look for the callers in the differ's log, not for the function; add noinline only in the payload's copy and under a new name.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		if in.Reach != nil {
			for _, r := range in.Reach.Inlined {
				list = append(list, Finding{File: r.File, Symbol: r.Name,
					Message: fmt.Sprintf("%s() is inlined into %s", r.Name, some(r.Into))})
			}
			return list
		}
		if in.After == nil {
			return nil
		}
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old == nil || f.New == nil || !f.New.Static || f.New.Inline != csource.InlineNone || isInit(f.New.Section) || !isSource(c.Path) {
				return
			}
			if caller := onlyCaller(c, f.New); caller != nil {
				list = append(list, c.finding(f.Old.NameLine, f.New.Name, "%s() is static and called once, by %s(), which changes in its place",
					f.New.Name, caller.Name))
			}
		})
		return list
	},
}

// onlyCaller is the function that calls a static function of the same file, if
// it is the only one, calls it once, and nobody takes its address.
func onlyCaller(c *change, f *csource.Func) *csource.Func {
	if !f.Static || f.Inline == csource.InlineNever || c.after == nil || countWord(c.newSrc, f.Name) != 2 {
		return nil
	}
	for i := range c.after.Funcs {
		caller := &c.after.Funcs[i]
		for _, call := range calls(body(caller, c.newSrc, c.isActive)) {
			if call.name == f.Name && caller.Name != f.Name {
				return caller
			}
		}
	}
	return nil
}
