package factor

import "strings"

var binaryFile = Rule{
	ID:          "binary-file",
	Title:       "Binary file",
	Explanation: "The patch carries a binary change below xen/; what it does to the hypervisor cannot be read from it.",
	Remedy:      "Find out what the file is and who uses it.",
	Severity:    Review,
	Check: func(in *Input) []Finding {
		var list []Finding
		for i := range in.Patches {
			for j := range in.Patches[i].Files {
				f := &in.Patches[i].Files[j]
				if f.Binary && strings.HasPrefix(Scope(f.Name()), "hypervisor/") {
					list = append(list, Finding{File: f.Name(), Class: Unknown, Message: f.Name() + " is a binary file"})
				}
			}
		}
		return list
	},
}
