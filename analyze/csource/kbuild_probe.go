package csource

import (
	"strconv"
	"strings"
)

// shell stands in for a command. Those with a known answer: "... && echo y"
// asks whether the tools can do something; "... grep clang" asks which
// compiler it is, which .config tells; arch/x86/arch.mk counts the fixups that
// the linker made in efi/check.efi, two since binutils 2.37; arch/x86/Makefile
// names xen.efi for whoever can write include/xen/compile.h. Everything else is
// unknown.
func (r *makeRun) shell(command string) string {
	command = strings.TrimSpace(command)
	switch {
	case strings.HasSuffix(command, "&& echo y"):
		return "y"
	case strings.HasSuffix(command, "grep clang"):
		return iff(r.tree.config.On("CC_IS_CLANG"), "clang")
	case strings.Contains(command, "efi/check.efi") && strings.HasSuffix(command, "wc -l"):
		return "2"
	case strings.Contains(command, "include/xen/compile.h") && strings.HasPrefix(command, "if [ ! -r"):
		_, name, _ := strings.Cut(command, "echo '")
		name, _, _ = strings.Cut(name, "'")
		return name
	}
	return unknownText
}

// toolchainProbes answers the questions that Xen's build asks the compiler and
// the linker (scripts/Kbuild.include, Config.mk) as tools of this decade do: a
// GNU toolchain that can make what is asked for, xen.efi included.
var toolchainProbes = map[string]func(r *makeRun, a []string) string{
	"as-insn":         asInsn,
	"cc-option":       func(_ *makeRun, a []string) string { return a[2] },
	"ld-option":       func(*makeRun, []string) string { return "y" },
	"if-success":      func(_ *makeRun, a []string) string { return a[2] },
	"success":         func(*makeRun, []string) string { return "y" },
	"cc-ver":          func(*makeRun, []string) string { return "y" },
	"cc-ver-check":    func(*makeRun, []string) string { return "" },
	"ld-ver-build-id": func(*makeRun, []string) string { return "y" },
	"cc-ifversion":    func(r *makeRun, a []string) string { return r.ifVersion("CONFIG_GCC_VERSION", a) },
	"clang-ifversion": func(r *makeRun, a []string) string { return r.ifVersion("CONFIG_CLANG_VERSION", a) },
}

// asInsn answers whether the assembler takes an instruction. The one with
// .error asks whether true is 1 rather than -1, as it is for all but gas.
func asInsn(r *makeRun, a []string) string {
	if strings.Contains(a[2], ".error") && !r.tree.config.On("CC_IS_CLANG") {
		return a[4]
	}
	return a[3]
}

// ifVersion compares the compiler's version from .config as Kbuild.include
// does: $(call cc-ifversion,-lt,0407,then,else).
func (r *makeRun) ifVersion(option string, a []string) string {
	have, err1 := strconv.Atoi(r.tree.config[option] + "0")
	want, err2 := strconv.Atoi(strings.TrimSpace(a[2]) + "000")
	if err1 != nil || err2 != nil {
		r.warn("cannot compare %s with %q", option, a[2])
	}
	var holds bool
	switch strings.TrimSpace(a[1]) {
	case "-lt":
		holds = have < want
	case "-le":
		holds = have <= want
	case "-gt":
		holds = have > want
	case "-ge":
		holds = have >= want
	case "-eq":
		holds = have == want
	case "-ne":
		holds = have != want
	}
	if holds {
		return a[3]
	}
	return a[4]
}
