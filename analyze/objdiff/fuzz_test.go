package objdiff

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// edit changes bytes of a copy of an object, four bytes of edits for each: where,
// twice as often in the tables at its end as in the rest, and the new value.
func edit(data, edits []byte) []byte {
	data = slices.Clone(data)
	for ; len(edits) >= 4 && len(data) > 0; edits = edits[4:] {
		at := (int(edits[0]) | int(edits[1])<<8 | int(edits[2]&0x3f)<<16) % len(data)
		switch edits[2] >> 6 {
		case 0, 1:
			at = len(data) - 1 - at%min(len(data), 64*sectionSize)
		case 2:
			at %= headerSize
		}
		data[at] = edits[3]
	}
	return data
}

// FuzzCompare changes bytes of real objects: an error means no result.
func FuzzCompare(f *testing.F) {
	type both struct{ old, new []byte }
	var base []both
	for i, name := range fixtures(f) {
		old, new := fixture(f, name)
		base = append(base, both{old, new})
		f.Add(byte(i), []byte(nil), []byte{1, 2, 3, 4})
	}
	f.Fuzz(func(t *testing.T, which byte, a, b []byte) {
		x := base[int(which)%len(base)]
		// Not Compare, which would turn a panic into an error.
		d, err := compare(edit(x.old, a), edit(x.new, b), Options{Xen: "4.17"})
		if (d == nil) != (err != nil) {
			t.Fatalf("%v, %v", d, err)
		}
	})
}

// TestMutated does the same for a while with every fixture, and whole pieces
// of objects cut out.
func TestMutated(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range fixtures(t) {
		old, new := fixture(t, name)
		for range 150 {
			edits := make([]byte, 4*(1+random.IntN(6)))
			for i := range edits {
				edits[i] = byte(random.Uint32())
			}
			bad := edit(new, edits)
			if random.IntN(8) == 0 {
				bad = bad[:random.IntN(len(bad))]
			}
			for _, x := range [][2][]byte{{old, bad}, {bad, old}} {
				if d, err := compare(x[0], x[1], Options{}); (d == nil) != (err != nil) {
					t.Fatalf("%s, edits %x: %v, %v", name, edits, d, err)
				}
			}
		}
	}
}

// FuzzDwarf changes the debugging information of an object, with all else as
// compilers make it.
func FuzzDwarf(f *testing.F) {
	base := map[byte]*object{}
	for i, name := range []string{"types", "types2", "types4", "inline", "line"} {
		old, _ := fixture(f, name)
		o, err := readObject(old)
		if err != nil {
			f.Fatal(err)
		}
		base[byte(i)] = o
		d := o.dwarf()
		f.Add(byte(i), d.info, d.abbrev, []byte(d.str), o.contents(".debug_line"))
	}
	f.Fuzz(func(t *testing.T, which byte, info, abbrev, str, lines []byte) {
		if len(info)+len(abbrev)+len(str)+len(lines) > 1<<18 {
			t.Skip("more than 256 KB")
		}
		o := base[which%byte(len(base))]
		d := &dwarf{info: info, abbrev: abbrev, str: string(str), lineStr: string(str), strOffsets: str}
		types, err := d.readTypes()
		if (types == nil) != (err != nil) {
			t.Fatalf("%v, %v", types, err)
		}
		if types != nil {
			whole, err := o.dwarf().readTypes()
			if err != nil {
				t.Fatal(err)
			}
			compareTypes(whole, types)
			compareTypes(types, whole)
		}
		if into, err := o.inlines(d); (into == nil) != (err != nil) {
			t.Fatalf("%v, %v", into, err)
		}
		table := o.first[".debug_line"]
		keep := table.data
		table.data = lines
		o.hasLines(o.sections[0], []uint32{1, 20})
		table.data = keep
	})
}

// FuzzSymbols reads the symbols of a linked file.
func FuzzSymbols(f *testing.F) {
	old, _ := fixture(f, "changed")
	f.Add(old)
	f.Fuzz(func(t *testing.T, data []byte) {
		if table, err := ReadSymbols(data); (table == nil) != (err != nil) {
			t.Fatalf("%v, %v", table, err)
		}
	})
}

// FuzzDecode wants every instruction to have a length inside the code.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x48\x8b\x05\x00\x00\x00\x00\xc3"))
	f.Fuzz(func(t *testing.T, code []byte) {
		if len(code) == 0 {
			return
		}
		in := decode(code)
		if in.length < 1 || in.length > len(code) || in.immSize > 0 && in.imm+in.immSize > in.length {
			t.Fatalf("% x: %+v", code, in)
		}
	})
}
