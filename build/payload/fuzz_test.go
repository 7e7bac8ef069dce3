package payload

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// FuzzRead wants an answer to every file: an error and no payload, or a payload, for
// which every version of Xen has a verdict that belongs to its findings.
func FuzzRead(f *testing.F) {
	names, err := filepath.Glob("testdata/*.livepatch")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(17))
	}
	h, before := fixtureHypervisor(f, "xen-syms"), fixturePayload(f, "good")
	f.Fuzz(func(t *testing.T, data []byte, minor uint8) {
		p, err := Read(data)
		if (p == nil) != (err != nil) {
			t.Fatalf("%v, %v", p, err)
		}
		opt := Options{Name: "fuzz", Xen: "4.14", Expected: expected, Previous: before, Replace: minor%2 == 0}
		for range minor % 9 {
			opt.Xen = opt.Xen[:3] + string(opt.Xen[3]+1)
		}
		r, err := VerifyFile(data, h, opt)
		var damage *Damage
		if err != nil {
			if errors.As(err, &damage) || r != nil {
				t.Fatalf("%v, %v", r, err)
			}
			return
		}
		if r.Accepted != (r.Count(Refused) == 0) || r.Made == 0 || p == nil && r.Accepted {
			t.Fatalf("%+v", r)
		}
		if again, _ := VerifyFile(data, h, opt); !reflect.DeepEqual(r, again) {
			t.Fatal("another answer to the same file")
		}
		if p != nil {
			Verify(before, nil, Options{Previous: p})
		}
	})
}

// FuzzReadHypervisor wants the same of hypervisors.
func FuzzReadHypervisor(f *testing.F) {
	for _, name := range []string{"xen-syms", "xen-syms-other"} {
		f.Add(fixture(f, name))
	}
	p := fixturePayload(f, "good")
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ReadHypervisor(data)
		if (h == nil) != (err != nil) {
			t.Fatalf("%v, %v", h, err)
		}
		if h != nil {
			Verify(p, h, Options{Name: "fuzz", Xen: "4.17"})
		}
	})
}

// TestHostile wants a file that is made to take long to be answered soon: symbols
// with long names, and as many relocations and sections as there may be.
func TestHostile(t *testing.T) {
	const sections, half = 1023, 1 << 20
	data := make([]byte, 2*half)
	copy(data, "\x7fELF\x02\x01\x01")
	for at, n := range map[int]uint16{16: etRel, 18: emX86, 20: 1, 58: sectionSize, 60: sections, 62: 1} {
		le.PutUint16(data[at:], n)
	}
	le.PutUint64(data[40:], headerSize)
	names, entries := headerSize+sections*sectionSize, half
	for i := 1; i < sections; i++ {
		s := data[headerSize+i*sectionSize:]
		begin, size, typ, link, entry := entries, half/4, uint32(shtRela), uint32(2), uint64(relaSize)
		switch {
		case i == 1:
			begin, size, typ = names, half-names, shtStrtab
		case i == 2:
			size, typ, link = half, shtSymtab, 1
		case i > 8:
			typ = 1
		}
		if typ != 1 && i > 1 {
			size -= size % relaSize
		}
		le.PutUint32(s[shName:], uint32(i%2))
		le.PutUint32(s[shType:], typ)
		le.PutUint64(s[shFlags:], shfAlloc)
		le.PutUint64(s[shOffset:], uint64(begin))
		le.PutUint64(s[shSize:], uint64(size))
		le.PutUint32(s[shLink:], link)
		le.PutUint32(s[shInfo:], 9)
		le.PutUint64(s[shEntry:], entry)
	}
	for i := names + 1; i < half-1; i++ {
		data[i] = 'a'
	}
	for at := entries; at+relaSize <= len(data); at += relaSize {
		le.PutUint32(data[at:], uint32(at%1000+1)) // the name of a symbol, or the place of a relocation
		le.PutUint64(data[at+8:], 7<<32|rel64)
	}
	started := time.Now()
	r, err := VerifyFile(data, fixtureHypervisor(t, "xen-syms"), Options{Name: "hostile", Xen: "4.17"})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(started)
	if took > 20*time.Second || r.Accepted || r.Count(Refused) < 1000 {
		t.Errorf("%v, %d refused", took, r.Count(Refused))
	}
	t.Logf("%v: %v", took, found(r))
}
