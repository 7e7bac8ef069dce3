package payload

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Numbers of the ELF specification.
const (
	shtSymtab, shtStrtab, shtRela, shtNobits, shtRel = 2, 3, 4, 8, 9
	shfWrite, shfAlloc, shfExec, shfMerge            = 1, 2, 4, 0x10
	shnUndef, shnLoReserve, shnAbs, shnCommon        = 0, 0xff00, 0xfff1, 0xfff2
	sttFunc, sttSection, sttFile                     = 2, 3, 4
	emX86, etRel                                     = 62, 1
	headerSize, sectionSize, symbolSize, relaSize    = 64, 64, 24, 24
	relSize                                          = 16
)

// Limits of the loader: xen/include/xen/livepatch.h and livepatch_header_check.
const (
	maxSections = 1024
	maxSize     = 2 << 20 // LIVEPATCH_MAX_SIZE
)

// maxName is longer than the name of anything in a payload.
const maxName = 4096

var le = binary.LittleEndian

// A Damage is a file that no loader would take, whatever the hypervisor.
type Damage struct{ Finding Finding }

func (d *Damage) Error() string { return d.Finding.Message }

// damaged is a Damage that a check of the table found.
func damaged(id, message string, args ...any) error {
	return &Damage{newFinding(id, message, args)}
}

