package lpbt

import (
	"cmp"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Difference is something that one payload holds and the other does not.
type Difference struct {
	In   string // "first" or "second"
	What string
}

func (d Difference) String() string { return "only in the " + d.In + ": " + d.What }

// Compare compares two payloads by what they hold: the sections that are loaded,
// piece by piece, with the relocations in them, and all symbols. An empty list
// means the same content.
//
// The linker puts sections of one name behind each other in the order in which the
// objects came, so sections are cut into pieces where symbols begin, where
// relocations lead to, at the entries of tables and at the ends of strings, and
// pieces count wherever they are. What a relocation leads to is told by the name and
// the content of the piece. The differ gives __func__ a number by chance, seeded with
// the time, which is left out, too. The build-id of the payload itself is left out, because
// it is a digest of all, as are sections that are not loaded: debugging information
// holds the path of the build.
func Compare(first, second []byte) ([]Difference, error) {
	a, err := contents(first)
	if err != nil {
		return nil, fmt.Errorf("first payload: %w", err)
	}
	b, err := contents(second)
	if err != nil {
		return nil, fmt.Errorf("second payload: %w", err)
	}
	var list []Difference
	for _, what := range slices.Sorted(maps.Keys(a)) {
		for range a[what] - b[what] {
			list = append(list, Difference{"first", what})
		}
	}
	for _, what := range slices.Sorted(maps.Keys(b)) {
		for range b[what] - a[what] {
			list = append(list, Difference{"second", what})
		}
	}
	return list, nil
}

var numbered = regexp.MustCompile(`#__func__\.\d+$`)

// steady is a symbol's name without what chance put into it.
func steady(name string) string { return numbered.ReplaceAllString(name, "#__func__") }

// entrySizes are those of tables whose entries stand for themselves. Sections whose
// entries' size depends on the version are cut by what relocations lead to.
var entrySizes = map[string]uint64{
	".livepatch.funcs": 104, ".ex_table": 8, ".bug_frames.0": 8, ".bug_frames.1": 8, ".bug_frames.2": 8, ".bug_frames.3": 8,
}

// alternatives have entries of 12 bytes until Xen 4.13, of 14 since (struct alt_instr,
// asm-x86/alternative.h).
const (
	alternatives      = ".altinstructions"
	replacements      = ".altinstr_replacement"
	replacement       = 4  // in an entry: where the replacement is
	replacementLength = 11 // and its length
)

// entrySize is that of a table's entries, 0 where the section is none.
func (f *object) entrySize(section int) uint64 {
	step, size := entrySizes[f.Sections[section].Name], uint64(len(f.bytes[section]))
	if f.Sections[section].Name == alternatives {
		step = 12
		if size%14 == 0 {
			step = 14
		}
	}
	if step == 0 || size%step != 0 {
		return 0
	}
	return step
}

// replaces gives the length of what an alternative's relocation leads to. Where it is
// 0, what lies there is another's.
func (f *object) replaces(section int, r *relocation) (length uint64, ok bool) {
	step := f.entrySize(section)
	if f.Sections[section].Name != alternatives || step == 0 || r.offset%step != replacement {
		return 0, false
	}
	at := r.offset - replacement + replacementLength
	if at >= uint64(len(f.bytes[section])) {
		return 0, false
	}
	return uint64(f.bytes[section][at]), true
}

// contents is how often a payload holds what.
func contents(data []byte) (set map[string]int, err error) {
	defer func() {
		// Last resort: a hostile file must not stop the program.
		if r := recover(); r != nil {
			set, err = nil, fmt.Errorf("expected a payload as linkers make them: %v", r)
		}
	}()
	f, err := readObject(data)
	if err != nil {
		return nil, err
	}
	set = map[string]int{}
	for _, s := range f.Sections {
		if loaded(s) {
			set[fmt.Sprintf("section %s, %v, %v, entries of %d, aligned to %d", s.Name, s.Type, s.Flags, s.Entsize, s.Addralign)]++
		}
	}
	for _, y := range f.symbols {
		if elf.ST_TYPE(y.Info) == elf.STT_SECTION {
			continue
		}
		set[fmt.Sprintf("symbol %s, %v, %v, of %d bytes in %s", steady(y.Name), elf.ST_TYPE(y.Info), elf.ST_BIND(y.Info), y.Size, f.place(y.Section))]++
	}
	for i := range f.Sections {
		for _, p := range f.pieces[i] {
			set[f.describe(i, p)]++
		}
	}
	return set, nil
}

// describe tells of one piece all that counts.
func (f *object) describe(section int, p piece) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d bytes %s", f.label(section, p), p.end-p.at, f.hash(section, p))
	for _, r := range f.within(section, p) {
		target := f.target(section, &r)
		if length, ok := f.replaces(section, &r); ok && length == 0 {
			target = "nothing"
		}
		fmt.Fprintf(&b, "; at %#x %v to %s", r.offset-p.at, r.kind, target)
	}
	return b.String()
}

