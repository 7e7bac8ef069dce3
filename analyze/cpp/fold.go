package cpp

import "slices"

// Same tells whether a function that exists in both texts makes the same code
// although its tokens differ: macros that became inline functions, inline
// functions of one return that became macros, and redundant parentheses fold to
// the same text.
func Same(old, new *Text, was, fn *Func) bool {
	a, b := old.folded(was), new.folded(fn)
	return len(a) == len(b) && slices.EqualFunc(a, b, func(x, y tok) bool { return x.text == y.text })
}

// maxFolding bounds how deep one-line functions nest.
const maxFolding = 8

func (t *Text) folded(fn *Func) []tok {
	body := t.substitute(fn.body, maxFolding)
	for {
		fewer := dropParens(body)
		if len(fewer) == len(body) {
			return append(slices.Clone(fn.decl), fewer...)
		}
		body = fewer
	}
}

// substitute puts the returned expression of one-line functions in the place of
// their calls, in parentheses.
func (t *Text) substitute(body []tok, depth int) []tok {
	if depth == 0 {
		return body
	}
	var out []tok
	for i := 0; i < len(body); i++ {
		fn := t.oneLine(body, i)
		if fn == nil {
			out = append(out, body[i])
			continue
		}
		end := skipParens(body, i+1)
		args := arguments(body[i+2 : end-1])
		if len(args) != len(fn.Params) {
			out = append(out, body[i])
			continue
		}
		out = append(out, tok{text: "(", kind: tokPunct})
		for _, r := range t.substitute(fn.body[2:len(fn.body)-1], depth-1) { // "{ return ... ;"
			if n := slices.Index(fn.Params, r.text); n >= 0 && r.kind == tokIdent {
				out = append(out, tok{text: "(", kind: tokPunct})
				out = append(out, t.substitute(args[n], depth-1)...)
				out = append(out, tok{text: ")", kind: tokPunct})
				continue
			}
			out = append(out, r)
		}
		out = append(out, tok{text: ")", kind: tokPunct})
		i = end - 1
	}
	return out
}

// oneLine is the header function called at i, if its body is one return.
func (t *Text) oneLine(body []tok, i int) *Func {
	if body[i].kind != tokIdent || i+1 >= len(body) || !body[i+1].is("(") || i > 0 && (body[i-1].is(".") || body[i-1].is("->")) {
		return nil
	}
	fn := t.byName()[body[i].text]
	if fn == nil || !fn.Static || len(fn.body) < 4 || fn.body[1].text != "return" || fn.Calls[fn.Name] > 0 {
		return nil
	}
	for _, b := range fn.body[1 : len(fn.body)-1] {
		if b.is(";") || b.is("{") {
			return nil
		}
	}
	return fn
}

func (t *Text) byName() map[string]*Func {
	if t.names == nil {
		t.names = map[string]*Func{}
		for i := range t.Funcs {
			t.names[t.Funcs[i].Name] = &t.Funcs[i]
		}
	}
	return t.names
}

func arguments(toks []tok) [][]tok {
	if len(toks) == 0 {
		return nil
	}
	depth, start := 0, 0
	var args [][]tok
	for i, t := range toks {
		switch {
		case t.is("(") || t.is("[") || t.is("{"):
			depth++
		case t.is(")") || t.is("]") || t.is("}"):
			depth--
		case t.is(",") && depth == 0:
			args = append(args, toks[start:i])
			start = i + 1
		}
	}
	return append(args, toks[start:])
}

// dropParens takes away pairs around a postfix expression (6.5.2) where the
// token behind shows that they are no cast.
func dropParens(body []tok) []tok {
	drop := map[int]bool{}
	for i, t := range body {
		if !t.is("(") || i > 0 && (body[i-1].kind == tokIdent && !keywords[body[i-1].text] || body[i-1].is(")") || body[i-1].is("]")) {
			continue
		}
		if i > 0 && (body[i-1].text == "sizeof" || takesParens[body[i-1].text]) || i > 0 && statementHead[body[i-1].text] {
			continue
		}
		end := skipParens(body, i)
		if end-i > 2 && end < len(body) && endsOperand[body[end].text] && postfix(body[i+1:end-1]) {
			drop[i], drop[end-1] = true, true
		}
	}
	var out []tok
	for i, t := range body {
		if !drop[i] {
			out = append(out, t)
		}
	}
	return out
}

var statementHead = map[string]bool{"if": true, "while": true, "for": true, "switch": true}

// endsOperand are tokens that cannot follow a cast.
var endsOperand = map[string]bool{")": true, "]": true, ";": true, ",": true, "->": true, ".": true, "[": true, "==": true, "!=": true,
	"<": true, ">": true, "<=": true, ">=": true, "&&": true, "||": true, "?": true, ":": true, "=": true, "|": true, "^": true,
	"<<": true, ">>": true, "/": true, "%": true, "}": true}

func postfix(toks []tok) bool {
	depth := 0
	for i, t := range toks {
		switch {
		case t.is("(") || t.is("["):
			if i == 0 && !t.is("(") {
				return false
			}
			depth++
		case t.is(")") || t.is("]"):
			depth--
		case depth > 0:
		case t.kind == tokPunct && !t.is("->") && !t.is("."):
			return false
		case t.kind != tokPunct && i > 0 && !toks[i-1].is("->") && !toks[i-1].is("."):
			return false
		}
	}
	return true
}
