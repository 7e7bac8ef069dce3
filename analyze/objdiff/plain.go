package objdiff

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// A difference is one section that is not as before, found without regard to
// what create-diff-object makes of it. One of the two is nil where the other has
// no counterpart.
type difference struct{ old, new *section }

// plain compares what is loaded, section by section of the same name. It must
// run before names are changed and relocations dropped.
func (p *pair) plain() []difference {
	var list []difference
	for _, s := range p.new.sections {
		if !s.loaded() {
			continue
		}
		t := p.old.first[s.name]
		if s != p.new.first[s.name] {
			continue
		}
		if t == nil || !t.loaded() {
			list = append(list, difference{nil, s})
		} else if !alike(t, s, 0, t.size, 0, s.size) {
			list = append(list, difference{t, s})
		}
	}
	for _, t := range p.old.sections {
		if t.loaded() && p.new.first[t.name] == nil {
			list = append(list, difference{t, nil})
		}
	}
	return list
}

// loaded tells whether a section becomes part of the hypervisor as it is: code
// or data, but neither strings, which count where they are used, nor tables
// that only say where code is.
func (s *section) loaded() bool {
	if s.flags&shfAlloc == 0 || s.typ != shtProgbits && s.typ != shtNobits || s.flags&shfStrings != 0 {
		return false
	}
	switch s.name {
	case ".discard", ".fixup", ".ex_table", ".altinstructions":
		return false
	}
	return !strings.HasPrefix(s.name, ".bug_frames.") && !strings.HasPrefix(s.name, ".livepatch.") &&
		!strings.HasPrefix(s.name, ".rodata.__func__.")
}

// alike compares a part of an old section with a part of a new one, by content
// and by what relocations refer to.
func alike(a, b *section, aFrom, aTo, bFrom, bTo uint64) bool {
	if aTo-aFrom != bTo-bFrom || a.typ != b.typ {
		return false
	}
	if a.typ != shtNobits && !bytes.Equal(a.part(aFrom, aTo), b.part(bFrom, bTo)) {
		return false
	}
	x, y := relasIn(a, aFrom, aTo), relasIn(b, bFrom, bTo)
	return slices.EqualFunc(x, y, func(r, t rela) bool {
		return r.typ == t.typ && r.off-aFrom == t.off-bFrom && sameTarget(&r, &t)
	})
}

func (s *section) part(from, to uint64) []byte {
	n := uint64(len(s.data))
	return s.data[min(from, n):min(max(from, to), n)]
}

// relasIn are the relocations of a part of a section.
func relasIn(s *section, from, to uint64) []rela {
	all := s.relasOf()
	at := func(off uint64) int {
		i, _ := slices.BinarySearchFunc(all, off, func(r rela, off uint64) int { return cmp.Compare(r.off, off) })
		return i
	}
	return all[at(from):max(at(from), at(to))]
}

// sameTarget tells whether two relocations refer to the same thing: numbers
// that the compiler gives to local names mean nothing, contents of literals do.
func sameTarget(r, t *rela) bool {
	if r.inString || t.inString {
		return r.inString && t.inString && r.str == t.str
	}
	if r.addend != t.addend {
		return false
	}
	if r.sym.constantLabel() && t.sym.constantLabel() {
		return bytes.Equal(r.sym.literal(), t.sym.literal())
	}
	if r.sym.bind == stbLocal && t.sym.bind == stbLocal {
		return sameMangled(r.sym.name, t.sym.name)
	}
	return r.sym.name == t.sym.name
}

// literal is the content of a literal by its label; literals of one section all
// have the same size.
func (s *symbol) literal() []byte {
	if s.sec == nil {
		return nil
	}
	return s.sec.part(s.value, s.value+max(s.sec.entsize, 1))
}

// initFunctions names the functions in init sections that are not as before.
func (p *pair) initFunctions() []string {
	var list []string
	old := map[string]*symbol{}
	for _, s := range p.old.symbols {
		if s.typ == sttFunc && s.sec != nil && s.sec.init() {
			old[demangled(s.name)] = s
		}
	}
	for _, s := range p.new.symbols {
		if s.typ != sttFunc || s.sec == nil || !s.sec.init() {
			continue
		}
		name := demangled(s.name)
		t := old[name]
		delete(old, name)
		if t != nil && !p.sameCode(t, s) {
			list = append(list, s.name)
		}
	}
	for _, t := range old {
		list = append(list, t.name)
	}
	return sorted(list)
}

