package match

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Numbers of the ELF specification.
const (
	shtSymtab, shtStrtab, shtNote, shtNobits           = 2, 3, 7, 8
	shfAlloc, shfExec, shfCompressed                   = 2, 4, 0x800
	shnUndef, shnLoReserve                             = 0, 0xff00
	sttNotype, sttObject, sttFunc, sttSection, sttFile = 0, 1, 2, 3, 4
	stbLocal                                           = 0
	etExec, etDyn                                      = 2, 3
	headerSize, sectionSize, symbolSize                = 64, 64, 24
)

// Limits on what is read: Xen 4.21 for x86 with debugging information has 30 MB,
// 40 sections and 9000 symbols.
const (
	maxImage   = 512 << 20
	maxSymbols = 1 << 20
)

var le = binary.LittleEndian

// An image is a linked file: its sections.
type image struct {
	machine  uint16
	sections []section // by number, with the null section
	alloc    []int     // those that lie in memory, by address
}

type section struct {
	name       string
	typ, link  uint32
	flags      uint64
	addr, size uint64
	data       []byte // empty for NOBITS
}

func (s *section) exec() bool { return s.flags&(shfAlloc|shfExec) == shfAlloc|shfExec }

// read reads the sections of a linked ELF file of 64 bits, least byte first.
func (m *image) read(data []byte) error {
	switch {
	case len(data) > maxImage:
		return fmt.Errorf("%d bytes: expected a hypervisor of at most %d", len(data), maxImage)
	case len(data) < headerSize || string(data[:4]) != "\x7fELF":
		return errors.New("expected an ELF file")
	case data[4] != 2 || data[5] != 1:
		return errors.New("expected an ELF file of 64 bits, least byte first")
	}
	if typ := le.Uint16(data[16:]); typ != etExec && typ != etDyn {
		return fmt.Errorf("ELF type %d: expected a linked file, such as xen-syms", typ)
	}
	m.machine = le.Uint16(data[18:])
	off, count, names := le.Uint64(data[40:]), int(le.Uint16(data[60:])), int(le.Uint16(data[62:]))
	if le.Uint16(data[58:]) != sectionSize || count == 0 || names >= count {
		return errors.New("section headers: expected a table of 64-byte entries with a table of names")
	}
	if off > uint64(len(data)) || uint64(len(data))-off < uint64(count)*sectionSize {
		return fmt.Errorf("section headers at %#x: expected them inside the file of %d bytes", off, len(data))
	}
	m.sections = make([]section, count)
	for i := range m.sections {
		if err := m.sections[i].read(data, data[off+uint64(i)*sectionSize:]); err != nil {
			return fmt.Errorf("section %d: %w", i, err)
		}
	}
	strtab := string(m.sections[names].data)
	for i := range m.sections {
		s := &m.sections[i]
		var err error
		if s.name, err = str(strtab, le.Uint32(data[off+uint64(i)*sectionSize:])); err != nil {
			return fmt.Errorf("name of section %d: %w", i, err)
		}
		if s.flags&shfAlloc != 0 && s.size > 0 && s.addr+s.size > s.addr {
			m.alloc = append(m.alloc, i)
		}
	}
	slices.SortStableFunc(m.alloc, func(a, b int) int { return cmp.Compare(m.sections[a].addr, m.sections[b].addr) })
	return nil
}

func (s *section) read(data, h []byte) error {
	s.typ, s.flags, s.addr = le.Uint32(h[4:]), le.Uint64(h[8:]), le.Uint64(h[16:])
	s.size, s.link = le.Uint64(h[32:]), le.Uint32(h[40:])
	if s.typ == shtNobits || s.typ == 0 {
		return nil
	}
	at := le.Uint64(h[24:])
	if at > uint64(len(data)) || uint64(len(data))-at < s.size {
		return fmt.Errorf("expected %d bytes at %#x inside the file of %d bytes", s.size, at, len(data))
	}
	s.data = data[at : at+s.size]
	return nil
}

// maxName is longer than the name of any symbol.
const maxName = 4096

// str is the string that begins at off in a table of strings.
func str(table string, off uint32) (string, error) {
	if uint64(off) >= uint64(len(table)) {
		if off == 0 {
			return "", nil
		}
		return "", fmt.Errorf("offset %d: expected less than %d", off, len(table))
	}
	rest := table[off:]
	if len(rest) > maxName {
		rest = rest[:maxName]
	}
	end := strings.IndexByte(rest, 0)
	if end < 0 {
		return "", fmt.Errorf("offset %d: expected a string that ends within %d bytes", off, maxName)
	}
	return rest[:end], nil
}

// named is the first section of that name, nil if there is none.
func (m *image) named(name string) *section {
	for i := range m.sections {
		if m.sections[i].name == name {
			return &m.sections[i]
		}
	}
	return nil
}