// readELF reads sections and symbols with the checks of xen/common/livepatch_elf.c,
// in their order.
func (p *Payload) readELF() error {
	for _, step := range []func() error{p.readHeader, p.readSections, p.readNames, p.readSymbols} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// readHeader is livepatch_header_check, with arch_livepatch_verify_elf of x86.
func (p *Payload) readHeader() error {
	h, size := p.data, uint64(len(p.data))
	if size < headerSize {
		return damaged("elf-short", fmt.Sprintf("the file has %d bytes, which is less than an ELF header", size))
	}
	u16 := func(at int) uint16 { return le.Uint16(h[at:]) }
	count, names, offset, entry := u16(60), u16(62), le.Uint64(h[40:]), u16(58)
	for _, c := range []struct {
		bad  bool
		id   string
		says string
		args []any
	}{
		{string(h[:4]) != "\x7fELF", "elf-magic", "the file is no ELF file", nil},
		{le.Uint32(h[20:]) != 1 || h[6] != 1 || h[8] != 0 || h[7] != 0 && h[7] != 9 || u16(16) != etRel || u16(56) != 0,
			"elf-kind", "the file is no relocatable object without program headers", nil},
		{u16(18) != emX86 || h[4] != 2 || h[5] != 1, "elf-machine", "the file is not for x86-64", nil},
		{names == 0, "elf-names-undefined", "the file has no table of names of sections", nil},
		{count >= maxSections, "elf-sections", fmt.Sprintf("the file has %d sections", count), []any{count}},
		{names >= count, "elf-names-index", fmt.Sprintf("the table of names is section %d of %d", names, count), []any{names, count}},
		{offset >= size, "elf-table-offset", fmt.Sprintf("the table of sections begins at %#x, behind the end of the file", offset), nil},
		{entry < sectionSize, "elf-table-entry", fmt.Sprintf("the table of sections has entries of %d bytes", entry), []any{entry, sectionSize}},
	} {
		if c.bad {
			return damaged(c.id, c.says, c.args...)
		}
	}
	if (size-offset)/uint64(entry) < uint64(count) {
		return damaged("elf-table-size", fmt.Sprintf("the table of %d sections ends behind the end of the file", count))
	}
	return nil
}

// readSections is elf_resolve_sections.
func (p *Payload) readSections() error {
	offset, entry, count := le.Uint64(p.data[40:]), uint64(le.Uint16(p.data[58:])), uint64(le.Uint16(p.data[60:]))
	p.Sections = make([]Section, count)
	for i := uint64(1); i < count; i++ {
		if err := p.readSection(int(i), p.data[offset+i*entry:]); err != nil {
			return err
		}
	}
	if p.symtab == 0 {
		return damaged("symtab-missing", "the file has no table of symbols")
	}
	s := &p.Sections[p.symtab]
	if s.Size == 0 || s.EntrySize < symbolSize || s.Size%s.EntrySize != 0 {
		return damaged("symtab-size", fmt.Sprintf("the table of symbols has %d bytes in entries of %d", s.Size, s.EntrySize))
	}
	if s.Link == 0 {
		return damaged("strtab-none", "the symbols have no table of strings: the loader would follow a null pointer")
	}
	if !isStrtab(&p.Sections[s.Link]) {
		return damaged("strtab", fmt.Sprintf("section %d is no table of strings for the symbols", s.Link))
	}
	return nil
}

func (p *Payload) readSection(i int, h []byte) error {
	s := &p.Sections[i]
	s.Type, s.Flags, s.Addr = le.Uint32(h[4:]), le.Uint64(h[8:]), le.Uint64(h[16:])
	at := le.Uint64(h[24:])
	s.Size, s.Link, s.Info = le.Uint64(h[32:]), le.Uint32(h[40:]), le.Uint32(h[44:])
	s.Align, s.EntrySize = le.Uint64(h[48:]), le.Uint64(h[56:])
	size := uint64(len(p.data))
	switch {
	case at < headerSize:
		return damaged("section-data", fmt.Sprintf("the contents of section %d lie in the ELF header", i), i, "at ELF header")
	case s.Type != shtNobits && (at > size || s.Size > size-at):
		return damaged("section-data", fmt.Sprintf("the contents of section %d end behind the end of the file", i), i, "is past end")
	case s.Align&(s.Align-1) != 0:
		return damaged("section-align", fmt.Sprintf("section %d has the alignment %#x, which is no power of two", i, s.Align), i, s.Align)
	case s.Align != 0 && s.Addr%s.Align != 0:
		return damaged("section-address", fmt.Sprintf("the address %#x of section %d is no multiple of %#x", s.Addr, i, s.Align), i, s.Addr, s.Align)
	case s.Flags&(shfWrite|shfAlloc) != 0 && s.Type == shtNobits && s.Size > maxSize:
		return damaged("nobits-size", fmt.Sprintf("section %d takes %d bytes of memory, expected at most %d", i, s.Size, maxSize))
	}
	if s.Type != shtNobits {
		s.Data = p.data[at : at+s.Size]
	}
	if s.Type != shtSymtab {
		return nil
	}
	switch {
	case p.symtab != 0:
		return damaged("symtab-multiple", fmt.Sprintf("sections %d and %d are both tables of symbols", p.symtab, i))
	case int(s.Link) >= len(p.Sections):
		return damaged("symtab-link", fmt.Sprintf("the names of the symbols are in section %d of %d", s.Link, len(p.Sections)), s.Link, len(p.Sections))
	}
	p.symtab = i
	return nil
}

// isStrtab is elf_verify_strtab.
func isStrtab(s *Section) bool {
	n := len(s.Data)
	return s.Type == shtStrtab && n > 0 && s.Data[0] == 0 && s.Data[n-1] == 0
}

// readNames is elf_resolve_section_names.
func (p *Payload) readNames() error {
	table := &p.Sections[le.Uint16(p.data[62:])]
	if !isStrtab(table) {
		return damaged("names-table", "the table of names of sections is no table of strings")
	}
	offset, entry := le.Uint64(p.data[40:]), uint64(le.Uint16(p.data[58:]))
	strings := string(table.Data)
	for i := 1; i < len(p.Sections); i++ {
		name, ok := str(strings, le.Uint32(p.data[offset+uint64(i)*entry:]))
		if !ok {
			return damaged("section-name", fmt.Sprintf("the name of section %d is not in the table of names", i), i)
		}
		p.Sections[i].Name = name
	}
	return nil
}

// readSymbols is elf_get_sym.
func (p *Payload) readSymbols() error {
	table := &p.Sections[p.symtab]
	strings := string(p.Sections[table.Link].Data)
	p.Symbols = make([]Symbol, table.Size/table.EntrySize)
	for i := 1; i < len(p.Symbols); i++ {
		e := table.Data[uint64(i)*table.EntrySize:]
		name, ok := str(strings, le.Uint32(e))
		if !ok {
			return damaged("symbol-name", fmt.Sprintf("the name of symbol %d is not in the table of strings", i), i)
		}
		p.Symbols[i] = Symbol{Name: name, Type: e[4] & 15, Section: le.Uint16(e[6:]), Value: le.Uint64(e[8:]), Size: le.Uint64(e[16:])}
	}
	return nil
}

// str is the string that begins at off in a table that ends with a zero.
func str(table string, off uint32) (string, bool) {
	if uint64(off) >= uint64(len(table)) {
		return "", false
	}
	rest := table[off:]
	rest = rest[:min(len(rest), maxName)]
	end := strings.IndexByte(rest, 0)
	if end < 0 {
		end = len(rest) // a longer name is cut, as that of no symbol of Xen is
	}
	return rest[:end], true
}

// relocates tells whether section i holds relocations that the loader makes:
// livepatch_elf_perform_relocs.
func (p *Payload) relocates(i int) bool {
	s := &p.Sections[i]
	return (s.Type == shtRela || s.Type == shtRel) && int(s.Info) < len(p.Sections) && p.Sections[s.Info].Loaded()
}

// readRelocations lists the relocations of loaded sections.
func (p *Payload) readRelocations() error {
	for i := range p.Sections {
		s := &p.Sections[i]
		if s.Type != shtRela || !p.relocates(i) || s.EntrySize < relaSize {
			continue
		}
		for n, rest := 0, s.Data; uint64(len(rest)) >= s.EntrySize; n, rest = n+1, rest[s.EntrySize:] {
			if len(p.Relocations) == maxRelocations {
				return fmt.Errorf("section %d: expected at most %d relocations", i, maxRelocations)
			}
			info := le.Uint64(rest[8:])
			p.Relocations = append(p.Relocations, Relocation{
				Table: i, Section: int(s.Info), Index: n, Offset: le.Uint64(rest),
				Type: uint32(info), Symbol: uint32(info >> 32), Addend: int64(le.Uint64(rest[16:])),
			})
		}
	}
	return nil
}

// maxRelocations is more than fit into the largest payload that is taken, unless
// tables lie one upon the other.
const maxRelocations = maxSize / relaSize
