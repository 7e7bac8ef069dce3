package csource

import (
	"slices"
	"sort"
	"strings"
)

// Limits of the functions that macros make in one file.
const (
	maxNesting  = 4
	maxExpanded = 1 << 20 // bytes of all expansions together
)

// madeByMacros turns invocations of macros that this file defines with a
// function in them into functions: VMCB_ACCESSORS(cr3, cr). Their body is the
// invocation. Names that such a macro pastes are worked out as well:
// long DO(set_timer_op)(s_time_t timeout) is do_set_timer_op.
func (s *scanner) madeByMacros() {
	f := s.f
	if len(f.Macros) == 0 {
		return
	}
	m := makers{macros: map[string][]*Macro{}, budget: maxExpanded}
	for i := range f.Macros {
		if mac := &f.Macros[i]; mac.Params != nil {
			m.macros[mac.Name] = append(m.macros[mac.Name], mac)
		}
	}
	for i := range f.Funcs {
		fn := &f.Funcs[i]
		if mac := m.definition(fn.Macro, fn.Start); mac != nil {
			if text, ok := m.expand(mac, []string{fn.Name}); ok {
				fn.Name = lastWord(text, fn.Name)
			}
		}
	}
	made := len(f.Funcs)
	f.Calls = slices.DeleteFunc(f.Calls, func(c Call) bool {
		funcs := m.functions(c.Name, c.Args, c.Start, 0)
		for _, fn := range funcs {
			fn.Span, fn.NameLine, fn.Open = c.Span, c.Start, c.Start
			fn.from, fn.BodyStart, fn.BodyEnd = c.from, c.from, c.to-1
			fn.Macro, fn.Cond, fn.Statics = c.Name, c.Cond, nil
			f.Funcs = append(f.Funcs, fn)
		}
		return len(funcs) > 0
	})
	if len(f.Funcs) > made {
		slices.SortStableFunc(f.Funcs, func(a, b Func) int { return a.from - b.from })
	}
}

func lastWord(text, otherwise string) string {
	for _, w := range wordsOf(text) {
		otherwise = w
	}
	return otherwise
}

// makers are the macros with parameters of one file, by name.
type makers struct {
	macros map[string][]*Macro
	budget int // bytes that may still be expanded
}

// functions gives the functions that an invocation makes.
func (m *makers) functions(name string, args []string, line, depth int) []Func {
	mac := m.definition(name, line)
	if args == nil || depth == maxNesting || mac == nil || !mac.makesCode() {
		return nil
	}
	text, ok := m.expand(mac, args)
	if !ok || !strings.Contains(text, "(") {
		return nil
	}
	s := &scanner{f: new(File)}
	s.reset("", text+";")
	s.declarations()
	funcs := s.f.Funcs
	for _, c := range s.f.Calls {
		funcs = append(funcs, m.functions(c.Name, c.Args, line, depth+1)...)
	}
	return funcs
}

// definition is the last one of a macro before a line, else its first.
func (m *makers) definition(name string, line int) *Macro {
	list := m.macros[name]
	if len(list) == 0 {
		return nil
	}
	n := sort.Search(len(list), func(i int) bool { return list[i].Start >= line })
	return list[max(0, n-1)]
}

// makesCode tells whether a macro has the shape of one that makes functions:
// there is a brace in it, or it is an invocation of another macro.
func (mac *Macro) makesCode() bool {
	return strings.Contains(mac.Body, "{") || strings.HasSuffix(strings.TrimRight(mac.Body, " ;"), ")")
}

// expand puts the arguments into the body of a macro.
func (m *makers) expand(mac *Macro, args []string) (string, bool) {
	var b strings.Builder
	l := lexer{text: mac.Body}
	from := 0
	for {
		tok := l.next()
		if tok == "" {
			break
		}
		gap := l.at - len(tok) - from // blanks before the token
		from = l.at
		rest := strings.TrimLeft(l.text[l.at:], " ")
		switch {
		case tok == "#" && strings.HasPrefix(l.text[l.at:], "#"):
			l.next()
			from = l.at + len(l.text[l.at:]) - len(strings.TrimLeft(l.text[l.at:], " "))
			l.at = from
			continue
		case tok == "#":
			continue
		}
		if gap > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(m.argument(mac, tok, args))
		if strings.HasPrefix(rest, "##") {
			l.at = len(l.text) - len(rest)
			from = l.at
		}
		if m.budget -= len(tok); b.Len() > m.budget {
			return "", false
		}
	}
	m.budget -= b.Len()
	return b.String(), true
}

// argument is what a word of the body stands for.
func (m *makers) argument(mac *Macro, tok string, args []string) string {
	for i, p := range mac.Params {
		switch {
		case p == tok && i < len(args):
			return args[i]
		case p == tok:
			return ""
		case i < len(args) && (p == "..." && tok == "__VA_ARGS__" || p == tok+"..."):
			return strings.Join(args[i:], ", ")
		}
	}
	return tok
}
