package objdiff

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Numbers of the ELF specification, and of the x86-64 supplement to it.
const (
	shtProgbits, shtSymtab, shtStrtab, shtRela, shtNobits, shtGroup = 1, 2, 3, 4, 8, 17
	shfWrite, shfAlloc, shfExec, shfStrings                         = 1, 2, 4, 0x20
	shnUndef, shnLoReserve, shnAbs                                  = 0, 0xff00, 0xfff1
	sttNotype, sttObject, sttFunc, sttSection, sttFile              = 0, 1, 2, 3, 4
	stbLocal, stbGlobal                                             = 0, 1
	etRel                                                           = 1
	emX86                                                           = 62
	relX8664, relPC32, relPLT32, rel32S                             = 1, 2, 4, 11
	headerSize, sectionSize, symbolSize, relaSize                   = 64, 64, 24, 24
)

// Limits on what is read: real objects of Xen have at most 3 MB and 3000 sections.
const (
	maxObject   = 64 << 20 // bytes
	maxSections = 0xff00   // extended numbering is not read
)

var le = binary.LittleEndian

// A status tells how a section or symbol of the new object relates to its twin.
// The zero value is isNew: what has no twin was never there.
type status uint8

const (
	isNew status = iota
	isChanged
	isSame
)

// An object is a relocatable file: its tables, cross-linked.
type object struct {
	header    []byte
	sections  []*section // in file order, without the null section
	symbols   []*symbol  // in file order, with the null symbol
	first     map[string]*section
	misplaced error                           // a function that does not begin where its section does
	begin     map[*section]map[uint64]*symbol // see starts
	steps     int                             // work left before the object counts as hostile
}

type section struct {
	name                       string
	index                      int
	typ                        uint32
	flags, addr, size, entsize uint64
	align                      uint64
	link                       uint32
	data                       []byte // empty for NOBITS

	base  *section // of a RELA section: what it relocates
	relas []rela   // of a RELA section that is not for debugging
	raw   []byte   // of a RELA section: its bytes

	rela    *section  // what relocates it
	secsym  *symbol   // its section symbol, if any
	sym     *symbol   // the one symbol the section was made for, if any
	symbols []*symbol // all but section symbols, in file order

	twin                     *section
	status                   status
	include, ignore, grouped bool
	ends                     []uint32 // ends of its instructions, once decoded
	chars                    string   // its data, once read as strings
	byOffset                 []rela   // its relocations by offset, once sorted
}

type symbol struct {
	name                   string
	index                  int
	info, other, typ, bind byte
	shndx                  uint16
	value, size            uint64
	sec                    *section

	twin    *symbol
	parent  *symbol // of foo.cold: foo
	child   *symbol // of foo: foo.cold
	status  status
	include bool
}

// A rela is one relocation. Where it points into a section of strings, the
// string itself counts and not its place.
type rela struct {
	sym      *symbol
	off      uint64
	addend   int64
	typ      uint32
	inString bool
	str      string
}

// readObject reads a relocatable ELF file of 64 bits, least byte first. The
// object shares the bytes of data.
func readObject(data []byte) (*object, error) {
	if len(data) > maxObject {
		return nil, fmt.Errorf("%d bytes: expected an object of at most %d", len(data), maxObject)
	}
	if len(data) < headerSize || string(data[:4]) != "\x7fELF" {
		return nil, errors.New("expected an ELF file")
	}
	if data[4] != 2 || data[5] != 1 {
		return nil, errors.New("expected an ELF file of 64 bits, least byte first")
	}
	if typ := le.Uint16(data[16:]); typ != etRel {
		return nil, fmt.Errorf("ELF type %d: expected a relocatable object", typ)
	}
	o := &object{header: data[:headerSize], steps: 64<<20 + 16*len(data)}
	if err := o.readSections(data); err != nil {
		return nil, err
	}
	if err := o.readSymbols(); err != nil {
		return nil, err
	}
	for _, s := range o.sections {
		if s.typ == shtRela {
			if err := o.readRelas(s); err != nil {
				return nil, err
			}
		}
	}
	return o, nil
}

// spend counts work that could be quadratic in a hostile object.
func (o *object) spend(n int) error {
	if o.steps -= n; o.steps < 0 {
		return errors.New("expected an object as compilers make them: comparing this one takes too long")
	}
	return nil
}

