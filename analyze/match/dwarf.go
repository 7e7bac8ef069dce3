package match

import (
	"bytes"
	"errors"
	"slices"
	"strings"
)

// Numbers of DWARF 2 to 5: the attributes that are read, and languages that are C.
const (
	atLanguage, atProducer, atStrOffsets = 0x13, 0x25, 0x72
	unitCompile, unitPartial             = 1, 3 // kinds of units, DWARF 5
)

var languagesOfC = []uint64{0x01, 0x02, 0x0c, 0x1d, 0x2c} // C89, C, C99, C11, C17

var errDwarf = errors.New("expected DWARF 2 to 5 with 32-bit offsets")

// A dwarf is the debugging information, as far as it tells about compilers.
type dwarf struct {
	info, abbrev, str, lineStr, strOffsets []byte

	steps int // work left before the information counts as hostile
}

// producers are the compilers of the units in C that have debugging information:
// the first entry of each unit names its own (DWARF 5, 3.1.1). Damage ends the
// list: it is a hint and nothing more.
func (m *image) producers() (list []string) {
	part := func(name string) []byte {
		s := m.named(name)
		if s == nil || s.flags&shfCompressed != 0 {
			return nil
		}
		return s.data
	}
	d := &dwarf{part(".debug_info"), part(".debug_abbrev"), part(".debug_str"), part(".debug_line_str"), part(".debug_str_offsets"), 1 << 26}
	for rest := d.info; len(rest) > 0 && len(list) < maxProducers; {
		unit, after, err := cutUnit(rest)
		if err != nil {
			break
		}
		rest = after
		name, err := d.producer(unit)
		if err != nil {
			break
		}
		if name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return sorted(list)
}

// cutUnit takes the first unit off, without its length.
func cutUnit(info []byte) (unit, rest []byte, err error) {
	if len(info) < 4 || uint64(le.Uint32(info)) > uint64(len(info)-4) {
		return nil, nil, errDwarf
	}
	end := 4 + int(le.Uint32(info))
	return info[4:end], info[end:], nil
}

// producer is the compiler of a unit without its options; empty if it is not in C.
func (d *dwarf) producer(unit []byte) (string, error) {
	r := &reader{data: unit, tables: d}
	version := r.number(2)
	var table, size uint64
	switch {
	case version >= 2 && version <= 4:
		table, size = r.number(4), r.number(1)
	case version == 5:
		kind := r.number(1)
		size, table = r.number(1), r.number(4)
		if kind != unitCompile && kind != unitPartial {
			return "", nil
		}
	default:
		return "", errDwarf
	}
	forms, err := d.forms(table, r.uleb())
	if err != nil {
		return "", err
	}
	values := map[uint64]value{}
	for _, f := range forms {
		v := r.value(f.form, version, size)
		switch f.attribute {
		case atLanguage, atProducer, atStrOffsets:
			if f.form == formImplicit {
				v.number = f.constant
			}
			values[f.attribute] = v
		}
	}
	if r.err != nil {
		return "", r.err
	}
	if !slices.Contains(languagesOfC, values[atLanguage].number) {
		return "", nil
	}
	name := values[atProducer].text
	if v := values[atProducer]; v.indexed {
		base := uint64(8)
		if at, ok := values[atStrOffsets]; ok {
			base = at.number
		}
		name = d.indexed(base, v.number)
	}
	name, _, _ = strings.Cut(name, " -")
	return name, nil
}

type form struct{ attribute, form, constant uint64 }

// forms finds how the entries of a number are laid out.
func (d *dwarf) forms(table, code uint64) ([]form, error) {
	if table > uint64(len(d.abbrev)) || code == 0 {
		return nil, errDwarf
	}
	r := &reader{data: d.abbrev[table:]}
	for r.err == nil {
		found := r.uleb()
		if found == 0 {
			break
		}
		r.uleb()    // tag
		r.number(1) // whether it has children
		var list []form
		for r.err == nil {
			f := form{attribute: r.uleb(), form: r.uleb()}
			if f.form == formImplicit {
				f.constant = r.uleb() // signed, but languages are small
			}
			if d.steps--; d.steps < 0 {
				return nil, errDwarf
			}
			if f.attribute == 0 && f.form == 0 {
				break
			}
			if found == code {
				list = append(list, f)
			}
		}
		if found == code {
			return list, r.err
		}
	}
	return nil, errDwarf
}

// indexed is the string that a number of .debug_str_offsets stands for.
func (d *dwarf) indexed(base, n uint64) string {
	at := base + 4*n
	if n > uint64(len(d.strOffsets)) || at > uint64(len(d.strOffsets)) || uint64(len(d.strOffsets))-at < 4 {
		return ""
	}
	return cString(d.str, uint64(le.Uint32(d.strOffsets[at:])))
}

// cString is the string at an offset of a table, empty where there is none of a
// reasonable length.
func cString(table []byte, at uint64) string {
	if at >= uint64(len(table)) {
		return ""
	}
	rest := table[at:min(uint64(len(table)), at+maxProducer)]
	end := bytes.IndexByte(rest, 0)
	if end < 0 {
		return ""
	}
	return string(rest[:end])
}

// A value is what an attribute says, as far as it is needed.
type value struct {
	number  uint64
	text    string
	indexed bool // number is one of .debug_str_offsets
}

// A reader reads a unit, or a table of forms. Once it is past the end it stays
// there.
type reader struct {
	data   []byte
	tables *dwarf
	err    error
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.data)) {
		r.data, r.err = nil, errDwarf
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

// number reads a number of up to eight bytes.
func (r *reader) number(size uint64) (n uint64) {
	for i, c := range r.take(size) {
		n |= uint64(c) << (8 * i) // more than eight are of no interest
	}
	return n
}

// uleb reads a number in LEB128.
func (r *reader) uleb() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := r.take(1)
		if b == nil {
			return 0
		}
		if shift < 64 {
			n |= uint64(b[0]&0x7f) << shift
		}
		if b[0]&0x80 == 0 {
			return n
		}
	}
}

