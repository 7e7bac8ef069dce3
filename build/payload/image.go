package payload

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An image is a payload as the loader has it in memory: sections at their
// addresses, symbols with their values, and the contents of those sections that the
// loader reads after it relocated them.
type image struct {
	p     *Payload
	addr  []uint64 // of each section, 0 where it is not loaded
	order []int    // loaded sections by address
	value []uint64 // of each symbol
	state []symbolState
	data  map[int][]byte // contents of sections that are read, relocated
	names map[uint64]string

	text, rw, ro region
}

// A region is one of the three parts of an image.
type region struct{ start, size uint64 }

// holds tells whether n bytes from addr on lie inside.
func (r *region) holds(addr, n uint64) bool {
	return addr >= r.start && n <= r.size && addr-r.start <= r.size-n
}

type symbolState uint8

const (
	resolved symbolState = iota
	unresolved
	ignored // in a section that is not loaded
)

// anywhere is where payloads lie if the hypervisor is not known: behind its own
// data, below the end of its gigabyte.
const anywhere = 0xffff82d040a00000

const pageSize = 4096

// newImage is move_payload: code, then data that is written, then the rest, each on
// pages of its own. Sections with flags that are not supported get no place.
func newImage(p *Payload, h *Hypervisor) *image {
	m := &image{p: p, addr: make([]uint64, len(p.Sections)), data: map[int][]byte{}}
	offsets := make([]uint64, len(p.Sections))
	for i := 1; i < len(p.Sections); i++ {
		s := &p.Sections[i]
		if r := m.regionOf(s); r != nil {
			offsets[i] = r.size
			if s.Align > 0 {
				offsets[i] = (r.size + s.Align - 1) &^ (s.Align - 1)
			}
			r.size = offsets[i] + s.Size
		}
	}
	page := func(n uint64) uint64 { return (n + pageSize - 1) &^ (pageSize - 1) }
	m.text.start = anywhere
	if h != nil {
		m.text.start = h.end
	}
	m.rw.start = m.text.start + page(m.text.size)
	m.ro.start = m.rw.start + page(m.rw.size)
	for i := 1; i < len(p.Sections); i++ {
		if r := m.regionOf(&p.Sections[i]); r != nil {
			m.addr[i] = r.start + offsets[i]
			m.order = append(m.order, i)
		}
	}
	slices.SortStableFunc(m.order, func(a, b int) int { return cmp.Compare(m.addr[a], m.addr[b]) })
	m.copyContents()
	return m
}

// copyContents copies the sections that the loader reads, the first of each name.
func (m *image) copyContents() {
	seen := map[string]bool{}
	for i := 1; i < len(m.p.Sections); i++ {
		if s := &m.p.Sections[i]; isRead(s.Name) && !seen[s.Name] {
			seen[s.Name] = true
			m.data[i] = bytes.Clone(s.Data)
		}
	}
}

// regionOf is the part of the image to which a section belongs, nil for none.
func (m *image) regionOf(s *Section) *region {
	switch {
	case !s.Loaded():
		return nil
	case s.Flags&(shfExec|shfWrite) == shfExec:
		return &m.text
	case s.Flags&(shfExec|shfWrite) == shfWrite:
		return &m.rw
	case s.Flags&(shfExec|shfWrite) == 0:
		return &m.ro
	}
	return nil
}

// resolve is livepatch_elf_resolve_symbols. What lookup does not find, and where it
// is nil all that is undefined, has the value 0.
func (m *image) resolve(lookup func(name string) uint64) {
	m.value, m.state = make([]uint64, len(m.p.Symbols)), make([]symbolState, len(m.p.Symbols))
	m.names = map[uint64]string{}
	for i := 1; i < len(m.p.Symbols); i++ {
		s := &m.p.Symbols[i]
		switch {
		case s.Undefined():
			if lookup != nil {
				m.value[i] = lookup(s.Name)
			}
			if m.value[i] == 0 {
				m.state[i] = unresolved
			}
		case s.Section >= shnLoReserve:
			m.value[i] = s.Value
		case int(s.Section) >= len(m.p.Sections):
			m.state[i] = unresolved
		case !m.p.Sections[s.Section].Loaded():
			m.state[i] = ignored
		default:
			m.value[i] = s.Value + m.addr[s.Section]
			m.remember(s, m.value[i])
		}
	}
}

// remember keeps the name of what lies at an address: a function's before a label's.
func (m *image) remember(s *Symbol, addr uint64) {
	if s.Type == sttSection || s.Name == "" {
		return
	}
	if _, ok := m.names[addr]; !ok || s.Type == sttFunc {
		m.names[addr] = s.Name
	}
}

// nameOf names an address as well as it can be named.
func (m *image) nameOf(addr uint64) string {
	if name := m.names[addr]; name != "" {
		return name
	}
	if i := m.at(addr); i != 0 {
		return fmt.Sprintf("%s+%#x", m.p.Sections[i].Name, addr-m.addr[i])
	}
	return fmt.Sprintf("%#x", addr)
}

