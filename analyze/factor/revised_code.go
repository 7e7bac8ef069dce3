package factor

var revisedCode = Rule{
	ID:    "revised-code",
	Title: "Code that changed since the version before",
	Explanation: "An earlier version of the advisory came along, and its patches do something else. What was ported, adapted, " +
		"built or tested from that version is not this fix.",
	Remedy:   "Redo what was done with the version before: lpready revise OLD NEW says what, and how long it takes.",
	Severity: Review,
	Check: func(in *Input) []Finding {
		if in.Revised == "" {
			return nil
		}
		return []Finding{{Message: in.Revised}}
	},
}
