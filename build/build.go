// Package build turns a batch of advisories and the bases of a vendor into a matrix
// of payloads, and keeps on the disk how far it came.
//
// Run places the recipes on the bases (build/port), has the bases compiled
// (build/kbuild) and the batch assessed as it was ported (analyze, build/probe), and
// makes cells of what is to be built: one for each recipe on each base, or one for
// all recipes of a base. A cell goes through its phases, the objects before and
// after, the payload by livepatch-build-tools (build/lpbt), and what a hypervisor
// would say to it (build/payload); after each, what came of it is on the disk, with
// digests of all that it was made from. A run that ends at any moment is continued by
// the next one on the same folder: a phase counts when its inputs are the same and
// its files are whole, else it is done again, and the report says why.
//
// Cells run at once within a budget of processors and memory, those first that are
// likeliest to be shipped; a cell that stands on another's payload waits for it.
//
// A payload is called ready where the assessment is clean and all checks accept it.
// What neither sees, the package does not see; see analyze/factor and build/payload.
package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/build/internal/budget"
	"lpready/build/internal/lock"
	"lpready/build/lpbt"
	"lpready/build/port"
	"lpready/build/probe"
	"lpready/build/workers"
	"lpready/vendors"
)

// A Grouping says which recipes of a base go into one payload.
type Grouping string

const (
	Separate   Grouping = "separate"   // one each, for the base alone, with what it needs of the batch
	Stacked    Grouping = "stacked"    // one each, to be applied on top of the one before
	Cumulative Grouping = "cumulative" // one for all
)

// Groupings lists all of them.
var Groupings = []string{string(Separate), string(Stacked), string(Cumulative)}

// How the tool is driven, see build/lpbt.
const (
	Shared   = "shared"
	Faithful = "faithful"
)

// Modes lists both.
var Modes = []string{Shared, Faithful}

// A Base is what payloads are made for.
type Base struct {
	analyze.Base
	Vendor  *vendors.Base
	Source  vendors.Source
	Config  []byte // text of the .config
	Symbols string // the shipped xen-syms; empty where it is not at hand
}

// A Request asks for the payloads of a batch.
type Request struct {
	Batch    *advisory.Batch
	Bases    []Base
	Vendor   string
	Policy   vendors.Policy
	Upstream *port.Upstream // where to look for prerequisites; nil for nowhere
	Use      *port.Finished // patches ported by hand; nil for none
	Revised  func(xsa int, base string) string

	Grouping Grouping
	Mode     string
	Tool     *lpbt.Tool
	Strip    bool
	Prelink  bool
	Limit    time.Duration // for one run of the tool; 0 is none

	Classes []analyze.Class // to be built; nil: all that a live patch can give
	XSAs    []int           // to be built; nil: all
	Only    []string        // cells to be worked on, by their ID; nil: all
	Retry   bool            // do again what failed for good

	Work    string // folder for all that is kept
	Cache   string // folder of lpready's caches
	Version string // of this program
	Cross   string // prefix of the compiler and binutils
	Jobs    int    // processes at once; 0 is as many as processors
	Memory  int64  // bytes for them all; 0 is no limit
	Naming  Naming
	Boot    *Booting      // nil: no hypervisor is asked
	Workers *workers.Conn // nil: all is done here

	Now   func() time.Time
	Event func(Event) // where set, is told what goes on; not at the same time
}

// ErrBusy is the error, wrapped, where another run works in the same folder.
var ErrBusy = lock.ErrBusy

// Run builds the matrix. An error is about the machine, the tool or the input as a
// whole, ErrBusy among them; what goes wrong with one cell stands in the report.
func Run(ctx context.Context, req Request) (*Report, error) {
	var err error
	if req.Work, err = filepath.Abs(req.Work); err != nil { // compilers work in folders of their own
		return nil, err
	}
	if err := os.MkdirAll(req.Work, 0o700); err != nil {
		return nil, err
	}
	held, err := lock.Try(filepath.Join(req.Work, "lock"), true)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.Work, err)
	}
	defer held.Release()
	m := &matrix{Request: req, budget: budget.New(req.Jobs, req.Memory), started: req.Now(), laid: map[string]string{}}
	m.report = &Report{Schema: analyze.Schema, Command: "build", Vendor: req.Vendor, Generated: m.started.UTC().Truncate(time.Second),
		Grouping: req.Grouping, Mode: req.Mode, Tool: Tool{Version: req.Tool.Version, Digest: req.Tool.Digest, Dir: req.Tool.Dir}}
	if err := m.open(); err != nil {
		return nil, err
	}
	defer m.close()
	if err := m.plan(ctx); err != nil {
		return nil, err
	}
	m.event(Event{Kind: "run", State: "planned", Total: len(m.cells)})
	m.runAll(ctx)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: what is finished is kept in %s", context.Cause(ctx), req.Work)
	}
	m.finish()
	return m.report, m.publish()
}

