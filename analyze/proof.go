package analyze

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/analyze/objdiff"
	"lpready/analyze/patch"
)

// prove has the job compiled before and after its patches.
func (j *job) prove(ctx context.Context, prove func(context.Context, Trial) (*factor.Proof, error)) (*factor.Proof, error) {
	if j.after == nil || !slices.ContainsFunc(j.touched, func(name string) bool { return strings.HasPrefix(name, csource.Root+"/") }) {
		return nil, nil
	}
	proof, err := prove(ctx, Trial{XSA: j.entry.XSA, Base: j.base.ID, Before: contents(j.trees[0]), After: contents(j.trees[1]),
		BeforeIndex: j.before, AfterIndex: j.after})
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", j.name(), j.base.ID, err)
	}
	return proof, nil
}

// contents are the files that a tree changes.
func contents(t *patch.Tree) map[string][]byte {
	files := map[string][]byte{}
	for _, name := range t.Changed() {
		data, err := t.ReadFile(name)
		if err == nil && data == nil {
			data = []byte{} // nil is for files that are removed
		}
		files[name] = data
	}
	return files
}

// prove puts what the objects show in the place of what was predicted.
func (v *verdict) prove(in *factor.Input) {
	p := in.Proof
	if p.Trees == nil {
		v.Probe = &Probe{Compiler: p.Compiler, Seconds: p.Seconds}
		if in.Reach != nil {
			v.show(in.Reach)
		}
		return
	}
	v.Probe = &Probe{Compiler: p.Compiler, Reached: p.Reached, Compared: p.Compiled, Seconds: p.Seconds}
	v.Rebuilt, v.Layouts = p.Reached, slices.DeleteFunc(slices.Clone(p.Trees.Layouts), func(l objdiff.Layout) bool { return l.Kind != "changed" })
	w := newWitness(in)
	inlined := map[string]*Inlined{}
	for _, d := range p.Trees.Objects {
		if d.Differs() {
			v.Objects = append(v.Objects, d)
		}
		v.Functions = append(v.Functions, w.functions(d)...)
		for _, i := range d.Inlined {
			file, edited := w.edited[i.Name]
			if !edited {
				continue
			}
			if inlined[i.Name] == nil {
				inlined[i.Name] = &Inlined{Name: i.Name, File: file}
			}
			for _, host := range i.Into {
				inlined[i.Name].Into = append(inlined[i.Name].Into, d.Path+":"+host)
			}
		}
	}
	for _, name := range sortedNamesOf(inlined) {
		v.Inlined = append(v.Inlined, *inlined[name])
	}
}

func sortedNamesOf(m map[string]*Inlined) []string {
	set := map[string]bool{}
	for name := range m {
		set[name] = true
	}
	return sortedKeys(set)
}

// A witness tells why a function of an object is not as before.
type witness struct {
	sources   map[string]string // of objects
	edited    map[string]string // names of functions that the patches edit, and their file
	predicted map[[2]string]string
	layouts   []objdiff.Layout
}

func newWitness(in *factor.Input) *witness {
	w := &witness{sources: map[string]string{}, edited: map[string]string{}, predicted: map[[2]string]string{}, layouts: in.Proof.Trees.Layouts}
	for _, u := range in.Units {
		w.sources[u.Object] = u.Source
	}
	for _, d := range in.Deltas {
		for _, f := range d.Funcs {
			if f.New != nil {
				w.edited[f.New.Name] = d.Path
			} else if f.Old != nil {
				w.edited[f.Old.Name] = d.Path
			}
		}
	}
	if in.Reach != nil {
		for _, f := range in.Reach.Functions {
			w.predicted[[2]string{f.Object, f.Name}] = f.Why
		}
	}
	return w
}

// functions lists what is not as before in one object.
func (w *witness) functions(d *objdiff.Diff) (list []Function) {
	swallowed := map[string][]string{} // edited functions, by who swallowed them
	for _, i := range d.Inlined {
		if _, ok := w.edited[i.Name]; ok {
			for _, host := range i.Into {
				swallowed[factor.Plain(host)] = append(swallowed[factor.Plain(host)], i.Name)
			}
		}
	}
	add := func(names []string, change, why string) {
		for _, name := range names {
			f := Function{Name: name, File: cmp.Or(w.sources[d.Path], path.Join(csource.Root, d.Path)), Object: d.Path, Change: change, Why: why}
			if change == "" {
				f.Change, f.Why = w.why(d, factor.Plain(name), name, swallowed)
			}
			list = append(list, f)
		}
	}
	add(d.Functions, "", "")
	add(d.Differing, "", "")
	add(d.NewFunctions, "new", "the old object has no such function")
	add(d.Gone, "removed", "the new object has no such function")
	slices.SortFunc(list, func(a, b Function) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// why tells edited functions from affected ones, with the reason.
func (w *witness) why(d *objdiff.Diff, plain, name string, swallowed map[string][]string) (change, why string) {
	if _, ok := w.edited[plain]; ok {
		return "edited", "the patch edits it, and its code differs"
	}
	switch in := swallowed[plain]; {
	case slices.Contains(d.LineOnly, name):
		return "affected", "only numbers of source lines (__LINE__) differ"
	case len(in) > 0:
		return "affected", "took in " + strings.Join(in, ", ")
	case w.predicted[[2]string{d.Path, plain}] != "":
		return "affected", w.predicted[[2]string{d.Path, plain}]
	}
	for i := range w.layouts {
		if w.layouts[i].Kind == "changed" {
			return "affected", "its code differs; layout of " + w.layouts[i].Type + " changed"
		}
	}
	return "affected", "its code differs: the compiler decided otherwise somewhere in this object"
}
