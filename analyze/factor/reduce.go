package factor

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// reduce drops from the change what the configuration does not compile and
// what cannot change code, and says what it dropped.
func (in *Input) reduce(c *change) []idle {
	c.present()
	var parts []idle
	drop := func(line int, symbol, why string) {
		kind := idleNothing
		if why != "" {
			kind = idleConfig
		} else {
			why = "only comments, white space or compile-time checks"
		}
		parts = append(parts, idle{path: c.Path, symbol: symbol, line: line, kind: kind, why: why})
	}
	d := &c.Delta
	d.Funcs = slices.DeleteFunc(slices.Clone(d.Funcs), func(f csource.FuncChange) bool {
		name, line := funcName(f), funcLine(f)
		if why, dead := c.dead(spanOf(f.Old), spanOf(f.New)); dead {
			drop(line, name, why)
			return true
		}
		if f.Old == nil || f.New == nil || f.Static || !in.sameCode(c, f) {
			return false
		}
		drop(line, name, "")
		return true
	})
	d.Types = slices.DeleteFunc(slices.Clone(d.Types), func(t csource.TypeChange) bool {
		_, dead := c.dead(typeSpan(t.Old), typeSpan(t.New))
		return dead || !t.Code && t.Old != nil && t.New != nil
	})
	d.Vars = slices.DeleteFunc(slices.Clone(d.Vars), func(v csource.VarChange) bool {
		_, dead := c.dead(varSpan(v.Old), varSpan(v.New))
		return dead || c.declared(v)
	})
	d.Statics = slices.DeleteFunc(slices.Clone(d.Statics), func(s csource.StaticChange) bool {
		_, dead := c.dead(varSpan(s.Old), varSpan(s.New))
		return dead
	})
	d.Macros = slices.DeleteFunc(slices.Clone(d.Macros), func(m csource.MacroChange) bool {
		_, dead := c.dead(macroSpan(m.Old), macroSpan(m.New))
		return dead
	})
	d.Calls = slices.DeleteFunc(slices.Clone(d.Calls), func(m csource.CallChange) bool {
		_, dead := c.dead(callSpan(m.Old), callSpan(m.New))
		return dead || compileTime(m)
	})
	if path.Ext(c.Path) == ".S" {
		d.Funcs = nil // symbols of assembly: its lines are what counts
		in.reduceAssembly(c, drop)
	} else {
		d.Asm = d.Asm && c.liveAssembly()
	}
	return parts
}

// present takes what stands under a condition that the configuration switches
// off for absent: a definition that moves out of such a branch is new.
func (c *change) present() {
	before := func(s csource.Span) bool { return c.oldActive.of(s.Start) != off }
	after := func(s csource.Span) bool { return c.isActive.of(s.Start) != off }
	d := &c.Delta
	d.Funcs = slices.Clone(d.Funcs)
	for i := range d.Funcs {
		f := &d.Funcs[i]
		keep(&f.Old, &f.New, before(spanOf(f.Old)), after(spanOf(f.New)))
	}
	d.Types = slices.Clone(d.Types)
	for i := range d.Types {
		t := &d.Types[i]
		keep(&t.Old, &t.New, before(typeSpan(t.Old)), after(typeSpan(t.New)))
	}
	d.Vars = slices.Clone(d.Vars)
	for i := range d.Vars {
		v := &d.Vars[i]
		keep(&v.Old, &v.New, before(varSpan(v.Old)), after(varSpan(v.New)))
	}
	d.Macros = slices.Clone(d.Macros)
	for i := range d.Macros {
		m := &d.Macros[i]
		keep(&m.Old, &m.New, before(macroSpan(m.Old)), after(macroSpan(m.New)))
	}
}

// keep drops one side of a pair of which only the other is compiled. Where
// neither is, the pair stays for reduce to report.
func keep[T any](before, after **T, oldLive, newLive bool) {
	if oldLive != newLive && *before != nil && *after != nil {
		if oldLive {
			*after = nil
		} else {
			*before = nil
		}
	}
}

// compileTime tells whether an invocation at file scope makes neither code nor
// data: checks of compat layouts and declarations of handle types.
func compileTime(m csource.CallChange) bool {
	call := m.Old
	if call == nil {
		call = m.New
	}
	for _, prefix := range []string{"CHECK_", "DEFINE_XEN_GUEST_HANDLE", "__DEFINE_XEN_GUEST_HANDLE", "DEFINE_COMPAT_HANDLE",
		"EMIT_FILE", "BUILD_BUG_ON", "TYPE_SAFE", "DECLARE_", "PRIVATE_", "MISRA"} {
		if strings.HasPrefix(call.Name, prefix) {
			return true
		}
	}
	return false
}

