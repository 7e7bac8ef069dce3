package csource

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unsafe"
)

// Scan reads one source file. It never fails: what it cannot place is in
// File.Lost. Names that end in .S are read as assembly, everything else as C.
//
// The rules are those of GNU C99 as Xen writes it. Of the branches of an #if
// that begins inside a declaration the first one counts, because only one of
// them can be in the program; branches that hold whole declarations all count.
// Text between #if 0 and its end is not read.
//
// The names and texts in the result are parts of src, which must not change
// any more.
func Scan(path string, src []byte) *File {
	return scan(path, view(src))
}

// view is the bytes as a string without a copy: a tree's sources and what is
// found in them stay in memory together.
func view(src []byte) string { return unsafe.String(unsafe.SliceData(src), len(src)) }

func scan(path, text string) *File {
	if len(text) > maxSource {
		n := strings.Count(text, "\n") + 1
		return &File{Path: path, text: text, Lines: n, Lost: []Span{{1, n}}}
	}
	s := scanners.Get().(*scanner)
	s.reset(path, text)
	if strings.HasSuffix(path, ".S") {
		s.assembly()
	} else {
		s.declarations()
		s.madeByMacros()
	}
	f := s.result()
	scanners.Put(s)
	return f
}

// Limits: what is beyond them is lost, never slow. Nothing in a Xen tree comes
// near them.
const (
	maxSource = 1 << 30 // bytes of a file
	maxDecl   = 1 << 16 // tokens of a declaration
	maxBodies = 16      // braces in a declaration, without those in them
	maxBase   = 4096    // bytes of the type of a list of names
	maxNested = 32      // structs in structs
	maxConds  = 256     // #if's in #if's
	maxCond   = 1024    // bytes of the text of a condition
)

// scanners keeps the working memory of finished scans.
var scanners = sync.Pool{New: func() any { return &scanner{f: new(File)} }}

// A scanner is at one place of one file.
type scanner struct {
	f        *File // what has been found so far
	text     string
	decl     []token // the declaration that is being read
	conds    []cond  // the #if's that enclose it
	line     int     // of the offset that lineOf was asked last
	seen     int     // this offset
	buf      []byte  // for texts that do not stand in the source as they are
	muted    bool    // second reading: macros and includes are known already
	linked   int     // open extern "C" blocks
	nesting  int     // types in types that are being read
	unclosed bool    // a bracket has reached the end of the file
	static   int     // the first "static" from where the last search for it began

	spare   []token  // for the declarations inside a type
	members []Member // of the types that are being read, the innermost last
}

// A token is a word, a number ('0'), a string ('"'), one byte of punctuation,
// or a whole bracket with everything in it ('(', '[', '{').
type token struct {
	kind     byte
	role     role // of a word
	from, to int32
}

const word = 'a' // kind of an identifier or a keyword

func (s *scanner) reset(path, text string) {
	s.text, s.decl, s.conds = text, s.decl[:0], s.conds[:0]
	s.line, s.seen, s.muted, s.linked, s.static, s.unclosed = 1, 0, false, 0, -1, false
	s.nesting = 0
	s.f.Path = path
}

// result hands over what was found, in memory of its own, and forgets it.
func (s *scanner) result() *File {
	w := s.f
	f := &File{
		Path: w.Path, text: s.text, Lines: strings.Count(s.text, "\n"),
		Funcs: take(&w.Funcs), Protos: take(&w.Protos), Types: take(&w.Types), Vars: take(&w.Vars),
		Calls: take(&w.Calls), Macros: take(&w.Macros), Includes: take(&w.Includes),
		Asm: take(&w.Asm), Lost: take(&w.Lost), plain: take(&w.plain), dead: take(&w.dead),
	}
	if s.text != "" && s.text[len(s.text)-1] != '\n' {
		f.Lines++
	}
	s.text = ""
	clear(s.conds[:cap(s.conds)])
	clear(s.members[:cap(s.members)])
	return f
}

// take gives a copy of a list, as long as it must be, and empties the list.
func take[T any](list *[]T) []T {
	if len(*list) == 0 {
		return nil
	}
	out := append(make([]T, 0, len(*list)), *list...)
	clear(*list)
	*list = (*list)[:0]
	return out
}

// lineOf is the line of an offset, counted from the last one that was asked.
func (s *scanner) lineOf(at int) int {
	if at >= s.seen {
		s.line += strings.Count(s.text[s.seen:at], "\n")
	} else {
		s.line -= strings.Count(s.text[at:s.seen], "\n")
	}
	s.seen = at
	return s.line
}

// span is the lines of the bytes [from, to).
func (s *scanner) span(from, to int) Span {
	start := s.lineOf(from)
	return Span{start, s.lineOf(max(from, to-1))}
}

// str is the text of a token.
func (s *scanner) str(t token) string { return s.text[t.from:t.to] }

func (s *scanner) push(kind byte, from, to int) {
	t := token{kind: kind, from: int32(from), to: int32(to)}
	if kind == word {
		t.role = roleOf(s.text[from:to])
	}
	if len(s.decl) >= maxDecl {
		s.lose()
	}
	s.decl = append(s.decl, t)
}

