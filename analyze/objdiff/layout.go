package objdiff

import (
	"cmp"
	"slices"
	"strings"
)

// A Layout is a type that is not as before. Sizes are bytes, -1 where there is
// no such type.
type Layout struct {
	Type    string   `json:"type"` // "struct domain", "enum x", "typedef y", "function f"
	Kind    string   `json:"kind"` // changed, new, removed
	Size    [2]int64 `json:"size"` // old, new
	Changes []Change `json:"changes,omitempty"`
	Objects []string `json:"objects,omitempty"` // that have it so, where many are compared
}

// A Change is one member that is not as before. Offsets are bytes, of
// enumerators their values, -1 where there is no such member; was and now are
// types as C writes them.
type Change struct {
	Member string   `json:"member"`
	Change string   `json:"change"` // added, removed, moved, retyped
	Offset [2]int64 `json:"offset"` // old, new
	Was    string   `json:"was,omitempty"`
	Now    string   `json:"now,omitempty"`
}

// typeNames are the names of all types of both versions of an object.
type typeNames struct{ old, new map[string]int }

// compareTypes lists the structures and unions that differ, and the other
// types and prototypes that do.
func compareTypes(a, b *types) (layouts, others []Layout, err error) {
	p := &typePair{old: a, new: b, seen: map[[2]int]bool{}, steps: 4 * maxTypes}
	add := func(key string, l Layout) {
		if strings.HasPrefix(key, "struct ") || strings.HasPrefix(key, "union ") {
			layouts = append(layouts, l)
		} else {
			others = append(others, l)
		}
	}
	for _, key := range b.order {
		y := b.named[key]
		x, ok := a.named[key]
		if !ok {
			add(key, Layout{Type: key, Kind: "new", Size: [2]int64{-1, b.at[y].size}})
			continue
		}
		if l, differs := p.compare(key, x, y); differs {
			add(key, l)
		}
	}
	for _, key := range a.order {
		if _, ok := b.named[key]; !ok {
			add(key, Layout{Type: key, Kind: "removed", Size: [2]int64{a.at[a.named[key]].size, -1}})
		}
	}
	if p.steps < 0 {
		return nil, nil, errTypes
	}
	sortLayouts(layouts)
	sortLayouts(others)
	return layouts, others, nil
}

func sortLayouts(list []Layout) {
	slices.SortFunc(list, func(x, y Layout) int {
		if order := cmp.Or(cmp.Compare(x.Type, y.Type), cmp.Compare(x.Kind, y.Kind), slices.Compare(x.Size[:], y.Size[:])); order != 0 {
			return order
		}
		return cmp.Compare(sprintf("%v", x.Changes), sprintf("%v", y.Changes))
	})
}

func (p *typePair) compare(key string, x, y int) (l Layout, differs bool) {
	a, b := p.old, p.new
	e, f := a.at[x], b.at[y]
	l = Layout{Type: key, Kind: "changed", Size: [2]int64{e.size, f.size}}
	switch e.tag {
	case tagStruct, tagUnion, tagEnum:
		l.Changes = p.members(e, f, "", 0)
	case tagTypedef:
		// An anonymous type goes by the name that is given to it.
		r, _ := a.resolve(e.typ)
		s, _ := b.resolve(f.typ)
		if r != nil && s != nil && r.tag == s.tag && r.name == "" && s.name == "" && (r.aggregate() || r.tag == tagEnum) {
			l.Size = [2]int64{r.size, s.size}
			l.Changes = p.members(r, s, "", 0)
		} else if !p.same(e.typ, f.typ) {
			l.Changes = []Change{{Change: "retyped", Offset: [2]int64{-1, -1}, Was: a.says(e.typ), Now: b.says(f.typ)}}
		}
	case tagFunc:
		l.Size = [2]int64{-1, -1}
		same := len(e.members) == len(f.members) && p.same(e.typ, f.typ)
		for i := 0; same && i < len(e.members); i++ {
			same = p.same(e.members[i].typ, f.members[i].typ)
		}
		if !same {
			l.Changes = []Change{{Change: "retyped", Offset: [2]int64{-1, -1}, Was: a.says(x), Now: b.says(y)}}
		}
	}
	return l, len(l.Changes) > 0 || l.Size[0] != l.Size[1]
}

// flat lists the members of a structure, those of anonymous ones inside it as
// its own. Offsets are bits.
func (p *typePair) flat(t *types, e *ctype, list []member, base int64, depth int) []member {
	for _, m := range e.members {
		if p.steps--; p.steps < 0 {
			return list
		}
		if m.name == "" {
			if inner := t.at[m.typ]; inner.aggregate() && depth < 16 {
				list = p.flat(t, inner, list, base+m.off, depth+1)
			}
			continue
		}
		m.off += base
		list = append(list, m)
	}
	return list
}

