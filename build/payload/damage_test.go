package payload

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A damage is something that is done to the bytes of the good payload.
type damage struct {
	want string // the first check that finds something
	do   func(d *draft)
}

// A draft is a payload that is changed byte by byte.
type draft struct {
	data []byte
	p    *Payload // before the change
}

func (d *draft) u16(at int, n uint16) { le.PutUint16(d.data[at:], n) }

// header is where the header of a section begins.
func (d *draft) header(name string) int {
	i, s := d.p.section(name)
	if s == nil {
		panic("no section " + name)
	}
	return int(le.Uint64(d.data[40:])) + sectionSize*i
}

// set changes a number of four or eight bytes in the header of a section.
func (d *draft) set(name string, at, size int, n uint64) {
	if h := d.data[d.header(name)+at:]; size == 4 {
		le.PutUint32(h, uint32(n))
	} else {
		le.PutUint64(h, n)
	}
}

// contents is where the contents of a section begin.
func (d *draft) contents(name string) []byte {
	return d.data[le.Uint64(d.data[d.header(name)+24:]):]
}

// symbol is an entry of the table of symbols.
func (d *draft) symbol(name string) []byte {
	i := slices.IndexFunc(d.p.Symbols, func(s Symbol) bool { return s.Name == name })
	return d.contents(".symtab")[symbolSize*i:]
}

// Places in the header of a section.
const (
	shName, shType, shFlags, shAddr, shOffset, shSize, shLink, shInfo, shAlign, shEntry = 0, 4, 8, 16, 24, 32, 40, 44, 48, 56
)

var damages = []damage{
	{"size-zero", func(d *draft) { d.data = nil }},
	{"size", func(d *draft) { d.data = append(d.data, make([]byte, maxSize)...) }},
	{"elf-short", func(d *draft) { d.data = d.data[:63] }},
	{"elf-magic", func(d *draft) { d.data[0] = 0 }},
	{"elf-kind", func(d *draft) { d.u16(16, 2) }},
	{"elf-kind", func(d *draft) { d.u16(56, 1) }},
	{"elf-machine", func(d *draft) { d.u16(18, 183) }},
	{"elf-names-undefined", func(d *draft) { d.u16(62, 0) }},
	{"elf-sections", func(d *draft) { d.u16(60, 1024) }},
	{"elf-names-index", func(d *draft) { d.u16(62, 1000) }},
	{"elf-table-offset", func(d *draft) { le.PutUint64(d.data[40:], 1<<40) }},
	{"elf-table-entry", func(d *draft) { d.u16(58, 40) }},
	{"elf-table-size", func(d *draft) { d.u16(60, 1000) }},
	{"section-data", func(d *draft) { d.set(".text", shOffset, 8, 1) }},
	{"section-data", func(d *draft) { d.set(".text", shSize, 8, 1<<62) }},
	{"section-align", func(d *draft) { d.set(".text", shAlign, 8, 3) }},
	{"section-address", func(d *draft) { d.set(".livepatch.funcs", shAddr, 8, 1) }},
	{"symtab-multiple", func(d *draft) { d.set(".text", shType, 4, shtSymtab) }},
	{"symtab-link", func(d *draft) { d.set(".symtab", shLink, 4, 1000) }},
	{"symtab-missing", func(d *draft) { d.set(".symtab", shType, 4, 1) }},
	{"symtab-size", func(d *draft) { d.set(".symtab", shEntry, 8, 8) }},
	{"strtab-none", func(d *draft) { d.set(".symtab", shLink, 4, 0) }},
	{"strtab", func(d *draft) { d.contents(".strtab")[0] = 'a' }},
	{"names-table", func(d *draft) { d.set(".shstrtab", shType, 4, 1) }},
	{"section-name", func(d *draft) { d.set(".text", shName, 4, 1<<20) }},
	{"symbol-name", func(d *draft) { le.PutUint32(d.symbol("fresh"), 1<<20) }},
	{"symbol-section", func(d *draft) { le.PutUint16(d.symbol("fresh")[6:], 500) }},
	{"symbol-section", func(d *draft) { le.PutUint16(d.symbol("fresh")[6:], 0xff20) }},
	{"section-unaligned", func(d *draft) { d.set(".modinfo", shAlign, 8, 0) }},
	{"symbol-size-differs", func(d *draft) { le.PutUint64(d.symbol("second")[16:], 99) }},
	{"memory", func(d *draft) { d.set(".modinfo", shAlign, 8, 1<<62) }},
	{"rela-target", func(d *draft) { d.set(".rela.text", shInfo, 4, 0) }},
	{"rela-link", func(d *draft) { d.set(".rela.text", shLink, 4, 1) }},
	{"rela-header", func(d *draft) { d.set(".rela.text", shEntry, 8, 16) }},
	{"rela-header", func(d *draft) { d.set(".rela.text", shEntry, 8, 1<<63) }},
	{"rel", func(d *draft) { d.set(".rela.text", shType, 4, shtRel) }},
	{"rela-symbol", func(d *draft) { le.PutUint32(d.contents(".rela.text")[12:], 1000) }},
	{"rela-offset", func(d *draft) { le.PutUint64(d.contents(".rela.text"), 1<<32) }},
	{"rela-offset", func(d *draft) { le.PutUint64(d.contents(".rela.text"), ^uint64(0)) }},
	{"metadata-empty", func(d *draft) { d.set(".modinfo", shSize, 8, 0) }},
}

