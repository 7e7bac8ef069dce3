package revision

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lpready/analyze/advisory"
)

// A couple is one item in two versions; one of them is nil where it is new or
// was dropped.
type couple struct{ old, new *advisory.Entry }

// A batch is one version, with the loose patches without a number gathered into
// one item.
type batch struct {
	*advisory.Batch
	set   *advisory.Entry // the gathered patches, nil where there is none
	names []string        // of their files
	raw   [][]byte        // and what they hold
}

// gather makes one item of all patches without a number: files of a series,
// which may have been split, merged or reordered. The patches of a queue without
// a number are gathered only where nothing else is there.
func gather(ctx context.Context, b *advisory.Batch) (*batch, error) {
	g := &batch{Batch: b}
	numbered := slices.ContainsFunc(b.Entries, func(e *advisory.Entry) bool { return e.XSA > 0 })
	var loose, rest []*advisory.Entry
	for _, e := range b.Entries {
		if e.XSA == 0 && (!e.Context || !numbered) {
			loose = append(loose, e)
		} else {
			rest = append(rest, e)
		}
	}
	if len(loose) == 0 {
		return g, nil
	}
	var all bytes.Buffer
	for _, e := range loose {
		for _, name := range filesOf(e) {
			data, _ := e.Patch(name)
			g.names, g.raw = append(g.names, name), append(g.raw, data)
			all.Write(data)
			all.WriteByte('\n')
		}
	}
	if len(loose) == 1 {
		g.set = loose[0]
		g.set.Context = false
		return g, nil
	}
	joined, err := advisory.Read(ctx, []string{"-"}, advisory.Options{Stdin: &all})
	if err != nil || len(joined.Entries) != 1 {
		return nil, fmt.Errorf("%s: expected patches that can be read as one series: %v", strings.Join(g.names, ", "), err)
	}
	g.set = joined.Entries[0]
	g.Batch = &advisory.Batch{Entries: append(rest, g.set), Queue: b.Queue, Warnings: b.Warnings}
	return g, nil
}

// filesOf lists the patches of an entry in the order of its recipes.
func filesOf(e *advisory.Entry) []string {
	var names []string
	for _, r := range e.Recipes {
		for _, p := range r.Patches {
			if _, ok := e.Patch(p); ok && !slices.Contains(names, p) {
				names = append(names, p)
			}
		}
	}
	return names
}

// match pairs the items of two versions by number, the gathered patches with each
// other, and a single item with a single one that has no other number.
func match(old, new *batch) []couple {
	before, after := items(old.Batch), items(new.Batch)
	if len(before) == 1 && len(after) == 1 && (before[0].XSA == after[0].XSA || before[0].XSA == 0 || after[0].XSA == 0) {
		return []couple{{before[0], after[0]}}
	}
	var list []couple
	for _, e := range after {
		c := couple{new: e}
		if i := slices.IndexFunc(before, func(o *advisory.Entry) bool { return o.XSA == e.XSA }); i >= 0 {
			c.old = before[i]
			before = slices.Delete(slices.Clone(before), i, i+1)
		}
		list = append(list, c)
	}
	slices.SortStableFunc(before, func(a, b *advisory.Entry) int { return cmp.Compare(a.XSA, b.XSA) })
	for _, e := range before {
		list = append(list, couple{old: e})
	}
	return list
}

// items are the entries that are assessed.
func items(b *advisory.Batch) []*advisory.Entry {
	return slices.DeleteFunc(slices.Clone(b.Entries), func(e *advisory.Entry) bool { return e.Context })
}

// contextChanges tells which of a queue's own patches differ.
func contextChanges(old, new *advisory.Batch) []string {
	content := func(b *advisory.Batch) map[string]string {
		all := map[string]string{}
		for _, e := range b.Entries {
			if !e.Context {
				continue
			}
			for _, name := range filesOf(e) {
				data, _ := e.Patch(name)
				all[name] = string(data)
			}
		}
		return all
	}
	was, is := content(old), content(new)
	var list []string
	for _, name := range unionOf(was, is) {
		a, before := was[name]
		b, after := is[name]
		switch {
		case !before:
			list = append(list, name+": a new patch of the queue")
		case !after:
			list = append(list, name+": gone from the queue")
		case a != b:
			list = append(list, name+": this patch of the queue differs")
		}
	}
	return list
}

// unionOf lists the keys of two maps, sorted.
func unionOf[V any](a, b map[string]V) []string {
	var names []string
	for n := range a {
		names = append(names, n)
	}
	for n := range b {
		if _, both := a[n]; !both {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// versions lists the Xen versions that the recipes of an item are for, the
// newest first, as far as each has patches of its own. It stands in for bases
// where none are given.
func versions(entries ...*advisory.Entry) []string {
	var list []string
	seen := map[string]bool{}
	add := func(xen string) {
		key := ""
		for _, e := range entries {
			if r, ok := e.Recipe(xen); ok {
				key += strings.Join(r.Patches, "\x00")
			}
			key += "\x01"
		}
		if !seen[key] {
			seen[key] = true
			list = append(list, xen)
		}
	}
	var numbered []string
	for _, e := range entries {
		if _, ok := e.Recipe("unstable"); ok {
			add("unstable")
		}
		for _, r := range e.Nearest("unstable") {
			numbered = append(numbered, r.Xen)
		}
	}
	for _, xen := range numbered {
		add(xen)
	}
	return list
}
