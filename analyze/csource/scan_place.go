package csource

import "sync"

// A PlaceKind says what a line belongs to.
type PlaceKind uint8

const (
	PlaceNone      PlaceKind = iota // not a line of the file
	PlaceBlank                      // outside everything: blank, a comment, or between #if 0 and #endif
	PlaceDirective                  // a preprocessor line that defines and includes nothing, outside everything
	PlaceInclude
	PlaceMacro
	PlaceFunc
	PlaceProto
	PlaceType
	PlaceVar
	PlaceCall
	PlaceAsm
	PlacePlain // code that defines nothing: a forward declaration, a lone semicolon
	PlaceLost
)

// A Place is what one line belongs to. Index counts in the list of the kind.
// Blank is set for lines without code, inside something too.
type Place struct {
	Kind  PlaceKind
	Index int
	Blank bool
}

// places is made when At is first called.
type places struct {
	once  sync.Once
	lines []Place // by line-1
}

// At tells what a line belongs to. Where things enclose each other the
// innermost one counts: a macro in a function, a struct in a variable.
func (f *File) At(line int) Place {
	f.places.once.Do(f.place)
	if line < 1 || line > len(f.places.lines) {
		return Place{}
	}
	return f.places.lines[line-1]
}

// place fills the table from the widest kinds to the narrowest.
func (f *File) place() {
	lines := make([]Place, f.Lines)
	set := func(sp Span, kind PlaceKind, index int) {
		for l := max(sp.Start, 1); l <= min(sp.End, len(lines)); l++ {
			lines[l-1].Kind, lines[l-1].Index = kind, index
		}
	}
	for i := range lines {
		lines[i] = Place{Kind: PlaceLost, Index: -1}
	}
	f.markLines(lines)
	for _, sp := range f.plain {
		set(sp, PlacePlain, -1)
	}
	for i, sp := range f.Asm {
		set(sp, PlaceAsm, i)
	}
	for i := range f.Calls {
		set(f.Calls[i].Span, PlaceCall, i)
	}
	for i, sp := range f.Lost {
		set(sp, PlaceLost, i)
	}
	for i := range f.Protos {
		set(f.Protos[i].Span, PlaceProto, i)
	}
	for i := range f.Vars {
		if i == 0 || f.Vars[i].Span != f.Vars[i-1].Span { // a list of names: the first stands for all
			set(f.Vars[i].Span, PlaceVar, i)
		}
	}
	for i := range f.Types {
		if i > 0 && f.Types[i].Span == f.Types[i-1].Span {
			continue
		}
		set(f.Types[i].Span, PlaceType, i)
	}
	for i := range f.Funcs {
		if i > 0 && f.Funcs[i].Span == f.Funcs[i-1].Span {
			continue // of one macro
		}
		set(f.Funcs[i].Span, PlaceFunc, i)
	}
	for _, sp := range f.dead {
		set(sp, PlaceBlank, -1)
		for l := sp.Start; l <= min(sp.End, len(lines)); l++ {
			lines[l-1].Blank = true
		}
	}
	for i := range f.Macros {
		set(f.Macros[i].Span, PlaceMacro, i)
	}
	for i, inc := range f.Includes {
		set(Span{inc.Line, inc.Line}, PlaceInclude, i)
	}
	f.places.lines = lines
}

// markLines finds the lines without code and the preprocessor lines.
func (f *File) markLines(lines []Place) {
	text := f.text
	line, code, hash := 0, false, false
	end := func() {
		if line < len(lines) {
			p := &lines[line]
			p.Blank = !code
			switch {
			case hash:
				p.Kind = PlaceDirective
			case !code:
				p.Kind = PlaceBlank
			}
		}
		line++
		code = false
	}
	for i := 0; i < len(text); {
		next := i + 1
		switch class[text[i]] {
		case isSpace:
			if text[i] == '\n' {
				end()
				hash = hash && continued(text, i)
			}
		case isSlash:
			if stop := commentEnd(text, i); stop > i {
				next = stop
			} else {
				code = true
			}
		case isQuote:
			code = true
			next = quoteEnd(text, i)
		case isHash:
			hash = hash || startsLine(text, i)
			code = true
		default:
			code = true
		}
		for ; i < next; i++ {
			if i+1 < next && text[i] == '\n' {
				end()
			}
		}
	}
	if line < len(lines) {
		end()
	}
}