func (o *object) readSections(data []byte) error {
	off, count, names := le.Uint64(data[40:]), int(le.Uint16(data[60:])), int(le.Uint16(data[62:]))
	if le.Uint16(data[58:]) != sectionSize || count == 0 || count > maxSections || names >= count {
		return errors.New("section headers: expected a table of 64-byte entries with a table of names")
	}
	if off > uint64(len(data)) || uint64(len(data))-off < uint64(count)*sectionSize {
		return fmt.Errorf("section headers at %#x: expected them inside the file of %d bytes", off, len(data))
	}
	table := data[off:]
	body := func(i int) ([]byte, error) {
		h := table[i*sectionSize:]
		at, size := le.Uint64(h[24:]), le.Uint64(h[32:])
		if le.Uint32(h[4:]) == shtNobits {
			return nil, nil
		}
		if at > uint64(len(data)) || uint64(len(data))-at < size {
			return nil, fmt.Errorf("section %d: expected %d bytes at %#x inside the file of %d bytes", i, size, at, len(data))
		}
		return data[at : at+size], nil
	}
	raw, err := body(names)
	if err != nil {
		return err
	}
	strtab := string(raw)
	total := uint64(0)
	list := make([]section, count-1)
	o.sections = make([]*section, count-1)
	o.first = make(map[string]*section, count)
	for i := 1; i < count; i++ {
		h := table[i*sectionSize:]
		s := &list[i-1]
		s.index, s.typ = i, le.Uint32(h[4:])
		s.flags, s.addr, s.size = le.Uint64(h[8:]), le.Uint64(h[16:]), le.Uint64(h[32:])
		s.link, s.align, s.entsize = le.Uint32(h[40:]), le.Uint64(h[48:]), le.Uint64(h[56:])
		if s.name, err = str(strtab, le.Uint32(h)); err != nil {
			return fmt.Errorf("name of section %d: %w", i, err)
		}
		if s.data, err = body(i); err != nil {
			return err
		}
		if total += uint64(len(s.data)); total > 4*uint64(len(data)) {
			return errors.New("sections: expected them not to overlap")
		}
		o.sections[i-1] = s
		if o.first[s.name] == nil {
			o.first[s.name] = s
		}
	}
	return nil
}

// str is the string that begins at off in a table of strings.
func str(table string, off uint32) (string, error) {
	if uint64(off) >= uint64(len(table)) {
		if off == 0 {
			return "", nil
		}
		return "", fmt.Errorf("offset %d: expected less than %d", off, len(table))
	}
	end := strings.IndexByte(table[off:], 0)
	if end < 0 {
		return "", fmt.Errorf("offset %d: expected a string that ends", off)
	}
	return table[off : int(off)+end], nil
}

// section is the section of that number, nil if there is none.
func (o *object) section(index int) *section {
	if index < 1 || index > len(o.sections) {
		return nil
	}
	return o.sections[index-1]
}

func (o *object) readSymbols() error {
	tab := o.first[".symtab"]
	if tab == nil || tab.typ != shtSymtab {
		return &refusal{exit: 1, says: []string{"missing symbol table"}}
	}
	if tab.entsize != symbolSize || len(tab.data)%symbolSize != 0 {
		return errors.New(".symtab: expected entries of 24 bytes")
	}
	names := o.section(int(tab.link))
	if names == nil || names.typ != shtStrtab {
		return errors.New(".symtab: expected a table of names")
	}
	strtab := string(names.data)
	list := make([]symbol, len(tab.data)/symbolSize)
	o.symbols = make([]*symbol, len(list))
	for i := range list {
		e, s := tab.data[i*symbolSize:], &list[i]
		o.symbols[i] = s
		s.index, s.info, s.other, s.shndx = i, e[4], e[5], le.Uint16(e[6:])
		s.value, s.size = le.Uint64(e[8:]), le.Uint64(e[16:])
		s.typ, s.bind = s.info&15, s.info>>4
		var err error
		if s.name, err = str(strtab, le.Uint32(e)); err != nil {
			return fmt.Errorf("name of symbol %d: %w", i, err)
		}
		if s.shndx == shnUndef || s.shndx >= shnLoReserve {
			continue
		}
		if s.sec = o.section(int(s.shndx)); s.sec == nil {
			return &refusal{exit: 1, says: []string{fmt.Sprintf("couldn't find section for symbol %s", s.name)}}
		}
		if s.typ == sttSection {
			s.sec.secsym, s.name = s, s.sec.name
			continue
		}
		s.sec.symbols = append(s.sec.symbols, s)
		switch {
		case !s.bundleable():
		case s.value == 0:
			s.sec.sym = s
		case o.misplaced == nil:
			o.misplaced = refuse(1, "symbol %s at offset %d within section %s, expected 0", s.name, s.value, s.sec.name)
		}
	}
	return nil
}

