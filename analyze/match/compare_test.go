package match

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// says is a difference in one line.
func says(d *Difference) string {
	n := func(p *uint64) string {
		if p == nil {
			return "-"
		}
		return fmt.Sprint(*p)
	}
	s := strings.TrimPrefix(d.File+":"+d.Name, ":") + " " + string(d.Change)
	if d.As != "" {
		s += " " + d.As
	}
	return s + " " + n(d.Shipped) + " " + n(d.Rebuilt)
}

func saysAll(r *Result) (list []string) {
	for i := range r.Differences {
		list = append(list, says(&r.Differences[i]))
	}
	return list
}

func TestCompare(t *testing.T) {
	code := func(last byte) []byte { return append(nops(7), last) }
	for _, tt := range []struct {
		name             string
		shipped, rebuilt []piece
		want             []string
		counts           Counts
	}{{
		name:    "same",
		shipped: []piece{{file: "a.c", name: "f", code: nops(8)}, {name: "g", code: nops(9)}},
		rebuilt: []piece{{file: "a.c", name: "f", code: nops(8)}, {name: "g", code: nops(9)}},
		counts:  Counts{SameSize: 2},
	}, {
		name:    "of one name in two files",
		shipped: []piece{{file: "a.c", name: "f", code: nops(8)}, {file: "b.c", name: "f", code: nops(9)}, {name: "f", code: nops(10)}},
		rebuilt: []piece{{file: "a.c", name: "f", code: nops(9)}, {file: "b.c", name: "f", code: nops(8)}, {name: "f", code: nops(10)}},
		want:    []string{"a.c:f size 8 9", "b.c:f size 9 8"},
		counts:  Counts{SameSize: 1, SizeDiffers: 2},
	}, {
		name:    "only in one",
		shipped: []piece{{name: "f", code: nops(8)}, {name: "g", code: nops(8)}},
		rebuilt: []piece{{name: "f", code: nops(8)}, {name: "h", code: nops(8)}},
		want:    []string{"g only-shipped 8 -", "h only-rebuilt - 8"},
		counts:  Counts{SameSize: 1, OnlyShipped: 1, OnlyRebuilt: 1},
	}, {
		name:    "duplicates are a multiset",
		shipped: []piece{{file: "a.c", name: "f", code: nops(8)}, {file: "a.c", name: "f", code: nops(9)}, {file: "a.c", name: "f", code: nops(8)}},
		rebuilt: []piece{{file: "a.c", name: "f", code: nops(9)}, {file: "a.c", name: "f", code: nops(8)}, {file: "a.c", name: "f", code: nops(12)}},
		want:    []string{"a.c:f size 8 12"},
		counts:  Counts{SameSize: 2, SizeDiffers: 1},
	}, {
		name:    "a duplicate is missing",
		shipped: []piece{{file: "a.c", name: "f", code: nops(8)}, {file: "a.c", name: "f", code: nops(9)}},
		rebuilt: []piece{{file: "a.c", name: "f", code: nops(9)}},
		want:    []string{"a.c:f only-shipped 8 -"},
		counts:  Counts{SameSize: 1, OnlyShipped: 1},
	}, {
		name:    "duplicates find the same code",
		shipped: []piece{{file: "a.c", name: "f", code: code(1)}, {file: "a.c", name: "f", code: code(2)}},
		rebuilt: []piece{{file: "a.c", name: "f", code: code(2)}, {file: "a.c", name: "f", code: code(1)}},
		counts:  Counts{SameSize: 2},
	}, {
		name:    "code and section",
		shipped: []piece{{name: "f", code: code(1)}, {name: "g", code: nops(8)}},
		rebuilt: []piece{{name: "f", code: code(2)}, {name: "g", code: nops(8), init: true}},
		want:    []string{"f code 8 8", "g section 8 8"},
		counts:  Counts{SameSize: 2, CodeDiffers: 1, SectionDiffers: 1},
	}, {
		name:    "who compiled it is no difference",
		shipped: []piece{{name: "xen_compile_by", code: code(1)}, {file: "a.c", name: "xen_compile_by", code: code(1)}},
		rebuilt: []piece{{name: "xen_compile_by", code: code(2)}, {file: "a.c", name: "xen_compile_by", code: code(2)}},
		want:    []string{"a.c:xen_compile_by code 8 8"},
		counts:  Counts{SameSize: 2, CodeDiffers: 1},
	}, {
		name:    "clones by full name first",
		shipped: []piece{{file: "a.c", name: "f.isra.0", code: nops(8)}, {file: "a.c", name: "f.part.0", code: nops(9)}, {file: "a.c", name: "g.constprop.0", code: nops(8)}},
		rebuilt: []piece{{file: "a.c", name: "f.isra.0", code: nops(8)}, {file: "a.c", name: "f.part.1", code: nops(9)}, {file: "a.c", name: "g", code: nops(10)}},
		want:    []string{"a.c:f.part.0 clone f.part.1 9 9", "a.c:g.constprop.0 clone g 8 10"},
		counts:  Counts{SameSize: 1, Clones: 2},
	}, {
		name:    "a cold part only",
		shipped: []piece{{file: "a.c", name: "f", code: nops(8)}, {file: "a.c", name: "f.cold", code: nops(3)}},
		rebuilt: []piece{{file: "a.c", name: "f", code: nops(9)}},
		want:    []string{"a.c:f size 8 9", "a.c:f.cold only-shipped 3 -"},
		counts:  Counts{SizeDiffers: 1, OnlyShipped: 1},
	}, {
		name:    "labels",
		shipped: []piece{{file: "entry.S", name: "in", code: nops(8), label: true}, {file: "entry.S", name: "out", code: nops(8), label: true}, {file: "entry.S", name: "end", code: nops(8)}},
		rebuilt: []piece{{file: "entry.S", name: "in", code: nops(9), label: true}, {file: "entry.S", name: "off", code: nops(8), label: true}, {file: "entry.S", name: "end", code: nops(8)}},
		want:    []string{"entry.S:in label 8 9", "entry.S:off label - 8", "entry.S:out label 8 -"},
		counts:  Counts{SameSize: 1, LabelsDiffer: 3},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			r := Compare(must(t, &made{pieces: tt.shipped}), must(t, &made{pieces: tt.rebuilt}), Given{})
			if got := saysAll(r); !slices.Equal(got, tt.want) {
				t.Errorf("%q, expected %q", got, tt.want)
			}
			if r.Counts != tt.counts || r.Matches != (tt.want == nil) {
				t.Errorf("%+v, %v, expected %+v", r.Counts, r.Matches, tt.counts)
			}
		})
	}
}

