package cpp

import (
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// condition evaluates the expression of an #if (C99 6.10.1) with 64-bit
// arithmetic. Identifiers that are no macros are 0; what cannot be read is
// false, as in a tree whose generated headers are not there yet.
func (e *expander) condition(text string, line int) bool {
	toks := e.resolveDefined(lex(nil, text, line))
	p := condParser{toks: e.expand(nil, toks)}
	value := p.ternary()
	return !p.bad && value != 0
}

// resolveDefined replaces "defined X" and the __has_* operators before macros
// are expanded.
func (e *expander) resolveDefined(toks []tok) []tok {
	var out []tok
	for i := 0; i < len(toks); i++ {
		t := toks[i]
		has := t.kind == tokIdent && strings.HasPrefix(t.text, "__has_")
		if t.kind != tokIdent || t.text != "defined" && !has {
			out = append(out, t)
			continue
		}
		name := ""
		i++
		if i < len(toks) && toks[i].is("(") {
			for i++; i < len(toks) && !toks[i].is(")"); i++ {
				name += toks[i].text
			}
		} else if i < len(toks) {
			name = toks[i].text
		}
		value := "0"
		if !has && e.table.get(name) != nil {
			value = "1"
		}
		out = append(out, tok{text: value, kind: tokNumber, line: t.line})
	}
	return out
}

// condParser is a recursive-descent parser of #if expressions.
type condParser struct {
	toks  []tok
	pos   int
	depth int
	bad   bool
}

var condPrecedence = map[string]int{
	"||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6,
	"<": 7, ">": 7, "<=": 7, ">=": 7, "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}

func (p *condParser) take(text string) bool {
	if p.pos < len(p.toks) && p.toks[p.pos].is(text) {
		p.pos++
		return true
	}
	return false
}

func (p *condParser) ternary() int64 {
	cond := p.binary(1)
	if !p.take("?") {
		return cond
	}
	yes := p.ternary()
	p.bad = p.bad || !p.take(":")
	no := p.ternary()
	if cond != 0 {
		return yes
	}
	return no
}

func (p *condParser) binary(least int) int64 {
	left := p.unary()
	for p.pos < len(p.toks) && !p.bad {
		op := p.toks[p.pos].text
		precedence := condPrecedence[op]
		if p.toks[p.pos].kind != tokPunct || precedence < least {
			return left
		}
		p.pos++
		left = apply(op, left, p.binary(precedence+1))
	}
	return left
}

func apply(op string, a, b int64) int64 {
	truth := func(v bool) int64 {
		if v {
			return 1
		}
		return 0
	}
	switch op {
	case "||":
		return truth(a != 0 || b != 0)
	case "&&":
		return truth(a != 0 && b != 0)
	case "|":
		return a | b
	case "^":
		return a ^ b
	case "&":
		return a & b
	case "==":
		return truth(a == b)
	case "!=":
		return truth(a != b)
	case "<":
		return truth(a < b)
	case ">":
		return truth(a > b)
	case "<=":
		return truth(a <= b)
	case ">=":
		return truth(a >= b)
	case "<<":
		return a << (uint64(b) & 63)
	case ">>":
		return a >> (uint64(b) & 63)
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	if b == 0 {
		return 0
	}
	if op == "/" {
		return a / b
	}
	return a % b
}

func (p *condParser) unary() int64 {
	p.depth++
	defer func() { p.depth-- }()
	if p.pos >= len(p.toks) || p.depth > 200 {
		p.bad = true
		return 0
	}
	t := p.toks[p.pos]
	p.pos++
	switch {
	case t.is("!"):
		if p.unary() == 0 {
			return 1
		}
		return 0
	case t.is("-"):
		return -p.unary()
	case t.is("+"):
		return p.unary()
	case t.is("~"):
		return ^p.unary()
	case t.is("("):
		value := p.ternary()
		p.bad = p.bad || !p.take(")")
		return value
	case t.kind == tokNumber:
		return p.number(t.text)
	case t.kind == tokChar && len(t.text) == 3:
		return int64(t.text[1])
	case t.kind == tokIdent:
		return 0
	}
	p.bad = true
	return 0
}

func (p *condParser) number(text string) int64 {
	value, err := strconv.ParseUint(strings.TrimRight(text, "uUlL"), 0, 64)
	if err != nil {
		p.bad = true
	}
	return int64(value)
}
