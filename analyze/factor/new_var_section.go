package factor

import (
	"strings"

	"lpready/analyze/csource"
)

var newVarSection = Rule{
	ID:    "new-var-section",
	Title: "New variable in a named section",
	Explanation: "__read_mostly, __ro_after_init and the like put a variable into a section that it shares with others of its " +
		"object. create-diff-object takes sections whole: if the original object has that section, the new variable " +
		"would drag in a second copy of the others, and it stops (\"data section .data.read_mostly selected for " +
		"inclusion\"). Macros such as printk_once() hide such a variable. In a new section the variable is accepted, but " +
		"the section's promise (read-only after boot, its own cache lines) does not hold in a payload.",
	Remedy:   "Make it a plain static without the section attribute; open-code printk_once() with a plain static bool.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		var list []Finding
		in.vars(func(c *change, v csource.VarChange, owner string) {
			if v.Old != nil || v.New == nil || v.New.Extern || v.New.PerCPU || isRegistration(v.New.Macro) {
				return
			}
			section := v.New.Section
			if section == "" || isInit(section) || strings.HasPrefix(section, ".livepatch") || in.ownedByInit(c, owner) {
				return
			}
			list = append(list, in.sectionFinding(c, v.New.Start, v.New.Name, section))
		})
		in.funcs(func(c *change, f csource.FuncChange) {
			if in.life(c.Path, f.Old).Kind == csource.Init || in.life(c.Path, f.New).Kind == csource.Init {
				return
			}
			for _, call := range c.callChanges(f, func(name string) bool { return in.hiddenStatics()[name] != "" }) {
				if call.delta > 0 {
					list = append(list, in.sectionFinding(c, call.line, funcName(f)+": "+call.name+"()", in.hiddenStatics()[call.name]))
				}
			}
		})
		return list
	},
}

func (in *Input) sectionFinding(c *change, line int, name, section string) Finding {
	shared := in.hasSection(c, func(o *csource.Var) bool { return o.Section == section }) || in.usesHidden(c, section)
	f := c.finding(line, name, "%s needs a new variable in %s", name, section)
	switch {
	case in.Before == nil:
		f.Message += "; without the tree it must be taken for granted that its object has that section already"
	case shared:
		f.Message += ", which its object has already: the differ refuses it"
	default:
		f.Severity = Review
		f.Message += ", which its object does not have yet: the differ accepts it"
	}
	return f
}

// usesHidden tells whether the file already calls a macro that hides a variable
// in the section.
func (in *Input) usesHidden(c *change, section string) bool {
	if c.before == nil {
		return false
	}
	for i := range c.before.Funcs {
		for _, call := range calls(body(&c.before.Funcs[i], c.src, c.oldActive)) {
			if in.hiddenStatics()[call.name] == section {
				return true
			}
		}
	}
	return false
}

// hiddenStatics maps macros that define a static variable where they are used
// to the section of that variable. Without a tree only Xen's printk_once() is
// known (xen/include/xen/lib.h).
func (in *Input) hiddenStatics() map[string]string {
	v := in.facts()
	if v.hidden != nil {
		return v.hidden
	}
	v.hidden = map[string]string{"printk_once": ".data.read_mostly"}
	if in.After == nil {
		return v.hidden
	}
	for _, p := range in.After.Paths() {
		file := in.After.File(p)
		if file == nil || !isHeader(p) {
			continue
		}
		for _, m := range file.Macros {
			if section, ok := hiddenSection(&m); ok {
				v.hidden[m.Name] = section
			}
		}
	}
	return v.hidden
}

// hiddenSection finds "static ... __read_mostly" and the like in the body of a
// statement macro.
func hiddenSection(m *csource.Macro) (string, bool) {
	if m.Params == nil || !strings.Contains(m.Body, "static ") || !strings.ContainsAny(m.Body, "{") {
		return "", false
	}
	list := words(m.Body)
	for i, w := range list {
		switch w {
		case "__read_mostly":
			return ".data.read_mostly", true
		case "__ro_after_init":
			return ".data.ro_after_init", true
		case "__section", "section":
			if i+2 < len(list) && strings.HasPrefix(list[i+2], `".data`) {
				return strings.Trim(list[i+2], `"`), true
			}
		}
	}
	return "", false
}
