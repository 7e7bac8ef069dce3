package payload

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strings"

	"lpready/analyze/match"
)

// A Hypervisor is what a payload is loaded into: a linked xen-syms.
type Hypervisor struct {
	BuildID string // in hex, empty if there is none

	symbols map[string][]place // by the name that the loader knows
	image   []piece            // that lies in memory
	init    [2]uint64          // what is freed after boot
	end     uint64             // where payloads begin
}

// A place is where a symbol lies.
type place struct{ addr, size uint64 }

// A piece is a section of the hypervisor in memory.
type piece struct {
	name       string
	addr, size uint64
	data       []byte // empty for NOBITS
}

// ReadHypervisor reads a linked hypervisor with symbols. The result shares the bytes
// of data, which must not change while it is in use.
func ReadHypervisor(data []byte) (h *Hypervisor, err error) {
	defer func() {
		// Last resort: debug/elf trusts what it reads.
		if r := recover(); r != nil {
			h, err = nil, fmt.Errorf("expected a hypervisor as linkers make them: %v", r)
		}
	}()
	// Holds the file to its limits and finds the build-id.
	known, err := match.Read(data)
	if err != nil {
		return nil, err
	}
	h = &Hypervisor{BuildID: known.BuildID, symbols: map[string][]place{}}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if err := h.readSections(f, data); err != nil {
		return nil, err
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	h.readSymbols(symbols)
	return h, nil
}

// afterXen is how the end of a hypervisor is aligned: __2M_rwdata_end of
// xen/arch/x86/xen.lds.S.
const afterXen = 2 << 20

func (h *Hypervisor) readSections(f *elf.File, data []byte) error {
	if f.Machine != elf.EM_X86_64 {
		return fmt.Errorf("%v: expected a hypervisor for x86-64", f.Machine)
	}
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Addr+s.Size < s.Addr {
			continue
		}
		p := piece{name: s.Name, addr: s.Addr, size: s.Size}
		if s.Type != elf.SHT_NOBITS && s.Offset <= uint64(len(data)) && s.Size <= uint64(len(data))-s.Offset {
			p.data = data[s.Offset : s.Offset+s.Size]
		}
		h.image = append(h.image, p)
		h.end = max(h.end, s.Addr+s.Size)
	}
	h.end = (h.end + afterXen - 1) &^ (afterXen - 1)
	return nil
}

// readSymbols names symbols as xen/tools/symbols.c puts them into the hypervisor,
// which is where the loader looks: those of a file with its name before them.
func (h *Hypervisor) readSymbols(list []elf.Symbol) {
	file := ""
	for _, s := range list {
		typ := elf.ST_TYPE(s.Info)
		if typ == elf.STT_FILE {
			file = s.Name
			continue
		}
		switch s.Name {
		case "__init_begin":
			h.init[0] = s.Value
		case "__init_end":
			h.init[1] = s.Value
		}
		if typ == elf.STT_SECTION || s.Section == elf.SHN_UNDEF || s.Section >= elf.SHN_LORESERVE ||
			s.Name == "" || s.Name[0] == '$' || strings.Contains(s.Name, "_compiled.") {
			continue
		}
		name := s.Name
		if elf.ST_BIND(s.Info) == elf.STB_LOCAL && file != "" {
			name = file + "#" + name
		}
		h.symbols[name] = append(h.symbols[name], place{s.Value, s.Size})
	}
}

// find is symbols_lookup_by_name of xen/common/symbols.c. Of several of one name it
// is not said which one it finds.
func (h *Hypervisor) find(name string) (place, bool) {
	list := h.symbols[name]
	if len(list) == 0 || name == "" {
		return place{}, false
	}
	return list[0], true
}

// isInit tells whether an address is freed after boot.
func (h *Hypervisor) isInit(addr uint64) bool {
	if h.init[0] < h.init[1] {
		return addr >= h.init[0] && addr < h.init[1]
	}
	s := h.at(addr)
	return s != nil && strings.HasPrefix(s.name, ".init")
}

func (h *Hypervisor) at(addr uint64) *piece {
	for i := range h.image {
		if s := &h.image[i]; addr >= s.addr && addr-s.addr < s.size {
			return s
		}
	}
	return nil
}

// bytes are at most n bytes from an address on, fewer where the section ends.
func (h *Hypervisor) bytes(addr uint64, n int) []byte {
	s := h.at(addr)
	if s == nil || addr-s.addr >= uint64(len(s.data)) {
		return nil
	}
	rest := s.data[addr-s.addr:]
	return rest[:min(n, len(rest))]
}
