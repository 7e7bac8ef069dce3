package objdiff

import "bytes"

// furthest is the last number that counts as one of a line.
const furthest = 1 << 17

// onlyLines tells whether a changed function differs from its twin in nothing
// but numbers of source lines (__LINE__) that instructions hold: by the tables
// of lines, each number must be a line of the function it stands in.
func (p *pair) onlyLines(s *symbol) bool {
	t := s.twin
	if s.sec == nil || t.sec == nil || s.size != t.size || s.sec.sym != s || t.sec.sym != t || s.child != nil && s.child.status != isSame {
		return false
	}
	a, b := t.sec.relasOf(), s.sec.relasOf()
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !b[i].equal(&a[i]) {
			return false
		}
	}
	before, after := t.sec.data, s.sec.data
	if len(before) != len(after) || bytes.Equal(before, after) {
		return false
	}
	var was, is []uint32
	for at := 0; at < len(before); {
		x, y := decode(before[at:]), decode(after[at:])
		if x != y {
			return false
		}
		if !bytes.Equal(before[at:at+x.length], after[at:at+x.length]) {
			field := at + x.imm
			if x.immSize != 4 || x.branch() || !bytes.Equal(before[at:field], after[at:field]) {
				return false
			}
			was, is = append(was, le.Uint32(before[field:])), append(is, le.Uint32(after[field:]))
		}
		at += x.length
	}
	for i := range was {
		if was[i] == 0 || is[i] == 0 || was[i] > furthest || is[i] > furthest {
			return false
		}
	}
	return p.old.hasLines(t.sec, was) && p.new.hasLines(s.sec, is)
}

// branch tells whether the immediate is the distance of a jump or call.
func (in insn) branch() bool {
	if in.long {
		return in.opcode&0xf0 == 0x80
	}
	return in.opcode == 0xe8 || in.opcode == 0xe9
}
