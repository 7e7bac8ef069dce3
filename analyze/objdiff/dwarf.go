package objdiff

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// Tags, attributes and forms of DWARF 5, section 7.5.
const (
	tagArray, tagEnum, tagParam, tagMember, tagPointer    = 0x01, 0x04, 0x05, 0x0d, 0x0f
	tagUnit, tagStruct, tagFuncType, tagTypedef, tagUnion = 0x11, 0x13, 0x15, 0x16, 0x17
	tagVariadic, tagInlined, tagSubrange, tagBase         = 0x18, 0x1d, 0x21, 0x24
	tagConst, tagEnumerator, tagFunc, tagVolatile         = 0x26, 0x28, 0x2e, 0x35
	tagRestrict, tagAtomic, tagVariable                   = 0x37, 0x47, 0x34

	atSibling, atName, atSize, atBitOffset, atBitSize           = 0x01, 0x03, 0x0b, 0x0c, 0x0d
	atLowPC, atRanges, atConst, atUpper, atOrigin, atCount      = 0x11, 0x55, 0x1c, 0x2f, 0x31, 0x37
	atMemberAt, atDeclaration, atExternal, atSpec, atType       = 0x38, 0x3c, 0x3f, 0x47, 0x49
	atEntryPC, atDataBitOffset, atStrOffsetsBase, atLinkageName = 0x52, 0x6b, 0x72, 0x6e
	atLocation                                                  = 0x02

	formAddr, formBlock2, formBlock4, formData2, formData4    = 0x01, 0x03, 0x04, 0x05, 0x06
	formData8, formString, formBlock, formBlock1, formData1   = 0x07, 0x08, 0x09, 0x0a, 0x0b
	formFlag, formSdata, formStrp, formUdata, formRefAddr     = 0x0c, 0x0d, 0x0e, 0x0f, 0x10
	formRef1, formRef2, formRef4, formRef8, formRefUdata      = 0x11, 0x12, 0x13, 0x14, 0x15
	formIndirect, formSecOffset, formExprloc, formPresent     = 0x16, 0x17, 0x18, 0x19
	formStrx, formAddrx, formRefSup4, formStrpSup, formData16 = 0x1a, 0x1b, 0x1c, 0x1d, 0x1e
	formLineStrp, formRefSig8, formImplicit, formLoclistx     = 0x1f, 0x20, 0x21, 0x22
	formRnglistx, formRefSup8, formStrx1, formStrx2           = 0x23, 0x24, 0x25, 0x26
	formStrx3, formStrx4, formAddrx1, formAddrx2, formAddrx3  = 0x27, 0x28, 0x29, 0x2a, 0x2b
	formAddrx4                                                = 0x2c
)

// maxAbbrev is the largest code of an abbreviation that is read; compilers
// number them from 1.
const maxAbbrev = 1 << 16

var errDwarf = errors.New("debugging information: expected DWARF of version 2 to 5")

// A dwarf is the debugging information of an object, relocated.
type dwarf struct {
	info, abbrev []byte
	str, lineStr string
	strOffsets   []byte
}

// dwarf reads the sections; nil where the object has none.
func (o *object) dwarf() *dwarf {
	d := &dwarf{info: o.relocated(".debug_info")}
	if len(d.info) == 0 {
		return nil
	}
	d.abbrev, d.strOffsets = o.contents(".debug_abbrev"), o.relocated(".debug_str_offsets")
	d.str, d.lineStr = string(o.contents(".debug_str")), string(o.contents(".debug_line_str"))
	return d
}

func (o *object) contents(name string) []byte {
	if s := o.first[name]; s != nil {
		return s.data
	}
	return nil
}

// relocated is the content of a section with its relocations applied, each
// section of the object being at address 0.
func (o *object) relocated(name string) []byte {
	s := o.first[name]
	if s == nil || s.rela == nil {
		return o.contents(name)
	}
	data := slices.Clone(s.data)
	for e := s.rela.raw; len(e) >= relaSize; e = e[relaSize:] {
		off, typ, index := le.Uint64(e), le.Uint32(e[8:]), le.Uint32(e[12:])
		if uint64(index) >= uint64(len(o.symbols)) || off > uint64(len(data)) {
			continue
		}
		value := o.symbols[index].value + le.Uint64(e[16:])
		switch field := data[off:]; {
		case typ == relX8664 && len(field) >= 8:
			le.PutUint64(field, value)
		case (typ == 10 || typ == rel32S) && len(field) >= 4:
			le.PutUint32(field, uint32(value))
		}
	}
	return data
}

