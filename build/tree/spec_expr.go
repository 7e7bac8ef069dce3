package tree

import (
	"errors"
	"strconv"
	"strings"
)

// A value of an expression is a whole number or a text.
type value struct {
	text   string
	number int64
	isText bool
}

func (v value) truth() bool { return v.isText && v.text != "" || !v.isText && v.number != 0 }

func (v value) String() string {
	if v.isText {
		return v.text
	}
	return strconv.FormatInt(v.number, 10)
}

func truth(b bool) value {
	if b {
		return value{number: 1}
	}
	return value{}
}

// evaluate computes an expression of %if as rpm(8) does: whole numbers, texts in
// quotes, ! * / + - < <= > >= == != && || ?: and parentheses. && and || bind
// alike, from left to right. Bare words and versions, which mean different things
// to different releases of rpm, are errors.
func evaluate(text string) (v value, err error) {
	e := &expression{rest: text}
	v, err = e.ternary(0)
	if err == nil && e.peek() != "" {
		err = e.unexpected()
	}
	if err != nil {
		return value{}, err
	}
	return v, nil
}

type expression struct{ rest string }

// operators, the longer ones first.
var operators = []string{"&&", "||", "<=", ">=", "==", "!=", "<", ">", "!", "*", "/", "+", "-", "(", ")", "?", ":"}

// peek is the operator that comes next; "" at the end, "x" before a value.
func (e *expression) peek() string {
	e.rest = strings.TrimLeft(e.rest, " \t\n")
	if e.rest == "" {
		return ""
	}
	for _, op := range operators {
		if strings.HasPrefix(e.rest, op) {
			return op
		}
	}
	return "x"
}

// take consumes one of the operators, if it comes next.
func (e *expression) take(ops ...string) string {
	next := e.peek()
	for _, op := range ops {
		if next == op {
			e.rest = e.rest[len(op):]
			return op
		}
	}
	return ""
}

func (e *expression) unexpected() error {
	const most = 20
	found := e.rest
	if len(found) > most {
		found = found[:most] + "..."
	}
	if found == "" {
		return errors.New("the expression ends too early")
	}
	return errors.New("expected numbers, texts in quotes and operators, found " + strconv.Quote(found))
}

var errMixed = errors.New("a number meets a text")

const deepest = 100 // nesting of an expression

func (e *expression) ternary(depth int) (value, error) {
	if depth > deepest {
		return value{}, errLimit
	}
	cond, err := e.logical(depth)
	if err != nil || e.take("?") == "" {
		return cond, err
	}
	yes, err := e.ternary(depth + 1)
	if err != nil {
		return value{}, err
	}
	if e.take(":") == "" {
		return value{}, e.unexpected()
	}
	no, err := e.ternary(depth + 1)
	if err != nil {
		return value{}, err
	}
	if cond.truth() {
		return yes, nil
	}
	return no, nil
}

func (e *expression) logical(depth int) (value, error) {
	return e.chain(depth, e.relation, func(op string, a, b value) (value, error) {
		if op == "&&" {
			return truth(a.truth() && b.truth()), nil
		}
		return truth(a.truth() || b.truth()), nil
	}, "&&", "||")
}

func (e *expression) relation(depth int) (value, error) {
	return e.chain(depth, e.sum, func(op string, a, b value) (value, error) {
		if a.isText != b.isText {
			return value{}, errMixed
		}
		order := strings.Compare(a.text, b.text)
		if !a.isText {
			order = 0
			if a.number < b.number {
				order = -1
			} else if a.number > b.number {
				order = 1
			}
		}
		switch op {
		case "<":
			return truth(order < 0), nil
		case "<=":
			return truth(order <= 0), nil
		case ">":
			return truth(order > 0), nil
		case ">=":
			return truth(order >= 0), nil
		case "==":
			return truth(order == 0), nil
		}
		return truth(order != 0), nil
	}, "<", "<=", ">", ">=", "==", "!=")
}

func (e *expression) sum(depth int) (value, error) {
	return e.chain(depth, e.product, func(op string, a, b value) (value, error) {
		switch {
		case a.isText != b.isText:
			return value{}, errMixed
		case a.isText && op == "+":
			return value{text: a.text + b.text, isText: true}, nil
		case a.isText:
			return value{}, errors.New("texts cannot be subtracted")
		case op == "+":
			return value{number: a.number + b.number}, nil
		}
		return value{number: a.number - b.number}, nil
	}, "+", "-")
}

func (e *expression) product(depth int) (value, error) {
	return e.chain(depth, e.single, func(op string, a, b value) (value, error) {
		switch {
		case a.isText || b.isText:
			return value{}, errors.New("texts cannot be multiplied")
		case op == "*":
			return value{number: a.number * b.number}, nil
		case b.number == 0:
			return value{}, errors.New("division by zero")
		}
		return value{number: a.number / b.number}, nil
	}, "*", "/")
}

// chain reads operands joined by operators of one rank.
func (e *expression) chain(depth int, operand func(int) (value, error), apply func(string, value, value) (value, error), ops ...string) (value, error) {
	v, err := operand(depth)
	for err == nil {
		op := e.take(ops...)
		if op == "" {
			return v, nil
		}
		var right value
		if right, err = operand(depth); err == nil {
			v, err = apply(op, v, right)
		}
	}
	return value{}, err
}

func (e *expression) single(depth int) (value, error) {
	if depth > deepest {
		return value{}, errLimit
	}
	switch e.take("!", "-", "(") {
	case "!":
		v, err := e.single(depth + 1)
		return truth(!v.truth()), err
	case "-":
		v, err := e.single(depth + 1)
		if err == nil && v.isText {
			err = errMixed
		}
		return value{number: -v.number}, err
	case "(":
		v, err := e.ternary(depth + 1)
		if err == nil && e.take(")") == "" {
			err = e.unexpected()
		}
		return v, err
	}
	e.peek() // skip white space
	if rest, ok := strings.CutPrefix(e.rest, `"`); ok {
		text, after, closed := strings.Cut(rest, `"`)
		if !closed {
			return value{}, e.unexpected()
		}
		e.rest = after
		return value{text: text, isText: true}, nil
	}
	digits := len(e.rest) - len(strings.TrimLeft(e.rest, "0123456789"))
	n, err := strconv.ParseInt(e.rest[:digits], 10, 32)
	if err != nil || digits < len(e.rest) && isWord(e.rest[digits]) {
		return value{}, e.unexpected()
	}
	e.rest = e.rest[digits:]
	return value{number: n}, nil
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
