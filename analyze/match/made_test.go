package match

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"strings"
	"testing"
)

// A made is a hypervisor that a test puts together.
type made struct {
	pieces  []piece
	rodata  []byte // after the configuration
	comment string
	buildID []byte
	config  string // embedded unless empty
	packed  []byte // what is embedded instead of it
	machine uint16 // x86-64 unless set
}

// A piece is a symbol with what lies there. It is code in .text unless it says
// otherwise.
type piece struct {
	file, name string // no file: global
	code       []byte
	label      bool // without a size
	init       bool // in .init.text
	align      int
}

// Addresses of the sections of a made hypervisor.
const (
	textAddr, initAddr, rodataAddr = 0x1000, 0x100000, 0x200000
)

// bytes is the file.
func (m *made) bytes(t testing.TB) []byte {
	t.Helper()
	var text, init, symtab, strtab bytes.Buffer
	strtab.WriteByte(0)
	intern := func(s string) uint32 {
		at := strtab.Len()
		strtab.WriteString(s + "\x00")
		return uint32(at)
	}
	symbol := func(name string, info byte, section uint16, value, size uint64) {
		var at uint32
		if name != "" {
			at = intern(name)
		}
		for _, x := range []any{at, info, byte(0), section, value, size} {
			if err := binary.Write(&symtab, binary.LittleEndian, x); err != nil {
				t.Fatal(err)
			}
		}
	}
	symbol("", 0, 0, 0, 0)
	const (
		textIndex, initIndex, rodataIndex = 1, 2, 3
		global, fileInfo                  = 0x10, 4
	)
	file := ""
	place := func(p piece) {
		section, index, addr := &text, uint16(textIndex), uint64(textAddr)
		if p.init {
			section, index, addr = &init, initIndex, initAddr
		}
		for p.align > 0 && section.Len()%p.align != 0 {
			section.WriteByte(0x90)
		}
		info, size := byte(sttFunc), uint64(len(p.code))
		if p.label {
			info, size = sttNotype, 0
		}
		if p.file == "" {
			info |= global
		} else if p.file != file {
			file = p.file
			symbol(file, fileInfo, 0xfff1, 0, 0)
		}
		symbol(p.name, info, index, addr+uint64(section.Len()), size)
		section.Write(p.code)
	}
	for _, local := range []bool{true, false} {
		for _, p := range m.pieces {
			if (p.file != "") == local {
				place(p)
			}
		}
	}
	packed := m.packed
	if m.config != "" {
		packed = gzipped(t, m.config)
	}
	rodata := append(bytes.Clone(packed), m.rodata...)
	if packed != nil {
		symbol("xen_config_data", sttObject|global, rodataIndex, rodataAddr, uint64(len(packed)))
	}
	var note []byte
	if m.buildID != nil {
		note = binary.LittleEndian.AppendUint32(note, 4)
		note = binary.LittleEndian.AppendUint32(note, uint32(len(m.buildID)))
		note = binary.LittleEndian.AppendUint32(note, 3)
		note = append(note, "GNU\x00"...)
		note = append(note, m.buildID...)
	}
	machine := m.machine
	if machine == 0 {
		machine = emX86
	}
	return link(machine, []section{
		{},
		{name: ".text", typ: 1, flags: shfAlloc | shfExec, addr: textAddr, data: text.Bytes()},
		{name: ".init.text", typ: 1, flags: shfAlloc | shfExec, addr: initAddr, data: init.Bytes()},
		{name: ".rodata", typ: 1, flags: shfAlloc, addr: rodataAddr, data: rodata},
		{name: ".note.gnu.build-id", typ: shtNote, flags: shfAlloc, addr: 0x300000, data: note},
		{name: ".comment", typ: 1, data: []byte(m.comment)},
		{name: ".symtab", typ: shtSymtab, link: 7, data: symtab.Bytes()},
		{name: ".strtab", typ: shtStrtab, data: strtab.Bytes()},
	})
}

// link makes a file of sections.
func link(machine uint16, sections []section) []byte {
	var names strings.Builder
	names.WriteByte(0)
	sections = append(sections, section{name: ".shstrtab", typ: shtStrtab})
	at := make([]uint32, len(sections))
	for i, s := range sections {
		if s.name != "" {
			at[i] = uint32(names.Len())
			names.WriteString(s.name + "\x00")
		}
	}
	sections[len(sections)-1].data = []byte(names.String())
	out := make([]byte, headerSize)
	copy(out, "\x7fELF\x02\x01\x01")
	le.PutUint16(out[16:], etExec)
	le.PutUint16(out[18:], machine)
	le.PutUint16(out[58:], sectionSize)
	le.PutUint16(out[60:], uint16(len(sections)))
	le.PutUint16(out[62:], uint16(len(sections)-1))
	headers := make([]byte, sectionSize*len(sections))
	for i, s := range sections {
		h := headers[i*sectionSize:]
		le.PutUint32(h, at[i])
		le.PutUint32(h[4:], s.typ)
		le.PutUint64(h[8:], s.flags)
		le.PutUint64(h[16:], s.addr)
		le.PutUint64(h[24:], uint64(len(out)))
		le.PutUint64(h[32:], uint64(len(s.data)))
		le.PutUint32(h[40:], s.link)
		out = append(out, s.data...)
	}
	le.PutUint64(out[40:], uint64(len(out)))
	return append(out, headers...)
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// must reads a made hypervisor.
func must(t testing.TB, m *made) *Hypervisor {
	t.Helper()
	h, err := read(m.bytes(t))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// nops is so much code.
func nops(n int) []byte { return bytes.Repeat([]byte{0x90}, n) }
