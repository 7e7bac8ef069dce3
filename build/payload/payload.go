// Package payload reads live patches of Xen for x86 (.livepatch files) and says
// what a hypervisor would do with them, before any host does.
//
// Read takes a payload apart as the loader does: its sections, symbols and
// relocations, the functions that it replaces, its hooks, the hypervisor and the
// payload that it was made for, and its metadata. The format is that of
// docs/misc/livepatch.pandoc, with both versions of struct livepatch_func
// (xen/include/public/sysctl.h). Verify goes through the checks of the loader in
// its own order, with its own words where it has any: xen/common/livepatch.c,
// xen/common/livepatch_elf.c and xen/arch/x86/livepatch.c, as they are at the tips
// of the stable branches 4.14 to 4.22. For that a payload is placed, resolved and
// relocated in memory against the symbols of the base. After them come checks that
// no hypervisor makes.
//
// What it cannot see: the state of a host (memory, other payloads than the one that
// is named, domains that are paused at a bad moment), what hooks do, whether the
// code is right, and whether a structure has the layout that the code thinks it
// has: a payload of another configuration is known by its build-ids, and if those
// were forged only where the size of something that it names is another one. The code of a running hypervisor differs from its xen-syms where it patched
// itself at boot, so an expectation about such bytes is judged wrongly. Payloads
// for ARM are refused, as a hypervisor for x86 does. Files are foreign bytes:
// whatever they hold, the answer is a result or an error.
package payload

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Payload is what a .livepatch file holds.
type Payload struct {
	Bytes       int // of the file
	Sections    []Section
	Symbols     []Symbol
	Relocations []Relocation // of sections that are loaded, in the order of the file
	Functions   []Function
	Hooks       []Hook

	BuildID    string   // its own, in hex; this and the next two are empty where there is none
	Depends    string   // the build-id of what must be applied already, or of the hypervisor
	XenDepends string   // the build-id of the hypervisor
	Metadata   []string // strings of .modinfo

	data   []byte
	symtab int               // number of the section
	added  map[string]uint64 // new symbols, by their names
}

// A Section is one section, by its number in the file; the first is the null section.
type Section struct {
	Name       string
	Type       uint32
	Flags      uint64
	Addr, Size uint64
	Link, Info uint32
	Align      uint64
	EntrySize  uint64
	Data       []byte // empty for what only takes room
}

// Loaded tells whether the loader gives a section a place in memory.
func (s *Section) Loaded() bool { return s.Flags&shfAlloc != 0 }

// A Symbol is one entry of the table of symbols; the first is the null symbol.
type Symbol struct {
	Name    string
	Section uint16 // number, or what shnUndef and the like say
	Value   uint64
	Size    uint64
	Type    uint8
}

// Undefined tells whether a symbol has to be found in the hypervisor.
func (s *Symbol) Undefined() bool { return s.Section == shnUndef }

// A Relocation is a place that the loader fills in.
type Relocation struct {
	Table, Section int // sections: in which it stands, and which it changes
	Index          int // in its table
	Offset         uint64
	Type, Symbol   uint32
	Addend         int64
}

// A Function is an entry of .livepatch.funcs: what is replaced by what.
type Function struct {
	Name    string `json:"name"`               // as the hypervisor calls it: file.c#name where it is local
	New     string `json:"new,omitempty"`      // symbol of what replaces it; empty where it is made to do nothing
	OldAddr uint64 `json:"old_addr,omitempty"` // where it is not looked up by its name
	OldSize uint32 `json:"old_size"`
	NewSize uint32 `json:"new_size"`
	Version uint8  `json:"version"`

	// Expect is what the first bytes of the old function must be, nil if they may be
	// anything.
	Expect *Expectation `json:"expect,omitempty"`

	newAddr uint64
}

// An Expectation is bytes that must be there before a payload is applied.
type Expectation struct {
	Length   int    `json:"length"`
	Data     string `json:"data"` // in hex
	Reserved uint8  `json:"reserved,omitempty"`
}

// A Hook is a function of a payload that runs around its application.
type Hook struct {
	Kind     string `json:"kind"` // the end of the section's name: load, preapply and so on
	Function string `json:"function"`
}

// Vetoing tells whether the action REPLACE is impossible with such a hook:
// has_payload_any_vetoing_hooks in xen/common/livepatch.c.
func (h *Hook) Vetoing() bool {
	switch h.Kind {
	case "preapply", "postapply", "prerevert", "postrevert":
		return true
	}
	return false
}

// maxBytes is larger than any payload: a hypervisor takes none above 2 MiB.
const maxBytes = 64 << 20

// Read reads a payload. A file that no loader would take is an error of type
// *Damage. The result shares the bytes of data, which must not change while it is
// in use.
func Read(data []byte) (p *Payload, err error) {
	defer func() {
		// Last resort: a hostile file must not stop the program.
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("expected a payload as linkers make them: %v", r)
		}
	}()
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%d bytes: expected a payload of at most %d", len(data), maxBytes)
	}
	p = &Payload{Bytes: len(data), data: data}
	if err := p.readELF(); err != nil {
		return nil, err
	}
	if err := p.readRelocations(); err != nil {
		return nil, err
	}
	p.readContents()
	return p, nil
}

// NewSymbols are the symbols that a payload brings along besides its replacements, by
// their names: no two payloads that are loaded may have one in common.
func (p *Payload) NewSymbols() []string { return slices.Sorted(maps.Keys(p.added)) }

