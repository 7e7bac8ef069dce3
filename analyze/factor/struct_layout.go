package factor

import (
	"fmt"
	"slices"
	"strings"

	"lpready/analyze/csource"
	"lpready/analyze/objdiff"
)

var structLayout = Rule{
	ID:    "struct-layout",
	Title: "Layout of a structure with live objects",
	Explanation: "New code uses the new offsets; objects that were made before the payload was applied keep the old ones. " +
		"create-diff-object compares code, not types, and says nothing: XSA-491 adds one lock inside struct hvm_domain, " +
		"builds 515 functions without a complaint, and would corrupt every running domain. It is harmless only where no " +
		"object outlives a call: types that are used on the stack alone.",
	Remedy: "Leave the layout alone: use padding or a _rsvd_livepatch member, keep the new state in a side table keyed " +
		"by the object's address, or change the code that uses it.",
	Severity: Blocker,
	Class:    Hard,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			for _, t := range c.Types {
				if t.Old == nil || t.New == nil || t.Old.Kind == "enum" {
					continue
				}
				if what, ok := in.layoutChange(c, t); ok {
					list = append(list, in.layoutFinding(c, t, what))
				}
			}
		}
		return append(append(list, in.boundFindings()...), in.compiledLayouts()...)
	},
}

// layoutChange describes how members move. Members that are only renamed, or
// only lose or gain a qualifier, stay where they are.
func (in *Input) layoutChange(c *change, t csource.TypeChange) (string, bool) {
	if t.Old.Kind == "typedef" && (t.Old.Of != "" || t.New.Of != "") {
		same := isFunction(t.Old.Of) || isFunction(t.New.Of) || in.compareSizes(t.Old.Of, t.New.Of) == sizeSame
		return fmt.Sprintf("was %s, becomes %s", t.Old.Of, t.New.Of), !same
	}
	var parts []string
	for _, m := range t.Members {
		change := c.memberChange(m)
		if change == "" || renamed(t, m) || change == csource.Retyped && in.sameMember(m) {
			continue
		}
		parts = append(parts, change+" "+m.Name)
	}
	if len(parts) == 0 && slices.Equal(t.Old.Attrs, t.New.Attrs) {
		return "", false
	}
	if len(parts) == 0 {
		parts = append(parts, "attributes "+strings.Join(t.New.Attrs, " "))
	}
	return some(parts), true
}

// sameMember tells whether a retyped member takes the same room. Function
// pointers do; what is wrong with them is said by ops-table.
func (in *Input) sameMember(m csource.MemberChange) bool {
	return isFunction(m.Old.Type) || isFunction(m.New.Type) ||
		m.Old.Bits == m.New.Bits && in.compareSizes(m.Old.Type, m.New.Type) == sizeSame
}

// memberChange is how the member changes in this configuration: a member whose
// #if is switched comes or goes. Empty if it does not.
func (c *change) memberChange(m csource.MemberChange) string {
	before := m.Old != nil && c.oldActive.of(m.Old.Line) != off
	after := m.New != nil && c.isActive.of(m.New.Line) != off
	switch {
	case before && after:
		return m.Change
	case after:
		return csource.Added
	case before:
		return csource.Removed
	}
	return ""
}

// isFunction tells whether a declared type is a function or a pointer to one.
func isFunction(declared string) bool { return strings.Contains(declared, "(") }

// renamed tells whether an added and a removed member are one and the same
// member under a new name.
func renamed(t csource.TypeChange, m csource.MemberChange) bool {
	twin := func(list []csource.Member, self *csource.Member, others []csource.Member, gone bool) bool {
		i := slices.IndexFunc(list, func(x csource.Member) bool { return x.Name == self.Name && x.Outer == self.Outer })
		if i < 0 || len(list) != len(others) {
			return false
		}
		o := others[i]
		return o.Name != self.Name && o.Type == self.Type && o.Bits == self.Bits && o.Outer == self.Outer &&
			slices.ContainsFunc(t.Members, func(x csource.MemberChange) bool {
				return x.Name == o.Name && x.Change == map[bool]string{true: csource.Added, false: csource.Removed}[gone]
			})
	}
	switch m.Change {
	case csource.Removed:
		return m.Old != nil && twin(t.Old.Members, m.Old, t.New.Members, true)
	case csource.Added:
		return m.New != nil && twin(t.New.Members, m.New, t.Old.Members, false)
	}
	return false
}

