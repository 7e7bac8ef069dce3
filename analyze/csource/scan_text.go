package csource

import "strings"

// A canon writes source in one way, however it is spaced: comments and
// preprocessor lines left out, a blank between words, before a * that follows
// a word, and after a comma.
type canon struct {
	s   *scanner
	buf []byte
}

// raw adds the source between two offsets.
func (c *canon) raw(from, to int) {
	text := c.s.text
	for i := from; i < to; {
		stop := i + 1
		switch class[text[i]] {
		case isSpace:
			i++
			continue
		case isWord, isDigit:
			stop = min(wordEnd(text, i+1), to)
		case isQuote:
			stop = min(quoteEnd(text, i), to)
		case isSlash:
			if end := commentEnd(text, i); end > i {
				i = end
				continue
			}
		case isHash:
			if startsLine(text, i) {
				i = c.s.directiveEnd(i)
				continue
			}
		}
		c.add(text[i:stop])
		i = stop
	}
}

func (c *canon) add(lexeme string) {
	if n := len(c.buf); n > 0 && spaced(c.buf[n-1], lexeme[0]) {
		c.buf = append(c.buf, ' ')
	}
	c.buf = append(c.buf, lexeme...)
}

// spaced tells whether a blank stands between two bytes.
func spaced(last, next byte) bool {
	after := class[last]
	afterWord := wordy[last] || after == isQuote
	switch class[next] {
	case isWord, isDigit, isQuote:
		return afterWord || last == ')' || last == ','
	}
	return last == ',' || next == '*' && afterWord
}

// tokens adds the tokens of a declaration that make its type: no storage
// classes, no attributes, of a type's body only that there is one.
func (c *canon) tokens(d []token) {
	for i := 0; i < len(d); i++ {
		t := d[i]
		switch {
		case t.role == storage, t.role == attribute:
		case t.role == attributeOf:
			if i+1 < len(d) && d[i+1].kind == '(' {
				i++
			}
		case t.kind == word && t.role == plainWord && i+1 < len(d) && d[i+1].kind == word &&
			looksLikeAttribute(c.s.str(t)) && (i == 0 || d[i-1].role != tagWord):
		case t.kind == word && t.role == plainWord && i > 0 && looksLikeAttribute(c.s.str(t)) && i == len(d)-1 &&
			d[i-1].role != tagWord:
		case t.kind == '{':
			if i > 0 && d[i-1].role == tagWord {
				c.buf = append(c.buf, " {}"...)
			}
		default:
			c.raw(int(t.from), int(t.to))
		}
	}
}

// text is what was written; it shares the source's bytes when it stands there
// like this at the given offset.
func (c *canon) text(at int) string {
	return reuse(c.s.text[min(at, len(c.s.text)):], c.buf)
}

// canon is the source between two offsets in canonical spacing.
func (s *scanner) canon(from, to int32) string {
	c := canon{s: s, buf: s.buf[:0]}
	c.raw(int(from), int(to))
	s.buf = c.buf
	return c.text(int(from))
}

// typeText is the type that the tokens before a function's name make.
func (s *scanner) typeText(d []token) string {
	c := canon{s: s, buf: s.buf[:0]}
	c.tokens(d)
	s.buf = c.buf
	for _, t := range d {
		if t.role != storage && t.role != attribute {
			return c.text(int(t.from))
		}
	}
	return string(c.buf)
}

// inside is what stands between the brackets of a token, in canonical spacing.
func (s *scanner) inside(t token) string {
	if t.to-t.from < 2 {
		return ""
	}
	return s.canon(int32(skipBlank(s.text, int(t.from)+1, int(t.to)-1)), t.to-1)
}

// args splits what stands between the brackets of a token at its commas.
func (s *scanner) args(t token) []string {
	end := int(t.to)
	if s.text[end-1] == ')' {
		end--
	}
	args := []string{}
	depth, start := 0, int(t.from)+1
	for i := start; i < end; {
		next := i + 1
		switch c := s.text[i]; class[c] {
		case isOpen:
			depth++
		case isQuote:
			next = quoteEnd(s.text, i)
		case isSlash:
			next = max(next, commentEnd(s.text, i))
		default:
			switch {
			case c == ')' || c == ']' || c == '}':
				depth--
			case c == ',' && depth == 0:
				args = append(args, s.fold(s.text[start:i]))
				start = next
			}
		}
		i = next
	}
	if start < end {
		if last := s.fold(s.text[start:end]); last != "" || len(args) > 0 {
			args = append(args, last)
		}
	}
	return args
}

// statics finds the static locals in the body of a function.
func (s *scanner) statics(open, end int) []Var {
	if s.static < open {
		s.static = nextStatic(s.text, open)
	}
	if s.static >= end {
		return nil
	}
	saved, vars, muted := s.decl, s.f.Vars, s.muted
	var types = s.f.Types
	var calls, protos, lost, plain = s.f.Calls, s.f.Protos, s.f.Lost, s.f.plain
	s.decl, s.f.Vars, s.muted = nil, nil, true
	for i := open + 1; i < end; {
		switch class[s.text[i]] {
		case isWord:
			stop := wordEnd(s.text, i+1)
			if s.text[i:stop] == "static" {
				stop = s.localDecl(i, end)
			}
			i = stop
		case isDigit:
			i = wordEnd(s.text, i+1)
		case isQuote:
			i = quoteEnd(s.text, i)
		case isSlash:
			i = max(i+1, commentEnd(s.text, i))
		case isHash:
			if !startsLine(s.text, i) {
				i++
				continue
			}
			i, _ = s.directive(i)
		default:
			i++
		}
	}
	found := s.f.Vars
	s.decl, s.f.Vars, s.muted = saved, vars, muted
	s.f.Types, s.f.Calls, s.f.Protos, s.f.Lost, s.f.plain = types, calls, protos, lost, plain
	return found
}

// nextStatic is the offset of the next "static" from i on. It looks for the
// rarest letter of it.
func nextStatic(text string, i int) int {
	for i += 5; i < len(text); i++ {
		n := strings.IndexByte(text[i:], 'c')
		if n < 0 {
			break
		}
		if i += n; text[i-1] == 'i' && text[i-5:i] == "stati" {
			return i - 5
		}
	}
	return len(text)
}

// localDecl reads one declaration inside a body up to its semicolon.
func (s *scanner) localDecl(i, end int) int {
	s.decl = s.decl[:0]
	for i < end {
		c := s.text[i]
		switch class[c] {
		case isSpace:
			i++
		case isWord, isDigit:
			stop := wordEnd(s.text, i+1)
			kind := byte('0')
			if class[c] == isWord {
				kind = word
			}
			s.push(kind, i, stop)
			i = stop
		case isQuote:
			stop := quoteEnd(s.text, i)
			s.push('"', i, stop)
			i = stop
		case isSlash:
			stop := commentEnd(s.text, i)
			if stop == i {
				s.push(c, i, i+1)
				stop++
			}
			i = stop
		case isHash:
			if startsLine(s.text, i) {
				i, _ = s.directive(i)
			} else {
				i++
			}
		case isOpen:
			stop := min(s.group(i), end)
			s.push(c, i, stop)
			i = stop
		default:
			if c == '}' {
				return i
			}
			s.push(c, i, i+1)
			i++
			if c == ';' {
				s.endDecl()
				return i
			}
		}
	}
	return end
}
