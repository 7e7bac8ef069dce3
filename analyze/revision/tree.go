package revision

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"lpready/analyze"
	"lpready/analyze/cpp"
	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/analyze/patch"
	"lpready/analyze/reach"
)

// A bench is a base on which both versions are tried. The new batch is laid on
// it item by item, so that later recipes find what they build on.
type bench struct {
	*analyze.Base
	start, now *patch.Tree // nil without a source
	compiled   func() (*compiled, error)
}

// A compiled is what the base's configuration makes of its source.
type compiled struct {
	arch  string
	index *csource.Index
	units []csource.Unit
	pre   *cpp.Preprocessor
}

func newBench(ctx context.Context, base *analyze.Base, cache, version string) *bench {
	b := &bench{Base: base}
	if base.Tree == nil {
		return b
	}
	b.start = patch.NewTree(base.Tree)
	b.now = b.start
	b.compiled = sync.OnceValues(func() (*compiled, error) {
		arch := base.Arch
		if arch == "" && base.Config != nil {
			arch = csource.Arch(base.Config)
		}
		arch = cmp.Or(arch, "x86")
		index, err := csource.Open(ctx, base.Tree, csource.Options{Cache: cache, Version: version})
		if err != nil {
			return nil, err
		}
		units, err := csource.Units(base.Tree, arch, base.Config)
		if err != nil {
			return nil, err
		}
		return &compiled{arch, index, units, cpp.New(index, arch, base.Config)}, nil
	})
	return b
}

// lay applies patches for good, where they fit.
func (b *bench) lay(s *series) {
	if b.now == nil || s == nil {
		return
	}
	if t, ok := applied(b.now, s); ok {
		b.now = t.tree
	}
}

// A trial is a tree with a series applied.
type trial struct {
	tree    *patch.Tree
	partial bool // changes outside xen/ did not all fit
}

// applied applies a series: its changes below xen/ all of them, others where they
// fit.
func applied(from *patch.Tree, s *series) (trial, bool) {
	t := trial{tree: from.Fork()}
	for i := range s.patches {
		inside, outside := s.patches[i], s.patches[i]
		inside.Files, outside.Files = nil, nil
		for _, f := range s.patches[i].Files {
			if strings.HasPrefix(f.Name(), csource.Root+"/") {
				inside.Files = append(inside.Files, f)
			} else {
				outside.Files = append(outside.Files, f)
			}
		}
		if r, err := t.tree.Apply(&inside); err != nil || !r.OK() {
			return t, false
		}
		if r, err := t.tree.Apply(&outside); err != nil || !r.OK() {
			t.partial = true
		}
	}
	return t, true
}

// both applies two series to one tree: to what the items before them leave
// behind, or else to the base alone.
func (b *bench) both(old, new *series) (was, is trial, ok bool) {
	if b.start == nil {
		return was, is, false
	}
	for _, from := range []*patch.Tree{b.now, b.start} {
		was, okOld := applied(from, old)
		is, okNew := applied(from, new)
		if okOld && okNew {
			return was, is, true
		}
	}
	return was, is, false
}

// compare compares what two series make of the base. text is what their own text
// showed, which counts for files that the source lacks and for how the patches
// are written. ok is false where they cannot both be applied.
func (b *bench) compare(old, new *series, text []Change) (out outcome, ok bool, err error) {
	was, is, ok := b.both(old, new)
	if !ok {
		return out, false, nil
	}
	var changes []Change
	differ := map[string]bool{}
	for _, name := range filesTouched(old, new) {
		if !strings.HasPrefix(name, csource.Root+"/") && (was.partial || is.partial) {
			changes = append(changes, ofFile(text, name)...)
			continue
		}
		before, _ := was.tree.ReadFile(name)
		after, _ := is.tree.ReadFile(name)
		if bytes.Equal(before, after) && (before == nil) == (after == nil) {
			changes = append(changes, written(ofFile(text, name), name)...)
			continue
		}
		differ[name] = true
		changes = append(changes, sampled(compareSources(name, before, after), text)...)
	}
	more, idle, err := b.affected(was.tree, is.tree, differ, changes)
	return outcome{append(changes, more...), idle}, true, err
}

// An outcome is what two series make of a base.
type outcome struct {
	changes []Change
	idle    bool // what differs is no part of this base's hypervisor
}

// sampled fills in what the text of the patches shows of functions that differ.
func sampled(list, text []Change) []Change {
	for i := range list {
		for _, c := range text {
			if c.File == list[i].File && c.Function == list[i].Function && list[i].Detail == "" && (c.Kind == Code || c.Kind == Comments) {
				list[i].Detail = c.Detail
			}
		}
	}
	return list
}

// written is how a file's changes are written otherwise although their result is
// the same.
func written(text []Change, name string) []Change {
	if len(text) == 0 || rank(worst(text)) <= rank(Context) {
		return text
	}
	return []Change{{File: name, Kind: Context, Detail: "written otherwise, with the same result on this base"}}
}

func ofFile(list []Change, name string) []Change {
	return slices.DeleteFunc(slices.Clone(list), func(c Change) bool { return c.File != name })
}

