package payload

import "fmt"

// maxMemory is what there is for all payloads: less than a gigabyte behind Xen.
const maxMemory = 512 << 20

// place is move_payload.
func (v *verifier) place() {
	v.m = newImage(v.p, v.h)
	var total uint64
	filled := map[*region]bool{}
	for i := 1; i < len(v.p.Sections); i++ {
		s := &v.p.Sections[i]
		if !s.Loaded() {
			if isRead(s.Name) && (s.Name != xenDependsSection || v.minor < 18) { // which is read in the file then
				v.add("section-not-loaded", where{section: s.Name}, "a section that the loader reads is not loaded")
			}
			continue
		}
		total += min(s.Size, maxMemory) + min(s.Align, maxMemory)
		r := v.m.regionOf(s)
		if r == nil {
			v.add("section-flags", where{section: s.Name}, "a section holds code and can be written")
			continue
		}
		if s.Align == 0 && filled[r] {
			v.add("section-unaligned", where{section: s.Name}, "a section has no alignment")
		}
		filled[r] = filled[r] || s.Size > 0
	}
	if total > maxMemory {
		v.add("memory", where{}, fmt.Sprintf("it takes more than %d MiB of memory", maxMemory>>20))
	}
}

// lookup finds a symbol in the base and in the previous payload, 0 where it is in
// neither.
func (v *verifier) lookup(name string) uint64 {
	if v.h != nil {
		if p, ok := v.h.find(name); ok {
			return p.addr
		}
	}
	for _, p := range v.applied() {
		if addr := p.added[name]; addr != 0 {
			return addr
		}
	}
	return 0
}

// resolve is livepatch_elf_resolve_symbols.
func (v *verifier) resolve() {
	v.m.resolve(v.lookup)
	for i := 1; i < len(v.p.Symbols); i++ {
		s := &v.p.Symbols[i]
		at := where{symbol: s.Name}
		switch {
		case s.Section == shnCommon:
			v.add("common-symbol", at, "a variable has no section", s.Name)
		case s.Section == shnAbs:
		case s.Section >= shnLoReserve, int(s.Section) >= len(v.p.Sections):
			v.add("symbol-section", at, fmt.Sprintf("a symbol is in section %#x of %d", s.Section, len(v.p.Sections)), s.Section)
		case s.Undefined() && v.h != nil:
			v.undefined(s)
		}
	}
}

// undefined is a symbol that the payload wants of the base.
func (v *verifier) undefined(s *Symbol) {
	at := where{symbol: s.Name}
	list := v.h.symbols[s.Name]
	switch {
	case len(list) == 0 && v.lookup(s.Name) == 0:
		v.add("symbol", at, "the base has no such symbol", s.Name)
		return
	case len(list) == 0: // in the previous payload
		return
	case len(list) > 1:
		v.add("symbol-ambiguous", at, fmt.Sprintf("the base has %d symbols of this name", len(list)))
	case s.Size > 0 && list[0].size > 0 && s.Size != list[0].size:
		v.add("symbol-size-differs", at, fmt.Sprintf("where the payload was made, it has %d bytes, in the base %d", s.Size, list[0].size))
	}
	if v.h.isInit(list[0].addr) {
		v.add("init-reference", at, "it lies in memory that is freed after boot")
	}
}

// relocate is livepatch_elf_perform_relocs.
func (v *verifier) relocate() {
	for i := 1; i < len(v.p.Sections); i++ {
		if s := &v.p.Sections[i]; s.Type == shtRela || s.Type == shtRel {
			v.table(i, s)
		}
	}
	v.m.relocate(func(id string, r *Relocation, message string, args ...any) {
		if id == "rela-overflow" && v.h == nil {
			return
		}
		at := where{section: v.p.Sections[r.Section].Name, relocation: fmt.Sprintf("%d at %#x", r.Index, r.Offset)}
		if int(r.Symbol) < len(v.p.Symbols) {
			at.symbol = v.p.Symbols[r.Symbol].Name
		}
		v.add(id, at, message, args...)
	})
}

// table looks at one table of relocations.
func (v *verifier) table(i int, s *Section) {
	at := where{section: s.Name}
	if s.Info == 0 {
		v.add("rela-target", at, "the relocations are for no section: the loader would follow a null pointer")
		return
	}
	if !v.p.relocates(i) {
		return
	}
	size := uint64(relaSize)
	if s.Type == shtRel {
		size = relSize
	}
	switch {
	case int(s.Link) != v.p.symtab:
		v.add("rela-link", at, fmt.Sprintf("the relocations are for the symbols of section %d, expected %d", s.Link, v.p.symtab), s.Name, s.Link, v.p.symtab)
	case s.Size == 0:
	case s.EntrySize < size || s.Size%s.EntrySize != 0:
		v.add("rela-header", at, fmt.Sprintf("the relocations have %d bytes in entries of %d", s.Size, s.EntrySize))
	case s.Type == shtRel:
		v.add("rel", at, "the relocations have no addends")
	}
}

// special is check_special_sections.
func (v *verifier) special() {
	names := []string{dependsSection, xenDependsSection, buildIDSection}
	if v.minor >= 18 {
		names = []string{dependsSection, buildIDSection}
	}
	for _, name := range names {
		switch _, s := v.p.section(name); {
		case s == nil:
			v.add("section-missing", where{section: name}, "a section that must be there is missing", name)
		case s.Size == 0:
			v.add("section-empty", where{section: name}, "a section that must hold something is empty", name)
		}
	}
}

// patching is check_patching_sections.
func (v *verifier) patching() {
	found := false
	for i := -1; i < len(hookKinds); i++ {
		name := funcsSection
		if i >= 0 {
			name = hooksPrefix + hookKinds[i]
		}
		_, s := v.p.section(name)
		found = found || s != nil
		if s != nil && s.Size == 0 {
			v.add("section-empty", where{section: name}, "a section that must hold something is empty", name)
		}
	}
	if !found {
		v.add("nothing", where{}, "it replaces no function and has no hook")
	}
}

// sized is section_ok: the size of a section must be a multiple of that of its
// entries.
func (v *verifier) sized(s *Section, size uint64) bool {
	if s.Size%size == 0 {
		return true
	}
	v.add("section-size", where{section: s.Name}, fmt.Sprintf("it has %d bytes, expected a multiple of %d", s.Size, size), s.Size, s.Name, size)
	return false
}
