// Package cpp preprocesses compiled units as the compiler would for one
// architecture and .config (C99 6.10 with the GNU extensions of GCC's cpp), and
// cuts the result into function definitions that can be compared.
//
// The compiler's own macros are those of GCC 12. Generated headers other than
// generated/autoconf.h are used where the tree has them; else the names that
// they define stay as they are. Text is compared, not meaning: it does not know
// types, and folds only what Xen's own macros make constant ("if ( 0 && ...").
package cpp

import (
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"lpready/analyze/csource"
)

// A Preprocessor works on the units of one tree. It is safe for concurrent use.
type Preprocessor struct {
	index  *csource.Index
	arch   string
	dirs   []string
	predef map[string]*macro

	parsed *parsed
}

// parsed holds files cut at their directives, for all trees that share them.
type parsed struct {
	mu    sync.Mutex
	files map[parsedKey]*source
}

// A parsedKey names a file's content: an index never changes the bytes that it
// holds, and shares them with the indexes made from it.
type parsedKey struct {
	path  string
	first *byte
}

// Limits of one unit; Xen's largest needs a tenth of either.
const (
	maxIncludeDepth = 200
	maxUnitTokens   = 20_000_000
	includeCost     = 2_000 // tokens that an #include counts for: files that include each other grow without end
)

// New prepares for the units of one base. Arch is a folder below
// xen/arch; cfg may be nil, which defines no option.
func New(index *csource.Index, arch string, cfg csource.Config) *Preprocessor {
	p := &Preprocessor{index: index, arch: arch, parsed: &parsed{files: map[parsedKey]*source{}}}
	inc := "xen/arch/" + arch + "/include"
	p.dirs = []string{"xen/include", inc, inc + "/asm/mach-generic", inc + "/asm/mach-default",
		"xen/arch/" + arch + "/include/generated", "xen/include/asm-" + arch + "/mach-generic"}
	p.predef = predefined(arch, cfg, assemblerFeatures(index, arch))
	return p
}

// With is the same preprocessor over a changed tree; files that are the same in
// both are not read again.
func (p *Preprocessor) With(index *csource.Index) *Preprocessor {
	q := *p
	q.index = index
	return &q
}

func predefined(arch string, cfg csource.Config, features []string) map[string]*macro {
	table := map[string]*macro{
		"__LINE__":    {name: "__LINE__", dynamic: 'L'},
		"__FILE__":    {name: "__FILE__", dynamic: 'F'},
		"__COUNTER__": {name: "__COUNTER__", dynamic: 'C'},
	}
	define := func(line string) {
		m := parseMacro(line, 0)
		if m != nil {
			table[m.name] = m
		}
	}
	for _, line := range gccMacros {
		define(line)
	}
	switch {
	case arch == "x86":
		define("__x86_64__ 1")
		define("XEN_IMG_OFFSET 0x200000")
	case cfg.On("CONFIG_ARM_32"):
		define("__arm__ 1")
	default:
		define("__aarch64__ 1")
	}
	for _, name := range features {
		define(name + " 1")
	}
	for key, value := range cfg {
		switch value {
		case "n":
		case "y", "m":
			define(key + " 1")
		default:
			define(key + " " + value)
		}
	}
	return table
}

// gccMacros are the macros of "gcc -std=gnu99 -O2 -dM -E" that Xen asks for,
// and those of Xen's own command line (xen/Makefile).
var gccMacros = []string{"__XEN__ 1", "BUILD_ID 1", "__STDC__ 1", "__STDC_VERSION__ 199901L", "__GNUC__ 12", "__GNUC_MINOR__ 2",
	"__GNUC_PATCHLEVEL__ 0", "__OPTIMIZE__ 1", "__LP64__ 1", "__CHAR_BIT__ 8", "__SIZEOF_LONG__ 8", "__SIZEOF_POINTER__ 8",
	"__ORDER_LITTLE_ENDIAN__ 1234", "__ORDER_BIG_ENDIAN__ 4321", "__BYTE_ORDER__ 1234", "__SIZE_TYPE__ long unsigned int",
	"__PTRDIFF_TYPE__ long int", "__INT_MAX__ 0x7fffffff", "__LONG_MAX__ 0x7fffffffffffffffL", "__SHRT_MAX__ 0x7fff", "__ELF__ 1",
	"__GNUC_STDC_INLINE__ 1", "__GCC_ASM_FLAG_OUTPUTS__ 1"}

var asFeature = regexp.MustCompile(`-D(HAVE_AS_[A-Z0-9_]+|HAVE_LD_[A-Z0-9_]+)\b`)

