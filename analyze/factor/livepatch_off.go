package factor

var livepatchOff = Rule{
	ID:    "livepatch-off",
	Title: "Hypervisor without live patching",
	Explanation: "Without CONFIG_LIVEPATCH the hypervisor has no loader (xen/common/livepatch.c is not compiled): no payload " +
		"of any kind can be uploaded to it.",
	Remedy:   "Ship a new hypervisor and reboot into it; turn CONFIG_LIVEPATCH on in it, so that the next fix can be live.",
	Severity: Blocker,
	Class:    Reboot,
	Check: func(in *Input) []Finding {
		if in.Config == nil || in.Config.On("CONFIG_LIVEPATCH") {
			return nil
		}
		for _, c := range in.facts().changes {
			if !in.unmoved(c) {
				return []Finding{{Symbol: "CONFIG_LIVEPATCH", Message: "this base is built without CONFIG_LIVEPATCH: it cannot load a payload"}}
			}
		}
		return nil
	},
}
