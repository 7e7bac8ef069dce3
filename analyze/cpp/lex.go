package cpp

import "strings"

// Kinds of preprocessing tokens (C99 6.4).
const (
	tokIdent uint8 = iota
	tokNumber
	tokString
	tokChar
	tokPunct
)

// A tok is one preprocessing token. Line is the line of the place in the
// source that made it: for tokens out of a macro, the line of the invocation.
type tok struct {
	text  string
	line  int32
	kind  uint8
	space bool // white space stands before it
	noexp bool // never a macro again (C99 6.10.3.4)
	where bool // made by __LINE__
}

func (t tok) is(text string) bool { return t.kind == tokPunct && t.text == text }

const (
	classIdent = 1 << iota
	classDigit
	classSpace
)

var charClass = func() (table [256]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		table[c] = classIdent
		table[c-'a'+'A'] = classIdent
	}
	table['_'], table['$'] = classIdent, classIdent
	for c := '0'; c <= '9'; c++ {
		table[c] = classDigit
	}
	for _, c := range " \t\r\n\v\f" {
		table[c] = classSpace
	}
	return table
}()

// puncts lists the operators of more than one character, the longest first.
var puncts = []string{"<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=",
	"==", "!=", "&&", "||", "*=", "/=", "%=", "+=", "-=", "&=", "^=", "|=", "##"}

// lex appends the tokens of src to dst. Comments and line ends are white space;
// a backslash before a line end joins lines. Unclosed literals end at the line's
// end, unclosed comments at the end of src.
func lex(dst []tok, src string, line int) []tok {
	space := false
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == '\n':
			line++
			i++
			space = true
			continue
		case charClass[c]&classSpace != 0:
			i++
			space = true
			continue
		case c == '\\' && i+1 < len(src) && (src[i+1] == '\n' || src[i+1] == '\r'):
			i++
			continue
		case c == '/' && i+1 < len(src) && (src[i+1] == '*' || src[i+1] == '/'):
			end := commentEnd(src, i)
			line += strings.Count(src[i:end], "\n")
			i = end
			space = true
			continue
		}
		start := i
		kind := tokPunct
		switch {
		case charClass[c]&classIdent != 0:
			for i++; i < len(src) && charClass[src[i]]&(classIdent|classDigit) != 0; i++ {
			}
			kind = tokIdent
			if i < len(src) && (src[i] == '"' || src[i] == '\'') && i-start == 1 && (c == 'L' || c == 'u' || c == 'U') {
				i = literalEnd(src, i)
				kind = tokString
			}
		case charClass[c]&classDigit != 0, c == '.' && i+1 < len(src) && charClass[src[i+1]]&classDigit != 0:
			i = numberEnd(src, i)
			kind = tokNumber
		case c == '"':
			i = literalEnd(src, i)
			kind = tokString
		case c == '\'':
			i = literalEnd(src, i)
			kind = tokChar
		default:
			i += punctLen(src[i:])
		}
		dst = append(dst, tok{text: src[start:i], line: int32(line), kind: kind, space: space})
		space = false
	}
	return dst
}

func commentEnd(src string, i int) int {
	if src[i+1] == '*' {
		if end := strings.Index(src[i+2:], "*/"); end >= 0 {
			return i + 2 + end + 2
		}
		return len(src)
	}
	for i < len(src) {
		end := strings.IndexByte(src[i:], '\n')
		if end < 0 {
			return len(src)
		}
		i += end
		if src[i-1] != '\\' {
			return i
		}
		i++
	}
	return i
}

func literalEnd(src string, i int) int {
	quote := src[i]
	for i++; i < len(src); i++ {
		switch src[i] {
		case quote:
			return i + 1
		case '\\':
			i++
		case '\n':
			return i
		}
	}
	return len(src)
}

func numberEnd(src string, i int) int {
	for i++; i < len(src); i++ {
		c := src[i]
		exponent := (c == '+' || c == '-') && strings.IndexByte("eEpP", src[i-1]) >= 0
		if charClass[c]&(classIdent|classDigit) == 0 && c != '.' && !exponent {
			break
		}
	}
	return i
}

func punctLen(src string) int {
	if len(src) > 1 && strings.IndexByte("<>.-+=!&|*/%^#", src[0]) >= 0 {
		for _, p := range puncts {
			if strings.HasPrefix(src, p) {
				return len(p)
			}
		}
	}
	return 1
}

// A directive is one # line of a file. Text between two directives is plain C.
type directive struct {
	name       string // "if", "define", "include" ...
	rest       string // what follows the name, continuations and comments still in it
	start, end int    // offsets of the #'s line and of the text after it
	line       int
	macro      *macro // of a define, parsed when first wanted
}

// directives finds the # lines of src, not those within comments and literals.
func directives(src string) []directive {
	var found []directive
	line, fresh := 1, true // fresh: nothing but white space on this line so far
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case c == '\n':
			line++
			i++
			fresh = true
		case charClass[c]&classSpace != 0:
			i++
		case c == '/' && i+1 < len(src) && (src[i+1] == '*' || src[i+1] == '/'):
			end := commentEnd(src, i)
			line += strings.Count(src[i:end], "\n")
			i = end
		case c == '"' || c == '\'':
			end := literalEnd(src, i)
			line += strings.Count(src[i:end], "\n")
			i = end
			fresh = false
		case c == '#' && fresh:
			end := directiveEnd(src, i)
			name, rest := splitDirective(src[i+1 : end])
			found = append(found, directive{name: name, rest: rest, start: i, end: end, line: line})
			line += strings.Count(src[i:end], "\n")
			i = end
		default:
			fresh = false
			// Nothing that matters stands before one of these bytes.
			for i++; i < len(src) && !stops[src[i]]; i++ {
			}
		}
	}
	return found
}

var stops = [256]bool{'\n': true, '/': true, '"': true, '\'': true}

// directiveEnd is the offset behind the line that starts at i, continuations
// and comments that run over line ends included.
func directiveEnd(src string, i int) int {
	for i < len(src) {
		switch c := src[i]; {
		case c == '\n':
			return i + 1
		case c == '\\' && i+1 < len(src):
			if src[i+1] == '\r' {
				i++
			}
			i += 2
		case c == '/' && i+1 < len(src) && src[i+1] == '*', c == '/' && i+1 < len(src) && src[i+1] == '/':
			i = commentEnd(src, i)
		case c == '"':
			i = literalEnd(src, i)
		default:
			i++
		}
	}
	return len(src)
}

func splitDirective(text string) (name, rest string) {
	text = strings.TrimLeft(text, " \t")
	end := 0
	for end < len(text) && charClass[text[end]]&classIdent != 0 {
		end++
	}
	return text[:end], text[end:]
}
