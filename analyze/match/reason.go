package match

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// A Kind is what can be shown to be behind a difference. They are in the order of
// what they are worth: each says less than the one before.
type Kind string

const (
	ByUnit     Kind = "unit"     // its object is only compiled in one configuration
	ByOwnLines Kind = "own"      // its own lines ask for an option
	ByUse      Kind = "uses"     // it uses a macro or a function that asks for one
	ByUser     Kind = "user"     // what uses it asks for one
	ByFlags    Kind = "flags"    // an option changes how everything is compiled
	ByCompiler Kind = "compiler" // the compilers differ
	ByLayout   Kind = "layout"   // it reads members whose place depends on an option
	ByFile     Kind = "file"     // its source file has code under an option
	ByHeader   Kind = "header"   // a header that its source includes has
	ByConfig   Kind = "config"   // options differ; the source is not at hand
	BySource   Kind = "source"   // nothing but the source is left
)

var kinds = []Kind{ByUnit, ByOwnLines, ByUse, ByUser, ByFlags, ByCompiler, ByLayout, ByFile, ByHeader, ByConfig, BySource}

// Because is the reason of one difference.
type Because struct {
	Kind    Kind     `json:"kind"`
	Options []string `json:"options,omitempty"`
	May     bool     `json:"may,omitempty"` // it can be another one
	Via     []string `json:"via,omitempty"` // what stands between the symbol and the option
	Source  string   `json:"source,omitempty"`
}

// A Reason is one that several differences have.
type Reason struct {
	Kind     Kind     `json:"kind"`
	Options  []string `json:"options,omitempty"`
	May      bool     `json:"may,omitempty"`
	Says     string   `json:"says"`
	Count    int      `json:"count"`
	Examples []string `json:"examples"`          // a few symbols
	Sources  []string `json:"sources,omitempty"` // a few of their files, where these are known
}

// maxExamples is how many symbols, and how many files, a reason names.
const maxExamples = 8

// An explainer finds reasons.
type explainer struct {
	c        *comparison
	given    Given
	options  []string // that differ and change code, by name
	flags    []string // of them: those that change how everything is compiled
	compiler bool     // the compilers differ

	tree   *tree // nil without the source
	uses   []*reach
	layout []*reach
	units  *units
	homes  map[string][]string // sources that define a function which is not static
}

// explain fills in what the result says besides the differences themselves.
func (c *comparison) explain(given Given) {
	r := c.result
	shipped, rebuilt := cmpConfig(c.shipped.Config, given.ShippedConfig), cmpConfig(c.rebuilt.Config, given.RebuiltConfig)
	r.Shipped, r.Rebuilt = side(c.shipped, shipped), side(c.rebuilt, rebuilt)
	r.SameCompiler = c.shipped.Compiler.same(c.rebuilt.Compiler)
	r.Options = []Option{}
	if shipped != nil && rebuilt != nil {
		r.Options = differing(shipped, rebuilt, given.Index)
	}
	c.warn("shipped", c.shipped, shipped, given.ShippedConfig, given.Index)
	c.warn("rebuilt", c.rebuilt, rebuilt, given.RebuiltConfig, given.Index)
	if c.code == nil {
		r.Warnings = append(r.Warnings, "only sizes were compared: code is compared for x86-64 only")
	}
	e := &explainer{c: c, given: given, compiler: !r.SameCompiler}
	for _, o := range r.Options {
		switch o.Effect {
		case OnCode:
			e.options = append(e.options, o.Name)
		case OnCompiler:
			e.compiler = true
		}
	}
	e.prepare()
	for i := range r.Differences {
		r.Differences[i].Reason = e.because(&r.Differences[i])
	}
	r.Reasons = e.group(r.Differences)
}

// cmpConfig is the embedded configuration, else the given one.
func cmpConfig(embedded, given csource.Config) csource.Config {
	if embedded != nil {
		return embedded
	}
	return given
}

func side(h *Hypervisor, cfg csource.Config) Side {
	return Side{Symbols: len(h.Symbols), Labels: len(h.Labels), BuildID: h.BuildID, Compiler: h.Compiler.String(),
		Banner: h.Compiler.Banner, Options: len(cfg), Embedded: h.Config != nil}
}

// warn says what is not known about one of the two, or does not fit.
func (c *comparison) warn(which string, h *Hypervisor, cfg, given csource.Config, ix *csource.Index) {
	say := func(format string, args ...any) {
		c.result.Warnings = append(c.result.Warnings, "the "+which+" hypervisor: "+fmt.Sprintf(format, args...))
	}
	if h.ConfigError != nil {
		say("its configuration cannot be read: %v", h.ConfigError)
	}
	if cfg == nil {
		say("its configuration is not known: it embeds none, and none was given")
	}
	if h.Config != nil && given != nil {
		var names []string
		for _, o := range differing(given, h.Config, ix) {
			if o.Effect != OnNothing {
				names = append(names, o.Name)
			}
		}
		if len(names) > 0 {
			say("it embeds another configuration than the one given: %s", join(names))
		}
	}
	if h.Compiler.String() == "" {
		say("its compiler is not known")
	}
}

