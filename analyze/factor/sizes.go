package factor

import (
	"slices"
	"strconv"
	"strings"

	"lpready/analyze/csource"
)

// A sizes table guesses the size of a type from its text, on a 64-bit machine
// with gcc's rules (System V ABI, natural alignment). It gives every size that a
// type can have where headers define it several times, and nothing where it
// cannot tell: bit-fields, computed bounds, packed structures.
type sizes struct {
	ix       *csource.Index
	relevant func(path string) bool
	known    map[string][]int
	busy     map[string]bool
}

// base holds the types of C and the fixed-width names of xen/include/xen/types.h.
var base = map[string]int{
	"char": 1, "bool": 1, "_Bool": 1, "bool_t": 1, "signed char": 1, "unsigned char": 1,
	"u8": 1, "s8": 1, "uint8_t": 1, "int8_t": 1, "__u8": 1, "__s8": 1,
	"short": 2, "unsigned short": 2, "u16": 2, "s16": 2, "uint16_t": 2, "int16_t": 2, "__u16": 2, "__s16": 2,
	"int": 4, "unsigned int": 4, "unsigned": 4, "signed int": 4, "u32": 4, "s32": 4, "uint32_t": 4, "int32_t": 4,
	"__u32": 4, "__s32": 4, "long": 8, "unsigned long": 8, "long long": 8, "unsigned long long": 8,
	"u64": 8, "s64": 8, "uint64_t": 8, "int64_t": 8, "__u64": 8, "__s64": 8, "size_t": 8, "ssize_t": 8,
	"uintptr_t": 8, "paddr_t": 8, "s_time_t": 8,
}

// synonyms maps names of one and the same type to one of them.
var synonyms = map[string]string{
	"u8": "uint8_t", "__u8": "uint8_t", "unsigned char": "uint8_t", "s8": "int8_t", "__s8": "int8_t",
	"u16": "uint16_t", "__u16": "uint16_t", "unsigned short": "uint16_t", "s16": "int16_t", "__s16": "int16_t",
	"u32": "uint32_t", "__u32": "uint32_t", "unsigned int": "uint32_t", "unsigned": "uint32_t",
	"s32": "int32_t", "__s32": "int32_t", "int": "int32_t", "signed int": "int32_t",
	"u64": "uint64_t", "__u64": "uint64_t", "unsigned long": "uint64_t", "unsigned long long": "uint64_t",
	"s64": "int64_t", "__s64": "int64_t", "long": "int64_t", "long long": "int64_t",
	"bool_t": "bool", "_Bool": "bool",
}

// plain strips qualifiers that change neither size nor meaning of stored bits.
func plain(text string) string {
	var kept []string
	for _, w := range words(text) {
		if !slices.Contains([]string{"const", "volatile", "restrict", "__restrict__", "__read_mostly", "__iomem"}, w) {
			kept = append(kept, w)
		}
	}
	joined := strings.Join(kept, " ")
	element, bounds, array := strings.Cut(joined, " [")
	if same, ok := synonyms[element]; ok {
		element = same
	}
	if array {
		return element + " [" + bounds
	}
	return element
}

func (s *sizes) of(text string) []int {
	text = plain(text)
	element, bounds, array := strings.Cut(text, "[")
	if array {
		return s.array(strings.TrimSpace(element), bounds)
	}
	if strings.ContainsAny(text, "*(") {
		return []int{8}
	}
	if n, ok := base[text]; ok {
		return []int{n}
	}
	if strings.HasPrefix(text, "enum ") {
		return []int{4}
	}
	if list, ok := s.known[text]; ok {
		return list
	}
	if s.ix == nil || s.busy[text] || len(s.busy) > 16 {
		return nil
	}
	s.busy[text] = true
	list := s.named(text)
	delete(s.busy, text)
	s.known[text] = list
	return list
}

func (s *sizes) array(element, bounds string) []int {
	total := 1
	for _, bound := range strings.Split(bounds, "[") {
		text := strings.TrimRight(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(bound), "]")), "uUlL ")
		n, err := strconv.ParseInt(text, 0, 32)
		if err != nil || n < 0 {
			return nil
		}
		total *= int(n)
	}
	var list []int
	for _, n := range s.of(element) {
		list = append(list, n*total)
	}
	return list
}

// named finds the definitions of a struct, union or typedef.
func (s *sizes) named(text string) []int {
	kind, tag, tagged := strings.Cut(text, " ")
	if !tagged {
		kind, tag = "typedef", text
	}
	var list []int
	for _, name := range s.ix.Mentions(tag) {
		file := s.ix.File(name)
		if file == nil || !s.relevant(name) {
			continue
		}
		for i := range file.Types {
			t := &file.Types[i]
			if t.Name != tag || t.Kind != kind {
				continue
			}
			found := s.definition(t, s.ix.Source(name))
			if found == nil {
				return nil
			}
			list = append(list, found...)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (s *sizes) definition(t *csource.Type, src []byte) []int {
	if t.Kind == "typedef" && len(t.Members) == 0 {
		return s.of(t.Of)
	}
	if len(t.Members) == 0 || len(t.Attrs) > 0 {
		return nil
	}
	union := t.Kind == "union" || strings.Contains(linesOf(src, csource.Span{Start: t.Start, End: t.Start}), "union")
	size, align := 0, 1
	for _, m := range t.Members {
		list := s.of(m.Type)
		if len(list) != 1 || m.Bits != "" || m.Outer != "" || m.Cond != "" && len(t.Members) > 1 {
			if len(t.Members) == 1 && m.Bits == "" { // a wrapper has the sizes of what it wraps
				return list
			}
			return nil
		}
		n := list[0]
		a := min(max(n, 1), 8)
		if a&(a-1) != 0 { // an aggregate whose alignment is not known
			return nil
		}
		align = max(align, a)
		if union {
			size = max(size, n)
			continue
		}
		size = (size+a-1)/a*a + n
	}
	return []int{(size + align - 1) / align * align}
}

// A sameness compares two sizes.
type sameness uint8

const (
	sizeUnknown sameness = iota
	sizeSame
	sizeDiffers
)

// compareSizes tells whether a type of the base and one of the patched tree
// have the same size.
func (in *Input) compareSizes(before, after string) sameness {
	if plain(before) == plain(after) {
		return sizeSame
	}
	v := in.facts()
	if v.oldSizes == nil {
		v.oldSizes, v.newSizes = in.newSizes(in.Before), in.newSizes(in.After)
	}
	x, y := v.oldSizes.of(before), v.newSizes.of(after)
	switch {
	case x == nil || y == nil:
		return sizeUnknown
	case slices.Equal(x, y):
		return sizeSame
	}
	return sizeDiffers
}

func (in *Input) newSizes(ix *csource.Index) *sizes {
	return &sizes{ix: ix, relevant: in.relevant, known: make(map[string][]int), busy: make(map[string]bool)}
}
