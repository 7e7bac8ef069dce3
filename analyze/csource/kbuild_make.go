package csource

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// treeRoot is the name by which the Makefiles see the tree (XEN_ROOT).
const treeRoot = "/xentree"

// unknownText stands for what a shell command would print; whoever decides
// something on it, warns.
const unknownText = "\x00"

// A makeTree is what all make runs over one tree share.
type makeTree struct {
	files    fs.FS
	config   Config
	fixed    map[string]string // variables that no Makefile can change
	exported map[string]makeVar
	lines    map[string][]makeLine
	exists   map[string]bool
	linkEFI  bool // the build makes links to common/efi/*.c in arch/*/efi
	work     int
	warnings []string
	warned   map[string]bool
	err      error
}

// A makeVar is the value of a variable; simple ones (:=) are not expanded
// again.
type makeVar struct {
	value  string
	simple bool
}

// A makeRun is one invocation of make: its variables and rules, read but not
// run. Targets and prerequisites are paths in the tree.
type makeRun struct {
	tree     *makeTree
	dir      string // working folder below xen/
	vars     map[string]makeVar
	explicit map[string]*makeRule
	patterns []*makeRule
	specific []specificVar
	exports  map[string]bool
	inRule   bool        // a rule was read: lines with a tab are its recipe
	open     []*makeRule // the rules that recipe lines go to
	reading  []string    // stack of the files that are being read
	line     int
	depth    int
	scope    []binding // arguments of $(call), loop variables
	busy     map[string]bool
	auto     map[string]string  // $@, $<, $* while a recipe is expanded
	local    map[string]makeVar // target-specific variables, likewise
}

// A makeRule is an explicit rule, or a pattern rule with its target patterns.
type makeRule struct {
	targets   []string
	prereqs   []string
	recipe    []string
	hasRecipe bool
	stem      string
	at        string
}

// A specificVar is a target- or pattern-specific variable (GNU make manual,
// 6.11 and 6.12); target is a path, or a pattern.
type specificVar struct {
	target string
	assignment
}

type binding struct{ name, value string }

func newMakeTree(files fs.FS, cfg Config, fixed map[string]string) *makeTree {
	return &makeTree{
		files: files, config: cfg, fixed: fixed,
		exported: make(map[string]makeVar), lines: make(map[string][]makeLine),
		exists: make(map[string]bool), warned: make(map[string]bool),
	}
}

// run prepares an invocation of make in a folder below xen/, with the
// exported variables of the top-level one and with vars on its command line.
func (t *makeTree) run(dir string, vars map[string]string) *makeRun {
	r := &makeRun{
		tree: t, dir: dir, vars: make(map[string]makeVar, 512),
		explicit: make(map[string]*makeRule), exports: make(map[string]bool), busy: make(map[string]bool),
	}
	for name, value := range t.config {
		r.vars[name] = makeVar{value, true}
	}
	for name, v := range t.exported {
		r.vars[name] = v
	}
	for name, value := range vars {
		r.vars[name] = makeVar{value, true}
	}
	return r
}

func (t *makeTree) fail(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf(format, args...)
	}
}

// spend counts work against the limit.
func (t *makeTree) spend(n int) bool {
	if t.work += n + 8; t.work > maxMakeWork {
		t.fail("expected Makefiles that expand to at most %d bytes", maxMakeWork)
	}
	return t.err == nil
}

// has tells whether the tree holds a regular file of this path, or will hold
// it before the compiler runs.
func (t *makeTree) has(name string) bool {
	if t.real(name) {
		return true
	}
	target, ok := efiLink(name)
	return ok && t.linkEFI && t.real(target)
}

// efiLink gives what a source below arch/*/efi is a link to, which the recipe
// for $(TARGET) in xen/Makefile makes up to Xen 4.16.
func efiLink(name string) (target string, ok bool) {
	if dir := path.Dir(name); path.Ext(name) != ".c" || path.Base(dir) != "efi" || path.Dir(path.Dir(dir)) != "xen/arch" {
		return "", false
	}
	return path.Join("xen/common/efi", path.Base(name)), true
}

