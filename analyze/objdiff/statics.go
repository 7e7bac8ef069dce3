package objdiff

import "strings"

// staticLocal tells whether a symbol may be a variable of one function, which
// the compiler gave a number.
func (s *symbol) staticLocal() bool {
	return s.typ == sttObject && s.bind == stbLocal && strings.Contains(s.name, ".") && !s.special()
}

// uses lists, for the symbols that want says, the sections that refer to them:
// each section once, in file order.
func (o *object) uses(want func(*symbol) bool) map[*symbol][]*section {
	m := map[*symbol][]*section{}
	for _, s := range o.sections {
		if s.typ != shtRela || s.debug() {
			continue
		}
		for i := range s.relas {
			sym := s.relas[i].sym
			if !want(sym) {
				continue
			}
			if list := m[sym]; len(list) == 0 || list[len(list)-1] != s {
				m[sym] = append(list, s)
			}
		}
	}
	return m
}

// correlateStatics finds the twins of variables local to a function, whose
// numbers mean nothing: by the functions that refer to them, in the order in
// which they do.
func (p *pair) correlateStatics() error {
	uses := p.old.uses((*symbol).staticLocal)
	for _, s := range p.old.symbols {
		if !s.staticLocal() {
			continue
		}
		bundled := s.sec != nil && s.sec.sym == s
		// Two may bear the same number by chance.
		if s.twin != nil {
			s.twin.twin, s.twin = nil, nil
		}
		if bundled && s.sec.twin != nil {
			s.sec.twin.twin, s.sec.twin = nil, nil
		}
		twin, err := p.twinOf(s, bundled, uses[s])
		if err != nil {
			return err
		}
		if twin == nil {
			continue // nothing refers to it: two of equal content may share one section
		}
		if err := s.follow(twin, bundled); err != nil {
			return err
		}
	}
	p.warnOfNewStatics()
	return nil
}

// twinOf finds the twin of a static local in what the twins of its users use.
func (p *pair) twinOf(s *symbol, bundled bool, users []*section) (*symbol, error) {
	var twin *symbol
	for _, user := range users {
		if bundled && s.sec == user.base {
			continue // a variable that refers to itself tells nothing
		}
		found, err := p.staticIn(user.twin, s)
		if err != nil {
			return nil, err
		}
		if found == nil {
			return nil, refuse(2, "reference to static local variable %s in %s was removed", s.name, user.owner())
		}
		if twin != nil && twin != found {
			return nil, refuse(2, "found two twins for static local variable %s: %s and %s", s.name, twin.name, found.name)
		}
		twin = found
	}
	return twin, nil
}

func (p *pair) staticIn(user *section, s *symbol) (*symbol, error) {
	if user == nil {
		return nil, nil
	}
	if err := p.old.spend(len(user.relas)); err != nil {
		return nil, err
	}
	for i := range user.relas {
		if t := user.relas[i].sym; t.twin == nil && sameMangled(t.name, s.name) {
			return t, nil
		}
	}
	return nil, nil
}

// follow joins a static local to its twin, and their sections where each has
// one of its own.
func (s *symbol) follow(twin *symbol, bundled bool) error {
	if bundled != (twin.sec != nil && twin.sec.sym == twin) {
		return refuse(1, "bundle mismatch for symbol %s", s.name)
	}
	if s.sec == nil || twin.sec == nil || !bundled && s.sec.twin != twin.sec {
		return refuse(1, "sections %s and %s aren't correlated", s.sec.label(), twin.sec.label())
	}
	twin.name = s.name
	s.join(twin)
	if bundled {
		s.sec.twin, twin.sec.twin = twin.sec, s.sec
		if s.sec.rela != nil && twin.sec.rela != nil {
			s.sec.rela.twin, twin.sec.rela.twin = twin.sec.rela, s.sec.rela
		}
	}
	return nil
}

func (s *section) label() string {
	if s == nil {
		return ""
	}
	return s.name
}

// owner names what a section of relocations belongs to.
func (s *section) owner() string {
	if s.base != nil {
		s = s.base
	}
	if s.sym != nil {
		return s.sym.name
	}
	return s.name
}

// warnOfNewStatics says which static local is taken for new; the differ names
// the first only.
func (p *pair) warnOfNewStatics() {
	fresh := func(s *symbol) bool { return s.staticLocal() && s.twin == nil }
	uses := p.new.uses(fresh)
	for _, s := range p.new.symbols {
		if fresh(s) && len(uses[s]) > 0 {
			p.warn("unable to correlate static local variable %s used by %s, assuming variable is new", s.name, uses[s][0].owner())
			return
		}
	}
}
