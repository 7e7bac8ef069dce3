package factor

import (
	"fmt"
	"strings"

	"lpready/analyze/csource"
)

var dataInitialiser = Rule{
	ID:    "data-initialiser",
	Title: "Initial value of existing data",
	Explanation: "A payload replaces functions, never data that exists: create-diff-object refuses a changed .data, .bss or " +
		".rodata object (\"changed section ... not selected for inclusion\"), and data in .init sections has been used " +
		"and freed at boot; the differ leaves it out without a word.",
	Remedy:   "Test for the case in the reader before it looks the value up, or write the new value in a load hook (and the old one back in the unload hook).",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.vars(func(c *change, v csource.VarChange, owner string) {
			if v.Old == nil || v.New == nil || !v.Init || v.Old.Extern || isRegistration(v.Old.Macro) || in.ownedByInit(c, owner) {
				return
			}
			what := "initialised data"
			switch {
			case isInit(v.Old.Section):
				what = "boot-time data (" + v.Old.Section + "), read before the payload exists"
			case v.Old.Const || strings.Contains(v.Old.Type, "const"):
				what = "a constant table"
			}
			list = append(list, c.finding(v.Old.Start, v.Old.Name, "the initial value of %s changes: %s", v.Old.Name, what))
		})
		for _, k := range in.constants() {
			in.eachUse(k.name, func(path string, file *csource.File) {
				for i := range file.Vars {
					if v := &file.Vars[i]; !v.Extern && !isRegistration(v.Macro) && names(v.Init, k.name) {
						list = append(list, Finding{File: path, Line: v.Start, Symbol: v.Name,
							Message: fmt.Sprintf("the initial value of %s is made of %s, which changes in %s", v.Name, k.name, k.c.Path)})
					}
				}
			})
		}
		return list
	},
}

// ownedByInit tells whether a static local belongs to code that is gone after
// boot; the differ ignores it together with its function.
func (in *Input) ownedByInit(c *change, owner string) bool {
	if owner == "" || c.before == nil {
		return false
	}
	for i := range c.before.Funcs {
		if c.before.Funcs[i].Name == owner {
			return in.life(c.Path, &c.before.Funcs[i]).Kind == csource.Init
		}
	}
	return false
}

// isParameter tells whether a macro makes a command-line parameter.
func isParameter(macro string) bool { return strings.HasSuffix(macro, "_param") }

// isRegistration tells whether a macro enters something that is defined
// elsewhere into a table, rather than defining data of its own.
func isRegistration(macro string) bool {
	return isParameter(macro) || strings.HasSuffix(macro, "initcall") || strings.HasSuffix(macro, "exitcall") ||
		strings.Contains(macro, "REGISTER") || strings.HasPrefix(macro, "LIVEPATCH_")
}