// at is the section that holds an address, 0 for none.
func (m *image) at(addr uint64) int {
	i, found := slices.BinarySearchFunc(m.order, addr, func(i int, addr uint64) int { return cmp.Compare(m.addr[i], addr) })
	// Empty sections share the address of the next one.
	for ; found && i < len(m.order) && m.addr[m.order[i]] == addr; i++ {
		if m.p.Sections[m.order[i]].Size > 0 {
			return m.order[i]
		}
	}
	for i--; i >= 0; i-- {
		if n := m.order[i]; addr-m.addr[n] < m.p.Sections[n].Size {
			return n
		} else if m.p.Sections[n].Size > 0 {
			return 0
		}
	}
	return 0
}

// stringAt is the string at an address, empty if none is there.
func (m *image) stringAt(addr uint64) string {
	i := m.at(addr)
	if i == 0 || addr-m.addr[i] >= uint64(len(m.p.Sections[i].Data)) {
		return ""
	}
	rest := m.p.Sections[i].Data[addr-m.addr[i]:]
	rest = rest[:min(len(rest), maxName)]
	end := bytes.IndexByte(rest, 0)
	if end < 0 {
		return ""
	}
	return string(rest[:end])
}

// isRead tells whether the loader reads a section after it relocated it.
func isRead(name string) bool {
	switch name {
	case funcsSection, dependsSection, xenDependsSection, buildIDSection, modinfoSection,
		".altinstructions", ".alt_call_sites":
		return true
	}
	return strings.HasPrefix(name, hooksPrefix)
}

// contents are those of a section that the loader reads.
func (m *image) contents(i int) []byte { return m.data[i] }

// Types of relocations that the loader knows.
const (
	relNone, rel64, relPC32, relPLT32 = 0, 1, 2, 4
)

// A relocationError says why a relocation cannot be made: the id of its check.
type relocationError func(id string, r *Relocation, message string, args ...any)

// relocate is arch_livepatch_perform_rela for all relocations. Where it cannot be
// made, report is told unless it is nil, and the place stays as it is.
func (m *image) relocate(report relocationError) {
	if report == nil {
		report = func(string, *Relocation, string, ...any) {}
	}
	for i := range m.p.Relocations {
		m.relocateOne(&m.p.Relocations[i], report)
	}
}

func (m *image) relocateOne(r *Relocation, report relocationError) {
	base, table := &m.p.Sections[r.Section], &m.p.Sections[r.Table]
	switch {
	case r.Symbol == 0:
		report("rela-no-symbol", r, "a relocation has no symbol")
		return
	case int(r.Symbol) >= len(m.p.Symbols):
		report("rela-symbol", r, fmt.Sprintf("a relocation wants symbol %d of %d", r.Symbol, len(m.p.Symbols)), r.Symbol)
		return
	case m.state[r.Symbol] == ignored:
		report("rela-ignored", r, "a relocation wants a symbol of a section that is not loaded", m.p.Symbols[r.Symbol].Name)
		return
	}
	var width uint64
	switch r.Type {
	case relNone:
		return
	case rel64:
		width = 8
	case relPC32, relPLT32:
		width = 4
	default:
		report("rela-type", r, fmt.Sprintf("a relocation has the type %d (%s)", r.Type, relocationName(r.Type)), uint64(r.Type))
		return
	}
	if r.Offset >= base.Size || base.Size-r.Offset < width {
		report("rela-offset", r, fmt.Sprintf("a relocation wants to change byte %#x of %d", r.Offset, base.Size), base.Name)
		return
	}
	if m.state[r.Symbol] == unresolved {
		return
	}
	value := uint64(r.Addend) + m.value[r.Symbol]
	if width == 4 {
		value -= m.addr[r.Section] + r.Offset
		if int64(value) != int64(int32(value)) {
			report("rela-overflow", r, "a relocation points farther than 2 GiB", r.Index, table.Name, base.Name)
			return
		}
	}
	switch at := m.data[r.Section]; {
	case uint64(len(at)) != base.Size: // nothing reads it
	case width == 8:
		le.PutUint64(at[r.Offset:], value)
	default:
		le.PutUint32(at[r.Offset:], uint32(value))
	}
}

// relocationName is the name of a type that compilers make, for the reader.
func relocationName(typ uint32) string {
	names := map[uint32]string{
		1: "R_X86_64_64", 2: "R_X86_64_PC32", 3: "R_X86_64_GOT32", 4: "R_X86_64_PLT32", 9: "R_X86_64_GOTPCREL", 10: "R_X86_64_32", 11: "R_X86_64_32S",
		12: "R_X86_64_16", 13: "R_X86_64_PC16", 14: "R_X86_64_8", 15: "R_X86_64_PC8", 19: "R_X86_64_TLSGD", 24: "R_X86_64_PC64",
		26: "R_X86_64_GOTPC32", 41: "R_X86_64_GOTPCRELX", 42: "R_X86_64_REX_GOTPCRELX",
	}
	return cmp.Or(names[typ], "unknown")
}