// An abbrev is the shape of an entry.
type abbrev struct {
	tag      uint16
	children bool
	fields   []field
}

type field struct {
	attr, form uint16
	implicit   int64
}

// A unit is the one compilation unit of an object.
type unit struct {
	*dwarf
	base, pos, end int // of its bytes in info; pos of its first entry
	version        int
	addr, offset   int // bytes of an address, of an offset
	abbrevs        []abbrev
	strBase        int
}

// units reads the headers of the units.
func (d *dwarf) units() (list []*unit, err error) {
	tables := map[uint64][]abbrev{}
	for pos := 0; pos < len(d.info); {
		c := cursor{data: d.info, at: pos}
		u := &unit{dwarf: d, base: pos, offset: 4}
		n := uint64(c.u32())
		if n == 0xffffffff {
			u.offset, n = 8, c.u64()
		}
		if c.failed || n > uint64(len(d.info)-c.at) {
			return nil, errDwarf
		}
		u.end = c.at + int(n)
		u.version = int(c.u16())
		var table uint64
		kind := byte(1)
		if u.version >= 5 {
			kind = c.u8()
			u.addr = int(c.u8())
			table = c.word(u.offset)
		} else {
			table = c.word(u.offset)
			u.addr = int(c.u8())
		}
		if c.failed || u.version < 2 || u.version > 5 || u.addr != 8 && u.addr != 4 {
			return nil, errDwarf
		}
		u.pos, pos = c.at, u.end
		if kind != 1 {
			continue // type units and skeletons are not what gcc makes of C
		}
		if _, ok := tables[table]; !ok {
			if tables[table], err = d.readAbbrevs(table); err != nil {
				return nil, err
			}
		}
		u.abbrevs = tables[table]
		u.strBase = 2 * u.offset
		list = append(list, u)
		if len(list) > 1<<12 {
			return nil, errors.New("debugging information: expected few compilation units")
		}
	}
	return list, nil
}

func (d *dwarf) readAbbrevs(off uint64) ([]abbrev, error) {
	if off > uint64(len(d.abbrev)) {
		return nil, errDwarf
	}
	c := cursor{data: d.abbrev, at: int(off)}
	var list []abbrev
	for {
		code := c.uleb()
		if code == 0 || c.failed {
			break
		}
		if code > maxAbbrev || code > uint64(len(d.abbrev)) {
			return nil, fmt.Errorf("abbreviation %d: expected at most %d", code, maxAbbrev)
		}
		for uint64(len(list)) <= code {
			list = append(list, abbrev{})
		}
		a := &list[code]
		a.tag, a.children, a.fields = uint16(c.uleb()), c.u8() != 0, nil
		for !c.failed {
			f := field{attr: uint16(c.uleb()), form: uint16(c.uleb())}
			if f.form == formImplicit {
				f.implicit = c.sleb()
			}
			if f.attr == 0 && f.form == 0 {
				break
			}
			a.fields = append(a.fields, f)
		}
	}
	if c.failed {
		return nil, errDwarf
	}
	return list, nil
}

// A die is one entry: what of it matters here. References are offsets in the
// information, 0 for none.
type die struct {
	tag                       uint16
	children                  bool
	name                      string
	size, bitSize, bitOffset  int64 // -1 where absent
	at, dataBit, value, upper int64 // -1 where absent
	count                     int64 // -1 where absent
	typ, origin, sibling      int
	lowPC                     int // where the address stands, 0 for none
	location                  int // of a variable of static storage: where its address stands, else 0
	ranges                    bool
	declaration, external     bool
}