// bundleable tells whether the section of a symbol was made for it alone, by
// -ffunction-sections and -fdata-sections.
func (s *symbol) bundleable() bool {
	switch sec := s.sec.name; s.typ {
	case sttFunc:
		if rest, ok := strings.CutPrefix(sec, ".text.unlikely."); ok {
			return rest == s.name || s.cold() && strings.HasPrefix(s.name, rest+".cold")
		}
		rest, ok := strings.CutPrefix(sec, ".text.")
		return ok && rest == s.name
	case sttObject:
		for _, prefix := range []string{".data.", ".data.rel.", ".data.rel.local.", ".data.rel.ro.", ".data.rel.ro.local.", ".rodata.", ".bss."} {
			if len(sec) == len(prefix)+len(s.name) && sec[:len(prefix)] == prefix && sec[len(prefix):] == s.name {
				return true
			}
		}
	}
	return false
}

func (s *symbol) cold() bool { return strings.Contains(s.name, ".cold") }

func (o *object) readRelas(s *section) error {
	base, _ := strings.CutPrefix(s.name, ".rela")
	if s.base = o.first[base]; s.base == nil {
		return &refusal{exit: 1, says: []string{"can't find base section for rela section " + s.name}}
	}
	if s.base == s || s.base.typ == shtRela {
		return fmt.Errorf("%s: expected it to relocate a section of code or data", s.name)
	}
	s.base.rela = s
	s.raw = s.data
	if s.entsize != relaSize || len(s.data)%relaSize != 0 {
		return fmt.Errorf("%s: expected entries of 24 bytes", s.name)
	}
	if s.debug() {
		return nil // read by whoever wants to know about types
	}
	s.relas = make([]rela, len(s.data)/relaSize)
	for i := range s.relas {
		e, r := s.data[i*relaSize:], &s.relas[i]
		r.off, r.typ, r.addend = le.Uint64(e), le.Uint32(e[8:]), int64(le.Uint64(e[16:]))
		index := le.Uint32(e[12:])
		if uint64(index) >= uint64(len(o.symbols)) {
			return &refusal{exit: 1, says: []string{"could not find rela entry symbol"}}
		}
		r.sym = o.symbols[index]
		if sec := r.sym.sec; sec != nil && sec.flags&shfStrings != 0 {
			if err := o.readString(s, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// readString finds the string that a relocation of section s points to. The
// addend of one that is relative to the program counter counts from the end of
// the instruction, which only code has.
func (o *object) readString(s *section, r *rela) error {
	at := int64(r.sym.value)
	switch relative := r.typ == relPC32 || r.typ == relPLT32; {
	case !relative:
		at += r.addend
	case strings.HasPrefix(s.base.name, ".text"):
		at += r.addend + s.base.toEnd(r.off)
	}
	target := r.sym.sec
	if target.chars == "" {
		target.chars = string(target.data)
	}
	if at >= 0 && at < int64(len(target.chars)) {
		if end := strings.IndexByte(target.chars[at:], 0); end >= 0 {
			r.inString, r.str = true, target.chars[at:at+int64(end)]
			return o.spend(end)
		}
	}
	return &refusal{exit: 1, says: []string{fmt.Sprintf("could not lookup rela string for %s+%d", r.sym.name, r.addend)}}
}

// toEnd is the number of bytes from off to the end of the instruction of which
// it is a part; 4 where there is no such instruction.
func (s *section) toEnd(off uint64) int64 {
	if s.ends == nil {
		s.ends = make([]uint32, 0, len(s.data)/4+1)
		for at := 0; at < len(s.data); {
			at += decode(s.data[at:]).length
			s.ends = append(s.ends, uint32(at))
		}
	}
	i, found := slices.BinarySearchFunc(s.ends, off, func(end uint32, off uint64) int { return cmp.Compare(uint64(end), off) })
	if found {
		i++
	}
	if i == len(s.ends) {
		return 4
	}
	return int64(s.ends[i]) - int64(off)
}

func (s *section) debug() bool {
	if s.base != nil {
		s = s.base
	}
	return strings.HasPrefix(s.name, ".debug_")
}

func (s *section) text() bool { return s.typ == shtProgbits && s.flags&shfExec != 0 }

func (s *section) rodata() bool {
	return s.typ == shtProgbits && s.flags&(shfExec|shfWrite) == 0 && strings.HasPrefix(s.name, ".rodata")
}

func (s *section) init() bool {
	return s.typ == shtProgbits && s.flags&shfAlloc != 0 && strings.HasPrefix(s.name, ".init")
}

// relasOf are the relocations of a section, by offset.
func (s *section) relasOf() []rela {
	if s.rela == nil {
		return nil
	}
	byOffset := func(a, b rela) int { return cmp.Compare(a.off, b.off) }
	if s.byOffset == nil {
		s.byOffset = s.rela.relas
		if !slices.IsSortedFunc(s.byOffset, byOffset) {
			s.byOffset = slices.Clone(s.byOffset)
			slices.SortStableFunc(s.byOffset, byOffset)
		}
	}
	return s.byOffset
}
