package csource

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// treeOf makes a tree of a text with "-- name --" before each file.
func treeOf(text string) fstest.MapFS {
	tree := fstest.MapFS{}
	var file *fstest.MapFile
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "-- "); ok {
			file = &fstest.MapFile{Mode: 0o644}
			tree[strings.TrimSuffix(name, " --\n")] = file
		} else if file != nil {
			file.Data = append(file.Data, line...)
		}
	}
	return tree
}

func readTree(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return treeOf(string(data))
}

// show prints units one a line.
func show(units []Unit) string {
	var b strings.Builder
	for _, u := range units {
		fmt.Fprintf(&b, "%s %s", u.Object, strings.TrimPrefix(u.Source, "xen/"))
		if u.Init {
			b.WriteString(" init")
		}
		if u.Asm {
			b.WriteString(" asm")
		}
		fmt.Fprintf(&b, " %s\n", strings.Join(u.Defines, " "))
	}
	return b.String()
}

func compareText(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s differs from line %d:\ngot\n%s\nwant\n%s", what, i+1, got, want)
		}
	}
}

func TestKbuild(t *testing.T) {
	const flags = `__XEN__ QUOTED="two words" HAVE_OPTION`
	for _, c := range []struct {
		name, tree, arch string
		cfg              Config
		units, inputs    string
	}{{
		name: "modern", tree: "kbuild-modern.txt", arch: "x86",
		cfg: Config{"CONFIG_X86": "y", "CONFIG_PAIR": "y", "CONFIG_FOLDER": "y", "CONFIG_NUMBER": "8", "CONFIG_TEXT": `"a b"`},
		units: `arch/x86/boot/cmdline.o arch/x86/boot/cmdline.c init THIRTY_TWO
arch/x86/boot/head.o arch/x86/boot/head.S asm FLAGS __ASSEMBLY__
arch/x86/boot/reloc.o arch/x86/boot/reloc.c init THIRTY_TWO
arch/x86/efi/boot.init.o common/efi/boot.c init FLAGS INIT_SECTIONS_ONLY
arch/x86/efi/buildid.o arch/x86/efi/buildid.ihex asm ` + `
arch/x86/efi/runtime.o common/efi/runtime.c FLAGS
arch/x86/mm/guest_walk_2.o arch/x86/mm/guest_walk.c FLAGS GUEST_PAGING_LEVELS=2
arch/x86/mm/guest_walk_3.o arch/x86/mm/guest_walk.c FLAGS GUEST_PAGING_LEVELS=3
arch/x86/setup.o arch/x86/setup.c FLAGS FILE=setup.c OBJECT=arch/x86/setup.o
arch/x86/x86_64/traps.o arch/x86/x86_64/traps.c FLAGS
common/core.o common/core.c FLAGS
common/data.o common/data.S asm FLAGS __ASSEMBLY__
common/elf/load.o common/elf/load.c init FLAGS ELF
common/elf/tools.o common/elf/tools.c init FLAGS ELF
common/left.o common/left.c FLAGS
common/lz.init.o common/lz.c init FLAGS INIT_SECTIONS_ONLY
common/number.o common/number.c FLAGS
common/right.o common/right.S asm FLAGS __ASSEMBLY__
common/zip.init.o common/zip.c init FLAGS INIT_SECTIONS_ONLY
lib/hash.o lib/hash.c FLAGS
lib/sort.o lib/sort.c FLAGS
`,
		inputs: `arch/x86/macros.i arch/x86/macros.S asm ` + `
arch/x86/xen.lds arch/x86/xen.lds.S asm ` + `
asm-offsets.s arch/x86/x86_64/asm-offsets.c FLAGS
`,
	}, {
		name: "other options", tree: "kbuild-modern.txt", arch: "x86",
		cfg: Config{"CONFIG_X86": "y", "CONFIG_CRYPTO": "y"},
		units: `arch/x86/boot/cmdline.o arch/x86/boot/cmdline.c init THIRTY_TWO
arch/x86/boot/head.o arch/x86/boot/head.S asm FLAGS __ASSEMBLY__
arch/x86/boot/reloc.o arch/x86/boot/reloc.c init THIRTY_TWO
arch/x86/efi/boot.init.o common/efi/boot.c init FLAGS INIT_SECTIONS_ONLY
arch/x86/efi/buildid.o arch/x86/efi/buildid.ihex asm ` + `
arch/x86/efi/runtime.o common/efi/runtime.c FLAGS
arch/x86/mm/guest_walk_2.o arch/x86/mm/guest_walk.c FLAGS GUEST_PAGING_LEVELS=2
arch/x86/mm/guest_walk_3.o arch/x86/mm/guest_walk.c FLAGS GUEST_PAGING_LEVELS=3
arch/x86/setup.o arch/x86/setup.c FLAGS FILE=setup.c OBJECT=arch/x86/setup.o
arch/x86/x86_64/traps.o arch/x86/x86_64/traps.c FLAGS
common/core.o common/core.c FLAGS
common/data.o common/data.S asm FLAGS __ASSEMBLY__
common/lz.init.o common/lz.c init FLAGS INIT_SECTIONS_ONLY
common/other.o common/other.c FLAGS
common/zip.init.o common/zip.c init FLAGS INIT_SECTIONS_ONLY
crypto/aes.o crypto/aes.c FLAGS
lib/hash.o lib/hash.c FLAGS
lib/sort.o lib/sort.c FLAGS
`,
		inputs: `arch/x86/macros.i arch/x86/macros.S asm ` + `
arch/x86/xen.lds arch/x86/xen.lds.S asm ` + `
asm-offsets.s arch/x86/x86_64/asm-offsets.c FLAGS
`,
	}, {
		name: "arm64", tree: "kbuild-recursive.txt", arch: "arm",
		cfg: Config{"CONFIG_ARM": "y", "CONFIG_ARM_64": "y"},
		units: `arch/arm/arm64/entry.o arch/arm/arm64/entry.S asm __XEN__ __ASSEMBLY__
arch/arm/arm64/head.o arch/arm/arm64/head.S asm __XEN__ __ASSEMBLY__
arch/arm/arm64/walk_2.o arch/arm/arm64/walk.c __XEN__ __OBJECT_FILE__="walk_2.o" LEVELS=2
arch/arm/efi/boot.init.o common/efi/boot.c init __XEN__ __OBJECT_FILE__="boot.o" INIT_SECTIONS_ONLY
arch/arm/setup.o arch/arm/setup.c __XEN__ __OBJECT_FILE__="setup.o"
arch/arm/vgic/core.o arch/arm/vgic/core.c __XEN__ __OBJECT_FILE__="vgic/core.o"
common/core.o common/core.c __XEN__ __OBJECT_FILE__="core.o"
common/zip.init.o common/zip.c init __XEN__ __OBJECT_FILE__="zip.o" INIT_SECTIONS_ONLY
lib/sort.o lib/sort.c __XEN__ __OBJECT_FILE__="sort.o"
`,
		inputs: `arch/arm/xen.lds arch/arm/xen.lds.S asm ` + `
asm-offsets.s arch/arm/arm64/asm-offsets.c __XEN__ __OBJECT_FILE__="/xentree/xen/asm-offsets.s"
`,
	}, {
		name: "arm32", tree: "kbuild-recursive.txt", arch: "arm",
		cfg: Config{"CONFIG_ARM": "y", "CONFIG_ARM_32": "y"},
		units: `arch/arm/arm32/entry.o arch/arm/arm32/entry.S asm __XEN__ __ASSEMBLY__
arch/arm/arm32/head.o arch/arm/arm32/head.S asm __XEN__ __ASSEMBLY__
arch/arm/setup.o arch/arm/setup.c __XEN__ __OBJECT_FILE__="setup.o"
arch/arm/vgic/core.o arch/arm/vgic/core.c __XEN__ __OBJECT_FILE__="vgic/core.o"
common/core.o common/core.c __XEN__ __OBJECT_FILE__="core.o"
common/zip.init.o common/zip.c init __XEN__ __OBJECT_FILE__="zip.o" INIT_SECTIONS_ONLY
lib/sort.o lib/sort.c __XEN__ __OBJECT_FILE__="sort.o"
`,
		inputs: "arch/arm/xen.lds arch/arm/xen.lds.S asm \n",
	}} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Kbuild(readTree(t, c.tree), c.arch, c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			compareText(t, "units", show(b.Units), strings.ReplaceAll(c.units, "FLAGS", flags))
			compareText(t, "inputs", show(b.Inputs), strings.ReplaceAll(c.inputs, "FLAGS", flags))
			if len(b.Warnings) > 0 {
				t.Errorf("warnings: %q", b.Warnings)
			}
		})
	}
}

