package factor

import (
	"fmt"
	"strings"

	"lpready/analyze/csource"
)

var dataResized = Rule{
	ID:    "data-resized",
	Title: "Existing data with another size or type",
	Explanation: "create-diff-object pairs data objects by name and refuses another size (\"object size mismatch\"); the " +
		"old object stays where it is, so new code would run past its end. With the same size the old contents are " +
		"read as the new type.",
	Remedy:   "Put the additional data into a new variable with a new name and let the new code use both.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.vars(func(c *change, v csource.VarChange, owner string) {
			if v.Old == nil || v.New == nil || v.Old.Extern || v.New.Extern || isRegistration(v.Old.Macro) || in.ownedByInit(c, owner) {
				return
			}
			if f, ok := in.resized(c, v); ok {
				list = append(list, f)
			}
		})
		for _, k := range in.constants() {
			in.eachUse(k.name, func(path string, file *csource.File) {
				for i := range file.Vars {
					if v := &file.Vars[i]; !v.Extern && bound(v.Type, k.name) {
						list = append(list, Finding{File: path, Line: v.Start, Symbol: v.Name, Message: fmt.Sprintf(
							"the size of %s depends on %s, which changes from %s to %s in %s", v.Name, k.name, k.before, k.after, k.c.Path)})
					}
				}
			})
		}
		return list
	},
}

func (in *Input) resized(c *change, v csource.VarChange) (Finding, bool) {
	before, after := v.Old.Type, v.New.Type
	if v.Init && (strings.Contains(before, "[]") || strings.Contains(before, "[ ]")) {
		if was, is := elements(v.Old.Init), elements(v.New.Init); was != is {
			return c.finding(v.Old.Start, v.Old.Name, "%s goes from %d to %d elements", v.Old.Name, was, is), true
		}
	}
	if !v.Type || plain(before) == plain(after) {
		return Finding{}, false
	}
	f := c.finding(v.Old.Start, v.Old.Name, "%s was %s and becomes %s", v.Old.Name, before, after)
	switch in.compareSizes(before, after) {
	case sizeSame:
		f.Severity = Review
		f.Message += ", of the same size: what it holds now is read as the new type"
		f.Remedy = "Check that the values it can hold are valid under the new type."
	case sizeUnknown:
		f.Severity, f.Class = Review, Unknown
		f.Message += "; whether the size stays cannot be told from the source"
		f.Remedy = "Compile and compare the sizes of the symbol."
	}
	return f, true
}

// elements counts the top-level entries of an initialiser in braces.
func elements(init string) int {
	depth, n, pending := 0, 0, false
	for _, w := range words(init) {
		switch w {
		case "{", "(", "[":
			depth++
			pending = pending || depth > 1
		case "}", ")", "]":
			depth--
		case ",":
			if depth == 1 && pending {
				n, pending = n+1, false
			}
		default:
			pending = true
		}
	}
	if pending {
		n++
	}
	return n
}
