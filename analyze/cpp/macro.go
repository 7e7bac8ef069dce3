package cpp

import "strings"

// A macro is a #define ready for use.
type macro struct {
	name     string
	function bool
	params   []string
	variadic string // name of the variable argument, __VA_ARGS__ or a GNU name
	body     []tok
	dynamic  byte // 'L' __LINE__, 'F' __FILE__, 'C' __COUNTER__
}

// parseMacro reads what follows "#define". It returns nil where that is no macro.
func parseMacro(rest string, line int) *macro {
	rest = strings.TrimLeft(rest, " \t")
	end := 0
	for end < len(rest) && charClass[rest[end]]&(classIdent|classDigit) != 0 {
		end++
	}
	if end == 0 {
		return nil
	}
	m := &macro{name: rest[:end]}
	toks := lex(nil, rest[end:], line)
	if len(toks) > 0 && toks[0].is("(") && !toks[0].space {
		m.function = true
		toks = m.parseParams(toks[1:])
	}
	m.body = toks
	if len(toks) > 0 {
		m.body[0].space = false
	}
	return m
}

func (m *macro) parseParams(toks []tok) []tok {
	for i, t := range toks {
		switch {
		case t.is(")"):
			return toks[i+1:]
		case t.is("..."):
			m.variadic = "__VA_ARGS__"
			if i > 0 && toks[i-1].kind == tokIdent {
				m.variadic = toks[i-1].text
				m.params = m.params[:len(m.params)-1]
			}
			m.params = append(m.params, m.variadic)
		case t.kind == tokIdent:
			m.params = append(m.params, t.text)
		}
	}
	return nil
}

func (m *macro) param(name string) int {
	for i, p := range m.params {
		if p == name {
			return i
		}
	}
	return -1
}

// macroTable is the set of macros at one point of a unit. Base is shared and
// never written; a nil entry in own hides one of base.
type macroTable struct {
	base map[string]*macro
	own  map[string]*macro
}

func (t *macroTable) get(name string) *macro {
	if m, ok := t.own[name]; ok {
		return m
	}
	return t.base[name]
}

// An expander replaces macros in token lists.
type expander struct {
	table  *macroTable
	file   string
	budget int // tokens that may still be made; hostile macros grow without end
}

// A frame is a token list being read; while it is, its macro is not expanded.
type frame struct {
	toks []tok
	pos  int
	from *macro
}

type stream struct {
	frames []frame
}

func (s *stream) next() (tok, bool) {
	for len(s.frames) > 0 {
		f := &s.frames[len(s.frames)-1]
		if f.pos < len(f.toks) {
			f.pos++
			return f.toks[f.pos-1], true
		}
		if len(s.frames) == 1 {
			return tok{}, false
		}
		s.frames = s.frames[:len(s.frames)-1]
	}
	return tok{}, false
}

// opens tells whether the next token is "(", without taking it.
func (s *stream) opens() bool {
	for i := len(s.frames) - 1; i >= 0; i-- {
		if f := s.frames[i]; f.pos < len(f.toks) {
			return f.toks[f.pos].is("(")
		}
	}
	return false
}

func (s *stream) busy(m *macro) bool {
	for _, f := range s.frames {
		if f.from == m {
			return true
		}
	}
	return false
}

// expand appends the full expansion of toks to dst.
func (e *expander) expand(dst, toks []tok) []tok { return e.run(dst, toks, nil) }

func (e *expander) run(dst, toks []tok, outer []frame) []tok {
	s := &stream{}
	for _, f := range outer { // macros in progress stay disabled in arguments
		s.frames = append(s.frames, frame{from: f.from})
	}
	s.frames = append(s.frames, frame{toks: toks})
	for {
		t, ok := s.next()
		if !ok || e.budget <= 0 {
			return dst
		}
		if t.kind != tokIdent || t.noexp {
			dst = append(dst, t)
			e.budget--
			continue
		}
		m := e.table.get(t.text)
		switch {
		case m == nil:
			dst = append(dst, t)
			e.budget--
		case m.dynamic != 0:
			dst = e.dynamic(dst, m, t)
		case s.busy(m):
			t.noexp = true
			dst = append(dst, t)
			e.budget--
		case m.function && !s.opens():
			dst = append(dst, t)
			e.budget--
		default:
			dst = e.invoke(dst, m, t, s)
		}
	}
}

func (e *expander) dynamic(dst []tok, m *macro, t tok) []tok {
	e.budget--
	switch m.dynamic {
	case 'L':
		return append(dst, tok{text: itoa(int(t.line)), line: t.line, kind: tokNumber, space: t.space, where: true})
	case 'F':
		return append(dst, tok{text: `"` + strings.TrimPrefix(e.file, "xen/") + `"`, line: t.line, kind: tokString, space: t.space})
	}
	return append(dst, tok{text: "0", line: t.line, kind: tokNumber, space: t.space})
}

