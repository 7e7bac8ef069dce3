package analyze

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"time"

	"lpready/analyze/advisory"
	"lpready/analyze/csource"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
)

// A Base is one hypervisor that a vendor shipped, as far as it is at hand.
type Base struct {
	ID     string
	Xen    string         // such as "4.17"
	Arch   string         // folder below xen/arch; empty: what Config says, else x86
	Tree   fs.FS          // holds xen/; nil where the source is not at hand
	Config csource.Config // nil where unknown
}

// A Request asks for the assessment of a batch on bases.
type Request struct {
	Batch     *advisory.Batch
	Bases     []Base
	Vendor    string
	Model     *effort.Model // nil: the embedded one
	Generated time.Time
	Cache     string // folder of the index cache, empty for none
	Version   string // of this program: what another version cached is not used; empty for no cache

	// Revised, where set, tells how an advisory's code differs on a base from the
	// version before it, in one sentence; "" where it does not.
	Revised func(xsa int, base string) string

	// Prove, where set, compiles a cell before and after its patches and compares
	// the objects. No proof means that the base cannot be compiled here; an error
	// ends the assessment.
	Prove func(context.Context, Trial) (*factor.Proof, error)

	Jobs int // cells at once; 0 is as many as processors

	// Progress, where set, is called after each cell; not at the same time.
	Progress func(done, total int, what string)
}

// A Trial is one cell that is to be compiled: the files of the base's source that
// what comes before it changed, and those that are changed with it, with their
// content (nil: removed) and names from the root of the source.
type Trial struct {
	XSA                     int
	Base                    string
	Before, After           map[string][]byte
	BeforeIndex, AfterIndex *csource.Index
}

// Assess judges every advisory of the batch on every base. Cells come in the
// order of the batch, and of the bases within an advisory. The error is about
// the machine or the input as a whole; what goes wrong with one advisory stands
// in its cells and in the warnings of the report.
func Assess(ctx context.Context, req Request) (*Report, error) {
	if req.Model == nil {
		req.Model = effort.Default()
	}
	report := &Report{Schema: Schema, Command: "triage", Vendor: req.Vendor, Generated: req.Generated,
		Warnings: slices.Clone(req.Batch.Warnings)}
	var jobs []*job
	for i := range req.Bases {
		prepared, err := prepare(ctx, req, &req.Bases[i])
		if err != nil {
			return nil, fmt.Errorf("base %s: %w", req.Bases[i].ID, err)
		}
		queued, warnings := prepared.queue(req)
		for _, w := range warnings {
			report.Warnings = append(report.Warnings, fmt.Sprintf("base %s: %s", req.Bases[i].ID, w))
		}
		jobs = append(jobs, queued...)
	}
	cells, err := runAll(ctx, req, jobs)
	if err != nil {
		return nil, err
	}
	report.Cells = inOrder(jobs, cells, len(req.Bases))
	estimate(report.Cells, jobs, req.Model)
	report.Totals = Sum(report.Cells)
	return report, nil
}

// runAll assesses the jobs, as many at once as the request says.
func runAll(ctx context.Context, req Request, jobs []*job) ([]Cell, error) {
	cells, errs := make([]Cell, len(jobs)), make([]error, len(jobs))
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	gate := make(chan struct{}, cmp.Or(req.Jobs, runtime.GOMAXPROCS(0)))
	for i, j := range jobs {
		wg.Add(1)
		gate <- struct{}{}
		go func() {
			defer func() { <-gate; wg.Done() }()
			if ctx.Err() != nil {
				return
			}
			if req.Prove != nil {
				if j.proof, errs[i] = j.prove(ctx, req.Prove); errs[i] != nil {
					return
				}
			}
			cells[i] = j.assess()
			mu.Lock()
			defer mu.Unlock()
			done++
			if req.Progress != nil {
				req.Progress(done, len(jobs), fmt.Sprintf("%s on %s", j.name(), j.base.ID))
			}
		}()
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return cells, errors.Join(errs...)
}

// inOrder sorts cells, which come base by base, by advisory. It reorders jobs
// alike.
func inOrder(jobs []*job, cells []Cell, bases int) []Cell {
	order := make([]int, len(jobs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(jobs[a].position, jobs[b].position) })
	sortedCells, sortedJobs := make([]Cell, len(cells)), make([]*job, len(jobs))
	for to, from := range order {
		sortedCells[to], sortedJobs[to] = cells[from], jobs[from]
	}
	copy(jobs, sortedJobs)
	return sortedCells
}

// estimate fills in the hours: an advisory's first base that needs work is
// charged in full, the others at the model's fraction.
func estimate(cells []Cell, jobs []*job, model *effort.Model) {
	worked := map[int]bool{}
	for i := range cells {
		c, j := &cells[i], jobs[i]
		added, removed := j.size()
		work := effort.Work{Class: c.Class, Findings: c.Findings, Patches: len(c.Patches), Lines: added + removed,
			Functions: len(c.Functions), FirstBase: !worked[j.position], Scope: c.Scope}
		if c.Port != nil {
			work.Port = c.Port.Status
		}
		hours := model.Estimate(work)
		c.Hours = &hours
		if c.Class != factor.NotNeeded {
			worked[j.position] = true
		}
	}
}

// Sum adds up cells.
func Sum(cells []Cell) Totals {
	t := Totals{Cells: len(cells), ByClass: map[Class]int{}}
	var hours []Hours
	for _, c := range cells {
		t.ByClass[c.Class]++
		if c.Hours != nil {
			hours = append(hours, *c.Hours)
		}
	}
	t.Hours = effort.Sum(hours)
	return t
}
