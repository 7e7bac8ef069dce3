// Package objdiff compares two versions of an object file of Xen, before and
// after a patch, and tells what a live patch made of them would hold.
//
// It follows the semantics of create-diff-object of livepatch-build-tools: what
// has changed is told by sections (-ffunction-sections, -fdata-sections),
// symbols and relocations; what changed and what that needs is included; what
// cannot be included is refused, in that tool's words. Beyond it, the package
// tells what the tool passes over in silence (init code, assembly, the code that
// alternatives put in place), which functions differ in nothing but a line
// number, which types changed their layout, and where a function was inlined;
// the last two from DWARF, versions 2 to 5.
//
// The formats are those of the ELF-64 Object File Format, the System V ABI for
// x86-64 and the DWARF 5 standard. Objects are x86-64 only, one compilation
// unit each as C compilers make them. What objects cannot show is not seen
// here: whether old data still means the same to new code, who holds which
// lock, what was already initialised. Files are foreign bytes: whatever they
// hold, the answer is a result or an error.
package objdiff

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// A Verdict is what create-diff-object makes of an object.
type Verdict string

const (
	Changed Verdict = "changed" // it writes an output: there is something to patch
	Same    Verdict = "same"    // it finds no functional change
	Refused Verdict = "refused" // it gives up
)

// Options say what the objects do not.
type Options struct {
	Xen     string   // version of Xen, such as "4.17"; decides sizes of entries
	Sizes   Sizes    // of entries of special sections; zero ones follow Xen
	Symbols *Symbols // of the hypervisor that is to be patched; nil leaves its part out
	NoTypes bool     // do not compare types
}

// A Diff is the difference between two versions of an object.
type Diff struct {
	Path         string   `json:"path"`
	Verdict      Verdict  `json:"verdict"`
	Exit         int      `json:"exit"` // create-diff-object's exit code
	Refusals     []string `json:"refusals,omitempty"`
	Functions    []string `json:"functions,omitempty"`         // changed, as the tool lists them
	NewFunctions []string `json:"new_functions,omitempty"`     // new and included
	Gone         []string `json:"removed_functions,omitempty"` // no longer there
	LineOnly     []string `json:"line_only,omitempty"`         // of Functions: only numbers of lines differ
	Differing    []string `json:"differing,omitempty"`         // where the tool gives up before it lists any
	Hooks        []string `json:"hooks,omitempty"`             // functions that run when the payload is loaded, applied ...
	Data         []Data   `json:"data,omitempty"`
	Ignored      *Ignored `json:"silently_ignored,omitempty"`
	Warnings     []string `json:"warnings,omitempty"` // the tool's

	Layouts    []Layout  `json:"-"`                    // of structures and unions
	Types      []Layout  `json:"-"`                    // enumerations, type names, prototypes
	Inlined    []Inlined `json:"inlined,omitempty"`    // what the changed functions swallowed
	References []string  `json:"references,omitempty"` // symbols that a payload needs from outside the object

	names *typeNames // of all types, for joining the layouts of many objects
}

// Data is one variable that is not as before.
type Data struct {
	Symbol   string `json:"symbol"`
	Section  string `json:"section"`
	Kind     string `json:"kind"` // new, changed, removed, resized
	Size     uint64 `json:"size"` // bytes, of the new one if there is one
	Included bool   `json:"included,omitempty"`
}

// Ignored is what differs but is neither included nor complained about.
type Ignored struct {
	Init         []string `json:"init,omitempty"`         // init sections
	Functions    []string `json:"functions,omitempty"`    // init functions that differ, or are gone
	Text         []string `json:"text,omitempty"`         // sections of code that is in no function
	Alternatives []string `json:"alternatives,omitempty"` // sections of alternatives
	Data         []string `json:"data,omitempty"`         // sections of data
}

// A refusal is create-diff-object giving up.
type refusal struct {
	exit int // 1 or 2
	says []string
}

func (r *refusal) Error() string { return r.says[len(r.says)-1] }

