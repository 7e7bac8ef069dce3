package build

import (
	"time"
)

// An Event is one thing that happened, for progress and for automation.
type Event struct {
	Time    time.Time `json:"time"`
	Kind    string    `json:"event"` // run, base, cell, phase
	State   string    `json:"state"` // placing, planned, started, running, finished, kept, failed; of a cell its Status
	Cell    string    `json:"cell,omitempty"`
	Base    string    `json:"base,omitempty"`
	Phase   string    `json:"phase,omitempty"`
	Seconds float64   `json:"seconds,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	Done    int       `json:"done"`           // cells that are over
	Total   int       `json:"total"`          // cells
	Left    *float64  `json:"left,omitempty"` // seconds until all is over, by what phases have taken so far
}

// durations are what phases took, in this run and those before.
type durations struct {
	sum map[string]float64
	n   map[string]int
}

func (d *durations) learn(phase string, seconds float64) {
	if d.sum == nil {
		d.sum, d.n = map[string]float64{}, map[string]int{}
	}
	d.sum[phase] += seconds
	d.n[phase]++
}

// left forecasts how long the cells that are not over still take: the mean of each
// phase that they have before them, shared among what works at once. It is nil as long
// as a phase that lies before a cell was never seen.
func (d *durations) left(cells []*cell, atOnce int) *float64 {
	var all, longest float64
	for _, c := range cells {
		var own float64
		for _, phase := range c.ahead {
			if d.n[phase] == 0 {
				return nil
			}
			own += d.sum[phase] / float64(d.n[phase])
		}
		all += own
		longest = max(longest, own)
	}
	left := max(all/float64(atOnce), longest)
	return &left
}
