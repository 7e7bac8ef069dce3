package csource

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const before = `#include <xen/a.h>
#define LIMIT 4
struct thing {
    int a;
    int b;
    char name[8];
};
static int count;
static const int table[] = { 1, 2 };
int used(int x);

/* first */
static int first(int x)
{
    static int calls;

    return x + LIMIT;
}

int second(void)
{
    return 2;
}

#ifdef CONFIG_A
int twice(void) { return 1; }
#else
int twice(void) { return 2; }
#endif
`

func TestDiff(t *testing.T) {
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(before) }
	tests := []struct {
		name  string
		after string
		want  []string
	}{
		{"nothing", before, nil},
		{"moved lines", "\n\n" + before, nil},
		{"comment outside", replace("first */", "1st */"), nil},
		{"comment in a function", replace("return 2;\n}", "return 2; /* two */\n}"), []string{"func second"}},
		{"spacing", replace("x + LIMIT", "x  +\n LIMIT"), []string{"func first"}},
		{"statement", replace("x + LIMIT", "x - LIMIT"), []string{"func first code"}},
		{"signature", replace("second(void)", "second(int y)"), []string{"func second code static"}},
		{"linkage", replace("int second", "static int second"), []string{"func second code static"}},
		{"attribute", replace("int second", "int __init second"), []string{"func second code"}},
		{"branch", replace("{ return 2; }", "{ return 3; }"), []string{"func twice code"}},
		{"condition", replace("CONFIG_A", "CONFIG_B"), []string{"func twice cond", "func twice cond", "directives"}},
		{"removed function", replace("int second(void)\n{\n    return 2;\n}\n", ""), []string{"func -second code static"}},
		{"new function", before + "int third(void) { return 3; }\n", []string{"func +third code static"}},
		{"static local gone", replace("    static int calls;\n", ""), []string{"func first code", "static first -calls"}},
		{"static local initialised", replace("int calls;", "int calls = 1;"), []string{"func first code", "static first calls"}},
		{"macro", replace("LIMIT 4", "LIMIT 5"), []string{"macro LIMIT"}},
		{"macro comment", replace("LIMIT 4", "LIMIT 4 /* four */"), nil},
		{"member added", replace("int b;", "int b;\n    long c;"), []string{"type struct thing code: added c"}},
		{"member moved", replace("    int a;\n", "", "char name[8];", "char name[8];\n    int a;"), []string{"type struct thing code: moved a"}},
		{"member retyped", replace("name[8]", "name[9]"), []string{"type struct thing code: retyped name"}},
		{"member comment", replace("int b;", "int b; /* b */"), []string{"type struct thing:"}},
		{"initialiser", replace("{ 1, 2 }", "{ 1, 3 }"), []string{"var table init"}},
		{"initialiser spacing", replace("{ 1, 2 }", "{ 1,\n 2, }"), []string{"var table init"}},
		{"type", replace("int count", "long count"), []string{"var count type"}},
		{"section", replace("int count", "int __read_mostly count"), []string{"var count section"}},
		{"include", replace("<xen/a.h>", "<xen/b.h>"), []string{"include +xen/b.h", "include -xen/a.h"}},
		{"prototype", replace("used(int x)", "used(long x)"), []string{"proto used"}},
		{"lost", before + "{ 1 },\n", []string{"lost"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Diff(Scan("x.c", []byte(before)), Scan("x.c", []byte(tt.after)), []byte(before), []byte(tt.after))
			got := outline(&d)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// outline is one line for each change.
func outline(d *Delta) []string {
	var list []string
	sign := func(isNew, isOld bool, name string) string {
		switch {
		case !isOld:
			return "+" + name
		case !isNew:
			return "-" + name
		}
		return name
	}
	flags := func(pairs ...any) string {
		text := ""
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i].(bool) {
				text += " " + pairs[i+1].(string)
			}
		}
		return text
	}
	for _, c := range d.Funcs {
		f := c.New
		if f == nil {
			f = c.Old
		}
		list = append(list, "func "+sign(c.New != nil, c.Old != nil, f.Name)+flags(c.Code, "code", c.Static, "static", c.Cond, "cond"))
	}
	for _, c := range d.Types {
		t := c.New
		if t == nil {
			t = c.Old
		}
		text := "type " + sign(c.New != nil, c.Old != nil, t.Kind+" "+t.Name) + flags(c.Code, "code", c.Cond, "cond") + ":"
		for _, m := range c.Members {
			text += " " + m.Change + " " + m.Name
		}
		list = append(list, text)
	}
	for _, c := range d.Vars {
		v := c.New
		if v == nil {
			v = c.Old
		}
		list = append(list, "var "+sign(c.New != nil, c.Old != nil, v.Name)+
			flags(c.Init, "init", c.Type, "type", c.Section, "section", c.Linkage, "linkage", c.Cond, "cond"))
	}
	for _, c := range d.Statics {
		v := c.New
		if v == nil {
			v = c.Old
		}
		list = append(list, "static "+c.Func+" "+sign(c.New != nil, c.Old != nil, v.Name))
	}
	for _, c := range d.Macros {
		m := c.New
		if m == nil {
			m = c.Old
		}
		list = append(list, "macro "+sign(c.New != nil, c.Old != nil, m.Name))
	}
	for _, c := range d.Protos {
		p := c.New
		if p == nil {
			p = c.Old
		}
		list = append(list, "proto "+sign(c.New != nil, c.Old != nil, p.Name))
	}
	for _, c := range d.Includes {
		i := c.New
		if i == nil {
			i = c.Old
		}
		list = append(list, "include "+sign(c.New != nil, c.Old != nil, i.Path))
	}
	for _, f := range []struct {
		set  bool
		name string
	}{{d.Asm, "asm"}, {d.Directives, "directives"}, {d.Lost, "lost"}} {
		if f.set {
			list = append(list, f.name)
		}
	}
	return list
}

// TestDiffWhole checks files that come and go.
func TestDiffWhole(t *testing.T) {
	f := Scan("x.c", []byte(before))
	come := Diff(nil, f, nil, []byte(before))
	gone := Diff(f, nil, []byte(before), nil)
	if come.Path != "x.c" || len(come.Funcs) != 4 || come.Funcs[0].Old != nil {
		t.Errorf("a new file: %q", outline(&come))
	}
	if gone.Path != "x.c" || len(gone.Types) != 1 || gone.Types[0].New != nil {
		t.Errorf("a file that is gone: %q", outline(&gone))
	}
}

func TestShift(t *testing.T) {
	old := "a\nb\nc\n}\nd\n}\ne\n"
	tests := []struct {
		new  string
		want string // the shift of each old line
	}{
		{old, "0 0 0 0 0 0 0"},
		{"x\n" + old, "1 1 1 1 1 1 1"},
		{"a\nb\nc\n}\nx\ny\nd\n}\ne\n", "0 0 0 0 2 2 2"},
		{"a\nc\n}\nd\n}\ne\n", "0 0 -1 -1 -1 -1 -1"},
		{"a\nB\nc\n}\nd\n}\ne\n", "0 0 0 0 0 0 0"},
		{"", "0 0 0 0 0 0 0"},
	}
	for _, tt := range tests {
		d := Delta{Lines: matchLines(old, tt.new)}
		var got []string
		for n := 1; n <= 7; n++ {
			got = append(got, fmt.Sprint(d.Shift(n)))
		}
		if text := strings.Join(got, " "); text != tt.want {
			t.Errorf("to %q: got %s, want %s", tt.new, text, tt.want)
		}
	}
}
