package factor

import (
	"fmt"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

var hypervisorCode = Rule{
	ID:    "hypervisor-code",
	Title: "Code that this base runs",
	Explanation: "Something in this file changes what the compiler sees with this base's configuration, so the base needs " +
		"a live patch (or a reboot). The other findings say whether the patch can be taken as it is.",
	Remedy:   "Build the payload and read the differ's log.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			if !isSource(c.Path) && !isHeader(c.Path) {
				continue
			}
			var names []string
			for _, f := range c.Funcs {
				names = append(names, funcName(f))
			}
			message := "changes in " + c.Path
			names = slices.Compact(names)
			if len(names) > 0 {
				message = fmt.Sprintf("%s in %s (%s)", count(len(names), "function"), c.Path, some(names))
			}
			if c.seen != nil {
				message += ", compiled into " + count(len(c.seen), "object")
			}
			f := c.finding(0, "", "%s", message)
			f.Class = Clean
			if in.unmoved(c) {
				f.Class = NotNeeded
				f.Message += "; no function of any object comes out differently"
			}
			list = append(list, f)
		}
		return list
	},
}

// unmoved tells whether the prediction, which compares preprocessed functions,
// found every one unchanged although the source is edited: what was edited
// expands to the same in this configuration. It is only believed for edits of
// functions and macros.
func (in *Input) unmoved(c *change) bool {
	r := in.Reach
	if r == nil || r.Rebuilt == 0 || len(r.Functions)+len(r.Init)+len(r.Inlined)+len(r.Units) > 0 || !strings.HasSuffix(c.Path, ".c") {
		return false
	}
	edits := !slices.ContainsFunc(c.Funcs, func(f csource.FuncChange) bool { return f.Old == nil || f.New == nil })
	return edits && len(c.Types)+len(c.Vars)+len(c.Statics)+len(c.Calls) == 0 && !c.Lost && !c.Asm
}
