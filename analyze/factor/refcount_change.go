package factor

import "regexp"

var refcountChange = Rule{
	ID:    "refcount-change",
	Title: "Reference counting changes",
	Explanation: "The number of get and put calls of a function changes. Objects that exist carry counts that old code made: " +
		"if a reference is now taken at one place and dropped at another, an object that passed the first under the old " +
		"code and the second under the new one leaks or is freed too early. No tool sees it.",
	Remedy:   "Follow one reference from get to put across the moment of patching; where they do not meet in one call, let a hook adjust what exists.",
	Severity: Review,
	Check:    countsOf(isReference),
}

var referenceName = regexp.MustCompile(`^(get|put)_(page|domain|knownalive_domain|gfn|pg_owner|pcidev|ref|vcpu|superpage)|` +
	`^(page_)?(get|put)_(owner_and_reference|and_type)|^atomic_(inc|dec|add|sub|set|cmpxchg)|refcnt|refcount|_(get|put)_ref$|` +
	`^rcu_(un)?lock_(remote_|live_remote_)?(domain|vcpu)|(^|_)(un)?pin(_|$)`)

func isReference(name string) bool { return referenceName.MatchString(name) }
