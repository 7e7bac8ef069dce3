package factor

var unresolvedSymbol = Rule{
	ID:    "unresolved-symbol",
	Title: "Symbol that the hypervisor does not have",
	Explanation: "The payload refers to something that neither it nor the running hypervisor has under that name, or has more than " +
		"once: the loader refuses it (\"Unknown symbol\", xen/common/livepatch_elf.c) or the differ cannot tell which is meant.",
	Remedy:   "Take what is missing into the payload (the patch that adds it), or use what the hypervisor has.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		if in.Proof == nil {
			return nil
		}
		return in.references(in.Proof.Absent, "the payload's part of %s refers to %s, which the hypervisor does not have")
	},
}
