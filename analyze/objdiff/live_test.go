package objdiff

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// livesC are two units with a type for each place where objects can be.
var livesC = map[string]string{
	"common/a.c": `
#define SECTION(s) __attribute__((section(s)))
struct leaf { int x; };
struct inner { struct leaf leaf; };
struct far;
struct deep { int x; };
typedef struct { struct deep deep[2]; } box_t;
typedef box_t box_alias_t;
enum mode { ON, OFF };
struct outer {
    struct inner in;
    struct far *far;
    union { long l; struct { enum mode mode; } sub; };
    box_alias_t boxes[4];
    void (*call)(struct called *);
    void *private;
};
struct called { int x; };
struct cpu { int x; };
struct init { int x; };
struct table { int x; struct row { int x; } rows[1]; };
struct local { int x; };
struct inlocal { int x; };
struct asmd { int x; };
struct inlined { int x; };
struct held { int x; };
struct frame { struct held held; };
struct private { struct behind *behind; };
struct behind { int x; };
struct onlyinit { int x; };
typedef int (*op_t)(struct called *);

struct outer outer;
static op_t op SECTION(".data.read_mostly");
SECTION(".bss.percpu") struct cpu per_cpu__cpu;
SECTION(".init.data") struct init init = { 1 };
const struct table table[2] = { { 1 } };
extern struct asmd asmd[];
extern struct outer other;

int out(void *);
static inline __attribute__((always_inline)) int swallowed(int x) { struct inlined i = { x }; return out(&i); }
int f(int x)
{
    static struct local count;
    static struct { int a; struct inlocal in; } unnamed;
    struct frame frame = { { x } };
    out(&count); out(&unnamed); out(&op); out(asmd); out(&other);
    return out(&frame) + swallowed(x) + op(0);
}
int g(void *data) { struct private *p = data; return p->behind->x + out(p); }
int known(struct outer *o) { return o->boxes[0].deep[0].x; }
SECTION(".init.text") int boot(void) { struct onlyinit o = { 1 }; return out(&o); }
`,
	"common/b.c": `
struct farin { int x; };
struct far { struct farin in; struct far *next; };
struct held { int x; };
struct outer { int here_another_one; };
struct outer other;
int out(void *);
int h(struct held *held) { return held->x; }
int use(struct far *far) { return far->in.x; }
`,
}

// objectsOf compiles units as Xen is compiled, with DWARF of a version.
func objectsOf(t *testing.T, dwarf string, units map[string]string) fstest.MapFS {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("gcc is not installed")
	}
	dir, tree := t.TempDir(), fstest.MapFS{}
	for name, text := range units {
		source, object := filepath.Join(dir, "unit.c"), filepath.Join(dir, "unit.o")
		if err := os.WriteFile(source, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		run(t, dir, "gcc", "-c", "-gdwarf-"+dwarf, "-O2", "-w", "-fpic", "-fno-common", "-ffunction-sections", "-fdata-sections", "-o", object, source)
		data, err := os.ReadFile(object)
		if err != nil {
			t.Fatal(err)
		}
		tree[strings.TrimSuffix(name, ".c")+".o"] = &fstest.MapFile{Data: data}
	}
	return tree
}

