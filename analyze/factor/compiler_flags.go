package factor

import (
	"path"
	"strings"
)

var compilerFlags = Rule{
	ID:    "compiler-flags",
	Title: "Compiler or linker flags",
	Explanation: "A flag changes the code of every function that is compiled with it. livepatch-build compiles original and " +
		"patched with the flags of their trees, so the whole hypervisor would differ: no payload can hold it. A flag for " +
		"one object changes every function of that object.",
	Remedy:   "Ship it with the next package; for one object, an attribute on the function in question can do the same.",
	Severity: Blocker,
	Class:    Reboot,
	Check: func(in *Input) []Finding {
		var list []Finding
		for i := range in.Patches {
			for j := range in.Patches[i].Files {
				name := in.Patches[i].Files[j].Name()
				if !isBuildFile(name) || strings.HasPrefix(Scope(name), "hypervisor/") && !in.ofThisArch(name) {
					continue
				}
				for _, l := range in.hunkLines(name) {
					text := strings.TrimSpace(l.text)
					if strings.HasPrefix(text, "#") || !isFlags(text) {
						continue
					}
					f := Finding{File: name, Line: l.line, Message: "compiler flags change: " + clip(text)}
					if strings.Contains(text, ".o:") || strings.Contains(text, "CFLAGS_") {
						f.Severity, f.Class = Change, Adapt
						f.Message = "compiler flags of one object change: " + clip(text)
					}
					list = append(list, f)
					break
				}
			}
		}
		return list
	},
}

// isBuildFile tells whether a file sets the hypervisor's flags: those below
// xen/, and Config.mk and the files it includes at the top.
func isBuildFile(name string) bool {
	base := path.Base(name)
	makefile := strings.HasPrefix(base, "Makefile") || strings.HasSuffix(base, ".mk") || strings.HasPrefix(base, "Kbuild")
	return makefile && (strings.HasPrefix(name, "xen/") && !strings.HasPrefix(name, "xen/tools/") ||
		name == "Config.mk" || strings.HasPrefix(name, "config/"))
}

func isFlags(text string) bool {
	for _, name := range []string{"CFLAGS", "AFLAGS", "LDFLAGS", "cc-option", "as-option"} {
		if strings.Contains(text, name) {
			return true
		}
	}
	return false
}

func (in *Input) ofThisArch(name string) bool {
	scope := Scope(name)
	return scope == scopeCommon || scope == "hypervisor/"+in.arch()
}
