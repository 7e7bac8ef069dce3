package port

import (
	"slices"
	"time"

	"lpready/analyze"
	"lpready/analyze/factor"
)

// How a recipe fits a base.
const (
	Applies   = "applies"   // as it is
	Offset    = "offset"    // as it is, at other lines
	Applied   = "applied"   // it is there already: it applies in reverse
	Partly    = "partly"    // a part is there already, the rest applies
	Conflicts = "conflicts" // a hunk does not find its lines
	Missing   = "missing"   // a file that it changes is not there
	None      = "none"      // no patch for this Xen version came with it
	Outside   = "outside"   // it changes nothing of what the source at hand holds
	Unknown   = "unknown"   // it could not be tried; Detail says why
)

// Statuses lists all of them, those that ask for nothing first.
var Statuses = []string{Applies, Offset, Applied, Outside, Partly, Conflicts, Missing, None, Unknown}

// A Report is the result of placing a batch on the bases of a vendor. Its keys
// are those of the contract lpready/v1.
type Report struct {
	Schema    string    `json:"schema"`
	Command   string    `json:"command"`
	Vendor    string    `json:"vendor,omitempty"`
	Generated time.Time `json:"generated"`
	Upstream  string    `json:"upstream,omitempty"` // where prerequisites were looked for
	Cells     []Cell    `json:"cells"`
	Totals    Totals    `json:"totals"`
	Warnings  []string  `json:"warnings,omitempty"`
}

// Totals counts cells.
type Totals struct {
	Cells    int            `json:"cells"`
	ByStatus map[string]int `json:"by_status"`
	Ready    int            `json:"ready"` // cells that ask for nothing more
}

// A Cell is one advisory on one base.
type Cell struct {
	XSA       int        `json:"xsa"`
	Version   int        `json:"version,omitempty"`
	Title     string     `json:"title"`
	CVEs      []string   `json:"cves,omitempty"`
	Public    *time.Time `json:"public"`
	Base      string     `json:"base"`
	Xen       string     `json:"xen,omitempty"`
	Recipe    string     `json:"recipe,omitempty"`
	Patches   []string   `json:"patches"`
	Signature string     `json:"signature"`
	Checksums string     `json:"checksums"`
	Scope     []string   `json:"scope"`
	Port      Placement  `json:"port"`
}

// A Placement says how a recipe fits the base's source.
type Placement struct {
	Status     string   `json:"status"`               // on what stands in On; one of Statuses
	On         string   `json:"on,omitempty"`         // what it was applied to, where that is not the base with what comes before it
	Alone      string   `json:"alone,omitempty"`      // status on the base alone, where another
	Hypervisor string   `json:"hypervisor,omitempty"` // status of what is below xen/, where another
	Order      int      `json:"order,omitempty"`      // place in the ported series, from 1
	Detail     []string `json:"detail,omitempty"`
	// Prerequisites are what it needs first, in order; with them it applies,
	// and without any one of them it does not.
	Prerequisites []Prerequisite `json:"prerequisites,omitempty"`
	Search        *Search        `json:"search,omitempty"`  // how prerequisites were looked for
	Clashes       []string       `json:"clashes,omitempty"` // earlier items of the batch after which it does not apply any more
	Misfits       []Misfit       `json:"misfits,omitempty"`
	Tried         []Attempt      `json:"tried,omitempty"` // recipes for other versions, in the order of trying
	Used          []Use          `json:"used,omitempty"`  // patches ported by hand that were taken
	Watch         []Fix          `json:"watch,omitempty"` // later upstream fixes of this fix
}

// Ready tells whether the recipe asks for nothing more: it applies in its place
// in the batch without any commit besides, or there is nothing to apply.
func (p *Placement) Ready() bool {
	switch p.Status {
	case Applied, Outside:
		return true
	case Applies, Offset:
	default:
		return false
	}
	for _, q := range p.Prerequisites {
		if q.Commit != "" {
			return false
		}
	}
	for _, u := range p.Used {
		if u.Review != "" {
			return false
		}
	}
	return p.On == ""
}

// A Prerequisite is a commit, or another XSA of the batch, that a recipe needs
// before it.
type Prerequisite struct {
	XSA        int             `json:"xsa,omitempty"` // of the batch
	Name       string          `json:"name,omitempty"`
	Commit     string          `json:"commit,omitempty"`
	Subject    string          `json:"subject"`
	Why        string          `json:"why,omitempty"`
	Hypervisor bool            `json:"hypervisor"` // it touches the hypervisor
	Class      analyze.Class   `json:"class,omitempty"`
	Evidence   factor.Evidence `json:"evidence,omitempty"`
	Reason     string          `json:"reason,omitempty"` // of the class
}

// A Search says how prerequisites were looked for.
type Search struct {
	From     string `json:"from"`            // commit of the base
	To       string `json:"to"`              // commit up to which the range goes
	Until    string `json:"until,omitempty"` // why it ends there
	Commits  int    `json:"commits"`         // of the range
	Tried    int    `json:"tried"`           // sets that were applied
	Found    bool   `json:"found"`
	Smallest bool   `json:"smallest"` // no set of fewer commits does; otherwise no member can be left out
	Why      string `json:"why,omitempty"`
}

// A Misfit is a hunk that does not apply.
type Misfit struct {
	Patch    string   `json:"patch"`
	File     string   `json:"file"`
	Hunk     int      `json:"hunk,omitempty"` // from 1; 0 for the file as a whole
	Of       int      `json:"of,omitempty"`   // hunks of the patch for this file
	Line     int      `json:"line,omitempty"` // where the hunk was expected
	Reason   string   `json:"reason"`
	At       int      `json:"at,omitempty"`       // where its lines seem to be, from 1
	Expected []string `json:"expected,omitempty"` // lines that it wants there and that are not
	Found    []string `json:"found,omitempty"`    // lines that are there instead
	Merged   bool     `json:"merged,omitempty"`   // three sides merge without a conflict: to be read by a person
}

// An Attempt is a recipe for another Xen version that was tried.
type Attempt struct {
	Xen    string `json:"xen"`
	Status string `json:"status"`
	Taken  bool   `json:"taken,omitempty"`
	Why    string `json:"why"`
}

// A Use is a patch ported by hand that stands in for one of the recipe.
type Use struct {
	Patch  string `json:"patch"`            // of the recipe
	File   string `json:"file"`             // that was taken
	Change string `json:"change"`           // what the recipe has changed since it was ported
	Review string `json:"review,omitempty"` // why a person has to look at it again
}

// A Fix is a later upstream commit that fixes a commit of the recipe, or that
// names its XSA.
type Fix struct {
	Commit  string    `json:"commit"`
	Subject string    `json:"subject"`
	Date    time.Time `json:"date"`
	Why     string    `json:"why"`
	Status  string    `json:"status"` // how it fits the base once the recipe is there
}

// Keep drops the cells of all advisories but some.
func (r *Report) Keep(xsas []int) {
	r.Cells = slices.DeleteFunc(r.Cells, func(c Cell) bool { return !slices.Contains(xsas, c.XSA) })
	r.sum()
}

// sum counts the cells.
func (r *Report) sum() {
	r.Totals = Totals{ByStatus: map[string]int{}}
	for i := range r.Cells {
		p := &r.Cells[i].Port
		r.Totals.Cells++
		r.Totals.ByStatus[p.Status]++
		if p.Ready() {
			r.Totals.Ready++
		}
	}
}
