package factor

import (
	"path"
	"strings"
)

var buildChange = Rule{
	ID:    "build-change",
	Title: "Makefile or build script",
	Explanation: "A Makefile decides which objects exist. What it adds or drops is not a function that changes: a new object " +
		"has no original, a dropped one stays in the running hypervisor.",
	Remedy:   "Leave the build as it is and put the code where the old build compiles it.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			base := path.Base(c.Path)
			if isSource(c.Path) || isHeader(c.Path) || strings.HasPrefix(base, "Kconfig") || c.generates() != "" {
				continue
			}
			if in.After != nil && in.Config != nil && strings.Contains(in.whyNotBuilt(path.Dir(c.Path)), "CONFIG_") {
				continue
			}
			for _, l := range in.hunkLines(c.Path) {
				text := strings.TrimSpace(l.text)
				if text == "" || strings.HasPrefix(text, "#") || isFlags(text) || isVersion(text) || in.optionOff(text) {
					continue
				}
				list = append(list, c.finding(l.line, "", "%s: %q changes how the hypervisor is built", c.Path, clip(text)))
				break
			}
		}
		return list
	},
}

// optionOff tells whether a line lists objects of an option that is not set.
func (in *Input) optionOff(line string) bool {
	list, _, _ := strings.Cut(line, "=")
	option := optionIn(list)
	return in.Config != nil && option != "" && !in.Config.On(option)
}

// isVersion tells whether a line only names the release.
func isVersion(text string) bool {
	for _, name := range []string{"XEN_VERSION", "XEN_SUBVERSION", "XEN_EXTRAVERSION", "XEN_FULLVERSION", "XEN_BANNER"} {
		if strings.Contains(text, name) {
			return true
		}
	}
	return false
}

// clip shortens a line for a message.
func clip(text string) string {
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
