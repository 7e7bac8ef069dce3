package objdiff

import (
	"errors"
	"fmt"
)

// Symbols is the symbol table of a hypervisor, xen-syms: what a payload can
// refer to.
type Symbols struct {
	local  map[string][]extent // by file#name; two are one too many
	global map[string]extent
	init   extent // memory that is freed after boot (xen.lds.S: __init_begin to __init_end)
}

// An extent is where a symbol lies.
type extent struct{ start, size uint64 }

// ReadSymbols reads the symbol table of a hypervisor with symbols.
func ReadSymbols(data []byte) (*Symbols, error) {
	sections, err := executable(data)
	if err != nil {
		return nil, err
	}
	var tab, names []byte
	for _, s := range sections {
		if s.typ == shtSymtab {
			tab = s.data
			if int(s.link) < len(sections) {
				names = sections[s.link].data
			}
		}
	}
	if len(tab) < symbolSize {
		return nil, errors.New(".symtab section not found")
	}
	t := &Symbols{local: map[string][]extent{}, global: map[string]extent{}}
	strtab, file := string(names), ""
	for ; len(tab) >= symbolSize; tab = tab[symbolSize:] {
		name, err := str(strtab, le.Uint32(tab))
		if err != nil {
			return nil, fmt.Errorf("name of a symbol: %w", err)
		}
		typ, bind, at := tab[4]&15, tab[4]>>4, extent{le.Uint64(tab[8:]), le.Uint64(tab[16:])}
		switch {
		case typ == sttFile:
			file = name
		case le.Uint16(tab[6:]) == shnUndef:
		case bind == stbLocal && (typ == sttFunc || typ == sttObject || typ == sttNotype):
			t.local[file+"#"+name] = append(t.local[file+"#"+name], at)
		case bind == stbGlobal:
			t.global[name] = at
		}
	}
	if begin, end := t.global["__init_begin"].start, t.global["__init_end"].start; begin < end {
		t.init = extent{begin, end - begin}
	}
	return t, nil
}

// A Where tells where the running hypervisor has what a payload refers to.
type Where string

const (
	Resident Where = "resident"
	Freed    Where = "freed"  // in init memory, which somebody else has by then
	Absent   Where = "absent" // nowhere, or under that name more than once
)

// Where finds a symbol as Diff.References names it: a global one by its name, a
// local one as file#name.
func (t *Symbols) Where(reference string) Where {
	at, ok := t.global[reference]
	if list := t.local[reference]; len(list) == 1 {
		at, ok = list[0], true
	}
	switch {
	case !ok:
		return Absent
	case at.start-t.init.start < t.init.size:
		return Freed
	}
	return Resident
}

// size is the size of the function in the hypervisor that a payload would
// replace; not ok where there is none, or more than one.
func (t *Symbols) size(s *symbol, file string) (size uint64, ok bool) {
	if s.bind != stbLocal {
		at, ok := t.global[s.name]
		return at.size, ok
	}
	list := t.local[file+"#"+s.name]
	if len(list) != 1 {
		return 0, false
	}
	return list[0].size, true
}

// executable reads the sections of a linked file, with the null section, by
// number; only types, links and contents.
func executable(data []byte) ([]section, error) {
	if len(data) < headerSize || string(data[:4]) != "\x7fELF" || data[4] != 2 || data[5] != 1 {
		return nil, errors.New("expected an ELF file of 64 bits, least byte first")
	}
	off, count := le.Uint64(data[40:]), int(le.Uint16(data[60:]))
	if off > uint64(len(data)) || uint64(len(data))-off < uint64(count)*sectionSize {
		return nil, fmt.Errorf("section headers at %#x: expected them inside the file of %d bytes", off, len(data))
	}
	list := make([]section, count)
	for i := range list {
		h, s := data[off+uint64(i)*sectionSize:], &list[i]
		s.typ, s.link, s.size = le.Uint32(h[4:]), le.Uint32(h[40:]), le.Uint64(h[32:])
		if at := le.Uint64(h[24:]); s.typ != shtNobits && at <= uint64(len(data)) && s.size <= uint64(len(data))-at {
			s.data = data[at : at+s.size]
		}
	}
	return list, nil
}