// prepare reads what the reasons need of the source.
func (e *explainer) prepare() {
	e.units = newUnits(e.given.ShippedUnits, e.given.RebuiltUnits)
	ix := e.given.Index
	if ix == nil || len(e.c.result.Differences) == 0 {
		return
	}
	e.tree = newTree(ix)
	for _, o := range e.options {
		e.uses = append(e.uses, e.tree.uses(o))
		e.layout = append(e.layout, e.tree.layouts(o))
		if setsFlags(ix, o) {
			e.flags = append(e.flags, o)
		}
	}
	e.homes = map[string][]string{}
	for _, source := range e.sources() {
		f := ix.File(source)
		if f == nil {
			continue
		}
		for i := range f.Funcs {
			if fn := &f.Funcs[i]; !fn.Static && !slices.Contains(e.homes[fn.Name], source) {
				e.homes[fn.Name] = append(e.homes[fn.Name], source)
			}
		}
	}
}

// sources are the files that are compiled, or if that is not known all that could
// be.
func (e *explainer) sources() []string {
	if len(e.units.list) == 0 {
		return slices.DeleteFunc(slices.Clone(e.given.Index.Paths()), func(p string) bool { return path.Ext(p) != ".c" && path.Ext(p) != ".S" })
	}
	var list []string
	for _, u := range e.units.list {
		list = append(list, u.source)
	}
	return sorted(list)
}

// because finds the best reason of a difference.
func (e *explainer) because(d *Difference) Because {
	sources, units := e.home(d)
	if b, ok := e.unit(d, units); ok {
		return b
	}
	b := Because{Kind: BySource}
	if len(sources) == 1 {
		b.Source = sources[0]
	}
	for _, try := range []func(*Difference, []string) (Because, bool){e.own, e.using, e.used, e.byFlags, e.byCompiler, e.moved, e.inFile, e.inHeader} {
		if found, ok := try(d, sources); ok {
			found.Source = b.Source
			return found
		}
	}
	if len(e.options) > 0 && (e.tree == nil || len(sources) == 0) {
		b.Kind, b.Options, b.May = ByConfig, e.options, true
	}
	return b
}

// unit tells whether the object is compiled in one configuration only. What is in
// one hypervisor only and could be from several objects is from such a one, if there
// is one.
func (e *explainer) unit(d *Difference, units []unit) (Because, bool) {
	may := false
	if only := slices.DeleteFunc(slices.Clone(units), func(u unit) bool {
		return !(d.Change == OnlyShipped && !u.rebuilt || d.Change == OnlyRebuilt && !u.shipped)
	}); len(only) > 0 {
		units, may = only, len(only) < len(units)
	}
	if len(units) == 0 {
		return Because{}, false
	}
	b := Because{Kind: ByUnit, May: may, Source: units[0].source}
	for _, u := range units {
		if u.shipped && u.rebuilt {
			return Because{}, false
		}
		for _, o := range e.options {
			if e.tree != nil && asksFor(e.given.Index, u.object, o) && !slices.Contains(b.Options, o) {
				b.Options = append(b.Options, o)
			}
		}
	}
	if len(b.Options) == 0 {
		b.Options, b.May = e.options, may || len(e.options) > 1
	}
	slices.Sort(b.Options)
	return b, true
}

// chains finds the options on which a symbol depends, those with the shortest chain.
func (e *explainer) chains(reaches []*reach, name string, sources []string, from, to int) (b Because, ok bool) {
	best := to + 1
	for i, r := range reaches {
		for _, p := range sources {
			steps := r.chain[key{p, name}].steps()
			n := len(steps)
			if n < from || n > to || n > best {
				continue
			}
			if n < best {
				best, b.Options, b.Via = n, nil, steps[:n-1]
			}
			if !slices.Contains(b.Options, e.options[i]) {
				b.Options = append(b.Options, e.options[i])
			}
		}
	}
	return b, len(b.Options) > 0
}

func (e *explainer) own(d *Difference, sources []string) (Because, bool) {
	b, ok := e.chains(e.uses, stem(d.Name), sources, 1, 1)
	b.Kind = ByOwnLines
	return b, ok
}

func (e *explainer) using(d *Difference, sources []string) (Because, bool) {
	b, ok := e.chains(e.uses, stem(d.Name), sources, 2, maxSteps+1)
	b.Kind, b.May = ByUse, true
	return b, ok
}

