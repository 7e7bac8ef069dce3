package csource

import "strings"

// A cond is one #if that is still open.
type cond struct {
	text   string // the branch's condition; empty for an include guard
	not    string // what all branches so far exclude
	depth  int    // of brackets at the #if
	inDecl bool   // the #if stands inside a declaration
	dead   bool   // the branch is never read by a C compiler
	asm    bool   // it is assembly
	guard  bool
}

// An event is what a preprocessor line does to the open #if's.
type event uint8

const (
	nothing event = iota
	opened
	turned // #else, #elif
	closed
)

// directive takes the preprocessor line whose # is at i. It gives the offset of
// the newline that ends it.
func (s *scanner) directive(i int) (end int, ev event) {
	text := s.text
	at := i + 1
	for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	stop := wordEnd(text, at)
	end = s.directiveEnd(stop)
	name, rest := text[at:stop], text[stop:end]
	switch name {
	case "define", "undef":
		if !s.muted {
			s.macro(i, stop, end, name == "undef")
		}
	case "include", "include_next":
		if !s.muted {
			s.include(i, rest)
		}
	case "if", "ifdef", "ifndef":
		if len(s.conds) < maxConds {
			s.open(name, s.fold(rest))
			return end, opened
		}
	case "else", "elif":
		if len(s.conds) > 0 {
			s.turn(name, s.fold(rest))
			return end, turned
		}
	case "endif":
		if n := len(s.conds); n > 0 {
			s.conds = s.conds[:n-1]
			return end, closed
		}
	}
	return end, nothing
}

// directiveEnd is lineEnd for a preprocessor line, which a comment may prolong.
func (s *scanner) directiveEnd(i int) int {
	text := s.text
	for {
		end := lineEnd(text, i)
		line := text[i:end]
		if strings.IndexByte(line, '/') < 0 {
			return end
		}
		n := strings.LastIndex(line, "/*")
		if n < 0 || strings.Contains(line[n:], "*/") || strings.Contains(line[:n], "//") {
			return end
		}
		if i = commentEnd(text, i+n); i >= len(text) {
			return len(text)
		}
	}
}

func (s *scanner) open(name, expr string) {
	c := cond{text: expr}
	switch name {
	case "ifdef":
		c.text = "defined(" + expr + ")"
	case "ifndef":
		c.text = "!defined(" + expr + ")"
		c.guard = len(s.conds) == 0 && len(s.decl) == 0 && s.f.empty()
	}
	c.not = negated(c.text)
	c.dead, c.asm = deadBranch(c.text)
	s.conds = append(s.conds, c)
}

func (s *scanner) turn(name, expr string) {
	c := &s.conds[len(s.conds)-1]
	c.text = c.not
	if name == "elif" {
		c.text = c.not + " && (" + expr + ")"
		if len(c.not) < maxCond {
			c.not += " && " + negated(expr)
		}
	}
	c.dead, c.asm = deadBranch(c.text)
}

// negated is the text of a condition turned round.
func negated(expr string) string {
	const def = "defined("
	if inner, ok := strings.CutPrefix(expr, "!"+def); ok && strings.IndexByte(inner, ')') == len(inner)-1 {
		return def + inner
	}
	if inner, ok := strings.CutPrefix(expr, def); ok && strings.IndexByte(inner, ')') == len(inner)-1 {
		return "!" + expr
	}
	return "!(" + expr + ")"
}

// deadBranch tells whether no C compiler reads a branch, and whether that is
// because it is for the assembler.
func deadBranch(cond string) (dead, asm bool) {
	switch cond {
	case "0", "!(1)":
		return true, false
	case "defined(__ASSEMBLY__)", "defined __ASSEMBLY__", "!(!defined __ASSEMBLY__)":
		return true, true
	}
	return false, false
}

// empty tells whether nothing has been found yet.
func (f *File) empty() bool {
	return len(f.Macros)+len(f.Includes)+len(f.Funcs)+len(f.Types)+len(f.Vars)+len(f.Protos)+len(f.Lost) == 0
}

// cond is the text of the innermost #if around this place.
func (s *scanner) cond() string {
	if n := len(s.conds); n > 0 {
		return s.conds[n-1].text
	}
	return ""
}

// skipDead passes over the branch that starts at i if no C compiler reads it.
func (s *scanner) skipDead(i int) int {
	top := len(s.conds) - 1
	c := s.conds[top]
	if !c.dead {
		return i
	}
	end := s.pass(i, top, true, c.asm)
	if from := skipBlank(s.text, i, end); from < end && !s.muted {
		if c.asm {
			s.f.Asm = append(s.f.Asm, s.span(from, end))
		} else {
			s.f.dead = append(s.f.dead, s.span(from, end))
		}
	}
	return end
}

