package csource

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func seeds(f *testing.F) [][]byte {
	names, err := filepath.Glob("testdata/scan/*.[chS]")
	if err != nil || len(names) == 0 {
		f.Fatalf("no fixtures: %v", err)
	}
	list := [][]byte{nil, []byte("int f(void) {"), []byte("#if\n#else\n#endif\n}"), []byte("#define A(x,y) x##y(){}\nA(a,A(b,c))")}
	for _, n := range names {
		src, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		list = append(list, src)
	}
	return list
}

// FuzzScan: any bytes give a file whose places lie in the source.
func FuzzScan(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, src []byte, asm bool) {
		name := "x.c"
		if asm {
			name = "x.S"
		}
		file := Scan(name, src)
		span := func(what string, sp Span) {
			if sp.Start < 1 || sp.End < sp.Start || sp.End > file.Lines {
				t.Errorf("%s: lines %d to %d of %d", what, sp.Start, sp.End, file.Lines)
			}
		}
		last := 0
		for _, fn := range file.Funcs {
			span("func "+fn.Name, fn.Span)
			if fn.Start < last {
				t.Errorf("func %s is out of order", fn.Name)
			}
			last = fn.Start
			if fn.BodyStart < 0 || fn.BodyEnd < fn.BodyStart || fn.BodyEnd > len(src) {
				t.Errorf("func %s: body %d to %d of %d", fn.Name, fn.BodyStart, fn.BodyEnd, len(src))
			}
			if !asm && fn.Macro == "" && (src[fn.BodyStart] != '{' || src[fn.BodyEnd] != '}') {
				t.Errorf("func %s: body does not stand in braces", fn.Name)
			}
			for _, v := range fn.Statics {
				span("static "+v.Name, v.Span)
			}
		}
		for _, v := range file.Types {
			span("type "+v.Name, v.Span)
			for _, m := range v.Members {
				span("member "+m.Name, Span{m.Line, m.Line})
			}
		}
		for _, v := range file.Vars {
			span("var "+v.Name, v.Span)
		}
		for _, v := range file.Protos {
			span("proto "+v.Name, v.Span)
		}
		for _, v := range file.Calls {
			span("call "+v.Name, v.Span)
		}
		for _, v := range file.Macros {
			span("macro "+v.Name, v.Span)
		}
		for _, sp := range append(file.Lost, file.Asm...) {
			span("lost or asm", sp)
		}
		for n := range file.Lines + 2 {
			file.At(n)
		}
	})
}

// FuzzDiff: two states of a file never break it, and a file does not differ
// from itself.
func FuzzDiff(f *testing.F) {
	list := seeds(f)
	for i, s := range list {
		f.Add(s, list[(i+1)%len(list)])
		f.Add(s, append([]byte("\n/* more */\n"), s...))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		before, after := Scan("x.c", a), Scan("x.c", b)
		if d := Diff(before, before, a, a); !d.Empty() || len(d.Funcs) > 0 {
			t.Errorf("a file differs from itself: %+v", d)
		}
		d := Diff(before, after, a, b)
		la, lb := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
		end, newEnd := 0, 0
		for _, m := range d.Lines {
			if m.Old <= end || m.New <= newEnd || m.Count < 1 {
				t.Fatalf("moves overlap: %+v", d.Lines)
			}
			for i := range m.Count {
				if !bytes.Equal(la[m.Old+i-1], lb[m.New+i-1]) {
					t.Fatalf("lines %d and %d are not the same", m.Old+i, m.New+i)
				}
			}
			end, newEnd = m.Old+m.Count-1, m.New+m.Count-1
		}
		Diff(before, nil, a, nil)
		Diff(nil, after, nil, b)
	})
}

// FuzzCache: only what was sealed under a name opens under it.
func FuzzCache(f *testing.F) {
	key := DigestOf([]byte("key"))
	f.Add(seal([]byte("data"), "kind", key))
	f.Add(seal(nil, "kind", key))
	f.Add(seal([]byte("data"), "other", key))
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		data, ok := unseal(raw, "kind", key)
		if !ok && data != nil {
			t.Error("refused, but with data")
		}
		if ok && !bytes.Equal(seal(data, "kind", key), raw) {
			t.Error("opens, but was not sealed like this")
		}
		ix := openSmall(t, Options{})
		ix.useFilters(raw)
		ix.Mentions("helper") // whatever the filters say, nothing breaks
	})
}
