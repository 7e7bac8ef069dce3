package factor

var noCodeChange = Rule{
	ID:    "no-code-change",
	Title: "Change without code",
	Explanation: "Comments, white space, declarations, constants that nothing old uses and compile-time checks " +
		"(BUILD_BUG_ON, ASSERT in a release build) leave the object code as it is; create-diff-object then ends with " +
		"\"no functional change\". Lines below may still move, see line-shift.",
	Remedy:   "Nothing to do for this part.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, part := range in.facts().idle {
			if part.kind != idleNothing {
				continue
			}
			what := part.path
			if part.symbol != "" {
				what = part.symbol
			}
			list = append(list, Finding{File: part.path, Line: part.line, Symbol: part.symbol, Class: NotNeeded,
				Message: what + ": " + part.why})
		}
		return list
	},
}
