// Package factor holds the rules that say what makes a patch hard to livepatch
// and what a person has to do about it.
//
// One rule is one file: its id, why it matters, what to do, and the check. The
// rules follow what decides in reality: gcc (what it inlines, where it puts
// data), create-diff-object of livepatch-build-tools (what it refuses and what
// it leaves out without a word), and the loader in xen/common/livepatch.c.
//
// A check sees the patches, the scanned source before and after, and where they
// are known the configuration, the compiled units, the functions that run only
// at boot, and the predicted reach. With patches alone ("text") the source is
// rebuilt from the hunks. The package does not compile anything: padding,
// inlining and generated headers are judged from the source, and what the
// source cannot show is said to be unknown. Where somebody else compiled both
// sides (Proof), the objects decide what they can decide.
package factor

import (
	"cmp"
	"slices"
	"strings"

	"lpready/analyze/csource"
	"lpready/analyze/patch"
	"lpready/analyze/reach"
)

// A Rule finds one kind of reason.
type Rule struct {
	ID          string
	Title       string
	Explanation string   // why it matters, and which tool says so
	Remedy      string   // what a person does about it
	Severity    Severity // of its findings, unless they say otherwise
	Class       Class    // least class of a cell with a blocker or adapt finding
	Check       func(*Input) []Finding
}

// An Input is one cell: the patches of a recipe on one base. Only Patches is
// required; what is nil is unknown, and rules that need it stay silent.
type Input struct {
	Patches       []patch.Patch
	Before, After *csource.Index // nil without a tree: Deltas then come from the hunks
	Deltas        []csource.Delta
	Config        csource.Config
	Arch          string         // "x86" or "arm"; empty means x86
	Units         []csource.Unit // what Config compiles
	Boot          *csource.Boot
	Reach         *reach.Result
	Proof         *Proof   // nil: nothing was compiled
	Fit           *Fit     // nil: nobody tried whether the patches apply
	Revised       string   // how this version differs from the one before, where its code does
	Evidence      Evidence // empty: Tree with an index, else Text
	Xen           string   // version of the base, such as "4.17"

	view *view // derived once, see facts
}

// A Fit says how the patches apply to the base.
type Fit struct {
	Status string   // applies, offset, conflicts, missing, applied (the fix is there already)
	Detail []string // the places that do not fit, and why
	Needs  []string // what has to be applied first: XSAs or patches of the same batch
}

// Rules lists every rule, sorted by id.
func Rules() []Rule {
	sorted := slices.Clone(rules())
	slices.SortFunc(sorted, func(a, b Rule) int { return cmp.Compare(a.ID, b.ID) })
	return sorted
}

// Run applies every rule and returns what they find, sorted by file, line, id
// and symbol, without repetitions. It may be called for several inputs at once,
// but not twice at once for the same one.
func Run(in *Input) []Finding {
	return run(in, Rules())
}

func run(in *Input, rules []Rule) []Finding {
	var all []Finding
	if in.Fit != nil && in.Fit.Status == "applied" { // nothing else of it counts
		rules = slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.ID != alreadyFixed.ID })
	}
	for _, rule := range rules {
		for _, f := range rule.Check(in) {
			all = append(all, rule.complete(f, in.evidence()))
		}
	}
	all = in.settle(all)
	slices.SortFunc(all, compareFindings)
	return distinct(all)
}

// distinct keeps the first of findings that say the same of one symbol, which
// several hunks, or several fragments of a patch, can give rise to.
func distinct(sorted []Finding) []Finding {
	seen := map[Finding]bool{}
	return slices.DeleteFunc(sorted, func(f Finding) bool {
		if f.Symbol != "" {
			f.Line = 0
		}
		again := seen[f]
		seen[f] = true
		return again
	})
}

// complete fills in what a check leaves to its rule.
func (r *Rule) complete(f Finding, evidence Evidence) Finding {
	f.ID = r.ID
	f.Severity = cmp.Or(f.Severity, r.Severity)
	f.Remedy = cmp.Or(f.Remedy, r.Remedy)
	f.Evidence = cmp.Or(f.Evidence, evidence)
	if f.Class == "" && (f.Severity == Blocker || f.Severity == Change) {
		f.Class = r.Class
	}
	return f
}

func (in *Input) evidence() Evidence {
	switch {
	case in.Evidence != "":
		return in.Evidence
	case in.After != nil:
		return Tree
	}
	return Text
}

func compareFindings(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.Symbol, b.Symbol),
		strings.Compare(a.Message, b.Message),
		cmp.Compare(a.Severity, b.Severity),
	)
}
