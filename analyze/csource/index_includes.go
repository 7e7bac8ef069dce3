package csource

import (
	"context"
	"path"
	"slices"
	"strings"
)

// Includes lists the files of the tree that a file includes itself, in the
// order of its #include lines, each once. Where the architecture decides, as in
// <asm/page.h>, all candidates count.
func (ix *Index) Includes(path string) []string {
	ix.links.once.Do(ix.link)
	return ix.links.includes[path]
}

// Includers lists the files that include a file, directly or not, sorted.
func (ix *Index) Includers(path string) []string {
	ix.links.once.Do(ix.link)
	seen := map[string]bool{path: true}
	queue := []string{path}
	for len(queue) > 0 {
		next := ix.links.includers[queue[0]]
		queue = queue[1:]
		for _, p := range next {
			if !seen[p] {
				seen[p] = true
				queue = append(queue, p)
			}
		}
	}
	delete(seen, path)
	list := make([]string, 0, len(seen))
	for p := range seen {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}

// generated names the sources of the headers that the build makes, as they
// are included: a change of the source is a change of the header.
var generated = map[string]string{
	"asm/asm-offsets.h":           Root + "/arch/*/asm-offsets.c",
	"xen/hypercall-defs.h":        Root + "/include/hypercall-defs.c",
	"xen/lib/x86/cpuid-autogen.h": Root + "/include/public/arch-x86/cpufeatureset.h",
	"asm/cpuid-autogen.h":         Root + "/include/public/arch-x86/cpufeatureset.h",
	"compat/xlat.h":               Root + "/include/xlat.lst",
}

// config is what the build includes before every unit.
const config = Root + "/include/xen/config.h"

// link resolves all includes of the tree.
func (ix *Index) link() {
	ix.links.includes = map[string][]string{}
	ix.links.includers = map[string][]string{}
	roots := ix.includeRoots()
	parallel(context.Background(), len(ix.paths), func(i int) error {
		ix.File(ix.paths[i])
		return nil
	})
	for _, from := range ix.paths {
		f := ix.File(from)
		if f == nil {
			continue
		}
		var to []string
		if ix.files[config] != nil && isUnit(from) {
			to = append(to, config)
		}
		for _, inc := range f.Includes {
			for _, p := range ix.resolve(from, inc, roots) {
				if !slices.Contains(to, p) {
					to = append(to, p)
				}
			}
		}
		if to == nil {
			continue
		}
		ix.links.includes[from] = to
		for _, p := range to {
			ix.links.includers[p] = append(ix.links.includers[p], from)
		}
	}
}

// includeRoots are the folders that Xen's Makefiles name with -I, those of the
// architectures last.
func (ix *Index) includeRoots() []string {
	roots := []string{Root + "/include"}
	for _, p := range ix.paths {
		rest, ok := strings.CutPrefix(p, Root+"/arch/")
		if !ok {
			continue
		}
		arch, rest, _ := strings.Cut(rest, "/")
		dir := Root + "/arch/" + arch + "/include"
		if strings.HasPrefix(rest, "include/") && !slices.Contains(roots, dir) {
			roots = append(roots, dir)
		}
		for _, mach := range []string{"mach-generic", "mach-default"} {
			sub := dir + "/asm/" + mach
			if strings.HasPrefix(p, sub+"/") && !slices.Contains(roots, sub) {
				roots = append(roots, sub)
			}
		}
	}
	return roots
}

// resolve finds the files that an #include line can mean: beside the includer
// for "..." , else below the roots, a generated path by what it ends with.
func (ix *Index) resolve(from string, inc Include, roots []string) []string {
	if !inc.System {
		if p := path.Join(path.Dir(from), inc.Path); ix.files[p] != nil {
			return []string{p}
		}
	}
	found := ix.generatedFrom(inc.Path)
	own := archOf(from)
	for _, r := range roots {
		arch := archOf(r + "/")
		if own != "" && arch != "" && arch != own {
			continue
		}
		if p := path.Join(r, inc.Path); ix.files[p] != nil {
			found = append(found, p)
			if arch == "" || own != "" {
				break
			}
		}
	}
	return found
}

// generatedFrom finds the sources of a header that the build makes.
func (ix *Index) generatedFrom(name string) []string {
	pattern := generated[name]
	if rest, ok := strings.CutPrefix(name, "compat/"); ok && pattern == "" {
		pattern = Root + "/include/public/" + rest
	}
	if !strings.Contains(pattern, "*") {
		if ix.files[pattern] == nil {
			return nil
		}
		return []string{pattern}
	}
	var found []string
	dir, base := path.Split(pattern)
	dir, _, _ = strings.Cut(dir, "*")
	for _, p := range ix.paths {
		if strings.HasPrefix(p, dir) && path.Base(p) == base {
			found = append(found, p)
		}
	}
	return found
}

// isUnit tells whether a file is compiled on its own into the hypervisor.
func isUnit(p string) bool {
	return (strings.HasSuffix(p, ".c") || strings.HasSuffix(p, ".S")) &&
		!strings.HasPrefix(p, Root+"/tools/") && !strings.HasPrefix(p, Root+"/scripts/")
}

// archOf is the architecture that a file belongs to, empty for common code.
func archOf(p string) string {
	rest, ok := strings.CutPrefix(p, Root+"/arch/")
	if !ok {
		return ""
	}
	arch, _, _ := strings.Cut(rest, "/")
	return arch
}
