package objdiff

import "strings"

// A pair is two versions of one object under comparison. What the differ does
// it does in the order of the methods here; each may refuse.
type pair struct {
	old, new        *object
	sizes           Sizes
	altDiffer       bool // alternatives outside of init code are not as before
	warnings, hooks []string
}

// findChildren joins each cold part to the function it was split from.
func (o *object) findChildren() {
	funcs := map[string]*symbol{}
	for _, s := range o.symbols {
		if s.typ == sttFunc && funcs[s.name] == nil {
			funcs[s.name] = s
		}
	}
	for _, s := range o.symbols {
		if s.typ != sttFunc {
			continue
		}
		if i := strings.Index(s.name, ".cold"); i > 0 {
			if parent := funcs[s.name[:i]]; parent != nil {
				s.parent, parent.child = parent, s
			}
		}
	}
}

// markGroups marks the members of section groups.
func (o *object) markGroups() error {
	for _, g := range o.sections {
		if g.typ != shtGroup || len(g.data) < 4 {
			continue
		}
		for data := g.data[4:]; len(data) >= 4; data = data[4:] {
			s := o.section(int(le.Uint32(data)))
			if s == nil {
				return refuse(1, "group section not found")
			}
			s.grouped = true
		}
	}
	return nil
}

// nameTargets replaces what relocations say by section and offset, where that
// is a function or a variable, with its symbol.
func (o *object) nameTargets() error {
	for _, s := range o.sections {
		if s.typ != shtRela || s.debug() {
			continue
		}
		for i := range s.relas {
			r := &s.relas[i]
			if r.sym.typ != sttSection || r.sym.sec == nil {
				continue
			}
			if err := o.nameTarget(s.base, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *object) nameTarget(from *section, r *rela) error {
	target := r.sym.sec
	if target.sym != nil {
		r.sym = target.sym
		return nil
	}
	at := r.addend
	switch r.typ {
	case relPC32, relPLT32:
		if len(target.symbols) > 0 {
			at += from.toEnd(r.off)
		}
	case relX8664, rel32S:
	default:
		return nil
	}
	if err := o.spend(len(target.symbols)); err != nil {
		return err
	}
	for _, s := range target.symbols {
		start, end := int64(s.value), int64(s.value+s.size)
		// The address just behind a variable at the end of its section is
		// a bound of a loop over it.
		behind := r.typ != relX8664 && !target.text() && at == int64(target.size) && end == at
		if behind || start <= at && at < end {
			r.sym = s
			r.addend -= start
			return nil
		}
	}
	return nil
}

// sameMangled compares names without the numbers that the compiler adds after
// a full stop.
func sameMangled(a, b string) bool {
	for {
		i := 0
		for i < len(a) && i < len(b) && a[i] == b[i] && !(a[i] == '.' && i+1 < len(a) && digit(a[i+1])) {
			i++
		}
		a, b = a[i:], b[i:]
		if a == "" || b == "" {
			return a == b
		}
		if a[0] != b[0] || len(b) < 2 || !digit(b[1]) {
			return false
		}
		a, b = skipDigits(a[1:]), skipDigits(b[1:])
	}
}

// demangled is a name with every number after a full stop taken out: equal for
// two names exactly if sameMangled.
func demangled(name string) string {
	if !strings.Contains(name, ".") {
		return name
	}
	b := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		b = append(b, name[i])
		if name[i] == '.' {
			for i+1 < len(name) && digit(name[i+1]) {
				i++
			}
		}
	}
	return string(b)
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func skipDigits(s string) string { return strings.TrimLeft(s, "0123456789") }

// renameClones gives clones of the new object (foo.isra.1) the names that they
// have in the old one: the number is arbitrary. A clone whose name the old
// object has too keeps it.
func (p *pair) renameClones() {
	free := map[string][]*symbol{} // clones of the old object that the new one has not, by plain name
	known := func(o *object) map[string]bool {
		m := map[string]bool{}
		for _, s := range o.symbols {
			if s.typ == sttFunc {
				m[s.name] = true
			}
		}
		return m
	}
	inOld, inNew := known(p.old), known(p.new)
	for _, s := range p.old.symbols {
		if s.typ == sttFunc && s.clone() && !inNew[s.name] {
			plain := demangled(s.name)
			free[plain] = append(free[plain], s)
		}
	}
	for _, s := range p.new.symbols {
		if s.typ != sttFunc || !s.clone() || inOld[s.name] {
			continue
		}
		plain := demangled(s.name)
		if list := free[plain]; len(list) > 0 {
			free[plain] = list[1:]
			p.rename(s, list[0])
		}
	}
}

func (s *symbol) clone() bool {
	return strings.Contains(s.name, ".isra.") || strings.Contains(s.name, ".constprop.") || strings.Contains(s.name, ".part.")
}

// rename gives a function and the sections made for it the names of its twin.
func (p *pair) rename(s, old *symbol) {
	was := s.name
	s.name = old.name
	if s.sec == nil || s.sec.sym != s || old.sec == nil {
		return
	}
	p.renameSection(s.sec, old.sec)
	if table, twin := p.new.first[".rodata."+was], p.old.first[".rodata."+old.name]; table != nil && twin != nil {
		p.renameSection(table, twin)
	}
}

func (p *pair) renameSection(s, old *section) {
	s.name = old.name
	if s.secsym != nil {
		s.secsym.name = s.name
	}
	if s.rela != nil && old.rela != nil {
		s.rela.name = old.rela.name
	}
}

// specialStatics are prefixes of local variables that no two objects share:
// they come along with whatever refers to them.
var specialStatics = []string{"__key.", "__warned.", "descriptor.", "__func__.", "_rs."}

func (s *symbol) special() bool {
	if s == nil {
		return false
	}
	if s.typ == sttSection {
		if s.name == "__verbose" {
			return true
		}
		if s.sec == nil || s.sec.sym == nil {
			return false
		}
		s = s.sec.sym
	}
	if s.typ != sttObject || s.bind != stbLocal {
		return false
	}
	for _, prefix := range specialStatics {
		if strings.HasPrefix(s.name, prefix) {
			return true
		}
	}
	return false
}

// constantLabel tells whether a symbol is the compiler's label of a literal.
func (s *symbol) constantLabel() bool {
	return s.bind == stbLocal && len(s.name) > 3 && strings.HasPrefix(s.name, ".LC") && skipDigits(s.name[3:]) == ""
}

// correlate finds the twins of sections and symbols by their names.
func (p *pair) correlate() {
	type key struct {
		name string
		typ  byte
	}
	sections := make(map[string][]*section, len(p.new.sections))
	for _, s := range p.new.sections {
		sections[s.name] = append(sections[s.name], s)
	}
	for _, a := range p.old.sections {
		sym := a.secsym
		if a.base != nil {
			sym = a.base.secsym
		}
		if sym.special() {
			continue
		}
		for _, b := range sections[a.name] {
			if a.typ == shtGroup && string(a.data) != string(b.data) {
				continue
			}
			a.twin, b.twin = b, a
			a.status, b.status = isSame, isSame
			break
		}
	}
	symbols := make(map[key]*symbol, len(p.new.symbols))
	for _, s := range p.new.symbols {
		if k := (key{s.name, s.typ}); symbols[k] == nil {
			symbols[k] = s
		}
	}
	for _, a := range p.old.symbols {
		b := symbols[key{a.name, a.typ}]
		if b == nil || a.special() || a.constantLabel() || a.sec != nil && a.sec.typ == shtGroup && a.sec.twin != b.sec {
			continue
		}
		a.join(b)
	}
}

func (s *symbol) join(twin *symbol) {
	s.twin, twin.twin = twin, s
	s.status, twin.status = isSame, isSame
}