// A matrix is one run.
type matrix struct {
	Request
	budget  *budget.Budget
	started time.Time
	report  *Report
	placed  *port.Result
	prober  *probe.Prober
	bases   []*base
	cells   []*cell // in the order of the report

	mu    sync.Mutex // of what follows, and of Event
	times durations
	done  int
	laid  map[string]string // what the objects of trials are stored under, see build/workers
}

// Names below Work.
const (
	scratchDir = "scratch" // of no use after the run
	stateDir   = "state"
	cellsDir   = "cells" // below that and the base: the folders of a base and of a cell do not meet
	outDir     = "out"   // what is shipped, and the evidence
	asidePart  = ".new-"
)

func (m *matrix) open() error {
	scratch := filepath.Join(m.Work, scratchDir)
	left, err := filepath.Glob(filepath.Join(m.Work, outDir+asidePart+"*"))
	if err != nil {
		return err
	}
	for _, name := range append(left, scratch) { // of a run that was killed
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	m.prober, err = probe.New(scratch)
	return err
}

func (m *matrix) close() {
	m.prober.Close()
	os.RemoveAll(filepath.Join(m.Work, scratchDir)) // else the next run does it
}

func (m *matrix) event(e Event) {
	if m.Event == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tell(e)
}

// tell passes an event on. The caller holds mu.
func (m *matrix) tell(e Event) {
	if m.Event == nil {
		return
	}
	e.Time, e.Done = m.Now().UTC(), m.done
	if e.Total == 0 {
		e.Total = len(m.cells)
	}
	m.Event(e)
}

// atOnce is how many cells are worked on here at once. Where workers do it, all wait for
// them.
func (m *matrix) atOnce() int {
	if m.Workers != nil {
		return max(1, len(m.cells))
	}
	return m.budget.Size() + 1
}

// runAll works on all cells, as many at once as there are shares: what waits for a
// share waits in the order in which it began.
func (m *matrix) runAll(ctx context.Context) {
	queue := slices.Clone(m.cells)
	slices.SortStableFunc(queue, func(a, b *cell) int { return cmp.Compare(a.priority, b.priority) })
	var wg sync.WaitGroup
	gate := make(chan struct{}, m.atOnce())
	finished := make(chan struct{}, len(queue))
	for len(queue) > 0 {
		i := slices.IndexFunc(queue, func(c *cell) bool { return c.on == nil || c.on.over() })
		if i < 0 {
			<-finished
			continue
		}
		c := queue[i]
		queue = slices.Delete(queue, i, i+1)
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { close(c.ended); finished <- struct{}{}; <-gate }()
			m.runCell(ctx, c)
		})
	}
	wg.Wait()
}

// runCell works on one cell and records what came of it.
func (m *matrix) runCell(ctx context.Context, c *cell) {
	if c.Status != "" || ctx.Err() != nil { // decided before
		m.end(c)
		return
	}
	err := m.work(ctx, c)
	var failure *Failure
	switch {
	case err == nil:
	case errors.As(err, &failure):
		c.fail(failure)
	case ctx.Err() != nil:
		return
	default:
		c.fail(&Failure{Kind: lpbt.Machine, Cause: err.Error(), Remedy: "see to the machine, then run it again"})
	}
	m.end(c)
}

func (m *matrix) end(c *cell) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done++
	c.ahead = nil
	m.tell(Event{Kind: "cell", State: string(c.Status), Cell: c.ID, Base: c.Base, Detail: c.Why, Left: m.times.left(m.cells, m.width())})
}
