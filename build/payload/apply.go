package payload

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
)

// apply is livepatch_action for APPLY and REPLACE, as far as a file decides it.
func (v *verifier) apply() {
	v.stacked()
	for i := range v.p.Functions {
		v.expectation(&v.p.Functions[i])
	}
	for i := range v.p.Sections {
		s := &v.p.Sections[i]
		if s.Loaded() && s.Flags&(shfWrite|shfExec) == shfWrite && s.Size > 0 && s.Name != funcsSection {
			v.add("reapply", where{section: s.Name}, "it has data that is written: once reverted, it cannot be applied again as it is")
		}
	}
}

// stacked is build_id_dep: what must lie below.
func (v *verifier) stacked() {
	want, below := "", "hypervisor"
	switch {
	case v.p.Depends == "":
		return
	case v.opt.Previous != nil && !v.opt.Replace:
		want, below = v.opt.Previous.BuildID, cmp.Or(v.opt.Before, "previous payload")
		delete(v.why, "depends")
	case v.h == nil:
		return
	default:
		want = v.h.BuildID
	}
	if v.p.Depends != want {
		v.add("depends", where{section: dependsSection},
			fmt.Sprintf("it must be applied upon build-id %s, and the %s has %s", v.p.Depends, below, cmp.Or(want, "none")), below)
	}
}

// Errors of the loader.
const errRange, errInvalid = -34, -22

// expectation is livepatch_verify_expectation_fn.
func (v *verifier) expectation(f *Function) {
	e := f.Expect
	if e == nil {
		return
	}
	at := where{section: funcsSection, symbol: f.Name}
	switch {
	case e.Reserved != 0:
		v.add("expectation", at, "its expectation has reserved bits", f.Name, errInvalid)
		return
	case f.OldSize < uint32(e.Length):
		v.add("expectation", at, fmt.Sprintf("it expects %d bytes of a function that has %d", e.Length, f.OldSize), f.Name, errRange)
		return
	case v.h == nil:
		return
	}
	addr := cmp.Or(f.OldAddr, v.lookup(f.Name))
	if actual := hex.EncodeToString(v.h.bytes(addr, e.Length)); addr != 0 && actual != e.Data {
		v.add("expectation-bytes", at, fmt.Sprintf("it expects the function to begin with %s, and it begins with %s", e.Data, cmp.Or(actual, "nothing")), f.Name)
	}
}

// vetoing is the first hook that makes REPLACE impossible, empty if there is none.
func (p *Payload) vetoing() string {
	for i := range p.Hooks {
		if p.Hooks[i].Vetoing() {
			return p.Hooks[i].Kind
		}
	}
	return ""
}

// replace looks at the hooks that REPLACE does not go with.
func (v *verifier) replace() {
	kind := v.p.vetoing()
	at := where{section: hooksPrefix + kind}
	switch {
	case kind != "" && v.opt.Replace:
		v.add("vetoing-hooks", at, fmt.Sprintf("it is to replace others, and has a %s hook", kind))
	case kind != "":
		v.add("vetoing-hooks-policy", at, fmt.Sprintf("it has a %s hook", kind))
	}
	if v.opt.Previous != nil && v.opt.Replace {
		if kind := v.opt.Previous.vetoing(); kind != "" {
			v.add("vetoing-hooks-previous", where{}, fmt.Sprintf("it is to replace a payload that has a %s hook", kind))
		}
	}
}

// broken are the releases that write to .livepatch.funcs while it is read-only: they
// have upstream commit 8676092a0f16 and lack its fix.
var broken = []string{"4.16.4", "4.16.5", "4.16.6", "4.16.7", "4.17.1", "4.17.2", "4.18.0"}

// base looks at what the base is known to do wrong.
func (v *verifier) base() {
	_, s := v.p.section(funcsSection)
	release := strings.FieldsFunc(v.opt.Release, func(r rune) bool { return strings.ContainsRune("+~-", r) })
	if s != nil && s.Flags&shfWrite == 0 && len(release) > 0 && slices.Contains(broken, release[0]) {
		v.add("base-broken", where{section: funcsSection}, fmt.Sprintf("Xen %s writes to it when the payload is applied, and it cannot be written", v.opt.Release))
	}
}

// expected compares with the functions that an assessment names.
func (v *verifier) expected() {
	if v.opt.Expected == nil {
		return
	}
	has := map[string][]string{} // by name in the source: files
	for i := range v.p.Functions {
		file, name := stem(v.p.Functions[i].Name)
		has[name] = append(has[name], file)
	}
	added := map[string][]string{}
	for i := range v.p.Symbols {
		if s := &v.p.Symbols[i]; s.Type == sttFunc && !s.Undefined() {
			file, name := stem(s.Name)
			added[name] = append(added[name], file)
		}
	}
	wanted := map[string][]string{}
	for _, e := range v.opt.Expected {
		_, name := stem(e.Name)
		wanted[name] = append(wanted[name], e.File)
		in := has
		if e.New {
			in = added
		}
		if slices.ContainsFunc(in[name], func(file string) bool { return sameFile(file, e.File) }) {
			continue
		}
		id, says := "function-unconfirmed", "the assessment predicts that the function changes, and the payload does not replace it"
		switch {
		case e.New:
			says = "the assessment predicts a new function, and the payload has none of this name"
		case e.Sure:
			id, says = "function-missing", "the fix changes the function, and the payload does not replace it"
		}
		v.add(id, where{symbol: e.Name}, says)
	}
	for i := range v.p.Functions {
		f := &v.p.Functions[i]
		file, name := stem(f.Name)
		if !slices.ContainsFunc(wanted[name], func(want string) bool { return sameFile(file, want) }) {
			v.add("function-extra", where{symbol: f.Name}, "the payload replaces a function that the assessment does not name")
		}
	}
}

// sameFile compares the file before a local symbol with one of the source: where one
// is not known, any will do.
func sameFile(symbol, source string) bool {
	symbol, source = path.Clean("/"+symbol), path.Clean("/"+strings.TrimPrefix(source, "xen/"))
	return symbol == "/" || source == "/" || symbol == source
}
