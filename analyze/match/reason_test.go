package match

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"lpready/analyze/csource"
)

// smallTree has a function for each kind of reason.
var smallTree = fstest.MapFS{
	"xen/Makefile":        {Data: []byte("ifeq ($(CONFIG_FLAGGED),y)\nCFLAGS += -O1\nendif\nCFLAGS-$(CONFIG_DEBUG_INFO) += -g\n")},
	"xen/common/Makefile": {Data: []byte("obj-y += a.o plain.o\nobj-$(CONFIG_X) += gone.o gone2.o\nobj-y += other/\nifeq ($(CONFIG_Y),y)\nobj-y += folder/\nendif\n")},
	"xen/common/a.c": {Data: []byte(`#include <xen/layout.h>
int own(void)
{
#ifdef CONFIG_X
	return 1;
#endif
	return 2;
}
#ifdef CONFIG_X
int within(void)
{
	return 3;
}
#else
int instead(void)
{
	return 4;
}
#endif
static int helper(void)
{
	return DEPENDS + 1;
}
int uses(void)
{
	return helper();
}
static int lonely(void)
{
	return 5;
}
int keeper(void)
{
	return IS_ENABLED(CONFIG_X) ? lonely() : 0;
}
int reads(struct outer *o)
{
	return o->behind;
}
int reads_first(struct outer *o)
{
	return o->first;
}
int by_number(void)
{
	return CONFIG_NR;
}
`)},
	"xen/common/plain.c":        {Data: []byte("int quiet(void)\n{\n\treturn 1;\n}\n")},
	"xen/common/sees.c":         {Data: []byte("#include <xen/layout.h>\nint sees(void)\n{\n\treturn 1;\n}\n")},
	"xen/common/gone.c":         {Data: []byte("static int lost(void)\n{\n\treturn 1;\n}\nint lost2(void)\n{\n\treturn lost();\n}\n")},
	"xen/common/folder/deep.c":  {Data: []byte("int deep(void)\n{\n\treturn 1;\n}\n")},
	"xen/include/xen/config.h":  {Data: []byte("#define CONFIG_H\n")},
	"xen/include/xen/layout.h":  {Data: []byte("#ifdef CONFIG_X\n#define DEPENDS 1\n#else\n#define DEPENDS 2\n#endif\nstruct inner {\n\tint a;\n#ifdef CONFIG_X\n\tint b;\n#endif\n};\nstruct outer {\n\tint first;\n\tstruct inner in;\n\tint behind;\n};\n")},
	"xen/arch/x86/Makefile":     {Data: []byte("obj-y += arch.o\n")},
	"xen/arch/x86/arch.c":       {Data: []byte("int arch(void)\n{\n\treturn 1;\n}\n")},
	"xen/Kconfig":               {Data: []byte("config UNUSED\n\tbool\n")},
	"xen/common/unused.Kconfig": {Data: []byte("config UNUSED\n\tbool\n")},
}

