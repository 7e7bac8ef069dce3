package factor

import (
	"strconv"
	"strings"

	"lpready/analyze/csource"
)

var alternatives = Rule{
	ID:    "alternatives",
	Title: "Alternatives and alternative calls",
	Explanation: "The loader patches a payload's alternatives with the feature bits that the CPU has by then, so an " +
		"alternative keyed on an existing bit works. From Xen 4.21 on alternative_call() makes entries in " +
		".alt_call_sites, which the public differ does not carry over: the payload's calls stay unpatched.",
	Remedy:   "Check that the bit is one that exists and is final on the running host. On 4.21 and later use a differ that knows .alt_call_sites, or call the function directly.",
	Severity: Review,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			changed := c.callChanges(f, isAlternative)
			if len(changed) == 0 {
				return
			}
			finding := c.finding(funcLine(f), funcName(f), "%s(): %s", funcName(f), describe(changed))
			for _, call := range changed {
				if call.delta > 0 && strings.Contains(call.name, "call") && atLeast(in.Xen, 4, 21) {
					finding.Severity = Change
					finding.Message += "; on Xen " + in.Xen + " these calls are in .alt_call_sites"
					break
				}
			}
			list = append(list, finding)
		})
		return list
	},
}

func isAlternative(name string) bool {
	return strings.HasPrefix(name, "alternative") || strings.HasPrefix(name, "ALTERNATIVE") || name == "iommu_call" || name == "iommu_vcall"
}

// atLeast compares a version such as "4.17" or "4.17.5"; an unreadable one is older.
func atLeast(version string, major, minor int) bool {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(strings.TrimRight(second, "-abcdefghijklmnopqrstuvwxyz"))
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}
