// Package factor holds the rules that find what makes a patch hard to livepatch.
package factor

import "fmt"

// A Class is the verdict on one advisory on one base.
type Class string

const (
	NotNeeded Class = "not-needed" // nothing of it is in this base's hypervisor
	Clean     Class = "clean"      // applied as it is, it gives a payload that takes effect
	Adapt     Class = "adapt"      // an engineer must change the patch in a known way
	Hard      Class = "hard"       // live state would disagree with the new code
	Reboot    Class = "reboot"     // no live patch can give the fix
	Unknown   Class = "unknown"    // the tool cannot tell
)

// Classes lists all classes, the least work first.
var Classes = []Class{NotNeeded, Clean, Adapt, Hard, Reboot, Unknown}

// Evidence is how a statement is known; a later kind overrides an earlier one.
type Evidence string

const (
	Text   Evidence = "text"   // the patch alone
	Tree   Evidence = "tree"   // the patch and the base's source and configuration
	Object Evidence = "object" // compiled before and after
	Built  Evidence = "built"  // a payload came out
	Booted Evidence = "booted" // a hypervisor ran it
)

// Severity says what a finding asks of a person.
type Severity string

const (
	Blocker Severity = "blocker" // cannot be shipped without a redesign, or not at all
	Change  Severity = "adapt"   // the patch must be adapted
	Review  Severity = "review"  // a person has to look; the class does not change
	Info    Severity = "info"    // worth knowing
)

// A Finding is one reason why a cell is not simply buildable, or one thing a
// reader must know. Line counts from 1 in File of the base (of the patched file
// where the place is new); 0 means the whole file.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
	Symbol   string   `json:"symbol,omitempty"`
	Message  string   `json:"message"`
	Remedy   string   `json:"remedy,omitempty"`
	Evidence Evidence `json:"evidence"`

	// Class is the least class that a cell with this finding can have; empty
	// where the finding does not move the class.
	Class Class `json:"class,omitempty"`
}

// Place is "file:line symbol" with the parts that are known.
func (f Finding) Place() string {
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	switch {
	case f.Symbol == "":
		return place
	case place == "":
		return f.Symbol
	}
	return place + " " + f.Symbol
}
