package tree

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// macros are those that a spec defines and those that the user gave. Every other
// one is unknown: the distribution, the release of rpm and the command line
// define hundreds, and whether one of them is defined at all decides conditions.
type macros struct {
	table map[string]macro
	left  int    // bytes that may still be expanded
	doubt string // why nobody knows whether the line at hand counts; empty if it does
}

// A macro has a body, or a reason why nobody can tell what it is.
type macro struct {
	body    string
	unknown string
}

// A reading is a text with its macros expanded. Where some are unknown, the text
// shows them as they were written and cannot be relied upon.
type reading struct {
	text    string
	unknown []string // what is not known, sorted, each once
}

func (r reading) known() bool { return len(r.unknown) == 0 }

// why names what is unknown, for people.
func (r reading) why() string { return strings.Join(r.unknown, ", ") }

func (r *reading) doubt(what string) {
	if i, found := slices.BinarySearch(r.unknown, what); !found {
		r.unknown = slices.Insert(r.unknown, i, what)
	}
}

// Limits of expansion: bytes of a spec in all, bytes of one text, levels.
const (
	maxExpanded = 16 << 20
	maxText     = 1 << 20
	maxDepth    = 64
)

func newMacros(define map[string]string) *macros {
	m := &macros{table: map[string]macro{
		"nil": {},
		// As every rpm has it; only %ifarch asks for it.
		"ix86": {body: "i386 i486 i586 i686 pentium3 pentium4 athlon geode"},
	}, left: maxExpanded}
	for name, body := range define {
		m.table[name] = macro{body: body}
	}
	return m
}

func (m *macros) set(name, body string) { m.table[name] = macro{body: body} }

// lose makes a macro unknown.
func (m *macros) lose(name, reason string) { m.table[name] = macro{unknown: reason} }

// expand reads a text.
func (m *macros) expand(text string) (reading, error) {
	var r reading
	text, err := m.into(&r, text, 0)
	if err != nil {
		return reading{}, err
	}
	r.text = text
	return r, nil
}

var placeHolder = regexp.MustCompile(`@[A-Za-z][A-Za-z0-9_-]*@`)

// into expands text and notes in r what is unknown.
func (m *macros) into(r *reading, text string, depth int) (_ string, err error) {
	if m.left -= len(text) + maxDepth; m.left < 0 || depth > maxDepth {
		return "", fmt.Errorf("macros: more than %d bytes or %d levels: %w", maxExpanded, maxDepth, errLimit)
	}
	if strings.Contains(text, "@") {
		text = placeHolder.ReplaceAllStringFunc(text, func(name string) string {
			given, ok := m.table[name]
			if !ok {
				r.doubt(name)
				return name
			}
			return given.body
		})
	}
	var out strings.Builder
	for text != "" {
		before, rest, found := strings.Cut(text, "%")
		out.WriteString(before)
		if !found {
			break
		}
		call, rest := splitCall(rest)
		if call.defines() {
			if text, err = m.define(call.body, rest, depth); err != nil {
				return "", err
			}
			continue
		}
		got, err := m.call(r, call, depth)
		if err != nil {
			return "", err
		}
		out.WriteString(got)
		if out.Len() > maxText {
			return "", fmt.Errorf("macros: more than %d bytes: %w", maxText, errLimit)
		}
		text = rest
	}
	return out.String(), nil
}

// A call is a use of a macro: %name, %{...}, %(...), %[...] or %%.
type call struct {
	kind byte   // 'n' for a name, '{', '(', '[', '%'; 0 for a per cent sign of its own
	body string // what is inside, or the name with its ! and ?
}

func (c call) String() string {
	switch c.kind {
	case '{':
		return "%{" + c.body + "}"
	case '(':
		return "%(" + c.body + ")"
	case '[':
		return "%[" + c.body + "]"
	}
	return "%" + c.body
}

var simpleName = regexp.MustCompile(`^[!?]*[A-Za-z_][A-Za-z0-9_]*`)

// splitCall takes the call off that follows a per cent sign.
func splitCall(rest string) (call, string) {
	if rest == "" {
		return call{}, ""
	}
	closing := map[byte]byte{'{': '}', '(': ')', '[': ']'}[rest[0]]
	switch {
	case closing != 0:
		if end := matching(rest, rest[0], closing); end > 0 {
			return call{rest[0], rest[1:end]}, rest[end+1:]
		}
		return call{rest[0], rest[1:]}, ""
	case rest[0] == '%':
		return call{'%', "%"}, rest[1:]
	}
	if name := simpleName.FindString(rest); name != "" {
		return call{'n', name}, rest[len(name):]
	}
	return call{}, rest
}

// matching gives the place of the bracket that closes the one at the beginning,
// or -1.
func matching(text string, open, closing byte) int {
	level := 0
	for i := range len(text) {
		switch text[i] {
		case open:
			level++
		case closing:
			if level--; level == 0 {
				return i
			}
		}
	}
	return -1
}

// call expands one use.
func (m *macros) call(r *reading, c call, depth int) (string, error) {
	switch c.kind {
	case 0, '%':
		return "%", nil
	case '(':
		m.loseDefined(c.body, c.String())
		r.doubt(clip(c.String()))
		return c.String(), nil
	case '[':
		inner := reading{}
		text, err := m.into(&inner, c.body, depth+1)
		if err != nil {
			return "", err
		}
		v, err := evaluate(text)
		if err != nil || !inner.known() {
			r.doubt(clip(c.String()))
			return c.String(), nil
		}
		return v.String(), nil
	}
	return m.named(r, c, depth)
}

