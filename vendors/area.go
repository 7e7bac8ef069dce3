package vendors

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// areas are the parts of Xen's tree that people know, by the paths they begin
// with. The longest path counts.
var areas = map[string][]string{
	"x86":                   {"xen/arch/x86/", "xen/include/asm-x86/"},
	"x86/mm":                {"xen/arch/x86/mm", "xen/arch/x86/x86_64/mm.c", "xen/arch/x86/include/asm/mm.h", "xen/arch/x86/include/asm/p2m", "xen/arch/x86/include/asm/paging", "xen/include/asm-x86/mm.h", "xen/include/asm-x86/p2m"},
	"x86/hvm":               {"xen/arch/x86/hvm", "xen/arch/x86/include/asm/hvm", "xen/include/asm-x86/hvm"},
	"x86/pv":                {"xen/arch/x86/pv", "xen/arch/x86/include/asm/pv", "xen/include/asm-x86/pv"},
	"x86/cpu":               {"xen/arch/x86/cpu", "xen/arch/x86/msr.c", "xen/arch/x86/spec_ctrl", "xen/arch/x86/microcode", "xen/lib/x86/", "xen/include/xen/lib/x86/", "xen/tools/gen-cpuid.py"},
	"x86/entry":             {"xen/arch/x86/x86_64/", "xen/arch/x86/traps", "xen/arch/x86/indirect-thunk.S"},
	"x86/emulate":           {"xen/arch/x86/x86_emulate"},
	"arm":                   {"xen/arch/arm/", "xen/include/asm-arm/"},
	"common":                {"xen/common/", "xen/include/", "xen/lib/"},
	"common/event channels": {"xen/common/event_", "xen/include/xen/event"},
	"common/grant tables":   {"xen/common/grant_table", "xen/include/xen/grant_table", "xen/common/compat/grant_table"},
	"common/scheduler":      {"xen/common/sched", "xen/include/xen/sched-if"},
	"common/memory":         {"xen/common/memory", "xen/common/page_alloc", "xen/common/vmap", "xen/common/xmalloc", "xen/include/xen/mm"},
	"common/livepatch":      {"xen/common/livepatch", "xen/arch/x86/livepatch", "xen/arch/arm/livepatch"},
	"iommu":                 {"xen/drivers/passthrough/", "xen/include/xen/iommu"},
	"pci":                   {"xen/drivers/vpci/", "xen/drivers/pci/", "xen/include/xen/pci", "xen/include/xen/vpci"},
	"drivers":               {"xen/drivers/"},
	"xsm":                   {"xen/xsm/", "tools/flask/"},
	"build system":          {"xen/Makefile", "xen/Rules.mk", "xen/scripts/", "Config.mk", "config/", "xen/arch/x86/arch.mk", "xen/arch/x86/Rules.mk"},
	"toolstack":             {"tools/"},
	"docs":                  {"docs/", "SUPPORT.md", "CHANGELOG.md"},
}

// scopeAreas are the areas of the scopes of an advisory, for which no file is
// known.
var scopeAreas = map[string]string{
	"hypervisor/x86": "x86", "hypervisor/arm": "arm", "hypervisor/common": "common",
	"toolstack": "toolstack", "flask-policy": "xsm", "docs": "docs",
}

// AreaNames lists the areas that a skill can be about, sorted.
func (t *Team) AreaNames() []string {
	names := slices.Collect(maps.Keys(areas))
	for name := range t.Areas {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Area is the area of a file by its path from the root of the tree; empty where
// there is none.
func (t *Team) Area(file string) string {
	best, longest := "", 0
	for _, table := range []map[string][]string{areas, t.Areas} {
		for _, name := range slices.Sorted(maps.Keys(table)) {
			for _, prefix := range table[name] {
				if strings.HasPrefix(file, prefix) && (len(prefix) > longest || len(prefix) == longest && best != "" && t.Areas[name] != nil) {
					best, longest = name, len(prefix)
				}
			}
		}
	}
	return best
}

// MainArea is the area that most of the files lie in; where no file tells, the
// area of the first scope that has one.
func (t *Team) MainArea(files, scopes []string) string {
	count := map[string]int{}
	for _, f := range files {
		if a := t.Area(f); a != "" {
			count[a]++
		}
	}
	names := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	if len(names) > 0 {
		return names[0]
	}
	for _, s := range scopes {
		if a := scopeAreas[s]; a != "" {
			return a
		}
	}
	return ""
}
