package factor

import "lpready/analyze/csource"

var signatureChange = Rule{
	ID:    "signature-change",
	Title: "Function with a new signature",
	Explanation: "All direct callers are compiled again and replaced together. But a pointer to the function that was stored " +
		"before (in a table, a timer, a notifier) leads old callers into the new code with the old arguments.",
	Remedy:   "Check that the function's address is not taken; if it is, add a new function and leave the old one.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old == nil || f.New == nil || !f.Static || isInit(f.Old.Section) || f.Old.Static != f.New.Static ||
				f.Old.Result == f.New.Result && f.Old.Params == f.New.Params {
				return
			}
			finding := c.finding(f.Old.NameLine, f.Old.Name, "the signature of %s() changes", f.Old.Name)
			if holder := in.addressTaken(f.Old.Name); holder != "" {
				finding.Severity = Review
				finding.Message += "; its address is kept in " + holder
			}
			list = append(list, finding)
		})
		return list
	},
}

// addressTaken finds a data initialiser of the base that names the function.
func (in *Input) addressTaken(name string) string {
	if in.Before == nil {
		return ""
	}
	for _, p := range in.Before.Mentions(name) {
		file := in.Before.File(p)
		if file == nil || !in.relevant(p) {
			continue
		}
		for i := range file.Vars {
			list := words(file.Vars[i].Init)
			for j, word := range list {
				if word == name && (j == 0 || list[j-1] != ".") { // not a member that has the same name
					return file.Vars[i].Name + " (" + p + ")"
				}
			}
		}
	}
	return ""
}
