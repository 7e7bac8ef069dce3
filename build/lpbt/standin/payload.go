package standin

import (
	"bytes"
	"crypto/sha1"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// A function is one that the payload brings.
type function struct {
	name    string
	added   bool // there is nothing to replace
	oldSize int  // of what is replaced, in bytes
	size    int  // of the new one
}

// code is what every function of a stand-in's payload does, endbr64 and ret, up to its
// size with nops.
var code = []byte{0xf3, 0x0f, 0x1e, 0xfa, 0xc3}

func (f *function) code() []byte {
	return append(bytes.Clone(code), bytes.Repeat([]byte{0x90}, max(0, f.size-len(code)))...)[:f.size]
}

// A section is one section of the payload being written.
type section struct {
	name       string
	kind       elf.SectionType
	flags      elf.SectionFlag
	data       []byte
	link, info int
	align      int
	entry      int
}

// A writer collects sections, symbols and names.
type writer struct {
	sections []section
	symbols  bytes.Buffer
	count    int // of symbols
	strings  bytes.Buffer
}

func (w *writer) section(s section) int {
	w.sections = append(w.sections, s)
	return len(w.sections) // the first section is the null section
}

func (w *writer) symbol(name string, info byte, section, value, size int) int {
	at := 0
	if name != "" {
		at = w.strings.Len()
		w.strings.WriteString(name + "\x00")
	}
	binary.Write(&w.symbols, binary.LittleEndian, elf.Sym64{Name: uint32(at), Info: info, Shndx: uint16(section), Value: uint64(value), Size: uint64(size)})
	w.count++
	return w.count - 1
}

const (
	funcSize  = 104 // struct livepatch_func of version 2
	newAddrAt = 8
	sizesAt   = 24
	versionAt = 32
	alloc     = elf.SHF_ALLOC
)

// payload writes a relocatable object with what the loader looks for: the list of
// functions, their names, what it depends on, and code.
func payload(name, depends, xenDepends string, functions []function) ([]byte, error) {
	w := &writer{}
	w.strings.WriteByte(0)
	w.symbol("", 0, 0, 0, 0)
	id := sha1.Sum(fmt.Appendln(nil, name, depends, xenDepends, functions))
	w.section(section{name: ".note.gnu.build-id", kind: elf.SHT_NOTE, flags: alloc, data: note(id[:]), align: 4})
	for _, d := range []struct{ name, id string }{{".livepatch.depends", depends}, {".livepatch.xen_depends", xenDepends}} {
		raw, err := hex.DecodeString(d.id)
		if err != nil {
			return nil, err
		}
		w.section(section{name: d.name, kind: elf.SHT_PROGBITS, flags: alloc, data: note(raw), align: 4})
	}
	w.functions(functions)
	return w.bytes(), nil
}

// note is one of the linker's: sizes, the type of build-ids, the owner, the id.
func note(id []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 4)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(id)))
	b = binary.LittleEndian.AppendUint32(b, 3)
	return append(append(b, "GNU\x00"...), id...)
}

// functions writes code, symbols and the list of replacements.
func (w *writer) functions(functions []function) {
	var names, relocations bytes.Buffer
	text := make([]int, len(functions))
	for i, f := range functions {
		text[i] = w.section(section{name: ".text." + f.name, kind: elf.SHT_PROGBITS, flags: alloc | elf.SHF_EXECINSTR, data: f.code(), align: 16})
	}
	var entries []byte
	strings := len(w.sections) + 1
	stringsSymbol := w.symbol("", byte(elf.STT_SECTION), strings, 0, 0)
	locals := w.count
	for i, f := range functions {
		y := w.symbol(f.name, byte(elf.STB_GLOBAL)<<4|byte(elf.STT_FUNC), text[i], 0, f.size)
		if f.added {
			continue
		}
		at := len(entries)
		e := make([]byte, funcSize)
		binary.LittleEndian.PutUint32(e[sizesAt:], uint32(f.size))
		binary.LittleEndian.PutUint32(e[sizesAt+4:], uint32(f.oldSize))
		e[versionAt] = 2
		entries = append(entries, e...)
		for _, r := range []elf.Rela64{
			{Off: uint64(at), Info: elf.R_INFO(uint32(stringsSymbol), uint32(elf.R_X86_64_64)), Addend: int64(names.Len())},
			{Off: uint64(at + newAddrAt), Info: elf.R_INFO(uint32(y), uint32(elf.R_X86_64_64))},
		} {
			binary.Write(&relocations, binary.LittleEndian, r)
		}
		names.WriteString(f.name + "\x00")
	}
	w.section(section{name: ".livepatch.strings", kind: elf.SHT_PROGBITS, flags: alloc, data: names.Bytes(), align: 1})
	funcs := w.section(section{name: ".livepatch.funcs", kind: elf.SHT_PROGBITS, flags: alloc, data: entries, align: 8})
	symtab := len(w.sections) + 2
	w.section(section{name: ".rela.livepatch.funcs", kind: elf.SHT_RELA, flags: elf.SHF_INFO_LINK, data: relocations.Bytes(), link: symtab, info: funcs, align: 8, entry: 24})
	w.section(section{name: ".symtab", kind: elf.SHT_SYMTAB, data: w.symbols.Bytes(), link: symtab + 1, info: locals, align: 8, entry: 24})
	w.section(section{name: ".strtab", kind: elf.SHT_STRTAB, data: w.strings.Bytes(), align: 1})
}

// bytes lays the sections out, with the table of them at the end.
func (w *writer) bytes() []byte {
	names := []byte{0}
	at := make([]int, len(w.sections)+1)
	w.section(section{name: ".shstrtab", kind: elf.SHT_STRTAB, align: 1})
	for i, s := range w.sections {
		at[i] = len(names)
		names = append(names, s.name+"\x00"...)
	}
	w.sections[len(w.sections)-1].data = names

	const header, entry = 64, 64
	body := make([]byte, header)
	var table bytes.Buffer
	binary.Write(&table, binary.LittleEndian, elf.Section64{})
	for i, s := range w.sections {
		for len(body)%s.align != 0 {
			body = append(body, 0)
		}
		binary.Write(&table, binary.LittleEndian, elf.Section64{Name: uint32(at[i]), Type: uint32(s.kind), Flags: uint64(s.flags), Off: uint64(len(body)),
			Size: uint64(len(s.data)), Link: uint32(s.link), Info: uint32(s.info), Addralign: uint64(s.align), Entsize: uint64(s.entry)})
		body = append(body, s.data...)
	}
	for len(body)%8 != 0 {
		body = append(body, 0)
	}
	h := elf.Header64{Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: uint64(len(body)), Ehsize: header,
		Shentsize: entry, Shnum: uint16(len(w.sections) + 1), Shstrndx: uint16(len(w.sections))}
	copy(h.Ident[:], elf.ELFMAG+"\x02\x01\x01")
	var first bytes.Buffer
	binary.Write(&first, binary.LittleEndian, h)
	copy(body, first.Bytes())
	return append(body, table.Bytes()...)
}
