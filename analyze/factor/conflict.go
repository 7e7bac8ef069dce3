package factor

import (
	"fmt"
	"strings"
)

var conflict = Rule{
	ID:    "conflict",
	Title: "Patch that does not fit the base",
	Explanation: "Advisories are written for the tip of a stable branch. livepatch-build applies with patch -p1 --fuzz=0, and " +
		"one hunk that does not fit ends it. What the ported patch will do to the base can only be guessed from the text.",
	Remedy:   "Port the patch (lpready port lists what is missing), then assess the ported one.",
	Severity: Change,
	Class:    Unknown,
	Check: func(in *Input) []Finding {
		if in.Fit == nil || in.Fit.Status != "conflicts" && in.Fit.Status != "missing" {
			return nil
		}
		if !strings.HasPrefix(strings.Join(Scopes(in.Patches), " "), "hypervisor/") {
			return nil
		}
		message := fmt.Sprintf("the patch does not fit this base (%s) and has to be ported first", in.Fit.Status)
		if n := len(in.Fit.Detail); n > 0 {
			message += ": " + in.Fit.Detail[0]
			if n > 1 {
				message += fmt.Sprintf(", and %s", count(n-1, "more place"))
			}
		}
		return []Finding{{Message: message, Evidence: Tree}}
	},
}
