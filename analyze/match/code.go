package match

import (
	"bytes"
	"cmp"
	"slices"
)

// emX86 is the number of x86-64, the one machine of which code is compared.
const emX86 = 62

// A resolver compares the code of two hypervisors in which the same things lie at
// other addresses. No relocation is left in a linked file, so a place where the
// code differs is taken for an address if, read as one, it points to the same
// thing in both.
type resolver struct{ shipped, rebuilt *places }

// places tells what lies at an address.
type places struct {
	image *image
	named []Symbol // by address
	base  uint64   // of the image, from which early code counts; 0 where not known
}

// newResolver is nil where code cannot be compared.
func newResolver(shipped, rebuilt *Hypervisor) *resolver {
	if shipped.image.machine != emX86 || rebuilt.image.machine != emX86 {
		return nil
	}
	return &resolver{placesOf(shipped), placesOf(rebuilt)}
}

func placesOf(h *Hypervisor) *places {
	p := &places{image: &h.image, named: slices.Concat(h.Symbols, h.Labels, h.others)}
	slices.SortStableFunc(p.named, byAddress)
	if s := h.datum("__image_base__"); s != nil {
		p.base = s.Addr
	}
	return p
}

// A target is what an address points to: so many bytes behind the beginning of
// something that has a name. Without a name it is nothing that is known.
type target struct {
	name, file string
	behind     uint64
}

func (p *places) target(addr uint64) target {
	i, found := slices.BinarySearchFunc(p.named, addr, func(s Symbol, addr uint64) int { return cmp.Compare(s.Addr, addr) })
	if !found {
		// One symbol can lie within another; only the last one that begins before
		// the address is looked at, in both hypervisors alike.
		if i--; i < 0 {
			return target{}
		}
		// Data without a name can be anything. Code is what follows what has one.
		if s := &p.named[i]; addr-s.Addr >= s.Size {
			if sec := p.image.at(addr); sec == nil || !sec.exec() || sec.name != s.Section {
				return target{}
			}
		}
	}
	s := &p.named[i]
	return target{s.Name, s.File, addr - s.Addr}
}

// same tells whether two functions of one size have the same code.
func (r *resolver) same(shipped, rebuilt *Symbol) bool {
	a, b := r.shipped.image.bytes(shipped.Addr, shipped.Size), r.rebuilt.image.bytes(rebuilt.Addr, rebuilt.Size)
	if len(a) != len(b) {
		return false
	}
	if bytes.Equal(a, b) {
		return true
	}
	for i, done := 0, 0; i < len(a); {
		if a[i] == b[i] {
			i++
			continue
		}
		end := r.field(a, b, shipped.Addr, rebuilt.Addr, i, done)
		if end == 0 {
			return false
		}
		i, done = end, end
	}
	return true
}

// field finds the address, in code that differs at i, of which i is a part. It
// begins at done at the earliest. The result is its end, 0 for none.
func (r *resolver) field(a, b []byte, addrA, addrB uint64, i, done int) int {
	for at := i; at >= max(done, i-3); at-- {
		if at+4 > len(a) {
			continue
		}
		end := uint64(at) + 4
		toA, toB := uint64(int64(int32(le.Uint32(a[at:])))), uint64(int64(int32(le.Uint32(b[at:]))))
		// Relative to the end of the instruction, before which a constant can stand; not
		// with strings, of which the ends could be the same.
		for _, constant := range []uint64{0, 1, 2, 4} {
			if r.sameTarget(addrA+end+constant+toA, addrB+end+constant+toB, constant == 0) {
				return at + 4
			}
		}
		if baseA, baseB := r.shipped.base, r.rebuilt.base; baseA != 0 && baseB != 0 && r.sameTarget(baseA+uint64(uint32(toA)), baseB+uint64(uint32(toB)), false) {
			return at + 4
		}
	}
	for at := i; at >= max(done, i-7); at-- {
		if at+8 <= len(a) && r.sameTarget(le.Uint64(a[at:]), le.Uint64(b[at:]), true) {
			return at + 8
		}
	}
	return 0
}

// sameTarget tells whether two addresses point to the same thing. What has no name
// is known by what it holds, if that may count, or in a note by where it stands: a
// build-id is never the same.
func (r *resolver) sameTarget(a, b uint64, contents bool) bool {
	x, y := r.shipped.target(a), r.rebuilt.target(b)
	if x.name != "" || y.name != "" {
		return x == y
	}
	s, t := r.shipped.image.at(a), r.rebuilt.image.at(b)
	switch {
	case s == nil || t == nil || s.exec() || t.exec():
		return false
	case s.typ == shtNote && t.typ == shtNote:
		return s.name == t.name && a-s.addr == b-t.addr
	}
	return contents && sameConstant(r.shipped.image.bytes(a, maxConstant), r.rebuilt.image.bytes(b, maxConstant))
}

// maxConstant is as much of a string as is compared.
const maxConstant = 1024

// sameConstant compares two strings, or what else it is by its first eight bytes.
func sameConstant(a, b []byte) bool {
	end := bytes.IndexByte(a, 0)
	switch {
	case len(a) == 0 || len(b) == 0:
		return false
	case end < 0:
		return bytes.Equal(a, b)
	case !isText(a[:end]):
		end = min(8, len(a))
	default:
		end++
	}
	return len(b) >= end && bytes.Equal(a[:end], b[:end])
}

// isText tells whether a string could be a message of Xen.
func isText(s []byte) bool {
	for _, c := range s {
		if (c < ' ' || c > '~') && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}
