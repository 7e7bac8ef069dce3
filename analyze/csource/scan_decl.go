package csource

import (
	"slices"
	"strings"
)

// specs is what the words before and after a name say about it.
type specs struct {
	static, extern, inline bool
	kind                   Inline
	attrs                  []string
	section                string
	cond                   string
}

// specsOf reads the storage classes and attributes among some tokens.
func (s *scanner) specsOf(d []token) specs {
	sp := specs{cond: s.cond()}
	for i := 0; i < len(d); i++ {
		t := d[i]
		if t.kind != word {
			continue
		}
		w := s.str(t)
		switch t.role {
		case storage:
			switch w {
			case "static", "STATIC", "ERR_STATIC", "XZ_EXTERN":
				sp.static = true
			case "MEM_STATIC", "ZSTD_STATIC":
				sp.static, sp.inline = true, true
			case "FORCE_INLINE":
				sp.static = true
				sp.attr("always_inline")
			case "FORCE_NOINLINE":
				sp.static = true
				sp.attr("noinline")
				sp.attr("__init")
			case "extern":
				sp.extern = true
			case "inline", "__inline", "__inline__":
				sp.inline = true
			}
		case attribute:
			sp.attr(w)
		case attributeOf:
			if i+1 < len(d) && d[i+1].kind == '(' {
				i++
				w = s.canon(t.from, d[i].to)
			}
			sp.attr(w)
		case plainWord:
			if i+1 < len(d) && d[i+1].kind == word && looksLikeAttribute(w) {
				sp.attr(w)
			}
		}
	}
	if sp.inline && sp.kind == InlineNone {
		sp.kind = InlineHint
	}
	return sp
}

// attr notes one attribute as written.
func (sp *specs) attr(w string) {
	sp.attrs = append(sp.attrs, w)
	switch {
	case strings.Contains(w, "always_inline"):
		sp.kind = InlineAlways
	case strings.Contains(w, "noinline"):
		sp.kind = InlineNever
	case strings.Contains(w, "gnu_inline"):
		sp.inline = true
		if sp.extern {
			sp.kind = InlineExtern
		}
	}
	if name, ok := sections[w]; ok {
		sp.section = name
	} else if strings.Contains(w, "section") {
		if name, ok := quoted(w); ok {
			sp.section = name
		}
	}
}

// quoted is the first string in a text, without its quotes.
func quoted(w string) (string, bool) {
	_, rest, ok := strings.Cut(w, `"`)
	if !ok {
		return "", false
	}
	name, _, ok := strings.Cut(rest, `"`)
	return name, ok
}

// looksLikeAttribute tells __foo, in lower case, from the types of that shape.
func looksLikeAttribute(w string) bool {
	if len(w) < 4 || w[:2] != "__" || strings.HasSuffix(w, "_t") {
		return false
	}
	switch w[2] {
	case 'u', 's', 'b', 'l': // __u8, __s32, __be16, __le64
		return w[len(w)-1] > '9' && !strings.HasPrefix(w, "__builtin")
	case 'i':
		return !strings.HasPrefix(w, "__int")
	}
	return strings.IndexFunc(w, func(r rune) bool { return r >= 'A' && r <= 'Z' }) < 0
}

// A head is the part of a function's declaration before its body.
type head struct {
	name   token // may be inside a bracket
	at     int   // index of the first token of the name's declarator
	params token
	macro  string // a macro that makes the name from what stands in its brackets
}

// headOf finds name and parameters of a function in a declaration.
func (s *scanner) headOf(d []token) (h head, ok bool) {
	best := -1
	for i := 0; i+1 < len(d); i++ {
		t := d[i]
		if t.kind == '=' {
			break
		}
		if t.kind != word || d[i+1].kind != '(' {
			continue
		}
		switch t.role {
		case attributeOf, typeOf:
			i++
			continue
		case plainWord:
			if best < 0 || !allUpper(s.str(t)) {
				best = i
			}
		case typeWord, qualifier, storage, attribute:
			// The name itself is in brackets: void *(memcpy)(...).
			if i+2 < len(d) && d[i+2].kind == '(' {
				return s.bracketed(d, i+1)
			}
		}
	}
	if best < 0 {
		for i := 1; i+1 < len(d); i++ { // void *(memcpy)(...)
			if d[i].kind == '(' && d[i+1].kind == '(' && d[i-1].kind == '*' {
				return s.bracketed(d, i)
			}
		}
		return h, false
	}
	h = head{name: d[best], at: best, params: d[best+1]}
	if best+2 < len(d) && d[best+2].kind == '(' {
		// size_t (foo)(int), DO(foo)(int), or a pointer: foo_t (*f)(int).
		if in, ok := s.bracketed(d, best+1); ok {
			if best > 0 && d[best-1].role != storage && d[best-1].role != attribute || allUpper(s.str(d[best])) {
				in.at, in.macro = best, s.str(d[best])
			}
			return in, true
		}
		return h, false
	}
	return h, true
}

