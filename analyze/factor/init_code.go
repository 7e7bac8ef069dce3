package factor

import (
	"fmt"

	"lpready/analyze/csource"
)

var initCode = Rule{
	ID:    "init-code",
	Title: "Code in an init section",
	Explanation: "__init code runs once while the machine boots and is freed afterwards. create-diff-object leaves .init " +
		"sections out and prints the same warning whether they changed or not: a fix that is half __init builds green " +
		"with that half missing (XSA-439, 446: \"no functional change\").",
	Remedy: "Write a load hook that brings about at run time what the init code would have set up (variables, policies, " +
		"MSRs on every CPU) and an unload hook that takes it back. Where the effect cannot be redone, such as " +
		"alternatives already patched in or page tables already built, the host needs a reboot.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		runtime := 0
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.New != nil && in.life(c.Path, f.New).Kind == csource.Runtime {
				runtime++
			}
		})
		rest := "nothing else of the patch is a function that runs later"
		if runtime > 0 {
			rest = fmt.Sprintf("the payload would hold the other %s and build without it", count(runtime, "function"))
		}
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			if in.life(c.Path, f.Old).Kind != csource.Init && (f.Old != nil || in.life(c.Path, f.New).Kind != csource.Init) {
				return
			}
			switch {
			case f.Old == nil:
				n := c.finding(f.New.NameLine, f.New.Name, "%s() is new and runs only while the machine boots", f.New.Name)
				n.Severity = Info
				list = append(list, n)
			case f.New == nil:
				n := c.finding(f.Old.NameLine, f.Old.Name, "%s() is removed; it ran only while the machine booted", f.Old.Name)
				n.Severity = Info
				list = append(list, n)
			default:
				list = append(list, c.finding(f.Old.NameLine, f.Old.Name, "%s() is init code: it has run and is gone; %s", f.Old.Name, rest))
			}
		})
		return list
	},
}
