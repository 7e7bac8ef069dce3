package factor

import (
	"iter"
	"strings"

	"lpready/analyze/csource"
)

// A token is one C token; string and character literals are one token each.
type token struct {
	text string
	line int
}

func (t token) ident() bool { return t.text != "" && wordStart(t.text[0]) }

func wordStart(c byte) bool {
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func wordByte(c byte) bool { return wordStart(c) || c >= '0' && c <= '9' }

// lex yields the tokens of src, whose first line has the given number. Comments
// and white space separate tokens; an unclosed literal ends with its line.
func lex(src string, line int) iter.Seq[token] {
	return func(yield func(token) bool) {
		for i := 0; i < len(src); {
			c := src[i]
			next := i + 1
			switch {
			case c == '\n':
				line++
				i++
				continue
			case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' || c == '\\':
				i++
				continue
			case c == '/' && next < len(src) && src[next] == '/':
				for i < len(src) && src[i] != '\n' {
					i++
				}
				continue
			case c == '/' && next < len(src) && src[next] == '*':
				end := strings.Index(src[i+2:], "*/")
				if end < 0 {
					return
				}
				line += strings.Count(src[i:i+2+end], "\n")
				i += end + 4
				continue
			case wordByte(c):
				for next < len(src) && wordByte(src[next]) {
					next++
				}
			case c == '"' || c == '\'':
				next = literalEnd(src, i)
			default:
				next = i + punctuator(src[i:])
			}
			if !yield(token{src[i:next], line}) {
				return
			}
			i = next
		}
	}
}

// literalEnd is the offset after the literal that starts at i.
func literalEnd(src string, i int) int {
	quote := src[i]
	for i++; i < len(src) && src[i] != '\n'; i++ {
		switch src[i] {
		case quote:
			return i + 1
		case '\\':
			i++
		}
	}
	return min(i, len(src))
}

// punctuator is the length of the operator at the start of src.
func punctuator(src string) int {
	if len(src) < 2 || !strings.ContainsRune("=<>-+&|#.", rune(src[1])) {
		return 1
	}
	for _, op := range [...]string{"<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=",
		"&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "##"} {
		if strings.HasPrefix(src, op) {
			return len(op)
		}
	}
	return 1
}

// words lists the token texts of src.
func words(src string) []string {
	var list []string
	for t := range lex(src, 1) {
		list = append(list, t.text)
	}
	return list
}

// linesOf returns the text of lines start to end of src, both included.
func linesOf(src []byte, span csource.Span) string {
	text := string(src)
	line, from := 1, 0
	for i := 0; i < len(text); i++ {
		if line == span.Start {
			from = i
			break
		}
		if text[i] == '\n' {
			line++
		}
	}
	if line < span.Start {
		return ""
	}
	for i := from; i < len(text); i++ {
		if text[i] == '\n' {
			if line == span.End {
				return text[from : i+1]
			}
			line++
		}
	}
	return text[from:]
}

// call is one "name(" in a token list, with the index of the name.
type call struct {
	name string
	at   int
}

// calls lists the identifiers of toks that are followed by "(".
func calls(toks []token) []call {
	var list []call
	for i := 0; i+1 < len(toks); i++ {
		if toks[i].ident() && toks[i+1].text == "(" && !keyword[toks[i].text] {
			list = append(list, call{toks[i].text, i})
		}
	}
	return list
}

var keyword = map[string]bool{"if": true, "while": true, "for": true, "switch": true, "return": true, "sizeof": true,
	"do": true, "else": true, "case": true, "goto": true, "asm": true, "volatile": true, "typeof": true, "struct": true,
	"union": true, "enum": true, "const": true, "static": true, "defined": true}

// closing is the index of the parenthesis that closes the one at open, or
// len(toks).
func closing(toks []token, open int) int {
	depth := 0
	for i := open; i < len(toks); i++ {
		switch toks[i].text {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(toks)
}
