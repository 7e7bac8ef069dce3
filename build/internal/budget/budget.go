// Package budget shares out the processors of a machine, and with them its memory,
// among all that a run compiles and compares at once.
//
// A share is one processor and the memory that one compiler or one comparison
// needs; who wants several gets them together, in the order of asking, so that a
// whole build is not starved by single compilers. It cannot see what other programs
// use.
package budget

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

// ShareBytes is the memory that one share stands for. The largest single process of
// a hypervisor's build on x86-64 with debugging information is the linker of
// xen-syms; compilers and the differ stay below half of it.
const ShareBytes = 512 << 20

// A Budget is a number of shares.
type Budget struct {
	shares chan struct{}
	turn   chan struct{} // of whoever collects several
	freed  atomic.Int64  // when a share was given back while none was left, in nanoseconds
}

// New makes a budget of as many shares as jobs and memory allow, at least one. Zero
// jobs are the processors of the machine; zero memory, in bytes, is no limit.
func New(jobs int, memory int64) *Budget {
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	if memory > 0 {
		jobs = max(1, min(jobs, int(memory/ShareBytes)))
	}
	return &Budget{shares: make(chan struct{}, jobs), turn: make(chan struct{}, 1)}
}

// Size is the number of shares.
func (b *Budget) Size() int { return cap(b.shares) }

// lull is how long a share is left when nobody is about to take it: whoever compiles much
// gives one back and takes the next at once.
const lull = 100 * time.Millisecond

// Idle tells whether a share has been left for a while.
func (b *Budget) Idle() bool {
	return len(b.shares) < cap(b.shares) && time.Since(time.Unix(0, b.freed.Load())) >= lull
}

// Take waits for shares, at most all there are. The error is the context's.
func (b *Budget) Take(ctx context.Context, n int) error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for i := range min(n, b.Size()) {
		select {
		case b.shares <- struct{}{}:
		case <-ctx.Done():
			b.Give(i)
			return context.Cause(ctx)
		}
	}
	return nil
}

// Give returns shares that were taken.
func (b *Budget) Give(n int) {
	if len(b.shares) == cap(b.shares) {
		b.freed.Store(time.Now().UnixNano())
	}
	for range min(n, b.Size()) {
		<-b.shares
	}
}
