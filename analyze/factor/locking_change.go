package factor

import "regexp"

var lockingChange = Rule{
	ID:    "locking-change",
	Title: "Locking changes",
	Explanation: "The number of lock and unlock calls of a function changes. Payloads are applied with all CPUs stopped and no " +
		"stack inside hypervisor code that waits, so a lock is not held across the switch by a running function; but " +
		"state that old code left unprotected, lock order against functions that are not replaced, and locks handed " +
		"from one call to a later one (a hypercall continuation) can disagree. No tool sees it.",
	Remedy:   "Read all users of the lock and of the data: does every path that is not in the payload agree with the new protocol? If not, replace it too, or accept both protocols.",
	Severity: Review,
	Check:    countsOf(isLock),
}

var (
	lockName = regexp.MustCompile(`(^|_)(try|un)?lock(_(irq|irqsave|irqrestore|recursive|double|both|cb))?$|^local_irq_(dis|en)able$|^local_irq_(save|restore)$|^(preempt_(dis|en)able)$|^(read|write)_seqcount_`)
	rcuName  = regexp.MustCompile(`^rcu_(un)?lock_|^rcu_dereference`)
)

func isLock(name string) bool { return lockName.MatchString(name) && !rcuName.MatchString(name) }