// A link that git or an earlier build left is followed.
func TestKbuildLink(t *testing.T) {
	tree := readTree(t, "kbuild-recursive.txt")
	tree["xen/arch/arm/efi/boot.c"] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("../../../common/efi/boot.c")}
	units, err := Units(tree, "arm", Config{"CONFIG_ARM_64": "y"})
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(units, func(u Unit) bool { return u.Source == "xen/common/efi/boot.c" }); i < 0 {
		t.Errorf("the link is not followed:\n%s", show(units))
	}
}

func TestKbuildWarnings(t *testing.T) {
	for _, c := range []struct{ name, makefile, want string }{
		{"command in a list", "obj-y += core.o $(shell date)\n", "depends on a shell command"},
		{"command in a condition", "obj-y += core.o\nifeq ($(shell date),x)\nendif\n", "xen/common/Makefile:2: conditional depends on a shell command"},
		{"object without a rule", "obj-y += core.o lost.o\n", "xen/common: nothing says how to make xen/common/lost.o"},
		{"unclosed conditional", "obj-y += core.o\nifdef X\n", "a conditional is not closed"},
		{"endif alone", "obj-y += core.o\nendif\n", "xen/common/Makefile:2: endif without a conditional"},
		{"no rule", "obj-y += core.o\nwhat is this\n", `xen/common/Makefile:2: line is not understood: "what is this"`},
		{"vpath", "obj-y += core.o\nvpath %.c foo\n", "vpath is not supported"},
		{"own name", "obj-y += core.o\nA = $(A) x\nobj-y += $(A)\n", "variable A refers to itself"},
		{"missing file", "obj-y += core.o\ninclude lost.mk\n", "included file xen/lost.mk does not exist"},
		{"error", "obj-y += core.o\n$(error no $(obj))\n", "the Makefile stops here: no common"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := readTree(t, "kbuild-modern.txt")
			tree["xen/common/Makefile"].Data = []byte(c.makefile)
			b, err := Kbuild(tree, "x86", Config{"CONFIG_X86": "y"})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(b.Warnings, func(w string) bool { return strings.Contains(w, c.want) }) {
				t.Errorf("warnings %q, want %q", b.Warnings, c.want)
			}
			if !strings.Contains(show(b.Units), "common/core.o") {
				t.Error("the rest of the Makefile is lost")
			}
		})
	}
}