// within are the relocations in a piece, by their places.
func (f *object) within(section int, p piece) []relocation {
	place := func(r relocation, at uint64) int { return cmp.Compare(r.offset, at) }
	list := f.relocations[section]
	from, _ := slices.BinarySearchFunc(list, p.at, place)
	to, _ := slices.BinarySearchFunc(list, p.end, place)
	return list[from:max(from, to)]
}

// label is the name of a piece: its section and the symbols that begin there.
func (f *object) label(section int, p piece) string {
	names := slices.Sorted(slices.Values(p.names))
	return strings.Join(append([]string{f.Sections[section].Name}, names...), " ")
}

func (f *object) hash(section int, p piece) string {
	sum := sha256.Sum256(f.bytes[section][p.at:p.end])
	return fmt.Sprintf("%x", sum[:8])
}

// target names what a relocation leads to.
func (f *object) target(section int, r *relocation) string {
	y := f.symbols[r.symbol]
	at, rest, ok := f.leads(section, r)
	if !ok {
		return fmt.Sprintf("%s%+d", steady(y.Name), r.addend)
	}
	list := f.pieces[y.Section]
	n, found := slices.BinarySearchFunc(list, at, func(p piece, at uint64) int { return cmp.Compare(p.at, at) })
	if !found {
		n--
	}
	if n < 0 || at >= max(list[n].end, list[n].at+1) {
		return fmt.Sprintf("%s%+d", f.Sections[y.Section].Name, r.addend) // the end of a section, or a gap
	}
	p := list[n]
	return fmt.Sprintf("%s %s%+d", f.label(int(y.Section), p), f.hash(int(y.Section), p), int64(at-p.at)+rest)
}

// leads is the place in its section that a relocation means, and what it adds to
// it, unless it means something outside of the payload or of what is loaded.
func (f *object) leads(section int, r *relocation) (at uint64, rest int64, ok bool) {
	y := f.symbols[r.symbol]
	if y.Section == elf.SHN_UNDEF || int(y.Section) >= len(f.Sections) || !loaded(f.Sections[y.Section]) {
		return 0, 0, false
	}
	place, rest := int64(y.Value), r.addend
	if elf.ST_TYPE(y.Info) == elf.STT_SECTION {
		bias := f.bias(section, r)
		place, rest = place+r.addend+bias, -bias
	}
	return uint64(place), rest, place >= 0 && place <= int64(len(f.bytes[y.Section]))
}

// bias is what an instruction takes off because the processor counts from its end.
func (f *object) bias(section int, r *relocation) int64 {
	if f.Sections[section].Flags&elf.SHF_EXECINSTR != 0 && (r.kind == elf.R_X86_64_PC32 || r.kind == elf.R_X86_64_PLT32) {
		return 4
	}
	return 0
}

// cut divides the section into its pieces.
func (f *object) cut(i int, points map[uint64]bool) []piece {
	s, data := f.Sections[i], f.bytes[i]
	size := uint64(len(data))
	points[0] = true
	if step := f.entrySize(i); step > 0 {
		for at := step; at < size; at += step {
			points[at] = true
		}
	}
	if s.Flags&elf.SHF_STRINGS != 0 {
		for at, c := range data {
			if c == 0 {
				points[uint64(at)+1] = true
			}
		}
	}
	var list []piece
	cuts := slices.Sorted(maps.Keys(points))
	for n, at := range cuts {
		if at >= size && size > 0 {
			break
		}
		end := size
		if n+1 < len(cuts) {
			end = min(cuts[n+1], size)
		}
		p := piece{at: at, end: end}
		if s.Name == replacements && !f.replacing[start{elf.SectionIndex(i), at}] {
			continue // of functions that are left out: nothing leads there
		}
		if f.name(i, &p); len(p.names) > 0 || p.at == 0 || len(f.within(i, p)) > 0 || !padding(data[p.at:p.end]) {
			list = append(list, p)
		}
	}
	return list
}

// name finds the symbols that begin at a piece. Where their size is known, padding
// behind it does not count.
func (f *object) name(section int, p *piece) {
	longest := uint64(0)
	for _, i := range f.starts[start{elf.SectionIndex(section), p.at}] {
		y := f.symbols[i]
		p.names = append(p.names, steady(y.Name))
		longest = max(longest, y.Size)
	}
	if end := p.at + longest; longest > 0 && end > p.at && end < p.end && padding(f.bytes[section][end:p.end]) {
		p.end = end
	}
}

// padding tells whether bytes are what assemblers and linkers fill gaps with: zeros
// or instructions that do nothing, which begin with few bytes.
func padding(b []byte) bool {
	for _, c := range b {
		switch c {
		case 0, 0x0f, 0x1f, 0x2e, 0x40, 0x44, 0x66, 0x80, 0x84, 0x90, 0xcc:
		default:
			return false
		}
	}
	return len(b) < 64
}

func loaded(s *elf.Section) bool {
	return s.Flags&elf.SHF_ALLOC != 0 && s.Name != ".note.gnu.build-id"
}

// place names the section of a symbol.
func (f *object) place(i elf.SectionIndex) string {
	if i == elf.SHN_UNDEF || int(i) >= len(f.Sections) {
		return i.String()
	}
	return cmp.Or(f.Sections[i].Name, "?")
}
