package lpbt

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// An object is a payload taken apart.
type object struct {
	*elf.File
	symbols     []elf.Symbol
	bytes       [][]byte        // of loaded sections, by number
	relocations [][]relocation  // by the section that they change
	pieces      [][]piece       // by section
	starts      map[start][]int // named symbols
	replacing   map[start]bool  // replacements that an alternative leads to
}

// A start is where something begins.
type start struct {
	section elf.SectionIndex
	value   uint64
}

// A relocation is a place that the loader fills in.
type relocation struct {
	offset uint64
	kind   elf.R_X86_64
	symbol uint32
	addend int64
}

// A piece is a part of a section that stands for itself.
type piece struct {
	at, end uint64
	names   []string
}

// Bounds of what is read: payloads are of at most 2 MiB when loaded.
const (
	maxPayload     = 64 << 20
	maxMemory      = 4 << 20 // of a section that only takes room
	maxRelocations = 200_000
	maxSymbols     = 200_000
)

// readObject reads what is loaded of a payload.
func readObject(data []byte) (*object, error) {
	if len(data) > maxPayload {
		return nil, fmt.Errorf("%d bytes, expected at most %d", len(data), maxPayload)
	}
	file, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if file.Machine != elf.EM_X86_64 || file.Type != elf.ET_REL {
		return nil, fmt.Errorf("%v, %v: expected a relocatable object for x86-64", file.Machine, file.Type)
	}
	n := len(file.Sections)
	f := &object{File: file, starts: map[start][]int{}, replacing: map[start]bool{}, bytes: make([][]byte, n), relocations: make([][]relocation, n), pieces: make([][]piece, n)}
	symbols, err := file.Symbols()
	if err != nil {
		return nil, err
	}
	if len(symbols) > maxSymbols {
		return nil, fmt.Errorf("%d symbols, expected at most %d", len(symbols), maxSymbols)
	}
	f.symbols = append(make([]elf.Symbol, 1), symbols...) // relocations count the first, empty one
	for i, s := range file.Sections {
		if !loaded(s) {
			continue
		}
		if s.Type == elf.SHT_NOBITS {
			f.bytes[i] = make([]byte, min(s.Size, maxMemory))
		} else if f.bytes[i], err = s.Data(); err != nil {
			return nil, fmt.Errorf("section %s: %w", s.Name, err)
		}
	}
	total := 0
	for _, s := range file.Sections {
		if s.Type == elf.SHT_RELA && int(s.Info) < len(f.bytes) && loaded(file.Sections[s.Info]) {
			if err := f.readRelocations(s, &total); err != nil {
				return nil, fmt.Errorf("section %s: %w", s.Name, err)
			}
		}
	}
	for _, list := range f.relocations {
		slices.SortStableFunc(list, func(a, b relocation) int { return cmp.Compare(a.offset, b.offset) })
	}
	f.cutAll()
	return f, nil
}

const relaSize = 24

func (f *object) readRelocations(s *elf.Section, total *int) error {
	data, err := s.Data()
	if err != nil {
		return err
	}
	for ; len(data) >= relaSize; data = data[relaSize:] {
		if *total++; *total > maxRelocations {
			return errors.New("more relocations than a payload can hold")
		}
		info := binary.LittleEndian.Uint64(data[8:])
		r := relocation{offset: binary.LittleEndian.Uint64(data), kind: elf.R_X86_64(uint32(info)), symbol: uint32(info >> 32),
			addend: int64(binary.LittleEndian.Uint64(data[16:]))}
		if int(r.symbol) >= len(f.symbols) {
			return fmt.Errorf("a relocation to symbol %d of %d", r.symbol, len(f.symbols))
		}
		f.relocations[s.Info] = append(f.relocations[s.Info], r)
	}
	return nil
}

// cutAll cuts all sections into pieces.
func (f *object) cutAll() {
	points := make([]map[uint64]bool, len(f.Sections))
	for i := range points {
		points[i] = map[uint64]bool{}
	}
	for n, y := range f.symbols {
		if int(y.Section) >= len(points) || y.Value > uint64(len(f.bytes[y.Section])) {
			continue
		}
		points[y.Section][y.Value] = true
		if elf.ST_TYPE(y.Info) != elf.STT_SECTION && y.Name != "" {
			at := start{y.Section, y.Value}
			f.starts[at] = append(f.starts[at], n)
		}
	}
	for i := range f.Sections {
		for n := range f.relocations[i] {
			r := &f.relocations[i][n]
			at, _, ok := f.leads(i, r)
			if !ok || elf.ST_TYPE(f.symbols[r.symbol].Info) != elf.STT_SECTION {
				continue
			}
			to := f.symbols[r.symbol].Section
			points[to][at] = true
			if length, ok := f.replaces(i, r); ok {
				points[to][at+length] = true
				f.replacing[start{to, at}] = f.replacing[start{to, at}] || length > 0
			}
		}
	}
	for i, s := range f.Sections {
		if loaded(s) {
			f.pieces[i] = f.cut(i, points[i])
		}
	}
}
