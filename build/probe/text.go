package probe

import (
	"regexp"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// textMatters tells whether two preprocessed sources can compile to different
// objects. They cannot if they differ in nothing but what nothing else in them
// names: declarations of functions and variables and inline functions, of which a
// compiler makes no code (C11 6.7.4, static inline; 6.9.2, extern), enumerators
// with a value of their own, and names of bit-fields.
func textMatters(old, now string) bool {
	if old == now {
		return false
	}
	a, b := items(old), items(now)
	count := map[string]int{}
	for _, s := range a {
		count[s]++
	}
	for _, s := range b {
		count[s]--
	}
	if !sameOrder(a, b, count) {
		return true
	}
	named, harmless := differing(a, b, count)
	if !harmless {
		return true
	}
	uses := map[string]int{} // in what both have: none may be left
	for s, n := range count {
		for _, w := range words(s) {
			uses[w] -= max(n, -n)
		}
	}
	for _, side := range []string{old, now} {
		for _, w := range csource.Words([]byte(side)) {
			uses[w]++
		}
	}
	return slices.ContainsFunc(named, func(name string) bool { return uses[name] > 0 })
}

// differing names what the items that only one side has declare. It is not
// harmless if one of them makes code, data or another layout.
func differing(a, b []string, count map[string]int) (named []string, harmless bool) {
	var gone, come []string // types, which are compared in pairs
	for s, n := range count {
		if n == 0 {
			continue
		}
		if name, ok := declares(s); ok {
			named = append(named, name)
		} else if n != 1 && n != -1 {
			return nil, false
		}
	}
	pick := func(list []string, sign int) (types []string) {
		for _, s := range list {
			if _, ok := declares(s); count[s] == sign && !ok {
				types = append(types, s)
			}
		}
		return types
	}
	if gone, come = pick(a, 1), pick(b, -1); len(gone) != len(come) {
		return nil, false
	}
	for i := range gone {
		names, ok := sameType(gone[i], come[i])
		if !ok {
			return nil, false
		}
		named = append(named, names...)
	}
	return named, true
}

var (
	enumerator = regexp.MustCompile(`(\w+)\s*=\s*([^,{}]+)`)
	bitField   = regexp.MustCompile(`(\bbool\b)?\s*(\w+)?\s*:\s*(\d+)`)
)

// sameType tells whether two definitions of a type differ in nothing but
// enumerators that have a value of their own, or in names of bit-fields, and gives
// the names that only one of them has.
func sameType(old, now string) (names []string, ok bool) {
	if strings.HasPrefix(old, "enum") && strings.HasPrefix(now, "enum") {
		return enumerators(old, now)
	}
	if bitField.ReplaceAllString(old, " : $3") != bitField.ReplaceAllString(now, " : $3") {
		return nil, false
	}
	count := map[string]int{}
	for _, w := range words(old) {
		count[w]++
	}
	for _, w := range words(now) {
		count[w]--
	}
	for w, n := range count {
		if n != 0 && w != "bool" {
			names = append(names, w)
		}
	}
	return names, true
}

func enumerators(old, now string) (names []string, ok bool) {
	read := func(s string) (map[string]string, bool) {
		_, body, _ := strings.Cut(s, "{")
		values := map[string]string{}
		list := enumerator.FindAllStringSubmatch(body, -1)
		for _, m := range list {
			values[m[1]] = strings.Join(strings.Fields(m[2]), " ")
		}
		body = strings.TrimRight(strings.TrimSuffix(strings.TrimSpace(body), ";"), "} \n\t,")
		return values, len(list) == strings.Count(body, ",")+1
	}
	a, wholeA := read(old)
	b, wholeB := read(now)
	if !wholeA || !wholeB {
		return nil, false
	}
	for name, value := range a {
		if other, both := b[name]; !both {
			names = append(names, name)
		} else if other != value {
			return nil, false
		}
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	return names, true
}

// sameOrder tells whether what both have comes in the same order.
func sameOrder(a, b []string, count map[string]int) bool {
	i := 0
	for _, s := range a {
		if count[s] != 0 {
			continue
		}
		for i < len(b) && count[b[i]] != 0 {
			i++
		}
		if i == len(b) || b[i] != s {
			return false
		}
		i++
	}
	return true
}

// items cuts a preprocessed source into declarations and definitions at file
// scope. White space at the ends is dropped.
func items(text string) (list []string) {
	depth, start := 0, 0
	cut := func(end int) {
		if s := strings.TrimSpace(text[start:end]); s != "" {
			list = append(list, s)
		}
		start = end
	}
	body := false // the braces that are open are those of a function
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\'':
			i = closing(text, i, c)
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case '{':
			if depth == 0 {
				body = endsInParenthesis(text[start:i])
			}
			depth++
		case '}':
			if depth--; depth == 0 && body {
				cut(i + 1)
			}
		case ';':
			if depth == 0 {
				cut(i + 1)
			}
		}
	}
	cut(len(text))
	return list
}

// endsInParenthesis tells a function's head from a type's or an initialiser's.
func endsInParenthesis(head string) bool { return strings.HasSuffix(strings.TrimSpace(head), ")") }

// closing finds the end of a literal.
func closing(text string, at int, quote byte) int {
	for i := at + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case quote, '\n':
			return i
		}
	}
	return len(text) - 1
}

// telling are words of declarations that make code or symbols after all, or that
// declare something else.
var telling = []string{"asm", "__asm__", "__asm", "typedef", "alias", "__alias__", "constructor", "used", "__used__", "_Static_assert"}

var inlines = []string{"inline", "__inline__", "__inline"}

// declares names what an item declares, if the item makes no code by itself: the
// declaration of a function, an extern variable, or an inline function.
func declares(item string) (name string, harmless bool) {
	head, _, body := strings.Cut(item, "{")
	list := words(head)
	any := func(of []string) bool {
		return slices.ContainsFunc(of, func(w string) bool { return slices.Contains(list, w) })
	}
	if any(telling) || strings.Contains(head, "=") || body && !(any([]string{"static"}) && any(inlines)) {
		return "", false
	}
	head, _, function := strings.Cut(beforeAttributes(head), "(")
	if !function && !any([]string{"extern"}) {
		return "", false
	}
	head, _, _ = strings.Cut(head, "[")
	if list = words(head); len(list) < 2 || list[0] == "struct" && len(list) < 3 {
		return "", false
	}
	return list[len(list)-1], true
}

func words(text string) (list []string) {
	for _, w := range csource.Words([]byte(text)) {
		list = append(list, w)
	}
	return list
}

// beforeAttributes blanks attributes out, which have parentheses of their own.
func beforeAttributes(head string) string {
	for _, word := range []string{"__attribute__", "__attribute"} {
		for {
			i := strings.Index(head, word)
			if i < 0 {
				break
			}
			end, depth := i+len(word), 0
			for ; end < len(head); end++ {
				if head[end] == '(' {
					depth++
				} else if head[end] == ')' {
					if depth--; depth == 0 {
						end++
						break
					}
				}
			}
			head = head[:i] + " " + head[end:]
		}
	}
	return head
}