// liveAssembly tells whether a changed line of assembly in a C file or header
// (asm() at file scope, #ifdef __ASSEMBLY__) says anything. A .macro that comes
// or goes does not: the files that use it change too.
func (c *change) liveAssembly() bool {
	says := func(file *csource.File, src, other []byte, changed []csource.Span, active *activity) bool {
		if file == nil {
			return false
		}
		for _, span := range changed {
			for line := span.Start; line <= span.End; line++ {
				text := stripAssembly(linesOf(src, csource.Span{Start: line, End: line}))
				if strings.TrimSpace(text) == "" || active.of(line) == off ||
					!slices.ContainsFunc(file.Asm, func(s csource.Span) bool { return s.Contains(line) }) {
					continue
				}
				if macro := gasMacro(src, line); macro == "" || definesGasMacro(other, macro, func(int) bool { return true }) {
					return true
				}
			}
		}
		return false
	}
	return says(c.before, c.src, c.newSrc, c.oldLines, c.oldActive) || says(c.after, c.newSrc, c.src, c.newLines, c.isActive)
}

// gasMacro is the name of the .macro ... .endm that holds a line, empty if none.
func gasMacro(src []byte, line int) string {
	name, n := "", 0
	for text := range strings.Lines(string(src)) {
		n++
		text = strings.TrimSpace(text)
		if rest, ok := strings.CutPrefix(text, ".macro"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				name = strings.TrimSuffix(fields[0], ",")
			}
		}
		if n == line {
			return name
		}
		if strings.HasPrefix(text, ".endm") {
			name = ""
		}
	}
	return ""
}

// declared tells whether a variable change is one of declarations only.
func (c *change) declared(v csource.VarChange) bool {
	return (v.Old == nil || v.Old.Extern) && (v.New == nil || v.New.Extern)
}

// dead tells whether every changed line of an entity is switched off by the
// configuration, and by what.
func (c *change) dead(before, after csource.Span) (why string, dead bool) {
	if (before == csource.Span{} || c.oldActive.of(before.Start) == off) && (after == csource.Span{} || c.isActive.of(after.Start) == off) {
		return cmp.Or(c.isActive.reason(after.Start), c.oldActive.reason(before.Start)), true
	}
	count := 0
	for _, side := range []struct {
		span    csource.Span
		changed []csource.Span
		active  *activity
	}{{before, c.oldLines, c.oldActive}, {after, c.newLines, c.isActive}} {
		for _, changed := range side.changed {
			for line := max(changed.Start, side.span.Start); line <= min(changed.End, side.span.End); line++ {
				if side.active.of(line) != off {
					return "", false
				}
				why = side.active.reason(line)
				count++
			}
		}
	}
	return why, count > 0
}

func (in *Input) sameCode(c *change, f csource.FuncChange) bool {
	before := in.code(linesOf(c.src, f.Old.Span), f.Old.Start, c.oldActive)
	after := in.code(linesOf(c.newSrc, f.New.Span), f.New.Start, c.isActive)
	return slices.Equal(before, after)
}

// code is the token list of a piece of source as the compiler sees it: without
// lines that the configuration leaves out, without checks that make no code.
func (in *Input) code(text string, line int, active *activity) []string {
	var toks []token
	for t := range lex(text, line) {
		if active.of(t.line) != off && !active.decided(t.line) {
			toks = append(toks, t)
		}
	}
	silent := map[string]bool{"BUILD_BUG_ON": true, "BUILD_BUG_ON_MSG": true, "static_assert": true, "_Static_assert": true}
	if in.Config != nil && !in.Config.On("CONFIG_DEBUG") { // xen/include/xen/lib.h: ASSERT(p) is if ( 0 && (p) )
		silent["ASSERT"] = true
	}
	var code []string
	for i := 0; i < len(toks); i++ {
		if silent[toks[i].text] && i+1 < len(toks) && toks[i+1].text == "(" {
			if end := closing(toks, i+1); end+1 < len(toks) && toks[end+1].text == ";" {
				i = end + 1
				continue
			}
		}
		code = append(code, toks[i].text)
	}
	return code
}

