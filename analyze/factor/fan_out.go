package factor

var fanOut = Rule{
	ID:    "fan-out",
	Title: "Change that fans out",
	Explanation: "Every function in a payload is replaced at once and must be safe to replace. A few are read by a person; " +
		"hundreds are not, and 2 MiB is the limit of a payload.",
	Remedy:   "Find what carries the change into so many functions (a macro, an inline function, a structure) and make the fixed version under a new name for the few places that need it.",
	Severity: Blocker,
	Class:    Hard,
	Check: func(in *Input) []Finding {
		const (
			several = 30
			many    = 100
		)
		n := 0
		objects := make(map[string]bool)
		if in.Proof != nil && in.Proof.Trees != nil {
			return in.fannedOut(several, many)
		}
		if in.Reach == nil {
			return nil
		}
		for _, f := range in.Reach.Functions {
			if f.Change == "edited" || f.Change == "affected" {
				n++
				objects[f.Object] = true
			}
		}
		if n < several {
			return nil
		}
		return []Finding{fan(n, many, count(n, "function")+" of "+count(len(objects), "object")+" are predicted to change")}
	},
}

// fannedOut counts the functions of the payload.
func (in *Input) fannedOut(several, many int) []Finding {
	n, objects := 0, 0
	for _, d := range in.Proof.Trees.Objects {
		n += len(d.Functions)
		objects += min(len(d.Functions), 1)
	}
	if n < several {
		return nil
	}
	f := fan(n, many, count(n, "function")+" of "+count(objects, "object")+" change")
	f.Evidence = Object
	return []Finding{f}
}

func fan(n, many int, message string) Finding {
	f := Finding{Message: message}
	if n < many {
		f.Severity = Review
	}
	return f
}
