package factor

var lostLines = Rule{
	ID:    "lost-lines",
	Title: "Lines that the scanner cannot place",
	Explanation: "The scanner reads C without a compiler. Changed lines that it cannot attribute to a function, type, " +
		"variable or macro are not judged by any rule.",
	Remedy:   "Read these lines; compile before and after for certainty.",
	Severity: Review,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			if !c.Lost || c.generates() != "" {
				continue
			}
			f := c.finding(0, "", "some changed lines of %s belong to nothing that the scanner knows", c.Path)
			if len(c.Funcs)+len(c.Types)+len(c.Vars)+len(c.Statics) == 0 {
				f.Class = Unknown
			}
			list = append(list, f)
		}
		return list
	},
}
