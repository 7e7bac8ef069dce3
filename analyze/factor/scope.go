package factor

import (
	"path"
	"slices"
	"strings"

	"lpready/analyze/patch"
)

// Scopes of a path in the Xen tree; architectures get "hypervisor/<arch>".
const (
	scopeCommon    = "hypervisor/common"
	scopeToolstack = "toolstack"
	scopeDocs      = "docs"
	scopeFlask     = "flask-policy"
	scopeOther     = "other"
)

// Scope says which part of the Xen tree a file belongs to: "hypervisor/x86",
// "hypervisor/arm", "hypervisor/riscv", "hypervisor/ppc", "hypervisor/common",
// "toolstack", "docs", "flask-policy" or "other" (continuous integration, build
// tools of the host, files of other projects such as QEMU or Linux).
func Scope(name string) string {
	if rest, ok := strings.CutPrefix(name, "xen/"); ok {
		return hypervisorScope(rest)
	}
	switch top, _, _ := strings.Cut(name, "/"); top {
	case "tools":
		if strings.HasPrefix(name, "tools/flask/") {
			return scopeFlask
		}
		return scopeToolstack
	case "stubdom", "extras":
		return scopeToolstack
	case "docs", "CHANGELOG.md", "SUPPORT.md", "README", "README.md", "INSTALL", "COPYING", "CODING_STYLE",
		"CONTRIBUTING", "CREDITS", "MAINTAINERS", "LICENSES", "CODE_OF_CONDUCT":
		return scopeDocs
	}
	if path.Ext(name) == ".md" || path.Ext(name) == ".pandoc" {
		return scopeDocs
	}
	return scopeOther
}

// Scopes lists the scopes of everything that the patches touch, sorted. A public
// header counts for the toolstack too, which is compiled against it.
func Scopes(patches []patch.Patch) []string {
	var scopes []string
	for i := range patches {
		for j := range patches[i].Files {
			name := patches[i].Files[j].Name()
			scopes = append(scopes, Scope(name))
			if strings.HasPrefix(name, "xen/include/public/") {
				scopes = append(scopes, scopeToolstack)
			}
		}
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// archFolders are the prefixes below xen/ that belong to one architecture.
// The folders that end in "-" go on with the architecture's name and perhaps
// its width: xen/include/asm-x86/, xen/include/public/arch-x86_64.h.
var archFolders = []string{"arch/", "lib/", "include/asm-", "include/public/arch-", "include/xen/lib/",
	"include/public/hvm/arch-", "drivers/passthrough/"}

// vendorFolders are folders below drivers/passthrough that name a CPU vendor.
var vendorFolders = map[string]string{"vtd": "x86", "amd": "x86", "x86": "x86", "arm": "arm"}

func hypervisorScope(name string) string {
	switch {
	case strings.HasPrefix(name, "xsm/flask/policy/"):
		return scopeFlask
	case strings.HasPrefix(name, "tools/"), strings.HasPrefix(name, "test/"):
		return scopeOther
	case path.Ext(name) == ".md", path.Base(name) == ".gitignore", name == "COPYING":
		return scopeOther
	}
	for _, folder := range archFolders {
		rest, ok := strings.CutPrefix(name, folder)
		if !ok {
			continue
		}
		word, _, nested := strings.Cut(rest, "/")
		if arch := vendorFolders[word]; folder == "drivers/passthrough/" {
			if arch != "" && nested {
				return "hypervisor/" + arch
			}
			continue
		}
		if arch := archOf(strings.TrimSuffix(word, ".h")); arch != "" {
			return "hypervisor/" + arch
		}
	}
	return scopeCommon
}

// archOf reads an architecture's name as the tree writes it, with or without
// a width: x86, x86_64, x86-x86_32, arm64, arm32, riscv64, ppc64.
func archOf(word string) string {
	for _, arch := range []string{"x86", "arm", "riscv", "ppc"} {
		rest, ok := strings.CutPrefix(word, arch)
		if ok && strings.Trim(rest, "-_x0123456789") == "" {
			return arch
		}
	}
	return ""
}
