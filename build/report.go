package build

import (
	"time"

	"lpready/analyze"
	"lpready/build/boot"
	"lpready/build/lpbt"
	"lpready/build/payload"
)

// A Status says how far a cell came.
type Status string

const (
	Ready    Status = "ready"    // built, accepted by every check, and the assessment is clean
	Built    Status = "built"    // built and accepted, but the assessment is not clean: a person has to look
	Refused  Status = "refused"  // built, and a check refuses it
	Failed   Status = "failed"   // no payload
	Blocked  Status = "blocked"  // what it stands on has no payload
	Unplaced Status = "unplaced" // the recipe does not fit the base
	LeftOut  Status = "left-out" // nobody asked for it, or no live patch can give it
	Nothing  Status = "nothing"  // there is nothing to be built for this base
)

// Statuses lists all of them, the best first.
var Statuses = []Status{Ready, Nothing, Built, Refused, Failed, Blocked, Unplaced, LeftOut}

// A Report is what came of a matrix. Its keys are those of the contract lpready/v1.
type Report struct {
	Schema    string    `json:"schema"`
	Command   string    `json:"command"`
	Vendor    string    `json:"vendor,omitempty"`
	Generated time.Time `json:"generated"`
	Grouping  Grouping  `json:"grouping"`
	Mode      string    `json:"mode"`
	Tool      Tool      `json:"tool"`
	Bases     []Host    `json:"bases"`
	Cells     []Cell    `json:"cells"` // in the order of the batch, and of the bases within an advisory
	Totals    Totals    `json:"totals"`
	Seconds   float64   `json:"seconds"`
	Out       string    `json:"out,omitempty"` // folder of the payloads and of their manifests
	Warnings  []string  `json:"warnings,omitempty"`

	Assessment []analyze.Cell `json:"assessment"` // what the classes rest on
}

// A Tool is the livepatch-build-tools that were used.
type Tool struct {
	Version string `json:"version,omitempty"`
	Digest  string `json:"digest"` // of its programs
	Dir     string `json:"dir"`
}

// A Host is a base: the hypervisor that payloads are for, and what it was compiled
// with here.
type Host struct {
	ID       string  `json:"id"`
	Xen      string  `json:"xen"`
	Release  string  `json:"release,omitempty"`
	BuildID  string  `json:"build_id"`
	Symbols  string  `json:"symbols,omitempty"` // digest of the shipped xen-syms; empty where it was not at hand
	Config   string  `json:"config"`            // digest
	Source   string  `json:"source"`            // digest
	Compiler string  `json:"compiler"`
	Seconds  float64 `json:"seconds"` // of compiling it
}

// A Cell is one payload of one base, or why there is none.
type Cell struct {
	ID     string        `json:"id"`   // base/name
	Name   string        `json:"name"` // of the payload
	XSAs   []int         `json:"xsas,omitempty"`
	Items  []string      `json:"items"` // of the batch, that it is for, in order
	Holds  []string      `json:"holds,omitempty"`
	Base   string        `json:"base"`
	Class  analyze.Class `json:"class"` // the worst of its items
	Status Status        `json:"status"`
	Why    string        `json:"why"` // one sentence
	Remedy string        `json:"remedy,omitempty"`
	On     string        `json:"on,omitempty"` // cell whose payload must be applied already

	Payload *Payload        `json:"payload,omitempty"`
	Verify  *payload.Result `json:"verify,omitempty"`
	Boot    *boot.Result    `json:"boot,omitempty"`
	Failure *Failure        `json:"failure,omitempty"`
	Phases  []Phase         `json:"phases,omitempty"`
	Redone  []string        `json:"redone,omitempty"` // why something of a run before was done again
}

// A Payload is what was built.
type Payload struct {
	Path    string        `json:"path"` // relative to the folder of the payloads
	SHA256  string        `json:"sha256"`
	BuildID string        `json:"build_id"`
	Depends string        `json:"depends"`
	Bytes   int64         `json:"bytes"`
	Objects []lpbt.Object `json:"objects"` // that are in it or were compared
	Added   []string      `json:"added,omitempty"`
	Tool    []string      `json:"warnings,omitempty"` // of the tool
}

// A Phase is a step of a cell.
type Phase struct {
	Name    string    `json:"name"`
	Seconds float64   `json:"seconds"`
	Ended   time.Time `json:"ended"`
	Kept    bool      `json:"kept,omitempty"` // taken over from a run before
	Command string    `json:"command,omitempty"`
}

// A Failure is why a phase came to no end.
type Failure struct {
	Phase  string    `json:"phase"`
	Kind   lpbt.Kind `json:"kind"`
	File   string    `json:"file,omitempty"`   // xen/common/event.c:12
	Object string    `json:"object,omitempty"` // xen/common/event.o
	Symbol string    `json:"symbol,omitempty"`
	Cause  string    `json:"cause"`
	Remedy string    `json:"remedy,omitempty"`
	Output string    `json:"output,omitempty"` // the end of what the tool printed
}

func (f *Failure) Error() string { return f.Phase + ": " + f.Cause }

// Final tells whether the same inputs would fail again: the source, the patch or the
// configuration is at fault, not the machine or what happened to it.
func (f *Failure) Final() bool {
	switch f.Kind {
	case lpbt.Machine, lpbt.Stopped, lpbt.Crash, lpbt.Unknown:
		return false
	}
	return true
}

// Totals counts cells.
type Totals struct {
	Cells    int            `json:"cells"`
	ByStatus map[Status]int `json:"by_status"`
	Ready    int            `json:"ready"`   // those that ask for nothing more
	Machine  int            `json:"machine"` // those that failed through the machine or the tool
}

func (r *Report) sum() {
	r.Totals = Totals{Cells: len(r.Cells), ByStatus: map[Status]int{}}
	for i := range r.Cells {
		c := &r.Cells[i]
		r.Totals.ByStatus[c.Status]++
		if c.Status == Ready || c.Status == Nothing {
			r.Totals.Ready++
		}
		if c.Failure != nil && !c.Failure.Final() {
			r.Totals.Machine++
		}
	}
}