// read reads the entry at the cursor. An entry with tag 0 ends a list of
// siblings.
func (u *unit) read(c *cursor, e *die) error {
	*e = die{size: -1, bitSize: -1, bitOffset: -1, at: -1, dataBit: -1, upper: -1, count: -1}
	code := c.uleb()
	if code == 0 {
		if c.failed {
			return errDwarf
		}
		return nil
	}
	if code >= uint64(len(u.abbrevs)) || u.abbrevs[code].tag == 0 {
		return errDwarf
	}
	a := &u.abbrevs[code]
	e.tag, e.children = a.tag, a.children
	for i := range a.fields {
		f := &a.fields[i]
		switch f.attr {
		case atName:
			e.name = u.text(c, f)
		case atType:
			e.typ = u.ref(c, f)
		case atSibling:
			e.sibling = u.ref(c, f)
		case atOrigin, atSpec:
			e.origin = u.ref(c, f)
		case atSize:
			e.size = u.number(c, f)
		case atBitSize:
			e.bitSize = u.number(c, f)
		case atBitOffset:
			e.bitOffset = u.number(c, f)
		case atDataBitOffset:
			e.dataBit = u.number(c, f)
		case atMemberAt:
			e.at = u.number(c, f)
		case atUpper:
			e.upper = u.number(c, f)
		case atCount:
			e.count = u.number(c, f)
		case atConst:
			e.value = u.number(c, f)
		case atStrOffsetsBase:
			u.strBase = int(u.number(c, f))
		case atLowPC:
			e.lowPC = c.at
			u.skip(c, f)
		case atLocation:
			e.location = u.location(c, f)
		case atRanges:
			e.ranges = true
			u.skip(c, f)
		case atDeclaration:
			e.declaration = true
			u.skip(c, f)
		case atExternal:
			e.external = true
			u.skip(c, f)
		default:
			u.skip(c, f)
		}
	}
	if c.failed {
		return errDwarf
	}
	return nil
}

// text reads a string; one in a supplementary file is empty.
func (u *unit) text(c *cursor, f *field) string {
	table, off := "", uint64(0)
	switch f.form {
	case formString:
		rest := c.data[min(c.at, len(c.data)):]
		n := bytes.IndexByte(rest, 0)
		if n < 0 {
			c.failed = true
			return ""
		}
		c.at += n + 1
		return string(rest[:n])
	case formStrp:
		table, off = u.str, c.word(u.offset)
	case formLineStrp:
		table, off = u.lineStr, c.word(u.offset)
	case formStrx, formStrx1, formStrx2, formStrx3, formStrx4:
		x := cursor{data: u.strOffsets, at: u.strBase + int(u.number(c, f)&0xffffffff)*u.offset}
		table, off = u.str, x.word(u.offset)
	default:
		u.skip(c, f)
		return ""
	}
	if off >= uint64(len(table)) {
		return ""
	}
	s, err := str(table, uint32(off))
	if err != nil {
		c.failed = true
	}
	return s
}

// ref reads a reference to another entry of the file.
func (u *unit) ref(c *cursor, f *field) int {
	var n uint64
	switch f.form {
	case formRef1:
		n = uint64(c.u8())
	case formRef2:
		n = uint64(c.u16())
	case formRef4:
		n = uint64(c.u32())
	case formRef8:
		n = c.u64()
	case formRefUdata:
		n = c.uleb()
	case formRefAddr:
		if n = c.word(u.offset); n < uint64(len(u.info)) {
			return int(n)
		}
		return 0
	default:
		u.skip(c, f)
		return 0
	}
	if n += uint64(u.base); n >= uint64(u.end) {
		c.failed = true
		return 0
	}
	return int(n)
}

// number reads a constant, or the constant that an expression begins with; -1
// for anything else.
func (u *unit) number(c *cursor, f *field) int64 {
	switch f.form {
	case formData1, formStrx1, formAddrx1, formFlag:
		return int64(c.u8())
	case formData2, formStrx2, formAddrx2:
		return int64(c.u16())
	case formStrx3, formAddrx3:
		return int64(c.u16()) | int64(c.u8())<<16
	case formData4, formStrx4, formAddrx4:
		return int64(c.u32())
	case formData8:
		return int64(c.u64())
	case formUdata, formStrx, formAddrx:
		return int64(c.uleb())
	case formSdata:
		return c.sleb()
	case formSecOffset:
		return int64(c.word(u.offset))
	case formImplicit:
		return f.implicit
	case formBlock1, formExprloc, formBlock:
		n := uint64(0)
		if f.form == formBlock1 {
			n = uint64(c.u8())
		} else {
			n = c.uleb()
		}
		x := cursor{data: c.bytes(n)}
		if x.u8() == 0x23 { // DW_OP_plus_uconst, where a member lies in DWARF 2
			return int64(x.uleb())
		}
		return -1
	}
	u.skip(c, f)
	return -1
}

