package match

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// A unit is an object, and which of the two configurations compiles it.
type unit struct {
	object, source   string
	shipped, rebuilt bool
}

type units struct {
	list     []unit           // by object
	bySource map[string][]int // with the prefix xen/
	byStem   map[string][]int // object without its ending
}

func newUnits(shipped, rebuilt []csource.Unit) *units {
	u := &units{bySource: map[string][]int{}, byStem: map[string][]int{}}
	at := map[string]int{}
	add := func(list []csource.Unit, mark func(*unit)) {
		for _, x := range list {
			i, ok := at[x.Object]
			if !ok {
				i = len(u.list)
				at[x.Object] = i
				u.list = append(u.list, unit{object: x.Object, source: x.Source})
			}
			mark(&u.list[i])
		}
	}
	// One list alone says nothing about what the other configuration compiles.
	add(shipped, func(x *unit) { x.shipped, x.rebuilt = true, x.rebuilt || rebuilt == nil })
	add(rebuilt, func(x *unit) { x.rebuilt, x.shipped = true, x.shipped || shipped == nil })
	slices.SortFunc(u.list, func(a, b unit) int { return cmp.Compare(a.object, b.object) })
	for i := range u.list {
		x := &u.list[i]
		u.bySource[x.source] = append(u.bySource[x.source], i)
		u.byStem[withoutEnding(x.object)] = append(u.byStem[withoutEnding(x.object)], i)
	}
	return u
}

func withoutEnding(object string) string {
	return strings.TrimSuffix(strings.TrimSuffix(object, ".o"), ".init")
}

// of lists the units that a FILE symbol can mean. Xen names them after the object
// with its folder (arch/x86/mm/guest_walk_4.c) or after the source (common/efi/boot.c),
// and in assembly with fewer folders or none.
func (u *units) of(file string) []unit {
	stem := strings.TrimSuffix(file, path.Ext(file))
	found := u.byStem[stem]
	if found == nil {
		found = u.bySource[csource.Root+"/"+file]
	}
	if found == nil {
		for i := range u.list {
			if strings.HasSuffix(withoutEnding(u.list[i].object), "/"+stem) {
				found = append(found, i)
			}
		}
	}
	return u.pick(found)
}

func (u *units) pick(found []int) (list []unit) {
	for _, i := range found {
		list = append(list, u.list[i])
	}
	return list
}

// home finds the sources that a symbol can be from, and their units. That of a
// static function stands in the symbol table. That of others is what defines one of
// that name, or lies where it lies.
func (e *explainer) home(d *Difference) (sources []string, list []unit) {
	files := []string{d.File}
	if d.File == "" {
		for _, p := range e.homes[stem(d.Name)] {
			sources = append(sources, p)
			list = append(list, e.units.pick(e.units.bySource[p])...)
		}
		if len(sources) > 0 {
			return sources, list
		}
		files = d.in.around(d.symbol)
	}
	for _, file := range files {
		found := e.units.of(file)
		list = append(list, found...)
		for _, u := range found {
			sources = append(sources, u.source)
		}
		if p := csource.Root + "/" + file; len(found) == 0 && e.tree != nil && e.given.Index.File(p) != nil {
			sources = append(sources, p)
		}
	}
	return sorted(sources), list
}

// Limits of what counts as the surroundings of a symbol.
const (
	near = 200 // symbols
	wide = 24  // files
)

// around lists the FILE symbols that a global symbol can belong to. Linkers keep what
// one object has together and objects in their order, so that it is one between those
// of the local symbols before and after it.
func (h *Hypervisor) around(s *Symbol) []string {
	i, _ := slices.BinarySearchFunc(h.Symbols, *s, byAddress)
	before, after := "", ""
	for j := min(i, len(h.Symbols)-1); j >= max(0, i-near) && before == "" && h.Symbols[j].Section == s.Section; j-- {
		before = h.Symbols[j].File
	}
	for j := i; j < min(len(h.Symbols), i+near) && after == "" && h.Symbols[j].Section == s.Section; j++ {
		after = h.Symbols[j].File
	}
	from, to := h.order[before], h.order[after]
	if before == "" || after == "" || from > to || to-from >= wide {
		return nil
	}
	list := make([]string, to-from+1)
	for file, n := range h.order {
		if from <= n && n <= to {
			list[n-from] = file
		}
	}
	return list
}
