package csource

import (
	"path"
	"slices"
	"strings"
)

// howUsed tells how the word at src[from:to] stands there.
func howUsed(src string, from, to int) useKind {
	for i := from - 1; i >= 0; i-- {
		switch c := src[i]; {
		case c == ' ' || c == '\t' || c == '\n':
			continue
		case c == '.' && (i == 0 || src[i-1] != '.'), c == '>' && i > 0 && src[i-1] == '-':
			return useMember
		}
		break
	}
	for i := to; i < len(src); i++ {
		switch src[i] {
		case ' ', '\t', '\n':
			continue
		case '(':
			return useCall
		}
		break
	}
	return useRef
}

// fileUses is what the code of one file uses: bodies by function, and what
// stands outside.
type fileUses struct {
	bodies  [][]use // as File.Funcs
	data    []dataUse
	outside []use
}

// A dataUse is a function in an initialiser; member is empty where it is not
// assigned to a member by name.
type dataUse struct{ name, member, variable string }

// A region is a part of a file with a meaning of its own.
type region struct {
	from, to int
	kind     regionKind
	index    int
}

type regionKind uint8

const (
	regionSkip regionKind = iota
	regionBody
	regionVar
)

// regions lists what the scanner knows of a file, by offset: function heads,
// declarations, types and directives are no uses.
func regions(f *File, src string) []region {
	list := make([]region, 0, 2*len(f.Funcs)+len(f.Vars)+len(f.Protos)+len(f.Types)+len(f.Macros))
	for i := range f.Funcs {
		fn := &f.Funcs[i]
		list = append(list, region{fn.from, fn.BodyStart, regionSkip, i}, region{fn.BodyStart, fn.BodyEnd, regionBody, i})
	}
	for i := range f.Vars {
		list = append(list, region{f.Vars[i].from, f.Vars[i].to, regionVar, i})
	}
	for i := range f.Protos {
		list = append(list, region{f.Protos[i].from, f.Protos[i].to, regionSkip, i})
	}
	for i := range f.Types {
		list = append(list, region{f.Types[i].from, f.Types[i].to, regionSkip, i})
	}
	slices.SortFunc(list, func(a, b region) int { return a.from - b.from })
	return list
}

// usesOf finds the known names in the code of a file.
func (g *callGraph) usesOf(f *File) *fileUses {
	src := f.text
	out := &fileUses{bodies: make([][]use, len(f.Funcs))}
	if path.Ext(f.Path) == ".S" {
		for at, word := range wordsOf(src) {
			if g.known(word) && !commentInAssembly(src, at) {
				out.outside = append(out.outside, use{word, useRef})
			}
		}
		return out
	}
	list := regions(f, src)
	next, line := 0, 0
	for at, word := range wordsOf(src) {
		for next < len(list) && list[next].to <= at {
			next++
		}
		if !g.known(word) {
			continue
		}
		how := howUsed(src, at, at+len(word))
		if next < len(list) && list[next].from <= at {
			switch r := list[next]; r.kind {
			case regionBody:
				out.bodies[r.index] = append(out.bodies[r.index], use{word, how})
			case regionVar:
				if how != useMember {
					out.data = append(out.data, dataUse{word, designator(src, at), f.Vars[r.index].Name})
				}
			}
			continue
		}
		if line = lineStart(src, at, line); !isDirective(src, line) {
			out.outside = append(out.outside, use{word, how})
		}
	}
	return out
}

func (g *callGraph) known(word string) bool { return g.byName[word] != nil }

// lineStart finds where the logical line of an offset begins; from is a line
// start before it.
func lineStart(src string, at, from int) int {
	for {
		end := strings.IndexByte(src[from:at], '\n')
		for end >= 0 && from+end > 0 && src[from+end-1] == '\\' {
			more := strings.IndexByte(src[from+end+1:at], '\n')
			if more < 0 {
				return from
			}
			end += 1 + more
		}
		if end < 0 {
			return from
		}
		from += end + 1
	}
}

func isDirective(src string, line int) bool {
	return strings.HasPrefix(strings.TrimLeft(src[line:min(len(src), line+80)], " \t"), "#")
}

// commentInAssembly tells whether an offset in a .S file stands behind a #
// or // on its line.
func commentInAssembly(src string, at int) bool {
	line := src[strings.LastIndexByte(src[:at], '\n')+1 : at]
	return strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") && !strings.HasPrefix(line, "#define") || strings.Contains(line, "//")
}
