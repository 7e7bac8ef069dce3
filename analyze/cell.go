package analyze

import (
	"encoding/json"
	"fmt"
	"sort"

	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/analyze/objdiff"
	"lpready/analyze/patch"
	"lpready/analyze/reach"
)

// assess fills the cell of a job.
func (j *job) assess() Cell {
	c := j.blank()
	switch {
	case j.problem != "":
		c.undecided("its patches are not all at hand: " + j.problem)
	case j.found && j.recipe.Tree != xenTree:
		c.Class, c.Why = factor.NotNeeded, fmt.Sprintf("its patches are for %s, not for the hypervisor", j.recipe.Tree)
	case len(j.patches) == 0:
		c.undecided("no patch came with it that is for Xen " + j.base.Xen + "; read its RESOLUTION and MITIGATION")
	default:
		j.judge(&c)
	}
	return c
}

// blank is a cell with what the advisory says.
func (j *job) blank() Cell {
	c := Cell{XSA: j.entry.XSA, Title: j.entry.Title(), CVEs: j.entry.CVEs(), Base: j.base.ID, Xen: j.base.Xen,
		Patches: []string{}, Scope: []string{}, Signature: "none", Checksums: "absent", Evidence: factor.Text, Port: j.port}
	if a := j.entry.Advisory; a != nil {
		c.Version, c.Signature, c.Checksums, c.Mitigation = a.Version, a.Signature, a.Checksums, a.Mitigation
		if !a.Public.IsZero() {
			public := a.Public
			c.Public = &public
		}
	}
	if !j.found {
		return c
	}
	c.Recipe = j.recipe.From
	if !j.exact {
		c.Recipe = fmt.Sprintf("%s, written for Xen %s: none for %s", j.recipe.From, j.recipe.Xen, j.base.Xen)
	}
	c.Patches = append(c.Patches, j.recipe.Patches...)
	c.Scope = factor.Scopes(j.patches)
	return c
}

func (c *Cell) undecided(why string) {
	c.Class, c.Why = factor.Unknown, why
}

// A verdict is what the rules and the prediction say of a cell. It depends on
// nothing but the trees before and after, the patches and the base, so it is
// kept in the index's cache.
type verdict struct {
	Findings  []Finding
	Class     Class
	Why       string
	Functions []Function
	Inlined   []Inlined
	Rebuilt   int
	Objects   []*objdiff.Diff
	Layouts   []objdiff.Layout
	Probe     *Probe
}

// judge fills in what the tree, or else the text, shows.
func (j *job) judge(c *Cell) {
	in := &factor.Input{Proof: j.proof, Patches: j.patches, Config: j.base.Config, Arch: j.base.arch, Xen: j.base.Xen, Revised: j.revised}
	if j.port != nil {
		in.Fit = &factor.Fit{Status: j.port.Status, Detail: j.port.Detail, Needs: j.needs}
	}
	var v verdict
	if j.after == nil {
		v.decide(in, c.Scope)
	} else {
		c.Evidence = factor.Tree
		if j.proof != nil {
			c.Evidence = factor.Object
		}
		if err := j.derive(&v, in, c.Scope); err != nil {
			c.undecided(err.Error())
			return
		}
	}
	c.Findings, c.Class, c.Why = v.Findings, v.Class, v.Why
	c.Functions, c.Inlined, c.Rebuilt = v.Functions, v.Inlined, v.Rebuilt
	c.Objects, c.Layouts, c.Probe = v.Objects, v.Layouts, v.Probe
	if in.Fit != nil && c.Class == factor.NotNeeded && in.Fit.Status == string(patch.Applied) {
		c.Evidence = factor.Tree
	}
}

func (v *verdict) decide(in *factor.Input, scope []string) {
	v.Findings = factor.Run(in)
	v.Class, v.Why = factor.Decide(v.Findings, scope...)
}

// derive takes the verdict on a tree from the cache, or works it out.
func (j *job) derive(v *verdict, in *factor.Input, scope []string) error {
	if in.Proof != nil {
		if err := j.fill(in); err != nil {
			return err
		}
		v.decide(in, scope)
		v.prove(in)
		return nil
	}
	about, err := json.Marshal([]any{j.after.Digest(), j.patches, in.Fit, in.Revised, j.base.Config, j.base.arch, j.base.Xen})
	if err != nil {
		return err
	}
	data, err := j.before.Derived("verdict", about, func() ([]byte, error) {
		if err := j.fill(in); err != nil {
			return nil, err
		}
		v.decide(in, scope)
		if in.Reach != nil {
			v.show(in.Reach)
		}
		return json.Marshal(v)
	})
	if err != nil {
		return err
	}
	*v = verdict{}
	return json.Unmarshal(data, v)
}

// fill adds what the source shows to the rules' input.
func (j *job) fill(in *factor.Input) error {
	base, err := j.base.compiled()
	if err != nil {
		return err
	}
	in.Before, in.After, in.Units, in.Boot = j.before, j.after, base.units, base.boot
	for _, name := range j.touched {
		if before, after := j.before.File(name), j.after.File(name); before != nil || after != nil {
			in.Deltas = append(in.Deltas, csource.Diff(before, after, j.before.Source(name), j.after.Source(name)))
		}
	}
	if base.pre == nil {
		return nil
	}
	change := reach.Change{Before: j.before, After: j.after, Deltas: in.Deltas, Units: base.units}
	change.Old, change.New = base.pre.With(j.before), base.pre.With(j.after)
	in.Reach = reach.Predict(change)
	return nil
}

// show copies the prediction.
func (v *verdict) show(r *reach.Result) {
	v.Rebuilt = r.Rebuilt
	for _, f := range r.Functions {
		v.Functions = append(v.Functions, Function{Name: f.Name, File: f.File, Object: f.Object, Change: f.Change, Why: f.Why})
	}
	for _, in := range r.Inlined {
		v.Inlined = append(v.Inlined, Inlined{Name: in.Name, File: in.File, Into: in.Into})
	}
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