// sameCode compares functions that share their section with others. Calls
// within the section have no relocation: their distance changes when any
// function between grows, so that they are compared by where they lead.
func (p *pair) sameCode(t, s *symbol) bool {
	if alike(t.sec, s.sec, t.value, t.value+t.size, s.value, s.value+s.size) {
		return true
	}
	if t.size != s.size {
		return false
	}
	a, b := t.resolved(p.old), s.resolved(p.new)
	if len(a.code) != len(b.code) || !bytes.Equal(a.code, b.code) || !slices.Equal(a.calls, b.calls) {
		return false
	}
	x, y := relasIn(t.sec, t.value, t.value+t.size), relasIn(s.sec, s.value, s.value+s.size)
	return slices.EqualFunc(x, y, func(r, q rela) bool {
		return r.typ == q.typ && r.off-t.value == q.off-s.value && sameTarget(&r, &q)
	})
}

// resolvedCode is the code of a function with the distances of calls to others
// in its section blanked out, and the names of these others instead.
type resolvedCode struct {
	code  []byte
	calls []string
}

func (s *symbol) resolved(o *object) resolvedCode {
	starts := o.starts(s.sec)
	c := resolvedCode{code: slices.Clone(s.sec.part(s.value, s.value+s.size))}
	patched := map[uint64]bool{}
	for _, r := range relasIn(s.sec, s.value, s.value+s.size) {
		patched[r.off-s.value] = true
	}
	for at := 0; at < len(c.code); {
		in := decode(c.code[at:])
		near := in.immSize == 4 && (!in.long && (in.opcode == 0xe8 || in.opcode == 0xe9) || in.long && in.opcode&0xf0 == 0x80)
		field := at + in.imm
		at += in.length
		if !near || patched[uint64(field)] {
			continue
		}
		to := s.value + uint64(at) + uint64(int64(int32(le.Uint32(c.code[field:]))))
		if f := starts[to]; f != nil {
			c.calls = append(c.calls, demangled(f.name))
			copy(c.code[field:field+4], "\x00\x00\x00\x00")
		}
	}
	return c
}

// starts are the functions of a section by where they begin.
func (o *object) starts(s *section) map[uint64]*symbol {
	if m := o.begin[s]; m != nil {
		return m
	}
	m := map[uint64]*symbol{}
	for _, f := range s.symbols {
		if f.typ == sttFunc && m[f.value] == nil {
			m[f.value] = f
		}
	}
	if o.begin == nil {
		o.begin = map[*section]map[uint64]*symbol{}
	}
	o.begin[s] = m
	return m
}

// alternatives tells whether the alternatives of code outside of init sections
// are not as before: what is replaced, when, and by what.
func (p *pair) alternatives() bool {
	same := true
	for _, name := range []string{".altinstructions", ".altinstr_replacement"} {
		s, t := p.new.first[name], p.old.first[name]
		same = same && (s == nil) == (t == nil) && (s == nil || alike(t, s, 0, t.size, 0, s.size))
	}
	return !same && !slices.Equal(p.old.alternatives(p.sizes.Alt), p.new.alternatives(p.sizes.Alt))
}

// alternatives describes each entry by where it applies, what it depends on
// and which bytes it puts in place.
func (o *object) alternatives(size int) []string {
	s, repl := o.first[".altinstructions"], o.first[".altinstr_replacement"]
	if s == nil || size < 12 {
		return nil
	}
	at := map[uint64]*rela{}
	for i := range s.relasOf() {
		at[s.rela.relas[i].off] = &s.rela.relas[i]
	}
	var list []string
	for off := 0; off+size <= len(s.data); off += size {
		from, to := at[uint64(off)], at[uint64(off)+4]
		if from == nil || from.sym.sec == nil || from.sym.sec.init() {
			continue
		}
		entry := s.data[off+8 : off+size]
		text := ""
		if to != nil && repl != nil && to.sym.sec == repl {
			begin := to.sym.value + uint64(to.addend)
			end := begin + uint64(entry[3])
			text = sprintf("%x", repl.part(begin, end))
			for _, r := range relasIn(repl, begin, end) {
				text += sprintf(" %d %d %s%s+%d", r.off-begin, r.typ, r.str, demangled(r.sym.name), r.addend)
			}
		}
		list = append(list, sprintf("%s %x %s", from.sym.sec.name, entry, text))
	}
	return list
}