func TestKbuildErrors(t *testing.T) {
	x86 := Config{"CONFIG_X86": "y"}
	double := strings.Builder{}
	double.WriteString("A0 := xxxxxxxx\n")
	for i := range 40 {
		fmt.Fprintf(&double, "A%d = $(A%d)$(A%d)\n", i+1, i, i)
	}
	double.WriteString("obj-y := $(A40)\n")
	for _, c := range []struct {
		name, file, text, arch string
		cfg                    Config
		want                   string
	}{
		{"other configuration", "", "", "arm", x86, "expected a configuration for arm, found one for x86"},
		{"unknown architecture", "", "", "vax", nil, `expected an architecture among arm, ppc, riscv, x86, found "vax"`},
		{"architecture without a folder", "", "", "arm", nil, "expected a Xen tree for arm"},
		{"no tree", "xen/Makefile", "", "x86", x86, "expected a Xen tree"},
		{"no objects", "xen/Rules.mk", "__build:\n", "x86", x86, "expected xen/Makefile to name objects"},
		{"exponential text", "xen/common/Makefile", double.String(), "x86", x86, "expected text of at most"},
		{"endless include", "xen/common/Makefile", "include $(srcdir)/Makefile\n", "x86", x86, "expected files included at most"},
		{"large file", "xen/common/Makefile", strings.Repeat("#", maxMakefile+1), "x86", x86, "expected at most"},
		{"deep references", "xen/common/Makefile", "X = " + strings.Repeat("$(strip ", 100) + strings.Repeat(")", 100) + "\nobj-y := $(X)\n", "x86", x86, "expected references at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := readTree(t, "kbuild-modern.txt")
			if c.text == "" {
				delete(tree, c.file)
			} else {
				tree[c.file].Data = []byte(c.text)
			}
			b, err := Kbuild(tree, c.arch, c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if b != nil {
				t.Error("a result beside an error")
			}
		})
	}
}

