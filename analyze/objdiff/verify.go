package objdiff

import (
	"slices"
	"strings"
)

// verify refuses what cannot be patched; it names all reasons at once.
func (p *pair) verify() error {
	var says []string
	add := func(format string, args ...any) { says = append(says, sprintf(format, args...)) }
	for _, s := range p.new.sections {
		if s.status == isChanged && !s.include && !s.debug() && !s.bookkeeping() {
			add("changed section %s not selected for inclusion", s.name)
		}
		if s.status != isSame && s.grouped {
			add("changed section %s is part of a section group", s.name)
		}
		if s.typ == shtGroup && s.status == isNew {
			add("new/changed group sections are not supported")
		}
		if !s.include {
			continue
		}
		if s.rodata() && !slices.Contains(special, s.name) && !s.referenced() {
			add(".rodata section %s included, but not referenced", s.name)
		}
		if s.typ == shtRela && !s.debug() {
			if r := s.firstUndefined(); r != nil {
				add("section %s has an entry with an undefined symbol: %s", s.name, r.sym.name)
			}
		}
		if s.status != isNew && s.name != ".data.unlikely" &&
			(strings.HasPrefix(s.name, ".data") || strings.HasPrefix(s.name, ".bss")) {
			add("data section %s selected for inclusion", s.name)
		}
	}
	if len(says) == 0 {
		return nil
	}
	return &refusal{exit: 2, says: append(says, sprintf("%d unsupported section change(s)", len(says)))}
}

func (s *section) firstUndefined() *rela {
	for i := range s.relas {
		if s.relas[i].undefined() {
			return &s.relas[i]
		}
	}
	return nil
}

// bookkeeping tells whether a section is the file's own and not the program's.
func (s *section) bookkeeping() bool {
	return s.typ == shtSymtab || s.typ == shtStrtab
}

// smallest is the length in bytes of the jump that replaces a function.
const smallest = 5

// lookup checks what a payload's list of functions needs: that the running
// hypervisor has each of them, once, and large enough.
func (p *pair) lookup(table *Symbols) error {
	hint := ""
	for _, s := range p.new.symbols {
		if s.typ == sttFile && s.include {
			hint = s.name
			break
		}
	}
	if hint == "" {
		return refuse(1, "FILE symbol not found in output. Stripped?")
	}
	var says []string
	for _, s := range p.new.symbols {
		if s.typ != sttFunc || s.status != isChanged || s.parent != nil || !s.include {
			continue
		}
		size := s.size
		if s.twin != nil {
			size = s.twin.size
		}
		if table != nil {
			var ok bool
			if size, ok = table.size(s, hint); !ok && s.bind == stbLocal {
				says = append(says, sprintf("lookup_local_symbol %s (%s)", s.name, hint))
				continue
			} else if !ok {
				says = append(says, sprintf("lookup_global_symbol %s", s.name))
				continue
			}
		}
		if size < smallest {
			says = append(says, sprintf("%s too small to patch", s.name))
		}
	}
	if len(says) > 0 {
		return &refusal{exit: 1, says: says}
	}
	return nil
}
