package factor

import (
	"slices"

	"lpready/analyze/csource"
)

var inlineAsm = Rule{
	ID:    "inline-asm",
	Title: "Inline assembly edited",
	Explanation: "Inline assembly can do what the differ does not follow: jump between sections, define symbols, emit " +
		"entries into tables. Plain instructions are fine.",
	Remedy:   "Read the sections that the assembly touches in the new object (objdump -dr, readelf -S).",
	Severity: Review,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			if before, after := asmText(c.oldBody(f)), asmText(c.newBody(f)); !slices.Equal(before, after) {
				list = append(list, c.finding(funcLine(f), funcName(f), "inline assembly in %s() changes", funcName(f)))
			}
		})
		return list
	},
}

// asmText is the concatenation of all asm statements of a body, as tokens.
func asmText(toks []token) []string {
	var out []string
	for i := 0; i < len(toks); i++ {
		if toks[i].text != "asm" && toks[i].text != "__asm__" {
			continue
		}
		open := i + 1
		for open < len(toks) && toks[open].ident() {
			open++
		}
		if open >= len(toks) || toks[open].text != "(" {
			continue
		}
		end := closing(toks, open)
		for ; i < end; i++ {
			out = append(out, toks[i].text)
		}
	}
	return out
}