// bracketed reads (name)(parameters) at token i, or a function that gives a
// function pointer: (*name(parameters))(int).
func (s *scanner) bracketed(d []token, i int) (h head, ok bool) {
	from, to := int(d[i].from)+1, int(d[i].to)-1
	from = skipBlank(s.text, from, to)
	pointer := false
	for from < to && s.text[from] == '*' {
		pointer = true
		from = skipBlank(s.text, from+1, to)
	}
	end := min(wordEnd(s.text, from), to)
	if end <= from || class[s.text[from]] != isWord {
		return h, false
	}
	h = head{name: token{kind: word, from: int32(from), to: int32(end)}, at: i, params: d[i+1]}
	rest := skipBlank(s.text, end, to)
	switch {
	case !pointer && rest >= to:
		return h, true
	case pointer && rest < to && s.text[rest] == '(':
		h.params = token{kind: '(', from: int32(rest), to: int32(to)}
		return h, true
	}
	return h, false
}

func allUpper(w string) bool {
	return strings.IndexFunc(w, func(r rune) bool { return r >= 'a' && r <= 'z' }) < 0
}

// funcHead tells whether the declaration so far can be the head of a function,
// whose body comes next.
func (s *scanner) funcHead() (head, bool) {
	d := s.decl
	if len(d) < 2 || s.has('=') || s.has('{') || s.opensType() || s.opensTable() {
		return head{}, false
	}
	return s.headOf(d)
}

func (s *scanner) emitFunc(h head, open, end int) {
	d := s.decl
	sp := s.specsOf(d)
	from := int(d[0].from)
	f := Func{
		Span:      s.span(from, end),
		Name:      s.str(h.name),
		NameLine:  s.lineOf(int(h.name.from)),
		Open:      s.lineOf(open),
		BodyStart: open,
		BodyEnd:   max(open, end-1),
		Result:    s.typeText(d[:h.at]),
		Params:    s.inside(h.params),
		Static:    sp.static,
		Inline:    sp.kind,
		Attrs:     sp.attrs,
		Section:   sp.section,
		Macro:     h.macro,
		Cond:      sp.cond,
		from:      from,
	}
	f.Statics = s.statics(open, end)
	s.f.Funcs = append(s.f.Funcs, f)
}

// endDecl takes a declaration that ends with its last token.
func (s *scanner) endDecl() {
	s.splitCall()
	d := s.decl
	s.decl = d[:0]
	from, to := int(d[0].from), int(d[len(d)-1].to)
	if d[len(d)-1].kind == ';' {
		d = d[:len(d)-1]
	}
	switch {
	case len(d) == 0:
		s.f.plain = append(s.f.plain, s.span(from, to))
	case d[0].kind != word:
		s.f.Lost = append(s.f.Lost, s.span(from, to))
	case s.quiet(d, from, to):
	case s.str(d[0]) == "typedef" || len(d) > 1 && s.str(d[1]) == "typedef":
		s.typedef(d, from, to)
	case s.call(d, from, to):
	case s.proto(d, from, to):
	default:
		s.types(d, from, to)
		s.vars(d, from, to)
	}
}

// quiet takes declarations that define nothing.
func (s *scanner) quiet(d []token, from, to int) bool {
	switch s.str(d[0]) {
	case "asm", "__asm__", "__asm":
		s.f.Asm = append(s.f.Asm, s.span(from, to))
		return true
	case "_Static_assert", "static_assert":
		s.f.plain = append(s.f.plain, s.span(from, to))
		return true
	}
	if d[0].role != tagWord {
		return false
	}
	for _, t := range d[1:] {
		if t.kind != word || t.role == tagWord {
			return false
		}
	}
	if len(d) == 2 {
		s.f.plain = append(s.f.plain, s.span(from, to))
	}
	return len(d) == 2
}

// call takes a declaration that is one macro invocation, possibly with storage
// classes before it and an initialiser behind.
func (s *scanner) call(d []token, from, to int) bool {
	at := 0
	for at < len(d) && (d[at].role == storage || d[at].role == attribute || d[at].role == qualifier) && d[at].kind == word {
		at++
	}
	for at+1 < len(d) && d[at].role == attributeOf && d[at+1].kind == '(' {
		at += 2
	}
	if at >= len(d) || d[at].kind != word || d[at].role != plainWord {
		return false
	}
	name, rest := s.str(d[at]), d[at+1:]
	if len(rest) == 0 {
		if at > 0 {
			return false
		}
		s.f.Calls = append(s.f.Calls, Call{Span: s.span(from, to), Name: name, Cond: s.cond(), from: from, to: to})
		return true
	}
	if rest[0].kind != '(' || len(rest) > 1 && rest[1].kind == '(' {
		return false
	}
	def, known := definers[name]
	if !known && (len(rest) > 1 && rest[1].kind == word && !s.opensTable()) {
		return false
	}
	args := s.args(rest[0])
	if !known && (at == 0 || s.text[rest[0].to-1] != ')') && !definesData(name, args) && len(rest) == 1 {
		s.f.Calls = append(s.f.Calls, Call{Span: s.span(from, to), Name: name, Args: args, Cond: s.cond(), from: from, to: to})
		return true
	}
	s.macroVar(def, known, name, args, d, rest, s.span(from, to), from, to)
	return true
}