// real tells whether the tree holds a regular file of this path.
func (t *makeTree) real(name string) bool {
	found, ok := t.exists[name]
	if !ok {
		info, err := fs.Stat(t.files, name)
		found = err == nil && !info.IsDir()
		t.exists[name] = found
	}
	return found
}

func (r *makeRun) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if at := r.where(); at != "" {
		text = at + ": " + text
	}
	if !r.tree.warned[text] {
		r.tree.warned[text] = true
		r.tree.warnings = append(r.tree.warnings, text)
	}
}

// where names the place that is being read, for messages.
func (r *makeRun) where() string {
	if len(r.reading) == 0 || r.line == 0 {
		return strings.Join(r.reading[max(0, len(r.reading)-1):], "")
	}
	return fmt.Sprintf("%s:%d", r.reading[len(r.reading)-1], r.line)
}

// node turns a name in a Makefile into a path in the tree.
func (r *makeRun) node(name string) string {
	if rest, ok := strings.CutPrefix(name, treeRoot+"/"); ok {
		return path.Clean(rest)
	}
	if path.IsAbs(name) {
		return name
	}
	return path.Join("xen", r.dir, name)
}

// name turns a path in the tree into the name by which recipes know it.
func (r *makeRun) name(node string) string {
	if rest, ok := strings.CutPrefix(node, path.Join("xen", r.dir)+"/"); ok {
		return rest
	}
	return treeRoot + "/" + node
}

// patternNode is node for patterns; one without a slash stays as it is, it
// matches in every folder.
func (r *makeRun) patternNode(pattern string) string {
	if !strings.Contains(pattern, "/") {
		return pattern
	}
	return r.node(pattern)
}

// include reads a Makefile. What earlier builds leave behind and the
// configuration are not read: Config stands for the latter.
func (r *makeRun) include(name string, optional bool) {
	node := r.node(name)
	if strings.Contains(node, "include/config/") || strings.HasSuffix(node, ".cmd") ||
		strings.HasSuffix(node, ".d") || strings.HasSuffix(node, ".d2") || strings.HasSuffix(node, "/.config") {
		return
	}
	lines, ok := r.tree.lines[node]
	if !ok {
		data, err := readLimited(r.tree.files, node, maxMakefile)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid):
			// Without the folder above xen/ there is no Config.mk; what
			// counts of it stands in the fixed variables.
			if !optional && node != "Config.mk" {
				r.warn("included file %s does not exist", node)
			}
		case err != nil:
			r.tree.fail("%w", err)
			return
		}
		lines = splitMake(string(data))
		r.tree.lines[node] = lines
	}
	if len(r.reading) >= maxMakeDepth {
		r.tree.fail("%s: expected files included at most %d deep", r.where(), maxMakeDepth)
		return
	}
	line := r.line
	r.reading = append(r.reading, node)
	r.endRule()
	r.read(lines)
	r.reading = r.reading[:len(r.reading)-1]
	r.line = line
	r.endRule()
}

// endRule makes lines with a tab ordinary lines again.
func (r *makeRun) endRule() { r.inRule, r.open = false, nil }

// readLimited reads a file of at most max bytes.
func readLimited(files fs.FS, name string, max int64) ([]byte, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > max {
		return nil, fmt.Errorf("%s: expected at most %d bytes", name, max)
	}
	return fs.ReadFile(files, name)
}

// A branch is one open conditional.
type branch struct{ active, done, outer bool }