// skipOther passes over the further branches of the #if at the given level,
// which began inside a declaration that its first branch has gone on with.
func (s *scanner) skipOther(i, level int) int {
	end := s.pass(i, level, false, true)
	if from := skipBlank(s.text, i, end); from < end && !s.muted {
		s.f.Lost = append(s.f.Lost, s.span(from, end))
	}
	return end
}

// pass moves from the end of a line to the # of the line that closes the #if at
// the given level, or, with turn, to its next branch. Macros on the way count
// if learn is set.
func (s *scanner) pass(i, level int, turn, learn bool) int {
	text := s.text
	was := s.muted
	s.muted = s.muted || !learn
	defer func() { s.muted = was }()
	for i < len(text) {
		next := skipSpace(text, i)
		if next >= len(text) {
			return len(text)
		}
		i = next
		if text[i] != '#' || !startsLine(text, i) {
			i = restOfLine(text, i)
			continue
		}
		if len(s.conds)-1 == level {
			at := skipSpace(text, i+1)
			switch text[at:wordEnd(text, at)] {
			case "endif":
				return i
			case "else", "elif":
				if turn {
					return i
				}
			}
		}
		i, _ = s.directive(i)
	}
	return i
}

// restOfLine is the end of the line, or of a comment that goes on behind it.
func restOfLine(text string, i int) int {
	end := lineEnd(text, i)
	if n := strings.LastIndex(text[i:end], "/*"); n >= 0 {
		return max(end, commentEnd(text, i+n))
	}
	return end
}

func skipSpace(text string, i int) int {
	for i < len(text) && class[text[i]] == isSpace {
		i++
	}
	return i
}

// macro takes a #define or #undef whose name follows at i.
func (s *scanner) macro(start, i, end int, undef bool) {
	text := s.text
	i = skipBlank(text, i, end)
	stop := wordEnd(text, i)
	if stop == i {
		return
	}
	m := Macro{Name: text[i:stop], Undef: undef, Cond: s.cond()}
	if n := len(s.conds); n == 1 && s.conds[0].guard {
		if c := &s.conds[0]; s.f.empty() && !undef && c.text == "!defined("+m.Name+")" {
			c.text, m.Cond = "", ""
		}
		s.conds[0].guard = false
	}
	if !undef {
		if stop < end && text[stop] == '(' {
			params, _, _ := strings.Cut(text[stop+1:end], ")")
			m.Params = splitWords(s.fold(params))
			stop = min(stop+len("()")+len(params), end)
		}
		if stop < end {
			m.Body = s.fold(text[stop:end])
		}
	}
	m.Span = s.span(start, end)
	s.f.Macros = append(s.f.Macros, m)
}

// splitWords splits the parameters of a macro; the result is never nil.
func splitWords(list string) []string {
	if list == "" {
		return []string{}
	}
	words := make([]string, 0, 1+strings.Count(list, ","))
	for w := range strings.SplitSeq(list, ",") {
		words = append(words, strings.TrimSpace(w))
	}
	return words
}

func (s *scanner) include(start int, rest string) {
	rest = s.fold(rest)
	inc := Include{Path: rest, Line: s.lineOf(start)}
	switch {
	case len(rest) < 2:
	case rest[0] == '"' && rest[len(rest)-1] == '"':
		inc.Path = rest[1 : len(rest)-1]
	case rest[0] == '<' && rest[len(rest)-1] == '>':
		inc.Path, inc.System = rest[1:len(rest)-1], true
	}
	s.f.Includes = append(s.f.Includes, inc)
}

// fold is a text without comments, every run of white space one blank, none at
// the ends. Strings stay as they are.
func (s *scanner) fold(text string) string {
	from, end := skipBlank(text, 0, len(text)), len(text)
	for end > from && class[text[end-1]] == isSpace {
		end--
	}
	text = text[from:end]
	buf := s.buf[:0]
	gap := false
	for i := 0; i < len(text); {
		stop := i
		switch class[text[i]] {
		case isSpace:
			gap = true
			i++
			continue
		case isSlash:
			if stop = commentEnd(text, i); stop > i {
				gap = true
				i = stop
				continue
			}
			stop = i + 1
		case isQuote:
			stop = quoteEnd(text, i)
		default:
			for stop++; stop < len(text) && runs[text[stop]]; stop++ {
			}
		}
		if gap && len(buf) > 0 {
			buf = append(buf, ' ')
		}
		gap = false
		buf = append(buf, text[i:stop]...)
		i = stop
	}
	s.buf = buf
	return reuse(text, buf)
}

// runs marks the bytes that fold takes without a look.
var runs = func() (t [256]bool) {
	for c := range t {
		switch class[c] {
		case isSpace, isSlash, isQuote:
		default:
			t[c] = true
		}
	}
	return t
}()

// reuse gives the part of the source that equals buf if it is its beginning,
// and a copy otherwise.
func reuse(text string, buf []byte) string {
	if len(buf) <= len(text) && text[:len(buf)] == string(buf) {
		return text[:len(buf)]
	}
	return string(buf)
}
