package factor

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// A view is what the rules look at: the changed files that belong to this
// base's hypervisor, reduced to what its configuration compiles, and the files
// that do not, with the reason.
type view struct {
	changes []*change // hypervisor files with live changes, in order of path
	idle    []idle    // changed files, or parts of them, without effect on this base
	units   map[string][]csource.Unit
	extra   map[string]bool // CONFIG_ names that headers define outside Kconfig

	// Derived when first asked for.
	initNames          map[string][]place // what lives in init sections
	lineMacros         map[string]bool    // macros whose expansion holds __LINE__
	hidden             map[string]string  // macros that define a static variable, and its section
	oldSizes, newSizes *sizes
}

// A change is one changed file that can have an effect on this base. Its Delta
// holds only what the configuration compiles and what is more than comments,
// white space and compile-time assertions.
type change struct {
	csource.Delta
	before, after       *csource.File // nil where the file is new or gone
	src, newSrc         []byte
	oldLines, newLines  []csource.Span // changed lines
	oldActive, isActive *activity      // of src and newSrc
	seen                []string       // objects that compile it; nil if unknown
}

// An idle file, or part of one, changes nothing on this base.
type idle struct {
	path, symbol string
	line         int
	kind         idleKind
	why          string
}

type idleKind uint8

const (
	idleElsewhere idleKind = iota // not hypervisor code
	idleDocs
	idleArch
	idleConfig
	idleNothing // comments, white space, compile-time checks
)

// A place is a definition.
type place struct {
	path   string
	line   int
	static bool
}

func (in *Input) arch() string { return cmp.Or(in.Arch, "x86") }

// facts derives the view once.
func (in *Input) facts() *view {
	if in.view != nil {
		return in.view
	}
	v := &view{}
	in.view = v
	if in.Units != nil {
		v.units = make(map[string][]csource.Unit)
		for _, u := range in.Units {
			v.units[u.Source] = append(v.units[u.Source], u)
		}
	}
	v.extra = in.headerOptions()
	for _, c := range in.allChanges() {
		in.sort(v, c)
	}
	slices.SortStableFunc(v.changes, func(a, b *change) int { return strings.Compare(a.Path, b.Path) })
	return v
}

// activity says which lines of a file the configuration keeps.
func (in *Input) activity(name string, src []byte) *activity {
	return activityOf(src, configured(in.Config, in.arch(), path.Ext(name), in.facts().extra))
}

// headerOptions lists CONFIG_ names that headers define outside Kconfig.
func (in *Input) headerOptions() map[string]bool {
	extra := make(map[string]bool)
	for _, ix := range []*csource.Index{in.Before, in.After} {
		if ix == nil {
			continue
		}
		for _, name := range []string{"xen/include/xen/config.h", "xen/include/xen/efi.h",
			"xen/arch/" + in.arch() + "/include/asm/config.h", "xen/include/asm-" + in.arch() + "/config.h"} {
			file := ix.File(name)
			if file == nil {
				continue
			}
			for _, m := range file.Macros {
				if strings.HasPrefix(m.Name, "CONFIG_") {
					extra[m.Name] = true
				}
			}
		}
	}
	return extra
}

// allChanges pairs every changed file with its sources: from the index, or
// rebuilt from the hunks.
func (in *Input) allChanges() []*change {
	if in.After == nil {
		return fragments(in.Patches)
	}
	var list []*change
	known := make(map[string]bool)
	for _, d := range in.Deltas {
		known[d.Path] = true
		list = append(list, in.pair(d))
	}
	for i := range in.Patches { // files that no index holds: docs, Makefiles, tools
		for j := range in.Patches[i].Files {
			f := &in.Patches[i].Files[j]
			if name := f.Name(); !known[name] {
				known[name] = true
				list = append(list, &change{Delta: csource.Delta{Path: name}})
			}
		}
	}
	return list
}

func (in *Input) pair(d csource.Delta) *change {
	c := &change{Delta: d, after: in.After.File(d.Path), newSrc: in.After.Source(d.Path)}
	if in.Before != nil {
		c.before, c.src = in.Before.File(d.Path), in.Before.Source(d.Path)
	}
	c.oldLines, c.newLines = changedLines(d.Lines, lineCount(c.src), lineCount(c.newSrc))
	return c
}

func lineCount(src []byte) int {
	n := strings.Count(string(src), "\n")
	if len(src) > 0 && src[len(src)-1] != '\n' {
		n++
	}
	return n
}

