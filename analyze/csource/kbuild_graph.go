package csource

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A buildGraph follows the rules of one build from its goals to the sources.
type buildGraph struct {
	tree      *makeTree
	arch      string
	recursive bool                // make -C folder, up to Xen 4.16
	runs      map[string]*makeRun // by folder below xen/
	seen      map[goalKey]bool
	known     map[string]bool // objects that have a unit
	units     []Unit
	inputs    []Unit
}

type goalKey struct{ folder, node string }

// A goal is a file to make, and what its dependants pass down to it.
type goal struct {
	node   string
	parent *goal  // whose target-specific variables it inherits
	object string // the object that is linked instead of this one
	init   bool
	depth  int
}

// walk follows a build as of Xen 4.17: xen/Makefile runs build.mk, which runs
// Rules.mk for every folder of ALL_OBJS and ALL_LIBS, always in xen/.
func (g *buildGraph) walk() {
	root := g.tree.run("", map[string]string{"CURDIR": treeRoot + "/xen"})
	root.include("Makefile", false)
	g.export(root)
	lists := root.expand("$(ALL_OBJS-y) $(ARCH_LIBS-y) $(ALL_LIBS-y)")

	top := g.enter(".")
	g.want(top, goal{node: "xen/arch/" + g.arch + "/include/asm/asm-offsets.h"})
	for name := range strings.FieldsSeq(lists) {
		g.want(top, goal{node: root.node(name)})
	}
}

// walkRecursive follows a build as of Xen 4.14 to 4.16: xen/Makefile runs
// Rules.mk in xen/arch/*, which runs it in the folders of ALL_OBJS.
func (g *buildGraph) walkRecursive(target string) {
	root := g.tree.run("", map[string]string{"CURDIR": treeRoot + "/xen"})
	root.include("Makefile", false)
	g.export(root)
	arch := g.enter("arch/" + g.arch)
	g.export(arch)
	g.want(arch, goal{node: arch.node(arch.expand("$(TARGET)-syms"))})
	// The include rule of $(TARGET) in xen/Makefile.
	source := path.Join("xen/arch", g.arch, target, "asm-offsets.c")
	if g.tree.has(source) {
		g.emit(arch, goal{node: "xen/asm-offsets.s"}, &makeRule{prereqs: []string{source},
			recipe: []string{"$(CC) $(filter-out -Wa$(comma)% -flto,$(c_flags))"}})
	}
}

// export keeps what the top-level make hands to those that it starts.
func (g *buildGraph) export(root *makeRun) {
	for name, on := range root.exports {
		if v, ok := root.vars[name]; ok && on {
			if !v.simple {
				v = makeVar{root.expand(v.value), true}
			}
			g.tree.exported[name] = v
		}
	}
}

// enter reads Rules.mk for a folder below xen/.
func (g *buildGraph) enter(folder string) *makeRun {
	if r := g.runs[folder]; r != nil {
		return r
	}
	dir := treeRoot + "/xen"
	vars := map[string]string{"CURDIR": dir, "obj": folder, "need-builtin": "1"}
	var r *makeRun
	if g.recursive {
		r = g.tree.run(folder, map[string]string{"CURDIR": dir + "/" + folder})
	} else {
		r = g.tree.run("", vars)
	}
	g.runs[folder] = r
	r.include(dir+"/Rules.mk", false)
	r.open, r.reading = nil, []string{path.Join("xen", folder)}
	return r
}

// collections are the files that gather a folder's objects; whoever needs one
// of another folder starts a make there.
var collections = []string{"built_in.o", "built_in_bin.o", "lib.a"}

func (g *buildGraph) folderOf(r *makeRun) string {
	if g.recursive {
		return r.dir
	}
	return r.vars["obj"].value
}

// want makes sure that everything a goal is made of is listed.
func (g *buildGraph) want(r *makeRun, w goal) {
	if g.tree.err != nil {
		return
	}
	if w.depth > maxMakeDepth {
		g.tree.fail("%s: expected rules at most %d deep", w.node, maxMakeDepth)
		return
	}
	folder := g.folderOf(r)
	if below, ok := strings.CutPrefix(path.Dir(w.node), "xen/"); ok && below != folder && slices.Contains(collections, path.Base(w.node)) {
		g.descend(below, w)
		return
	}
	key := goalKey{folder, w.node}
	if g.seen[key] || !g.tree.spend(64) {
		return
	}
	g.seen[key] = true
	rule := r.ruleFor(w.node)
	if rule == nil {
		if path.Ext(w.node) == ".o" && !g.known[w.node] {
			r.warn("nothing says how to make %s", w.node)
		}
		return
	}
	g.emit(r, w, rule)
	next := goal{parent: &w, init: w.init || path.Ext(w.node) == ".bin" || r.makesInit(rule), depth: w.depth + 1}
	for _, prereq := range rule.prereqs {
		next.node, next.object = prereq, ""
		if plain, ok := strings.CutSuffix(w.node, ".init.o"); ok && prereq == plain+".o" {
			next.object, next.init = w.node, true
		}
		g.want(r, next)
	}
}