// Places are where the replacements of Functions lie once the payload is loaded: bytes
// from the start of its code, -1 for a function that is made to do nothing.
func (p *Payload) Places() []int64 {
	list := make([]int64, len(p.Functions))
	for i := range p.Functions {
		list[i] = -1
		if a := p.Functions[i].newAddr; a != 0 {
			list[i] = int64(a - anywhere)
		}
	}
	return list
}

// section is the first section of that name, as the loader looks for it, and nil if
// there is none.
func (p *Payload) section(name string) (int, *Section) {
	for i := 1; i < len(p.Sections); i++ {
		if p.Sections[i].Name == name {
			return i, &p.Sections[i]
		}
	}
	return 0, nil
}

// Names of sections that mean something to the loader.
const (
	funcsSection      = ".livepatch.funcs"
	hooksPrefix       = ".livepatch.hooks."
	dependsSection    = ".livepatch.depends"
	xenDependsSection = ".livepatch.xen_depends"
	buildIDSection    = ".note.gnu.build-id"
	modinfoSection    = ".modinfo"
)

// hookKinds are the hooks, in the order in which the loader looks for them.
var hookKinds = []string{"load", "unload", "preapply", "apply", "postapply", "prerevert", "revert", "postrevert"}

// readContents reads what the sections of the loader say, as far as they say it.
// What is wrong with them is for Verify to tell.
func (p *Payload) readContents() {
	m := newImage(p, nil)
	m.resolve(nil)
	m.relocate(nil)
	p.Functions = m.functions()
	p.added = map[string]uint64{}
	for _, i := range m.newSymbols() {
		p.added[p.Symbols[i].Name] = m.value[i]
	}
	p.Hooks = m.hooks()
	p.BuildID, _ = m.note(buildIDSection)
	p.Depends, _ = m.note(dependsSection)
	p.XenDepends, _ = m.note(xenDependsSection)
	if _, s := p.section(modinfoSection); s != nil {
		for str := range strings.SplitSeq(strings.TrimRight(string(s.Data), "\x00"), "\x00") {
			if str != "" && len(p.Metadata) < maxMetadata {
				p.Metadata = append(p.Metadata, str[:min(len(str), maxName)])
			}
		}
	}
}

// maxMetadata is how many strings of metadata are kept.
const maxMetadata = 1024

// Sizes of struct livepatch_func by its version.
const (
	funcSize1, funcSize2 = 64, 104
	opaqueSize           = 31 // LIVEPATCH_OPAQUE_SIZE
)

// functions reads .livepatch.funcs after relocation.
func (m *image) functions() (list []Function) {
	i, s := m.p.section(funcsSection)
	if s == nil {
		return nil
	}
	data, size := m.contents(i), funcSize2
	if len(data) >= funcSize1 && data[32] == 1 && len(data)%funcSize1 == 0 {
		size = funcSize1
	}
	for ; len(data) >= size; data = data[size:] {
		f := Function{
			newAddr: le.Uint64(data[8:]), OldAddr: le.Uint64(data[16:]),
			NewSize: le.Uint32(data[24:]), OldSize: le.Uint32(data[28:]), Version: data[32],
		}
		f.Name = m.stringAt(le.Uint64(data))
		if f.newAddr != 0 {
			f.New = m.nameOf(f.newAddr)
		}
		if size == funcSize2 {
			f.Expect = readExpectation(data[72:])
		}
		list = append(list, f)
	}
	return list
}

// readExpectation reads struct livepatch_expectation: bits for enabled, length and
// reserved, then bytes.
func readExpectation(data []byte) *Expectation {
	if data[0]&1 == 0 {
		return nil
	}
	e := &Expectation{Length: int(data[0] >> 1 & 31), Reserved: data[0] >> 6}
	e.Data = hex.EncodeToString(data[1 : 1+min(e.Length, opaqueSize)])
	return e
}

// hooks reads the tables of hooks after relocation. A null pointer is no hook.
func (m *image) hooks() (list []Hook) {
	for _, kind := range hookKinds {
		i, s := m.p.section(hooksPrefix + kind)
		if s == nil {
			continue
		}
		for data := m.contents(i); len(data) >= 8; data = data[8:] {
			if addr := le.Uint64(data); addr != 0 {
				list = append(list, Hook{kind, m.nameOf(addr)})
			}
		}
	}
	return list
}

// note is the build-id in a section, as xen_build_id_check of xen/common/version.c
// reads it: the first note only.
func (m *image) note(name string) (id string, ok bool) {
	const header, ntBuildID = 12, 3
	i, s := m.p.section(name)
	if s == nil {
		return "", false
	}
	n := m.contents(i)
	if len(n) <= header {
		return "", false
	}
	nameSize, descSize, typ := uint64(le.Uint32(n)), uint64(le.Uint32(n[4:])), le.Uint32(n[8:])
	begin := header + (nameSize+3)&^3
	if typ != ntBuildID || nameSize < 4 || descSize == 0 || header+nameSize+descSize > uint64(len(n)) ||
		begin+descSize > uint64(len(n)) || string(n[header:header+4]) != "GNU\x00" || descSize > maxBuildID {
		return "", false
	}
	return hex.EncodeToString(n[begin : begin+descSize]), true
}

// maxBuildID is longer than any build-id.
const maxBuildID = 64
