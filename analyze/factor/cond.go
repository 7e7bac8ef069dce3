package factor

import (
	"slices"
	"strconv"
	"strings"

	"lpready/analyze/csource"
)

// A verdict is the value of a preprocessor condition under a configuration.
type verdict int8

const (
	off   verdict = -1
	maybe verdict = 0
	on    verdict = 1
)

func (v verdict) and(w verdict) verdict { return min(v, w) }
func (v verdict) or(w verdict) verdict  { return max(v, w) }

// A constants table answers what the name of a #if is worth. Known is false
// where the configuration does not say.
type constants func(name string) (value int64, defined, known bool)

// configured is the table of a configuration for files with an extension:
// headers are read by C and by assembly. Extra holds CONFIG_ names that headers
// define by themselves: their values are not Kconfig's business.
func configured(cfg csource.Config, arch, ext string, extra map[string]bool) constants {
	fixed := map[string]bool{"__XEN__": true, "__x86_64__": arch == "x86", "__i386__": false,
		"__aarch64__": arch == "arm", "__arm__": false, "__cplusplus": false}
	if ext != ".h" {
		fixed["__ASSEMBLY__"] = ext == ".S"
	}
	return func(name string) (int64, bool, bool) {
		if defined, ok := fixed[name]; ok {
			return 1, defined, true
		}
		if cfg == nil {
			return 0, false, false
		}
		if name == "NDEBUG" {
			return 1, !cfg.On("CONFIG_DEBUG"), true
		}
		if !strings.HasPrefix(name, "CONFIG_") || extra[name] {
			return 0, false, false
		}
		if cfg.On(name) {
			return 1, true, true
		}
		text := strings.Trim(cfg[name], `"`)
		if value, err := strconv.ParseInt(text, 0, 64); err == nil {
			return value, true, true
		}
		return 0, false, true
	}
}

// A block is one level of #if nesting.
type block struct {
	outer verdict // of the code around it
	now   verdict // of the branch that is being read
	past  verdict // whether an earlier branch was taken
	why   string  // what switches the current branch off, as a sentence
	cond  string  // of the first branch
	sure  bool    // no branch so far is a maybe
}

// An activity says for every line of a file whether a configuration compiles it.
type activity struct {
	lines []verdict // by line number; index 0 is unused
	why   []string  // the condition that switches the line off
	gone  []bool    // the line is a conditional that the configuration decides
}

// of is the verdict on a line; lines outside the file are maybe.
func (a *activity) of(line int) verdict {
	if a == nil || line <= 0 || line >= len(a.lines) {
		return maybe
	}
	return a.lines[line]
}

// reason is the condition that switches a line off.
func (a *activity) reason(line int) string {
	if a.of(line) != off {
		return ""
	}
	return a.why[line]
}

// activityOf evaluates the conditionals of src. The #if, #else and #endif lines
// themselves count as the code around them.
func activityOf(src []byte, value constants) *activity {
	act := &activity{lines: []verdict{maybe}, why: []string{""}, gone: []bool{false}}
	var stack []block
	state, why := on, ""
	text := string(src)
	for pending := ""; text != ""; {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		directive := strings.TrimSpace(pending + strings.TrimSuffix(line, "\r"))
		if strings.HasPrefix(directive, "#") && strings.HasSuffix(directive, "\\") {
			pending = strings.TrimSuffix(directive, "\\") + " "
			act.add(state, why, false)
			continue
		}
		pending = ""
		at, atWhy, sure := state, why, false
		if strings.HasPrefix(directive, "#") {
			word, cond := splitDirective(directive)
			sure = word == "endif" && len(stack) > 0 && stack[len(stack)-1].sure
			stack, state, why = step(stack, word, cond, state, why, value)
			at, atWhy = outerOf(stack, word, state, why)
			if conditional(word) && word != "endif" && len(stack) > 0 {
				sure = stack[len(stack)-1].sure
			}
		}
		act.add(at, atWhy, sure)
	}
	return act
}

func (a *activity) add(v verdict, why string, gone bool) {
	a.lines, a.why, a.gone = append(a.lines, v), append(a.why, why), append(a.gone, gone)
}

// decided tells whether a line is a conditional that the configuration decides.
func (a *activity) decided(line int) bool {
	return a != nil && line > 0 && line < len(a.gone) && a.gone[line]
}

// outerOf is the state of a directive's own line.
func outerOf(stack []block, word string, state verdict, why string) (verdict, string) {
	if len(stack) == 0 || word == "endif" || !conditional(word) {
		return state, why
	}
	return stack[len(stack)-1].outer, ""
}

func conditional(word string) bool {
	return slices.Contains([]string{"if", "ifdef", "ifndef", "elif", "else", "endif"}, word)
}

