package csource

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestScanGolden scans the fixtures and compares all that is found.
func TestScanGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/scan/*.[chS]")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := dump(Scan(filepath.Base(name), src))
			golden := name + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs (see -update):\n%s", golden, firstDifference(want, got))
			}
		})
	}
}

// firstDifference shows the first line that two texts do not share.
func firstDifference(want, got []byte) string {
	w, g := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range max(len(w), len(g)) {
		line := func(l []string) string {
			if i < len(l) {
				return l[i]
			}
			return "(end)"
		}
		if line(w) != line(g) {
			return fmt.Sprintf("line %d:\nwant %s\ngot  %s", i+1, line(w), line(g))
		}
	}
	return "the same"
}

// dump writes down everything in a file, one thing a line, then the places of
// all lines.
func dump(f *File) []byte {
	var b bytes.Buffer
	line := func(sp Span, kind, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		fmt.Fprintf(&b, "%3d-%-3d %-7s %s\n", sp.Start, sp.End, kind, strings.TrimRight(text, " "))
	}
	tail := func(attrs []string, section, macro, cond string) string {
		text := ""
		for _, a := range attrs {
			text += " @" + a
		}
		for _, p := range [][2]string{{"section", section}, {"by", macro}, {"if", cond}} {
			if p[1] != "" {
				text += " " + p[0] + " " + p[1]
			}
		}
		return text
	}
	flags := func(pairs ...any) string {
		text := ""
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i].(bool) {
				text += pairs[i+1].(string) + " "
			}
		}
		return text
	}
	vars := func(kind string, list []Var) {
		for _, v := range list {
			line(v.Span, kind, "%s%s: %s = %q%s",
				flags(v.Static, "static", v.Extern, "extern", v.Const, "const", v.PerCPU, "percpu"),
				v.Name, v.Type, v.Init, tail(v.Attrs, v.Section, v.Macro, v.Cond))
		}
	}
	for _, i := range f.Includes {
		line(Span{i.Line, i.Line}, "include", "%s system=%v", i.Path, i.System)
	}
	for _, m := range f.Macros {
		line(m.Span, "macro", "%s %q %s%s%s", m.Name, m.Params, m.Body, flags(m.Undef, "undef"), tail(nil, "", "", m.Cond))
	}
	for _, fn := range f.Funcs {
		line(fn.Span, "func", "%s%s(%s) -> %s; name %d, open %d, inline %d%s", flags(fn.Static, "static"), fn.Name, fn.Params,
			fn.Result, fn.NameLine, fn.Open, fn.Inline, tail(fn.Attrs, fn.Section, fn.Macro, fn.Cond))
		vars("  local", fn.Statics)
	}
	for _, p := range f.Protos {
		line(p.Span, "proto", "%s%s(%s) -> %s%s", flags(p.Static, "static"), p.Name, p.Params, p.Result, tail(p.Attrs, "", "", p.Cond))
	}
	for _, t := range f.Types {
		line(t.Span, "type", "%s %s = %q%s", t.Kind, t.Name, t.Of, tail(t.Attrs, "", "", t.Cond))
		for _, m := range t.Members {
			line(Span{m.Line, m.Line}, "  has", "%s: %s :%s in %q%s", m.Name, m.Type, m.Bits, m.Outer, tail(nil, "", "", m.Cond))
		}
	}
	vars("var", f.Vars)
	for _, c := range f.Calls {
		line(c.Span, "call", "%s %q%s", c.Name, c.Args, tail(nil, "", "", c.Cond))
	}
	for _, sp := range f.Asm {
		line(sp, "asm", "")
	}
	for _, sp := range f.Lost {
		line(sp, "lost", "")
	}
	kinds := []string{"none", "", "directive", "include", "macro", "func", "proto", "type", "var", "call", "asm", "plain", "lost"}
	lines := strings.Split(f.text, "\n")
	for n := 1; n <= f.Lines; n++ {
		p := f.At(n)
		mark := kinds[p.Kind]
		if p.Blank && mark != "" {
			mark += " blank"
		}
		fmt.Fprintf(&b, "%-16s|%s\n", mark, lines[n-1])
	}
	return b.Bytes()
}