// used tells why a static function can be gone: nothing that stays uses it.
func (e *explainer) used(d *Difference, sources []string) (Because, bool) {
	if e.tree == nil || d.Change != OnlyShipped && d.Change != OnlyRebuilt || d.File == "" {
		return Because{}, false
	}
	for _, p := range sources {
		for _, name := range e.tree.users(p, stem(d.Name)) {
			if b, ok := e.chains(e.uses, name, []string{p}, 1, 2); ok {
				b.Kind, b.May, b.Via = ByUser, true, append([]string{name}, b.Via...)
				return b, true
			}
		}
	}
	return Because{}, false
}

func (e *explainer) byFlags(*Difference, []string) (Because, bool) {
	return Because{Kind: ByFlags, Options: e.flags}, len(e.flags) > 0
}

func (e *explainer) byCompiler(*Difference, []string) (Because, bool) {
	return Because{Kind: ByCompiler, May: true}, e.compiler
}

func (e *explainer) moved(d *Difference, sources []string) (Because, bool) {
	b, ok := e.chains(e.layout, stem(d.Name), sources, 2, maxSteps+2)
	b.Kind, b.May = ByLayout, true
	return b, ok
}

func (e *explainer) inFile(_ *Difference, sources []string) (Because, bool) {
	b := Because{Kind: ByFile, May: true}
	for _, o := range e.options {
		if e.tree != nil && slices.ContainsFunc(sources, func(p string) bool { return slices.Contains(e.given.Index.Mentions(o), p) }) {
			b.Options = append(b.Options, o)
		}
	}
	return b, len(b.Options) > 0
}

func (e *explainer) inHeader(_ *Difference, sources []string) (Because, bool) {
	b := Because{Kind: ByHeader, May: true}
	if e.tree == nil {
		return b, false
	}
	for _, o := range e.options {
		for _, h := range e.given.Index.Mentions(o) {
			if slices.ContainsFunc(sources, func(p string) bool { return e.tree.sees(p, h) }) {
				b.Options = append(b.Options, o)
				b.Via = append(b.Via, h)
				break
			}
		}
	}
	return b, len(b.Options) > 0
}

// group counts the differences by their reasons.
func (e *explainer) group(list []Difference) []Reason {
	groups := map[string]*Reason{}
	for i := range list {
		d := &list[i]
		b := &d.Reason
		k := string(b.Kind) + "\x00" + join(b.Options) + "\x00" + fmt.Sprint(b.May)
		g := groups[k]
		if g == nil {
			g = &Reason{Kind: b.Kind, Options: b.Options, May: b.May, Says: e.says(b)}
			groups[k] = g
		}
		g.Count++
		if len(g.Examples) < maxExamples && !slices.Contains(g.Examples, d.Name) {
			g.Examples = append(g.Examples, d.Name)
		}
		if len(g.Sources) < maxExamples && b.Source != "" && !slices.Contains(g.Sources, b.Source) {
			g.Sources = append(g.Sources, b.Source)
		}
	}
	reasons := []Reason{}
	for _, g := range groups {
		slices.Sort(g.Sources)
		reasons = append(reasons, *g)
	}
	slices.SortFunc(reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), strings.Compare(a.Says, b.Says))
	})
	return reasons
}

// says is the sentence for a reason.
func (e *explainer) says(b *Because) string {
	options := either(b.Options)
	switch b.Kind {
	case ByUnit:
		if options == "" {
			return "the Makefiles compile its object in one of the two only"
		}
		return "its object is compiled depending on " + options
	case ByOwnLines:
		return "its own lines ask for " + options
	case ByUse:
		return "it uses a macro or a function that asks for " + options
	case ByUser:
		return "what uses it asks for " + options
	case ByFlags:
		return options + " changes how everything is compiled"
	case ByCompiler:
		return "the compilers differ"
	case ByLayout:
		return "it reads members whose place may depend on " + options
	case ByFile:
		return "its source file has code under " + options
	case ByHeader:
		return "a header that it includes has code under " + options
	case ByConfig:
		return "it depends on " + options + ", which the configurations set differently"
	}
	if len(e.options) > 0 {
		return "no option that differs reaches it, so the source differs: a patch is missing, or there is one too many"
	}
	return "the source differs: a patch is missing, or there is one too many"
}

// either lists names that are alternatives to each other.
func either(list []string) string {
	const most = 6
	if len(list) > most {
		return fmt.Sprintf("%s or %d more", join(list[:most]), len(list)-most)
	}
	if n := len(list); n > 1 {
		return join(list[:n-1]) + " or " + list[n-1]
	}
	return join(list)
}
