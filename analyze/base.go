package analyze

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"lpready/analyze/advisory"
	"lpready/analyze/cpp"
	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/analyze/patch"
)

// A prepared is a base ready for assessing. Index is nil without a source.
type prepared struct {
	*Base
	arch     string
	index    *csource.Index
	compiled func() (*compiled, error)
}

// A compiled is what the base's configuration makes of its source. It is worked
// out once, when the first cell asks that the cache does not have.
type compiled struct {
	units []csource.Unit
	boot  *csource.Boot
	pre   *cpp.Preprocessor
}

func prepare(ctx context.Context, req Request, base *Base) (*prepared, error) {
	p := &prepared{Base: base, arch: base.Arch}
	if p.arch == "" && base.Config != nil {
		p.arch = csource.Arch(base.Config)
	}
	p.arch = cmp.Or(p.arch, "x86")
	if base.Tree == nil {
		return p, nil
	}
	var err error
	if p.index, err = csource.Open(ctx, base.Tree, csource.Options{Cache: req.Cache, Version: req.Version}); err != nil {
		return nil, err
	}
	p.compiled = sync.OnceValues(p.compile)
	return p, nil
}

func (p *prepared) compile() (*compiled, error) {
	if p.Config == nil {
		return &compiled{}, nil
	}
	units, err := csource.Units(p.Tree, p.arch, p.Config)
	if err != nil {
		return nil, err
	}
	return &compiled{units: units, boot: csource.Lifetimes(p.index, units), pre: cpp.New(p.index, p.arch, p.Config)}, nil
}

// A job is one advisory on one base, with the trees that it is judged on.
type job struct {
	base     *prepared
	entry    *advisory.Entry
	position int // of the entry in the batch
	recipe   advisory.Recipe
	found    bool // a recipe was found
	exact    bool // the recipe is for the base's version of Xen
	patches  []patch.Patch
	problem  string // why the patches cannot be read
	port     *Port
	revised  string         // how the code differs from the version before
	needs    []string       // what of the batch it applies on top of, and not without
	proof    *factor.Proof  // nil where nothing was compiled
	trees    [2]*patch.Tree // before and after, where those are not nil
	before   *csource.Index // nil without a source, or where nothing applies
	after    *csource.Index
	touched  []string // files that the recipe changes, sorted
}

func (j *job) name() string {
	if j.entry.XSA > 0 {
		return fmt.Sprintf("XSA-%d", j.entry.XSA)
	}
	return j.entry.Name
}

// size counts the lines that the patches add and remove.
func (j *job) size() (added, removed int) {
	for i := range j.patches {
		added += j.patches[i].Added()
		removed += j.patches[i].Removed()
	}
	return added, removed
}

// A state is a tree with the patches so far, and its index.
type state struct {
	tree  *patch.Tree
	index *csource.Index
}

// queue lines up the batch on the base: each recipe on the tree that those
// before it leave behind; where it does not apply there, on the base alone.
func (p *prepared) queue(req Request) (jobs []*job, warnings []string) {
	var start state
	if p.index != nil {
		start = state{patch.NewTree(p.Tree), p.index}
	}
	now := start
	var applied []step
	for i, entry := range req.Batch.Entries {
		j := &job{base: p, entry: entry, position: i}
		if entry.Context {
			after, touched, err := p.context(now, entry)
			if err != nil {
				warnings = append(warnings, err.Error())
			}
			now, applied = after, append(applied, step{entry.Name, touched})
			continue
		}
		jobs = append(jobs, j)
		after, ok := j.choose(start, now)
		if req.Revised != nil {
			j.revised = req.Revised(entry.XSA, p.ID)
		}
		if ok {
			j.needs = j.standsOn(start, applied)
			now, applied = after, append(applied, step{j.name(), j.touched})
		}
	}
	return jobs, warnings
}

// A step is one patch set of the queue that was applied.
type step struct {
	name    string
	touched []string
}

// standsOn names the steps that the job's patches apply on top of, where they do
// not apply to the base alone: those that touch the same files.
func (j *job) standsOn(start state, applied []step) []string {
	if _, _, alone := apply(start, j.patches); fits(alone) {
		return nil
	}
	var names []string
	for _, s := range applied {
		if slices.ContainsFunc(s.touched, func(name string) bool { return slices.Contains(j.touched, name) }) {
			names = append(names, s.name)
		}
	}
	return names
}

// context applies a patch that is not assessed itself.
func (p *prepared) context(now state, entry *advisory.Entry) (state, []string, error) {
	if p.index == nil {
		return now, nil, nil
	}
	recipe, ok := entry.Recipe(p.Xen)
	if !ok {
		return now, nil, fmt.Errorf("%s: context patch left out, it is not for Xen %s", entry.Name, p.Xen)
	}
	patches, err := parse(entry, recipe)
	if err != nil {
		return now, nil, err
	}
	after, touched, port := apply(now, patches)
	if port.Status != string(patch.Applies) && port.Status != string(patch.Offset) {
		return now, nil, fmt.Errorf("%s: context patch left out (%s): %s", entry.Name, port.Status, strings.Join(port.Detail, "; "))
	}
	return after, touched, nil
}