// Forms of DWARF 2 to 5 (7.5.6) that need more than to be skipped.
const (
	formString, formStrp, formIndirect  = 0x08, 0x0e, 0x16
	formStrx, formLineStrp              = 0x1a, 0x1f
	formStrx1, formStrx4, formImplicit  = 0x25, 0x28, 0x21
	formAddr, formRefAddr, formSecOff   = 0x01, 0x10, 0x17
	formBlock2, formBlock4              = 0x03, 0x04
	formBlock, formBlock1, formExprloc  = 0x09, 0x0a, 0x18
	formSdata, formUdata, formRefUdata  = 0x0d, 0x0f, 0x15
	formAddrx, formLoclistx, formRnglst = 0x1b, 0x22, 0x23
)

// sizes of forms of a fixed size.
var sizes = map[uint64]uint64{
	0x05: 2, 0x06: 4, 0x07: 8, 0x0b: 1, 0x0c: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8, formSecOff: 4, 0x19: 0, 0x1c: 4, 0x1d: 4, 0x1e: 16,
	0x20: 8, 0x24: 8, 0x29: 1, 0x2a: 2, 0x2b: 3, 0x2c: 4,
}

func (r *reader) value(form, version, address uint64) (v value) {
	if form == formIndirect {
		if form = r.uleb(); form == formIndirect || form == formImplicit {
			r.err = errDwarf
			return v
		}
	}
	switch form {
	case formStrp:
		v.text = cString(r.tables.str, r.number(4))
	case formLineStrp:
		v.text = cString(r.tables.lineStr, r.number(4))
	case formString:
		v.text = cString(r.data, 0)
		r.take(uint64(max(0, bytes.IndexByte(r.data, 0)) + 1))
	case formStrx:
		v.number, v.indexed = r.uleb(), true
	case formStrx1, formStrx1 + 1, formStrx1 + 2, formStrx4:
		v.number, v.indexed = r.number(form-formStrx1+1), true
	case formAddr:
		v.number = r.number(address)
	case formRefAddr:
		if version > 2 {
			address = 4
		}
		r.take(address)
	case formBlock1:
		r.take(r.number(1))
	case formBlock2:
		r.take(r.number(2))
	case formBlock4:
		r.take(r.number(4))
	case formBlock, formExprloc:
		r.take(r.uleb())
	case formSdata, formUdata, formRefUdata, formAddrx, formLoclistx, formRnglst:
		v.number = r.uleb()
	case formImplicit:
	default:
		size, ok := sizes[form]
		if !ok {
			r.err = errDwarf
		}
		v.number = r.number(size)
	}
	return v
}