var namedCall = regexp.MustCompile(`(?s)^([!?]*)([A-Za-z_][A-Za-z0-9_]*)(.*)$`)

// named expands %name and %{...}: [!?]name, name:text, name arguments.
func (m *macros) named(r *reading, c call, depth int) (string, error) {
	parts := namedCall.FindStringSubmatch(c.body)
	if parts == nil {
		r.doubt(clip(c.String()))
		return c.String(), nil
	}
	flags, name, rest := parts[1], parts[2], parts[3]
	text, hasText := strings.CutPrefix(rest, ":")
	if strings.Contains(flags, "?") {
		return m.conditional(r, c, name, strings.Count(flags, "!")%2 == 1, text, hasText, depth)
	}
	switch name {
	case "expand":
		if hasText {
			return m.twice(r, text, depth)
		}
	case "basename":
		if hasText {
			got, err := m.into(r, text, depth+1)
			return path.Base(got), err
		}
	case "with", "without":
		return m.with(r, c, name == "with", strings.TrimSpace(rest)), nil
	}
	found, ok := m.table[name]
	switch {
	case ok && found.unknown == "" && rest == "":
		return m.into(r, found.body, depth+1)
	case ok && found.unknown != "":
		r.doubt(found.unknown)
	case ok: // with arguments: how it takes them is its own affair
		r.doubt(clip(c.String()))
	default:
		m.loseDefined(rest, c.String())
		r.doubt(name)
	}
	return c.String(), nil
}

// twice is %{expand:...}: what comes out is expanded again.
func (m *macros) twice(r *reading, text string, depth int) (string, error) {
	once, err := m.into(r, text, depth+1)
	if err != nil {
		return "", err
	}
	return m.into(r, once, depth+1)
}

// conditional is %{?name}, %{?name:text}, %{!?name:text}: something that depends
// on whether a macro is defined.
func (m *macros) conditional(r *reading, c call, name string, not bool, text string, hasText bool, depth int) (string, error) {
	found, ok := m.table[name]
	switch {
	case !ok:
		m.loseDefined(text, "")
		if not && !hasText {
			return "", nil
		}
		r.doubt(name)
		return c.String(), nil
	case found.unknown != "":
		m.loseDefined(text, found.unknown)
		r.doubt(found.unknown)
		return c.String(), nil
	case not:
		return "", nil
	case hasText:
		return m.into(r, text, depth+1)
	}
	return m.into(r, found.body, depth+1)
}

// with is %{with name}, the answer to %bcond.
func (m *macros) with(r *reading, c call, want bool, name string) string {
	found, ok := m.table["with_"+name]
	if !ok || found.unknown != "" {
		r.doubt("with_" + name)
		return c.String()
	}
	if (found.body != "0") == want {
		return "1"
	}
	return "0"
}

func (c call) defines() bool {
	return c.kind == 'n' && (c.body == "define" || c.body == "global" || c.body == "undefine")
}

var defined = regexp.MustCompile(`(?s)^[ \t]*([A-Za-z_][A-Za-z0-9_]*)(\([^)]*\))?(.*)$`)

// define does %define, %global or %undefine with what follows it, and gives what
// is left of the text after the definition.
func (m *macros) define(how, text string, depth int) (string, error) {
	end := 0
	for {
		line, _, more := strings.Cut(text[end:], "\n")
		end += len(line)
		if !more || !continues(text[:end+1]) {
			break
		}
		end++
	}
	parts := defined.FindStringSubmatch(text[:end])
	if parts == nil {
		return text[end:], nil // rpm refuses it, and it defines nothing
	}
	name, parameters, body := parts[1], parts[2], strings.TrimSpace(strings.ReplaceAll(parts[3], "\\\n", "\n"))
	switch {
	case m.doubt != "":
		m.lose(name, m.doubt)
	case how == "undefine":
		m.lose(name, name) // what it was before, if anything, stands again
	case parameters != "":
		m.lose(name, name+parameters)
	case how == "global":
		var r reading
		body, err := m.into(&r, body, depth+1)
		if err != nil {
			return "", err
		}
		if m.set(name, body); !r.known() {
			m.lose(name, r.why())
		}
	default:
		m.set(name, body)
	}
	return text[end:], nil
}

// continues tells whether rpm reads on after a line, which includes its line
// feed: it ends with a backslash, or a bracket of a macro is open.
func continues(text string) bool {
	open := map[byte]int{}
	escaped := false
	for i := 0; i < len(text); i++ {
		escaped = false
		switch c := text[i]; c {
		case '\\':
			i++
			escaped = i < len(text) && text[i] == '\n'
		case '%':
			if i+1 < len(text) && strings.IndexByte("{([%", text[i+1]) >= 0 {
				i++
				open[text[i]]++
			}
		case '{', '(', '[':
			if open[c] > 0 {
				open[c]++
			}
		case '}', ')', ']':
			if o := map[byte]byte{'}': '{', ')': '(', ']': '['}[c]; open[o] > 0 {
				open[o]--
			}
		}
	}
	return escaped || open['{'] > 0 || open['('] > 0 || open['['] > 0
}

var definition = regexp.MustCompile(`%(?:define|global|undefine)\s+([A-Za-z_][A-Za-z0-9_]*)`)

// loseDefined forgets the macros that a text would define if it were expanded.
// Without another reason their names are what is unknown.
func (m *macros) loseDefined(text, reason string) {
	for _, d := range definition.FindAllStringSubmatch(text, -1) {
		m.lose(d[1], cmp.Or(clip(reason), d[1]))
	}
}

// clip shortens a text for a message.
func clip(text string) string {
	const most = 60
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
