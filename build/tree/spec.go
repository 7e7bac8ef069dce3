package tree

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A spec is what an RPM spec file says of the source: the archive, and the
// patches in the order in which %prep applies them.
type spec struct {
	name     string // the file, as errors call it
	archive  string // file name of Source0
	unnamed  error  // why that is not known
	patches  []item // as %prep applies them
	warnings []string
}

// parseSpec reads a spec file as far as the end of %prep, as rpm 4.14 to 4.20 do
// (the rpm reference manual: "Spec file format", "Macro syntax", "Autosetup").
//
// Macros are those of the spec itself and the given ones. The result is certain
// or there is none: a patch whose place, name or application hangs on something
// else (a macro of the distribution, the output of a command, a shell's if, a
// command that applies patches by itself) is an error that says on what. Other
// commands of %prep are not followed; there is a warning for each.
func parseSpec(name string, text []byte, define map[string]string) (*spec, error) {
	p := &specParser{
		spec: &spec{name: name}, macros: newMacros(define),
		files: map[string]map[int]declared{"source": {}, "patch": {}},
		next:  map[string]int{},
	}
	lines := strings.SplitAfter(string(text), "\n")
	for i := 0; i < len(lines); {
		p.line = i + 1
		logical := lines[i]
		i++
		for i < len(lines) && continues(logical) {
			if logical += lines[i]; len(logical) > maxText {
				return nil, p.errorf("more than %d bytes in one line: %w", maxText, errLimit)
			}
			i++
		}
		if err := p.read(strings.TrimRight(logical, "\r\n")); err != nil {
			return nil, err
		}
		if p.section == sectionAfter {
			break
		}
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return p.spec, nil
}

type specParser struct {
	*macros
	spec    *spec
	line    int // of the file, where the logical line starts
	section section
	levels  []level
	files   map[string]map[int]declared // "source" and "patch", by number
	order   []int                       // numbers of the patches as declared
	next    map[string]int              // number of the next source or patch without one
	prep    prep
}

type section int

const (
	sectionPreamble section = iota
	sectionOther            // a description, or what else stands before %prep
	sectionSources
	sectionPatches
	sectionPrep
	sectionAfter
)

// A declared is a line Source or Patch.
type declared struct {
	file    string // without the address before it
	line    int
	problem error // the name is not known, or whether the line counts
}

func (p *specParser) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format, append([]any{p.spec.name, p.line}, args...)...)
}

func (p *specParser) warnf(format string, args ...any) {
	const most = 100
	if len(p.spec.warnings) < most {
		p.spec.warnings = append(p.spec.warnings, fmt.Sprintf("%s:%d: "+format, append([]any{path.Base(p.spec.name), p.line}, args...)...))
	}
}

// unsure is the error for a line that decides something and may not count.
func (p *specParser) unsure(what string) error {
	return p.errorf("%s: it hangs on a condition that cannot be known here: %s; define what it asks for", what, p.doubt)
}

var directive = regexp.MustCompile(`^%([a-z_]+)\b`)

// read takes in one logical line.
func (p *specParser) read(line string) error {
	trimmed := strings.TrimSpace(line)
	word := ""
	if m := directive.FindStringSubmatch(trimmed); m != nil {
		word = m[1]
	}
	if done, err := p.condition(word, trimmed); done || err != nil {
		return err
	}
	if p.state() == no {
		return nil
	}
	if strings.HasPrefix(trimmed, "#") {
		return p.comment(trimmed)
	}
	if s, ok := sections[word]; ok && line[0] == '%' {
		return p.enter(s, trimmed)
	}
	switch {
	case word == "include" || word == "load":
		return p.errorf("%s: other files are not read", clip(trimmed))
	case word == "dnl":
		return nil
	case word == "bcond" || word == "bcond_with" || word == "bcond_without":
		return nil // its answer is unknown unless the user gave it
	case p.section == sectionPrep:
		return p.prepare(trimmed)
	}
	r, err := p.expand(line)
	if err != nil {
		return p.errorf("%w", err)
	}
	switch p.section {
	case sectionPreamble:
		return p.tag(r)
	case sectionSources:
		return p.declare("source", "", r)
	case sectionPatches:
		return p.declare("patch", "", r)
	}
	return nil
}

var escapes = regexp.MustCompile(`(^|[^%])%(autosetup|autopatch)\b`)

