package factor

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"lpready/analyze/csource"
	"lpready/analyze/patch"
)

// finding starts a finding about this file.
func (c *change) finding(line int, symbol, format string, args ...any) Finding {
	return Finding{File: c.Path, Line: line, Symbol: symbol, Message: fmt.Sprintf(format, args...)}
}

// hunkLine is one changed line of a file that is not scanned (Makefile, Kconfig).
type hunkLine struct {
	text  string
	added bool
	line  int // in the base for a removed line, in the patched file for an added one
}

// hunkLines lists the changed lines of a file in all patches.
func (in *Input) hunkLines(name string) []hunkLine {
	var list []hunkLine
	for i := range in.Patches {
		for j := range in.Patches[i].Files {
			f := &in.Patches[i].Files[j]
			if f.Name() != name {
				continue
			}
			for _, h := range f.Hunks {
				before, after := h.OldStart, h.NewStart
				for _, l := range h.Lines {
					switch l.Op {
					case patch.Add:
						list = append(list, hunkLine{l.Text, true, after})
						after++
					case patch.Delete:
						list = append(list, hunkLine{l.Text, false, before})
						before++
					default:
						before, after = before+1, after+1
					}
				}
			}
		}
	}
	return list
}

// body is the token list of a function's body in the lines that count.
func body(f *csource.Func, src []byte, active *activity) []token {
	if f == nil || f.BodyStart < 0 || f.BodyEnd > len(src) || f.BodyStart >= f.BodyEnd {
		return nil
	}
	var toks []token
	for t := range lex(string(src[f.BodyStart:f.BodyEnd]), f.Open) {
		if active.of(t.line) != off {
			toks = append(toks, t)
		}
	}
	return toks
}

func (c *change) oldBody(f csource.FuncChange) []token { return body(f.Old, c.src, c.oldActive) }
func (c *change) newBody(f csource.FuncChange) []token { return body(f.New, c.newSrc, c.isActive) }

// callChange is how many calls of a name a function gained or lost.
type callChange struct {
	name  string
	delta int
	line  int // of the last call, in the file that has more of them
}

// countsOf is the check of a rule that compares, for each function, how often it
// calls what the names are about.
func countsOf(about func(name string) bool) func(*Input) []Finding {
	return func(in *Input) []Finding {
		var list []Finding
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old == nil || f.New == nil {
				return
			}
			if changed := c.callChanges(f, about); len(changed) > 0 {
				list = append(list, c.finding(changed[0].line, f.New.Name, "%s(): %s", f.New.Name, describe(changed)))
			}
		})
		return list
	}
}

// callChanges compares the calls of a changed function that a predicate picks.
func (c *change) callChanges(f csource.FuncChange, pick func(string) bool) []callChange {
	count := make(map[string]*callChange)
	tally := func(toks []token, by int) {
		for _, call := range calls(toks) {
			if !pick(call.name) {
				continue
			}
			if count[call.name] == nil {
				count[call.name] = &callChange{name: call.name}
			}
			count[call.name].delta += by
			count[call.name].line = toks[call.at].line
		}
	}
	tally(c.oldBody(f), -1)
	tally(c.newBody(f), 1)
	var list []callChange
	for _, change := range count {
		if change.delta != 0 {
			list = append(list, *change)
		}
	}
	slices.SortFunc(list, func(a, b callChange) int { return strings.Compare(a.name, b.name) })
	return list
}

// describe puts call changes into words: "+2 spin_lock, -1 put_page".
func describe(list []callChange) string {
	var parts []string
	for _, c := range list {
		parts = append(parts, fmt.Sprintf("%+d %s()", c.delta, c.name))
	}
	return strings.Join(parts, ", ")
}

// some lists at most five names.
func some(names []string) string {
	const most = 5
	if more := len(names) - most; more > 1 {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, ", ")
}

// count says "1 object", "3 objects".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// life tells when a function can run: from the call graph where there is one,
// else from its own attributes.
func (in *Input) life(name string, f *csource.Func) csource.Life {
	if f == nil {
		return csource.Life{}
	}
	if in.Boot != nil {
		if life := in.Boot.Of(name, f.Name); life.Kind != csource.Runtime {
			return life
		}
	}
	if isInit(f.Section) || in.initObject(name) {
		return csource.Life{Kind: csource.Init, Path: []string{f.Name}}
	}
	return csource.Life{}
}

func inlined(f *csource.Func) bool {
	return f.Inline == csource.InlineHint || f.Inline == csource.InlineAlways || f.Inline == csource.InlineExtern
}

func isInit(section string) bool { return strings.HasPrefix(section, ".init") }

// initObject tells whether Kbuild moves the whole object into init sections
// (obj-bin-y += x.init.o).
func (in *Input) initObject(name string) bool {
	units := in.facts().units[name]
	return len(units) > 0 && !slices.ContainsFunc(units, func(u csource.Unit) bool { return !u.Init })
}

// funcs calls visit for every changed function of every live file.
func (in *Input) funcs(visit func(c *change, f csource.FuncChange)) {
	for _, c := range in.facts().changes {
		for _, f := range c.Funcs {
			visit(c, f)
		}
	}
}

// vars calls visit for every changed variable, static locals among them.
func (in *Input) vars(visit func(c *change, v csource.VarChange, owner string)) {
	for _, c := range in.facts().changes {
		for _, v := range c.Vars {
			visit(c, v, "")
		}
		for _, s := range c.Statics {
			visit(c, csource.VarChange{Old: s.Old, New: s.New}, s.Func)
		}
	}
}

func varLine(v csource.VarChange) int {
	if v.Old != nil {
		return v.Old.Start
	}
	return v.New.Start
}

// users lists "file: function" pairs of compiled code that mentions a name,
// sorted.
func (in *Input) users(name string) []string {
	var list []string
	if in.After == nil {
		return nil
	}
	for _, p := range in.After.Mentions(name) {
		file := in.After.File(p)
		if file == nil || !in.relevant(p) {
			continue
		}
		for i := range file.Funcs {
			if _, found := slices.BinarySearch(in.After.Uses(p, &file.Funcs[i]), name); found && file.Funcs[i].Name != name {
				list = append(list, path.Base(p)+":"+file.Funcs[i].Name)
			}
		}
	}
	return list
}
