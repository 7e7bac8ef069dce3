package factor

import (
	"maps"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// A constant is a name whose value the patch changes: a macro, or an enumerator
// whose place moves.
type constant struct {
	name, before, after string
	c                   *change
	line                int
}

// constants lists them, in order of file.
func (in *Input) constants() []constant {
	var list []constant
	for _, c := range in.facts().changes {
		for _, m := range c.Macros {
			if m.Old != nil && m.New != nil && m.Old.Body != m.New.Body {
				list = append(list, constant{m.Old.Name, m.Old.Body, m.New.Body, c, m.Old.Start})
			}
		}
		for _, t := range c.Types {
			if t.Old == nil || t.New == nil || t.Old.Kind != "enum" {
				continue
			}
			before, after := positions(t.Old, c.oldActive), positions(t.New, c.isActive)
			for _, name := range slices.Sorted(maps.Keys(before)) {
				if after[name] != "" && after[name] != before[name] {
					list = append(list, constant{name, "its old place", "a new one", c, t.Old.Start})
				}
			}
		}
	}
	return list
}

// users of a constant outside functions: visit is called for every file of the
// base that is compiled and names it.
func (in *Input) eachUse(name string, visit func(path string, file *csource.File)) {
	if in.Before == nil {
		return
	}
	for _, p := range in.Before.Mentions(name) {
		if file := in.Before.File(p); file != nil && in.relevant(p) {
			visit(p, file)
		}
	}
}

// bound tells whether an array bound of a declared type names a constant.
func bound(declared, name string) bool {
	_, bounds, array := strings.Cut(declared, "[")
	return array && slices.Contains(words(bounds), name)
}

// names tells whether a piece of source has an identifier outside strings.
func names(text, name string) bool {
	return strings.Contains(text, name) && slices.Contains(words(text), name)
}
