package csource

// A memberReader lists the members in the body of a type.
type memberReader struct{ s *scanner }

// body reads the declarations in the braces of a struct or union.
func (m *memberReader) body(t token, outer string) {
	s := m.s
	text, end := s.text, int(t.to)
	if text[end-1] == '}' {
		end--
	}
	saved, muted, level := s.decl, s.muted, len(s.conds)
	s.decl, s.spare, s.muted = s.spare[:0], nil, true
	for i := int(t.from) + 1; i < end; {
		c := text[i]
		switch class[c] {
		case isSpace:
			i++
		case isWord, isDigit:
			stop := wordEnd(text, i+1)
			kind := byte('0')
			if class[c] == isWord {
				kind = word
			}
			s.push(kind, i, stop)
			i = stop
		case isQuote:
			stop := quoteEnd(text, i)
			s.push('"', i, stop)
			i = stop
		case isSlash:
			stop := commentEnd(text, i)
			if stop == i {
				s.push(c, i, i+1)
				stop++
			}
			i = stop
		case isHash:
			i = s.memberDirective(i)
		case isOpen:
			stop := min(s.group(i), end)
			s.push(c, i, stop)
			i = stop
		default:
			i++
			if c == ';' {
				m.member(s.decl, outer)
				s.decl = s.decl[:0]
				continue
			}
			s.push(c, i-1, i)
		}
	}
	if len(s.decl) > 0 {
		m.member(s.decl, outer) // a macro that brings its own semicolon
	}
	s.decl, s.spare, s.muted = saved, s.decl[:0], muted
	s.conds = s.conds[:min(level, len(s.conds))]
}

// memberDirective takes a preprocessor line between members.
func (s *scanner) memberDirective(i int) int {
	if !startsLine(s.text, i) {
		return i + 1
	}
	end, ev := s.directive(i)
	switch ev {
	case opened:
		s.conds[len(s.conds)-1].inDecl = len(s.decl) > 0
		return s.skipDead(end)
	case turned:
		top := len(s.conds) - 1
		if s.conds[top].inDecl || len(s.decl) > 0 {
			return s.skipOther(end, top)
		}
		return s.skipDead(end)
	}
	return end
}

// member takes one declaration inside a type.
func (m *memberReader) member(d []token, outer string) {
	s := m.s
	if len(d) == 0 {
		return
	}
	cond := s.cond()
	if d[0].kind == word && d[0].role == plainWord {
		switch {
		case len(d) == 1: // a macro that makes members
			s.members = append(s.members, Member{Name: s.str(d[0]), Line: s.lineOf(int(d[0].from)), Cond: cond, Outer: outer})
			return
		case len(d) == 2 && d[1].kind == '(': // DECLARE_BITMAP(name, bits)
			args := s.args(d[1])
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			s.members = append(s.members, Member{Name: name, Type: s.canon(d[0].from, d[1].to), Line: s.lineOf(int(d[0].from)), Cond: cond, Outer: outer})
			return
		}
	}
	for i, t := range d {
		if t.kind == '{' {
			m.nested(d, i, outer, cond)
			return
		}
	}
	m.names(s.declarators(d), outer, cond)
}

func (m *memberReader) names(parts []declarator, outer, cond string) {
	for _, p := range parts {
		m.s.members = append(m.s.members, Member{Name: p.name, Type: p.typ, Bits: p.bits, Line: p.line, Cond: cond, Outer: outer})
	}
}

// nested takes a member whose type has its body right here, the token at i.
func (m *memberReader) nested(d []token, i int, outer, cond string) {
	s := m.s
	at := s.typeBefore(d[:i])
	parts := s.declarators(d)
	m.names(parts, outer, cond)
	if at < 0 || s.nesting == maxNested {
		return
	}
	s.nesting++
	defer func() { s.nesting-- }()
	typ := Type{
		Span: s.span(int(d[at].from), int(d[i].to)),
		Kind: s.str(d[at]), Name: s.tag(d[at+1 : i]), Attrs: s.specsOf(d[at:i]).attrs,
		Cond: cond, from: int(d[at].from), to: int(d[i].to),
	}
	switch {
	case typ.Name != "" || typ.Kind == "enum":
		s.typeBody(typ, d[i])
	case len(parts) > 0 && outer != "":
		m.body(d[i], outer+"."+parts[0].name)
	case len(parts) > 0:
		m.body(d[i], parts[0].name)
	default:
		m.body(d[i], outer)
	}
}

// enumerators reads the braces of an enum.
func (m *memberReader) enumerators(t token) {
	s := m.s
	text, end := s.text, int(t.to)
	if text[end-1] == '}' {
		end--
	}
	muted, level := s.muted, len(s.conds)
	s.muted = true
	from, depth, last := -1, 0, byte(0)
	take := func(to int) {
		if from >= 0 {
			m.enumerator(from, to)
		}
		from = -1
	}
	for i := int(t.from) + 1; i < end; {
		next := i + 1
		c := text[i]
		switch class[c] {
		case isSpace:
			i++
			continue
		case isSlash:
			if next = commentEnd(text, i); next > i {
				i = next
				continue
			}
			next = i + 1
		case isHash:
			if startsLine(text, i) {
				take(i)
				var ev event
				if i, ev = s.directive(i); ev == opened || ev == turned {
					i = s.skipDead(i)
				}
				continue
			}
		case isQuote:
			next = quoteEnd(text, i)
		case isWord:
			next = wordEnd(text, next)
			if last == ')' && depth == 0 && startsLine(text, i) {
				take(i) // macros that bring their commas stand in lines
			}
		case isOpen:
			depth++
		case isPunct:
			if c == ',' && depth == 0 {
				take(i)
				i = next
				continue
			}
			if c == ')' || c == ']' || c == '}' {
				depth--
			}
		}
		if from < 0 {
			from = i
		}
		last = c
		i = next
	}
	take(end)
	s.muted = muted
	s.conds = s.conds[:min(level, len(s.conds))]
}

// enumerator takes one name and its value.
func (m *memberReader) enumerator(from, to int) {
	s := m.s
	stop := wordEnd(s.text, from)
	if stop == from || stop > to {
		return
	}
	name, value := s.text[from:stop], s.text[stop:to]
	switch at := skipBlank(s.text, stop, to); {
	case at < to && s.text[at] == '=':
		value = s.text[at+1 : to]
	case at < to && s.text[at] == '(': // XEN_CPUFEATURE(NAME, value)
		if args := s.args(token{from: int32(at), to: int32(to)}); len(args) > 0 {
			name, value = args[0], s.text[from:to]
		}
	}
	s.members = append(s.members, Member{Name: name, Type: s.fold(value), Line: s.lineOf(from), Cond: s.cond()})
}
