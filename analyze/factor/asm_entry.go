package factor

import (
	"path"
	"strings"

	"lpready/analyze/csource"
)

var asmEntry = Rule{
	ID:    "asm-entry",
	Title: "Assembly source",
	Explanation: "create-diff-object replaces symbols of type FUNC in sections of their own. Entry code is neither: a change " +
		"of .text or .text.entry in an assembly object is refused or, as with XSA-439 and 492, left out without a word. " +
		"The code also runs on stacks and with registers for which no trampoline is safe.",
	Remedy: "Usually none. Sometimes a jump over the place can be written by hand (a payload function with .new_addr, or a " +
		"NOP with an expectation), or the C code that is called from it can do the work.",
	Severity: Blocker,
	Class:    Hard,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			if path.Ext(c.Path) != ".S" && c.Asm {
				list = append(list, c.finding(0, "", "assembly in %s changes: what assembly files make of it is not replaced", c.Path))
			}
			list = append(list, in.asmConstants(c)...)
			if path.Ext(c.Path) != ".S" || len(c.oldLines)+len(c.newLines) == 0 {
				continue
			}
			line, src := 0, c.src
			if len(c.oldLines) > 0 {
				line = c.oldLines[0].Start
			} else {
				line, src = c.newLines[0].Start, c.newSrc
			}
			entry := asmSymbol(src, line)
			f := c.finding(line, entry, "%s of assembly change", count(assemblyLines(c), "line"))
			if entry != "" {
				f.Message += " near " + entry
			}
			switch {
			case strings.HasSuffix(c.Path, ".lds.S"):
				f.Class = Reboot
				f.Message = "the linker script changes: the image of the running hypervisor stays as it was linked"
				f.Remedy = "Ship it with the next package; no payload can bring it."
			case strings.Contains(c.Path, "/boot/"):
				f.Class = Reboot
				f.Message += ", which runs while the machine boots"
				f.Remedy = "Ship it with the next package; the code has run."
			}
			list = append(list, f)
		}
		return list
	},
}

// asmConstants reports macros of a changed header that assembly files use.
func (in *Input) asmConstants(c *change) []Finding {
	var list []Finding
	for _, k := range in.constants() {
		if k.c != c || !isHeader(c.Path) {
			continue
		}
		in.eachUse(k.name, func(user string, file *csource.File) {
			if path.Ext(user) == ".S" && in.compiledUse(user, k.name) {
				list = append(list, c.finding(k.line, k.name, "%s changes and is used by %s, which is not replaced", k.name, user))
			}
		})
	}
	return list
}

// compiledUse tells whether a line that the configuration keeps names a constant.
func (in *Input) compiledUse(user, name string) bool {
	src := in.Before.Source(user)
	active := in.activity(user, src)
	for t := range lex(string(src), 1) {
		if t.text == name && active.of(t.line) != off {
			return true
		}
	}
	return false
}

func assemblyLines(c *change) int {
	n := 0
	for _, s := range c.oldLines {
		n += s.End - s.Start + 1
	}
	for _, s := range c.newLines {
		n += s.End - s.Start + 1
	}
	return n
}

// asmSymbol is the last ENTRY(x), FUNC(x) or global label before a line.
func asmSymbol(src []byte, line int) string {
	name, n := "", 0
	for text := range strings.Lines(string(src)) {
		if n++; n > line {
			break
		}
		text = strings.TrimSpace(text)
		for _, macro := range []string{"ENTRY(", "GLOBAL(", "FUNC(", "FUNC_LOCAL(", "SYM("} {
			if rest, ok := strings.CutPrefix(text, macro); ok {
				name, _, _ = strings.Cut(rest, ")")
				name, _, _ = strings.Cut(name, ",")
			}
		}
		if label, _, ok := strings.Cut(text, ":"); ok && label != "" && !strings.ContainsAny(label, " \t.(\"#/*%$") && wordStart(label[0]) {
			name = label
		}
	}
	return name
}
