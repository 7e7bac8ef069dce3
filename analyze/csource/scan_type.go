package csource

// opensType tells whether a brace after the declaration so far opens the body
// of a struct, union or enum: only a tag and attributes stand in between.
func (s *scanner) opensType() bool { return s.typeBefore(s.decl) >= 0 }

// typeBefore is the index of the struct, union or enum word whose body comes
// after the tokens, or -1.
func (s *scanner) typeBefore(d []token) int {
	for i := len(d) - 1; i >= 0; i-- {
		t := d[i]
		switch {
		case t.kind == '(':
			if i == 0 || d[i-1].role != attributeOf {
				return -1
			}
		case t.kind != word:
			return -1
		case t.role == tagWord:
			return i
		case t.role == plainWord, t.role == attribute, t.role == attributeOf:
		default:
			return -1
		}
	}
	return -1
}

// types notes the types that a declaration defines, and all that are nested in
// them.
func (s *scanner) types(d []token, from, to int) {
	for i, t := range d {
		if t.kind == '=' {
			return
		}
		if t.kind != '{' {
			continue
		}
		at := s.typeBefore(d[:i])
		if at < 0 {
			continue
		}
		// Attributes may stand behind the body too: struct { ... } __packed x.
		end := i + 1
		for end < len(d) && (d[end].role == attribute || d[end].role == attributeOf || d[end].kind == '(') {
			end++
		}
		typ := Type{
			Kind: s.str(d[at]),
			Name: s.tag(d[at+1 : i]),
			Cond: s.cond(),
			from: int(d[at].from),
			to:   int(d[end-1].to),
		}
		if i+1 < len(d) || at > 0 {
			typ.Span = s.span(typ.from, typ.to)
		} else {
			typ.Span = s.span(from, to)
		}
		typ.Attrs = s.specsOf(append(append([]token(nil), d[at:i]...), d[i+1:end]...)).attrs
		s.typeBody(typ, t)
	}
}

// tag is the name among the words between struct and its body.
func (s *scanner) tag(d []token) string {
	for _, t := range d {
		if t.kind == word && t.role == plainWord {
			return s.str(t)
		}
	}
	return ""
}

// typeBody reads the members in the body and notes the type before the types
// nested in it.
func (s *scanner) typeBody(typ Type, body token) {
	index := len(s.f.Types)
	s.f.Types = append(s.f.Types, typ)
	if s.nesting == maxNested {
		return
	}
	s.nesting++
	defer func() { s.nesting-- }()
	m, base := memberReader{s}, len(s.members)
	if typ.Kind == "enum" {
		m.enumerators(body)
	} else {
		m.body(body, "")
	}
	list := s.members[base:]
	s.f.Types[index].Members = take(&list)
	s.members = s.members[:base]
}

// typedef notes the names that a typedef gives, and the types in it.
func (s *scanner) typedef(d []token, from, to int) {
	nested := len(s.f.Types)
	s.types(d, from, to)
	anonymous := len(s.f.Types) > nested && s.f.Types[nested].Name == ""
	if anonymous {
		// The typedef's name is the name of the type: one entry for both.
		t := &s.f.Types[nested]
		t.Kind = "typedef"
	}
	parts := s.declarators(d)
	for i, p := range parts {
		if i == 0 && anonymous {
			t := &s.f.Types[nested]
			t.Name, t.Span, t.from, t.to = p.name, s.span(from, to), from, to
			continue
		}
		s.f.Types = append(s.f.Types, Type{
			Span: s.span(from, to), Kind: "typedef", Name: p.name, Of: p.typ,
			Attrs: s.specsOf(d).attrs, Cond: s.cond(), from: from, to: to,
		})
	}
	if len(parts) == 0 {
		s.f.Lost = append(s.f.Lost, s.span(from, to))
	}
}

