// Package port places the recipes of a batch on the sources that a vendor
// shipped: what applies, what does not and why, which upstream commits it needs
// first, and the series of patches that fits.
//
// Recipes are applied with the rules of GNU patch -N -p1 --fuzz=0 (see
// analyze/patch), in the order of the batch, each on what those before it leave
// behind. Prerequisites are looked for among the commits of an upstream git
// repository; a set is reported only after it and the recipe were applied to
// the vendor's own tree, and it is said whether smaller sets were ruled out.
// A hunk that finds no place is merged from three sides, as diff3 and git do;
// what comes out of a merge is a proposal for a person and never counts as
// fitting.
//
// That a patch applies does not prove that it does what its author meant: the
// package compares text and knows nothing of C. It does not change any source,
// reads repositories only, and writes nowhere but below the folder of Write.
package port

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/factor"
	"lpready/analyze/patch"
)

// A Base is one source that recipes are placed on.
type Base struct {
	analyze.Base
	Commit string // upstream commit that it was made from; empty where unknown
}

// A Request asks for the placing of a batch on bases.
type Request struct {
	Batch     *advisory.Batch
	Bases     []Base
	Vendor    string
	Upstream  *Upstream // where to look for prerequisites; nil for nowhere
	Watch     bool      // look for fixes of the fixes in Upstream
	Use       *Finished // patches ported by hand; nil for none
	Generated time.Time
	Cache     string // of the index that classes of prerequisites need, see analyze.Request
	Version   string

	// Progress, where set, is called before each cell is searched for.
	Progress func(done, total int, what string)
}

// A Result is a report and the series behind it.
type Result struct {
	Report *Report
	series []*series // one for each base
}

// Place places every recipe on every base. Cells come in the order of the
// batch, and of the bases within an advisory. The error is about the machine
// or the repository; what goes wrong with one recipe stands in its cells.
func Place(ctx context.Context, req Request) (*Result, error) {
	r := &Report{Schema: analyze.Schema, Command: "port", Vendor: req.Vendor, Generated: req.Generated,
		Warnings: slices.Clone(req.Batch.Warnings)}
	if req.Upstream != nil {
		r.Upstream = req.Upstream.dir
	}
	result := &Result{Report: r}
	var cells [][]Cell
	for i := range req.Bases {
		s := newSeries(ctx, &req, &req.Bases[i])
		s.progress = func(n int, what string) {
			if req.Progress != nil {
				req.Progress(i*len(s.jobs)+n, len(req.Bases)*len(s.jobs), what)
			}
		}
		if err := s.run(); err != nil {
			return nil, fmt.Errorf("base %s: %w", req.Bases[i].ID, err)
		}
		for _, w := range s.warnings {
			r.Warnings = append(r.Warnings, fmt.Sprintf("base %s: %s", req.Bases[i].ID, w))
		}
		result.series = append(result.series, s)
		cells = append(cells, s.cells())
	}
	for n := 0; len(cells) > 0 && n < len(cells[0]); n++ {
		for i := range cells {
			r.Cells = append(r.Cells, cells[i][n])
		}
	}
	r.sum()
	return result, nil
}

// A job is one advisory on one base. Tree and trial are nil where nothing could
// be tried.
type job struct {
	entry     *advisory.Entry
	recipe    advisory.Recipe
	patches   []patch.Patch
	files     []advisory.NamedData // the texts of patches that are as they came
	came      []advisory.NamedData // all texts of the recipe, as they came
	contested []draft              // where a new version and a port by hand changed the same
	cell      Cell
	trial     *trial      // the last one; with what was placed, where it was
	tree      *patch.Tree // that the last trial started from
	alone     *trial
	placed    bool // in the series
	partial   bool // with nothing but what it does below xen/
	note      string
	search    *Search
	uses      []Use
}

// newJob finds what there is to place: the recipe for the base's version, or
// else those for others, in the order in which they are to be tried.
func (s *series) newJob(e *advisory.Entry) (*job, []advisory.Recipe) {
	j := &job{entry: e, cell: Cell{XSA: e.XSA, Title: e.Title(), CVEs: e.CVEs(), Base: s.base.ID, Xen: s.base.Xen,
		Patches: []string{}, Scope: []string{}, Signature: advisory.SignatureNone, Checksums: advisory.ChecksumAbsent,
		Port: Placement{Status: None}}}
	if a := e.Advisory; a != nil {
		j.cell.Version, j.cell.Signature, j.cell.Checksums = a.Version, a.Signature, a.Checksums
		if !a.Public.IsZero() {
			public := a.Public
			j.cell.Public = &public
		}
	}
	if r, ok := e.Recipe(s.base.Xen); ok {
		return j, []advisory.Recipe{r}
	}
	return j, e.Nearest(s.base.Xen)
}

// take makes a recipe the one of the job. It is false where there is nothing
// that could be applied; the cell then says why.
func (j *job) take(r advisory.Recipe, xen string) bool {
	j.recipe = r
	c := &j.cell
	c.Recipe, c.Patches = r.From, slices.Clone(r.Patches)
	if !r.Covers(xen) {
		c.Recipe = fmt.Sprintf("%s, written for Xen %s: none for %s", r.From, r.Xen, xen)
	}
	if r.Tree != "xen" {
		c.Port = Placement{Status: Outside, Detail: []string{"its patches are for " + r.Tree}}
		return false
	}
	files, err := j.entry.Patches(r)
	if err == nil && len(files) == 0 {
		c.Port = Placement{Status: None, Detail: []string{"no patch came with it"}}
		return false
	}
	j.files, j.patches = files, nil
	var wrong []error
	for _, f := range files {
		list, bad := patch.Parse(f.Name, bytes.NewReader(f.Data))
		if bad != nil {
			wrong = append(wrong, bad)
		}
		j.patches = append(j.patches, list...)
	}
	if err = errors.Join(append([]error{err}, wrong...)...); err != nil {
		c.Port = Placement{Status: Unknown, Detail: strings.Split(err.Error(), "\n")}
		return false
	}
	c.Scope = factor.Scopes(j.patches)
	return true
}

func (j *job) name() string {
	if j.entry.XSA > 0 {
		return fmt.Sprintf("XSA-%d", j.entry.XSA)
	}
	return j.entry.Name
}

// order sorts the entries so that what a recipe's .meta file wants first comes
// first; otherwise their order stays.
func order(entries []*advisory.Entry, xen string) []int {
	var out []int
	seen := make([]bool, len(entries))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true // also ends a ring of prerequisites
		if r, ok := entries[i].Recipe(xen); ok {
			for _, x := range r.Prereqs {
				if n := slices.IndexFunc(entries, func(e *advisory.Entry) bool { return e.XSA == x && x > 0 }); n >= 0 {
					visit(n)
				}
			}
		}
		out = append(out, i)
	}
	for i := range entries {
		visit(i)
	}
	return out
}

// A step is what is applied at one place of a series: a recipe, a patch of the
// queue, or a commit.
type step struct {
	job     *job
	context *advisory.Entry
	commit  *commit
	patches []patch.Patch
	text    []advisory.NamedData // as they came
	trial   *trial
}

func (s *step) name() string {
	switch {
	case s.job != nil:
		return s.job.name()
	case s.context != nil:
		return s.context.Name
	}
	return s.commit.subject
}
