package csource

import "slices"

// A Delta is what one file's change means for what the scanner found in it.
// Things that are the same and only stand on other lines are not listed. Old is
// nil for what is new, New for what is gone.
type Delta struct {
	Path     string
	Old, New *File // nil: the file is new, the file is gone

	Funcs    []FuncChange
	Types    []TypeChange
	Vars     []VarChange
	Statics  []StaticChange
	Macros   []MacroChange
	Protos   []ProtoChange
	Calls    []CallChange
	Includes []IncludeChange

	Asm        bool // assembly at file scope, or in a .S file outside its symbols
	Directives bool // preprocessor lines outside everything: conditions, #error, #pragma
	Lost       bool // code that the scanner cannot place

	Lines []LineMove // runs of lines that are the same before and after, in order
}

// A FuncChange is a function whose text differs.
type FuncChange struct {
	Old, New *Func
	Code     bool // its tokens differ, not only comments and white space
	Static   bool // linkage, result or parameters differ
	Cond     bool // it stands under another #if
}

// A TypeChange is a type whose text differs.
type TypeChange struct {
	Old, New *Type
	Members  []MemberChange
	Code     bool // its tokens differ
	Cond     bool
}

// How a member changed.
const (
	Added   = "added"
	Removed = "removed"
	Moved   = "moved"   // its place among the members that stay
	Retyped = "retyped" // type, width, value or #if
)

// A MemberChange is one member of a type that changed.
type MemberChange struct {
	Name     string
	Change   string
	Old, New *Member
}

// A VarChange is a variable at file scope that differs.
type VarChange struct {
	Old, New *Var
	Init     bool // initialiser
	Type     bool // type or constness
	Section  bool // section, other attributes, defining macro
	Linkage  bool // static, extern
	Cond     bool
}

// A StaticChange is a static local that came, went or differs, in a function
// that exists before and after.
type StaticChange struct {
	Func     string
	Old, New *Var
}

// A MacroChange is a macro whose parameters or body differ.
type MacroChange struct {
	Old, New *Macro
	Cond     bool
}

// A ProtoChange is a function declaration that differs.
type ProtoChange struct{ Old, New *Proto }

// A CallChange is a macro invocation at file scope that differs.
type CallChange struct{ Old, New *Call }

// An IncludeChange is an #include that came or went.
type IncludeChange struct{ Old, New *Include }

// Diff compares two states of a file and their sources. before is nil for a new
// file, after for one that is gone.
func Diff(before, after *File, src, newSrc []byte) Delta {
	d := Delta{Old: before, New: after}
	if before != nil {
		d.Path = before.Path
	}
	if after != nil {
		d.Path = after.Path
	}
	c := comparison{old: orEmpty(before), new: orEmpty(after), src: view(src), newSrc: view(newSrc)}
	c.funcs(&d)
	c.types(&d)
	c.vars(&d)
	c.rest(&d)
	d.Lines = matchLines(c.src, c.newSrc)
	return d
}

func orEmpty(f *File) *File {
	if f == nil {
		return &File{}
	}
	return f
}

// Empty tells whether nothing that a compiler sees differs, line numbers apart.
func (d *Delta) Empty() bool {
	for _, f := range d.Funcs {
		if f.Code || f.Cond {
			return false
		}
	}
	for _, t := range d.Types {
		if t.Code || t.Cond {
			return false
		}
	}
	return len(d.Vars)+len(d.Statics)+len(d.Macros)+len(d.Protos)+len(d.Calls)+len(d.Includes) == 0 &&
		!d.Asm && !d.Directives && !d.Lost
}

// A comparison holds both sides.
type comparison struct {
	old, new    *File
	src, newSrc string
}

func (c *comparison) funcs(d *Delta) {
	pairs := match(c.old.Funcs, c.new.Funcs,
		func(f *Func) string { return f.Name }, func(f *Func) string { return f.Cond })
	for _, p := range pairs {
		ch := FuncChange{Old: p.old, New: p.new, Code: true, Static: true}
		if p.old != nil && p.new != nil {
			a, b := cut(c.src, p.old.from, p.old.BodyEnd+1), cut(c.newSrc, p.new.from, p.new.BodyEnd+1)
			ch.Cond = p.old.Cond != p.new.Cond
			if a == b && !ch.Cond {
				continue
			}
			ch.Code = !sameTokens(a, b)
			ch.Static = p.old.Static != p.new.Static || p.old.Result != p.new.Result || p.old.Params != p.new.Params
			c.statics(d, p.old, p.new)
		}
		d.Funcs = append(d.Funcs, ch)
	}
}

func (c *comparison) statics(d *Delta, before, after *Func) {
	pairs := match(before.Statics, after.Statics,
		func(v *Var) string { return v.Name }, func(v *Var) string { return v.Cond })
	for _, p := range pairs {
		if p.old == nil || p.new == nil || varChange(p.old, p.new) != (VarChange{Old: p.old, New: p.new}) {
			d.Statics = append(d.Statics, StaticChange{Func: after.Name, Old: p.old, New: p.new})
		}
	}
}

