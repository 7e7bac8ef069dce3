package csource

import (
	"debug/dwarf"
	"debug/elf"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wantNamed is the part of the types' members, variables and static locals in
// the debug information that the scanner has to find where they are written
// out.
const wantNamed = 0.99

// TestScanDebugInfo compares the scanner with the debug information of the
// hypervisor that was built from the tree: members of structures and unions,
// variables at file scope, static locals, each by file, line and name.
func TestScanDebugInfo(t *testing.T) {
	root := os.Getenv("LPREADY_XEN_BUILT")
	if root == "" {
		t.Skip("LPREADY_XEN_BUILT is not set: it wants a Xen tree that was built with debug information")
	}
	xen := filepath.Join(root, "xen")
	image, err := elf.Open(filepath.Join(xen, "xen-syms"))
	if err != nil {
		t.Skipf("no hypervisor with debug information: %v", err)
	}
	defer image.Close()
	info, err := image.DWARF()
	if err != nil {
		t.Skipf("xen-syms: %v", err)
	}
	sources := map[string]*source{}
	for _, kind := range []string{"member", "variable", "static local"} {
		found, total := 0, 0
		for _, d := range declared(t, info, kind) {
			s := sources[d.file]
			if s == nil {
				text, err := os.ReadFile(filepath.Join(xen, d.file))
				if err != nil {
					continue // not of the tree
				}
				s = &source{Scan(d.file, text), strings.Split(string(text), "\n")}
				sources[d.file] = s
			}
			if d.line > len(s.lines) || !hasWord(s.lines[d.line-1], d.name) {
				continue // a macro names it
			}
			if p := s.file.At(d.line); p.Kind == PlaceMacro || p.Kind == PlaceFunc && kind == "member" {
				continue // types inside functions are part of their code
			}
			if kind == "static local" && !strings.Contains(strings.Join(s.lines[max(0, d.line-2):d.line], " "), "static") {
				continue // a variable that the compiler made constant
			}
			total++
			if s.finds(kind, d) {
				found++
			} else {
				t.Logf("missed %s %s:%d %s: %s", kind, d.file, d.line, d.name, strings.TrimSpace(s.lines[d.line-1]))
			}
		}
		t.Logf("%s: %d of %d found = %.2f %%", kind, found, total, 100*float64(found)/float64(max(1, total)))
		if float64(found) < wantNamed*float64(total) {
			t.Errorf("%s: want at least %.0f %%", kind, 100*wantNamed)
		}
	}
}

type source struct {
	file  *File
	lines []string
}

// finds tells whether the scanner has something of a kind and name at a line.
func (s *source) finds(kind string, d definition) bool {
	is := func(v Var) bool { return v.Name == d.name && v.Contains(d.line) }
	switch kind {
	case "member":
		return slices.ContainsFunc(s.file.Types, func(t Type) bool {
			return slices.ContainsFunc(t.Members, func(m Member) bool { return m.Name == d.name && m.Line == d.line })
		})
	case "variable":
		return slices.ContainsFunc(s.file.Vars, is)
	}
	return slices.ContainsFunc(s.file.Funcs, func(f Func) bool { return slices.ContainsFunc(f.Statics, is) })
}

// declared lists what the debug information says of one kind, each once.
func declared(t *testing.T, info *dwarf.Data, kind string) []definition {
	seen := map[definition]bool{}
	var files []*dwarf.LineFile
	var outer []dwarf.Tag
	for r := info.Reader(); ; {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			break
		}
		if e.Tag == 0 {
			outer = outer[:len(outer)-1]
			continue
		}
		if e.Tag == dwarf.TagCompileUnit {
			lines, err := info.LineReader(e)
			if err != nil || lines == nil {
				r.SkipChildren()
				continue
			}
			files = lines.Files()
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		number, _ := e.Val(dwarf.AttrDeclFile).(int64)
		line, _ := e.Val(dwarf.AttrDeclLine).(int64)
		ok := name != "" && int(number) < len(files) && files[number] != nil && line > 0
		if ok && kindOf(e, outer) == kind {
			file := files[number].Name
			if i := strings.LastIndex(file, "/xen/"); i >= 0 {
				file = file[i+len("/xen/"):]
			}
			seen[definition{path.Clean(file), int(line), name}] = true
		}
		if e.Children {
			outer = append(outer, e.Tag)
		}
	}
	list := make([]definition, 0, len(seen))
	for d := range seen {
		list = append(list, d)
	}
	slices.SortFunc(list, byPlace)
	return list
}

// kindOf names the kind of an entry; outer are the tags around it.
func kindOf(e *dwarf.Entry, outer []dwarf.Tag) string {
	location, fixed := e.Val(dwarf.AttrLocation).([]byte)
	const atAddress = 0x03 // DW_OP_addr
	fixed = fixed && len(location) > 0 && location[0] == atAddress
	switch {
	case e.Tag == dwarf.TagMember:
		return "member"
	case e.Tag != dwarf.TagVariable || !fixed:
		return ""
	case len(outer) == 1:
		return "variable"
	case slices.Contains(outer, dwarf.TagSubprogram):
		return "static local"
	}
	return ""
}