// relative is "lea to(%rip),%rax; nop" at an address.
func relative(at, to uint64) []byte {
	code := []byte{0x48, 0x8d, 0x05, 0, 0, 0, 0, 0x90}
	le.PutUint32(code[3:], uint32(to-at-7))
	return code
}

// TestAddresses moves what code points to, which is no difference, or lets it point
// to something else.
func TestAddresses(t *testing.T) {
	// f stands first, so that it does not move and all else does.
	of := func(to uint64, before int, rodata string) *made {
		return &made{rodata: []byte(rodata), pieces: []piece{
			{file: "a.c", name: "f", code: relative(textAddr, to)},
			{file: "a.c", name: "pad", code: nops(before)},
			{file: "a.c", name: "g", code: nops(16)},
			{file: "a.c", name: "h", code: nops(16)},
			{file: "s.S", name: "mark", code: nops(16), label: true},
		}}
	}
	g := func(before int) uint64 { return textAddr + 8 + uint64(before) }
	const text = rodataAddr
	for _, tt := range []struct {
		name             string
		shipped, rebuilt *made
		same             bool
	}{
		{"a function that moved", of(g(16), 16, ""), of(g(24), 24, ""), true},
		{"the middle of one", of(g(16)+3, 16, ""), of(g(24)+3, 24, ""), true},
		{"another place in it", of(g(16)+3, 16, ""), of(g(24)+4, 24, ""), false},
		{"another function", of(g(16), 16, ""), of(g(24)+16, 24, ""), false},
		{"a label", of(g(16)+32, 16, ""), of(g(24)+32, 24, ""), true},
		{"behind a label", of(g(16)+40, 16, ""), of(g(24)+40, 24, ""), true},
		{"a string that moved", of(text, 16, "hello\x00"), of(text+4, 16, "bye\x00hello\x00"), true},
		{"a short string that moved", of(text, 16, "]\x00abc"), of(text+4, 16, "bye\x00]\x00xyz"), true},
		{"another string", of(text, 16, "hello\x00"), of(text+4, 16, "bye\x00hallo\x00"), false},
		{"another constant", of(text, 16, "\x01\x02\x00\x00\x00\x00\x00\x01"), of(text+4, 16, "bye\x00\x01\x02\x00\x00\x00\x00\x00\x02"), false},
		{"nothing", of(7, 16, ""), of(9, 16, ""), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Compare(must(t, tt.shipped), must(t, tt.rebuilt), Given{})
			differs := slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Name == "f" })
			if differs == tt.same {
				t.Errorf("%q", saysAll(r))
			}
		})
	}
	arm := of(g(16), 16, "")
	arm.machine = 183
	other := of(7, 16, "")
	other.machine = 183
	if r := Compare(must(t, arm), must(t, other), Given{}); !r.Matches || !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "only sizes") }) {
		t.Errorf("code of another machine was compared: %+v", r)
	}
}