func smallIndex(t testing.TB) *csource.Index {
	t.Helper()
	ix, err := csource.Open(t.Context(), smallTree, csource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func unitsOf(names ...string) (list []csource.Unit) {
	for _, n := range names {
		list = append(list, csource.Unit{Object: n + ".o", Source: "xen/" + n + ".c"})
	}
	return list
}

func configOf(options ...string) string { return strings.Join(options, "\n") + "\n" }

// reasonOf compares hypervisors in which one function differs.
func reasonOf(t *testing.T, d piece, change Change, shipped, rebuilt *made, given Given) Because {
	t.Helper()
	same := []piece{{file: "common/plain.c", name: "before", code: nops(8)}, {file: "common/plain.c", name: "after", code: nops(8)}}
	shipped.pieces, rebuilt.pieces = slices.Clone(same), slices.Clone(same)
	if change != OnlyRebuilt {
		d.code = nops(8)
		shipped.pieces = append(shipped.pieces, d)
	}
	if change != OnlyShipped {
		d.code = nops(9)
		rebuilt.pieces = append(rebuilt.pieces, d)
	}
	r := Compare(must(t, shipped), must(t, rebuilt), given)
	if len(r.Differences) != 1 || r.Differences[0].Change != change || len(r.Reasons) != 1 || r.Reasons[0].Count != 1 || r.Reasons[0].Says == "" {
		t.Fatalf("%q, %+v", saysAll(r), r.Reasons)
	}
	return r.Differences[0].Reason
}

func TestReasons(t *testing.T) {
	all := []string{"common/a", "common/plain", "common/sees", "arch/x86/arch"}
	x := []string{"CONFIG_X=y", "CONFIG_NR=1"}
	notX := []string{"CONFIG_NR=1"}
	given := Given{
		Index:        smallIndex(t),
		ShippedUnits: unitsOf(append(all, "common/gone", "common/folder/deep")...),
		RebuiltUnits: unitsOf(all...),
	}
	a := "common/a.c"
	for _, tt := range []struct {
		name             string
		d                piece
		change           Change
		shipped, rebuilt []string
		want             string
	}{
		{"unit of a static function", piece{file: "common/gone.c", name: "lost"}, OnlyShipped, x, notX, "unit CONFIG_X"},
		{"unit of a global function", piece{name: "lost2"}, OnlyShipped, x, notX, "unit CONFIG_X"},
		{"unit in a folder", piece{name: "deep"}, OnlyShipped, append(x, "CONFIG_Y=y"), notX, "unit CONFIG_Y"},
		{"its own lines", piece{name: "own"}, Size, x, notX, "own CONFIG_X"},
		{"under a condition", piece{name: "within"}, OnlyShipped, x, notX, "own CONFIG_X"},
		{"under #else", piece{name: "instead"}, OnlyRebuilt, x, notX, "own CONFIG_X"},
		{"a clone", piece{file: a, name: "own.isra.0"}, Size, x, notX, "own CONFIG_X"},
		{"a value", piece{name: "by_number"}, Size, x, []string{"CONFIG_X=y", "CONFIG_NR=2"}, "own CONFIG_NR"},
		{"a macro that it uses", piece{file: a, name: "helper"}, Size, x, notX, "uses CONFIG_X may via DEPENDS"},
		{"a function that it uses", piece{name: "uses"}, Size, x, notX, "uses CONFIG_X may via helper DEPENDS"},
		{"what uses it", piece{file: a, name: "lonely"}, OnlyShipped, x, notX, "user CONFIG_X may via keeper"},
		{"members behind", piece{name: "reads"}, Code, x, notX, "layout CONFIG_X may via behind struct outer"},
		{"members before", piece{name: "reads_first"}, Size, x, notX, "file CONFIG_X may"},
		{"a header", piece{name: "sees"}, Size, x, notX, "header CONFIG_X may via xen/include/xen/layout.h"},
		{"no option reaches it", piece{name: "quiet"}, Size, x, notX, "source"},
		{"another file of that architecture", piece{name: "arch"}, Size, x, notX, "source"},
		{"not known where", piece{name: "nowhere"}, Size, x, notX, "config CONFIG_X may"},
		{"the same configuration", piece{name: "own"}, Size, x, x, "source"},
		{"flags", piece{name: "quiet"}, Size, append(x, "CONFIG_FLAGGED=y"), x, "flags CONFIG_FLAGGED"},
		{"what does no matter", piece{name: "own"}, Size, x, append(x, "CONFIG_EXPERT=y", "CONFIG_DEBUG_INFO=y", "CONFIG_UNUSED=y"), "source"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			change := tt.change
			if change == Code {
				change = Size
			}
			b := reasonOf(t, tt.d, change, &made{config: configOf(tt.shipped...)}, &made{config: configOf(tt.rebuilt...)}, given)
			if got := because(b); got != tt.want {
				t.Errorf("%s, expected %s", got, tt.want)
			}
		})
	}
}

func because(b Because) string {
	s := strings.Join(append([]string{string(b.Kind)}, b.Options...), " ")
	if b.May {
		s += " may"
	}
	if len(b.Via) > 0 {
		s += " via " + strings.Join(b.Via, " ")
	}
	return s
}

// TestCompilerReason wants the compilers to come before what may be, and after what
// is certain.
func TestCompilerReason(t *testing.T) {
	given := Given{Index: smallIndex(t)}
	for _, tt := range []struct {
		name, comment string
		options       []string
		want          string
	}{
		{"own", "GCC: 13.1.0", []string{"CONFIG_Z=y"}, "own CONFIG_X"},
		{"reads", "GCC: 13.1.0", []string{"CONFIG_Z=y"}, "compiler may"},
		{"quiet", "GCC: 13.1.0", []string{"CONFIG_X=y"}, "compiler may"},
		{"quiet", "GCC: 12.2.0", []string{"CONFIG_X=y", "CONFIG_GCC_VERSION=130100"}, "compiler may"},
		{"quiet", "GCC: 12.2.0", []string{"CONFIG_X=y"}, "source"},
	} {
		b := reasonOf(t, piece{name: tt.name}, Size, &made{config: configOf("CONFIG_X=y"), comment: "GCC: 12.2.0\x00"}, &made{config: configOf(tt.options...), comment: tt.comment + "\x00"}, given)
		if got := because(b); got != tt.want {
			t.Errorf("%s with %s: %s, expected %s", tt.name, tt.comment, got, tt.want)
		}
	}
}

// TestWithoutSource gives the reasons that the hypervisors alone allow, with
// configurations that were given or embedded.
func TestWithoutSource(t *testing.T) {
	x, y := csource.Config{"CONFIG_X": "y"}, csource.Config{"CONFIG_Y": "y"}
	for _, tt := range []struct {
		name             string
		shipped, rebuilt string // embedded
		given            Given
		want, warning    string
	}{
		{name: "embedded", shipped: "CONFIG_X=y\n", rebuilt: "CONFIG_Y=y\n", want: "config CONFIG_X CONFIG_Y may"},
		{name: "given", given: Given{ShippedConfig: x, RebuiltConfig: y}, want: "config CONFIG_X CONFIG_Y may"},
		{name: "one of each", shipped: "CONFIG_X=y\n", given: Given{RebuiltConfig: y}, want: "config CONFIG_X CONFIG_Y may"},
		{name: "another one was given", shipped: "CONFIG_X=y\n", rebuilt: "CONFIG_X=y\n", given: Given{ShippedConfig: y}, want: "source", warning: "the shipped hypervisor: it embeds another configuration than the one given: CONFIG_X, CONFIG_Y"},
		{name: "no matter", shipped: "CONFIG_X=y\n", rebuilt: "CONFIG_X=y\nCONFIG_EXPERT=y\n", want: "source"},
		{name: "unknown", shipped: "CONFIG_X=y\n", want: "source", warning: "the rebuilt hypervisor: its configuration is not known"},
		{name: "units", shipped: "CONFIG_X=y\n", rebuilt: "CONFIG_Y=y\n", given: Given{ShippedUnits: unitsOf("common/a"), RebuiltUnits: unitsOf("common/plain")}, want: "unit CONFIG_X CONFIG_Y may"},
		{name: "units of one only", shipped: "CONFIG_X=y\n", rebuilt: "CONFIG_X=y\n", given: Given{ShippedUnits: unitsOf("common/a")}, want: "source"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			shipped, rebuilt := &made{config: tt.shipped}, &made{config: tt.rebuilt}
			if got := because(reasonOf(t, piece{file: "common/a.c", name: "f"}, OnlyShipped, shipped, rebuilt, tt.given)); got != tt.want {
				t.Errorf("%s, expected %s", got, tt.want)
			}
			r := Compare(must(t, shipped), must(t, rebuilt), tt.given)
			if tt.warning != "" && !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.HasPrefix(s, tt.warning) }) {
				t.Errorf("%q, expected %q", r.Warnings, tt.warning)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	shipped := csource.Config{"CONFIG_X": "y", "CONFIG_NR": "1", "CONFIG_SAME": "y", "CONFIG_GCC_VERSION": "120200", "CONFIG_FLAGGED": "y"}
	rebuilt := csource.Config{"CONFIG_NR": "2", "CONFIG_SAME": "y", "CONFIG_EXPERT": "y", "CONFIG_DEBUG_INFO": "y", "CONFIG_FRAME_POINTER": "y", "CONFIG_UNUSED": "y"}
	want := map[string]Effect{"CONFIG_X": OnCode, "CONFIG_NR": OnCode, "CONFIG_GCC_VERSION": OnCompiler, "CONFIG_FLAGGED": OnCode,
		"CONFIG_EXPERT": OnNothing, "CONFIG_DEBUG_INFO": OnNothing, "CONFIG_UNUSED": OnCode, "CONFIG_FRAME_POINTER": OnCode}
	for _, ix := range []*csource.Index{nil, smallIndex(t)} {
		if ix != nil { // nothing asks for them in this source
			want["CONFIG_UNUSED"], want["CONFIG_FRAME_POINTER"] = OnNothing, OnNothing
		}
		got := map[string]Effect{}
		for _, o := range differing(shipped, rebuilt, ix) {
			got[o.Name] = o.Effect
			if o.Shipped != shipped[o.Name] || o.Rebuilt != rebuilt[o.Name] {
				t.Errorf("%+v", o)
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%v, expected %v", got, want)
		}
	}
}

// TestGroups counts a reason once, with a few symbols.
func TestGroups(t *testing.T) {
	var a, b []piece
	for i := range 20 {
		a = append(a, piece{file: "a.c", name: fmt.Sprintf("f%02d", i), code: nops(8)})
		b = append(b, piece{file: "a.c", name: fmt.Sprintf("f%02d", i), code: nops(9)})
	}
	r := Compare(must(t, &made{pieces: a, config: config}), must(t, &made{pieces: b, config: config}), Given{})
	if len(r.Reasons) != 1 || r.Reasons[0].Count != 20 || len(r.Reasons[0].Examples) != maxExamples || r.Reasons[0].Kind != BySource || !strings.Contains(r.Reasons[0].Says, "a patch is missing") {
		t.Errorf("%+v", r.Reasons)
	}
}
