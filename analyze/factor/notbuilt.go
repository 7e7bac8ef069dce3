package factor

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// whyNotBuilt names the option that keeps a file out of this base, from the
// Makefiles between it and xen/ (Kbuild's obj-$(CONFIG_X) lists and ifeq
// blocks). Where no option can be found it only says that nothing compiles it.
func (in *Input) whyNotBuilt(name string) string {
	if isHeader(name) {
		return "no compiled file includes it"
	}
	goal := path.Base(name) + "/" // of a folder
	if isSource(name) {
		goal = strings.TrimSuffix(path.Base(name), path.Ext(name)) + ".o"
	}
	for dir := path.Dir(name); strings.HasPrefix(dir, "xen"); dir = path.Dir(dir) {
		for _, option := range makeOptions(string(in.After.Source(dir+"/Makefile")), goal) {
			if !in.Config.On(option) {
				return fmt.Sprintf("%s is not set, so %s is not built", option, goal)
			}
		}
		goal = path.Base(dir) + "/"
	}
	return "this configuration does not compile it"
}

// makeOptions lists the CONFIG_ options on which a Makefile lists a goal (an
// object, or a folder with its slash): those of its ifeq blocks and its own.
func makeOptions(text, goal string) []string {
	var blocks, found []string
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		switch fields[0] {
		case "ifeq", "ifneq", "ifdef", "ifndef":
			blocks = append(blocks, optionIn(line))
			continue
		case "else": // the option is then not set, which is no reason
			blocks = append(blocks[:max(len(blocks)-1, 0)], "")
			continue
		case "endif":
			blocks = blocks[:max(len(blocks)-1, 0)]
			continue
		}
		if list, goals, cut := strings.Cut(line, "="); cut && listed(goals, goal) {
			found = append(append(found, blocks...), optionIn(list))
		}
	}
	return slices.DeleteFunc(found, func(option string) bool { return option == "" })
}

func listed(goals, goal string) bool {
	for _, word := range strings.Fields(goals) {
		if word == goal || strings.TrimSuffix(word, ".init.o")+".o" == goal {
			return true
		}
	}
	return false
}

// optionIn is the first CONFIG_ name of a line.
func optionIn(line string) string {
	at := strings.Index(line, "CONFIG_")
	if at < 0 {
		return ""
	}
	end := at
	for end < len(line) && wordByte(line[end]) {
		end++
	}
	return line[at:end]
}