// comment refuses one thing: rpm expands macros in comments, and those of
// several lines escape from them.
func (p *specParser) comment(line string) error {
	if p.section == sectionPrep && escapes.MatchString(line) {
		return p.errorf("%s: a macro in a comment, which takes effect or not with the release of rpm; write %%%% there", clip(line))
	}
	return nil
}

var sections = map[string]section{
	"description": sectionOther, "package": sectionPreamble, "sourcelist": sectionSources, "patchlist": sectionPatches,
	"prep": sectionPrep, "generate_buildrequires": sectionAfter, "conf": sectionAfter, "build": sectionAfter,
	"install": sectionAfter, "check": sectionAfter, "clean": sectionAfter, "files": sectionOther, "changelog": sectionOther,
	"pre": sectionOther, "post": sectionOther, "preun": sectionOther, "postun": sectionOther,
	"pretrans": sectionOther, "posttrans": sectionOther, "verifyscript": sectionOther, "triggerin": sectionOther,
	"triggerun": sectionOther, "triggerpostun": sectionOther, "triggerprein": sectionOther,
}

func (p *specParser) enter(s section, line string) error {
	if p.doubt != "" && s != sectionPreamble && s != sectionOther {
		return p.unsure(clip(line))
	}
	if p.section == sectionPrep && s != sectionPrep {
		s = sectionAfter
	}
	p.section = s
	return nil
}

var tagLine = regexp.MustCompile(`^\s*([A-Za-z]+)([0-9]*)\s*:\s*(.*?)\s*$`)

// tag reads a line of a preamble, "Name: value".
func (p *specParser) tag(r reading) error {
	m := tagLine.FindStringSubmatch(r.text)
	if m == nil {
		return nil
	}
	switch name := strings.ToLower(m[1]); name {
	case "name", "version", "release", "epoch":
		if m[2] != "" {
			return nil
		}
		for _, macro := range []string{name, strings.ToUpper(name)} {
			_, before := p.table[macro]
			switch {
			case p.doubt != "":
				p.lose(macro, p.doubt)
			case !r.known():
				p.lose(macro, r.why())
			case before && p.table[macro].body != m[3]: // of a subpackage
				p.lose(macro, name+", given twice")
			default:
				p.set(macro, m[3])
			}
		}
	case "source", "patch":
		r.text = m[3]
		return p.declare(name, m[2], r)
	}
	return nil
}

// declare takes in a source or a patch; number is empty where rpm counts.
func (p *specParser) declare(kind, number string, r reading) error {
	words := strings.Fields(r.text)
	if len(words) == 0 {
		return nil
	}
	n := p.next[kind]
	if number != "" {
		var err error
		if n, err = strconv.Atoi(number); err != nil {
			return p.errorf("%s %s: expected a number below 2147483648", kind, clip(number))
		}
	}
	what := fmt.Sprintf("%s %d", kind, n)
	var problem error
	switch {
	case p.doubt != "":
		problem = p.unsure(what)
	case !r.known():
		problem = p.errorf("%s: %s: not known here: %s; define it", what, clip(r.text), r.why())
	case len(words) > 1:
		problem = p.errorf("%s: %s: expected one file", what, clip(r.text))
	}
	if problem != nil && (kind == "patch" || number == "") {
		return problem // its place in the order, or that of those after it
	}
	file := path.Base(words[0])
	if kind == "patch" && (file == "." || file == ".." || file == "/") {
		return p.errorf("%s: %s: expected a file", what, clip(r.text))
	}
	if first, twice := p.files[kind][n]; twice {
		return p.errorf("%s is given twice; the first one is in line %d", what, first.line)
	}
	const most = 10_000
	if len(p.files[kind]) >= most {
		return p.errorf("more than %d lines %s: %w", most, kind, errLimit)
	}
	p.files[kind][n] = declared{file, p.line, problem}
	p.next[kind] = n + 1
	if kind == "patch" {
		p.order = append(p.order, n)
	}
	return nil
}

// finish checks that the spec said what is needed.
func (p *specParser) finish() error {
	p.line = 0
	if len(p.levels) > 0 && p.section != sectionAfter {
		return fmt.Errorf("%s:%d: %s without %%endif", p.spec.name, p.levels[0].line, clip(p.levels[0].text))
	}
	if !p.prep.unpacked {
		return fmt.Errorf("%s: no %%setup or %%autosetup in %%prep; expected a spec that unpacks Source0", p.spec.name)
	}
	source, ok := p.files["source"][0]
	if !ok {
		return fmt.Errorf("%s: no Source0; expected the archive of Xen", p.spec.name)
	}
	p.spec.archive, p.spec.unnamed = source.file, source.problem
	var left []string
	for _, n := range p.order {
		if !p.prep.applied[n] {
			left = append(left, strconv.Itoa(n))
		}
	}
	if len(left) > 0 {
		p.spec.warnings = append(p.spec.warnings, fmt.Sprintf("%s: patches that %%prep does not apply: %s", path.Base(p.spec.name), strings.Join(left, " ")))
	}
	return nil
}

