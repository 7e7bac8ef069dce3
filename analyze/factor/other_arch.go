package factor

import "fmt"

var otherArch = Rule{
	ID:          "other-arch",
	Title:       "Code of another architecture",
	Explanation: "The base's hypervisor is built for one architecture; files of another one are not compiled into it.",
	Remedy:      "Nothing to do on this base.",
	Severity:    Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, part := range in.facts().idle {
			if part.kind == idleArch {
				list = append(list, Finding{File: part.path, Class: NotNeeded,
					Message: fmt.Sprintf("%s is code for %s, this base is %s", part.path, part.why, in.arch())})
			}
		}
		return list
	},
}
