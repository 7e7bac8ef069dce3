package factor

var alreadyFixed = Rule{
	ID:    "already-fixed",
	Title: "Fix that the base has",
	Explanation: "The patch applies in reverse: every line that it would add stands in the base's source. livepatch-build " +
		"would stop at the patch, and a payload would change nothing.",
	Remedy:   "Confirm it in the base's changelog; nothing is to be built.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		if in.Fit == nil || in.Fit.Status != "applied" {
			return nil
		}
		return []Finding{{Message: "the base already has it: the patch applies in reverse", Class: NotNeeded, Evidence: Tree}}
	},
}