func (p *typePair) members(e, f *ctype, prefix string, depth int) []Change {
	a, b := p.old, p.new
	old, now := p.flat(a, e, nil, 0, 0), p.flat(b, f, nil, 0, 0)
	scale := int64(8)
	if e.tag == tagEnum {
		scale = 1
	}
	index := make(map[string]int, len(old))
	for i, m := range old {
		if _, ok := index[m.name]; !ok {
			index[m.name] = i
		}
	}
	var list []Change
	seen := make([]bool, len(old))
	for _, n := range now {
		i, ok := index[n.name]
		if !ok || seen[i] {
			list = append(list, Change{prefix + n.name, "added", [2]int64{-1, n.off / scale}, "", b.says(n.typ)})
			continue
		}
		seen[i] = true
		m := old[i]
		at := [2]int64{m.off / scale, n.off / scale}
		if m.off != n.off {
			list = append(list, Change{Member: prefix + n.name, Change: "moved", Offset: at})
		}
		x, y := a.at[m.typ], b.at[n.typ]
		switch {
		case x.aggregate() && y.aggregate() && x.tag == y.tag && x.name == "" && y.name == "" && depth < 16:
			list = append(list, p.members(x, y, prefix+n.name+".", depth+1)...)
		case m.bits != n.bits || !p.same(m.typ, n.typ):
			list = append(list, Change{prefix + n.name, "retyped", at, a.member(m), b.member(n)})
		}
	}
	for i, m := range old {
		if !seen[i] {
			list = append(list, Change{prefix + m.name, "removed", [2]int64{m.off / scale, -1}, a.says(m.typ), ""})
		}
	}
	if e.tag == tagEnum {
		for i := range list {
			list[i].Was, list[i].Now = "", ""
		}
	}
	return list
}

// member writes the type of a member, with its bits where it is a bit field.
func (t *types) member(m member) string {
	if m.bits >= 0 {
		return sprintf("%s:%d", t.says(m.typ), m.bits)
	}
	return t.says(m.typ)
}

// debug compares what the debugging information says.
func (p *pair) debug(d *Diff, opt Options) error {
	if opt.NoTypes {
		return nil
	}
	old, now := p.old.dwarf(), p.new.dwarf()
	if old == nil || now == nil {
		return nil
	}
	if d.Verdict != Same {
		if err := p.inlined(d, old, now); err != nil {
			return err
		}
	}
	a, err := old.readTypes()
	if err != nil {
		return sprintError("old object", err)
	}
	b, err := now.readTypes()
	if err != nil {
		return sprintError("new object", err)
	}
	if d.Layouts, d.Types, err = compareTypes(a, b); err != nil {
		return err
	}
	d.names = &typeNames{a.named, b.named}
	return nil
}

// Summary tells in one line what is not as before.
func (l *Layout) Summary() string {
	switch l.Kind {
	case "new":
		return sprintf("new, %d bytes", l.Size[1])
	case "removed":
		return sprintf("removed, %d bytes", l.Size[0])
	}
	var words []string
	if l.Size[0] != l.Size[1] {
		words = append(words, sprintf("size %d -> %d", l.Size[0], l.Size[1]))
	}
	moved := 0
	for _, c := range l.Changes {
		switch c.Change {
		case "moved":
			if moved++; moved == 1 {
				words = append(words, sprintf("%s moved %d -> %d", c.Member, c.Offset[0], c.Offset[1]))
			}
		case "retyped":
			words = append(words, strings.TrimSpace(sprintf("%s was %s, is %s", c.Member, c.Was, c.Now)))
		case "added":
			words = append(words, sprintf("%s added at %d", c.Member, c.Offset[1]))
		default:
			words = append(words, sprintf("%s removed from %d", c.Member, c.Offset[0]))
		}
	}
	if moved > 1 {
		words = append(words, sprintf("%d more moved", moved-1))
	}
	return strings.Join(words, ", ")
}

// SamePlaces tells whether all members are where they were, and only their names
// or types are others. A function pointer of another type counts as moved: old
// functions would be called with new arguments.
func (l *Layout) SamePlaces() bool {
	if l.Size[0] != l.Size[1] {
		return false
	}
	balance := map[int64]int{} // members added and removed, by place
	for _, c := range l.Changes {
		switch c.Change {
		case "moved":
			return false
		case "added":
			balance[c.Offset[1]]++
		case "removed":
			balance[c.Offset[0]]--
		case "retyped":
			if strings.Contains(c.Was+c.Now, "(") {
				return false
			}
		}
	}
	for _, n := range balance {
		if n != 0 {
			return false
		}
	}
	return true
}