// choose finds the recipe for the base and applies it. It returns the tree that
// the next recipe finds, where this one applies after those before it.
func (j *job) choose(start, now state) (state, bool) {
	if recipe, ok := j.entry.Recipe(j.base.Xen); ok {
		j.exact = true
		return j.try(recipe, start, now)
	}
	for _, near := range j.entry.Nearest(j.base.Xen) {
		attempt := &job{base: j.base, entry: j.entry, position: j.position}
		after, ok := attempt.try(near, start, now)
		if !j.found || ok || attempt.before != nil {
			*j = *attempt
		}
		if ok || j.before != nil || j.base.index == nil {
			return after, ok
		}
	}
	return now, false
}

// try applies one recipe after the others, else alone.
func (j *job) try(recipe advisory.Recipe, start, now state) (state, bool) {
	j.recipe, j.found = recipe, true
	var err error
	if j.patches, err = parse(j.entry, recipe); err != nil {
		j.problem = strings.ReplaceAll(err.Error(), "\n", "; ")
		return now, false
	}
	if len(j.patches) == 0 || j.base.index == nil || recipe.Tree != xenTree {
		return now, false
	}
	after, touched, port := apply(now, j.patches)
	if fits(port) {
		j.before, j.after, j.touched, j.port = now.index, after.index, touched, port
		j.trees = [2]*patch.Tree{now.tree, after.tree}
		return after, true
	}
	alone, touched, other := apply(start, j.patches)
	switch {
	case fits(other):
		j.before, j.after, j.touched, j.port = start.index, alone.index, touched, other
		j.trees = [2]*patch.Tree{start.tree, alone.tree}
		j.port.On = "the base alone: it does not apply after the patches before it"
	case other.Status == string(patch.Applied):
		j.port = other
	default:
		j.port = port
	}
	return now, false
}

func fits(p *Port) bool {
	return p.Status == string(patch.Applies) || p.Status == string(patch.Offset)
}

// xenTree is how recipes name Xen's own repository.
const xenTree = "xen"

// parse reads the patches of a recipe; all of them must be at hand.
func parse(entry *advisory.Entry, recipe advisory.Recipe) ([]patch.Patch, error) {
	files, err := entry.Patches(recipe)
	if err != nil {
		return nil, err
	}
	var all []patch.Patch
	for _, f := range files {
		patches, err := patch.Parse(f.Name, bytes.NewReader(f.Data))
		if err != nil {
			return nil, err
		}
		all = append(all, patches...)
	}
	return all, nil
}

// apply applies patches one after the other. What they do to the hypervisor is
// applied as a whole or not at all; hunks for anything else are applied where
// they fit, since a vendor's source may lack the rest of Xen's repository.
func apply(from state, patches []patch.Patch) (state, []string, *Port) {
	tree := from.tree.Fork()
	port := &Port{Status: string(patch.Applies)}
	changed := map[string][]byte{}
	for i := range patches {
		inside, outside := split(&patches[i])
		report, err := tree.Apply(inside)
		if err != nil {
			return from, nil, &Port{Status: string(patch.Conflicts), Detail: []string{err.Error()}}
		}
		if !report.OK() {
			return from, nil, &Port{Status: string(report.Status()), Detail: misfits(patches[i].Name, report)}
		}
		if report.Status() == patch.Offset {
			port.Status = string(patch.Offset)
		}
		if rest, err := tree.Apply(outside); err == nil && !rest.OK() {
			for _, f := range rest.Files {
				if f.Status != patch.Applies && f.Status != patch.Offset {
					port.Detail = append(port.Detail, fmt.Sprintf("%s: %s: not applied (%s), it is not part of the hypervisor", path.Base(patches[i].Name), f.Name, f.Status))
				}
			}
		}
		for _, f := range inside.Files {
			for _, name := range []string{f.OldName, f.NewName} {
				if name != "" {
					changed[name], _ = tree.ReadFile(name)
				}
			}
		}
	}
	return state{tree, from.index.With(changed)}, sortedNames(changed), port
}

// split separates the changes of files below xen/ from the others.
func split(p *patch.Patch) (inside, outside *patch.Patch) {
	in, out := *p, *p
	in.Files, out.Files = nil, nil
	for _, f := range p.Files {
		if strings.HasPrefix(f.Name(), csource.Root+"/") {
			in.Files = append(in.Files, f)
		} else {
			out.Files = append(out.Files, f)
		}
	}
	return &in, &out
}

func sortedNames(changed map[string][]byte) []string {
	set := map[string]bool{}
	for name := range changed {
		set[name] = true
	}
	return sortedKeys(set)
}

// misfits words the places where a patch does not fit.
func misfits(name string, report patch.Report) []string {
	var all []string
	for _, f := range report.Files {
		if f.Reason != "" {
			all = append(all, fmt.Sprintf("%s: %s: %s", path.Base(name), f.Name, f.Reason))
		}
		for i, h := range f.Hunks {
			if h.Failed {
				all = append(all, fmt.Sprintf("%s: %s: hunk %d of %d at line %d: %s", path.Base(name), f.Name, i+1, len(f.Hunks), h.At, h.Reason))
			}
		}
	}
	return all
}