// declarations reads a file of C at file scope.
func (s *scanner) declarations() {
	text := s.text
	for i := 0; i < len(text); {
		c := text[i]
		switch class[c] {
		case isSpace:
			i++
		case isWord:
			end := wordEnd(text, i+1)
			if len(s.decl) == 2 {
				s.endCall(i)
			}
			s.push(word, i, end)
			i = end
			if s.closesTable() {
				s.endDecl()
			}
		case isDigit:
			end := wordEnd(text, i+1)
			s.push('0', i, end)
			i = end
		case isQuote:
			end := quoteEnd(text, i)
			s.push('"', i, end)
			i = end
		case isSlash:
			if end := commentEnd(text, i); end > i {
				i = end
			} else {
				s.push(c, i, i+1)
				i++
			}
		case isHash:
			i = s.fileDirective(i)
		case isOpen:
			if c == '{' {
				i = s.braces(i)
				continue
			}
			end := s.group(i)
			s.push(c, i, end)
			i = end
		default:
			i = s.punct(i)
		}
	}
	s.flushCall()
	if len(s.decl) > 0 {
		s.lose()
	}
	s.tidyLost()
}

// tidyLost keeps of the lost spans those outside everything, in order and
// joined.
func (s *scanner) tidyLost() {
	f := s.f
	if len(f.Lost) == 0 {
		return
	}
	var spans []Span
	for i := range f.Funcs {
		spans = append(spans, f.Funcs[i].Span)
	}
	for i := range f.Vars {
		spans = append(spans, f.Vars[i].Span)
	}
	for i := range f.Types {
		spans = append(spans, f.Types[i].Span)
	}
	spans = append(spans, f.Asm...)
	byStart := func(a, b Span) int { return cmp.Or(a.Start-b.Start, a.End-b.End) }
	slices.SortFunc(spans, byStart)
	slices.SortFunc(f.Lost, byStart)
	lost := f.Lost[:0]
	next, covered := 0, 0 // the spans that start before reach to this line
	for _, l := range f.Lost {
		for ; next < len(spans) && spans[next].Start <= l.Start; next++ {
			covered = max(covered, spans[next].End)
		}
		last := len(lost) - 1
		switch {
		case l.End <= covered:
		case last >= 0 && l.Start <= lost[last].End+1:
			lost[last].End = max(lost[last].End, l.End)
		default:
			lost = append(lost, l)
		}
	}
	f.Lost = lost
}

// punct takes one byte of punctuation at file scope.
func (s *scanner) punct(i int) int {
	c := s.text[i]
	switch c {
	case ';':
		s.push(c, i, i+1)
		s.endDecl()
	case '}':
		s.flushCall()
		if len(s.decl) > 0 {
			s.lose()
		}
		sp := s.span(i, i+1)
		if s.linked > 0 {
			s.linked--
			s.f.plain = append(s.f.plain, sp)
		} else {
			s.f.Lost = append(s.f.Lost, sp)
		}
	case '.':
		if len(s.decl) == 0 && startsLine(s.text, i) {
			return s.asmLines(i)
		}
		s.push(c, i, i+1)
		if len(s.decl) == 1 {
			s.lose()
		}
	default:
		s.push(c, i, i+1)
		if len(s.decl) == 1 {
			s.lose() // nothing begins like this
		}
	}
	return i + 1
}

// braces takes an opening brace at file scope: the body of a function, of a
// type, of an initialiser, or an extern "C" block.
func (s *scanner) braces(i int) int {
	s.splitCall()
	d := s.decl
	bodies := 0
	for _, t := range d {
		if t.kind == '{' {
			bodies++
		}
	}
	if bodies == maxBodies {
		s.lose()
		d = s.decl
	}
	if len(d) == 2 && d[1].kind == '"' && s.str(d[0]) == "extern" {
		s.linked++
		s.f.plain = append(s.f.plain, s.span(int(d[0].from), i+1))
		s.decl = d[:0]
		return i + 1
	}
	if fn, ok := s.funcHead(); ok {
		end := s.group(i)
		if s.unclosed {
			s.push('{', i, end)
			s.lose()
			return end
		}
		s.emitFunc(fn, i, end)
		s.decl = s.decl[:0]
		return end
	}
	known := s.opensType() || s.has('=') || s.opensTable()
	end := s.group(i)
	s.push('{', i, end)
	if !known {
		s.lose()
	}
	return end
}

// has tells whether the declaration holds a token of this kind.
func (s *scanner) has(kind byte) bool {
	for _, t := range s.decl {
		if t.kind == kind {
			return true
		}
	}
	return false
}

// lose gives the declaration up.
func (s *scanner) lose() {
	d := s.decl
	s.f.Lost = append(s.f.Lost, s.span(int(d[0].from), int(d[len(d)-1].to)))
	s.decl = d[:0]
}

// fileDirective takes a preprocessor line at file scope.
func (s *scanner) fileDirective(i int) int {
	if !startsLine(s.text, i) {
		s.push('#', i, i+1)
		return i + 1
	}
	end, ev := s.directive(i)
	switch ev {
	case opened:
		top := &s.conds[len(s.conds)-1]
		s.flushCall()
		top.inDecl = len(s.decl) > 0
		return s.skipDead(end)
	case turned:
		s.flushCall()
		top := len(s.conds) - 1
		if s.conds[top].inDecl || len(s.decl) > 0 {
			return s.skipOther(end, top)
		}
		return s.skipDead(end)
	case closed:
		s.flushCall()
	}
	return end
}
