package factor

import (
	"path"
	"slices"
	"strings"
)

var generatedHeader = Rule{
	ID:    "generated-header",
	Title: "Input of a generated header",
	Explanation: "The build makes headers out of these files. cpufeatureset.h and gen-cpuid.py make the feature tables and the " +
		"bit-fields of struct cpu_policy: tables grow (\"object size mismatch: feature_names\", XSA-434 and 435) and live " +
		"policies get new bits. asm-offsets.c makes the offsets that assembly uses. The flask policy's access vectors " +
		"make permission tables, xlat.lst the compat translation.",
	Remedy: "Do not add the name: test the bit or the value by number in the code that needs it, and let a load hook set it " +
		"in the policies that exist.",
	Severity: Blocker,
	Class:    Hard,
	Check: func(in *Input) []Finding {
		var list []Finding
		report := func(name, makes string, line int) {
			f := Finding{File: name, Line: line, Message: name + " makes " + makes}
			if strings.HasPrefix(makes, "the XSM") || strings.HasPrefix(makes, "the compat") {
				f.Severity, f.Class = Change, Adapt
				f.Remedy = "Keep the generated tables as they are: use a permission or structure that exists."
			}
			list = append(list, f)
		}
		for _, c := range in.facts().changes {
			if makes := c.generates(); makes != "" && c.declares(in) {
				line := 0
				if len(c.newLines) > 0 {
					line = c.newLines[0].Start
				}
				report(c.Path, makes, line)
			}
		}
		for _, part := range in.facts().idle { // build tools and the policy are no hypervisor code by their path
			makes := generators[part.path]
			policy := strings.HasPrefix(makes, "the XSM")
			if makes == "" || part.kind != idleElsewhere || policy && in.Config != nil && !in.Config.On("CONFIG_XSM_FLASK") ||
				!policy && in.arch() != "x86" {
				continue
			}
			report(part.path, makes, 0)
		}
		return list
	},
}

// generators are the files from which the build makes headers.
var generators = map[string]string{
	"xen/include/public/arch-x86/cpufeatureset.h": "the CPU feature tables and the bits of struct cpu_policy",
	"xen/tools/gen-cpuid.py":                      "the CPU feature tables and the bits of struct cpu_policy",
	"xen/arch/x86/x86_64/asm-offsets.c":           "the offsets that assembly uses",
	"xen/arch/arm/arm64/asm-offsets.c":            "the offsets that assembly uses",
	"xen/arch/arm/arm32/asm-offsets.c":            "the offsets that assembly uses",
	"xen/include/xlat.lst":                        "the compat translation of hypercall structures",
	"xen/xsm/flask/policy/access_vectors":         "the XSM permission tables",
	"xen/xsm/flask/policy/security_classes":       "the XSM permission tables",
	"xen/xsm/flask/policy/initial_sids":           "the XSM permission tables",
}

// generates says what the build makes out of a file, empty if nothing.
func (c *change) generates() string { return generators[c.Path] }

// declares tells whether the change is more than comments.
func (c *change) declares(in *Input) bool {
	switch path.Ext(c.Path) {
	case ".h":
		return slices.ContainsFunc(in.hunkLines(c.Path), func(l hunkLine) bool {
			return strings.HasPrefix(strings.TrimSpace(l.text), "XEN_CPUFEATURE(")
		})
	case ".c":
		return len(c.Funcs) > 0
	}
	for _, l := range in.hunkLines(c.Path) {
		if text := strings.TrimSpace(l.text); text != "" && !strings.HasPrefix(text, "#") {
			return true
		}
	}
	return false
}
