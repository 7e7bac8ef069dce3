package factor

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"lpready/analyze/csource"
	"lpready/analyze/objdiff"
)

// A Proof is what compiling a cell before and after showed. Paths of objects are
// relative to xen/.
type Proof struct {
	Trees    *objdiff.Trees // the objects that were compared; nil where Failed
	Lives    []objdiff.Life // of the types of Trees that are laid out otherwise
	Freed    []Reference    // to init memory
	Absent   []Reference    // to what neither the hypervisor nor the payload has
	Failed   string         // the compiler's first complaint about the patched source
	FailedAt string         // its place, "xen/common/x.c:12"
	Compiler string         // what compiled, as it calls itself
	Recorded string         // what the shipped hypervisor was compiled with, where that is another
	Reached  int            // objects that see a changed file
	Compiled int            // objects that were compared
	Seconds  float64
}

// A Reference is a symbol that the payload's part of an object refers to.
type Reference struct{ Object, Symbol string }

// changed tells whether any object came out otherwise.
func (p *Proof) changed() bool {
	return len(p.Trees.Added)+len(p.Trees.Removed) > 0 || slices.ContainsFunc(p.Trees.Objects, (*objdiff.Diff).Differs)
}

// layout finds a type that is laid out otherwise.
func (p *Proof) layout(name string) *objdiff.Layout {
	for i := range p.Trees.Layouts {
		if l := &p.Trees.Layouts[i]; l.Type == name && l.Kind == "changed" {
			return l
		}
	}
	return nil
}

func (p *Proof) life(name string) objdiff.Life {
	for _, l := range p.Lives {
		if l.Type == name {
			return l
		}
	}
	return objdiff.Life{Type: name}
}

// outlives tells whether objects of a type stay while code is replaced.
func outlives(k objdiff.LifeKind) bool {
	return k == objdiff.LifeStatic || k == objdiff.LifePerCPU || k == objdiff.LifePointed || k == objdiff.LifeHidden
}

// objectsOf are the objects that a source is compiled into.
func (in *Input) objectsOf(source string) (list []*objdiff.Diff) {
	for _, d := range in.Proof.Trees.Objects {
		if slices.ContainsFunc(in.facts().units[source], func(u csource.Unit) bool {
			return u.Object == d.Path || strings.TrimSuffix(u.Object, ".init.o") == strings.TrimSuffix(d.Path, ".o")
		}) {
			list = append(list, d)
		}
	}
	return list
}

// held tells what became of an edited function: in the payload, swallowed by what
// is, refused with its object, or left out without a word.
func held(d *objdiff.Diff, name string) bool {
	var all []string
	all = append(all, d.Functions...)
	all = append(all, d.NewFunctions...)
	all = append(all, d.Differing...)
	all = append(all, d.Gone...)
	if d.Ignored != nil {
		all = append(all, d.Ignored.Functions...)
	}
	return slices.ContainsFunc(all, func(s string) bool { return Plain(s) == name }) ||
		slices.ContainsFunc(d.Inlined, func(i objdiff.Inlined) bool { return i.Name == name })
}

// Plain is a function's name without what gcc puts behind it (.isra.0, .part.0,
// .constprop.0, .cold).
func Plain(symbol string) string {
	name, _, _ := strings.Cut(symbol, ".")
	return name
}

// settle lets the objects decide what the source could only suggest. A finding
// that they refute stays, as information that says so; one that they show
// themselves, more exactly, is dropped.
func (in *Input) settle(findings []Finding) []Finding {
	if in.Proof == nil || in.Proof.Trees == nil {
		return findings
	}
	none := !in.Proof.changed()
	var list []Finding
	for _, f := range findings {
		decide := settled[f.ID]
		switch {
		case f.Evidence == Object:
		case none && f.Class != "" && f.Class != NotNeeded && !keepsClass[f.ID]:
			f = f.refuted("no object comes out otherwise")
		case decide != nil && f.Severity != Info:
			why, drop := decide(in, f)
			if drop {
				continue
			}
			if why != "" {
				f = f.refuted(why)
			}
		}
		list = append(list, f)
	}
	return list
}

// keepsClass are rules about what no object shows.
var keepsClass = map[string]bool{livepatchOff.ID: true, conflict.ID: true, textOnly.ID: true, compilerFlags.ID: true, microcode.ID: true}

func (f Finding) refuted(why string) Finding {
	f.Message = "predicted, but refuted: " + why + " (" + f.Message + ")"
	f.Severity, f.Class, f.Remedy, f.Evidence = Info, "", "", Object
	return f
}

// settled are the rules whose findings objects confirm, refute (with the reason),
// or replace by their own (drop).
var settled = map[string]func(in *Input, f Finding) (why string, drop bool){
	"struct-layout": func(in *Input, f Finding) (string, bool) {
		switch {
		case !strings.Contains(f.Symbol, " ") || strings.HasPrefix(f.Symbol, "an "):
			return "", false
		case in.Proof.layout(f.Symbol) != nil:
			return "", true
		case in.Proof.Compiled > 0:
			return "the compiled type is laid out as before", false
		}
		return "", false
	},
	"fan-out":    func(*Input, Finding) (string, bool) { return "", true },
	"line-shift": func(*Input, Finding) (string, bool) { return "", true },
	"init-refs": func(in *Input, f Finding) (string, bool) {
		if len(in.Proof.Freed) > 0 {
			return "", true
		}
		return "nothing in the payload refers to init memory", false
	},
	"data-initialiser":     unrefused,
	"data-resized":         unrefused,
	"section-changed":      unrefused,
	"linkage-change":       unrefused,
	"static-local-removed": unrefused,
}

// unrefused refutes what the differ would refuse and does not: the objects of the
// file were compared and nothing in them is refused, left out or otherwise placed.
func unrefused(in *Input, f Finding) (string, bool) {
	objects := in.objectsOf(f.File)
	if len(objects) == 0 {
		return "", false
	}
	for _, d := range objects {
		moved := slices.ContainsFunc(d.Data, func(x objdiff.Data) bool { return x.Kind != "new" })
		if d.Verdict == objdiff.Refused || d.Ignored != nil || moved || len(d.Refusals) > 0 {
			return "", false
		}
	}
	return "the differ takes " + objects[0].Path + " as it is", false
}

// sourceOf is the source of an object, with its xen/ prefix; the object where it
// is not known.
func (in *Input) sourceOf(object string) string {
	for _, u := range in.Units {
		if u.Object == object || strings.TrimSuffix(u.Object, ".init.o") == strings.TrimSuffix(object, ".o") {
			return u.Source
		}
	}
	return path.Join(csource.Root, object)
}

// proven is for rules that objects decide; check is called for each of them that
// differs.
func (in *Input) proven(check func(d *objdiff.Diff) []Finding) (list []Finding) {
	if in.Proof == nil || in.Proof.Trees == nil {
		return nil
	}
	for _, d := range in.Proof.Trees.Objects {
		if !d.Differs() || strings.HasSuffix(d.Path, ".init.o") { // made of another, which says the same
			continue
		}
		for _, f := range check(d) {
			f.File, f.Evidence = cmp.Or(f.File, in.sourceOf(d.Path)), Object
			list = append(list, f)
		}
	}
	return list
}

func objectf(symbol, format string, args ...any) Finding {
	return Finding{Symbol: symbol, Message: fmt.Sprintf(format, args...)}
}

// splitPlace takes "xen/common/x.c:12" apart.
func splitPlace(place string) (file string, line int) {
	file, number, ok := strings.Cut(place, ":")
	if ok {
		line, _ = strconv.Atoi(number)
	}
	return file, line
}