// location reads where a variable lies: where its address stands if it has one
// for good, else 0.
func (u *unit) location(c *cursor, f *field) int {
	n := uint64(0)
	switch f.form {
	case formExprloc:
		n = c.uleb()
	case formBlock1:
		n = uint64(c.u8())
	default:
		u.skip(c, f)
		return 0
	}
	at := c.at
	if op := c.bytes(n); len(op) == 1+u.addr && op[0] == 0x03 { // DW_OP_addr and nothing else
		return at + 1
	}
	return 0
}

// skip passes over the value of an attribute.
func (u *unit) skip(c *cursor, f *field) {
	form := f.form
	for range 4 { // an indirect form may name another
		if form != formIndirect {
			break
		}
		form = uint16(c.uleb())
	}
	switch form {
	case formPresent, formImplicit:
	case formData1, formFlag, formRef1, formStrx1, formAddrx1:
		c.bytes(1)
	case formData2, formRef2, formStrx2, formAddrx2:
		c.bytes(2)
	case formStrx3, formAddrx3:
		c.bytes(3)
	case formData4, formRef4, formRefSup4, formStrx4, formAddrx4:
		c.bytes(4)
	case formData8, formRef8, formRefSig8, formRefSup8:
		c.bytes(8)
	case formData16:
		c.bytes(16)
	case formAddr:
		c.bytes(uint64(u.addr))
	case formRefAddr:
		if u.version == 2 {
			c.bytes(uint64(u.addr))
		} else {
			c.bytes(uint64(u.offset))
		}
	case formStrp, formLineStrp, formSecOffset, formStrpSup:
		c.bytes(uint64(u.offset))
	case formUdata, formSdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx:
		c.uleb()
	case formBlock1:
		c.bytes(uint64(c.u8()))
	case formBlock2:
		c.bytes(uint64(c.u16()))
	case formBlock4:
		c.bytes(uint64(c.u32()))
	case formBlock, formExprloc:
		c.bytes(c.uleb())
	case formString:
		n := bytes.IndexByte(c.data[min(c.at, len(c.data)):], 0)
		c.bytes(uint64(n + 1))
	default:
		c.failed = true
	}
}

// A cursor reads little-endian bytes. Once it has failed, it reads zeros.
type cursor struct {
	data   []byte
	at     int
	failed bool
}

func (c *cursor) bytes(n uint64) []byte {
	if c.failed || c.at < 0 || c.at > len(c.data) || n > uint64(len(c.data)-c.at) {
		c.failed = true
		return nil
	}
	c.at += int(n)
	return c.data[c.at-int(n) : c.at]
}

func (c *cursor) u8() byte {
	if c.failed || c.at < 0 || c.at >= len(c.data) {
		c.failed = true
		return 0
	}
	c.at++
	return c.data[c.at-1]
}

func (c *cursor) u16() uint16 {
	if b := c.bytes(2); b != nil {
		return le.Uint16(b)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.bytes(4); b != nil {
		return le.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.bytes(8); b != nil {
		return le.Uint64(b)
	}
	return 0
}

// word reads an offset of 4 or 8 bytes.
func (c *cursor) word(size int) uint64 {
	if size == 8 {
		return c.u64()
	}
	return uint64(c.u32())
}

func (c *cursor) uleb() (n uint64) {
	for shift := 0; shift < 70; shift += 7 {
		b := c.u8()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	c.failed = true
	return 0
}

func (c *cursor) sleb() (n int64) {
	for shift := 0; shift < 70; shift += 7 {
		b := c.u8()
		n |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift += 7; b&0x40 != 0 && shift < 64 {
				n |= -1 << shift
			}
			return n
		}
	}
	c.failed = true
	return 0
}
