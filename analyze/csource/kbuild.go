package csource

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// A Unit is one source that the build compiles, assembles or converts into an
// object of the hypervisor.
//
// Object is relative to xen/ and is the object that is linked: foo.init.o
// where the build moves the data of foo.o into init sections. Source is the
// file that is compiled, with its xen/ prefix; where the build makes a link to
// a file (arch/x86/efi/boot.c), it is that file (common/efi/boot.c); a source
// that the build generates (common/config_data.S) is not in the tree. Defines
// are the -D options in order, without the -D.
type Unit struct {
	Object, Source string
	Defines        []string
	Init           bool // all of it lies in init sections
	Asm            bool // not C
}

// A Build is what a configuration makes of a tree.
type Build struct {
	Units []Unit // by Object

	// Inputs are compiled or preprocessed for the text that comes out:
	// asm-offsets.s, asm-macros.i, the linker scripts. They are in no object,
	// but a change of one can change all of them.
	Inputs []Unit

	// Warnings name the places where the Makefiles ask for something that
	// this evaluator does not know. Empty for Xen 4.14 to 4.21 and the
	// development tree of November 2026.
	Warnings []string
}

// Units lists what Kbuild says is compiled.
func Units(tree fs.FS, arch string, cfg Config) ([]Unit, error) {
	b, err := Kbuild(tree, arch, cfg)
	if err != nil {
		return nil, err
	}
	return b.Units, nil
}

// Kbuild finds out what make would compile in the xen/ folder of a tree, for
// an architecture as Arch names it. It reads the same Makefiles that make
// would (xen/Makefile, xen/Rules.mk, xen/build.mk, arch/*/arch.mk, Config.mk
// and those of the folders) with the variables, conditionals, functions and
// rules of GNU make that they use, and follows the rules from the linked
// objects to their sources. No command is run: tests of the toolchain are
// answered as a GNU toolchain with EFI support does, so that xen.efi and what
// belongs to it is always part of an x86 build that can have it.
//
// An error means that the tree or the configuration cannot be used, or that a
// Makefile breaks a limit; what is merely not understood is in Warnings.
func Kbuild(tree fs.FS, arch string, cfg Config) (*Build, error) {
	if a := Arch(cfg); a != "" && a != arch {
		return nil, fmt.Errorf("expected a configuration for %s, found one for %s", arch, a)
	}
	target, ok := targetArch(arch, cfg)
	if !ok {
		return nil, fmt.Errorf("expected an architecture among arm, ppc, riscv, x86, found %q", arch)
	}
	if _, err := fs.Stat(tree, "xen/Makefile"); err != nil {
		return nil, fmt.Errorf("expected a Xen tree: %w", err)
	}
	if _, err := fs.Stat(tree, path.Join("xen/arch", arch)); err != nil {
		return nil, fmt.Errorf("expected a Xen tree for %s: %w", arch, err)
	}
	g := &buildGraph{
		tree: newMakeTree(tree, cfg, fixedVars(arch, target)), arch: arch,
		runs: make(map[string]*makeRun), seen: make(map[goalKey]bool), known: make(map[string]bool),
	}
	_, err := fs.Stat(tree, "xen/build.mk")
	switch {
	case err == nil:
		g.walk()
	case errors.Is(err, fs.ErrNotExist):
		g.recursive, g.tree.linkEFI = true, true
		g.walkRecursive(target)
	default:
		return nil, err
	}
	if g.tree.err != nil {
		return nil, g.tree.err
	}
	if len(g.units) == 0 {
		return nil, errors.New("expected xen/Makefile to name objects, found none")
	}
	byObject := func(a, b Unit) int { return cmp.Compare(a.Object, b.Object) }
	slices.SortFunc(g.units, byObject)
	slices.SortFunc(g.inputs, byObject)
	return &Build{Units: g.units, Inputs: g.inputs, Warnings: g.tree.warnings}, nil
}

// targetArch gives XEN_TARGET_ARCH.
func targetArch(arch string, cfg Config) (string, bool) {
	switch arch {
	case "x86":
		return "x86_64", true
	case "arm":
		if cfg.On("ARM_32") {
			return "arm32", true
		}
		return "arm64", true
	case "riscv":
		return "riscv64", true
	case "ppc":
		return "ppc64", true
	}
	return "", false
}

// fixedVars are the variables that the Makefiles would ask the machine for, or
// take from Config.mk, which is not below xen/.
func fixedVars(arch, target string) map[string]string {
	xen := treeRoot + "/xen"
	return map[string]string{
		"XEN_ROOT": treeRoot, "BASEDIR": xen, "srctree": xen, "objtree": xen,
		"abs_srctree": xen, "abs_objtree": xen, "VPATH": xen,
		"XEN_OS": "Linux", "XEN_COMPILE_ARCH": target, "XEN_TARGET_ARCH": target,
		"ARCH": target, "SRCARCH": arch, "TARGET_ARCH": arch, "TARGET_SUBARCH": target,
		"need-sub-make": "", "KCONFIG_CONFIG": ".config",
		"build_id_linker": "--build-id=sha1",
		"comma":           ",", "open": "(", "close": ")", "squote": "'", "empty": "", "space": " ",
	}
}
