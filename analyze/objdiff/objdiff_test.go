package objdiff

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var update = flag.Bool("update", false, "write expected outputs anew")

// fixtures names the pairs of objects of testdata; its README says how they were made.
func fixtures(tb testing.TB) []string {
	tb.Helper()
	list, err := filepath.Glob("testdata/*.old.o")
	if err != nil || len(list) < 20 {
		tb.Fatalf("%d fixtures in testdata, %v", len(list), err)
	}
	for i, name := range list {
		list[i] = strings.TrimSuffix(filepath.Base(name), ".old.o")
	}
	return list
}

func fixture(tb testing.TB, name string) (old, new []byte) {
	tb.Helper()
	old, err := os.ReadFile("testdata/" + name + ".old.o")
	if err != nil {
		tb.Fatal(err)
	}
	new, err = os.ReadFile("testdata/" + name + ".new.o")
	if err != nil {
		tb.Fatal(err)
	}
	return old, new
}

// TestFixtures compares each pair with what is expected of it.
func TestFixtures(t *testing.T) {
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			old, new := fixture(t, name)
			d, err := Compare(old, new, Options{Xen: "4.17"})
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(Single(name+".o", d), "", " ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := "testdata/" + name + ".want"
			if *update {
				if err := os.WriteFile(golden, got, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestSame wants an object to be the same as itself, in whatever version.
func TestSame(t *testing.T) {
	for _, name := range fixtures(t) {
		old, new := fixture(t, name)
		for _, data := range [][]byte{old, new} {
			// A byte behind the end makes the files differ but not the objects.
			d, err := Compare(data, append(slices.Clone(data), 0), Options{})
			if err != nil || d.Verdict != Same && name != "hooks" || d.Ignored != nil || len(d.Data) > 0 || len(d.Layouts) > 0 {
				t.Errorf("%s beside itself: %+v, %v", name, d, err)
			}
		}
	}
}

// TestSizes wants the differ's words where entries are not as long as expected.
func TestSizes(t *testing.T) {
	old, new := fixture(t, "bugs")
	d, err := Compare(old, new, Options{Sizes: Sizes{Alt: 12}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"group size mismatch for section .altinstructions"}; !slices.Equal(d.Refusals, want) || d.Exit != 1 {
		t.Errorf("refusals %q, exit %d, expected %q, 1", d.Refusals, d.Exit, want)
	}
	for xen, alt := range map[string]int{"": 14, "4.17": 14, "4.20.1": 14, "4.10": 12, "4.7.6": 12} {
		if got := (Options{Xen: xen}).sizes().Alt; got != alt {
			t.Errorf("Xen %q: alternatives of %d bytes, expected %d", xen, got, alt)
		}
	}
}

// TestSymbols wants each changed function to be found in the hypervisor. An
// object serves as one.
func TestSymbols(t *testing.T) {
	old, new := fixture(t, "changed")
	good, err := ReadSymbols(old)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := fixture(t, "small")
	bad, err := ReadSymbols(other)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		table *Symbols
		want  []string
	}{{nil, nil}, {good, nil}, {bad, []string{"lookup_global_symbol edited"}}} {
		d, err := Compare(old, new, Options{Symbols: c.table})
		if err != nil || !slices.Equal(d.Refusals, c.want) {
			t.Errorf("refusals %q, %v, expected %q", d.Refusals, err, c.want)
		}
	}
	if _, err := ReadSymbols([]byte("no ELF")); err == nil {
		t.Error("no error for a file that is no ELF")
	}
}

// TestErrors wants an error that says which file is wrong, and how.
func TestErrors(t *testing.T) {
	good, _ := fixture(t, "changed")
	exe := slices.Clone(good)
	exe[16] = 2
	big := slices.Clone(good)
	big[5] = 2
	for _, c := range []struct {
		old, new []byte
		want     string
	}{
		{nil, good, "old object: expected an ELF file"},
		{good, []byte("text"), "new object: expected an ELF file"},
		{exe, good, "old object: ELF type 2: expected a relocatable object"},
		{big, good, "old object: expected an ELF file of 64 bits, least byte first"},
		{good, good[:300], "new object: section headers at"},
	} {
		d, err := Compare(c.old, c.new, Options{})
		if d != nil || err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, %v, expected %q", d, err, c.want)
		}
	}
}

// TestTrees compares folders.
func TestTrees(t *testing.T) {
	edited, now := fixture(t, "changed")
	typesOld, typesNew := fixture(t, "types")
	old := fstest.MapFS{
		"common/a.o": {Data: edited}, "arch/types.o": {Data: typesOld}, "arch/gone.o": {Data: edited},
		"efi/buildid.o": {Data: []byte("coff 1")}, "built_in.o": {Data: edited}, "common/a.c": {Data: []byte("int a;")},
		"arch/boot.o": {Data: small32("old code")},
	}
	new := fstest.MapFS{
		"common/a.o": {Data: now}, "arch/types.o": {Data: typesNew}, "arch/fresh.o": {Data: edited},
		"efi/buildid.o": {Data: []byte("coff 2")}, "built_in.o": {Data: now},
		"arch/boot.o": {Data: small32("new code")},
	}
	d, err := CompareTrees(context.Background(), old, new, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range d.Objects {
		lost := ""
		if o.Ignored != nil {
			lost = strings.Join(slices.Concat(o.Ignored.Text, o.Ignored.Data), " ")
		}
		got = append(got, strings.TrimSpace(o.Path+" "+string(o.Verdict)+" "+lost))
	}
	want := []string{"arch/boot.o same .text", "arch/types.o refused", "common/a.o changed", "efi/buildid.o same (not ELF)"}
	if !slices.Equal(got, want) {
		t.Errorf("objects %q, expected %q", got, want)
	}
	if !slices.Equal(d.Added, []string{"arch/fresh.o"}) || !slices.Equal(d.Removed, []string{"arch/gone.o"}) {
		t.Errorf("added %q, removed %q", d.Added, d.Removed)
	}
	var kinds []string
	for _, l := range d.Layouts {
		kinds = append(kinds, l.Kind+" "+l.Type)
	}
	if want := []string{"new struct fresh", "changed struct live", "removed struct stale"}; !slices.Equal(kinds, want) {
		t.Errorf("layouts %q, expected %q", kinds, want)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := CompareTrees(ctx, old, new, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
	new["common/a.o"] = &fstest.MapFile{Data: now[:100]}
	if d, err := CompareTrees(context.Background(), old, new, Options{}); d != nil || err == nil || !strings.HasPrefix(err.Error(), "common/a.o: new object: ") {
		t.Errorf("with a bad object: %v", err)
	}
	if _, err := CompareTrees(context.Background(), os.DirFS("no-such"), new, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
}

// TestKnownElsewhere wants a type to be new only if no object had it.
func TestKnownElsewhere(t *testing.T) {
	typesOld, typesNew := fixture(t, "types")
	same := typesNew // has struct fresh on both sides
	old := fstest.MapFS{"a.o": {Data: typesOld}, "b.o": {Data: same}}
	new := fstest.MapFS{"a.o": {Data: typesNew}, "b.o": {Data: same}}
	d, err := CompareTrees(context.Background(), old, new, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range d.Layouts {
		if l.Type == "struct fresh" {
			t.Errorf("%s struct fresh, which b.o had before", l.Kind)
		}
	}
}

// small32 is an object of 32 bits with nothing but code.
func small32(code string) []byte {
	names := "\x00.text\x00.names\x00"
	b := make([]byte, 52+3*40)
	copy(b, "\x7fELF\x01\x01\x01")
	le.PutUint16(b[16:], etRel)
	le.PutUint32(b[32:], 52)
	le.PutUint16(b[48:], 3)
	le.PutUint16(b[50:], 2)
	for i, s := range []struct {
		name, flags uint32
		data        string
	}{{1, shfAlloc | shfExec, code}, {7, 0, names}} {
		h := b[52+(i+1)*40:]
		for j, v := range []uint32{s.name, shtProgbits, s.flags, 0, uint32(len(b)), uint32(len(s.data))} {
			le.PutUint32(h[j*4:], v)
		}
		b = append(b, s.data...)
	}
	return b
}

// TestMangled compares names as compilers number them.
func TestMangled(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"count.0", "count.12", true}, {"count.0", "count", false}, {"f.isra.0", "f.isra.3", true}, {"f.isra.0.cold", "f.isra.1.cold", true},
		{"f.part.0", "f.isra.0", false}, {"a", "b", false}, {"x.1.y.2", "x.3.y.4", true}, {"x.1", "x.y", false}, {"", "", true},
	} {
		if got := sameMangled(c.a, c.b); got != c.same {
			t.Errorf("sameMangled(%q, %q) = %v", c.a, c.b, got)
		}
		if got := demangled(c.a) == demangled(c.b); got != c.same {
			t.Errorf("demangled: %q, %q: %v", demangled(c.a), demangled(c.b), got)
		}
	}
}

// TestDecode decodes instructions of each shape.
func TestDecode(t *testing.T) {
	for _, c := range []struct {
		code     string
		imm, len int // bytes
		what     string
	}{
		{"\xc3", 0, 1, "ret"},
		{"\xbe\x10\x02\x00\x00", 4, 5, "mov $0x210,%esi"},
		{"\x66\xb8\x01\x00", 2, 4, "mov $1,%ax"},
		{"\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08", 8, 10, "movabs"},
		{"\x48\xc7\xc0\x01\x00\x00\x00", 4, 7, "mov $1,%rax"},
		{"\x48\x8b\x05\x00\x00\x00\x00", 0, 7, "mov 0(%rip),%rax"},
		{"\xf6\x05\x00\x00\x00\x00\x20", 1, 7, "testb $0x20,0(%rip)"},
		{"\xf6\xd8", 0, 2, "neg %al"},
		{"\xf7\xc1\x00\x01\x00\x00", 4, 6, "test $0x100,%ecx"},
		{"\x8b\x44\x24\x08", 0, 4, "mov 8(%rsp),%eax"},
		{"\x8b\x04\xc5\x00\x00\x00\x00", 0, 7, "mov 0(,%rax,8),%eax"},
		{"\x0f\x84\x00\x00\x00\x00", 4, 6, "je"},
		{"\x66\xe8\x00\x00\x00\x00", 4, 6, "data16 call"},
		{"\x0f\xba\xe0\x05", 1, 4, "bt $5,%eax"},
		{"\x0f\x38\xf0\x00", 0, 4, "movbe"},
		{"\x66\x0f\x3a\x0f\xc1\x08", 1, 6, "palignr"},
		{"\xc5\xf8\x77", 0, 3, "vzeroupper"},
		{"\xc4\xe2\x78\xf7\xc0", 0, 5, "bextr"},
		{"\x62\xf1\x7c\x48\x28\xc1", 0, 6, "vmovaps zmm"},
		{"\xa1\x01\x02\x03\x04\x05\x06\x07\x08", 8, 9, "movabs moffs"},
		{"\xc8\x10\x00\x00", 3, 4, "enter"},
		{"\xe8\x00", 0, 2, "cut short"},
	} {
		if got := decode([]byte(c.code)); got.length != c.len || got.immSize != c.imm {
			t.Errorf("%s: %+v, expected %d bytes, immediate of %d", c.what, got, c.len, c.imm)
		}
	}
}

// TestInlines lists who swallowed what.
func TestInlines(t *testing.T) {
	old, _ := fixture(t, "inline")
	got, err := Inlines(old)
	if err != nil {
		t.Fatal(err)
	}
	want := []Inlined{{"fixed", []string{"caller", "other"}}, {"middle", []string{"caller"}}}
	if !slices.EqualFunc(got, want, func(a, b Inlined) bool { return a.Name == b.Name && slices.Equal(a.Into, b.Into) }) {
		t.Errorf("%v, expected %v", got, want)
	}
}
