package factor

import (
	"path"
	"slices"
	"strings"
)

var kconfigChange = Rule{
	ID:    "kconfig-change",
	Title: "Configuration option",
	Explanation: "The payload is built with the .config that was shipped, which does not know the new option: Kconfig then " +
		"takes its default, and whatever depends on it is compiled in or left out without asking.",
	Remedy:   "Decide the value, write it into the base's .config for the patched build, and check that no other option changes with it.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			if !strings.HasPrefix(path.Base(c.Path), "Kconfig") {
				continue
			}
			var option string
			line := 0
			for _, l := range in.hunkLines(c.Path) {
				word, rest, _ := strings.Cut(strings.TrimSpace(l.text), " ")
				if !slices.Contains(kconfigWords, word) {
					continue
				}
				if line == 0 {
					line = l.line
				}
				if option == "" && (word == "config" || word == "menuconfig") {
					option, line = "CONFIG_"+rest, l.line
				}
			}
			if line > 0 {
				message := "the options in " + c.Path + " change"
				if option != "" {
					message = option + " is declared or changed in " + c.Path
				}
				list = append(list, c.finding(line, option, "%s", message))
			}
		}
		return list
	},
}

// kconfigWords are the keywords of the Kconfig language that give an option its
// value; prompts, help texts and comments do not.
var kconfigWords = []string{"config", "menuconfig", "choice", "bool", "def_bool", "tristate", "int", "hex", "string",
	"default", "depends", "select", "imply", "range", "source", "if"}
