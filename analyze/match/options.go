package match

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// An Option is one that the two configurations do not have alike. Values are as in
// a .config, empty for one that is not set.
type Option struct {
	Name    string `json:"option"` // with CONFIG_
	Shipped string `json:"shipped"`
	Rebuilt string `json:"rebuilt"`
	Effect  Effect `json:"effect"`
}

// An Effect is what an option can change.
type Effect string

const (
	OnCode     Effect = "code"
	OnCompiler Effect = "compiler" // it says what the compiler is or can do
	OnNothing  Effect = "none"     // menus and debugging information
)

// menus are options that only offer others (xen/Kconfig) and those that only add
// debugging information (xen/Kconfig.debug).
var menus = []string{"CONFIG_EXPERT", "CONFIG_UNSUPPORTED", "CONFIG_DEBUG_INFO"}

// compilers are how the names of options begin that Kconfig sets to what it found.
var compilers = []string{"CONFIG_CC_HAS_", "CONFIG_CC_IS_", "CONFIG_LD_IS_", "CONFIG_HAS_AS_", "CONFIG_HAS_CC_", "CONFIG_AS_", "CONFIG_GCC_VERSION", "CONFIG_CLANG_VERSION"}

// differing lists the options that two configurations do not have alike, by name.
// The source, if it is at hand, tells which of them nothing asks for.
func differing(shipped, rebuilt csource.Config, ix *csource.Index) []Option {
	list := []Option{}
	names := slices.Collect(maps.Keys(shipped))
	for name := range rebuilt {
		if _, ok := shipped[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if shipped[name] != rebuilt[name] {
			list = append(list, Option{name, shipped[name], rebuilt[name], effect(name, ix)})
		}
	}
	return list
}

func effect(name string, ix *csource.Index) Effect {
	switch {
	case slices.Contains(menus, name):
		return OnNothing
	case slices.ContainsFunc(compilers, func(prefix string) bool { return strings.HasPrefix(name, prefix) }):
		return OnCompiler
	case ix != nil && len(ix.Mentions(name)) == 0 && !inMakefiles(ix, name):
		return OnNothing
	}
	return OnCode
}

// inMakefiles tells whether a Makefile asks for an option.
func inMakefiles(ix *csource.Index, name string) bool {
	return slices.ContainsFunc(ix.Paths(), func(p string) bool { return isMakefile(p) && mentions(ix.Source(p), name) })
}

func isMakefile(p string) bool {
	base := path.Base(p)
	return base == "Makefile" || base == "Kbuild" || strings.HasPrefix(base, "Makefile.") || strings.HasSuffix(base, ".mk")
}

// mentions tells whether a text has an identifier.
func mentions(text []byte, name string) bool {
	for {
		i := bytes.Index(text, []byte(name))
		if i < 0 {
			return false
		}
		end := i + len(name)
		if (i == 0 || !wordByte(text[i-1])) && (end == len(text) || !wordByte(text[end])) {
			return true
		}
		text = text[end:]
	}
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// A makeLine is a line of a Makefile with all conditions that it stands under.
type makeLine struct{ text, under string }

// makeLines takes a Makefile apart, continued lines joined.
func makeLines(src []byte) (list []makeLine) {
	var conditions []string
	for line := range strings.Lines(strings.ReplaceAll(string(src), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		word, _, _ := strings.Cut(line, " ")
		switch word {
		case "ifeq", "ifneq", "ifdef", "ifndef":
			conditions = append(conditions, line)
		case "else": // the conditions before it still decide
			if n := len(conditions); n > 0 {
				conditions[n-1] += " " + line
			}
		case "endif":
			conditions = conditions[:max(0, len(conditions)-1)]
		default:
			if line != "" && line[0] != '#' {
				list = append(list, makeLine{line, strings.Join(conditions, " ")})
			}
		}
	}
	return list
}

// setsFlags tells whether an option changes how every unit is compiled: the
// Makefiles that all of them share add to the compiler's options for it.
func setsFlags(ix *csource.Index, name string) bool {
	for _, p := range ix.Paths() {
		dir, base := path.Split(p)
		if !isMakefile(p) || dir != csource.Root+"/" && (path.Dir(path.Clean(dir)) != csource.Root+"/arch" || base == "Makefile") {
			continue
		}
		for _, l := range makeLines(ix.Source(p)) {
			if strings.Contains(l.text, "FLAGS") && (mentions([]byte(l.text), name) || mentions([]byte(l.under), name)) {
				return true
			}
		}
	}
	return false
}

// asksFor tells whether the Makefiles from an object's folder up to xen/ build the
// object, or a folder that holds it, depending on an option.
func asksFor(ix *csource.Index, object, name string) bool {
	what := path.Base(object)
	if s, ok := strings.CutSuffix(what, ".init.o"); ok {
		what = s + ".o"
	}
	for dir := path.Dir(object); ; dir = path.Dir(dir) {
		for _, base := range []string{"Makefile", "Kbuild", "arch.mk", "build.mk"} {
			for _, l := range makeLines(ix.Source(path.Join(csource.Root, dir, base))) {
				if mentions([]byte(l.text), what) && (mentions([]byte(l.text), name) || mentions([]byte(l.under), name)) {
					return true
				}
			}
		}
		if dir == "." {
			return false
		}
		what = path.Base(dir) + "/"
	}
}