// assemblerFeatures lists what the arch's make files would define where the
// assembler knows an instruction (as-option-add); a current one knows them all.
func assemblerFeatures(index *csource.Index, arch string) []string {
	found := map[string]bool{}
	for _, name := range []string{"arch.mk", "Rules.mk", "Makefile"} {
		for _, m := range asFeature.FindAllSubmatch(index.Source("xen/arch/"+arch+"/"+name), -1) {
			found[string(m[1])] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// A source is a file cut at its directives, parsed once.
type source struct {
	path  string
	src   string
	dirs  []directive
	next  []int  // for if, elif and else: index of the next branch of the same #if
	guard string // include guard, empty if none
}

func (p *Preprocessor) file(name string) *source {
	data := p.index.Source(name)
	if data == nil {
		return nil
	}
	key := parsedKey{path: name}
	if len(data) > 0 {
		key.first = &data[0]
	}
	p.parsed.mu.Lock()
	defer p.parsed.mu.Unlock()
	f := p.parsed.files[key]
	if f == nil {
		f = newSource(name, string(data))
		p.parsed.files[key] = f
	}
	return f
}

func newSource(name, src string) *source {
	f := &source{path: name, src: src, dirs: directives(src)}
	f.next = make([]int, len(f.dirs))
	var open []int
	for i := range f.dirs {
		d := &f.dirs[i]
		f.next[i] = len(f.dirs)
		switch d.name {
		case "define":
			d.macro = parseMacro(d.rest, d.line)
		case "if", "ifdef", "ifndef":
			open = append(open, i)
		case "elif", "else", "endif":
			if len(open) == 0 {
				continue
			}
			f.next[open[len(open)-1]] = i
			open[len(open)-1] = i
			if d.name == "endif" {
				open = open[:len(open)-1]
			}
		}
	}
	f.guard = f.findGuard()
	return f
}

func (f *source) findGuard() string {
	n := len(f.dirs)
	if n < 3 || f.dirs[0].name != "ifndef" || f.dirs[1].name != "define" || f.next[0] != n-1 {
		return ""
	}
	name := firstWord(f.dirs[0].rest)
	if m := f.dirs[1].macro; m == nil || m.name != name {
		return ""
	}
	return name
}

func firstWord(text string) string {
	for _, t := range lex(nil, text, 0) {
		return t.text
	}
	return ""
}

// A Text is one unit after preprocessing.
type Text struct {
	Funcs []Func          // in the order of the unit
	Data  map[string]bool // identifiers in initialisers at file scope

	names map[string]*Func
}

// Unit preprocesses u and returns the functions of its source, of .c files that
// the source includes, and of the headers that want accepts.
func (p *Preprocessor) Unit(u csource.Unit, want func(header string) bool) *Text {
	r := &unitRun{p: p, want: want}
	r.macros = expander{table: &macroTable{base: p.predef, own: make(map[string]*macro, 1<<13)}, budget: maxUnitTokens}
	r.split.data = map[string]bool{}
	for _, d := range u.Defines {
		name, value, found := strings.Cut(strings.TrimPrefix(d, "-D"), "=")
		if !found {
			value = "1"
		}
		r.define(parseMacro(name+" "+value, 0))
	}
	r.own = path.Join("xen", path.Dir(u.Object))
	r.include("xen/include/xen/config.h", false)
	r.include(u.Source, true)
	r.flush()
	return &Text{Funcs: r.split.funcs, Data: r.split.data}
}

// A unitRun is the state while one unit is read.
type unitRun struct {
	p       *Preprocessor
	want    func(string) bool
	own     string // folder of the object, which is on the quoted search path (efi-common.mk)
	macros  expander
	split   splitter
	pending []tok // raw text not yet expanded
	parens  int
	depth   int
}

func (r *unitRun) define(m *macro) {
	if m != nil {
		r.macros.table.own[m.name] = m
	}
}

func (r *unitRun) include(name string, text bool) {
	f := r.p.file(name)
	if f == nil || r.depth >= maxIncludeDepth || r.macros.budget <= 0 {
		return
	}
	if f.guard != "" && r.macros.table.get(f.guard) != nil {
		return
	}
	r.macros.budget -= includeCost
	r.depth++
	r.read(f, text)
	r.depth--
}

// read runs the directives of f in order and collects the text between them.
func (r *unitRun) read(f *source, text bool) {
	var taken []bool // for each open #if: has a branch been taken
	at, line := 0, 1
	for i := 0; i < len(f.dirs); i++ {
		d := &f.dirs[i]
		if text {
			r.text(f, at, d.start, line)
		}
		at, line = d.end, d.line+strings.Count(f.src[d.start:d.end], "\n")
		r.macros.file = f.path
		switch d.name {
		case "if", "ifdef", "ifndef", "elif", "else", "endif":
			i, taken = r.branch(f, i, taken)
			if i < len(f.dirs) {
				d = &f.dirs[i]
				at, line = d.end, d.line+strings.Count(f.src[d.start:d.end], "\n")
			} else {
				at = len(f.src)
			}
		case "define":
			r.define(d.macro)
		case "undef":
			r.macros.table.own[firstWord(d.rest)] = nil
		case "include":
			r.directInclude(f, d)
		}
	}
	if text && at < len(f.src) {
		r.text(f, at, len(f.src), line)
	}
}

// branch handles a conditional at index i and returns the index of the directive
// behind which reading goes on.
func (r *unitRun) branch(f *source, i int, taken []bool) (int, []bool) {
	for i < len(f.dirs) {
		d := &f.dirs[i]
		enter := false
		switch d.name {
		case "if", "ifdef", "ifndef":
			enter = r.holds(d)
			taken = append(taken, enter)
		case "elif", "else":
			if len(taken) == 0 {
				return i, taken
			}
			if !taken[len(taken)-1] {
				enter = d.name == "else" || r.holds(d)
				taken[len(taken)-1] = enter
			}
		default:
			if len(taken) > 0 {
				taken = taken[:len(taken)-1]
			}
			return i, taken
		}
		if enter {
			return i, taken
		}
		i = f.next[i]
	}
	return i, taken
}

func (r *unitRun) holds(d *directive) bool {
	switch d.name {
	case "ifdef":
		return r.macros.table.get(firstWord(d.rest)) != nil
	case "ifndef":
		return r.macros.table.get(firstWord(d.rest)) == nil
	}
	return r.macros.condition(d.rest, d.line)
}

func (r *unitRun) directInclude(f *source, d *directive) {
	spec := strings.TrimSpace(d.rest)
	if spec == "" {
		return
	}
	if spec[0] != '"' && spec[0] != '<' {
		spec = ""
		for _, t := range r.macros.expand(nil, lex(nil, d.rest, d.line)) {
			spec += t.text
		}
	}
	name, quoted := includeName(spec)
	if name == "" || name == "generated/autoconf.h" { // .config stands in the predefined macros
		return
	}
	found := r.p.resolve(f.path, r.own, name, quoted)
	if found == "" { // a generated header that the tree does not have yet
		return
	}
	text := strings.HasSuffix(found, ".c") || r.want != nil && r.want(found)
	if text {
		r.flush()
	}
	r.include(found, text)
	if text {
		r.flush()
	}
}

func includeName(spec string) (name string, quoted bool) {
	if len(spec) < 3 {
		return "", false
	}
	closing := byte('>')
	if spec[0] == '"' {
		closing = '"'
	}
	end := strings.IndexByte(spec[1:], closing)
	if end < 0 {
		return "", false
	}
	return spec[1 : 1+end], spec[0] == '"'
}

// resolve follows Xen's -I options. Trees before 4.16 keep asm/ headers in
// include/asm-<arch>; asm-generic stands in for headers that an architecture
// takes over as they are (generic-y).
func (p *Preprocessor) resolve(from, own, name string, quoted bool) string {
	if quoted {
		for _, dir := range []string{path.Dir(from), own, "xen"} { // make runs the compiler in xen/
			if found := path.Join(dir, name); p.file(found) != nil {
				return found
			}
		}
	}
	for _, dir := range p.dirs {
		if found := path.Join(dir, name); p.file(found) != nil {
			return found
		}
	}
	if rest, ok := strings.CutPrefix(name, "asm/"); ok {
		for _, dir := range []string{"xen/include/asm-" + p.arch, "xen/include/asm-generic"} {
			if found := path.Join(dir, rest); p.file(found) != nil {
				return found
			}
		}
	}
	// Units of a few folders have -I options of their own, below that folder.
	for dir := path.Dir(from); fs.ValidPath(dir) && dir != "." && dir != "xen"; dir = path.Dir(dir) {
		for _, sub := range []string{"", "include", "ss"} {
			if found := path.Join(dir, sub, name); p.file(found) != nil {
				return found
			}
		}
	}
	for _, dir := range []string{"xen/common/efi", "xen/include/xen/libfdt"} {
		if found := path.Join(dir, name); p.file(found) != nil {
			return found
		}
	}
	return ""
}

// text takes plain C. A macro's arguments may run on behind a directive, so text
// with open parentheses waits for more.
func (r *unitRun) text(f *source, start, end, line int) {
	if start >= end {
		return
	}
	n := len(r.pending)
	r.pending = lex(r.pending, f.src[start:end], line)
	for _, t := range r.pending[n:] {
		switch {
		case t.is("("):
			r.parens++
		case t.is(")"):
			r.parens--
		}
	}
	r.split.file = f.path
	r.macros.file = f.path
	if r.parens <= 0 {
		r.flush()
	}
}

func (r *unitRun) flush() {
	if len(r.pending) > 0 {
		r.split.take(r.macros.expand(nil, r.pending))
	}
	r.pending = r.pending[:0]
	r.parens = 0
}