// reduceAssembly leaves only the changed lines of assembly that assemble to
// something: not comments, not lines of another configuration, not macros that
// are empty in this one (CR4_PV32_RESTORE without CONFIG_PV32). If what stands
// between the first and the last changed line assembles to the same on both
// sides, nothing is left.
func (in *Input) reduceAssembly(c *change, drop func(line int, symbol, why string)) {
	keep := func(changed []csource.Span, src []byte, active *activity) (live []csource.Span, code []string) {
		if len(changed) == 0 {
			return nil, nil
		}
		whole := csource.Span{Start: changed[0].Start, End: changed[len(changed)-1].End}
		line := whole.Start - 1
		for text := range strings.Lines(linesOf(src, whole)) {
			line++
			edited := slices.ContainsFunc(changed, func(s csource.Span) bool { return s.Contains(line) })
			said := strings.Join(words(stripAssembly(text)), " ")
			macro, empty := in.emptyMacro(text)
			switch {
			case said == "":
			case active.of(line) == off && edited:
				drop(line, "", active.reason(line))
			case active.of(line) == off:
			case empty && edited:
				drop(line, macro, "is empty in this configuration")
			case empty:
			default:
				code = append(code, said)
				if edited {
					live = append(live, csource.Span{Start: line, End: line})
				}
			}
		}
		return live, code
	}
	var before, after []string
	c.oldLines, before = keep(c.oldLines, c.src, c.oldActive)
	c.newLines, after = keep(c.newLines, c.newSrc, c.isActive)
	if slices.Equal(before, after) {
		c.oldLines, c.newLines = nil, nil
	}
}

// stripAssembly removes comments of one line.
func stripAssembly(line string) string {
	if before, rest, found := strings.Cut(line, "/*"); found {
		_, after, _ := strings.Cut(rest, "*/")
		line = before + after
	}
	if text := strings.TrimSpace(line); strings.HasPrefix(text, "*") || strings.HasPrefix(text, "#") && !strings.HasPrefix(text, "#define") {
		return ""
	}
	line, _, _ = strings.Cut(line, "//")
	return line
}

// emptyMacro tells whether a line of assembly is nothing but a macro that every
// definition which the configuration keeps leaves empty.
func (in *Input) emptyMacro(line string) (string, bool) {
	list := words(stripAssembly(line))
	if in.After == nil || len(list) == 0 || !wordStart(list[0][0]) || len(list) > 1 && list[1] != "(" {
		return "", false
	}
	empty := false
	for _, name := range in.After.Mentions(list[0]) {
		file, src := in.After.File(name), in.After.Source(name)
		var active *activity
		for _, m := range file.Macros {
			if m.Name != list[0] || m.Undef {
				continue
			}
			if active == nil {
				active = activityOf(src, configured(in.Config, in.arch(), ".S", in.facts().extra))
			}
			if active.of(m.Start) == off {
				continue
			}
			if m.Body != "" {
				return list[0], false
			}
			empty = true
		}
		if definesGasMacro(src, list[0], func(line int) bool {
			if active == nil {
				active = activityOf(src, configured(in.Config, in.arch(), ".S", in.facts().extra))
			}
			return active.of(line) != off
		}) {
			return list[0], false
		}
	}
	return list[0], empty
}

// definesGasMacro looks for a live ".macro name".
func definesGasMacro(src []byte, name string, live func(line int) bool) bool {
	line := 0
	for text := range strings.Lines(string(src)) {
		line++
		if rest, ok := strings.CutPrefix(strings.TrimSpace(text), ".macro"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 && strings.TrimSuffix(fields[0], ",") == name && live(line) {
				return true
			}
		}
	}
	return false
}

func spanOf(f *csource.Func) csource.Span {
	if f == nil {
		return csource.Span{}
	}
	return f.Span
}

func typeSpan(t *csource.Type) csource.Span {
	if t == nil {
		return csource.Span{}
	}
	return t.Span
}

func varSpan(v *csource.Var) csource.Span {
	if v == nil {
		return csource.Span{}
	}
	return v.Span
}

func callSpan(m *csource.Call) csource.Span {
	if m == nil {
		return csource.Span{}
	}
	return m.Span
}

func macroSpan(m *csource.Macro) csource.Span {
	if m == nil {
		return csource.Span{}
	}
	return m.Span
}

// funcName is the name of a changed function.
func funcName(f csource.FuncChange) string {
	if f.New != nil {
		return f.New.Name
	}
	return f.Old.Name
}

// funcLine is where a changed function starts in the base, or in the patched
// file where it is new.
func funcLine(f csource.FuncChange) int {
	if f.Old != nil {
		return f.Old.NameLine
	}
	return f.New.NameLine
}
