package factor

import (
	"path"
	"slices"

	"lpready/analyze/csource"
	"lpready/analyze/objdiff"
)

var notInPayload = Rule{
	ID:    "not-in-payload",
	Title: "Edited function that no payload would hold",
	Explanation: "The patch edits the function, but after compiling it is in no changed object: neither under its own name nor " +
		"inside another function, nor refused. Either it compiles to the same code, or the object it belongs to is not part " +
		"of what was compared.",
	Remedy:   "Find out where the function's code is (objdump -dr of the object) and whether the running hypervisor needs the edit.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		if in.Proof == nil || in.Proof.Trees == nil {
			return nil
		}
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old == nil || f.New == nil || path.Ext(c.Path) != ".c" && path.Ext(c.Path) != ".h" || in.accounted(f.New.Name) {
				return
			}
			n := c.finding(funcLine(f), f.New.Name, "")
			n.Evidence = Object
			switch objects := in.objectsOf(c.Path); {
			case in.life(c.Path, f.New).Kind == csource.Init:
				return // init-code says so
			case isHeader(c.Path):
				n.Severity, n.Message = Info, f.New.Name+"() is edited, but no object holds it differently"
			case len(objects) > 0 || in.sees(c.Path):
				n.Severity, n.Message = Info, f.New.Name+"() is edited, but compiles to the same code"
			default:
				n.Message = f.New.Name + "() is edited, but no object of its file was compared"
			}
			list = append(list, n)
		})
		return list
	},
}

// accounted tells whether a function is in some object's difference.
func (in *Input) accounted(name string) bool {
	return slices.ContainsFunc(in.Proof.Trees.Objects, func(d *objdiff.Diff) bool { return held(d, name) })
}

// sees tells whether a file that is no unit of its own was compiled as part of one.
func (in *Input) sees(file string) bool {
	return slices.ContainsFunc(in.Proof.Trees.Objects, func(d *objdiff.Diff) bool {
		return slices.Contains(in.After.Includers(file), in.sourceOf(d.Path))
	})
}
