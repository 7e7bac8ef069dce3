package factor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

var initRefs = Rule{
	ID:    "init-refs",
	Title: "Reference to memory that was freed after boot",
	Explanation: "A function that also runs at boot may use __init functions and __initdata. In a payload these names still " +
		"resolve, to addresses in memory that was freed and given to somebody else: a call there executes whatever is in " +
		"it now. XSA-433, 488 and 490 put init_amd() into the payload with five such references.",
	Remedy: "Leave the references out of the payload's copy if they are guarded by boot-time conditions, or make the " +
		"smallest function that holds the fix and call that.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		if in.After == nil {
			return nil
		}
		if in.Proof != nil && len(in.Proof.Freed) > 0 {
			return in.references(in.Proof.Freed, "the payload's part of %s refers to %s, freed after boot")
		}
		var list []Finding
		seen := make(map[string]bool)
		report := func(path string, f *csource.Func, why string) {
			life := in.life(path, f).Kind
			if seen[path+":"+f.Name] || life == csource.Init {
				return
			}
			seen[path+":"+f.Name] = true
			if refs := in.initReferences(path, f); len(refs) > 0 {
				list = append(list, Finding{File: path, Line: f.NameLine, Symbol: f.Name,
					Message: fmt.Sprintf("%s() %s and refers to %s, freed after boot", f.Name, why, some(refs))})
			}
		}
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.New == nil || isHeader(c.Path) && inlined(f.New) {
				return
			}
			report(c.Path, f.New, "is changed")
		})
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.New == nil || isHeader(c.Path) {
				return
			}
			if caller := onlyCaller(c, f.New); caller != nil {
				report(c.Path, caller, "takes "+f.New.Name+"() in")
			}
		})
		if in.Reach != nil {
			for _, r := range in.Reach.Functions {
				file := in.After.File(r.File)
				if file == nil || r.Change == "removed" {
					continue
				}
				for i := range file.Funcs {
					if f := &file.Funcs[i]; f.Name == r.Name && !isInit(f.Section) {
						report(r.File, f, "is rebuilt into the payload")
					}
				}
			}
		}
		return list
	},
}

// initReferences lists the init functions and data that the code of a function
// names, itself or through static functions of its file that gcc is likely to
// take in: inline ones and those named once.
func (in *Input) initReferences(path string, f *csource.Func) []string {
	file, src := in.After.File(path), in.After.Source(path)
	if file == nil {
		return nil
	}
	active := in.activity(path, src)
	local := make(map[string]*csource.Func)
	for i := range file.Funcs {
		if g := &file.Funcs[i]; g.Static && !isInit(g.Section) && g.Inline != csource.InlineNever {
			local[g.Name] = g
		}
	}
	var refs []string
	seen := map[string]bool{f.Name: true}
	for queue := []*csource.Func{f}; len(queue) > 0; queue = queue[1:] {
		toks := body(queue[0], src, active)
		refs = append(refs, in.initNames(path, queue[0], toks)...)
		for _, t := range toks {
			if g := local[t.text]; g != nil && !seen[g.Name] && (inlined(g) || countWord(src, g.Name) == 2) {
				seen[g.Name] = true
				queue = append(queue, g)
			}
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// countWord counts an identifier in a source.
func countWord(src []byte, name string) int {
	n := 0
	for _, word := range csource.Words(src) {
		if word == name {
			n++
		}
	}
	return n
}

// initNames lists the init symbols among the tokens of one body.
func (in *Input) initNames(path string, f *csource.Func, toks []token) []string {
	names, local := in.initSymbols(), declared(f, toks)
	var refs []string
	for i, t := range toks {
		if local[t.text] || i > 0 && (toks[i-1].text == "." || toks[i-1].text == "->") {
			continue
		}
		if slices.ContainsFunc(names[t.text], func(p place) bool { return p.path == path || !p.static }) {
			refs = append(refs, t.text)
		}
	}
	return refs
}

// declared lists the names that a function declares itself: an identifier after
// another one or after "*", at the start of a declarator.
func declared(f *csource.Func, toks []token) map[string]bool {
	local := make(map[string]bool)
	for t := range lex(f.Params, 1) {
		local[t.text] = true
	}
	for i := 1; i+1 < len(toks); i++ {
		before, after := toks[i-1], toks[i+1].text
		if toks[i].ident() && (before.ident() && !keyword[before.text] || before.text == "*" && i > 1 && toks[i-2].ident() && !keyword[toks[i-2].text]) &&
			(after == ";" || after == "=" || after == "," || after == "[") {
			local[toks[i].text] = before.ident()
		}
	}
	return local
}

// initSymbols maps every name defined in an init section of compiled code to
// its definitions.
func (in *Input) initSymbols() map[string][]place {
	v := in.facts()
	if v.initNames != nil {
		return v.initNames
	}
	v.initNames = make(map[string][]place)
	runtime := make(map[string]bool) // also defined outside init, perhaps by another file
	for _, p := range in.After.Paths() {
		file := in.After.File(p)
		if file == nil || !in.relevant(p) {
			continue
		}
		whole := in.initObject(p)
		for i := range file.Funcs {
			f := &file.Funcs[i]
			in.noteInit(v.initNames, runtime, f.Name, f.Section, whole, place{p, f.NameLine, f.Static})
		}
		for i := range file.Vars {
			x := &file.Vars[i]
			if !x.Extern && !isRegistration(x.Macro) {
				in.noteInit(v.initNames, runtime, x.Name, x.Section, whole, place{p, x.Start, x.Static})
			}
		}
	}
	for name := range runtime {
		delete(v.initNames, name)
	}
	return v.initNames
}

func (in *Input) noteInit(names map[string][]place, runtime map[string]bool, name, section string, whole bool, at place) {
	if isInit(section) || whole && strings.HasSuffix(at.path, ".c") {
		names[name] = append(names[name], at)
	} else if !at.static && section != ".exit.text" {
		runtime[name] = true
	}
}

// references joins what objects refer to into one finding for each of them.
func (in *Input) references(refs []Reference, format string) (list []Finding) {
	names := map[string][]string{}
	for _, r := range refs {
		names[r.Object] = append(names[r.Object], r.Symbol)
	}
	for _, object := range slices.Sorted(maps.Keys(names)) {
		f := objectf("", format, object, some(names[object]))
		f.File, f.Evidence = in.sourceOf(object), Object
		list = append(list, f)
	}
	return list
}
