package factor

import (
	"strings"

	"lpready/analyze/csource"
)

var fixupExtable = Rule{
	ID:    "fixup-extable",
	Title: "Exception table or fixup code",
	Explanation: "Entries of .ex_table and code in .fixup belong together and to a function. create-diff-object takes them " +
		"over group by group and stops where it cannot pair them (\"can't find .fixup rela group\"); XenServer's " +
		"XSA-213 fix had to move its code for the live patch to build.",
	Remedy:   "Put the recovery code into .text.unlikely instead of .fixup, or reuse an existing accessor (rdmsr_safe(), get_unsafe()).",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			before, after := fixups(asmText(c.oldBody(f))), fixups(asmText(c.newBody(f)))
			switch {
			case after > before:
				list = append(list, c.finding(funcLine(f), funcName(f), "%s() gains fixup or exception-table code", funcName(f)))
			case before > after:
				n := c.finding(funcLine(f), funcName(f), "%s() loses fixup or exception-table code", funcName(f))
				n.Severity = Review
				list = append(list, n)
			}
		})
		for _, c := range in.facts().changes {
			for _, m := range c.Macros {
				if m.Old != nil && m.New != nil && fixups(words(m.Old.Body)) != fixups(words(m.New.Body)) {
					list = append(list, c.finding(m.Old.Start, m.Old.Name, "fixup or exception-table code of %s changes", m.Old.Name))
				}
			}
		}
		return list
	},
}

func fixups(toks []string) int {
	n := 0
	for _, t := range toks {
		if strings.HasPrefix(t, "_ASM_EXTABLE") || strings.HasPrefix(t, `"`) && (strings.Contains(t, ".fixup") || strings.Contains(t, "__ex_table") || strings.Contains(t, ".ex_table")) {
			n++
		}
	}
	return n
}
