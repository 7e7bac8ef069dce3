package factor

import (
	"path"
	"slices"
	"strings"
)

var microcode = Rule{
	ID:    "microcode",
	Title: "Microcode",
	Explanation: "Microcode itself is loaded into CPUs, not patched into the hypervisor; a patch that brings a blob needs " +
		"a boot or a late load. The loading code runs when a CPU comes up and when an administrator loads microcode.",
	Remedy:   "Ship microcode with its package; use late loading only where the CPU vendor allows it.",
	Severity: Review,
	Class:    Reboot,
	Check: func(in *Input) []Finding {
		var list []Finding
		for i := range in.Patches {
			for j := range in.Patches[i].Files {
				name := in.Patches[i].Files[j].Name()
				if strings.HasPrefix(name, "xen/") && slices.Contains([]string{".bin", ".dat", ".ucode"}, path.Ext(name)) &&
					strings.Contains(strings.ToLower(name), "code") {
					list = append(list, Finding{File: name, Severity: Blocker, Message: name + " is microcode"})
				}
			}
		}
		for _, c := range in.facts().changes {
			if strings.Contains(c.Path, "/microcode") && isSource(c.Path) && len(c.Funcs) > 0 {
				list = append(list, c.finding(0, "", "%s loads microcode: it runs when a CPU comes up and on a late load", c.Path))
			}
		}
		return list
	},
}
