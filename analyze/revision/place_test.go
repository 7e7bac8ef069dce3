package revision

import "testing"

func TestNameOf(t *testing.T) {
	for heading, want := range map[string]string{
		"static int gnttab_copy_one(struct domain *d, const struct gnttab_copy *op)": "gnttab_copy_one",
		"int __init __attribute__((cold)) setup(void)":                               "setup",
		"always_inline bool f(":               "f",
		"struct domain":                       "struct domain",
		"struct __packed foo {":               "struct foo",
		"static const struct ops table[] = {": "table",
		"static unsigned int limits[4][2] =":  "limits",
		"#define X(a) \\":                     "X",
		"ENTRY(trap_entry)":                   "trap_entry",
		"DEFINE_SPINLOCK(lock);":              "lock",
		"typedef union {":                     "",
		"":                                    "",
	} {
		if got := nameOf(heading); got != want {
			t.Errorf("%q: %q, expected %q", heading, got, want)
		}
	}
}

func TestOpensInside(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  bool
	}{
		{[]string{" * of a comment", " */", "int a;"}, true},
		{[]string{"", " */"}, true},
		{[]string{"    glob(\"a*/b\");"}, false},
		{[]string{"    a = b;", "    */"}, false},
		{[]string{" * of", " /* inner", " */"}, false},
		{[]string{"int a;"}, false},
	} {
		if got := opensInside(c.lines); got != c.want {
			t.Errorf("%q: %v, expected %v", c.lines, got, c.want)
		}
	}
}
