package factor

import (
	"path"
	"strings"

	"lpready/analyze/csource"
	"lpready/analyze/objdiff"
)

var silentlyLost = Rule{
	ID:    "silently-lost",
	Title: "Change that the payload would lose without a word",
	Explanation: "The object differs in something that create-diff-object neither includes nor complains about: code that is in no " +
		"function (entry assembly, whose offsets into structures count too), the replacement code of alternatives, or init " +
		"code. The tool ends well, and the fix, or half of it, is missing: XSA-439 and 446 end in \"no functional change\", " +
		"XSA-492 leaves entry.o with the old offsets.",
	Remedy: "Bring the effect about another way: a load hook for what init code sets up, C code that the assembly calls, " +
		"a jump written by hand; or reboot.",
	Severity: Blocker,
	Class:    Hard,
	Check: func(in *Input) []Finding {
		return in.proven(func(d *objdiff.Diff) (list []Finding) {
			g := d.Ignored
			if g == nil {
				return nil
			}
			if text := in.lostText(d); len(text) > 0 {
				list = append(list, objectf("", "%s: code in %s differs, and no payload would hold it", d.Path, some(text)))
			}
			if len(g.Alternatives) > 0 {
				list = append(list, objectf("", "%s: what alternatives put in place differs, and no payload would hold it", d.Path))
			}
			if len(g.Data) > 0 {
				f := objectf("", "%s: %s differs, and the differ passes over it", d.Path, some(g.Data))
				f.Severity, f.Class = Change, Adapt
				list = append(list, f)
			}
			if len(g.Functions) > 0 {
				f := objectf("", "%s: init code differs and is left out: %s", d.Path, some(g.Functions))
				f.Severity, f.Class = Change, Adapt
				if !in.editsInit(g.Functions) {
					f.Severity, f.Class = Info, ""
				}
				list = append(list, f)
			}
			return list
		})
	},
}

// lostText are the sections of code that are lost and that count: not the cold
// part of a function that is replaced.
func (in *Input) lostText(d *objdiff.Diff) (list []string) {
	replaced := map[string]bool{}
	for _, name := range d.Functions {
		replaced[name] = true
	}
	for _, s := range d.Ignored.Text {
		if name, cold := strings.CutPrefix(s, ".text.unlikely."); cold && replaced[name] {
			continue
		}
		list = append(list, s)
	}
	return list
}

// editsInit tells whether the patch edits one of these functions, or whether they
// only come out otherwise because a header changed, which is of no consequence
// after boot.
func (in *Input) editsInit(names []string) bool {
	edited := map[string]bool{}
	in.funcs(func(c *change, f csource.FuncChange) {
		name := funcName(f)
		edited[name] = edited[name] || path.Ext(c.Path) == ".c"
	})
	for _, name := range names {
		if edited[Plain(name)] {
			return true
		}
	}
	return false
}
