package factor

import "fmt"

var compilerDiffers = Rule{
	ID:    "compiler-differs",
	Title: "Another compiler than the base's",
	Explanation: "Another version of the compiler inlines and lays out code differently: what a payload takes for unchanged may not be " +
		"what runs. Payloads have to be built with the compiler of the base.",
	Remedy:   "Use the compiler that the shipped xen-syms names (a chroot or container of the base's release); lpready probe --match tells the difference.",
	Severity: Review,
	Check: func(in *Input) []Finding {
		if in.Proof == nil || in.Proof.Recorded == "" {
			return nil
		}
		return []Finding{{Evidence: Object, Message: fmt.Sprintf("compared with %s; the base was compiled with %s", in.Proof.Compiler, in.Proof.Recorded)}}
	},
}
