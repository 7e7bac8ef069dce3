package factor

var headerReach = Rule{
	ID:    "header-reach",
	Title: "Header that many units include",
	Explanation: "Every object that includes the header is rebuilt and compared. That costs time, and each object is another " +
		"chance for the differ to stumble over something that did not change (the public tool rejects the unchanged " +
		"indirect-thunk.o whenever it is rebuilt) or for a side effect to slip in.",
	Remedy:   "Move the change into the .c files that need it, or declare it there; keep the header's line count.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		const many = 100
		var list []Finding
		for _, c := range in.facts().changes {
			if !isHeader(c.Path) || c.seen == nil {
				continue
			}
			f := c.finding(0, "", "%s of %d see this header", count(len(c.seen), "compiled object"), len(in.Units))
			if len(c.seen) >= many {
				f.Severity = Review
			}
			list = append(list, f)
		}
		return list
	},
}
