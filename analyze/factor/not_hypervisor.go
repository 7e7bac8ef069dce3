package factor

import "fmt"

var notHypervisor = Rule{
	ID:    "not-hypervisor",
	Title: "File outside the hypervisor",
	Explanation: "A live patch replaces functions of the running hypervisor. Toolstack, libraries, daemons, stub domains, " +
		"documentation, the XSM policy and files of other projects (QEMU, Linux) are not part of it: livepatch-build " +
		"does not even compile them.",
	Remedy:   "No live patch for this file: ship it with a package update and restart what uses it.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, part := range in.facts().idle {
			f := Finding{File: part.path, Class: NotNeeded}
			switch {
			case part.kind == idleDocs:
				f.Message = part.path + " is documentation"
				f.Remedy = "Nothing to load; publish the text."
			case part.kind != idleElsewhere:
				continue
			case part.why == scopeToolstack:
				f.Message = part.path + " belongs to the toolstack"
			case part.why == scopeFlask:
				f.Message = part.path + " belongs to the XSM policy"
				f.Remedy = "Load the new policy with xl loadpolicy, or at the next boot."
			default:
				f.Message = fmt.Sprintf("%s is not hypervisor code", part.path)
				f.Remedy = "No live patch for this file."
			}
			list = append(list, f)
		}
		return list
	},
}
