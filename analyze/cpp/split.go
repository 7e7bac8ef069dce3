package cpp

import (
	"hash/fnv"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// An Func is one function definition as the compiler reads it.
type Func struct {
	Name    string
	File    string
	Line    int // of the name
	Static  bool
	Inline  csource.Inline
	Section string            // section that an attribute names
	Hash    uint64            // of everything that can make code
	Plain   uint64            // the same without what __LINE__ put in
	Calls   map[string]int    // identifiers that stand before "(", with counts
	Refs    map[string]int    // other identifiers
	Passed  map[string]string // identifiers that are a whole argument of a call: the function called
	Params  []string
	Size    int  // a rough count of operations, see weigh
	Asm     bool // has inline assembly

	decl, body []tok
}

// A splitter cuts an expanded token stream into definitions at file scope.
type splitter struct {
	file  string
	decl  []tok // tokens since the last ";" or "}" at depth 0
	body  []tok
	fn    *Func
	depth int
	data  map[string]bool
	funcs []Func
}

func (s *splitter) take(toks []tok) {
	for _, t := range toks {
		switch {
		case t.is("{"):
			if s.depth == 0 {
				s.fn = s.open()
			}
			s.depth++
		case t.is("}"):
			if s.depth > 0 {
				s.depth--
			}
			if s.depth == 0 && s.fn != nil {
				s.close()
				continue
			}
		case t.is(";") && s.depth == 0:
			s.note(s.decl)
			s.decl = s.decl[:0]
			continue
		}
		if s.fn != nil {
			s.body = append(s.body, t)
		} else {
			s.decl = append(s.decl, t)
		}
	}
}

// open decides whether the "{" that follows decl starts a function body.
func (s *splitter) open() *Func {
	depth, name, params := 0, -1, false
	decl := s.decl
	for i := 0; i < len(decl); i++ {
		t := decl[i]
		switch {
		case t.kind == tokIdent && takesParens[t.text]:
			i = skipParens(decl, i+1) - 1
		case t.is("("):
			if depth <= 1 && i > 0 && decl[i-1].kind == tokIdent && !typeWords[decl[i-1].text] && name < 0 {
				name, params = i-1, true // at depth 1: void (*name(params))(void)
			} else if depth == 0 && name < 0 && i+2 < len(decl) && decl[i+1].kind == tokIdent && decl[i+2].is(")") {
				name, params = i+1, true // (memcpy)(...)
			}
			depth++
		case t.is(")"):
			depth--
		case t.is("=") && depth == 0:
			return nil
		}
	}
	if name < 0 || !params {
		return nil
	}
	fn := &Func{Name: decl[name].text, File: s.file, Line: int(decl[name].line)}
	fn.specifiers(decl[:name])
	fn.specifiers(decl[name+1:])
	return fn
}

var takesParens = map[string]bool{"__attribute__": true, "__attribute": true, "typeof": true, "__typeof__": true,
	"asm": true, "__asm__": true, "_Static_assert": true, "__declspec": true}

var typeWords = map[string]bool{"void": true, "int": true, "long": true, "char": true, "short": true, "unsigned": true, "_Bool": true}

// skipParens is the index behind the group that opens at or after i.
func skipParens(toks []tok, i int) int {
	depth := 0
	for ; i < len(toks); i++ {
		switch {
		case toks[i].is("("):
			depth++
		case toks[i].is(")"):
			depth--
			if depth == 0 {
				return i + 1
			}
		case depth == 0:
			return i
		}
	}
	return len(toks)
}

func (fn *Func) specifiers(toks []tok) {
	for i, t := range toks {
		switch t.text {
		case "static":
			fn.Static = true
		case "inline", "__inline__", "__inline":
			fn.Inline = max(fn.Inline, csource.InlineHint)
		case "always_inline", "__always_inline__":
			fn.Inline = csource.InlineAlways
		case "noinline", "__noinline__":
			fn.Inline = csource.InlineNever
		case "gnu_inline", "__gnu_inline__":
			fn.Inline = csource.InlineExtern
		case "section", "__section__":
			if i+2 < len(toks) && toks[i+2].kind == tokString {
				fn.Section = strings.Trim(toks[i+2].text, `"`)
			}
		}
	}
}

func (s *splitter) close() {
	fn := s.fn
	body := live(s.body)
	hash, plain := fnv.New64a(), fnv.New64a()
	for _, list := range [][]tok{s.decl, body} {
		for _, t := range list {
			text := append([]byte(t.text), 0)
			hash.Write(text)
			if !t.where {
				plain.Write(text)
			}
		}
	}
	fn.Hash, fn.Plain = hash.Sum64(), plain.Sum64()
	fn.decl, fn.body = slices.Clone(s.decl), body
	fn.Params = params(s.decl, fn.Name)
	fn.uses()
	fn.Size = weigh(body)
	s.funcs = append(s.funcs, *fn)
	s.fn = nil
	s.decl, s.body = s.decl[:0], s.body[:0]
}

// uses sorts the identifiers of the body. A name that is a whole argument of a
// call counts as passed to the callee, besides being a reference.
func (fn *Func) uses() {
	fn.Calls, fn.Refs, fn.Passed = map[string]int{}, map[string]int{}, map[string]string{}
	var open []string // for each open "(": the function called, or ""
	for i, t := range fn.body {
		last := tok{}
		if i > 0 {
			last = fn.body[i-1]
		}
		next := tok{}
		if i+1 < len(fn.body) {
			next = fn.body[i+1]
		}
		switch {
		case t.is("("):
			callee := ""
			if last.kind == tokIdent && !keywords[last.text] {
				callee = last.text
			}
			open = append(open, callee)
		case t.is(")"):
			open = open[:max(0, len(open)-1)]
		case t.kind != tokIdent || last.is("->") || last.is(".") || keywords[t.text]:
			fn.Asm = fn.Asm || t.text == "asm" || t.text == "__asm__"
		case next.is("("):
			fn.Calls[t.text]++
		default:
			fn.Refs[t.text]++
			if len(open) > 0 && (last.is("(") || last.is(",")) && (next.is(")") || next.is(",")) {
				fn.Passed[t.text] = open[len(open)-1]
			}
		}
	}
}

var keywords = map[string]bool{"if": true, "for": true, "while": true, "do": true, "switch": true, "case": true, "return": true,
	"sizeof": true, "typeof": true, "__typeof__": true, "asm": true, "__asm__": true, "__attribute__": true, "goto": true, "else": true,
	"default": true, "break": true, "continue": true, "const": true, "volatile": true, "struct": true, "union": true, "enum": true,
	"static": true, "int": true, "unsigned": true, "long": true, "char": true, "short": true, "void": true, "_Bool": true, "signed": true}

// params lists the names of a definition's parameters: the last identifier of
// each, or the one behind "(*".
func params(decl []tok, name string) []string {
	var names []string
	depth, last, pointer := 0, "", false
	started := false
	for i, t := range decl {
		switch {
		case !started:
			started = t.text == name && i+1 < len(decl) && (decl[i+1].is("(") || decl[i+1].is(")"))
		case t.is("("):
			depth++
			pointer = false
		case t.is(")") || t.is(",") && depth == 1:
			if depth == 1 && last != "" {
				names = append(names, last)
				last = ""
			}
			if t.is(")") {
				depth--
			}
			if depth <= 0 && t.is(")") {
				return names
			}
		case t.kind == tokIdent && depth == 1:
			last = t.text
		case t.is("*") && depth == 2:
			pointer = true
		case t.kind == tokIdent && depth == 2 && pointer:
			last, pointer = t.text, false
		}
	}
	return names
}

// note keeps the identifiers of an initialiser at file scope.
func (s *splitter) note(decl []tok) {
	for i, t := range decl {
		if t.is("=") {
			for _, t := range decl[i+1:] {
				if t.kind == tokIdent {
					s.data[t.text] = true
				}
			}
			return
		}
	}
}

// live drops what makes no code: static assertions, statements under "if (0",
// empty statements, and the line numbers of bug frames, which lie in a section
// of their own that the object differ does not compare.
func live(body []tok) []tok {
	out := make([]tok, 0, len(body))
	for i := 0; i < len(body); i++ {
		t := body[i]
		switch {
		case t.kind != tokIdent:
			out = emit(out, t)
		case t.text == "_Static_assert":
			i = skipParens(body, i+1) - 1
		case t.text == "if" && neverTrue(body[i+1:]):
			i = skipStatement(body, skipParens(body, i+1))
			if i < len(body) && body[i].kind == tokIdent && body[i].text == "else" {
				continue
			}
			out = emit(out, tok{text: ";", kind: tokPunct})
			i--
		case t.text == "asm" || t.text == "__asm__":
			end := asmEnd(body, i)
			frame := false
			for _, a := range body[i:end] {
				frame = frame || a.kind == tokString && strings.Contains(a.text, "bug_frames")
			}
			for _, a := range body[i:end] {
				if !frame || !a.where {
					out = append(out, a)
				}
			}
			i = end - 1
		default:
			out = append(out, t)
		}
	}
	return out
}

// emit appends t and takes away the empty statement that it completes.
func emit(out []tok, t tok) []tok {
	if t.is(";") && len(out) > 0 {
		if last := out[len(out)-1]; last.is(";") || last.is("{") || last.is("}") {
			return out
		}
	}
	out = append(out, t)
	if !t.is(")") {
		return out
	}
	for _, empty := range emptyStatements {
		if n := len(out) - len(empty); n >= 0 && sameText(out[n:], empty) {
			return out[:n]
		}
	}
	return out
}

var emptyStatements = [][]string{
	{"do", "{", "}", "while", "(", "0", ")"},
	{"(", "{", "}", ")"},
}

func sameText(toks []tok, texts []string) bool {
	for i, text := range texts {
		if toks[i].text != text {
			return false
		}
	}
	return true
}

func asmEnd(body []tok, i int) int {
	for i++; i < len(body) && body[i].kind == tokIdent; i++ { // volatile, goto, inline
	}
	return max(skipParens(body, i), i)
}

// neverTrue tells whether toks start with a condition that is constant 0.
func neverTrue(toks []tok) bool {
	if len(toks) < 3 || !toks[0].is("(") {
		return false
	}
	i := 1
	for i < len(toks) && toks[i].is("(") {
		i++
	}
	opened := i - 1
	if i >= len(toks) || toks[i].text != "0" {
		return false
	}
	for i++; i < len(toks) && toks[i].is(")") && opened > 0; i++ {
		opened--
	}
	return opened == 0 && i < len(toks) && (toks[i].is("&&") || toks[i].is(")"))
}

// skipStatement is the index behind the statement that starts at i.
func skipStatement(body []tok, i int) int {
	depth := 0
	for ; i < len(body); i++ {
		switch {
		case body[i].is("{") || body[i].is("("):
			depth++
		case body[i].is("}") || body[i].is(")"):
			depth--
			if depth == 0 && body[i].is("}") {
				return i + 1
			}
		case body[i].is(";") && depth == 0:
			return i + 1
		}
	}
	return i
}

// weigh estimates the work of a body in the spirit of GCC's insn estimate:
// operators, memory accesses, branches and calls count, names and types do not.
func weigh(body []tok) int {
	size := 0
	for i, t := range body {
		switch t.kind {
		case tokPunct:
			size += punctWeight[t.text]
		case tokIdent:
			size += wordWeight[t.text]
			if i+1 < len(body) && body[i+1].is("(") && wordWeight[t.text] == 0 && !takesParens[t.text] {
				size += 2
			}
		}
	}
	return size
}

var punctWeight = map[string]int{"=": 1, "->": 1, "[": 1, "+": 1, "-": 1, "*": 1, "/": 2, "%": 2, "&": 1, "|": 1, "^": 1,
	"<<": 1, ">>": 1, "==": 1, "!=": 1, "<": 1, ">": 1, "<=": 1, ">=": 1, "&&": 1, "||": 1, "?": 1, "!": 1, "~": 1,
	"+=": 2, "-=": 2, "|=": 2, "&=": 2, "^=": 2, "<<=": 2, ">>=": 2, "++": 1, "--": 1}

var wordWeight = map[string]int{"if": 1, "while": 1, "for": 2, "switch": 3, "case": 1, "goto": 1, "return": 1, "asm": 3, "__asm__": 3}
