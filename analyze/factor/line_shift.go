package factor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lpready/analyze/csource"
	"lpready/analyze/objdiff"
)

var lineShift = Rule{
	ID:    "line-shift",
	Title: "Functions that carry a line number",
	Explanation: "domain_crash(), gdprintk() in debug builds and other macros compile __LINE__ into the code. If the patch " +
		"moves the lines below, every function with such a number changes too; livepatch-build-tools has no filter for " +
		"it. XSA-480 adds five lines to one function and replaces five more. BUG() and ASSERT() keep the line in " +
		".bug_frames, which does not count as a change.",
	Remedy:   "Make the edit line-neutral (join lines, or put a #line directive behind it), or accept the additional functions.",
	Severity: Info,
	Check: func(in *Input) []Finding {
		if in.After == nil {
			return in.textShifts()
		}
		if in.Proof != nil && in.Proof.Trees != nil {
			return in.proven(func(d *objdiff.Diff) []Finding {
				if len(d.LineOnly) == 0 {
					return nil
				}
				return []Finding{objectf("", "%s", shiftMessage(d.LineOnly))}
			})
		}
		if in.Reach != nil {
			return in.reachShifts()
		}
		var list []Finding
		for _, c := range in.facts().changes {
			if c.before == nil || c.after == nil || !strings.HasSuffix(c.Path, ".c") {
				continue
			}
			if shifted := in.shifted(c); len(shifted) > 0 {
				list = append(list, c.finding(0, "", "%s", shiftMessage(shifted)))
			}
		}
		return list
	},
}

// reachShifts lists the functions that are predicted to change by their line
// numbers alone, file by file.
func (in *Input) reachShifts() []Finding {
	moved := make(map[string][]string)
	for _, f := range in.Reach.Functions {
		if f.Line && !slices.Contains(moved[f.File], f.Name) {
			moved[f.File] = append(moved[f.File], f.Name)
		}
	}
	var list []Finding
	for _, path := range slices.Sorted(maps.Keys(moved)) {
		list = append(list, Finding{File: path, Message: shiftMessage(moved[path])})
	}
	return list
}

func shiftMessage(names []string) string {
	verb := "compile"
	if len(names) == 1 {
		verb = "compiles"
	}
	return fmt.Sprintf("%s below the edit %s __LINE__ into the code: %s", count(len(names), "function"), verb, some(names))
}

// textShifts says by how much each file grows, all patches together.
func (in *Input) textShifts() []Finding {
	total := make(map[string]int)
	for _, c := range in.facts().changes {
		if strings.HasSuffix(c.Path, ".c") && c.before != nil {
			total[c.Path] += added(c)
		}
	}
	var list []Finding
	for _, path := range slices.Sorted(maps.Keys(total)) {
		if total[path] != 0 {
			list = append(list, Finding{File: path, Message: fmt.Sprintf(
				"the lines below the edits move by %+d: functions there that use domain_crash() and the like change too", total[path])})
		}
	}
	return list
}

// added is how many lines a fragment gains.
func added(c *change) int {
	n := 0
	for _, s := range c.newLines {
		n += s.End - s.Start + 1
	}
	for _, s := range c.oldLines {
		n -= s.End - s.Start + 1
	}
	return n
}

// shifted lists functions that the patch moves but does not edit and that use a
// macro with a line number.
func (in *Input) shifted(c *change) []string {
	edited := make(map[string]bool)
	for _, f := range c.Funcs {
		edited[funcName(f)] = true
	}
	var list []string
	for i := range c.before.Funcs {
		f := &c.before.Funcs[i]
		if edited[f.Name] || isInit(f.Section) || c.Shift(f.End) == 0 {
			continue
		}
		if slices.ContainsFunc(in.Before.Uses(c.Path, f), func(name string) bool { return in.lineMacros()[name] }) {
			list = append(list, f.Name)
		}
	}
	slices.Sort(list)
	return list
}

// lineMacros is the set of macros whose expansion holds a line number in code.
func (in *Input) lineMacros() map[string]bool {
	v := in.facts()
	if v.lineMacros != nil {
		return v.lineMacros
	}
	v.lineMacros = map[string]bool{"__LINE__": true}
	bodies := make(map[string][]string)
	for _, p := range in.Before.Paths() {
		file := in.Before.File(p)
		if file == nil || !in.relevant(p) {
			continue
		}
		var active *activity
		for i := range file.Macros {
			m := &file.Macros[i]
			if m.Undef || m.Body == "" || strings.Contains(m.Body, "BUG_FRAME") || strings.Contains(m.Body, "BUGFRAME") ||
				strings.Contains(m.Body, "TEMP_NAME") || m.Name == "TEMP_NAME" {
				continue
			}
			if m.Cond != "" {
				if active == nil {
					active = in.activity(p, in.Before.Source(p))
				}
				if active.of(m.Start) == off {
					continue
				}
			}
			for _, word := range csource.Words([]byte(m.Body)) {
				bodies[word] = append(bodies[word], m.Name)
			}
		}
	}
	for work := []string{"__LINE__"}; len(work) > 0; work = work[1:] {
		for _, name := range bodies[work[0]] {
			if !v.lineMacros[name] {
				v.lineMacros[name] = true
				work = append(work, name)
			}
		}
	}
	return v.lineMacros
}
