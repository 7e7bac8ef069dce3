package csource

import "strings"

// assembly reads a .S file: preprocessor lines, and as functions the symbols
// that ENTRY(name), GLOBAL(name), FUNC(name) or a label at the start of a line
// give. They have Attrs {"asm"} and reach to the next one or to END(name).
func (s *scanner) assembly() {
	text := s.text
	code := false // since the last preprocessor line
	from := 0
	flush := func(to int) {
		if code {
			s.f.Asm = append(s.f.Asm, s.span(from, to))
		}
		code = false
	}
	last := -1 // index of the symbol that is still open
	for i := 0; i < len(text); {
		at := skipBlank(text, i, len(text))
		if at >= len(text) {
			break
		}
		i = at
		if text[i] == '#' && startsLine(text, i) {
			if _, w := directiveName(text, i); w != "" {
				flush(i)
				var ev event
				if i, ev = s.directive(i); ev == opened || ev == turned {
					if c := s.conds[len(s.conds)-1]; c.dead && !c.asm {
						i = s.skipDead(i)
					}
				}
				continue
			}
		}
		if !code {
			from, code = i, true
		}
		end := restOfLine(text, i)
		last = s.symbol(i, end, last)
		i = end
	}
	flush(len(text))
	if last >= 0 {
		s.closeSymbol(last, len(text))
	}
}

// directiveName is the word behind a # if it is a preprocessor line; in
// assembly a # can begin a comment.
func directiveName(text string, i int) (at int, name string) {
	at = skipSpace(text, i+1)
	name = text[at:wordEnd(text, at)]
	switch name {
	case "define", "undef", "include", "include_next", "if", "ifdef", "ifndef", "else", "elif", "endif",
		"error", "warning", "pragma", "line":
		return at, name
	}
	return at, ""
}

// symbol looks whether the line [i, end) begins or ends a symbol.
func (s *scanner) symbol(i, end, last int) int {
	text := s.text
	stop := wordEnd(text, i)
	if stop == i || stop >= end || class[text[i]] != isWord {
		return last
	}
	name := ""
	switch w := text[i:stop]; {
	case text[stop] == ':' && (i == 0 || text[i-1] == '\n'):
		name = w
	case text[stop] == '(':
		at := skipSpace(text, stop+1)
		arg := text[at:wordEnd(text, at)]
		switch w {
		case "ENTRY", "GLOBAL", "FUNC", "FUNC_LOCAL", "LABEL", "LABEL_LOCAL", "DATA", "DATA_LOCAL":
			name = arg
		case "END", "ENDPROC", "ENDDATA":
			if last >= 0 && s.f.Funcs[last].Name == arg {
				s.closeSymbol(last, end)
				return -1
			}
		}
	}
	if name == "" {
		return last
	}
	if last >= 0 {
		s.closeSymbol(last, i)
	}
	s.f.Funcs = append(s.f.Funcs, Func{
		Span: s.span(i, end), Name: name, NameLine: s.lineOf(i), Open: s.lineOf(i),
		BodyStart: i, BodyEnd: end, Attrs: []string{"asm"}, Cond: s.cond(), from: i,
	})
	return len(s.f.Funcs) - 1
}

// closeSymbol ends a symbol with the last code before an offset.
func (s *scanner) closeSymbol(index, to int) {
	f := &s.f.Funcs[index]
	for to > f.BodyStart && class[s.text[to-1]] == isSpace {
		to--
	}
	f.BodyEnd = to
	f.End = s.lineOf(max(f.BodyStart, to-1))
}

// asmLines takes assembler directives in a header that has no #ifdef around
// them: one line, or a .macro up to its .endm.
func (s *scanner) asmLines(i int) int {
	text := s.text
	from, end := i, restOfLine(text, i)
	if strings.HasPrefix(text[i:], ".macro") {
		for i = end; i < len(text); {
			if i = skipBlank(text, i, len(text)); i >= len(text) {
				break
			}
			if text[i] == '#' && startsLine(text, i) {
				i, _ = s.directive(i)
				continue
			}
			last := strings.HasPrefix(text[i:], ".endm")
			if i = restOfLine(text, i); last {
				break
			}
		}
		end = i
	}
	s.f.Asm = append(s.f.Asm, s.span(from, end))
	return end
}
