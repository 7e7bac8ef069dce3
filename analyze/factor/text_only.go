package factor

import (
	"strings"

	"lpready/analyze/csource"
)

var textOnly = Rule{
	ID:    "text-only",
	Title: "What the patch alone cannot tell",
	Explanation: "Without the base's source nobody can say whether its configuration compiles the code, when a function runs, " +
		"who uses a header and what gcc inlines. An edit inside an ordinary function of a .c file is very probably what " +
		"it seems; an edit of a header, of CPU set-up or of boot code is not.",
	Remedy:   "Give the base's source and .config (--source, --config, or a vendor profile).",
	Severity: Review,
	Check: func(in *Input) []Finding {
		if in.After != nil {
			return nil
		}
		var list []Finding
		for _, c := range in.facts().changes {
			if why := doubt(c); why != "" {
				f := c.finding(0, "", "%s: %s", c.Path, why)
				f.Class = Unknown
				list = append(list, f)
			}
		}
		return list
	},
}

// doubt says what a fragment may hide, empty if it is plain function code.
func doubt(c *change) string {
	for _, part := range []string{"/cpu/", "/boot/", "setup.c", "smpboot.c", "spec_ctrl.c", "dom0_build.c", "_init.c", "/efi/",
		"/acpi/", "cpu-policy.c", "cpuid.c", "/microcode", "alternative.c", "cpuerrata.c"} {
		if strings.Contains(c.Path, part) {
			return "much of this file runs only at boot or when a CPU comes up"
		}
	}
	if isHeader(c.Path) {
		for _, f := range c.Funcs {
			if f.Old != nil {
				return "it is a header; who uses " + funcName(f) + "() cannot be told"
			}
		}
		if c.macroEffect() {
			return "it is a header; who uses its macros cannot be told"
		}
	}
	placed := len(c.Funcs) + len(c.Types) + len(c.Vars) + len(c.Statics) + len(c.Macros)
	if c.Lost || placed == 0 && isSource(c.Path) && !strings.HasSuffix(c.Path, ".S") {
		return "where the changed lines belong cannot be told"
	}
	for _, f := range c.Funcs {
		if f.Old != nil && f.Old.Inline != csource.InlineNone && isHeader(c.Path) {
			return "it edits an inline function"
		}
	}
	return ""
}
