package revision

import "strings"

// A lexer cuts C, or assembly that the C preprocessor reads, into words without
// comments and white space. What stands in the lines before its text counts
// only by whether a comment is open.
type lexer struct {
	comment   bool // inside a block comment
	directive bool // inside a line of the preprocessor
	lines     bool // the end of every line counts, as in assembly
}

// next is the tokens of the next line. A line of the preprocessor ends with a
// token of its own.
func (l *lexer) next(text string) []string {
	if !l.comment && !l.directive {
		l.directive = strings.HasPrefix(strings.TrimLeft(text, " \t"), "#")
	}
	list := l.line([]string{}, text)
	if l.directive && !strings.HasSuffix(text, "\\") && !l.comment || l.lines && len(list) > 0 {
		list = append(list, "\n")
		l.directive = false
	}
	return list
}

func (l *lexer) line(list []string, text string) []string {
	for i := 0; i < len(text); {
		if l.comment {
			end := strings.Index(text[i:], "*/")
			if end < 0 {
				return list
			}
			i += end + 2
			l.comment = false
			continue
		}
		from := i
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\f' || c == '\v' || c == '\r':
			i++
			continue
		case strings.HasPrefix(text[i:], "/*"):
			l.comment = true
			i += 2
			continue
		case strings.HasPrefix(text[i:], "//") && !l.lines:
			if strings.HasSuffix(text, "\\") { // the comment goes on in the next line
				list = append(list, text[i:])
			}
			return list
		case c == '"' || c == '\'':
			i = quoted(text, i)
		case wordByte(c):
			for i < len(text) && wordByte(text[i]) {
				i++
			}
		default:
			i++
		}
		list = append(list, text[from:i])
	}
	return list
}

// quoted is the end of a string or character that starts at i, or of the line.
func quoted(text string, i int) int {
	quote := text[i]
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case quote:
			return i + 1
		}
	}
	return len(text)
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// opensInside tells whether lines start inside a block comment, as far as they
// show it: all lines up to one that ends a comment look like its body. A comment
// that is written otherwise counts as code, never the other way round.
func opensInside(lines []string) bool {
	for _, l := range lines {
		trimmed := strings.TrimSpace(l)
		switch {
		case trimmed == "":
			continue
		case trimmed[0] != '*':
			return false
		}
		open, end := strings.Index(l, "/*"), strings.Index(l, "*/")
		if open >= 0 || end >= 0 {
			return end >= 0 && (open < 0 || end < open)
		}
	}
	return false
}
