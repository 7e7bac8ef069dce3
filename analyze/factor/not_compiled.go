package factor

import "fmt"

var notCompiled = Rule{
	ID:    "not-compiled",
	Title: "Code that the configuration leaves out",
	Explanation: "Kbuild compiles what the base's .config selects, and the preprocessor keeps what it defines. The same fix " +
		"can need a live patch on one base and nothing on the next: XSA-477, 427 and 430 are in shadow paging code, " +
		"which one Debian build has and the following leaves out.",
	Remedy:   "Nothing to do on this base; check that the .config is really the one that was shipped.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, part := range in.facts().idle {
			if part.kind != idleConfig {
				continue
			}
			what := part.path
			if part.symbol != "" {
				what = part.symbol
			}
			list = append(list, Finding{File: part.path, Line: part.line, Symbol: part.symbol, Class: NotNeeded,
				Message: fmt.Sprintf("%s: left out, %s", what, part.why)})
		}
		return list
	},
}