// descend makes a goal in another folder.
func (g *buildGraph) descend(folder string, w goal) {
	r := g.enter(folder)
	if g.recursive {
		g.want(r, goal{node: w.node, depth: w.depth + 1})
		return
	}
	rule := r.explicit[r.node("__build")]
	if rule == nil {
		r.warn("Rules.mk has no __build")
		return
	}
	for _, node := range rule.prereqs {
		if _, isFolder := r.explicit[node+"/built_in.o"]; !isFolder {
			g.want(r, goal{node: node, depth: w.depth + 1})
		}
	}
}

// makesInit tells whether a rule moves the code of its object into init
// sections, as common/libelf/Makefile and common/libfdt/Makefile do.
func (r *makeRun) makesInit(rule *makeRule) bool {
	for _, line := range rule.recipe {
		if strings.Contains(line, ",objcopy)") && strings.Contains(r.value("OBJCOPYFLAGS"), ".text=.init.text") {
			return true
		}
	}
	return false
}

// emit lists the unit or input that a rule makes of its first prerequisite.
func (g *buildGraph) emit(r *makeRun, w goal, rule *makeRule) {
	if len(rule.prereqs) == 0 || !rule.hasRecipe && len(rule.recipe) == 0 {
		return
	}
	source := rule.prereqs[0]
	asm := path.Ext(source) != ".c"
	list := &g.units
	object := w.node
	switch from, to := path.Ext(source), path.Ext(w.node); {
	case to == ".o" && (from == ".c" || from == ".S" || from == ".ihex"):
	case to == ".S" && from == ".c": // by way of an object: arch/x86/boot/build32.mk
		object = strings.TrimSuffix(w.node, ".S") + ".o"
		w.init = true
	case (to == ".s" || to == ".i" || to == ".lds") && (from == ".c" || from == ".S"):
		list = &g.inputs
	default:
		return
	}
	if g.known[object] {
		return
	}
	g.known[object] = true
	u := Unit{Object: object, Init: w.init, Asm: asm, Source: g.follow(r, source)}
	if w.object != "" {
		u.Object = w.object
	}
	u.Object = strings.TrimPrefix(u.Object, "xen/")
	u.Defines = r.defines(&w, rule)
	*list = append(*list, u)
}

// follow gives the file that a source is a link to: one of the tree, or one
// that the build makes.
func (g *buildGraph) follow(r *makeRun, source string) string {
	if target, ok := readLink(g.tree.files, source); ok {
		return target
	}
	if rule := r.ruleFor(source); rule != nil && len(rule.prereqs) > 0 &&
		path.Base(rule.prereqs[0]) == path.Base(source) && g.tree.has(rule.prereqs[0]) {
		return rule.prereqs[0]
	}
	if target, ok := efiLink(source); ok && g.tree.linkEFI && !g.tree.real(source) {
		return target
	}
	return source
}

// readLink gives the file that a symbolic link leads to, with no link left in
// its path: earlier builds leave arch/x86/efi/boot.c, a link to
// source/common/efi/boot.c, where source is a link too.
func readLink(files fs.FS, name string) (string, bool) {
	linked := false
	parts := strings.Split(name, "/")
	for i, followed := 0, 0; i < len(parts); i++ {
		prefix := path.Join(parts[:i+1]...)
		target, err := fs.ReadLink(files, prefix)
		if err != nil {
			continue
		}
		if followed++; followed > 8 || path.IsAbs(target) {
			return "", false
		}
		rest := append([]string{path.Dir(prefix), target}, parts[i+1:]...)
		parts = strings.Split(path.Join(rest...), "/")
		linked, i = true, -1
	}
	return strings.Join(parts, "/"), linked
}

// ruleFor finds the rule that makes a file, or nil. Prerequisites of the part
// with the recipe come first.
func (r *makeRun) ruleFor(node string) *makeRule {
	explicit := r.explicit[node]
	if explicit != nil && explicit.hasRecipe {
		return explicit
	}
	if explicit == nil && r.tree.has(node) && isSource(node) {
		return nil
	}
	found := r.implicit(node, nil)
	switch {
	case found == nil:
		return explicit
	case explicit != nil:
		found.prereqs = append(found.prereqs, explicit.prereqs...)
	}
	return found
}

// isSource tells files that are written by people from those that are made.
func isSource(node string) bool {
	switch path.Ext(node) {
	case ".c", ".S", ".h", ".ihex":
		return true
	}
	return false
}

