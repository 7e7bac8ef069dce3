// Package analyze holds the domain model of lpready and the one call that
// assesses a batch of advisories against the bases of a vendor.
//
// The model is the JSON contract lpready/v1: a Report is written by every
// command and can be rendered again later. Evidence on a cell only ever
// accumulates; a stronger kind overrides a weaker one. The package never
// starts a process, never prints and never reads the clock.
package analyze

import (
	"time"

	"lpready/analyze/effort"
	"lpready/analyze/factor"
	"lpready/analyze/objdiff"
)

// The words of the verdicts live with the rules that produce them.
type (
	Class    = factor.Class
	Evidence = factor.Evidence
	Severity = factor.Severity
	Finding  = factor.Finding
	Hours    = effort.Hours
)

// Schema is the version of the JSON contract.
const Schema = "lpready/v1"

// A Report is what one command found. Keys that do not apply are left out.
type Report struct {
	Schema    string    `json:"schema"`
	Command   string    `json:"command"`
	Vendor    string    `json:"vendor,omitempty"`
	Generated time.Time `json:"generated"`
	Cells     []Cell    `json:"cells"`
	Totals    Totals    `json:"totals"`
	Warnings  []string  `json:"warnings,omitempty"`
}

// A Cell is one advisory on one base.
type Cell struct {
	XSA       int        `json:"xsa"`
	Version   int        `json:"version,omitempty"`
	Title     string     `json:"title"`
	CVEs      []string   `json:"cves,omitempty"`
	Public    *time.Time `json:"public"` // null where unknown
	Base      string     `json:"base"`
	Xen       string     `json:"xen,omitempty"`
	Recipe    string     `json:"recipe,omitempty"` // where the recipe came from, and for which Xen if not for this one
	Patches   []string   `json:"patches"`
	Signature string     `json:"signature"`
	Checksums string     `json:"checksums"`
	Scope     []string   `json:"scope"`
	Class     Class      `json:"class"`
	Evidence  Evidence   `json:"evidence"`
	Why       string     `json:"why"` // one sentence: what decided the class
	Functions []Function `json:"functions,omitempty"`
	Inlined   []Inlined  `json:"inlined,omitempty"`
	Rebuilt   int        `json:"rebuilt,omitempty"` // compiled units that see a changed file
	Findings  []Finding  `json:"findings,omitempty"`
	Probe     *Probe     `json:"probe,omitempty"`

	Objects []*objdiff.Diff  `json:"objects,omitempty"` // that differ, where they were compiled
	Layouts []objdiff.Layout `json:"layouts,omitempty"` // types that these have otherwise

	Port       *Port  `json:"port,omitempty"`
	Mitigation string `json:"mitigation,omitempty"`
	Hours      *Hours `json:"hours,omitempty"`
}

// A Probe says what was compiled for a cell.
type Probe struct {
	Compiler string  `json:"compiler"`
	Reached  int     `json:"reached"`  // objects that see a changed file
	Compared int     `json:"compared"` // objects that were compiled or taken from the base, and compared
	Seconds  float64 `json:"seconds"`
}

// A Function is one symbol of one object that the patch is predicted (or, with
// stronger evidence, known) to change.
type Function struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Object string `json:"object"`
	Change string `json:"change"` // edited, affected, new, removed
	Why    string `json:"why"`
}

// An Inlined is an edited function without a symbol of its own: its code lives
// in the functions named by Into.
type Inlined struct {
	Name string   `json:"name"`
	File string   `json:"file"`
	Into []string `json:"into,omitempty"`
}

// A Port says how the recipe fits the base's source.
type Port struct {
	Status        string         `json:"status"`           // applies, offset, conflicts, missing, applied
	On            string         `json:"on,omitempty"`     // what it was applied to, where that is not the whole queue before it
	Detail        []string       `json:"detail,omitempty"` // the hunks that did not fit, and why
	Prerequisites []Prerequisite `json:"prerequisites,omitempty"`
}

// A Prerequisite is a commit that a recipe needs first.
type Prerequisite struct {
	Commit  string `json:"commit,omitempty"`
	Subject string `json:"subject"`
}

// Totals sums up a report.
type Totals struct {
	Cells   int           `json:"cells"`
	ByClass map[Class]int `json:"by_class"`
	Hours   Hours         `json:"hours"`
}