// layoutFinding says where objects of the changed type live.
func (in *Input) layoutFinding(c *change, t csource.TypeChange, what string) Finding {
	name := spell(t.Old.Kind, t.Old.Name)
	if t.Old.Name == "" {
		name = "an anonymous " + t.Old.Kind
	}
	f := c.finding(t.Old.Start, name, "layout of %s changes (%s)", name, what)
	where, live := in.whereLive(t.Old.Kind, t.Old.Name)
	f.Message += "; " + where
	if !live {
		f.Severity = Review
		f.Remedy = "Check that no object of the type is kept across calls; then the new layout is used by new code only."
	}
	return f
}

// whereLive says where objects of a type live, and whether any can outlive the
// moment at which the payload is applied. Without a tree, or without any sign of
// objects, they are taken to be alive.
func (in *Input) whereLive(kind, name string) (string, bool) {
	if in.Before == nil {
		return "without the tree it must be taken for granted that objects of it are alive", true
	}
	homes := in.homes(kind, name)
	if len(homes) == 0 {
		if name == "" {
			return "where objects of it live cannot be followed", true
		}
		return "the source does not show where objects of it come from (cast from memory?)", true
	}
	live := slices.DeleteFunc(slices.Clone(homes), func(h home) bool { return h.kind == homeStack })
	if len(live) == 0 {
		return "objects of it are only seen on the stack: " + homes[0].text, false
	}
	var texts []string
	for _, h := range live[:min(len(live), 2)] {
		texts = append(texts, h.text)
	}
	return "live objects: " + strings.Join(texts, "; "), true
}

// boundFindings finds types whose array bounds or bit-field widths come from a
// constant that the patch changes.
func (in *Input) boundFindings() []Finding {
	var list []Finding
	for _, k := range in.constants() {
		in.eachUse(k.name, func(path string, file *csource.File) {
			for i := range file.Types {
				list = append(list, in.boundFinding(k, path, &file.Types[i])...)
			}
		})
	}
	return list
}

func (in *Input) boundFinding(k constant, path string, t *csource.Type) []Finding {
	for _, m := range t.Members {
		if t.Kind == "enum" || !bound(m.Type, k.name) && !names(m.Bits, k.name) {
			continue
		}
		name := spell(t.Kind, t.Name)
		where, live := in.whereLive(t.Kind, t.Name)
		f := Finding{File: path, Line: m.Line, Symbol: name,
			Message: fmt.Sprintf("%s of %s depends on %s, which changes from %s to %s in %s; %s", m.Name, name, k.name, k.before, k.after, k.c.Path, where)}
		if !live {
			f.Severity = Review
		}
		return []Finding{f}
	}
	return nil
}

// compiledLayouts are the types that the compiler lays out otherwise, with where
// their objects live.
func (in *Input) compiledLayouts() (list []Finding) {
	if in.Proof == nil || in.Proof.Trees == nil {
		return nil
	}
	for i := range in.Proof.Trees.Layouts {
		l := &in.Proof.Trees.Layouts[i]
		if l.Kind != "changed" {
			continue
		}
		f := Finding{Symbol: l.Type, Evidence: Object, Message: fmt.Sprintf("%s: %s, in %s", l.Type, l.Summary(), count(len(l.Objects), "object"))}
		f.File, f.Line = in.defined(l.Type)
		life := in.Proof.life(l.Type)
		kind, name, _ := strings.Cut(l.Type, " ")
		where, live := in.whereLive(kind, name)
		switch {
		case life.Kind == objdiff.LifeHidden:
			f.Message += "; live: functions only hold pointers to it, so that it was allocated or is somebody else's"
		case outlives(life.Kind):
			f.Message += "; live: " + strings.Join(life.Path, " > ")
		case live:
			f.Message += "; " + where
		case len(life.Users) > 0 && in.replacedWhole(life.Users):
			f.Severity, f.Class = Review, ""
			f.Message += "; no object outlives a call, and every function that uses it is in the payload"
		default:
			f.Severity, f.Class = Review, ""
			f.Message += "; no object of it is seen to outlive a call"
		}
		if f.Severity == "" && l.SamePlaces() {
			f.Severity, f.Class = Review, ""
			f.Message += "; no member moves"
		}
		list = append(list, f)
	}
	return list
}

// replacedWhole tells whether all functions, as object:name, are changed.
func (in *Input) replacedWhole(users []string) bool {
	replaced := map[string]bool{}
	for _, d := range in.Proof.Trees.Objects {
		for _, name := range slices.Concat(d.Functions, d.NewFunctions) {
			replaced[d.Path+":"+name] = true
		}
	}
	return !slices.ContainsFunc(users, func(u string) bool { return !replaced[u] })
}

// defined is where a type that the patch changes stands.
func (in *Input) defined(name string) (string, int) {
	for _, c := range in.facts().changes {
		for _, t := range c.Types {
			if t.Old != nil && spell(t.Old.Kind, t.Old.Name) == name {
				return c.Path, t.Old.Start
			}
		}
	}
	return "", 0
}