// The expectations are what GNU make 4.3 prints.
func TestMakeExpand(t *testing.T) {
	const preamble = `
empty :=
space := $(empty) $(empty)
list = a.c b.S dir/c.c a.c
nested = $($(which))
which := list
rev = $(2) $(1)
map = $(foreach a,$(2),$(call $(1),$(a)))
dot = .$(1).
one := 1 # comment
hash := a\#b
long = x \
       y
define two
first $(1)
second
endef
cond ?= set
cond ?= lost
rec = $(one)
rec += more
rec += $(which)
`
	for _, c := range []struct{ text, want string }{
		{"$(list)", "a.c b.S dir/c.c a.c"},
		{"${list}", "a.c b.S dir/c.c a.c"},
		{"$(nested)", "a.c b.S dir/c.c a.c"},
		{"$$x $(unset)|", "$x |"},
		{"$(list:.c=.o)", "a.o b.S dir/c.o a.o"},
		{"$(list:%.c=out/%.o)", "out/a.o b.S out/dir/c.o out/a.o"},
		{"$(patsubst %.c,%.o,$(list))", "a.o b.S dir/c.o a.o"},
		{"$(patsubst a.c,z,$(list))", "z b.S dir/c.c z"},
		{"$(subst c,X,$(list))", "a.X b.S dir/X.X a.X"},
		{"[$(subst $(space),-,$(strip $(list)))]", "[a.c-b.S-dir/c.c-a.c]"},
		{"$(filter %.c,$(list))", "a.c dir/c.c a.c"},
		{"$(filter-out %.c b%,$(list))", ""},
		{"$(filter %,$(list))", "a.c b.S dir/c.c a.c"},
		{"$(sort $(list))", "a.c b.S dir/c.c"},
		{"$(words $(list)) $(word 2,$(list)) $(firstword $(list)) $(lastword $(list))", "4 b.S a.c a.c"},
		{"$(wordlist 2,3,$(list))", "b.S dir/c.c"},
		{"$(dir $(list))", "./ ./ dir/ ./"},
		{"$(notdir $(list))", "a.c b.S c.c a.c"},
		{"$(suffix $(list)) $(basename $(list))", ".c .S .c .c a b dir/c a"},
		{"$(addprefix p/,$(list))", "p/a.c p/b.S p/dir/c.c p/a.c"},
		{"$(addsuffix .x,a b)", "a.x b.x"},
		{"$(join a b,1 2 3)", "a1 b2 3"},
		{"$(findstring dir,$(list))|$(findstring zzz,$(list))|", "dir||"},
		{"$(if $(one),yes,no) $(if $(unset),yes,no) $(if $(space),yes,no)", "yes no yes"},
		{"$(or $(unset),,x,y) $(and a,$(unset),b) $(and a,b)", "x  b"},
		{"$(foreach i,1 2 3,<$(i)>)", "<1> <2> <3>"},
		{"$(foreach a,1 2,$(foreach w,x y,$(w)$(a)))", "x1 y1 x2 y2"},
		{"$(call rev,one,two)", "two one"},
		{"$(call map,dot,a b)", ".a. .b."},
		{"$(call two,x)", "first x\nsecond"},
		{"$(call unset,x)|", "|"},
		{"$(call addprefix,q,a b)", "qa qb"},
		{"$(one)|", "1 |"},
		{"$(hash)", "a#b"},
		{"$(long)", "x y"},
		{"$(cond)", "set"},
		{"$(rec)", "1  more list"},
		{"$(value rec)", "$(one) more $(which)"},
		{"$(origin unset) $(origin one)", "undefined file"},
		{"$(eval made := $$(one)x)$(made)", "1 x"},
		{"$(strip $(if a, b , c ))", "b"},
		{"$(subst a,b)", ""},
	} {
		tree := newMakeTree(fstest.MapFS{}, nil, nil)
		r := tree.run("", nil)
		r.read(splitMake(preamble))
		if got := r.expand(c.text); got != c.want {
			t.Errorf("%s = %q, want %q", c.text, got, c.want)
		}
		if tree.err != nil {
			t.Errorf("%s: %v", c.text, tree.err)
		}
	}
}

// compiled finds the source and the object in the command that Kbuild saves.
var compiled = regexp.MustCompile(` -c (\S+\.[cS]) `)