// at is the section that lies at an address, nil if there is none.
func (m *image) at(addr uint64) *section {
	i, found := slices.BinarySearchFunc(m.alloc, addr, func(i int, addr uint64) int { return cmp.Compare(m.sections[i].addr, addr) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	if s := &m.sections[m.alloc[i]]; addr-s.addr < s.size {
		return s
	}
	return nil
}

// bytes are the contents from an address on, at most n bytes; fewer where the
// section ends, none where the file holds nothing.
func (m *image) bytes(addr, n uint64) []byte {
	s := m.at(addr)
	if s == nil || addr-s.addr >= uint64(len(s.data)) {
		return nil
	}
	rest := s.data[addr-s.addr:]
	return rest[:min(n, uint64(len(rest)))]
}

// readSymbols sorts the symbols into code, labels and data.
func (h *Hypervisor) readSymbols() error {
	tab, names, err := h.image.symtab()
	if err != nil {
		return err
	}
	h.order = map[string]int{}
	file, left := "", 4*h.image.codeSize() // aliases are few
	for i := 0; len(tab) >= symbolSize; i, tab = i+1, tab[symbolSize:] {
		name, err := str(names, le.Uint32(tab))
		if err != nil {
			return fmt.Errorf("name of symbol %d: %w", i, err)
		}
		typ, local, index := tab[4]&15, tab[4]>>4 == stbLocal, le.Uint16(tab[6:])
		if typ == sttFile {
			if file = name; file != "" {
				file = path.Clean(file)
			}
			if _, ok := h.order[file]; !ok {
				h.order[file] = len(h.order)
			}
			continue
		}
		if typ == sttSection || index == shnUndef || index >= shnLoReserve || name == "" {
			continue
		}
		if int(index) >= len(h.image.sections) {
			return fmt.Errorf("symbol %s: expected its section %d to be one of %d", name, index, len(h.image.sections))
		}
		sec := &h.image.sections[index]
		s := Symbol{Name: name, Section: sec.name, Addr: le.Uint64(tab[8:]), Size: le.Uint64(tab[16:]), Local: local}
		if local {
			s.File = file
		}
		switch {
		case !sec.exec(), s.Size == 0 && outsideSource(&s):
			h.others = append(h.others, s)
		case s.Size > 0:
			if s.Addr < sec.addr || s.Addr-sec.addr > sec.size || s.Size > sec.size-(s.Addr-sec.addr) {
				return fmt.Errorf("symbol %s: expected its %d bytes at %#x inside %s", name, s.Size, s.Addr, sec.name)
			}
			if left -= int64(s.Size); left < 0 {
				return errors.New("symbols: expected them not to overlap")
			}
			h.Symbols = append(h.Symbols, s)
		default:
			h.Labels = append(h.Labels, s)
		}
	}
	if len(h.Symbols) == 0 {
		return errors.New("expected symbols of code that have a size: is this xen-syms, and not stripped?")
	}
	for _, list := range [][]Symbol{h.Symbols, h.Labels, h.others} {
		slices.SortStableFunc(list, byAddress)
	}
	h.measureLabels()
	return nil
}

// outsideSource tells whether a label is none of the source: it marks code and data
// on ARM ($x), comes of the linker script (_etext, __2M_init_start), or of the
// section in which asm() in C puts what seldom runs (arch/x86/domain.o.unlikely).
// None of them stays where it is in its code.
func outsideSource(s *Symbol) bool {
	return strings.HasPrefix(s.Name, "$") || !s.Local && strings.HasPrefix(s.Name, "_") || strings.HasSuffix(s.Name, ".o.unlikely")
}

// codeSize is the number of bytes in sections of code.
func (m *image) codeSize() (n int64) {
	for i := range m.sections {
		if s := &m.sections[i]; s.exec() {
			n += int64(min(s.size, maxImage))
		}
	}
	return n
}

func byAddress(a, b Symbol) int {
	return cmp.Or(cmp.Compare(a.Addr, b.Addr), strings.Compare(a.Name, b.Name))
}

// symtab is the table of symbols and that of their names.
func (m *image) symtab() (tab []byte, names string, err error) {
	for i := range m.sections {
		s := &m.sections[i]
		if s.typ != shtSymtab {
			continue
		}
		if int(s.link) >= len(m.sections) || m.sections[s.link].typ != shtStrtab {
			return nil, "", errors.New(".symtab: expected a table of names")
		}
		if len(s.data)%symbolSize != 0 || len(s.data)/symbolSize > maxSymbols {
			return nil, "", fmt.Errorf(".symtab of %d bytes: expected at most %d entries of %d", len(s.data), maxSymbols, symbolSize)
		}
		return s.data, string(m.sections[s.link].data), nil
	}
	return nil, "", errors.New("expected a table of symbols: is this xen-syms, and not stripped?")
}

// measureLabels gives each label the distance to what comes next.
func (h *Hypervisor) measureLabels() {
	starts := make([]uint64, 0, len(h.Symbols)+len(h.Labels))
	for _, list := range [][]Symbol{h.Symbols, h.Labels} {
		for i := range list {
			starts = append(starts, list[i].Addr)
		}
	}
	slices.Sort(starts)
	for i := range h.Labels {
		l := &h.Labels[i]
		end := l.Addr
		if s := h.image.at(l.Addr); s != nil {
			end = s.addr + s.size
		}
		if j, found := slices.BinarySearch(starts, l.Addr+1); found || j < len(starts) {
			end = min(end, starts[j])
		}
		l.Size = max(end, l.Addr) - l.Addr
	}
}