// TestLives wants each type of two small units where it is.
func TestLives(t *testing.T) {
	const outer = "variable `outer` (common/a.o)"
	f, g, known := "common/a.o:f", "common/a.o:g", "common/a.o:known"
	want := []Life{
		{"struct outer", LifeStatic, []string{outer}, []string{known}},
		{"struct inner", LifeStatic, []string{outer, "struct outer.in"}, nil},
		{"struct leaf", LifeStatic, []string{outer, "struct outer.in", "struct inner.leaf"}, nil},
		{"struct far", LifePointed, []string{outer, "struct outer.far (pointer)"}, []string{"common/b.o:use"}},
		{"struct farin", LifePointed, []string{outer, "struct outer.far (pointer)", "struct far.in"}, nil},
		{"enum mode", LifeStatic, []string{outer, "struct outer.sub.mode"}, nil},
		{"typedef box_t", LifeStatic, []string{outer, "struct outer.boxes[]"}, nil},
		{"typedef box_alias_t", LifeStatic, []string{outer, "struct outer.boxes[]"}, nil},
		{"struct deep", LifeStatic, []string{outer, "struct outer.boxes[]", "typedef box_t.deep[]"}, nil},
		{"typedef op_t", LifeStatic, []string{"variable `op` (common/a.o)"}, nil},
		{"struct cpu", LifePerCPU, []string{"per-CPU variable `cpu` (common/a.o)"}, nil},
		{"struct table", LifeConstant, []string{"constant `table[]` (common/a.o)"}, nil},
		{"struct row", LifeConstant, []string{"constant `table[]` (common/a.o)", "struct table.rows[]"}, nil},
		{"struct local", LifeStatic, []string{"variable `count` of `f` (common/a.o)"}, []string{f}},
		{"struct inlocal", LifeStatic, []string{"variable `unnamed.in` of `f` (common/a.o)"}, []string{f}},
		{"struct asmd", LifeStatic, []string{"variable `asmd[]` (assembly or linker)"}, nil},
		{"struct frame", LifeStack, []string{"function `f` (common/a.o)"}, []string{f}},
		{"struct held", LifeStack, []string{"function `f` (common/a.o)", "struct frame.held"}, []string{f, "common/b.o:h"}},
		{"struct inlined", LifeStack, []string{"function `f` (common/a.o)"}, []string{f}},
		{"struct private", LifeHidden, []string{"function `g` (common/a.o, pointer)"}, []string{g}},
		{"struct behind", LifeHidden, []string{"function `g` (common/a.o, pointer)", "struct private.behind (pointer)"}, []string{g}},
		{"struct init", LifeUnused, nil, nil},
		{"struct onlyinit", LifeUnused, nil, nil},
		{"struct called", LifeUnused, nil, nil},
		{"struct no_such", LifeUnused, nil, nil},
	}
	names := make([]string, len(want))
	for i, w := range want {
		names[i] = w.Type
	}
	for _, dwarf := range []string{"2", "4", "5"} {
		got, err := Lives(context.Background(), objectsOf(t, dwarf, livesC), names)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			if !reflect.DeepEqual(got[i], w) {
				t.Errorf("DWARF %s: got\n%+v\nwant\n%+v", dwarf, got[i], w)
			}
		}
	}
}

