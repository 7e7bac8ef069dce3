package factor

import (
	"strings"

	"lpready/analyze/csource"
)

var bootOnly = Rule{
	ID:    "boot-only",
	Title: "Code that only boot code calls",
	Explanation: "The function is in .text, so it is put into the payload, but every caller is init code: it will not run again " +
		"before the next boot, and the payload changes nothing.",
	Remedy:   "Redo its effect from a load hook; the function can be called there if it is safe on a running host.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		return in.livesOf(csource.BootOnly, func(c *change, f csource.FuncChange, path string) Finding {
			return c.finding(funcLine(f), funcName(f), "%s() is only called by boot code (%s): it does not run again", funcName(f), path)
		})
	},
}

// livesOf reports edited functions that have a kind of life. Functions that the
// patch adds or removes follow from those that call them.
func (in *Input) livesOf(kind csource.LifeKind, report func(c *change, f csource.FuncChange, path string) Finding) []Finding {
	var list []Finding
	in.funcs(func(c *change, f csource.FuncChange) {
		def := f.New
		if def == nil {
			def = f.Old
		}
		life := in.life(c.Path, def)
		if life.Kind != kind {
			return
		}
		path := strings.Join(life.Path, " > ")
		if path == "" {
			path = "it is where that begins"
		}
		finding := report(c, f, path)
		if f.Old == nil || f.New == nil {
			finding.Severity = Info
		}
		list = append(list, finding)
	})
	return list
}
