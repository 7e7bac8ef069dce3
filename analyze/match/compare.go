package match

import (
	"cmp"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// Given is what there is to say about two hypervisors besides themselves. All of
// it may be missing.
type Given struct {
	// Configurations, for hypervisors that embed none.
	ShippedConfig, RebuiltConfig csource.Config

	// Index is the source that the rebuilt hypervisor was made of, and the units
	// are what each configuration compiles of it.
	Index                      *csource.Index
	ShippedUnits, RebuiltUnits []csource.Unit
}

// InTree is what the source of a rebuilt hypervisor says, with the configuration that it
// has where neither of the two embeds its own. The hypervisors are for x86.
func InTree(tree fs.FS, index *csource.Index, config csource.Config, shipped, rebuilt *Hypervisor) (g Given, err error) {
	g = Given{Index: index, RebuiltConfig: config}
	if rebuilt.Config != nil {
		g.RebuiltConfig = rebuilt.Config
	}
	if g.RebuiltUnits, err = csource.Units(tree, "x86", g.RebuiltConfig); err != nil {
		return g, err
	}
	if shipped.Config != nil {
		g.ShippedUnits, err = csource.Units(tree, "x86", shipped.Config)
	}
	return g, err
}

// A Result is the difference between two hypervisors.
type Result struct {
	Shipped Side `json:"shipped"`
	Rebuilt Side `json:"rebuilt"`

	// Matches says that no symbol and no label differs in anything that was compared.
	Matches      bool   `json:"matches"`
	CodeCompared bool   `json:"code_compared"` // and not only sizes
	Counts       Counts `json:"counts"`

	Options      []Option     `json:"options"` // that differ, by name
	SameCompiler bool         `json:"same_compiler"`
	Reasons      []Reason     `json:"reasons"` // of the differences, the most frequent first
	Differences  []Difference `json:"differences"`
	Warnings     []string     `json:"warnings,omitempty"`
}

// A Side is one of the two hypervisors.
type Side struct {
	Symbols  int    `json:"symbols"` // of code, with a size
	Labels   int    `json:"labels"`
	BuildID  string `json:"build_id,omitempty"`
	Compiler string `json:"compiler,omitempty"`
	Banner   string `json:"banner,omitempty"`
	Options  int    `json:"config_options"`  // 0 where the configuration is not known
	Embedded bool   `json:"config_embedded"` // and not only given
}

// Counts are numbers of symbols; those of which code or section differs are among
// those of the same size.
type Counts struct {
	SameSize       int `json:"same_size"`
	CodeDiffers    int `json:"code_differs"`
	SectionDiffers int `json:"section_differs"`
	SizeDiffers    int `json:"size_differs"`
	Clones         int `json:"clones"`
	OnlyShipped    int `json:"only_shipped"`
	OnlyRebuilt    int `json:"only_rebuilt"`
	LabelsSame     int `json:"labels_same"`
	LabelsDiffer   int `json:"labels_differ"`
}

// A Change is how a symbol differs.
type Change string

const (
	Size        Change = "size"         // another size
	Code        Change = "code"         // the same size, but not the same instructions
	Section     Change = "section"      // the same size, in another section
	Clone       Change = "clone"        // another copy of it, which the compiler made
	OnlyShipped Change = "only-shipped" // not in the rebuilt hypervisor
	OnlyRebuilt Change = "only-rebuilt"
	Label       Change = "label" // assembly up to the next label has another length, or a label is in one only
)

// A Difference is a symbol that is not the same in both. Several of one name in one
// file are compared as a whole: those of the same size are the same ones.
type Difference struct {
	File    string  `json:"file,omitempty"` // of a local symbol
	Name    string  `json:"name"`
	Change  Change  `json:"change"`
	As      string  `json:"as,omitempty"`      // its name in the rebuilt hypervisor, of a clone
	Shipped *uint64 `json:"shipped,omitempty"` // sizes, absent where there is none
	Rebuilt *uint64 `json:"rebuilt,omitempty"`
	Reason  Because `json:"reason"`

	symbol *Symbol // one of them
	in     *Hypervisor
}

// Compare sets a rebuilt hypervisor beside the one that was shipped.
func Compare(shipped, rebuilt *Hypervisor, given Given) *Result {
	c := &comparison{shipped: shipped, rebuilt: rebuilt, code: newResolver(shipped, rebuilt), result: &Result{}}
	c.pairAll(shipped.Symbols, rebuilt.Symbols, c.pair)
	c.joinClones()
	c.pairAll(shipped.Labels, rebuilt.Labels, c.pairLabels)
	r := c.result
	slices.SortFunc(r.Differences, func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(a.Name, b.Name), cmp.Compare(a.Change, b.Change), strings.Compare(a.As, b.As))
	})
	c.count()
	r.Matches, r.CodeCompared = len(r.Differences) == 0, c.code != nil
	c.explain(given)
	return r
}

type comparison struct {
	shipped, rebuilt *Hypervisor
	code             *resolver // nil where code cannot be compared
	result           *Result
}

// A key is how both hypervisors call a symbol.
type key struct{ file, name string }