// TestLivesErrors wants errors that name the object, and no result with them.
func TestLivesErrors(t *testing.T) {
	good, _ := fixture(t, "types")
	tree := fstest.MapFS{
		"a.o": {Data: good}, "arch/boot.o": {Data: small32("code")}, "efi/buildid.o": {Data: []byte("coff")},
		"built_in.o": {Data: []byte("\x7fELF")},
	}
	if _, err := Lives(context.Background(), tree, nil); err != nil {
		t.Error(err)
	}
	tree["b.o"] = &fstest.MapFile{Data: good[:300]}
	if list, err := Lives(context.Background(), tree, nil); list != nil || err == nil || !strings.HasPrefix(err.Error(), "b.o: section headers") {
		t.Errorf("with a bad object: %v, %v", list, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Lives(ctx, tree, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
	if _, err := Lives(context.Background(), os.DirFS("no-such"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
}

// TestLivesOfXen asks a whole build.
func TestLivesOfXen(t *testing.T) {
	built := os.Getenv("LPREADY_XEN_BUILT")
	if built == "" {
		t.Skip("LPREADY_XEN_BUILT is not set: a built source tree of Debian's Xen 4.17.5+72")
	}
	want := []struct {
		name string
		kind LifeKind
		path string // that it ends with
		user string
	}{
		{"struct domain", LifePointed, "variable `dom_io` (common/domain.o, pointer)", "common/domain.o:domain_kill"},
		{"struct arch_domain", LifePointed, "struct domain.arch", ""},
		{"struct hvm_domain", LifePointed, "struct domain.arch > struct arch_domain.hvm", ""},
		{"struct vcpu", LifePointed, "(arch/x86/cpu/vpmu.o, pointer)", "common/domain.o:vcpu_pause"},
		{"struct hvm_vcpu", LifePointed, "struct vcpu.arch > struct arch_vcpu.hvm", ""},
		{"struct grant_table", LifePointed, "struct domain.grant_table (pointer)", "common/grant_table.o:grant_table_destroy"},
		{"struct evtchn", LifePointed, "struct domain.evtchn (pointer)", ""},
		{"struct hvm_function_table", LifeStatic, "variable `hvm_funcs` (arch/x86/hvm/hvm.o)", ""},
		{"struct scheduler", LifeStatic, "", ""},
		{"struct timers", LifePerCPU, "per-CPU variable `timers` (common/timer.o)", "common/timer.o:cpu_callback"},
		{"struct rcu_data", LifePerCPU, "per-CPU variable `rcu_data` (common/rcupdate.o)", "common/rcupdate.o:call_rcu"},
		{"struct tss_page", LifePerCPU, "per-CPU variable `tss_page` (arch/x86/traps.o)", ""},
		{"struct x86_emulate_ops", LifeConstant, "", ""},
		{"struct hvm_emulate_ctxt", LifeStack, "", "arch/x86/hvm/emulate.o:hvm_emulate_one_mmio"},
		{"struct x86_emulate_ctxt", LifeStack, "", "arch/x86/hvm/emulate.o:hvm_emulate_one_mmio"},
		{"struct xen_domctl", LifeStack, "", "common/domctl.o:do_domctl"},
		// Known limits: list_head and void *, arithmetic on the stack's address, a radix tree.
		{"struct csched2_unit", LifeHidden, "", "common/sched/credit2.o:burn_credits"},
		{"struct acpi_drhd_unit", LifeHidden, "", ""},
		{"struct cpu_info", LifeHidden, "", ""},
		{"struct pirq", LifeHidden, "", ""},
		{"struct bootmem_region", LifeUnused, "", ""},
	}
	var names []string
	for _, w := range want {
		names = append(names, w.name)
	}
	list, err := Lives(context.Background(), os.DirFS(filepath.Join(built, "xen")), names)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		got, path := list[i], strings.Join(list[i].Path, " > ")
		if got.Kind != w.kind || !strings.HasSuffix(path, w.path) || w.user != "" && !slices.Contains(got.Users, w.user) {
			t.Errorf("%s: %s, %s, users %.9q, expected %+v", got.Type, got.Kind, path, got.Users, w)
		}
	}
}

// BenchmarkLives reads a whole build. The goal is under two seconds on two cores.
func BenchmarkLives(b *testing.B) {
	built := os.Getenv("LPREADY_XEN_BUILT")
	if built == "" {
		b.Skip("LPREADY_XEN_BUILT is not set: a built source tree of Xen")
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Lives(context.Background(), os.DirFS(filepath.Join(built, "xen")), []string{"struct domain", "struct x86_emulate_ctxt"}); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzLives changes the debugging information of an object, with all else as
// compilers make it, and asks for every type.
func FuzzLives(f *testing.F) {
	var base [][]byte
	for i, name := range []string{"types", "types2", "types4", "inline", "line"} {
		old, _ := fixture(f, name)
		o, err := readObject(old)
		if err != nil {
			f.Fatal(err)
		}
		d := o.dwarf()
		if d == nil {
			f.Fatalf("%s has no debugging information", name)
		}
		base = append(base, old)
		f.Add(byte(i), d.info, d.abbrev, []byte(d.str))
	}
	f.Fuzz(func(t *testing.T, which byte, info, abbrev, str []byte) {
		if len(info)+len(abbrev)+len(str) > 1<<18 {
			t.Skip("more than 256 KB")
		}
		o, err := readObject(base[int(which)%len(base)])
		if err != nil {
			t.Fatal(err)
		}
		g := newLifeGraph()
		if g.read("a.o", o, &dwarf{info: info, abbrev: abbrev, str: string(str), lineStr: string(str), strOffsets: str}) != nil {
			return
		}
		names := map[string]bool{}
		for name, all := range g.types {
			names[name] = true
			for to := range all {
				names[to] = true
			}
		}
		for _, l := range g.lives(slices.Sorted(maps.Keys(names))) {
			if (l.Kind == LifeUnused) != (len(l.Path) == 0) {
				t.Fatalf("%+v", l)
			}
		}
	})
}

func ExampleLives() {
	object, _ := os.ReadFile("testdata/types.old.o")
	list, err := Lives(context.Background(), fstest.MapFS{"types.o": {Data: object}}, []string{"struct live", "struct inner", "enum state"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range list {
		fmt.Println(l.Type, l.Kind, strings.Join(l.Path, ", "), l.Users)
	}
	// Output:
	// struct live pointed variable `live` (types.o, pointer) []
	// struct inner pointed variable `live` (types.o, pointer), struct live.in []
	// enum state static variable `now` (types.o) []
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%.2000s", name, strings.Join(args, " "), err, out)
	}
}