// read evaluates logical lines.
func (r *makeRun) read(lines []makeLine) {
	var branches []branch
	active := func() bool { return len(branches) == 0 || branches[len(branches)-1].active }
	for _, l := range lines {
		if !r.tree.spend(len(l.text)) {
			return
		}
		r.line = l.num
		if l.tab && r.inRule {
			if active() {
				r.addRecipe(strings.TrimLeft(l.text, "\t"))
			}
			continue
		}
		text := strings.TrimLeft(stripComment(l.text), " \t")
		word, rest := cutWord(text)
		switch word {
		case "ifeq", "ifneq", "ifdef", "ifndef":
			b := branch{outer: active()}
			b.active = b.outer && r.condition(word, rest)
			b.done = b.active
			branches = append(branches, b)
			continue
		case "else":
			if len(branches) == 0 {
				r.warn("else without a conditional")
				continue
			}
			b := &branches[len(branches)-1]
			b.active = b.outer && !b.done
			if word, rest := cutWord(rest); b.active && word != "" {
				b.active = r.condition(word, rest)
			}
			b.done = b.done || b.active
			continue
		case "endif":
			if len(branches) == 0 {
				r.warn("endif without a conditional")
				continue
			}
			branches = branches[:len(branches)-1]
			continue
		}
		if word != "" && active() {
			r.statement(text, l.body)
		}
	}
	if len(branches) > 0 {
		r.warn("a conditional is not closed")
	}
}

func (r *makeRun) condition(word, rest string) bool {
	switch word {
	case "ifdef", "ifndef":
		v, ok := r.lookup(strings.TrimSpace(r.expand(rest)))
		return (ok && v.value != "") == (word == "ifdef")
	case "ifeq", "ifneq":
		a, b, ok := condArgs(rest)
		if !ok {
			r.warn("conditional %q is not understood, taken as false", rest)
			return false
		}
		a, b = r.expand(a), r.expand(b)
		if strings.Contains(a+b, unknownText) {
			r.warn("conditional depends on a shell command, which is taken to print nothing")
			a, b = known(a), known(b)
		}
		return (a == b) == (word == "ifeq")
	}
	r.warn("conditional %q is not understood, taken as false", word)
	return false
}

func known(s string) string { return strings.ReplaceAll(s, unknownText, "") }

// statement evaluates a line that is no conditional: a directive, an
// assignment or a rule.
func (r *makeRun) statement(text, body string) {
	word, rest := cutWord(text)
	switch word {
	case "override", "private":
		r.statement(rest, body)
		return
	case "export", "unexport":
		if a, ok := parseAssignment(rest); ok {
			r.assign(a)
			r.exports[strings.TrimSpace(r.expand(a.name))] = true
		} else if w, _ := cutWord(rest); w == "define" {
			r.statement(rest, body)
		} else {
			for name := range strings.FieldsSeq(r.expand(rest)) {
				r.exports[name] = word == "export"
			}
		}
		return
	case "define":
		r.endRule()
		name := strings.TrimRight(strings.TrimSpace(rest), ":+?= \t")
		r.set(strings.TrimSpace(r.expand(name)), makeVar{value: body})
		return
	case "include", "-include", "sinclude":
		r.endRule()
		for name := range strings.FieldsSeq(r.expand(rest)) {
			if strings.Contains(name, unknownText) {
				r.warn("cannot tell which file is included")
				continue
			}
			r.include(name, word != "include")
		}
		return
	case "undefine":
		delete(r.vars, strings.TrimSpace(r.expand(rest)))
		return
	case "vpath":
		r.warn("vpath is not supported")
		return
	}
	if a, ok := parseAssignment(text); ok {
		r.endRule()
		r.assign(a)
		return
	}
	r.rule(text)
}

func (r *makeRun) assign(a assignment) {
	name := strings.TrimSpace(r.expand(a.name))
	old, defined := r.vars[name]
	switch a.op {
	case "=":
		r.set(name, makeVar{value: a.value})
	case ":=":
		r.set(name, makeVar{r.expand(a.value), true})
	case "?=":
		if !defined {
			r.set(name, makeVar{value: a.value})
		}
	case "+=":
		if old.simple {
			a.value = r.expand(a.value)
		}
		if old.value != "" {
			a.value = old.value + " " + a.value
		}
		r.set(name, makeVar{a.value, old.simple})
	case "!=":
		r.set(name, makeVar{r.shell(r.expand(a.value)), true})
	}
}

func (r *makeRun) set(name string, v makeVar) {
	if len(v.value) > maxMakeString {
		r.tree.fail("%s: expected a value of at most %d bytes", r.where(), maxMakeString)
		return
	}
	if r.tree.spend(len(v.value)) {
		r.vars[name] = v
	}
}
