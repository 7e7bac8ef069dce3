package objdiff

import "strings"

// includeStandard takes along what every object needs.
func (p *pair) includeStandard() {
	for _, s := range p.new.sections {
		if s.typ == shtStrtab || s.typ == shtSymtab {
			s.include = true
			if s.secsym != nil {
				s.secsym.include = true
			}
		}
	}
	if len(p.new.symbols) > 0 {
		p.new.symbols[0].include = true
	}
}

// take includes a symbol, and what it needs where it is new or changed.
func (p *pair) take(s *symbol) {
	queue := []*symbol{s}
	for len(queue) > 0 {
		s := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		s.include = true
		if s.sec == nil || s.sec.include || s.typ != sttSection && s.status == isSame {
			continue
		}
		s.sec.include = true
		if s.sec.secsym != nil {
			s.sec.secsym.include = true
		}
		if s.sec.rela == nil {
			continue
		}
		s.sec.rela.include = true
		for i := range s.sec.rela.relas {
			queue = append(queue, s.sec.rela.relas[i].sym)
		}
	}
}

// includeChanged takes the changed functions, and counts them.
func (p *pair) includeChanged() (n int) {
	for _, s := range p.new.symbols {
		if s.typ == sttFunc && s.status == isChanged && s.parent == nil {
			n++
			p.take(s)
		}
		if s.typ == sttFile {
			s.include = true
		}
	}
	return n
}

// includeHooks takes the hooks and what they call, and counts their sections.
func (p *pair) includeHooks() (n int) {
	for _, s := range p.new.sections {
		if _, ok := s.hookName(); !ok {
			continue
		}
		s.include = true
		n++
		if s.typ != shtRela {
			if s.secsym != nil {
				s.secsym.include = true
			}
			continue
		}
		if len(s.relas) == 0 {
			continue
		}
		r := &s.relas[0]
		p.hooks = append(p.hooks, r.sym.name)
		p.take(r.sym)
		r.sym.include = false
		if sec := r.sym.sec; sec != nil && sec.secsym != nil {
			sec.sym = nil
			r.sym = sec.secsym
		}
	}
	for _, s := range p.new.symbols {
		if name, ok := strings.CutPrefix(s.name, "livepatch_"); ok {
			if hook, ok := strings.CutSuffix(name, "_data"); ok && hookNames[hook] {
				s.include = false
			}
		}
	}
	return n
}

// includeNewGlobals takes what others may refer to, and counts it.
func (p *pair) includeNewGlobals() (n int) {
	for _, s := range p.new.symbols {
		if s.bind == stbGlobal && s.sec != nil && s.status == isNew {
			p.take(s)
			n++
		}
	}
	return n
}

// includeStrings takes the sections of strings that something taken uses.
func (p *pair) includeStrings() {
	for _, s := range p.new.sections {
		if literalStrings(s.name) && s.referenced() {
			s.include = true
			if s.secsym != nil {
				s.secsym.include = true
			}
		}
	}
}

// literalStrings tells whether a section holds the string literals of a
// function, as gcc names them since version 6, or of a file, as before.
func literalStrings(name string) bool {
	rest, ok := strings.CutPrefix(name, ".rodata.")
	if !ok {
		return false
	}
	if number, ok := strings.CutPrefix(rest, "str1."); ok {
		return number != "" && skipDigits(number) == ""
	}
	_, number, ok := strings.Cut(rest, ".str1.")
	return ok && number != "" && skipDigits(number) == ""
}

// referenced tells whether something taken lies in the section.
func (s *section) referenced() bool {
	if s.rela != nil && s.rela.include {
		return true
	}
	for _, sym := range s.symbols {
		if sym.include {
			return true
		}
	}
	return false
}