// vars notes the variables that a declaration defines or declares.
func (s *scanner) vars(d []token, from, to int) {
	before := len(s.f.Types)
	parts := s.declarators(d)
	span := s.span(from, to)
	for _, p := range parts {
		if p.name == "" {
			continue
		}
		sp := s.specsOf(p.tokens)
		s.f.Vars = append(s.f.Vars, Var{
			Span: span, Name: p.name, Type: p.typ, Static: sp.static, Extern: sp.extern, Const: p.isConst,
			Init: p.init, Attrs: sp.attrs, Section: sp.section, Cond: sp.cond, from: from, to: to,
		})
	}
	if len(parts) == 0 && before == len(s.f.Types) && !s.definesType(d) {
		s.f.Lost = append(s.f.Lost, span)
	}
}

// definesType tells whether a type's body is among the tokens.
func (s *scanner) definesType(d []token) bool {
	for i, t := range d {
		if t.kind == '{' && s.typeBefore(d[:i]) >= 0 {
			return true
		}
	}
	return false
}

// A declarator is one name in a declaration.
type declarator struct {
	name    string
	typ     string
	init    string
	bits    string
	line    int
	isConst bool
	tokens  []token // what says so: all but the initialiser and other names
}

// declarators splits a declaration into its names. It gives none if there is
// no name, as in a declaration of only a type.
func (s *scanner) declarators(d []token) []declarator {
	var list []declarator
	base := d[:0:0]
	for start := 0; start < len(d); {
		end := start
		for end < len(d) && d[end].kind != ',' {
			end++
		}
		part := d[start:end]
		if start == 0 {
			base = s.baseOf(part)
		}
		if p, ok := s.declarator(base, part, start == 0); ok {
			list = append(list, p)
		} else if start == 0 {
			return nil
		}
		start = end + 1
	}
	return list
}

// baseOf is the part of the first declarator that counts for all: the tokens
// before the first * or bracket that belongs to the name.
func (s *scanner) baseOf(d []token) []token {
	base := s.firstBase(d)
	size := 0
	for _, t := range base {
		size++
		if t.kind != '{' {
			size += int(t.to - t.from)
		}
	}
	if size > maxBase {
		return nil
	}
	return base
}

func (s *scanner) firstBase(d []token) []token {
	last := -1 // the last word that can be the name
	for i, t := range d {
		if t.kind == '*' || t.kind == '=' || t.kind == '[' || t.kind == ':' ||
			t.kind == '(' && i > 0 && d[i-1].role != attributeOf && d[i-1].role != typeOf {
			if t.kind == '*' || t.kind == '(' {
				return d[:i]
			}
			break
		}
		if t.kind == word && t.role == plainWord {
			last = i
		}
	}
	if last > 0 {
		return d[:last]
	}
	return d[:0]
}

func (s *scanner) declarator(base, d []token, first bool) (p declarator, ok bool) {
	d, p.init, p.bits = s.cutInit(d)
	name, holder := s.nameOf(d, first)
	unnamed := p.bits != "" && (holder < 0 || holder == 0 && first)
	if holder < 0 && !unnamed || len(d) == 0 {
		return p, false
	}
	c := canon{s: s, buf: s.buf[:0]}
	if !first {
		c.tokens(base)
	}
	if unnamed { // a bit field that only fills
		c.tokens(d)
		name = token{from: d[0].from, to: d[0].from}
	} else {
		c.tokens(d[:holder])
		if t := d[holder]; t.kind != word {
			c.raw(int(t.from), int(name.from))
			c.raw(int(name.to), int(t.to))
		}
		c.tokens(d[holder+1:])
	}
	p.typ = c.text(int(d[0].from))
	s.buf = c.buf
	p.name = s.str(name)
	p.line = s.lineOf(int(name.from))
	p.tokens = d
	if !first {
		p.tokens = append(base[:len(base):len(base)], d...)
	}
	p.isConst = s.isConst(p.tokens)
	return p, true
}

// isConst tells whether the object itself cannot be written: the const comes
// after the last *, or there is no *.
func (s *scanner) isConst(d []token) bool {
	found := false
	for _, t := range d {
		switch {
		case t.kind == '*':
			found = false
		case t.role == qualifier && s.str(t) == "const":
			found = true
		}
	}
	return found
}

