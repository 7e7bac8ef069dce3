package objdiff

// An insn is where the parts of an instruction of x86-64 lie.
type insn struct {
	length  int // bytes, at least 1
	imm     int // offset of the immediate
	immSize int // its bytes, 0 without one
	opcode  byte
	long    bool // opcode of two bytes or more
}

// What follows the opcode, one letter for each of the 256:
//
//	'.'  nothing           'm'  ModRM
//	'b'  one byte          'B'  ModRM and one byte
//	'z'  four bytes (two)  'Z'  ModRM and four bytes (two)
//	'w'  two bytes         'q'  eight bytes with REX.W, else four (two)
//	'o'  an address        'e'  three bytes (ENTER)
//	'f', 'F'  group 3: ModRM, and an immediate for TEST
//
// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2,
// appendix A. What does not exist in 64-bit mode counts as nothing.
const (
	oneByte = "mmmmbz..mmmmbz.." + "mmmmbz..mmmmbz.." + "mmmmbz..mmmmbz.." + "mmmmbz..mmmmbz.." +
		"................" + "................" + "...m....zZbB...." + "bbbbbbbbbbbbbbbb" +
		"BZ.Bmmmmmmmmmmmm" + "................" + "oooo....bz......" + "bbbbbbbbqqqqqqqq" +
		"BBw...BZe.w..b.." + "mmmm....mmmmmmmm" + "bbbbbbbbzz.b...." + "......fF......mm"
	twoByte = "mmmm.........m.B" + "mmmmmmmmmmmmmmmm" + "mmmm....mmmmmmmm" + "................" +
		"mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + "BBBBmmm.mmmmmmmm" +
		"zzzzzzzzzzzzzzzz" + "mmmmmmmmmmmmmmmm" + "...mBm.....mBmmm" + "mmmmmmmmmmBmmmmm" +
		"mmBmBBBm........" + "mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm"
)

// decode finds the parts of the instruction at the start of code, which must
// not be empty. Bytes that are no instruction count as one of their own.
func decode(code []byte) insn {
	d := decoder{code: code}
	in := d.insn()
	if d.short {
		return insn{length: len(code)}
	}
	in.length = d.at
	return in
}

type decoder struct {
	code  []byte
	at    int
	short bool // the code ended too early
}

func (d *decoder) next() byte {
	if d.at >= len(d.code) {
		d.short = true
		return 0
	}
	d.at++
	return d.code[d.at-1]
}

func (d *decoder) skip(n int) {
	if d.at += n; d.at > len(d.code) {
		d.short = true
	}
}

func (d *decoder) insn() (in insn) {
	word, wide, address32 := false, false, false
	op := d.next()
prefixes:
	for range 14 {
		switch {
		case op == 0x66:
			word = true
		case op == 0x67:
			address32 = true
		case op == 0xf0, op == 0xf2, op == 0xf3, op == 0x2e, op == 0x36, op == 0x3e, op == 0x26, op == 0x64, op == 0x65:
		default:
			break prefixes
		}
		op = d.next()
	}
	if op&0xf0 == 0x40 {
		wide = op&8 != 0
		op = d.next()
	}
	kind, class := 0, byte('.')
	switch {
	case op == 0x0f:
		in.long, op, kind = true, d.next(), 1
		if op == 0x38 || op == 0x3a {
			kind = 2
			if op == 0x3a {
				kind = 3
			}
			op = d.next()
		}
	case op == 0xc5: // VEX in two bytes
		d.next()
		in.long, kind, op = true, 1, d.next()
	case op == 0xc4, op == 0x62, op == 0x8f && d.xop(): // VEX in three, EVEX, XOP
		in.long, kind = true, int(d.next()&0x1f)
		d.next()
		if op == 0x62 {
			kind &= 7
			d.next()
		}
		op = d.next()
	}
	in.opcode = op
	switch kind {
	case 0:
		class = oneByte[op]
	case 1:
		class = twoByte[op]
	case 3, 8:
		class = 'B'
	case 10:
		class = 'Z'
	default:
		class = 'm'
	}
	z := 4
	if word && !(kind == 0 && (op == 0xe8 || op == 0xe9)) && !(kind == 1 && op&0xf0 == 0x80) {
		z = 2
	}
	switch class {
	case 'm', 'B', 'Z', 'f', 'F':
		if reg := d.modrm(); reg > 1 && (class == 'f' || class == 'F') {
			class = 'm'
		}
	}
	in.imm = d.at
	switch class {
	case 'b', 'B', 'f':
		in.immSize = 1
	case 'w':
		in.immSize = 2
	case 'e':
		in.immSize = 3
	case 'z', 'Z', 'F':
		in.immSize = z
	case 'q':
		if in.immSize = z; wide {
			in.immSize = 8
		}
	case 'o':
		if in.immSize = 8; address32 {
			in.immSize = 4
		}
	}
	d.skip(in.immSize)
	return in
}

// xop tells whether 0x8f begins an XOP prefix rather than POP.
func (d *decoder) xop() bool { return d.at < len(d.code) && d.code[d.at]&0x1f >= 8 }

// modrm passes over ModRM, SIB and displacement, and returns the field reg.
func (d *decoder) modrm() byte {
	m := d.next()
	mod, rm := m>>6, m&7
	if mod == 3 {
		return m >> 3 & 7
	}
	if rm == 4 {
		if sib := d.next(); sib&7 == 5 && mod == 0 {
			d.skip(4)
		}
	}
	switch {
	case mod == 1:
		d.skip(1)
	case mod == 2, mod == 0 && rm == 5:
		d.skip(4)
	}
	return m >> 3 & 7
}