// pairAll calls with for each key that one of two lists of symbols has.
func (c *comparison) pairAll(shipped, rebuilt []Symbol, with func(k key, a, b []*Symbol)) {
	group := func(list []Symbol) map[key][]*Symbol {
		m := make(map[key][]*Symbol, len(list))
		for i := range list {
			k := key{list[i].File, list[i].Name}
			m[k] = append(m[k], &list[i])
		}
		return m
	}
	a, b := group(shipped), group(rebuilt)
	keys := slices.Collect(maps.Keys(a))
	for k := range b {
		if a[k] == nil {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(x, y key) int { return cmp.Or(strings.Compare(x.file, y.file), strings.Compare(x.name, y.name)) })
	for _, k := range keys {
		with(k, a[k], b[k])
	}
}

// pair compares the symbols of one key, one in most cases: each finds one of the
// same size, if there is one with the same code that one; what is left differs.
func (c *comparison) pair(k key, a, b []*Symbol) {
	a, b = take(a, b, func(x, y *Symbol) bool {
		return x.Size == y.Size && x.Section == y.Section && c.sameCode(x, y) && c.same(k, x, y, "")
	})
	a, b = take(a, b, func(x, y *Symbol) bool {
		return x.Size == y.Size && x.Section == y.Section && c.same(k, x, y, Code)
	})
	a, b = take(a, b, func(x, y *Symbol) bool { return x.Size == y.Size && c.same(k, x, y, Section) })
	for len(a) > 0 && len(b) > 0 {
		c.differ(Difference{File: k.file, Name: k.name, Change: Size, Shipped: size(a[0]), Rebuilt: size(b[0]), symbol: a[0], in: c.shipped})
		a, b = a[1:], b[1:]
	}
	for _, s := range a {
		c.differ(Difference{File: k.file, Name: k.name, Change: OnlyShipped, Shipped: size(s), symbol: s, in: c.shipped})
	}
	for _, s := range b {
		c.differ(Difference{File: k.file, Name: k.name, Change: OnlyRebuilt, Rebuilt: size(s), symbol: s, in: c.rebuilt})
	}
}

// same notes two symbols of one size, and how they differ nevertheless.
func (c *comparison) same(k key, x, y *Symbol, but Change) bool {
	c.result.Counts.SameSize++
	if but != "" {
		c.differ(Difference{File: k.file, Name: k.name, Change: but, Shipped: size(x), Rebuilt: size(y), symbol: x, in: c.shipped})
	}
	return true
}

func (c *comparison) differ(d Difference) { c.result.Differences = append(c.result.Differences, d) }

func size(s *Symbol) *uint64 { n := s.Size; return &n }

// window is how many symbols of one name in one file are tried: real ones are two
// or three.
const window = 64

// take takes out of two lists what is alike, in the order of the first.
func take(a, b []*Symbol, alike func(x, y *Symbol) bool) (restA, restB []*Symbol) {
	b = slices.Clone(b)
	for _, x := range a {
		i := slices.IndexFunc(b[:min(len(b), window)], func(y *Symbol) bool { return alike(x, y) })
		if i < 0 {
			restA = append(restA, x)
			continue
		}
		b = slices.Delete(b, i, i+1)
	}
	return restA, b
}

// sameCode compares instructions. What says who compiled the hypervisor, where and
// when (common/version.c) is another with every build.
func (c *comparison) sameCode(x, y *Symbol) bool {
	return c.code == nil || !x.Local && strings.HasPrefix(x.Name, "xen_compile") || c.code.same(x, y)
}

// pairLabels compares labels of one key by the distance to the next one.
func (c *comparison) pairLabels(k key, a, b []*Symbol) {
	a, b = take(a, b, func(x, y *Symbol) bool {
		if x.Size == y.Size && x.Section == y.Section {
			c.result.Counts.LabelsSame++
			return true
		}
		return false
	})
	for n := range max(len(a), len(b)) {
		d := Difference{File: k.file, Name: k.name, Change: Label}
		if n < len(b) {
			d.Rebuilt, d.symbol, d.in = size(b[n]), b[n], c.rebuilt
		}
		if n < len(a) {
			d.Shipped, d.symbol, d.in = size(a[n]), a[n], c.shipped
		}
		c.differ(d)
	}
}

// cloneSuffix is what gcc puts behind the name of a copy of a function that it
// made, and clang behind that of one it took apart.
var cloneSuffix = regexp.MustCompile(`(?:\.(?:isra|constprop|part|cold|localalias|lto_priv|llvm)(?:\.\d+)?)+$`)

// stem is the name of a function in the source.
func stem(name string) string {
	if i := cloneSuffix.FindStringIndex(name); i != nil && i[0] > 0 {
		return name[:i[0]]
	}
	return name
}

// joinClones makes one difference of two if the compiler only copied a function in
// another way: foo.isra.0 in one hypervisor, foo in the other.
func (c *comparison) joinClones() {
	gone := map[key][]int{}
	list := c.result.Differences
	for i := range list {
		if d := &list[i]; d.Change == OnlyShipped {
			k := key{d.File, stem(d.Name)}
			gone[k] = append(gone[k], i)
		}
	}
	drop := make([]bool, len(list))
	for i := range list {
		d := &list[i]
		k := key{d.File, stem(d.Name)}
		if d.Change != OnlyRebuilt || len(gone[k]) == 0 {
			continue
		}
		was := &list[gone[k][0]]
		gone[k] = gone[k][1:]
		was.Change, was.As, was.Rebuilt = Clone, d.Name, d.Rebuilt
		drop[i] = true
	}
	rest := list[:0]
	for i := range list {
		if !drop[i] {
			rest = append(rest, list[i])
		}
	}
	c.result.Differences = rest
}

// count counts the differences by their kind.
func (c *comparison) count() {
	n := &c.result.Counts
	for i := range c.result.Differences {
		switch c.result.Differences[i].Change {
		case Code:
			n.CodeDiffers++
		case Section:
			n.SectionDiffers++
		case Size:
			n.SizeDiffers++
		case Clone:
			n.Clones++
		case OnlyShipped:
			n.OnlyShipped++
		case OnlyRebuilt:
			n.OnlyRebuilt++
		case Label:
			n.LabelsDiffer++
		}
	}
}
