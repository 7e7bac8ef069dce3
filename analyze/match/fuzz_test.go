package match

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// seeds are hypervisors with everything that is read.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	base := made{
		pieces: []piece{
			{file: "common/a.c", name: "one", code: []byte("\x48\x8d\x05\xf0\xff\x1f\x00\xc3")},
			{file: "common/a.c", name: "one", code: nops(8)},
			{file: "common/a.c", name: "two.isra.0", code: nops(8), init: true},
			{file: "entry.S", name: "path", code: nops(8), label: true},
			{name: "whole", code: nops(16)},
		},
		comment: comment + "\x00",
		buildID: []byte{1, 2, 3, 4},
		config:  config,
		rodata:  []byte("\x00gcc (Debian 12.2.0-14+deb12u1) 12.2.0\x00"),
	}
	other := base
	other.pieces = slices.Insert(slices.Clone(base.pieces), 0, piece{file: "common/a.c", name: "more", code: nops(24)})
	return [][]byte{base.bytes(t), other.bytes(t), withDwarf()}
}

// withDwarf is a hypervisor with a unit of DWARF 4 and one of DWARF 5.
func withDwarf() []byte {
	abbrev := []byte{
		1, 0x11, 0, atProducer, formStrp, atLanguage, 0x0b, 0x03, formString, 0, 0,
		2, 0x11, 0, atStrOffsets, formSecOff, atProducer, formStrx1, atLanguage, 0x05, 0, 0, 0,
	}
	info := []byte{
		19, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8, 1, 1, 0, 0, 0, 0x0c, 'a', '.', 'c', 0, 0, 0,
		16, 0, 0, 0, 5, 0, 1, 8, 0, 0, 0, 0, 2, 8, 0, 0, 0, 1, 0x1d, 0,
	}
	text := nops(16)
	symtab := make([]byte, 2*symbolSize)
	s := symtab[symbolSize:]
	s[0], s[4], s[6] = 1, 0x12, 1
	le.PutUint64(s[8:], textAddr)
	le.PutUint64(s[16:], 16)
	return link(emX86, []section{
		{},
		{name: ".text", typ: 1, flags: shfAlloc | shfExec, addr: textAddr, data: text},
		{name: ".debug_info", typ: 1, data: info},
		{name: ".debug_abbrev", typ: 1, data: abbrev},
		{name: ".debug_str", typ: 1, data: []byte("\x00GNU C99 12.2.0 -m64\x00clang version 15.0.6\x00")},
		{name: ".debug_str_offsets", typ: 1, data: []byte{8, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 21, 0, 0, 0}},
		{name: ".symtab", typ: shtSymtab, link: 7, data: symtab},
		{name: ".strtab", typ: shtStrtab, data: []byte("\x00f\x00")},
	})
}

func TestDwarf(t *testing.T) {
	h, err := read(withDwarf())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"GNU C99 12.2.0", "clang version 15.0.6"}; !slices.Equal(h.Compiler.Producers, want) {
		t.Errorf("%q, expected %q", h.Compiler.Producers, want)
	}
}

// edit changes bytes of a copy of a file, four bytes of edits for each: where, twice
// as often in the tables at its end as in the rest, and the new value.
func edit(data, edits []byte) []byte {
	data = slices.Clone(data)
	for ; len(edits) >= 4 && len(data) > 0; edits = edits[4:] {
		at := (int(edits[0]) | int(edits[1])<<8 | int(edits[2]&0x3f)<<16) % len(data)
		switch edits[2] >> 6 {
		case 0, 1:
			at = len(data) - 1 - at%min(len(data), 16*sectionSize)
		case 2:
			at %= headerSize
		}
		data[at] = edits[3]
	}
	return data
}

// check wants either an error and nothing else, or a hypervisor that is the same as
// itself, and whose comparison with another one adds up.
func check(t *testing.T, data []byte, other *Hypervisor) {
	t.Helper()
	// Not Read, which would turn a panic into an error.
	h, err := read(data)
	if (h == nil) != (err != nil) {
		t.Fatalf("%v, %v", h, err)
	}
	if err != nil {
		return
	}
	if r := Compare(h, h, Given{}); !r.Matches || r.Counts.SameSize != len(h.Symbols) {
		t.Fatalf("not the same as itself: %+v", r)
	}
	for _, x := range [][2]*Hypervisor{{h, other}, {other, h}} {
		r := Compare(x[0], x[1], Given{})
		n := &r.Counts
		if both := n.SameSize + n.SizeDiffers + n.Clones; both+n.OnlyShipped != len(x[0].Symbols) || both+n.OnlyRebuilt != len(x[1].Symbols) {
			t.Fatalf("%+v of %d and %d symbols", r.Counts, len(x[0].Symbols), len(x[1].Symbols))
		}
	}
}

// FuzzRead changes bytes of hypervisors.
func FuzzRead(f *testing.F) {
	base := seeds(f)
	other, err := read(base[1])
	if err != nil {
		f.Fatal(err)
	}
	for i := range base {
		f.Add(byte(i), []byte(nil))
		f.Add(byte(i), []byte{1, 2, 3, 4, 40, 0, 0x80, 1})
	}
	f.Fuzz(func(t *testing.T, which byte, edits []byte) {
		check(t, edit(base[int(which)%len(base)], edits), other)
	})
}

// FuzzWhole reads any bytes.
func FuzzWhole(f *testing.F) {
	base := seeds(f)
	other, err := read(base[1])
	if err != nil {
		f.Fatal(err)
	}
	for _, data := range base {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, data, other) })
}

// TestMutated does the same for a while, and cuts pieces off.
func TestMutated(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	base := seeds(t)
	other, err := read(base[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range base {
		for range 500 {
			edits := make([]byte, 4*(1+random.IntN(6)))
			for i := range edits {
				edits[i] = byte(random.Uint32())
			}
			bad := edit(data, edits)
			if random.IntN(8) == 0 {
				bad = bad[:random.IntN(len(bad))]
			}
			check(t, bad, other)
		}
	}
}
