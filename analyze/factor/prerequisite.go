package factor

import "strings"

var prerequisite = Rule{
	ID:    "prerequisite",
	Title: "Patch that stands on another of the batch",
	Explanation: "The recipe applies to the base only after others of the same batch. A payload of it alone cannot be built, and " +
		"whoever drops one of the others drops this one too.",
	Remedy:   "Build it together with what it stands on, in that order, as one cumulative payload or stacked by --depends.",
	Severity: Review,
	Check: func(in *Input) []Finding {
		if in.Fit == nil || len(in.Fit.Needs) == 0 {
			return nil
		}
		return []Finding{{Message: "it applies only on top of " + strings.Join(in.Fit.Needs, ", "), Evidence: Tree}}
	},
}
