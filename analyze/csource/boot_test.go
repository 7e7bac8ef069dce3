package csource

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bootTree indexes the small tree, whose units need no Makefiles.
func bootTree(t testing.TB) (*Index, []Unit) {
	t.Helper()
	tree := readTree(t, "boot.txt")
	ix, err := Open(context.Background(), tree, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var units []Unit
	for name := range tree {
		object, isC := strings.CutSuffix(strings.TrimPrefix(name, "xen/"), ".c")
		switch {
		case name == "xen/common/zip.c":
			units = append(units, Unit{Object: "common/zip.init.o", Source: name, Init: true})
		case isC:
			units = append(units, Unit{Object: object + ".o", Source: name})
		case strings.HasSuffix(name, ".S"):
			units = append(units, Unit{Object: strings.TrimSuffix(object, ".S") + ".o", Source: name, Asm: true})
		}
	}
	return ix, units
}

func TestLifetimes(t *testing.T) {
	ix, units := bootTree(t)
	boot := Lifetimes(ix, units)
	for _, c := range []struct {
		file, fn string
		kind     LifeKind
		path     string
	}{
		{"xen/arch/x86/setup.c", "__start_xen", Init, ""},
		{"xen/arch/x86/setup.c", "boot_helper", BootOnly, "__start_xen"},
		{"xen/arch/x86/setup.c", "boot_leaf", BootOnly, "__start_xen boot_helper"},
		{"xen/arch/x86/setup.c", "boot_through_alias", BootOnly, "__start_xen alias_of_boot"},
		{"xen/arch/x86/setup.c", "kind_pv_handler", BootOnly, "__start_xen CALL_KIND"},
		{"xen/arch/x86/setup.c", "shared_leaf", Runtime, "do_domctl from_header_any"},
		{"xen/arch/x86/setup.c", "init_done", Runtime, "__start_xen"},
		{"xen/arch/x86/setup.c", "idle", Runtime, "data pm_idle"},
		{"xen/arch/x86/setup.c", "asm_target", Runtime, "head.S"},
		{"xen/arch/x86/setup.c", "unused", Runtime, ""},
		{"xen/arch/x86/setup.c", "unused_leaf", Runtime, "unused"},
		{"xen/arch/x86/setup.c", "loop_a", Runtime, ""},
		{"xen/arch/x86/setup.c", "nowhere", Runtime, ""},
		{"xen/include/xen/init.h", "from_header_boot", BootOnly, "__start_xen"},
		{"xen/include/xen/init.h", "from_header_any", Runtime, "do_domctl"},
		{"xen/arch/x86/smpboot.c", "start_secondary", CPUUp, ""},
		{"xen/arch/x86/smpboot.c", "smp_callin", CPUUp, "start_secondary"},
		{"xen/arch/x86/cpu.c", "identify_cpu", CPUUp, "start_secondary smp_callin"},
		{"xen/arch/x86/cpu.c", "init_one", CPUUp, "start_secondary smp_callin identify_cpu .c_init"},
		{"xen/arch/x86/cpu.c", "early_one", CPUUp, "start_secondary smp_callin identify_cpu .c_early_init"},
		{"xen/arch/x86/cpu.c", "inlined", CPUUp, "start_secondary smp_callin identify_cpu .c_init init_one"},
		{"xen/arch/x86/cpu.c", "forgotten", Runtime, ".c_unread"},
		{"xen/common/domain.c", "my_create", Runtime, "do_domctl .create"},
		{"xen/common/domain.c", "my_leaf", Runtime, "do_domctl .create my_create"},
		{"xen/common/domain.c", "my_probe", BootOnly, "register_ops .probe"},
		{"xen/common/zip.c", "huft", Init, ""},
	} {
		life := boot.Of(c.file, c.fn)
		if path := strings.Join(life.Path, " "); life.Kind != c.kind || path != c.path {
			t.Errorf("%s: %v [%s], want %v [%s]", c.fn, life.Kind, path, c.kind, c.path)
		}
	}
	for _, c := range []struct{ file, fn, want string }{
		{"xen/arch/x86/cpu.c", "init_one", "boot_cpu_only record_cap"},
		{"xen/arch/x86/cpu.c", "outlined", "boot_cpu_only"},
		{"xen/arch/x86/setup.c", "boot_leaf", "early_count"},
		{"xen/common/domain.c", "do_domctl", ""},
		{"xen/common/domain.c", "nowhere", ""},
	} {
		if got := strings.Join(boot.InitRefs(c.file, c.fn), " "); got != c.want {
			t.Errorf("InitRefs(%s) = %q, want %q", c.fn, got, c.want)
		}
	}
}

// sharedConfig is Debian's configuration, beside the repository.
func sharedConfig(t testing.TB) Config {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	name := filepath.Join(filepath.Dir(dir), "shared/truth/xen.config")
	if _, err := os.Stat(name); err != nil {
		t.Skipf("needs %s", name)
	}
	return loadConfig(t, name)
}

// realBase is the tree that LPREADY_XEN_TREE names, with its units.
func realBase(t testing.TB) (*Index, fs.FS, []Unit) {
	t.Helper()
	dir := os.Getenv("LPREADY_XEN_TREE")
	if dir == "" {
		t.Skip("set LPREADY_XEN_TREE to a folder that holds the xen/ of Debian's 4.17.5+72")
	}
	tree := os.DirFS(dir)
	units, err := Units(tree, "x86", sharedConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	ix, err := Open(context.Background(), tree, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return ix, tree, units
}

func TestLifetimesReal(t *testing.T) {
	ix, _, units := realBase(t)
	boot := Lifetimes(ix, units)
	for _, c := range []struct {
		file, fn string
		kind     LifeKind
	}{
		{"xen/arch/x86/smpboot.c", "start_secondary", CPUUp},
		{"xen/arch/x86/cpu/common.c", "identify_cpu", CPUUp},
		{"xen/arch/x86/cpu/amd.c", "init_amd", CPUUp},
		{"xen/arch/x86/cpu/amd.c", "amd_check_erratum_1485", CPUUp},
		{"xen/arch/x86/cpu/amd.c", "early_init_amd", CPUUp},
		{"xen/arch/x86/cpu/mcheck/mce.c", "mcheck_init", CPUUp},
		{"xen/arch/x86/cpu/microcode/core.c", "microcode_update_one", CPUUp},
		{"xen/arch/x86/spec_ctrl.c", "init_speculation_mitigations", Init},
		{"xen/arch/x86/spec_ctrl.c", "print_details", Init},
		{"xen/arch/x86/pv/dom0_build.c", "dom0_construct_pv", Init},
		{"xen/common/libelf/libelf-loader.c", "elf_load_binary", Init},
		{"xen/common/keyhandler.c", "register_keyhandler", BootOnly},
		{"xen/drivers/passthrough/vtd/iommu.c", "free_pgtable_maddr", BootOnly},
		{"xen/arch/x86/cpu/amd.c", "amd_set_legacy_ssbd", Runtime},
		{"xen/arch/x86/domain.c", "default_idle", Runtime},
		{"xen/arch/x86/msr.c", "guest_wrmsr", Runtime},
		{"xen/arch/x86/mm/p2m.c", "p2m_free_ptp", Runtime},
		{"xen/drivers/passthrough/amd/iommu_map.c", "amd_iommu_quarantine_init", Runtime},
		{"xen/arch/x86/hvm/vmx/vmx.c", "vmx_vmexit_handler", Runtime},
		{"xen/common/domain.c", "domain_create", Runtime},
		{"xen/common/cpu.c", "cpu_down", Runtime},
		{"xen/common/grant_table.c", "do_grant_table_op", Runtime},
	} {
		if ix.File(c.file) == nil {
			t.Errorf("%s is not in the tree", c.file)
			continue
		}
		if life := boot.Of(c.file, c.fn); life.Kind != c.kind {
			t.Errorf("%s: %v %v, want %v", c.fn, life.Kind, life.Path, c.kind)
		}
	}
	// What the payloads for XSA-488 and XSA-490 refer to, by the differ's word.
	refs := strings.Join(boot.InitRefs("xen/arch/x86/cpu/amd.c", "init_amd"), " ") + " "
	for _, name := range []string{"setup_force_cpu_cap", "setup_clear_cpu_cap", "warning_add", "check_enable_amd_mmconf_dmi", "is_forced_cpu_cap"} {
		if !strings.Contains(refs, name+" ") {
			t.Errorf("InitRefs(init_amd) = %s, lacks %s", refs, name)
		}
	}
	count := make(map[LifeKind]int)
	for _, id := range boot.graph.byFunc {
		count[boot.kind[id]]++
	}
	t.Logf("%d functions: %v", len(boot.graph.byFunc), count)
}

// The code of Arm is read without its compiler: all that its units name exists.
func TestArmReal(t *testing.T) {
	_, tree, _ := realBase(t)
	ix, err := Open(context.Background(), tree, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range []string{"CONFIG_ARM_64", "CONFIG_ARM_32"} {
		b, err := Kbuild(tree, "arm", Config{"CONFIG_ARM": "y", option: "y", "CONFIG_HAS_DEVICE_TREE": "y", "CONFIG_GICV3": "y"})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range b.Units {
			if _, err := fs.Stat(tree, u.Source); err != nil {
				t.Errorf("%s: %v", u.Object, err)
			}
		}
		for _, w := range b.Warnings {
			t.Error(w)
		}
		if n := len(b.Units); n < 150 {
			t.Errorf("%s: only %d units", option, n)
		}
		if life := Lifetimes(ix, b.Units).Of("xen/arch/arm/smpboot.c", "start_secondary"); life.Kind != CPUUp {
			t.Errorf("%s: start_secondary is %v", option, life)
		}
	}
}

func ExampleLifetimes() {
	tree := treeOf(`
-- xen/common/core.c --
static void enable(void) { }
static void resume(void) { }
void __init setup(void) { enable(); }
void do_sysctl(void) { resume(); }
`)
	ix, err := Open(context.Background(), tree, Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	boot := Lifetimes(ix, []Unit{{Object: "common/core.o", Source: "xen/common/core.c"}})
	for _, fn := range []string{"setup", "enable", "resume"} {
		life := boot.Of("xen/common/core.c", fn)
		fmt.Println(fn, life.Kind, life.Path)
	}
	// Output:
	// setup init []
	// enable boot only [setup]
	// resume runtime [do_sysctl]
}

func BenchmarkLifetimes(b *testing.B) {
	ix, _, units := realBase(b)
	Lifetimes(ix, units) // scans the files
	b.ReportAllocs()
	for b.Loop() {
		Lifetimes(ix, units)
	}
}