// A tri is yes, no, or not known.
type tri int

const (
	no tri = iota
	maybe
	yes
)

// A level is an %if that is open.
type level struct {
	text  string // of the %if, %elif or %else
	line  int    // of the %if
	taken tri    // a branch before this one
	now   tri    // this branch
	doubt string // of the lines before the %if
	why   string // what decides, where it is not known
	last  bool   // %else was seen
}

// state tells whether the line at hand counts.
func (p *specParser) state() tri {
	s := yes
	for _, l := range p.levels {
		s = min(s, l.now)
	}
	return s
}

// condition follows %if and its kin, and tells whether the line was one.
func (p *specParser) condition(word, line string) (bool, error) {
	argument := strings.TrimSpace(strings.TrimPrefix(line, "%"+word))
	top := len(p.levels) - 1
	if top < 0 && (strings.HasPrefix(word, "el") || word == "endif") && slices.Contains([]string{"else", "elif", "elifarch", "elifos", "endif"}, word) {
		return true, p.errorf("%%%s without %%if", word)
	}
	switch word {
	case "if", "ifarch", "ifnarch", "ifos", "ifnos":
		if len(p.levels) >= maxDepth {
			return true, p.errorf("more than %d conditions in each other: %w", maxDepth, errLimit)
		}
		p.levels = append(p.levels, level{line: p.line, doubt: p.doubt, taken: no})
		return true, p.branch(word, argument, line)
	case "elif", "elifarch", "elifos":
		if p.levels[top].last {
			return true, p.errorf("%%%s after %%else", word)
		}
		return true, p.branch(strings.TrimPrefix(word, "el"), argument, line)
	case "else":
		if p.levels[top].last {
			return true, p.errorf("%%else after %%else")
		}
		p.levels[top].last = true
		return true, p.branch(word, argument, line)
	case "endif":
		p.doubt = p.levels[top].doubt
		p.levels = p.levels[:top]
		return true, nil
	}
	return false, nil
}

// branch opens a branch of the innermost condition.
func (p *specParser) branch(word, argument, line string) error {
	l := &p.levels[len(p.levels)-1]
	l.taken = max(l.taken, l.now)
	l.now, l.text, p.doubt = no, line, l.doubt
	if l.taken == yes || p.outer() == no {
		return nil
	}
	holds, err := p.holds(l, word, argument)
	if err != nil {
		return err
	}
	if l.now = holds; l.now == yes && l.taken == maybe {
		l.now = maybe
	}
	if l.now == maybe {
		p.doubt = fmt.Sprintf("line %d, %s (%s)", p.line, clip(line), l.why)
	}
	return nil
}

// outer is the state around the innermost condition.
func (p *specParser) outer() tri {
	s := yes
	for _, l := range p.levels[:len(p.levels)-1] {
		s = min(s, l.now)
	}
	return s
}

// holds evaluates a condition.
func (p *specParser) holds(l *level, word, argument string) (tri, error) {
	if word == "else" {
		return yes, nil
	}
	if strings.HasSuffix(word, "os") {
		l.why = "the operating system"
		return maybe, nil
	}
	r, err := p.expand(argument)
	if err != nil {
		return no, p.errorf("%w", err)
	}
	if strings.HasSuffix(word, "arch") {
		return p.arch(l, r, word == "ifnarch"), nil
	}
	if !r.known() {
		l.why = "unknown: " + r.why()
		return maybe, nil
	}
	v, err := evaluate(r.text)
	switch {
	case err != nil:
		l.why = err.Error()
		return maybe, nil
	case v.truth():
		return yes, nil
	}
	return no, nil
}

// arch is %ifarch and %ifnarch: is the processor that is built for in the list?
func (p *specParser) arch(l *level, r reading, not bool) tri {
	cpu, given := p.table["_target_cpu"]
	if !given {
		l.why = "unknown: _target_cpu"
		return maybe
	}
	in := slices.Contains(strings.FieldsFunc(r.text, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' }), cpu.body)
	switch {
	case !in && !r.known():
		l.why = "unknown: " + r.why()
		return maybe
	case in != not:
		return yes
	}
	return no
}
