package factor

var doesNotCompile = Rule{
	ID:    "does-not-compile",
	Title: "Patch that does not compile",
	Explanation: "The base compiles, and with the patch it does not: something is missing that the patch stands on, or it was " +
		"written for another version. livepatch-build stops at the same place.",
	Remedy:   "Look for the commit that brings what is missing (lpready port --upstream), or adapt the patch to the base.",
	Severity: Change,
	Class:    Unknown,
	Check: func(in *Input) []Finding {
		if in.Proof == nil || in.Proof.Failed == "" {
			return nil
		}
		file, line := splitPlace(in.Proof.FailedAt)
		return []Finding{{File: file, Line: line, Message: in.Proof.Failed, Evidence: Object}}
	},
}
