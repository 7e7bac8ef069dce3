package factor

import (
	"strings"

	"lpready/analyze/objdiff"
)

var differRefuses = Rule{
	ID:    "differ-refuses",
	Title: "Object that the differ refuses",
	Explanation: "The objects were compiled before and after and compared with the semantics of create-diff-object: it would " +
		"stop here, in these words, and no payload comes out.",
	Remedy:   "Adapt the patch as the finding on the same symbol says; then compare again (lpready probe).",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		return in.proven(func(d *objdiff.Diff) []Finding {
			if d.Verdict != objdiff.Refused {
				return nil
			}
			return []Finding{objectf("", "%s: %s", d.Path, strings.Join(d.Refusals, "; "))}
		})
	},
}