func refuse(exit int, format string, args ...any) error {
	return &refusal{exit: exit, says: []string{sprintf(format, args...)}}
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func (p *pair) warn(format string, args ...any) {
	p.warnings = append(p.warnings, sprintf(format, args...))
}

// Compare compares two versions of an object, whole files. What the tool would
// refuse is a result; an error says which of them is no object that can be read.
// The result shares no memory with the files.
func Compare(old, new []byte, opt Options) (d *Diff, err error) {
	defer func() {
		// Last resort: a hostile object must not stop the program.
		if r := recover(); r != nil {
			d, err = nil, fmt.Errorf("expected an object as compilers make them: %v", r)
		}
	}()
	return compare(old, new, opt)
}

func compare(old, new []byte, opt Options) (*Diff, error) {
	d := &Diff{Verdict: Same, Exit: 3}
	if bytes.Equal(old, new) {
		return d, nil
	}
	if is32(old) && is32(new) {
		d.Ignored = compare32(old, new)
		return d, nil
	}
	p := &pair{sizes: opt.sizes()}
	var refused *refusal
	switch err := p.read(old, new); {
	case errors.As(err, &refused):
		d.refuse(refused)
		return d, nil
	case err != nil:
		return nil, err
	}
	plain := p.plain()
	p.altDiffer = p.alternatives()
	err := p.run(d, opt)
	if err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	if refused != nil {
		d.refuse(refused)
	}
	p.report(d, plain)
	if err := p.debug(d, opt); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Diff) refuse(r *refusal) {
	d.Verdict, d.Exit, d.Refusals = Refused, r.exit, r.says
}

func (p *pair) read(old, new []byte) (err error) {
	if p.old, err = readObject(old); err != nil {
		return fmt.Errorf("old object: %w", err)
	}
	if p.new, err = readObject(new); err != nil {
		return fmt.Errorf("new object: %w", err)
	}
	return cmp.Or(p.old.nameTargets(), p.new.nameTargets())
}

// run does what create-diff-object does, in its order.
func (p *pair) run(d *Diff, opt Options) error {
	for _, step := range []func() error{
		p.misplaced, p.compareHeaders, p.new.markGroups, p.correlateAll,
		p.ignoreSections, p.compareSections, p.compareSymbols, p.markSame,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	p.includeStandard()
	n := p.includeChanged() + p.includeHooks() + p.includeNewGlobals()
	for _, s := range p.new.symbols {
		if !s.include || s.sec == nil || s.typ != sttFunc || s.parent != nil {
			continue
		}
		switch s.status {
		case isNew:
			d.NewFunctions = append(d.NewFunctions, s.name)
		case isChanged:
			d.Functions = append(d.Functions, s.name)
		}
	}
	if n == 0 {
		return nil
	}
	d.Verdict, d.Exit = Changed, 0
	if err := p.takeEntries(); err != nil {
		return err
	}
	p.includeStrings()
	if err := p.stripUndefined(); err != nil {
		return err
	}
	if err := p.verify(); err != nil {
		return err
	}
	return p.lookup(opt.Symbols)
}

func (p *pair) misplaced() error { return cmp.Or(p.old.misplaced, p.new.misplaced) }

func (p *pair) correlateAll() error {
	p.old.findChildren()
	p.new.findChildren()
	p.renameClones()
	p.correlate()
	return p.correlateStatics()
}

// sizes are those asked for, or those of the version of Xen.
func (o Options) sizes() Sizes {
	s := Sizes{Alt: 14, Bug: 8, Ex: 8}
	var major, minor int
	if n, _ := fmt.Sscanf(o.Xen, "%d.%d", &major, &minor); n == 2 && (major < 4 || major == 4 && minor < 11) {
		s.Alt = 12 // without the number of padding bytes and the feature's word
	}
	for _, f := range []struct{ to, from *int }{{&s.Alt, &o.Sizes.Alt}, {&s.Bug, &o.Sizes.Bug}, {&s.Ex, &o.Sizes.Ex}} {
		if *f.from > 0 {
			*f.to = *f.from
		}
	}
	return s
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
