package csource

import (
	"strings"
)

// Limits of the make evaluator. All of Xen's Makefiles together have 10,000
// lines and expand to some 10 MB.
const (
	maxMakefile   = 1 << 20  // bytes of one Makefile
	maxMakeString = 1 << 20  // bytes of one expanded text
	maxMakeWork   = 96 << 20 // bytes expanded in one Kbuild call
	maxMakeDepth  = 64       // nesting of references, includes, rules
	maxMakeRules  = 20000    // targets of one make run
)

// A makeLine is one logical line of a Makefile: continuation lines joined, for
// a define the whole of it up to endef.
type makeLine struct {
	num  int
	text string
	tab  bool   // starts with a tab: a recipe line where a rule is open
	body string // of a define
}

// splitMake cuts a Makefile into logical lines (GNU make manual, 3.1). Blank
// lines and comment lines are left out.
func splitMake(text string) []makeLine {
	var lines []makeLine
	for num := 1; text != ""; {
		start := num
		var raw string
		raw, text, num = logicalLine(text, num)
		trimmed := strings.TrimLeft(raw, " \t")
		tab := strings.HasPrefix(raw, "\t")
		if trimmed == "" || trimmed[0] == '#' && !tab {
			continue
		}
		l := makeLine{num: start, text: raw, tab: tab}
		if word, _ := cutWord(stripOverride(trimmed)); word == "define" && !tab {
			l.body, text, num = defineBody(text, num)
		}
		lines = append(lines, l)
	}
	return lines
}

// logicalLine takes one line and those that a backslash joins to it.
func logicalLine(text string, num int) (line, rest string, next int) {
	line, rest, _ = strings.Cut(text, "\n")
	num++
	line = strings.TrimSuffix(line, "\r")
	if !oddBackslashes(line) {
		return line, rest, num
	}
	var b strings.Builder
	for oddBackslashes(line) && rest != "" {
		b.WriteString(strings.TrimRight(line[:len(line)-1], " \t"))
		b.WriteByte(' ')
		line, rest, _ = strings.Cut(rest, "\n")
		line = strings.TrimLeft(strings.TrimSuffix(line, "\r"), " \t")
		num++
	}
	b.WriteString(line)
	return b.String(), rest, num
}

func oddBackslashes(s string) bool {
	return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1
}

// defineBody takes the lines of a define up to its endef; an unclosed one runs
// to the end of the file.
func defineBody(text string, num int) (body, rest string, next int) {
	var b strings.Builder
	for depth := 1; text != ""; {
		var line string
		line, text, num = logicalLine(text, num)
		switch word, _ := cutWord(strings.TrimLeft(line, " \t")); word {
		case "define":
			depth++
		case "endef":
			depth--
		}
		if depth == 0 {
			break
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(line)
	}
	return b.String(), text, num
}

func stripOverride(s string) string {
	for {
		word, rest := cutWord(s)
		if word != "override" && word != "export" {
			return s
		}
		s = rest
	}
}

// cutWord splits off the first word.
func cutWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, " \t")
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}

// stripComment drops an unquoted # and what follows; \# stands for the
// character.
func stripComment(s string) string {
	i := strings.IndexByte(s, '#')
	if i < 0 {
		return s
	}
	var b strings.Builder
	for {
		if !oddBackslashes(s[:i]) {
			b.WriteString(s[:i])
			return b.String()
		}
		b.WriteString(s[:i-1])
		b.WriteByte('#')
		s = s[i+1:]
		if i = strings.IndexByte(s, '#'); i < 0 {
			b.WriteString(s)
			return b.String()
		}
	}
}

// closing finds the bracket that closes the reference opened just before
// s[i:], or -1. Only brackets of the kind that opened it count.
func closing(s string, i int, open byte) int {
	shut := byte(')')
	if open == '{' {
		shut = '}'
	}
	for depth := 1; i < len(s); i++ {
		switch s[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// outside finds the first byte of any of chars that is not in a reference, or
// -1.
func outside(s, chars string) int {
	for i := 0; i < len(s); i++ {
		if s[i] == '$' && i+1 < len(s) {
			if s[i+1] == '(' || s[i+1] == '{' {
				end := closing(s, i+2, s[i+1])
				if end < 0 {
					return -1
				}
				i = end
			} else {
				i++
			}
			continue
		}
		if strings.IndexByte(chars, s[i]) >= 0 {
			return i
		}
	}
	return -1
}

// An assignment is "name op value", not expanded.
type assignment struct {
	name, op, value string
}

// parseAssignment tells an assignment from a rule: one word, then one of =,
// :=, ::=, +=, ?=, != .
func parseAssignment(s string) (assignment, bool) {
	s = strings.TrimLeft(s, " \t")
	i := outside(s, " \t:=+?!#")
	for i >= 0 && strings.IndexByte("+?!", s[i]) >= 0 && (i+1 == len(s) || s[i+1] != '=') {
		j := outside(s[i+1:], " \t:=+?!#")
		if j < 0 {
			return assignment{}, false
		}
		i += 1 + j
	}
	if i <= 0 {
		return assignment{}, false
	}
	rest := strings.TrimLeft(s[i:], " \t")
	for _, op := range []string{"=", ":=", "::=", "+=", "?=", "!="} {
		if value, ok := strings.CutPrefix(rest, op); ok {
			if op == "::=" {
				op = ":="
			}
			return assignment{s[:i], op, strings.TrimLeft(value, " \t")}, true
		}
	}
	return assignment{}, false
}

// splitArgs splits the arguments of a function at the commas that are not
// inside brackets; the last one keeps the commas beyond max.
func splitArgs(s string, max int) []string {
	var args []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(', '{':
			depth++
		case ')', '}':
			depth--
		case ',':
			if depth == 0 && (max == 0 || len(args)+1 < max) {
				args = append(args, s[start:i])
				start = i + 1
			}
		}
	}
	return append(args, s[start:])
}

// condArgs takes the two sides of ifeq and ifneq: (a,b), "a" "b", 'a' 'b'.
func condArgs(s string) (a, b string, ok bool) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "(") {
		end := closing(s, 1, '(')
		if end < 0 {
			return "", "", false
		}
		args := splitArgs(s[1:end], 2)
		if len(args) != 2 {
			return "", "", false
		}
		return strings.TrimRight(args[0], " \t"), strings.TrimLeft(args[1], " \t"), true
	}
	if a, s, ok = quotedText(s); !ok {
		return "", "", false
	}
	b, _, ok = quotedText(strings.TrimLeft(s, " \t"))
	return a, b, ok
}

func quotedText(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return "", "", false
	}
	end := strings.IndexByte(s[1:], s[0])
	if end < 0 {
		return "", "", false
	}
	return s[1 : 1+end], s[2+end:], true
}

// matchPattern matches word against a pattern with at most one %, and gives
// the stem.
func matchPattern(pattern, word string) (stem string, ok bool) {
	before, after, wild := strings.Cut(pattern, "%")
	if !wild {
		return "", pattern == word
	}
	if len(word) < len(before)+len(after) || !strings.HasPrefix(word, before) || !strings.HasSuffix(word, after) {
		return "", false
	}
	return word[len(before) : len(word)-len(after)], true
}
