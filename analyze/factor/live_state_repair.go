package factor

import (
	"strings"

	"lpready/analyze/csource"
)

var liveStateRepair = Rule{
	ID:    "live-state-repair",
	Title: "Fix on a creation path",
	Explanation: "The function sets something up when a domain, vCPU, device or table is made. A payload fixes what is made " +
		"from then on; what exists keeps the state that the old code gave it.",
	Remedy:   "Decide whether existing objects must be repaired: a load hook can walk the domains (for_each_domain() under the RCU lock) and do it, or the release note says that only new ones are covered.",
	Severity: Review,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old == nil || f.New == nil || in.life(c.Path, f.New).Kind != csource.Runtime || !creates(f.New.Name) {
				return
			}
			list = append(list, c.finding(f.Old.NameLine, f.New.Name, "%s() sets state up; what it made before the payload is applied stays as it is", f.New.Name))
		})
		return list
	},
}

// creates tells whether one word of a function's name says that it makes or
// prepares something.
func creates(name string) bool {
	for _, word := range strings.Split(name, "_") {
		switch word {
		case "init", "initialise", "initialize", "create", "alloc", "setup", "construct", "build", "populate":
			return true
		}
	}
	return false
}