// changedLines is the complement of the runs that are the same on both sides.
func changedLines(same []csource.LineMove, oldCount, newCount int) (before, after []csource.Span) {
	oldNext, newNext := 1, 1
	add := func(list []csource.Span, from, to int) []csource.Span {
		if from <= to {
			list = append(list, csource.Span{Start: from, End: to})
		}
		return list
	}
	for _, m := range same {
		before, after = add(before, oldNext, m.Old-1), add(after, newNext, m.New-1)
		oldNext, newNext = m.Old+m.Count, m.New+m.Count
	}
	return add(before, oldNext, oldCount), add(after, newNext, newCount)
}

// sort puts a changed file where it belongs.
func (in *Input) sort(v *view, c *change) {
	scope := Scope(c.Path)
	switch arch, hypervisor := strings.CutPrefix(scope, "hypervisor/"); {
	case scope == scopeDocs:
		v.idle = append(v.idle, idle{path: c.Path, kind: idleDocs, why: "documentation"})
	case !hypervisor:
		v.idle = append(v.idle, idle{path: c.Path, kind: idleElsewhere, why: scope})
	case arch != "common" && arch != in.arch():
		v.idle = append(v.idle, idle{path: c.Path, kind: idleArch, why: arch})
	default:
		in.sortHypervisor(v, c)
	}
}

func (in *Input) sortHypervisor(v *view, c *change) {
	compiled := isSource(c.Path) || isHeader(c.Path)
	if compiled && in.Units != nil && c.generates() == "" && !strings.HasSuffix(c.Path, ".lds.S") {
		c.seen = in.objects(v, c.Path)
		if len(c.seen) == 0 && in.leftOut(c) {
			v.idle = append(v.idle, idle{path: c.Path, kind: idleConfig, why: in.whyNotBuilt(c.Path)})
			return
		}
	}
	c.oldActive, c.isActive = in.activity(c.Path, c.src), in.activity(c.Path, c.newSrc)
	parts := in.reduce(c)
	v.idle = append(v.idle, parts...)
	if !compiled || c.effective() {
		v.changes = append(v.changes, c)
		return
	}
	if len(parts) == 0 {
		v.idle = append(v.idle, idle{path: c.Path, kind: idleNothing,
			why: "only comments, declarations, new constants or compile-time checks"})
	}
}

func isHeader(name string) bool { return path.Ext(name) == ".h" }

func isSource(name string) bool { return path.Ext(name) == ".c" || path.Ext(name) == ".S" }

// objects lists the compiled objects that see a file.
func (in *Input) objects(v *view, name string) []string {
	var objects []string
	add := func(source string) {
		for _, u := range v.units[source] {
			objects = append(objects, u.Object)
		}
	}
	add(name)
	for _, ix := range []*csource.Index{in.Before, in.After} {
		if ix == nil {
			continue
		}
		for _, source := range ix.Includers(name) {
			add(source)
		}
	}
	if rest, ok := strings.CutPrefix(name, "xen/common/efi/"); ok { // linked into arch/*/efi at build time
		add("xen/arch/" + in.arch() + "/efi/" + rest)
	}
	slices.Sort(objects)
	return slices.Compact(objects)
}

// leftOut tells whether a file that no compiled object sees is known to stay out
// of this base. A header that nothing includes may be included by a name that
// the index cannot resolve, and a new file may be missing from Units.
func (in *Input) leftOut(c *change) bool {
	switch {
	case isHeader(c.Path):
		return len(in.After.Includers(c.Path)) > 0 || in.Before != nil && len(in.Before.Includers(c.Path)) > 0
	case c.before == nil:
		return strings.Contains(in.whyNotBuilt(c.Path), "CONFIG_")
	}
	return true
}

// effective tells whether anything is left that the compiler would see.
func (c *change) effective() bool {
	d := &c.Delta
	if path.Ext(c.Path) == ".S" {
		return len(c.oldLines)+len(c.newLines) > 0
	}
	types := slices.ContainsFunc(d.Types, func(t csource.TypeChange) bool { return t.Old != nil && t.New != nil })
	return len(d.Funcs)+len(d.Vars)+len(d.Statics)+len(d.Calls) > 0 || types || c.macroEffect() || d.Lost || d.Asm
}

// macroEffect tells whether a macro that code may use changes its meaning. A
// new name changes nothing by itself: what uses it is listed on its own.
func (c *change) macroEffect() bool {
	return slices.ContainsFunc(c.Macros, func(m csource.MacroChange) bool { return m.Old != nil && m.New != nil })
}