// TestKbuildBuilt compares with what make really compiled.
func TestKbuildBuilt(t *testing.T) {
	dir := os.Getenv("LPREADY_XEN_BUILT")
	if dir == "" {
		t.Skip("set LPREADY_XEN_BUILT to a folder with a built xen/ (objects, .cmd files and .config)")
	}
	cfg := loadConfig(t, filepath.Join(dir, "xen/.config"))
	built, err := Kbuild(os.DirFS(dir), Arch(cfg), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range built.Warnings {
		t.Errorf("warning: %s", w)
	}
	units := make(map[string]Unit)
	for _, u := range built.Units {
		units[u.Object] = u
	}
	objects, commands := 0, 0
	err = filepath.WalkDir(filepath.Join(dir, "xen"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".o" {
			return err
		}
		object := filepath.ToSlash(strings.TrimPrefix(path, filepath.Join(dir, "xen")+string(filepath.Separator)))
		u, ok := units[strings.TrimSuffix(object, ".o")+".init.o"] // the object before its sections are renamed
		if !ok {
			u, ok = units[object]
		}
		saved, err := os.ReadFile(filepath.Join(filepath.Dir(path), "."+d.Name()+".cmd"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		m := compiled.FindSubmatch(saved)
		switch {
		case ok:
			objects++
		case m != nil && !strings.HasPrefix(object, "tools/"):
			t.Errorf("%s was compiled from %s, but there is no unit", object, m[1])
		}
		if ok && m != nil {
			commands++
			checkCommand(t, dir, u, string(m[1]), string(saved))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for object := range units {
		if _, err := os.Stat(filepath.Join(dir, "xen", object)); err != nil {
			t.Errorf("%s is a unit, but was not built", object)
		}
	}
	t.Logf("%d units, %d objects of theirs, %d commands with the same source and defines, %d inputs", len(units), objects, commands, len(built.Inputs))
}

func checkCommand(t *testing.T, dir string, u Unit, source, saved string) {
	t.Helper()
	real, err := filepath.EvalSymlinks(filepath.Join(dir, "xen", source))
	if err != nil {
		t.Error(err)
		return
	}
	if want, _ := filepath.EvalSymlinks(dir); filepath.ToSlash(strings.TrimPrefix(real, want+string(filepath.Separator))) != u.Source {
		t.Errorf("%s is made from %s, not from %s", u.Object, real, u.Source)
	}
	line, _, _ := strings.Cut(saved, "\n")
	var defines []string
	for _, w := range shellWords(line) {
		if d, ok := strings.CutPrefix(w, "-D"); ok {
			defines = append(defines, d)
		}
	}
	got := slices.Sorted(slices.Values(u.Defines))
	if slices.Sort(defines); !slices.Equal(got, defines) {
		t.Errorf("%s: defines\n%v, want\n%v", u.Object, got, defines)
	}
}

func loadConfig(t testing.TB, name string) Config {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cfg, err := ParseConfig(name, f)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func ExampleUnits() {
	tree := fstest.MapFS{
		"xen/Makefile":                 {Data: []byte("ALL_OBJS-y := common/built_in.o\n")},
		"xen/build.mk":                 {},
		"xen/Rules.mk":                 {Data: []byte("include $(obj)/Makefile\n__build: $(addprefix $(obj)/,$(obj-y))\n$(obj)/%.o: $(obj)/%.c\n\tcc -DCORE -c $<\n")},
		"xen/common/Makefile":          {Data: []byte("obj-y += core.o\nobj-$(CONFIG_ARGO) += argo.o\n")},
		"xen/common/core.c":            {},
		"xen/common/argo.c":            {},
		"xen/arch/x86/include/README":  {},
		"xen/arch/x86/x86_64/README":   {},
		"xen/arch/x86/configs/default": {},
	}
	units, err := Units(tree, "x86", Config{"CONFIG_X86": "y"})
	fmt.Println(units, err)
	// Output: [{common/core.o xen/common/core.c [CORE] false false}] <nil>
}

func FuzzKbuild(f *testing.F) {
	base, err := os.ReadFile("testdata/kbuild-modern.txt")
	if err != nil {
		f.Fatal(err)
	}
	for name, file := range treeOf(string(base)) {
		if strings.HasSuffix(name, "Makefile") || strings.HasSuffix(name, ".mk") {
			f.Add(string(file.Data))
		}
	}
	f.Add("define x\nendef\n$(eval a: b)\nobj-y += $(call x,$(shell y))\n%.o %.i: c := d\n")
	f.Fuzz(func(t *testing.T, makefile string) {
		tree := treeOf(string(base))
		tree["xen/common/Makefile"].Data = []byte(makefile)
		b, err := Kbuild(tree, "x86", Config{"CONFIG_X86": "y"})
		if (err == nil) == (b == nil) {
			t.Fatalf("error %v, result %v", err, b)
		}
		if err != nil {
			return
		}
		again, err := Kbuild(tree, "x86", Config{"CONFIG_X86": "y"})
		if err != nil || show(b.Units) != show(again.Units) {
			t.Fatalf("two runs differ: %v", err)
		}
	})
}

func BenchmarkKbuild(b *testing.B) {
	dir := os.Getenv("LPREADY_XEN_TREE")
	if dir == "" {
		b.Skip("set LPREADY_XEN_TREE to a folder that holds the xen/ of Debian's 4.17.5+72")
	}
	cfg, tree := sharedConfig(b), os.DirFS(dir)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Kbuild(tree, "x86", cfg); err != nil {
			b.Fatal(err)
		}
	}
}
