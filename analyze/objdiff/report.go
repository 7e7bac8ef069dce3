package objdiff

import (
	"cmp"
	"slices"
	"strings"
)

// report fills in what the differ does not say.
func (p *pair) report(d *Diff, differ []difference) {
	d.Warnings = append(d.Warnings, p.warnings...)
	d.Hooks = sorted(p.hooks)
	if d.Verdict == Refused && len(differ) == 0 && !p.altDiffer {
		// The differ stumbles over an object in which nothing changed; the
		// exit code stays.
		for _, s := range d.Refusals {
			d.Warnings = append(d.Warnings, "refused although nothing in it changed: "+s)
		}
		d.Verdict = Same
		d.Refusals = nil
	}
	d.Data = p.data(differ, d.Verdict == Changed)
	d.Gone = p.gone()
	if d.Verdict == Refused && len(d.Functions) == 0 {
		d.Differing = differing(differ)
	}
	d.Ignored = p.ignored(d, differ)
	if d.Verdict == Changed {
		d.References = p.references()
	}
	listed := map[string]bool{}
	for _, name := range d.Functions {
		listed[name] = true
	}
	for _, s := range p.new.symbols {
		if listed[s.name] && s.typ == sttFunc && s.twin != nil && p.onlyLines(s) {
			d.LineOnly = append(d.LineOnly, s.name)
		}
	}
	d.Functions, d.NewFunctions, d.LineOnly = sorted(d.Functions), sorted(d.NewFunctions), sorted(d.LineOnly)
}

// differing names the functions with code that is not as before, for an object
// that the differ refuses before it lists what changed.
func differing(differ []difference) []string {
	var list []string
	for _, x := range differ {
		if x.new == nil || !x.new.text() || strings.HasPrefix(x.new.name, ".init") {
			continue
		}
		for _, s := range x.new.symbols {
			if s.typ == sttFunc && !s.cold() {
				list = append(list, s.name)
			}
		}
	}
	return sorted(list)
}

// gone names the functions that the new object no longer has.
func (p *pair) gone() []string {
	have := map[string]bool{}
	for _, s := range p.new.symbols {
		if s.typ == sttFunc {
			have[demangled(s.name)] = true
		}
	}
	var list []string
	for _, s := range p.old.symbols {
		if s.typ == sttFunc && s.sec != nil && s.parent == nil && !s.cold() && !have[demangled(s.name)] {
			list = append(list, s.name)
		}
	}
	return sorted(list)
}

// ignored finds what differs without being included or complained about.
func (p *pair) ignored(d *Diff, differ []difference) *Ignored {
	var g Ignored
	for _, x := range differ {
		s := cmp.Or(x.new, x.old)
		switch {
		case s.name == ".altinstr_replacement":
		case strings.HasPrefix(s.name, ".init"):
			g.Init = append(g.Init, s.name)
		case d.Verdict == Refused || x.new != nil && (x.new.include || x.new.ignore):
		case s.text():
			if x.new != nil || !x.old.function() {
				g.Text = append(g.Text, s.name)
			}
		case x.new != nil && (x.old != nil || d.Verdict == Same):
			g.Data = append(g.Data, s.name)
		}
	}
	if d.Verdict == Same && p.altDiffer {
		g.Alternatives = []string{".altinstr_replacement", ".altinstructions"}
	}
	if len(g.Init) > 0 {
		g.Functions = p.initFunctions()
	}
	if len(g.Init)+len(g.Text)+len(g.Alternatives)+len(g.Data) == 0 {
		return nil
	}
	g.Init, g.Text, g.Data = sorted(g.Init), sorted(g.Text), sorted(g.Data)
	return &g
}

// function tells whether a section of code belongs to a function: when that is
// gone, nobody calls it any more.
func (s *section) function() bool {
	return slices.ContainsFunc(s.symbols, func(sym *symbol) bool { return sym.typ == sttFunc })
}

// data lists the variables that are not as before.
func (p *pair) data(differ []difference, taken bool) []Data {
	touched := map[*section]bool{}
	for _, x := range differ {
		touched[x.old], touched[x.new] = true, true
	}
	variable := func(s *symbol) bool {
		return s.typ == sttObject && s.sec != nil && s.sec.flags&shfAlloc != 0 && !s.special() && s.size > 0 &&
			!strings.HasPrefix(s.sec.name, ".livepatch.")
	}
	old := map[string][]*symbol{} // by plain name, in file order
	for _, s := range p.old.symbols {
		if variable(s) {
			old[demangled(s.name)] = append(old[demangled(s.name)], s)
		}
	}
	var list []Data
	var fresh []*symbol
	for _, s := range p.new.symbols {
		if !variable(s) {
			continue
		}
		plain := demangled(s.name)
		twins := old[plain]
		i := slices.IndexFunc(twins, func(t *symbol) bool { return t.name == s.name || t.twin == s })
		if i < 0 {
			fresh = append(fresh, s)
			continue
		}
		old[plain] = slices.Delete(slices.Clone(twins), i, i+1)
		list = append(list, compareData(twins[i], s, touched)...)
	}
	for _, s := range fresh {
		plain := demangled(s.name)
		if twins := old[plain]; len(twins) > 0 && s.bind == stbLocal {
			old[plain] = twins[1:]
			list = append(list, compareData(twins[0], s, touched)...)
			continue
		}
		list = append(list, Data{Symbol: s.name, Section: s.sec.name, Kind: "new", Size: s.size, Included: taken && s.sec.include && s.status == isNew})
	}
	for _, twins := range old {
		for _, t := range twins {
			list = append(list, Data{Symbol: t.name, Section: t.sec.name, Kind: "removed", Size: t.size})
		}
	}
	slices.SortFunc(list, func(a, b Data) int {
		return cmp.Or(cmp.Compare(a.Symbol, b.Symbol), cmp.Compare(a.Section, b.Section), cmp.Compare(a.Kind, b.Kind))
	})
	return list
}

func compareData(t, s *symbol, touched map[*section]bool) []Data {
	d := Data{Symbol: s.name, Section: s.sec.name, Size: s.size}
	switch {
	case t.size != s.size || !sameMangled(t.sec.name, s.sec.name):
		d.Kind = "resized"
	case (touched[t.sec] || touched[s.sec]) && !alike(t.sec, s.sec, t.value, t.value+t.size, s.value, s.value+s.size):
		d.Kind = "changed"
	default:
		return nil
	}
	return []Data{d}
}

// references names what a payload needs from the hypervisor: local symbols as
// file#name.
func (p *pair) references() []string {
	file := ""
	var list []string
	for _, s := range p.new.symbols {
		if s.typ == sttFile && file == "" {
			file = s.name
		}
		if !s.include || s.name == "" || s.typ == sttSection || s.typ == sttFile || s.constantLabel() || s.sec != nil && s.sec.include {
			continue
		}
		name := s.name
		if s.bind == stbLocal {
			name = file + "#" + name
		}
		list = append(list, name)
	}
	return sorted(list)
}
