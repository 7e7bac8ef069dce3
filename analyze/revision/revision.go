// Package revision compares two versions of advisories or patch sets and says
// what changed and what has to be redone for each base.
//
// With the source of a base both versions are applied to it (analyze/patch) and
// the resulting files compared, function by function (analyze/csource); what
// else changes through macros, inlining or line numbers comes from
// analyze/reach. Without a source, or where a version does not apply, the hunks
// of each series are put together file by file, so that splits, merges and
// reorderings of a series do not count, and the results are aligned along the
// lines that both versions saw before the change. What the hunks do not show to
// be the same is unknown, never the same.
//
// It cannot see what an engineer adapted by hand, the content of binary changes,
// and, without a source, whether the lines that no hunk shows differ. Which
// version of two is newer is the caller's word; the advisory's own number is
// only shown.
package revision

import (
	"slices"
	"time"

	"lpready/analyze"
	"lpready/analyze/effort"
)

// A Kind is how much two versions differ.
type Kind string

const (
	Same     Kind = "same"     // byte for byte
	Message  Kind = "message"  // tags and messages of the patches, nothing else
	Docs     Kind = "docs"     // documentation
	Affected Kind = "affected" // a function whose source is the same but whose compiled code is not
	Series   Kind = "series"   // split, merged or reordered, with the same result
	Context  Kind = "context"  // line numbers or the lines around the change
	Comments Kind = "comments" // comments and white space
	Unknown  Kind = "unknown"  // equality cannot be shown
	Code     Kind = "code"
	New      Kind = "new"     // an advisory, or a recipe, that was not there before
	Dropped  Kind = "dropped" // an advisory that is not there any more
)

// Kinds are all kinds, from the one that costs least; new and dropped stand for
// whole advisories.
var Kinds = []Kind{Same, Message, Docs, Affected, Series, Context, Comments, Unknown, Code, New, Dropped}

func rank(k Kind) int { return slices.Index(Kinds, k) }

// What has to be redone.
const (
	Port      = "re-port"    // make the new version apply; where only context changed, see that it does
	Adapt     = "re-adapt"   // carry the adaptation over
	Rebuild   = "rebuild"    // the payload
	Retest    = "retest"     // payload and review
	Repackage = "repackage"  // what ships beside a live patch: toolstack, or the hypervisor to boot into
	Look      = "look"       // a person has to say
	All       = "everything" // it is new
)

// A Report is what two versions of a batch differ in: contract lpready/v1 with a
// "revision" in every cell.
type Report struct {
	Schema    string         `json:"schema"`
	Command   string         `json:"command"`
	Vendor    string         `json:"vendor,omitempty"`
	Generated time.Time      `json:"generated"`
	Cells     []Cell         `json:"cells"`
	Totals    analyze.Totals `json:"totals"`
	Rework    analyze.Hours  `json:"rework"` // of all cells
	Warnings  []string       `json:"warnings,omitempty"`
}

// A Cell is the new version of an advisory on one base, and what became of it;
// the old version where it was dropped.
type Cell struct {
	analyze.Cell
	Revision Revision `json:"revision"`
}

// A Revision says what differs from the version before.
type Revision struct {
	From          int          `json:"from,omitempty"` // version of the advisory before, 0 where there is none
	To            int          `json:"to,omitempty"`
	Kind          Kind         `json:"kind"`
	Evidence      string       `json:"evidence"` // tree: both versions were applied and compared; text: by their hunks
	Why           string       `json:"why"`      // one sentence
	Changes       []Change     `json:"changes,omitempty"`
	Redo          []string     `json:"redo"` // empty where nothing has to be redone
	Hours         effort.Hours `json:"hours"`
	Before        *Before      `json:"before,omitempty"`
	Sections      []string     `json:"sections,omitempty"`      // of the advisory's text, that differ
	Says          []string     `json:"says,omitempty"`          // UPDATES IN VERSION n, by version
	Contradiction []string     `json:"contradiction,omitempty"` // where that is not what was found

	idle bool // the code that differs is no part of this base's hypervisor
}

// A Change is one place that differs.
type Change struct {
	File     string `json:"file,omitempty"`
	Function string `json:"function,omitempty"` // or type ("struct foo"), variable, macro
	Kind     Kind   `json:"kind"`
	Detail   string `json:"detail,omitempty"`
}

// A Before is the verdict on the version before.
type Before struct {
	Class    analyze.Class    `json:"class"`
	Evidence analyze.Evidence `json:"evidence"`
	Why      string           `json:"why"`
	Port     string           `json:"port,omitempty"`
	Patches  []string         `json:"patches"`
	Hours    float64          `json:"hours"` // expected, of the whole work
}

// worst is the kind of a whole cell by its changes. Affected functions alone
// are the consequence of another change.
func worst(changes []Change) Kind {
	kind := Same
	for _, c := range changes {
		if c.Kind != Affected && rank(c.Kind) > rank(kind) {
			kind = c.Kind
		}
	}
	return kind
}