// definesData guesses whether an unknown macro at file scope defines data: it
// names one thing or registers it.
func definesData(name string, args []string) bool {
	for _, prefix := range []string{"REGISTER_", "DEFINE_", "LIVEPATCH_"} {
		if strings.HasPrefix(name, prefix) {
			return !strings.Contains(name, "HANDLE")
		}
	}
	return strings.HasSuffix(name, "_param") || strings.HasSuffix(name, "initcall")
}

// macroVar notes the variable that a macro defines.
func (s *scanner) macroVar(def definer, known bool, macro string, args []string, d, rest []token, span Span, from, to int) {
	sp := s.specsOf(d)
	v := Var{
		Span: span, Macro: macro, PerCPU: def.perCPU, Type: def.typ,
		Static: sp.static || def.of, Extern: sp.extern, Attrs: sp.attrs, Cond: sp.cond,
		Section: sp.section, from: from, to: to,
	}
	if def.section != "" {
		v.Section = def.section
	}
	if def.name < len(args) {
		v.Name = strings.Trim(args[def.name], `"`)
	}
	if v.Type == "" && def.name == 1 && len(args) > 0 {
		v.Type = args[0]
	}
	if n := strings.IndexByte(v.Name, '['); n > 0 { // DEFINE_PER_CPU(int, name[4])
		v.Name, v.Type = v.Name[:n], v.Type+v.Name[n:]
	}
	end := rest[len(rest)-1].to
	if !known || def.of || strings.HasSuffix(macro, "_START") {
		v.Init = s.fold(s.text[rest[0].from:end])
	} else if i := slices.IndexFunc(rest, func(t token) bool { return t.kind == '=' }); i >= 0 {
		v.Init = s.fold(s.text[rest[i].to:end])
	}
	s.f.Vars = append(s.f.Vars, v)
}

// proto takes the declaration of a function.
func (s *scanner) proto(d []token, from, to int) bool {
	for _, t := range d {
		if t.kind == '=' || t.kind == '{' {
			return false
		}
	}
	h, ok := s.headOf(d)
	if !ok || h.at == 0 {
		return false
	}
	sp := s.specsOf(d)
	s.f.Protos = append(s.f.Protos, Proto{
		Span:   s.span(from, to),
		Name:   s.str(h.name),
		Result: s.typeText(d[:h.at]),
		Params: s.inside(h.params),
		Static: sp.static,
		Attrs:  sp.attrs,
		Cond:   sp.cond,
		from:   from,
		to:     to,
	})
	return true
}

// flushCall ends a macro invocation that has no semicolon, when something
// follows that cannot belong to it.
func (s *scanner) flushCall() {
	d := s.decl
	if len(d) == 0 || d[0].kind != word || d[0].role != plainWord {
		return
	}
	if len(d) == 1 && allUpper(s.str(d[0])) || len(d) == 2 && d[1].kind == '(' {
		s.endDecl()
	}
}

// endCall ends a macro invocation that has no semicolon when the word at i
// begins a line after it.
func (s *scanner) endCall(i int) {
	d := s.decl
	if d[0].role != plainWord || d[0].kind != word || d[1].kind != '(' || !startsLine(s.text, i) {
		return
	}
	switch roleOf(s.text[i:wordEnd(s.text, i)]) {
	case attribute, attributeOf: // DECLARE_BITMAP(...), next line __section(".data");
	default:
		s.endDecl()
	}
}

// splitCall takes macro invocations without a semicolon off the beginning of a
// declaration: EXPORT_SYMBOL(f) on a line of its own.
func (s *scanner) splitCall() {
	for {
		d := s.decl
		n := 1
		if len(d) < 3 || d[0].kind != word || d[0].role != plainWord || !allUpper(s.str(d[0])) {
			return
		}
		if d[1].kind == '(' {
			n = 2
		}
		next := d[n]
		if next.kind != word || s.lineOf(int(next.from)) == s.lineOf(int(d[n-1].to)-1) {
			return
		}
		switch next.role {
		case storage, tagWord, typeWord, qualifier:
		default:
			return
		}
		rest := append([]token(nil), d[n:]...)
		s.decl = d[:n]
		s.endDecl()
		s.decl = append(s.decl[:0], rest...)
	}
}

// opensTable tells whether the declaration starts a definition that macros
// open and close: DT_DEVICE_START(...) .init = f, DT_DEVICE_END.
func (s *scanner) opensTable() bool {
	d := s.decl
	return len(d) > 1 && d[0].kind == word && d[1].kind == '(' && strings.HasSuffix(s.str(d[0]), "_START")
}

// closesTable tells whether the last word is the _END to the _START at the
// beginning of the declaration.
func (s *scanner) closesTable() bool {
	last := s.decl[len(s.decl)-1]
	return last.to-last.from > 4 && s.text[last.to-4:last.to] == "_END" && s.opensTable()
}
