package probe

import "testing"

func TestTextMatters(t *testing.T) {
	const rest = "int used(int);\nint f(int n) { return used(n) + X; }\n"
	for _, c := range []struct {
		what, old, now string
		matters        bool
	}{
		{"nothing", rest, rest, false},
		{"a prototype that nobody needs", rest, "void added(struct domain *d);\n" + rest, false},
		{"a prototype with attributes", rest, "extern void added(int) __attribute__((noreturn, section(\".x\")));\n" + rest, false},
		{"an alias, which is a symbol", rest, "extern void added(int) __attribute__((alias(\"f\")));\n" + rest, true},
		{"another prototype of a function in use", rest, "long used(int);\nint f(int n) { return used(n) + X; }\n", true},
		{"an inline function that nobody calls", rest, "static inline int g(int n) { return n; }\n" + rest, false},
		{"one that changes and is called by another such", "static inline int g(int n) { return n; }\nstatic inline int h(int n) { return g(n); }\n" + rest,
			"static inline int g(int n) { return 1; }\nstatic inline int h(int n) { return g(n) + 1; }\n" + rest, false},
		{"one that changes and is called by one that both have", "static inline int g(int n) { return n; }\nstatic inline int h(int n) { return g(n); }\n" + rest,
			"static inline int g(int n) { return 1; }\nstatic inline int h(int n) { return g(n); }\n" + rest, true},
		{"an inline function in use", "static inline int used(int n) { return n; }\n" + rest, "static inline int used(int n) { return 1; }\n" + rest, true},
		{"a function", rest, rest + "int g(void) { return 0; }\n", true},
		{"a function's body", rest, "int used(int);\nint f(int n) { return used(n) - X; }\n", true},
		{"an extern variable", rest, "extern unsigned int added[4];\n" + rest, false},
		{"a variable", rest, "unsigned int added[4];\n" + rest, true},
		{"an initialised one", rest, "extern int added = 1;\n" + rest, true},
		{"a structure", "struct s { int a; };\n" + rest, "struct s { int a, b; };\n" + rest, true},
		{"a type name", rest, "typedef int t;\n" + rest, true},
		{"an enumerator with its own value", "enum { A = 0*32+0, C = 0*32+2, };\n" + rest, "enum { A = 0*32+0, B = 0*32+1, C = 0*32+2, };\n" + rest, false},
		{"an enumerator in use", "enum { A = 0, };\n" + rest, "enum { A = 0, X = 3, };\n" + rest, true},
		{"an enumerator with another value", "enum { A = 0, };\n" + rest, "enum { A = 1, };\n" + rest, true},
		{"an enumerator that renumbers", "enum { A, C };\n" + rest, "enum { A, B, C };\n" + rest, true},
		{"a bit-field that gets a name", "struct p { union { struct { bool a:1, :1, c:1; }; }; };\n" + rest, "struct p { union { struct { bool a:1, b:1, c:1; }; }; };\n" + rest, false},
		{"a bit-field in use", "struct p { bool :1, c:1; };\n" + rest, "struct p { bool X:1, c:1; };\n" + rest, true},
		{"another order", "int a(int);\nint b[2];\nint c[2];\n" + rest, "int a(int);\nint c[2];\nint b[2];\n" + rest, true},
		{"a number of a line", "int f(void) { return 12; }\n", "int f(void) { return 13; }\n", true},
		{"assembly", rest, "asm(\"nop\");\n" + rest, true},
	} {
		if got := textMatters(c.old, c.now); got != c.matters {
			t.Errorf("%s: %v", c.what, got)
		}
		if got := textMatters(c.now, c.old); got != c.matters {
			t.Errorf("%s, the other way: %v", c.what, got)
		}
	}
}

// FuzzTextMatters wants an answer, and the same one both ways.
func FuzzTextMatters(f *testing.F) {
	f.Add("int a(void);\n", "enum { A = 1, };\n")
	f.Add("struct s { bool a:1; } x;", "struct s { bool b:1; } x;")
	f.Fuzz(func(t *testing.T, old, now string) {
		if textMatters(old, old) {
			t.Error("the same text matters")
		}
		if textMatters(old, now) != textMatters(now, old) {
			t.Error("not the same both ways")
		}
	})
}
