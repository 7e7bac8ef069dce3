package factor

import (
	"slices"
	"strings"

	"lpready/analyze/csource"
)

var opsTable = Rule{
	ID:    "ops-table",
	Title: "Retyped function pointer in a structure",
	Explanation: "A table of function pointers that exists in the running hypervisor holds the addresses of functions with " +
		"the old signature, in code that may not be replaced. After the patch callers pass or expect something else " +
		"through the same slot. XSA-438 changes only the type of update_cr3 in struct paging_mode: it builds, and every " +
		"implementation that the payload misses is called with the wrong contract.",
	Remedy: "Keep the old slot and signature; return the extra result through other means, or prove that every " +
		"function that any live table points to is replaced by the same payload.",
	Severity: Blocker,
	Class:    Hard,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			for _, t := range c.Types {
				if t.Old == nil || t.New == nil || t.Old.Kind == "enum" {
					continue
				}
				if t.Old.Kind == "typedef" && isFunction(t.Old.Of) && t.Old.Of != t.New.Of {
					list = append(list, in.functionTypedef(c, t)...)
				}
				for _, m := range t.Members {
					if c.memberChange(m) == csource.Retyped && isFunction(m.Old.Type) && plain(m.Old.Type) != plain(m.New.Type) {
						list = append(list, in.opsFinding(c, t, m))
					}
				}
			}
		}
		return list
	},
}

// functionTypedef finds structures that hold pointers of a function type which
// the patch changes.
func (in *Input) functionTypedef(c *change, t csource.TypeChange) []Finding {
	f := c.finding(t.Old.Start, t.Old.Name, "the function type %s was %s and becomes %s", t.Old.Name, t.Old.Of, t.New.Of)
	if in.Before == nil {
		return []Finding{f}
	}
	for _, p := range in.Before.Mentions(t.Old.Name) {
		file := in.Before.File(p)
		if file == nil || !in.relevant(p) {
			continue
		}
		for i := range file.Types {
			for _, m := range file.Types[i].Members {
				if slices.Contains(words(m.Type), t.Old.Name) {
					f.Message += "; " + m.Name + " of " + spell(file.Types[i].Kind, file.Types[i].Name) + " points to such functions"
					return []Finding{f}
				}
			}
		}
	}
	f.Severity = Review
	return []Finding{f}
}

func (in *Input) opsFinding(c *change, t csource.TypeChange, m csource.MemberChange) Finding {
	name := spell(t.Old.Kind, t.Old.Name)
	where, live := in.whereLive(t.Old.Kind, t.Old.Name)
	f := c.finding(m.Old.Line, name+"."+m.Name, "%s of %s was %s and becomes %s; %s", m.Name, name,
		strings.TrimSpace(m.Old.Type), strings.TrimSpace(m.New.Type), where)
	if !live {
		f.Severity = Review
	}
	return f
}
