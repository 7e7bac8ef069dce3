package csource

import "strings"

// Classes of bytes.
const (
	isPunct = iota
	isSpace
	isWord
	isDigit
	isQuote
	isSlash
	isHash
	isOpen
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c <= ' ' || c == '\\' || c == 0x7f: // a backslash only continues a line
			t[c] = isSpace
		case c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80:
			t[c] = isWord
		case c >= '0' && c <= '9':
			t[c] = isDigit
		}
	}
	t['"'], t['\''] = isQuote, isQuote
	t['/'], t['#'] = isSlash, isHash
	t['('], t['['], t['{'] = isOpen, isOpen, isOpen
	return t
}()

// What ends the fast run through a bracket.
const (
	stopOpen = iota + 1
	stopClose
	stopQuote
	stopSlash
	stopHash
)

// stops has one table for each kind of bracket: brackets of the other kinds are
// no reason to stop.
var stops = [...]*[256]uint8{
	'(': stopTable('(', ')'),
	'[': stopTable('[', ']'),
	'{': stopTable('{', '}'),
}

func stopTable(open, end byte) *[256]uint8 {
	t := &[256]uint8{'"': stopQuote, '\'': stopQuote, '/': stopSlash, '#': stopHash}
	t[open], t[end] = stopOpen, stopClose
	return t
}

// group is the offset behind the bracket that opens at i. A bracket that never
// closes ends with the file, and unclosed is set. When it closes inside an #if that began in it, the
// #if stays open and its other branches are passed over.
func (s *scanner) group(i int) int {
	text, table := s.text, stops[s.text[i]]
	depth, base := 0, len(s.conds)
	for i < len(text) {
		switch table[text[i]] {
		case 0:
			i++
		case stopOpen:
			depth++
			i++
		case stopClose:
			depth--
			i++
			if depth == 0 {
				return i
			}
		case stopQuote:
			i = quoteEnd(text, i)
		case stopSlash:
			i = max(i+1, commentEnd(text, i))
		case stopHash:
			i, depth = s.groupDirective(i, depth, base)
			base = min(base, len(s.conds))
		}
	}
	s.unclosed = true
	return len(text)
}

// groupDirective takes a preprocessor line inside a bracket and gives the depth
// with which reading goes on: every branch starts with the depth at the #if.
func (s *scanner) groupDirective(i, depth, base int) (int, int) {
	if !startsLine(s.text, i) {
		return i + 1, depth
	}
	end, ev := s.directive(i)
	top := len(s.conds) - 1
	switch ev {
	case opened:
		s.conds[top].depth, s.conds[top].inDecl = depth, true
		end = s.skipDead(end)
	case turned:
		if top < base {
			return s.skipOther(end, top), depth
		}
		depth = s.conds[top].depth
		end = s.skipDead(end)
	}
	return end, depth
}

// wordEnd is where the identifier or number that reaches to i ends.
func wordEnd(text string, i int) int {
	for i < len(text) && wordy[text[i]] {
		i++
	}
	return i
}

// wordy marks the bytes of identifiers and numbers.
var wordy = func() (t [256]bool) {
	for c := range t {
		t[c] = class[c] == isWord || class[c] == isDigit
	}
	return t
}()

// quoteEnd is the offset behind the string or character that opens at i; one
// that never closes ends with its line.
func quoteEnd(text string, i int) int {
	quote := text[i]
	for i++; i < len(text); i++ {
		switch text[i] {
		case quote:
			return i + 1
		case '\n':
			return i
		case '\\':
			i++
		}
	}
	return len(text)
}

// commentEnd is the offset behind the comment at i, or i if there is none.
func commentEnd(text string, i int) int {
	if i+1 >= len(text) {
		return i
	}
	switch text[i+1] {
	case '*':
		// There are fewer slashes than stars in comments.
		for i += 3; i < len(text); i++ {
			n := strings.IndexByte(text[i:], '/')
			if n < 0 {
				break
			}
			if i += n; text[i-1] == '*' {
				return i + 1
			}
		}
		return len(text)
	case '/':
		return lineEnd(text, i)
	}
	return i
}

// lineEnd is the offset of the newline that ends the logical line at i.
func lineEnd(text string, i int) int {
	for {
		n := strings.IndexByte(text[i:], '\n')
		if n < 0 {
			return len(text)
		}
		i += n
		if !continued(text, i) {
			return i
		}
		i++
	}
}

// continued tells whether the newline at i is escaped.
func continued(text string, i int) bool {
	if i > 0 && text[i-1] == '\r' {
		i--
	}
	return i > 0 && text[i-1] == '\\'
}

// startsLine tells whether only blanks stand before i in its line.
func startsLine(text string, i int) bool {
	for i--; i >= 0 && text[i] != '\n'; i-- {
		if text[i] != ' ' && text[i] != '\t' {
			// A comment may stand before the #.
			return text[i] == '/' && i > 0 && text[i-1] == '*'
		}
	}
	return true
}

// skipBlank is the first offset from i on that is neither blank nor comment.
func skipBlank(text string, i, end int) int {
	for i < end {
		switch class[text[i]] {
		case isSpace:
			i++
		case isSlash:
			next := commentEnd(text, i)
			if next == i {
				return i
			}
			i = next
		default:
			return i
		}
	}
	return end
}
