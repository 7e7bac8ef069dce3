package revision

import (
	"regexp"
	"strings"
)

var (
	called    = regexp.MustCompile(`([A-Za-z_]\w*)\s*\(\s*(\w*)`)
	tagged    = regexp.MustCompile(`^(?:typedef\s+)?(?:static\s+|const\s+|extern\s+)*(struct|union|enum)\s+(?:__\w+\s+)*(\w+)\s*(?:\{|$)`)
	defined   = regexp.MustCompile(`^\s*#\s*define\s+(\w+)`)
	variable  = regexp.MustCompile(`(\w+)\s*(?:\[[^\]]*\]\s*)*(?:=|;|$)`)
	shouted   = regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)
	attribute = map[string]bool{"__attribute__": true, "__aligned": true, "__section": true, "__initcall": true, "__used_section": true, "__must_be_array": true}
)

// nameOf is what a line at the left edge is the heading of: "foo" for a function
// or a variable, "struct foo" for a type, "" where it names nothing.
func nameOf(heading string) string {
	if m := defined.FindStringSubmatch(heading); m != nil {
		return m[1]
	}
	head := strings.TrimSpace(heading)
	if m := tagged.FindStringSubmatch(head); m != nil {
		return m[1] + " " + m[2]
	}
	before, _, initialised := strings.Cut(head, "=")
	for _, m := range called.FindAllStringSubmatch(before, -1) {
		switch {
		case attribute[m[1]]:
			continue
		case shouted.MatchString(m[1]) && m[2] != "":
			return m[2] // ENTRY(foo), DEFINE_SPINLOCK(foo)
		}
		return m[1]
	}
	if initialised {
		before += "="
	}
	if m := variable.FindStringSubmatch(before); m != nil {
		return m[1]
	}
	return ""
}

// heads tells whether a line can head something: it begins at the left edge with
// a letter and is no label.
func heads(line string) bool {
	if line == "" || !wordByte(line[0]) || line[0] >= '0' && line[0] <= '9' {
		return false
	}
	trimmed := strings.TrimSpace(line)
	return !strings.HasSuffix(trimmed, ":") || strings.ContainsAny(trimmed, "( ")
}

// A locator follows lines and knows what they belong to. It sees what the hunks
// show: the heading that git gives a hunk counts while its lines are indented.
type locator struct {
	name  string
	outer string // what the macro stands in
	macro bool   // in a #define that goes on
	ends  bool   // with the line before
}

// enter starts a hunk with its heading.
func (l *locator) enter(head string) { *l = locator{name: nameOf(head)} }

// at takes the next line and tells what it belongs to.
func (l *locator) at(line string) string {
	if l.ends {
		*l = locator{name: l.outer}
	}
	trimmed := strings.TrimSpace(line)
	switch {
	case l.macro:
		l.ends = !strings.HasSuffix(line, "\\")
	case strings.HasPrefix(trimmed, "#"):
		m := defined.FindStringSubmatch(line)
		if m == nil {
			return l.name
		}
		if !strings.HasSuffix(line, "\\") {
			return m[1]
		}
		*l = locator{name: m[1], outer: l.name, macro: true}
	case strings.HasPrefix(line, "}"):
		l.ends = true
	case strings.HasPrefix(line, "/*"): // comments at the left edge stand between functions
		*l = locator{}
	case heads(line):
		*l = locator{name: nameOf(line)}
		l.ends = strings.HasSuffix(trimmed, ";") // a declaration of one line
	}
	return l.name
}
