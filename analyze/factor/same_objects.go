package factor

var sameObjects = Rule{
	ID:    "same-objects",
	Title: "Objects that come out the same",
	Explanation: "Everything that the patch can reach was compiled before and after, and no object differs in code or data: " +
		"create-diff-object would end with \"no functional change\", and rightly so.",
	Remedy:   "Nothing to build for this base.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		if in.Proof == nil || in.Proof.Trees == nil || in.Proof.changed() || !in.hypervisor() {
			return nil
		}
		message := "no object that this base compiles sees the change"
		if in.Proof.Compiled > 0 {
			message = count(in.Proof.Compiled, "object") + " compiled before and after: none differs in code or data"
		}
		return []Finding{{Message: message, Class: NotNeeded, Evidence: Object}}
	},
}

// hypervisor tells whether the patch touches anything of this base's hypervisor.
func (in *Input) hypervisor() bool { return len(in.facts().changes) > 0 }
