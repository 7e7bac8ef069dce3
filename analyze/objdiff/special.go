package objdiff

import (
	"slices"
	"strings"
)

// Sizes are the lengths in bytes of the entries of special sections, which
// differ between versions of Xen.
type Sizes struct {
	Alt int // struct alt_instr
	Bug int // struct bug_frame
	Ex  int // struct exception_table_entry
}

const hookEntry = 8 // a hook is one pointer

// special are the sections whose entries belong to functions: an entry is taken
// if its function is. In the order in which the differ works.
var special = append([]string{
	".bug_frames.0", ".bug_frames.1", ".bug_frames.2", ".bug_frames.3",
	".fixup", ".ex_table", ".altinstructions", ".altinstr_replacement",
}, hookSections()...)

func hookSections() []string {
	var list []string
	for _, hook := range []string{"load", "unload", "preapply", "postapply", "prerevert", "postrevert", "apply", "revert"} {
		list = append(list, hooksPrefix+hook)
	}
	return list
}

// entrySize is the length of the entry at off in a special section; 0 where the
// entries of a section are unknown.
func (p *pair) entrySize(name string, off uint64) (uint64, error) {
	switch {
	case strings.HasPrefix(name, ".bug_frames."):
		return uint64(p.sizes.Bug), nil
	case name == ".ex_table":
		return uint64(p.sizes.Ex), nil
	case name == ".altinstructions":
		return uint64(p.sizes.Alt), nil
	case strings.HasPrefix(name, hooksPrefix):
		return hookEntry, nil
	case name == ".fixup":
		return p.fixupSize(off)
	}
	return 0, nil
}

// fixupSize is the length of the code at off in .fixup: up to where the
// exception table says that the next begins.
func (p *pair) fixupSize(off uint64) (uint64, error) {
	table, fixup := p.new.first[".rela.ex_table"], p.new.first[".fixup"]
	if table == nil {
		return 0, refuse(1, "missing .rela.ex_table section")
	}
	if err := p.new.spend(len(table.relas)); err != nil {
		return 0, err
	}
	found := false
	for i := range table.relas {
		r := &table.relas[i]
		if r.sym.name != ".fixup" || r.addend < 0 {
			continue
		}
		switch at := uint64(r.addend); {
		case !found:
			found = at == off
		case at > off:
			return at - off, nil
		}
	}
	if !found || fixup.size <= off {
		return 0, refuse(1, "can't find .fixup rela group at offset %d", off)
	}
	return fixup.size - off, nil
}

// takeEntries takes of the special sections the entries that belong to
// functions that are taken.
func (p *pair) takeEntries() error {
	for _, name := range special {
		if s := p.new.first[name]; s != nil && s.rela != nil {
			if err := p.takeEntriesOf(s); err != nil {
				return err
			}
		}
	}
	// What alternatives put in place comes whole.
	for _, s := range p.new.sections {
		if s.name != ".altinstr_replacement" {
			continue
		}
		s.include = true
		for _, sym := range s.symbols {
			sym.include = true
		}
		if s.secsym != nil {
			s.secsym.include = true
		}
		if s.rela == nil {
			continue
		}
		s.rela.include = true
		for i := range s.rela.relas {
			s.rela.relas[i].sym.include = true
		}
	}
	return nil
}

func (p *pair) takeEntriesOf(s *section) error {
	first, err := p.entrySize(s.name, 0)
	if err != nil || first == 0 {
		return err
	}
	keep := map[uint64]bool{} // by start of entry
	entry := make([]uint64, len(s.rela.relas))
	order := make([]int, len(entry)) // relocations by offset
	for i := range order {
		order[i] = i
	}
	relas := s.rela.relas
	slices.SortStableFunc(order, func(a, b int) int { return int(int64(relas[a].off) - int64(relas[b].off)) })
	at, size := uint64(0), uint64(0)
	for next := 0; at < s.size; at += size {
		if size, err = p.entrySize(s.name, at); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
		for ; next < len(order) && relas[order[next]].off < at+size; next++ {
			r := &relas[order[next]]
			entry[order[next]] = at
			if r.sym.typ == sttFunc && r.sym.sec != nil && r.sym.sec.include {
				keep[at] = true
			}
		}
	}
	if !s.wholeEntries(at) {
		return refuse(1, "group size mismatch for section %s", s.name)
	}
	if len(keep) == 0 {
		s.drop()
		return nil
	}
	kept := relas[:0:0]
	for i := range relas {
		if keep[entry[i]] {
			relas[i].sym.include = true
			kept = append(kept, relas[i])
		}
	}
	s.rela.relas = kept
	s.include, s.rela.include = true, true
	return nil
}

// wholeEntries tells whether entries that end at off fill the section.
func (s *section) wholeEntries(off uint64) bool {
	align := max(s.align, 1)
	return off == (s.size+align-1)/align*align
}

// drop leaves a section out as if it had not changed.
func (s *section) drop() {
	s.status, s.rela.status = isSame, isSame
	s.include, s.rela.include = false, false
}

// stripUndefined takes out of sections with entries of known size those that
// refer to what the payload does not take along.
func (p *pair) stripUndefined() error {
	for _, s := range p.new.sections {
		if s.typ != shtRela || s.debug() || strings.Contains(s.name, ".fixup") {
			continue
		}
		size := s.base.entsize
		if size == 0 {
			var err error
			if size, err = p.entrySize(s.base.name, 0); err != nil {
				return err
			}
		}
		if size == 0 {
			continue
		}
		if !s.base.wholeEntries((s.base.size + size - 1) / size * size) {
			return refuse(1, "group size mismatch for section %s", s.base.name)
		}
		kept := s.relas[:0:0]
		for i := range s.relas {
			switch r := &s.relas[i]; {
			case !r.undefined():
				kept = append(kept, *r)
			case s.include:
				p.warn("Found a STN_UNDEF symbol %s in section %s", r.sym.name, s.name)
			}
		}
		if len(kept) == 0 {
			s.base.drop()
			continue
		}
		s.relas = kept
	}
	return nil
}

// undefined tells whether a relocation would have nothing to refer to.
func (r *rela) undefined() bool {
	return r.sym.index == 0 || !r.sym.include && r.sym.status == isSame
}
