package factor

import "path"

var newFile = Rule{
	ID:    "new-file",
	Title: "New or renamed source file",
	Explanation: "A new object has no original to be compared with. livepatch-build copies it from a path that misses xen/, " +
		"cp fails unnoticed and the payload \"succeeds\" without the new code (fixed in the tool of February 2024). A " +
		"renamed file is a new object whose local symbols no longer match the running hypervisor's.",
	Remedy:   "Fold the new code into a file that exists, at its end.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			if isSource(c.Path) && path.Ext(c.Path) == ".c" && c.before == nil && c.after != nil {
				list = append(list, c.finding(0, "", "%s is a new file", c.Path))
			}
		}
		return list
	},
}