func splitDirective(text string) (word, rest string) {
	text = strings.TrimSpace(text[1:])
	end := strings.IndexFunc(text, func(r rune) bool { return r < 'a' || r > 'z' })
	if end < 0 {
		return text, ""
	}
	return text[:end], strings.TrimSpace(text[end:])
}

// step enters, switches or leaves a conditional.
func step(stack []block, word, cond string, state verdict, why string, value constants) ([]block, verdict, string) {
	if opens := map[string]string{"if": cond, "ifdef": "defined(" + cond + ")", "ifndef": "!defined(" + cond + ")"}; opens[word] != "" {
		v := evaluate(opens[word], value)
		stack = append(stack, block{outer: state, now: v, past: v, sure: v != maybe, cond: opens[word], why: sentence(word, cond)})
		if state == off {
			return stack, off, why
		}
		return stack, state.and(v), sentence(word, cond)
	}
	if len(stack) == 0 || !conditional(word) {
		return stack, state, why
	}
	top := &stack[len(stack)-1]
	switch word {
	case "elif":
		top.now = evaluate(cond, value).and(-top.past)
		top.sure = top.sure && top.now != maybe
		top.why = sentence("if", cond)
		top.past = top.past.or(top.now)
	case "else":
		top.now = -top.past
		top.why = "#if " + top.cond + " holds"
	case "endif":
		stack = stack[:len(stack)-1]
		return stack, top.outer, enclosing(stack)
	}
	if top.outer == off {
		return stack, off, enclosing(stack[:len(stack)-1])
	}
	return stack, top.outer.and(top.now), top.why
}

// sentence says that a branch is not taken.
func sentence(word, cond string) string {
	switch word {
	case "ifdef":
		return cond + " is not set"
	case "ifndef":
		return cond + " is set"
	}
	return "#if " + cond + " does not hold"
}

// enclosing is the reason of the outermost branch that is switched off.
func enclosing(stack []block) string {
	for _, b := range stack {
		if b.now == off {
			return b.why
		}
	}
	return ""
}

// evaluate gives the verdict on the expression of an #if.
func evaluate(text string, value constants) verdict {
	e := evaluator{toks: words(text), value: value}
	number, known := e.binary(0)
	switch {
	case !known || e.pos < len(e.toks):
		return maybe
	case number != 0:
		return on
	}
	return off
}

type evaluator struct {
	toks  []string
	pos   int
	depth int
	value constants
}

func (e *evaluator) peek() string {
	if e.pos < len(e.toks) {
		return e.toks[e.pos]
	}
	return ""
}

func (e *evaluator) take(text string) bool {
	if e.peek() == text {
		e.pos++
		return true
	}
	return false
}

var levels = [][]string{{"||"}, {"&&"}, {"==", "!="}, {"<", ">", "<=", ">="}}

// binary evaluates an operator level; the boolean says whether the value is known.
func (e *evaluator) binary(level int) (int64, bool) {
	if level == len(levels) {
		return e.unary()
	}
	left, known := e.binary(level + 1)
	for slices.Contains(levels[level], e.peek()) {
		op := e.peek()
		e.pos++
		right, alsoKnown := e.binary(level + 1)
		left, known = combine(op, left, known, right, alsoKnown)
	}
	return left, known
}

func combine(op string, a int64, aKnown bool, b int64, bKnown bool) (int64, bool) {
	truth := func(v bool) int64 {
		if v {
			return 1
		}
		return 0
	}
	both := aKnown && bKnown
	switch op {
	case "&&":
		if aKnown && a == 0 || bKnown && b == 0 {
			return 0, true
		}
		return truth(a != 0 && b != 0), both
	case "||":
		if aKnown && a != 0 || bKnown && b != 0 {
			return 1, true
		}
		return truth(a != 0 || b != 0), both
	case "==":
		return truth(a == b), both
	case "!=":
		return truth(a != b), both
	case "<":
		return truth(a < b), both
	case ">":
		return truth(a > b), both
	case "<=":
		return truth(a <= b), both
	}
	return truth(a >= b), both
}

func (e *evaluator) unary() (int64, bool) {
	const deepest = 100
	if e.depth++; e.depth > deepest {
		return 0, false
	}
	defer func() { e.depth-- }()
	word := e.peek()
	e.pos++
	switch {
	case word == "!":
		v, known := e.unary()
		if v == 0 {
			return 1, known
		}
		return 0, known
	case word == "(":
		v, known := e.binary(0)
		return v, known && e.take(")")
	case word == "defined" || word == "IS_ENABLED":
		open := e.take("(")
		name := e.peek()
		e.pos++
		if open && !e.take(")") {
			return 0, false
		}
		_, defined, known := e.value(name)
		if defined {
			return 1, known
		}
		return 0, known
	case word != "" && wordStart(word[0]):
		v, defined, known := e.value(word)
		if !defined {
			v = 0
		}
		return v, known
	}
	v, err := strconv.ParseInt(strings.TrimRight(word, "uUlL"), 0, 64)
	return v, err == nil
}