func (c *comparison) types(d *Delta) {
	pairs := match(c.old.Types, c.new.Types,
		func(t *Type) string { return t.Kind + " " + t.Name }, func(t *Type) string { return t.Cond })
	for _, p := range pairs {
		ch := TypeChange{Old: p.old, New: p.new, Code: true}
		if p.old != nil && p.new != nil {
			a, b := cut(c.src, p.old.from, p.old.to), cut(c.newSrc, p.new.from, p.new.to)
			ch.Cond = p.old.Cond != p.new.Cond
			if a == b && !ch.Cond {
				continue
			}
			ch.Code = !sameTokens(a, b)
			ch.Members = members(p.old.Members, p.new.Members)
		}
		d.Types = append(d.Types, ch)
	}
}

// members compares the members of a type.
func members(before, after []Member) []MemberChange {
	var list []MemberChange
	pairs := match(before, after, func(m *Member) string { return m.Outer + "." + m.Name }, func(m *Member) string { return m.Cond })
	place := make(map[*Member]int, len(before))
	for i := range before {
		place[&before[i]] = i
	}
	var order []int // of the members that stay: their old places, in new order
	for _, p := range pairs {
		if p.old != nil && p.new != nil {
			order = append(order, place[p.old])
		}
	}
	stay := map[int]bool{}
	for _, i := range increasing(order) {
		stay[order[i]] = true
	}
	for _, p := range pairs {
		switch {
		case p.old == nil:
			list = append(list, MemberChange{Name: p.new.Name, Change: Added, New: p.new})
		case p.new == nil:
			list = append(list, MemberChange{Name: p.old.Name, Change: Removed, Old: p.old})
		case p.old.Type != p.new.Type || p.old.Bits != p.new.Bits || p.old.Cond != p.new.Cond:
			list = append(list, MemberChange{Name: p.new.Name, Change: Retyped, Old: p.old, New: p.new})
		case !stay[place[p.old]]:
			list = append(list, MemberChange{Name: p.new.Name, Change: Moved, Old: p.old, New: p.new})
		}
	}
	return list
}

func (c *comparison) vars(d *Delta) {
	key := func(v *Var) string {
		if v.Extern {
			return "extern " + v.Name
		}
		return v.Macro + " " + v.Name
	}
	for _, p := range match(c.old.Vars, c.new.Vars, key, func(v *Var) string { return v.Cond }) {
		if ch := varChange(p.old, p.new); ch != (VarChange{Old: p.old, New: p.new}) {
			d.Vars = append(d.Vars, ch)
		}
	}
}

// varChange compares two variables; for one that came or went all is different.
func varChange(before, after *Var) VarChange {
	ch := VarChange{Old: before, New: after}
	if before == nil || after == nil {
		ch.Init, ch.Type, ch.Section, ch.Linkage = true, true, true, true
		return ch
	}
	ch.Init = !sameTokens(before.Init, after.Init)
	ch.Type = before.Type != after.Type || before.Const != after.Const || before.PerCPU != after.PerCPU
	ch.Section = before.Section != after.Section || before.Macro != after.Macro || !slices.Equal(before.Attrs, after.Attrs)
	ch.Linkage = before.Static != after.Static || before.Extern != after.Extern
	ch.Cond = before.Cond != after.Cond
	return ch
}

// rest compares what is small.
func (c *comparison) rest(d *Delta) {
	macroKey := func(m *Macro) string {
		if m.Undef {
			return "undef " + m.Name
		}
		return m.Name
	}
	for _, p := range match(c.old.Macros, c.new.Macros, macroKey, func(m *Macro) string { return m.Cond }) {
		ch := MacroChange{Old: p.old, New: p.new}
		if p.old != nil && p.new != nil {
			ch.Cond = p.old.Cond != p.new.Cond
			if sameTokens(p.old.Body, p.new.Body) && slices.Equal(p.old.Params, p.new.Params) &&
				(p.old.Params == nil) == (p.new.Params == nil) && !ch.Cond {
				continue
			}
		}
		d.Macros = append(d.Macros, ch)
	}
	for _, p := range match(c.old.Protos, c.new.Protos, func(f *Proto) string { return f.Name }, func(f *Proto) string { return f.Cond }) {
		if p.old != nil && p.new != nil && p.old.Result == p.new.Result && p.old.Params == p.new.Params &&
			p.old.Static == p.new.Static && p.old.Cond == p.new.Cond && slices.Equal(p.old.Attrs, p.new.Attrs) {
			continue
		}
		d.Protos = append(d.Protos, ProtoChange{p.old, p.new})
	}
	for _, p := range match(c.old.Calls, c.new.Calls, func(f *Call) string { return f.Name }, (*Call).text) {
		if p.old == nil || p.new == nil || p.old.text() != p.new.text() {
			d.Calls = append(d.Calls, CallChange{p.old, p.new})
		}
	}
	for _, p := range match(c.old.Includes, c.new.Includes, func(i *Include) string { return i.Path }, func(*Include) string { return "" }) {
		if p.old == nil || p.new == nil {
			d.Includes = append(d.Includes, IncludeChange{p.old, p.new})
		}
	}
	differs := func(kinds ...PlaceKind) bool {
		return !sameTokens(c.old.lines(c.src, kinds), c.new.lines(c.newSrc, kinds))
	}
	d.Asm = differs(PlaceAsm)
	d.Directives = differs(PlaceDirective)
	d.Lost = differs(PlaceLost)
}

// text tells invocations of one macro apart.
func (c *Call) text() string {
	text := c.Cond
	for _, a := range c.Args {
		text += "\x00" + a
	}
	return text
}
