package objdiff

import (
	"bytes"
	"strings"
)

// compareSections gives every section of the new object its status, and those
// of the symbols that a section was made for.
func (p *pair) compareSections() error {
	for _, s := range p.new.sections {
		if s.twin == nil {
			s.status = isNew
			continue
		}
		if err := s.compare(); err != nil {
			return err
		}
	}
	for _, s := range p.new.sections {
		sym := s.sym
		if s.typ == shtRela {
			sym = s.base.sym
		}
		if sym == nil {
			continue
		}
		if sym.status != isChanged {
			sym.status = s.status
		}
	}
	for _, s := range p.new.symbols {
		if s.child != nil && s.status == isSame && s.child.status == isChanged {
			s.status = isChanged
		}
	}
	return nil
}

func (s *section) compare() error {
	t := s.twin
	if s.typ != t.typ || s.flags != t.flags || s.addr != t.addr || s.entsize != t.entsize {
		return refuse(2, "%s section header details differ", s.name)
	}
	same := s.size == t.size
	switch {
	case !same:
	case s.typ == shtRela && s.debug():
		same = bytes.Equal(s.raw, t.raw)
	case s.typ == shtRela:
		for i := range s.relas {
			if !s.relas[i].equal(&t.relas[i]) {
				same = false
				break
			}
		}
	default:
		same = bytes.Equal(s.data, t.data)
	}
	s.status = isChanged
	if same {
		s.status = isSame
	}
	return nil
}

func (r *rela) equal(t *rela) bool {
	switch {
	case r.typ != t.typ || r.off != t.off:
		return false
	case r.inString:
		return t.inString && r.str == t.str
	case r.addend != t.addend:
		return false
	case r.sym.constantLabel() && t.sym.constantLabel():
		return true
	case r.sym.special():
		return sameMangled(r.sym.name, t.sym.name)
	}
	return r.sym.name == t.sym.name
}

// compareSymbols gives every symbol of the new object its status.
func (p *pair) compareSymbols() error {
	for _, s := range p.new.symbols {
		if s.twin == nil {
			s.status = isNew
			continue
		}
		if err := s.compare(); err != nil {
			return err
		}
	}
	return nil
}

func (s *symbol) compare() error {
	t := s.twin
	if s.info != t.info || s.other != t.other || (s.sec == nil) != (t.sec == nil) {
		return refuse(2, "symbol info mismatch: %s", s.name)
	}
	if s.sec != nil && s.sec.twin != t.sec {
		// A symbol may only leave a section that is left out.
		if t.sec.twin == nil || !t.sec.twin.ignore {
			return refuse(2, "symbol changed sections: %s, %s, %s, %s", s.name, t.name, s.sec.name, t.sec.name)
		}
		s.status = isChanged
	}
	if s.typ == sttObject && s.size != t.size {
		return refuse(2, "object size mismatch: %s", s.name)
	}
	if s.shndx == shnUndef || s.shndx == shnAbs {
		s.status = isSame
	}
	return nil
}

// ignoreSections leaves out what the differ always leaves out, and what the
// patch's author told it to.
func (p *pair) ignoreSections() error {
	for _, s := range p.new.sections {
		if s.init() {
			s.ignore = true
		}
	}
	if s := p.new.first[".discard"]; s != nil {
		s.leaveOut()
	}
	list := p.new.first[".livepatch.ignore.sections"]
	if list == nil || list.rela == nil {
		return nil
	}
	for i := range list.rela.relas {
		r := &list.rela.relas[i]
		if r.sym.sec == nil {
			return refuse(1, "KPATCH_IGNORE_SECTION: can't find %s", r.sym.name)
		}
		// The name itself changed a section of strings.
		r.sym.sec.status, r.sym.sec.include = isChanged, true
		s := p.new.first[r.str]
		if s == nil {
			return refuse(1, "KPATCH_IGNORE_SECTION: can't find %s", r.str)
		}
		p.warn("ignoring section: %s", r.str)
		if s.base != nil {
			s = s.base
		}
		s.leaveOut()
	}
	return nil
}

func (s *section) leaveOut() {
	s.ignore = true
	if s.twin != nil {
		s.twin.ignore = true
	}
}

// markSame takes back the status of what is left out, of functions that the
// patch's author told the differ to leave, and of labels of literals.
func (p *pair) markSame() error {
	if list := p.new.first[".livepatch.ignore.functions"]; list != nil && list.rela != nil {
		for i := range list.rela.relas {
			s := list.rela.relas[i].sym
			if s.sec == nil {
				return refuse(1, "expected bundled symbol")
			}
			if s.typ != sttFunc {
				return refuse(1, "expected function symbol")
			}
			p.warn("ignoring function: %s", s.name)
			if s.status != isChanged {
				p.warn("no change detected in function %s, unnecessary KPATCH_IGNORE_FUNCTION()?", s.name)
			}
			s.status = isSame
			s.sec.ignore = true
			s.sec.same()
		}
	}
	for _, s := range p.new.sections {
		if s.ignore && s.typ != shtRela {
			s.same()
			for _, sym := range s.symbols {
				sym.status = isSame
			}
		}
	}
	for _, s := range p.new.symbols {
		if s.constantLabel() {
			s.status = isSame
		}
	}
	return nil
}

func (s *section) same() {
	s.status = isSame
	if s.secsym != nil {
		s.secsym.status = isSame
	}
	if s.rela != nil {
		s.rela.status = isSame
	}
}

// compareHeaders compares what the files say of themselves.
func (p *pair) compareHeaders() error {
	a, b := p.old.header, p.new.header
	// Identification, type, machine, version, entry and program headers;
	// flags and sizes of entries.
	if !bytes.Equal(a[:40], b[:40]) || !bytes.Equal(a[48:56], b[48:56]) || !bytes.Equal(a[58:60], b[58:60]) {
		return refuse(2, "ELF headers differ")
	}
	if le.Uint16(a[56:]) != 0 || le.Uint16(b[56:]) != 0 {
		return refuse(2, "ELF contains program header")
	}
	return nil
}

// hookName tells which hook a section holds: "load" for .livepatch.hooks.load.
func (s *section) hookName() (string, bool) {
	name := s.name
	if s.typ == shtRela {
		name = strings.TrimPrefix(name, ".rela")
	}
	hook, ok := strings.CutPrefix(name, hooksPrefix)
	return hook, ok && hookNames[hook]
}

const hooksPrefix = ".livepatch.hooks."

var hookNames = map[string]bool{
	"load": true, "unload": true,
	"preapply": true, "apply": true, "postapply": true,
	"prerevert": true, "revert": true, "postrevert": true,
}