func TestStem(t *testing.T) {
	for name, want := range map[string]string{
		"f": "f", "f.isra.0": "f", "f.constprop.0": "f", "f.part.0": "f", "f.cold": "f", "f.part.0.isra.1.cold": "f", "f.llvm.123456": "f", ".cold": ".cold", "x.0": "x.0",
	} {
		if got := stem(name); got != want {
			t.Errorf("%s: %s, expected %s", name, got, want)
		}
	}
}

func TestSameCompiler(t *testing.T) {
	gcc := func(v string) Compiler {
		return Compiler{Comments: []string{"GCC: (Debian " + v + "-14) " + v}}
	}
	produced := Compiler{Producers: []string{"GNU C99 12.2.0"}}
	for _, tt := range []struct {
		a, b Compiler
		same bool
	}{
		{gcc("12.2.0"), gcc("12.2.0"), true},
		{gcc("12.2.0"), gcc("13.1.0"), false},
		{gcc("12.2.0"), produced, true},
		{gcc("12.3.0"), produced, false},
		{Compiler{Banner: "gcc (Debian 12.2.0-14+deb12u1) 12.2.0"}, produced, true},
		{Compiler{Banner: "x86_64-linux-gnu-gcc (Debian 12.2.0-14+deb12u1) 12.2.0"}, Compiler{Banner: "gcc (GCC) 11.1.0"}, false},
		{Compiler{}, produced, true},
		{produced, Compiler{Producers: []string{"clang version 15.0.6"}}, false},
	} {
		if got := tt.a.same(tt.b); got != tt.same || tt.b.same(tt.a) != got {
			t.Errorf("%v, %v: %v", tt.a, tt.b, got)
		}
	}
}

// TestResultSorted compares hypervisors with many differences twice.
func TestResultSorted(t *testing.T) {
	var a, b []piece
	for i := range 40 {
		a = append(a, piece{file: fmt.Sprintf("%d.c", i%7), name: fmt.Sprintf("f%d", i), code: nops(8 + i%3)})
		b = append(b, piece{file: fmt.Sprintf("%d.c", i%7), name: fmt.Sprintf("f%d", i*2), code: nops(8 + i%5)})
	}
	x, y := must(t, &made{pieces: a}), must(t, &made{pieces: b})
	first := Compare(x, y, Given{})
	if !slices.IsSortedFunc(first.Differences, func(a, b Difference) int {
		return strings.Compare(a.File+"\x00"+a.Name, b.File+"\x00"+b.Name)
	}) {
		t.Errorf("%q", saysAll(first))
	}
	if again := Compare(x, y, Given{}); !reflect.DeepEqual(saysAll(first), saysAll(again)) || !reflect.DeepEqual(first.Reasons, again.Reasons) {
		t.Error("another order")
	}
}
