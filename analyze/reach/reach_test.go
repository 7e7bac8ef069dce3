package reach

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"lpready/analyze/cpp"
	"lpready/analyze/csource"
)

const (
	libHeader = `#ifndef LIB_H
#define LIB_H
#define LIMIT 8
#define SCALE(x) ((x) * LIMIT)
#define domain_crash(d) crash(d, __FILE__, __LINE__)
void crash(int d, const char *file, int line);
static inline int clamp(int x) { return x > LIMIT ? LIMIT : x; }
#endif
`
	mainSource = `#include <xen/lib.h>
extern int big(int), other(int);
static int once(int a)
{
    int i, sum = 0;
    for ( i = 0; i < a; i++ )
        sum += big(i) * other(sum) + (a << i);
    return sum;
}
static int tiny(int a) { return a + 1; }
int __attribute__((section(".init.text"))) boot(void) { return tiny(3); }
int first(int a) { return once(a); }
int second(int a) { if ( a ) domain_crash(a); return tiny(a) + big(a); }
int third(int a) { return SCALE(big(a)) - other(a); }
int fourth(int a) { return clamp(big(a)) + other(tiny(a)); }
static int handler(int a) { return big(a) + 1; }
int (*table[])(int) = { handler };
`
)

// change predicts what replacing old by new in one file of a small tree does.
func change(t *testing.T, file, old, new string) *Result {
	t.Helper()
	files := map[string]string{"xen/include/xen/config.h": "", "xen/include/xen/lib.h": libHeader, "xen/common/a.c": mainSource,
		"xen/common/b.c": "#include <xen/lib.h>\nint lonely(int a) { return a; }\n"}
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	before, err := csource.Open(context.Background(), tree, csource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(files[file], old) {
		t.Fatalf("%s has no %q", file, old)
	}
	after := before.With(map[string][]byte{file: []byte(strings.Replace(files[file], old, new, 1))})
	pre := cpp.New(before, "x86", nil)
	return Predict(Change{Before: before, After: after, Old: pre, New: pre.With(after),
		Deltas: []csource.Delta{csource.Diff(before.File(file), after.File(file), before.Source(file), after.Source(file))},
		Units:  []csource.Unit{{Object: "common/a.o", Source: "xen/common/a.c"}, {Object: "common/b.o", Source: "xen/common/b.c"}}})
}

func TestPredict(t *testing.T) {
	const source, header = "xen/common/a.c", "xen/include/xen/lib.h"
	for _, test := range []struct{ name, file, old, new, want string }{
		{"edited", source, "big(a)) - other(a)", "big(a)) + other(a)", "third edited"},
		{"inlined into its caller", source, "sum += big(i)", "sum -= big(i)", "first affected"},
		{"inlined, init code apart", source, "return a + 1;", "return a + 2;", "fourth affected, second affected, init boot affected"},
		{"handler in a table", source, "big(a) + 1", "big(a) + 2", "handler edited"},
		{"line shift", source, "int first", "\n\nint first", "second affected by lines"},
		{"macro", header, "(x) * LIMIT", "(x) * LIMIT + 1", "third affected"},
		{"macro under a macro", header, "LIMIT 8", "LIMIT 9", "fourth affected, third affected"},
		{"header function", header, "x > LIMIT", "x >= LIMIT", "fourth affected"},
		{"comment", source, "int first", "/* why */ int first", ""},
		{"new constant", header, "#define LIMIT 8", "#define LIMIT 8\n#define MORE 9", ""},
		{"new function", source, "int first(int a) { return", "int zeroth(int a) { return big(a); }\nint first(int a) { return zeroth(a) +", "first edited, second affected by lines, zeroth new"},
		{"removed", source, "int first(int a) { return once(a); }", "", "first removed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := change(t, test.file, test.old, test.new)
			var got []string
			for _, f := range r.Functions {
				text := f.Name + " " + f.Change
				if f.Line {
					text += " by lines"
				}
				got = append(got, text)
			}
			for _, f := range r.Init {
				got = append(got, "init "+f.Name+" "+f.Change)
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("%s, want %s", strings.Join(got, ", "), test.want)
			}
		})
	}
}

func TestPredictCounts(t *testing.T) {
	r := change(t, "xen/include/xen/lib.h", "LIMIT 8", "LIMIT 9")
	if r.Rebuilt != 2 || fmt.Sprint(r.Units) != "[common/a.o]" {
		t.Errorf("%d objects rebuilt, %v changed; want 2 and a.o alone", r.Rebuilt, r.Units)
	}
	r = change(t, "xen/common/a.c", "sum += big(i)", "sum -= big(i)")
	if fmt.Sprint(r.Inlined) != "[{once xen/common/a.c [common/a.o:first]}]" {
		t.Errorf("inlined: %v", r.Inlined)
	}
}
