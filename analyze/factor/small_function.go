package factor

import (
	"slices"

	"lpready/analyze/csource"
)

var smallFunction = Rule{
	ID:    "small-function",
	Title: "Function too small for a trampoline",
	Explanation: "The jump to the new code takes 5 bytes, 9 where the function starts with ENDBR64. create-diff-object stops at " +
		"smaller functions (\"too small to patch\"), the loader refuses them without a message. An empty body or one that " +
		"returns a constant compiles to about that size; padding of return thunks can save it.",
	Remedy:   "Look at the symbol's size in xen-syms. If it is too small, patch its callers.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old == nil || f.New == nil || inlined(f.Old) ||
				isInit(f.Old.Section) || isHeader(c.Path) || in.After == nil {
				return
			}
			if f.Old.Static && !slices.Contains(f.Old.Attrs, "cf_check") { // inlined, or moved about, by gcc
				return
			}
			if tiny(in.code(linesOf(c.src, csource.Span{Start: f.Old.Open, End: f.Old.End}), f.Old.Open, c.oldActive)) {
				list = append(list, c.finding(f.Old.NameLine, f.Old.Name, "the old %s() has next to no code", f.Old.Name))
			}
		})
		return list
	},
}

// tiny tells whether a body, braces included, is empty or returns a constant.
func tiny(toks []string) bool {
	open := slices.Index(toks, "{")
	if open < 0 || len(toks) < open+2 {
		return false
	}
	var inner []string
	for i := open + 1; i < len(toks)-1; i++ {
		if toks[i] == "ASSERT_UNREACHABLE" && i+3 < len(toks) {
			i += 3
			continue
		}
		inner = append(inner, toks[i])
	}
	if len(inner) == 0 {
		return true
	}
	if inner[0] != "return" || inner[len(inner)-1] != ";" {
		return false
	}
	switch value := inner[1 : len(inner)-1]; len(value) {
	case 0:
		return true
	case 1:
		return constantWord(value[0])
	case 2:
		return value[0] == "-" && constantWord(value[1])
	}
	return false
}

func constantWord(w string) bool {
	return w == "true" || w == "false" || w == "NULL" || w[0] >= '0' && w[0] <= '9' || len(w) > 1 && w[0] == 'E' && w[1] >= 'A' && w[1] <= 'Z'
}