// implicit finds the pattern rule for a file (GNU make manual, 10.8): the one
// with the shortest stem among those whose prerequisites exist, else among
// those whose prerequisites can be made. chain holds the rules in use.
func (r *makeRun) implicit(node string, chain []*makeRule) *makeRule {
	type candidate struct {
		rule         *makeRule
		stem, folder string
	}
	var list []candidate
	for _, p := range r.patterns {
		if !p.hasRecipe || slices.Contains(chain, p) {
			continue
		}
		for _, target := range p.targets {
			if stem, folder, ok := matchNode(target, node); ok && stem != "" {
				list = append(list, candidate{p, stem, folder})
				break
			}
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return len(a.stem) - len(b.stem) })
	for _, chained := range []bool{false, true} {
		for _, c := range list {
			prereqs := make([]string, len(c.rule.prereqs))
			usable := true
			for i, prereq := range c.rule.prereqs {
				if before, after, wild := strings.Cut(prereq, "%"); wild {
					prereq = path.Join(c.folder, before+c.stem+after)
				}
				prereqs[i] = prereq
				if usable = r.canMake(prereq, append(chain, c.rule), chained); !usable {
					break
				}
			}
			if usable {
				return &makeRule{targets: []string{node}, prereqs: prereqs, recipe: c.rule.recipe,
					hasRecipe: true, stem: c.stem, at: c.rule.at}
			}
		}
	}
	return nil
}

// maxChain is how many pattern rules may follow each other; Xen needs three,
// for .bin from .lnk from .o from .c.
const maxChain = 5

func (r *makeRun) canMake(node string, chain []*makeRule, chained bool) bool {
	if r.explicit[node] != nil || isSource(node) && r.tree.has(node) {
		return true
	}
	if !isMade(node) && r.tree.has(node) {
		return true
	}
	return chained && len(chain) < maxChain && r.tree.spend(64) && r.implicit(node, chain) != nil
}

// isMade tells what only a build can have left in the tree.
func isMade(node string) bool {
	switch path.Ext(node) {
	case ".o", ".a", ".i", ".s", ".lnk", ".bin", ".lds":
		return !strings.HasSuffix(node, "build32.lds")
	}
	return false
}

// matchNode matches a path against a target pattern. One without a slash is
// matched against the base name, and the folder is put before what is made of
// the stem.
func matchNode(pattern, node string) (stem, folder string, ok bool) {
	if !strings.Contains(pattern, "/") {
		folder, node = path.Split(node)
	}
	stem, ok = matchPattern(pattern, node)
	return stem, folder, ok
}

// defines lists the -D options with which a goal is compiled.
func (r *makeRun) defines(w *goal, rule *makeRule) []string {
	r.auto = map[string]string{"@": r.name(w.node), "*": rule.stem, "<": r.name(rule.prereqs[0])}
	r.local = make(map[string]makeVar)
	r.inherit(w)
	defer func() { r.auto, r.local = nil, nil }()
	var out []string
	for _, line := range rule.recipe {
		for _, word := range shellWords(r.expand(command(line))) {
			if def, ok := strings.CutPrefix(word, "-D"); ok {
				out = append(out, known(def))
			}
		}
	}
	return out
}

// command gives what a recipe line runs: for $(call if_changed,NAME) and its
// variants in scripts/Kbuild.include, that is $(cmd_NAME).
func command(line string) string {
	_, rest, ok := strings.Cut(line, "$(call if_changed")
	if !ok {
		return line
	}
	end := closing(rest, 0, '(')
	if end < 0 {
		return line
	}
	args := splitArgs(rest[:end], 0)
	if len(args) < 2 {
		return line
	}
	return "$(cmd_" + strings.TrimSpace(args[1]) + ")"
}

// inherit sets the target-specific variables of a goal and of those that
// depend on it.
func (r *makeRun) inherit(w *goal) {
	if w.parent != nil {
		r.inherit(w.parent)
	}
	for _, patterns := range []bool{true, false} {
		for _, s := range r.specific {
			if strings.Contains(s.target, "%") != patterns {
				continue
			}
			if _, _, ok := matchNode(s.target, w.node); ok {
				r.setLocal(s.assignment)
			}
		}
	}
}

func (r *makeRun) setLocal(a assignment) {
	old, defined := r.local[a.name]
	if !defined {
		old, defined = r.vars[a.name]
	}
	switch a.op {
	case "=", ":=":
		r.local[a.name] = makeVar{a.value, a.op == ":="}
	case "?=":
		if !defined {
			r.local[a.name] = makeVar{value: a.value}
		}
	case "+=":
		if old.simple {
			old.value = strings.ReplaceAll(old.value, "$", "$$")
		}
		r.local[a.name] = makeVar{value: old.value + " " + a.value}
	}
}

// shellWords splits a command as a shell would, as far as quotes go.
func shellWords(s string) []string {
	var words []string
	var b strings.Builder
	var quote byte
	open := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, open = c, true
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
			open = true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if open {
				words = append(words, b.String())
				b.Reset()
				open = false
			}
		default:
			b.WriteByte(c)
			open = true
		}
	}
	if open {
		words = append(words, b.String())
	}
	return words
}