// invoke puts the replacement of m in front of the stream.
func (e *expander) invoke(dst []tok, m *macro, t tok, s *stream) []tok {
	outer := append([]frame(nil), s.frames...)
	var args [][]tok
	if m.function {
		var closed bool
		if args, closed = e.arguments(m, s); !closed {
			return append(dst, t)
		}
	}
	body := e.substitute(m, args, t, outer)
	s.frames = append(s.frames, frame{toks: body, from: m})
	e.budget -= 1 + len(body)
	if len(s.frames) > 400 {
		e.budget = 0
	}
	return dst
}

// arguments takes the parenthesised arguments of m from the stream.
func (e *expander) arguments(m *macro, s *stream) (args [][]tok, closed bool) {
	depth := 0
	var arg []tok
	for {
		t, ok := s.next()
		if !ok {
			return nil, false
		}
		switch {
		case t.is("(") || t.is("[") || t.is("{"):
			depth++
			if depth == 1 {
				continue
			}
		case t.is(")") || t.is("]") || t.is("}"):
			depth--
			if depth == 0 {
				if len(args) > 0 || len(arg) > 0 || len(m.params) > 0 {
					args = append(args, arg)
				}
				return args, true
			}
		case t.is(",") && depth == 1 && (m.variadic == "" || len(args) < len(m.params)-1):
			args = append(args, arg)
			arg = nil
			continue
		}
		arg = append(arg, t)
	}
}

// substitute makes the replacement list of one invocation: # and ##, GNU's
// ", ## args", and arguments expanded on their own first.
func (e *expander) substitute(m *macro, args [][]tok, at tok, outer []frame) []tok {
	argument := func(t tok) ([]tok, bool) {
		if t.kind != tokIdent || !m.function {
			return nil, false
		}
		i := m.param(t.text)
		if i < 0 {
			return nil, false
		}
		if i < len(args) {
			return args[i], true
		}
		return nil, true
	}
	expanded := make([][]tok, len(args))
	done := make([]bool, len(args))
	var out []tok
	for i := 0; i < len(m.body); i++ {
		t := m.body[i]
		paste := i+1 < len(m.body) && m.body[i+1].is("##")
		if t.is("#") && m.function && i+1 < len(m.body) {
			if arg, ok := argument(m.body[i+1]); ok {
				out = append(out, tok{text: stringify(arg), line: at.line, kind: tokString, space: t.space})
				i++
				continue
			}
		}
		if t.is("##") && len(out) > 0 && i+1 < len(m.body) {
			i++
			right, isArg := argument(m.body[i])
			if !isArg {
				right = []tok{m.body[i]}
			}
			out = pasted(out, right, isArg && m.body[i].text == m.variadic, at.line)
			continue
		}
		arg, isArg := argument(t)
		switch {
		case !isArg:
			t.line = at.line
			out = append(out, t)
		case paste:
			out = appendSpaced(out, arg, t.space)
			if len(arg) == 0 { // a placemarker, so that ## does not take what stands before
				out = append(out, tok{kind: tokPunct, line: at.line, space: t.space})
			}
		default:
			n := m.param(t.text)
			if n < len(args) && !done[n] {
				expanded[n] = e.run(nil, arg, outer)
				done[n] = true
			}
			if n < len(args) {
				out = appendSpaced(out, expanded[n], t.space)
			}
		}
	}
	kept := out[:0]
	for _, t := range out {
		if t.text != "" {
			kept = append(kept, t)
		}
	}
	if len(kept) > 0 {
		kept[0].space = at.space
	}
	return kept
}

func appendSpaced(dst, toks []tok, space bool) []tok {
	n := len(dst)
	dst = append(dst, toks...)
	if len(dst) > n {
		dst[n].space = space
	}
	return dst
}

// pasted joins the last token of left with the first of right.
func pasted(left, right []tok, variadic bool, line int32) []tok {
	last := left[len(left)-1]
	if variadic && last.is(",") { // GNU: ", ## args" loses the comma when args is empty
		if len(right) == 0 {
			return left[:len(left)-1]
		}
		return append(left, right...)
	}
	if len(right) == 0 {
		return left
	}
	joined := lex(nil, last.text+right[0].text, int(line))
	if len(joined) > 0 {
		joined[0].space = last.space
	}
	left = append(left[:len(left)-1], joined...)
	return append(left, right[1:]...)
}

func stringify(arg []tok) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, t := range arg {
		if t.space && i > 0 {
			b.WriteByte(' ')
		}
		if t.kind == tokString || t.kind == tokChar {
			b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(t.text))
			continue
		}
		b.WriteString(t.text)
	}
	b.WriteByte('"')
	return b.String()
}