// filesTouched lists the files that series change, sorted.
func filesTouched(list ...*series) []string {
	var names []string
	for _, s := range list {
		for i := range s.patches {
			for _, f := range s.patches[i].Files {
				for _, n := range []string{f.OldName, f.NewName} {
					if n != "" {
						names = append(names, n)
					}
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// compareSources compares two states of a file that differ, entity by entity.
func compareSources(name string, before, after []byte) []Change {
	lang := languageOf(name)
	if lang == verbatim {
		return []Change{change(name, difference{kind: Code, detail: "its content"})}
	}
	scan := func(data []byte) *csource.File {
		if data == nil {
			return nil
		}
		return csource.Scan(name, data)
	}
	d := csource.Diff(scan(before), scan(after), before, after)
	list := entities(&d)
	for i := range list {
		list[i].File = name
	}
	same := before != nil && after != nil && slices.Equal(allWords(before, lang), allWords(after, lang))
	switch {
	case worst(list) == Code:
	case !same: // the scanner names nothing, the words differ
		list = append(list, Change{File: name, Kind: Code, Detail: "code outside of functions, types and variables"})
	case len(list) == 0:
		list = append(list, Change{File: name, Kind: Comments, Detail: "comments and white space"})
	}
	return list
}

func allWords(src []byte, lang language) []string {
	l := lexer{lines: lang == assembly}
	var list []string
	for line := range strings.Lines(string(src)) {
		list = append(list, l.next(chomp(line))...)
	}
	return list
}

// entities words a delta.
func entities(d *csource.Delta) []Change {
	var list []Change
	add := func(code bool, name, detail string) {
		kind := Code
		if !code {
			kind = Comments
		}
		list = append(list, Change{Function: name, Kind: kind, Detail: detail})
	}
	for _, f := range d.Funcs {
		switch {
		case f.Old == nil:
			add(true, f.New.Name, "new function")
		case f.New == nil:
			add(true, f.Old.Name, "function gone")
		default:
			add(f.Code || f.Cond, f.New.Name, "")
		}
	}
	for _, t := range d.Types {
		named, how := t.New, ""
		switch {
		case t.Old == nil:
			how = "new type"
		case t.New == nil:
			named, how = t.Old, "type gone"
		}
		for _, m := range t.Members {
			how += fmt.Sprintf(", %s %s", m.Name, m.Change)
		}
		add(t.Code || t.Cond, strings.TrimSpace(named.Kind+" "+named.Name), strings.TrimPrefix(how, ", "))
	}
	for _, v := range d.Vars {
		named := v.New
		if named == nil {
			named = v.Old
		}
		add(true, named.Name, "variable")
	}
	for _, m := range d.Macros {
		named := m.New
		if named == nil {
			named = m.Old
		}
		add(true, named.Name, "macro")
	}
	for _, p := range d.Protos {
		named := p.New
		if named == nil {
			named = p.Old
		}
		add(true, named.Name, "declaration")
	}
	for _, c := range d.Calls {
		named := c.New
		if named == nil {
			named = c.Old
		}
		add(true, named.Name, "macro invocation")
	}
	for _, i := range d.Includes {
		if i.New != nil {
			add(true, "", "includes "+i.New.Path)
		} else {
			add(true, "", "no longer includes "+i.Old.Path)
		}
	}
	for _, odd := range []struct {
		is   bool
		what string
	}{{d.Asm, "assembly"}, {d.Directives, "preprocessor lines"}, {d.Lost, "code that the scanner cannot place"}} {
		if odd.is {
			add(true, "", odd.what)
		}
	}
	return list
}

// affected lists functions that compile to something else although their source
// is the same in both versions. idle tells that all that differs is left out of
// this base. It needs the base's configuration.
func (b *bench) affected(was, is *patch.Tree, differ map[string]bool, known []Change) (list []Change, idle bool, err error) {
	inside := slices.DeleteFunc(unionOf(differ, nil), func(n string) bool { return !inHypervisor(n) })
	sources := slices.DeleteFunc(slices.Clone(inside), func(n string) bool { return languageOf(n) == verbatim })
	if len(sources) == 0 || b.Config == nil {
		return nil, false, nil
	}
	c, err := b.compiled()
	if err != nil {
		return nil, false, err
	}
	before, after := overlay(c.index, was), overlay(c.index, is)
	in := reach.Change{Before: before, After: after, Units: c.units, Old: c.pre.With(before), New: c.pre.With(after)}
	for _, name := range sources {
		p, q := before.File(name), after.File(name)
		if p != nil || q != nil {
			in.Deltas = append(in.Deltas, csource.Diff(p, q, before.Source(name), after.Source(name)))
		}
	}
	predicted := reach.Predict(in)
	for _, f := range predicted.Functions {
		said := func(c Change) bool { return c.File == f.File && c.Function == f.Name && c.Kind == Code }
		if f.Change == "affected" && !slices.ContainsFunc(known, said) {
			list = append(list, Change{File: f.File, Function: f.Name, Kind: Affected, Detail: path.Base(f.Object) + ": " + f.Why})
		}
	}
	if len(inside) == len(sources) {
		rules := &factor.Input{Before: before, After: after, Deltas: in.Deltas, Config: b.Config, Arch: c.arch, Units: c.units, Reach: predicted, Xen: b.Xen}
		class, _ := factor.Decide(factor.Run(rules), "hypervisor/common")
		idle = class == factor.NotNeeded && len(predicted.Functions) == 0
	}
	return list, idle, nil
}

// overlay is the index of a tree with changes.
func overlay(index *csource.Index, t *patch.Tree) *csource.Index {
	changed := map[string][]byte{}
	for _, name := range t.Changed() {
		changed[name], _ = t.ReadFile(name)
	}
	return index.With(changed)
}

// inHypervisor tells whether a file is part of the hypervisor.
func inHypervisor(name string) bool { return strings.HasPrefix(factor.Scope(name), "hypervisor/") }
