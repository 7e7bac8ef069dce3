package cpp

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"lpready/analyze/csource"
)

// tree makes a preprocessor over files named below xen/.
func tree(t testing.TB, files map[string]string) *Preprocessor {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys["xen/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	index, err := csource.Open(context.Background(), fsys, csource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return New(index, "x86", csource.Config{"CONFIG_HVM": "y", "CONFIG_NR_CPUS": "256", "CONFIG_PV": "n"})
}

func expandText(macros, text string) string {
	table := &macroTable{own: map[string]*macro{}}
	for _, line := range strings.Split(macros, "\n") {
		if m := parseMacro(line, 0); m != nil {
			table.own[m.name] = m
		}
	}
	e := expander{table: table, budget: 10_000}
	var words []string
	for _, t := range e.expand(nil, lex(nil, text, 1)) {
		words = append(words, t.text)
	}
	return strings.Join(words, " ")
}

func TestExpand(t *testing.T) {
	for _, test := range []struct{ macros, text, want string }{
		{"A 1", "A B", "1 B"},
		{"A A + 1", "A", "A + 1"},
		{"F(x) x * x", "F(a + 1) F", "a + 1 * a + 1 F"},
		{"F(x) #x", `F( a  + "b" )`, `"a + \"b\""`},
		{"F(a, b) a ## b", "F(x, 1)", "x1"},
		{"F(a, b) a ## b\nxy 7", "F(x, y)", "7"},
		{"P(f, args...) printk(f, ## args)", `P("x") P("x", 1, 2)`, `printk ( "x" ) printk ( "x" , 1 , 2 )`},
		{"P(f, ...) g(f, __VA_ARGS__)", "P(1, 2, 3)", "g ( 1 , 2 , 3 )"},
		{"F(x) G(x)\nG(x) [x]", "F(F(1))", "[ [ 1 ] ]"},
		{"E", "a E b", "a b"},
		{"F() f", "F () F", "f F"},
		{"G F\nF(x) <x>", "G(2)", "< 2 >"},
		// The example of C99 6.10.3.5, in part.
		{"x 3\nf(a) f(x * (a))\nz z[0]\ng f\nt(a) a", "f(f(z)) + t(t(g)(0) + t)(1)", "f ( 3 * ( f ( 3 * ( z [ 0 ] ) ) ) ) + f ( 3 * ( 0 ) ) + t ( 1 )"},
	} {
		if got := expandText(test.macros, test.text); got != test.want {
			t.Errorf("%q with %q: %q, want %q", test.text, test.macros, got, test.want)
		}
	}
}

func TestCondition(t *testing.T) {
	table := &macroTable{own: map[string]*macro{}}
	for _, line := range []string{"ONE 1", "CONFIG_HVM 1", "GCC(a, b) (12 > a || b)"} {
		m := parseMacro(line, 0)
		table.own[m.name] = m
	}
	for text, want := range map[string]bool{
		"1": true, "0": false, "ONE": true, "NONE": false, "defined(ONE) && !defined NONE": true,
		"1 ? 0 : 1": false, "2 * 3 == 6 && 7 % 4 == 3": true, "GCC(4, 0)": true, "-1 < 0": true,
		"(1 << 4) >= 0x10UL": true, "1 ||": false, "": false, "1 / 0": false, "__has_attribute(x)": false,
		strings.Repeat("(", 10_000): false,
	} {
		e := expander{table: table, budget: 10_000}
		if got := e.condition(text, 1); got != want {
			t.Errorf("#if %.40q: %v, want %v", text, got, want)
		}
	}
}

const header = `#ifndef LIB_H
#define LIB_H
#define ASSERT(p) do { if ( 0 && (p) ) {} } while (0)
#define BUILD_BUG_ON(c) ({ _Static_assert(!(c), "!(" #c ")"); })
#define BUG() asm volatile ( "ud2; .pushsection .bug_frames.0" :: "i" (__LINE__) )
#define domain_crash(d) crash(d, __FILE__, __LINE__)
static inline int twice(int x) { return x * 2; }
#endif
`

func unit(t testing.TB, source string) map[string]Func {
	t.Helper()
	p := tree(t, map[string]string{"include/xen/config.h": "", "include/xen/lib.h": header, "common/a.c": source})
	text := p.Unit(csource.Unit{Object: "common/a.o", Source: "xen/common/a.c"}, nil)
	found := map[string]Func{}
	for _, fn := range text.Funcs {
		found[fn.Name] = fn
	}
	return found
}

func TestUnitSameCode(t *testing.T) {
	base := "#include <xen/lib.h>\nint f(int a)\n{\n    return twice(a);\n}\n"
	want := unit(t, base)["f"].Hash
	for name, source := range map[string]string{
		"comment":       strings.Replace(base, "{", "{ /* new */", 1),
		"white space":   strings.Replace(base, "twice(a)", "twice( a )", 1),
		"assertion":     strings.Replace(base, "{", "{ ASSERT(a > 0);", 1),
		"build check":   strings.Replace(base, "{", "{ BUILD_BUG_ON(sizeof(int) != 4);", 1),
		"other option":  strings.Replace(base, "return", "\n#ifdef CONFIG_PV\na++;\n#endif\nreturn", 1),
		"constant name": strings.Replace(base, "int f", "#define LIMIT 7\nint f", 1),
	} {
		if got := unit(t, source)["f"].Hash; got != want {
			t.Errorf("%s: the function counts as changed", name)
		}
	}
	if got := unit(t, strings.Replace(base, "return", "\n#ifdef CONFIG_HVM\na++;\n#endif\nreturn", 1))["f"].Hash; got == want {
		t.Error("an option that is set: the function counts as unchanged")
	}
}

func TestUnitLines(t *testing.T) {
	source := "#include <xen/lib.h>\nvoid crash_it(int d) { domain_crash(d); }\nvoid bug(void) { BUG(); }\n"
	old, new := unit(t, source), unit(t, "\n\n"+source)
	if old["bug"].Hash != new["bug"].Hash {
		t.Error("the line number of a bug frame counts as code")
	}
	if old["crash_it"].Hash == new["crash_it"].Hash {
		t.Error("a line number passed to a function does not count")
	}
	if old["crash_it"].Plain != new["crash_it"].Plain {
		t.Error("a shifted function differs by more than its line numbers")
	}
}

func TestUnitFunctions(t *testing.T) {
	found := unit(t, `#include <xen/lib.h>
static int __attribute__((section(".init.text"))) boot(void) { return 0; }
static inline __attribute__((always_inline)) void always(void) { }
static __attribute__((noinline)) void never(void) { asm ( "nop" ); }
void *(memcpy)(void *d, const void *s, unsigned long n) { return d; }
void (*pick(int which))(void) { return which ? always : never; }
static struct ops { int (*init)(void); } ops = { .init = boot };
int array[] = { 1, 2 };
`)
	var names []string
	for name, fn := range found {
		names = append(names, fmt.Sprintf("%s/%v/%d/%s/%v", name, fn.Static, fn.Inline, fn.Section, fn.Asm))
	}
	for _, want := range []string{"boot/true/0/.init.text/false", "always/true/2//false", "never/true/3//true", "memcpy/false/0//false", "pick/false/0//false"} {
		if !strings.Contains(strings.Join(names, " "), want) {
			t.Errorf("no %s in %v", want, names)
		}
	}
	if len(names) != 5 {
		t.Errorf("%d functions: %v", len(names), names)
	}
}

func FuzzUnit(f *testing.F) {
	f.Add(header)
	f.Add("#define F(x) F(x) F(x)\nint f(void) { F(F(F(1))); }")
	f.Add("#if (((\n#elif\n#else\n#endif\n#include \"a.c\"\n")
	f.Add("#define A B B\n#define B A A\nA")
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 1<<16 {
			return
		}
		unit(t, source)
	})
}