// cutInit takes the initialiser or the width of a bit field off a declarator.
func (s *scanner) cutInit(d []token) (rest []token, init, bits string) {
	for i, t := range d {
		if t.kind != '=' && t.kind != ':' {
			continue
		}
		text := s.fold(s.text[t.to:d[len(d)-1].to])
		if t.kind == '=' {
			return d[:i], text, ""
		}
		return d[:i], "", text
	}
	return d, "", ""
}

// nameOf finds the name in a declarator and the token that holds it: the name
// itself or the bracket of (*name)(...). holder is -1 if there is none.
func (s *scanner) nameOf(d []token, first bool) (name token, holder int) {
	holder = -1
	plain, typed := 0, !first
	for i, t := range d {
		switch {
		case t.kind == '(' && i > 0 && (d[i-1].role == attributeOf || d[i-1].role == typeOf):
			typed = typed || d[i-1].role == typeOf
		case t.kind == '(':
			if in, ok := s.pointerName(t); ok {
				return in, i
			}
			if in, ok := s.onlyWord(t); ok && holder < 0 && typed {
				return in, i // void (name)(...)
			}
			if holder >= 0 { // a function: name(...)
				return name, holder
			}
		case t.kind == '{':
			typed = true
		case t.kind == '[':
			if holder >= 0 {
				return name, holder
			}
		case t.kind != word:
		case t.role == typeWord:
			typed = true
			plain, holder = 0, -1 // what came before was no name
		case t.role == tagWord:
			typed = true
		case t.role == plainWord && i > 0 && s.isTag(d[:i]):
			typed = true
		case t.role == plainWord:
			plain++
			if !typed && plain == 1 && s.moreWords(d[i+1:]) {
				typed, plain = true, 0
				continue
			}
			if holder > 0 && (looksLikeAttribute(s.str(t)) || d[holder-1].kind == '*') {
				continue // the name has come already
			}
			name, holder = t, i
		}
	}
	return name, holder
}

// isTag tells whether the word after the tokens is the tag of a struct.
func (s *scanner) isTag(d []token) bool {
	for i := len(d) - 1; i >= 0; i-- {
		switch {
		case d[i].role == tagWord:
			return true
		case d[i].role == attribute, d[i].role == attributeOf, d[i].kind == '(':
		default:
			return false
		}
	}
	return false
}

// moreWords tells whether a name still comes.
func (s *scanner) moreWords(d []token) bool {
	for i, t := range d {
		switch {
		case t.kind == word && t.role == plainWord:
			return true
		case t.kind == '(' && i > 0 && d[i-1].role != attributeOf:
			return true
		case t.kind == '(' && i == 0:
			_, ok := s.pointerName(t)
			return ok
		case t.kind == '[':
			return false
		}
	}
	return false
}

// pointerName finds the name in a bracket that starts with a *.
func (s *scanner) pointerName(t token) (name token, ok bool) {
	i, end := int(t.from)+1, int(t.to)-1
	star := false
	for {
		i = skipBlank(s.text, i, end)
		switch {
		case i >= end:
			return name, false
		case s.text[i] == '*':
			star = true
			i++
		case s.text[i] == '(' && !star:
			i++
		case class[s.text[i]] == isWord:
			stop := wordEnd(s.text, i)
			w := s.text[i:stop]
			if r := roleOf(w); r == qualifier || r == attribute || looksLikeAttribute(w) {
				i = stop
				continue
			}
			if !star && s.text[skipBlank(s.text, stop, end)] != '*' {
				return name, false
			}
			if !star { // a calling convention: (EFIAPI *name)
				i = stop
				continue
			}
			return token{kind: word, from: int32(i), to: int32(stop)}, true
		default:
			return name, false
		}
	}
}

// onlyWord is the word that stands alone in a bracket.
func (s *scanner) onlyWord(t token) (name token, ok bool) {
	end := int(t.to) - 1
	from := skipBlank(s.text, int(t.from)+1, end)
	stop := wordEnd(s.text, from)
	if from >= end || class[s.text[from]] != isWord || skipBlank(s.text, stop, end) < end {
		return name, false
	}
	return token{kind: word, from: int32(from), to: int32(stop)}, true
}