// TestDamage wants each of these to be found, and the loader's words for it to be
// whole.
func TestDamage(t *testing.T) {
	h := fixtureHypervisor(t, "xen-syms")
	for i, x := range damages {
		d := &draft{bytes.Clone(fixture(t, "good.livepatch")), fixturePayload(t, "good")}
		x.do(d)
		r, err := VerifyFile(d.data, h, Options{Name: "fixture", Xen: "4.17"})
		if err != nil {
			t.Errorf("%d %s: %v", i, x.want, err)
			continue
		}
		if got := found(r); len(got) == 0 || got[0] != x.want || r.Accepted != (x.want == "symbol-size-differs") {
			t.Errorf("%d: %q, expected %s\n%+v", i, got, x.want, r.Findings)
		}
		for _, f := range r.Findings {
			if strings.Contains(f.Loader, "%!") || f.Message == "" {
				t.Errorf("%d: %+v", i, f)
			}
		}
	}
}

// TestNoBuildID wants a base without a build-id to be a base for nothing.
func TestNoBuildID(t *testing.T) {
	data := bytes.Clone(fixture(t, "xen-syms"))
	note := bytes.Index(data, []byte("\x04\x00\x00\x00\x14\x00\x00\x00\x03\x00\x00\x00GNU"))
	data[note+8] = 9
	h, err := ReadHypervisor(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, xen := range []string{"4.17", "4.18"} {
		if r := Verify(fixturePayload(t, "good"), h, Options{Name: "good", Xen: xen}); r.Accepted || found(r)[0] != "xen-build-id" {
			t.Errorf("%s: %+v", xen, r.Findings)
		}
	}
}

// TestEveryCheck wants a test for every check.
func TestEveryCheck(t *testing.T) {
	tested := map[string]bool{"xen-build-id": true} // TestNoBuildID
	for _, f := range fixtures {
		for id := range strings.FieldsSeq(f.want) {
			tested[id] = true
		}
	}
	for _, d := range damages {
		tested[d.want] = true
	}
	for i := range checks {
		if c := &checks[i]; !tested[c.id] {
			t.Errorf("no test is refused by %s", c.id)
		}
	}
}

// TestChecks wants the rows of one id to be for different versions, and every
// version to have its row.
func TestChecks(t *testing.T) {
	for minor := oldest; minor <= newest; minor++ {
		seen := map[string]bool{}
		for i := range checks {
			c := &checks[i]
			if c.applies(minor) && seen[c.id] {
				t.Errorf("4.%d has %s twice", minor, c.id)
			}
			seen[c.id] = seen[c.id] || c.applies(minor)
			if c.source == "" || c.remedy == "" || strings.HasPrefix(c.says, "livepatch") {
				t.Errorf("%+v", c)
			}
		}
	}
}

// TestMany wants a check that finds very much to be cut short.
func TestMany(t *testing.T) {
	v := newVerifier(&Payload{Bytes: 1}, nil, Options{Name: "n", Xen: "4.17"})
	for i := range 100 {
		v.add("symbol", where{symbol: fmt.Sprint(i)}, "the base has no such symbol", fmt.Sprint(i))
	}
	if r := v.finish(); len(r.Findings) != maxFindings || r.Count(Refused) != 100 || r.Accepted {
		t.Errorf("%d findings, %d refused", len(r.Findings), r.Count(Refused))
	}
}
