package payload

import (
	"fmt"
	"slices"
	"strings"
)

// Numbers of xen/include/asm-x86/livepatch.h and endbr.h.
const (
	payloadVersion = 2
	jumpSize       = 5 // ARCH_PATCH_INSN_SIZE
	endbr64Size    = 4
	reach          = 2 << 30 // ARCH_LIVEPATCH_RANGE
)

// endbr64 and what Xen puts in its place at boot, from 4.17 on, where nothing calls
// a function indirectly any more.
var endbr64, endbr64Poison = []byte("\xf3\x0f\x1e\xfa"), []byte("\x66\x0f\x1f\x01")

// functions is prepare_payload as far as it looks at .livepatch.funcs.
func (v *verifier) functions() {
	_, s := v.p.section(funcsSection)
	if s == nil || !s.Loaded() || !v.sized(s, funcSize2) {
		return
	}
	list := v.m.functions()
	for i := range list {
		v.function(&list[i])
	}
}

func (v *verifier) function(f *Function) {
	at := where{section: funcsSection, symbol: f.Name}
	if f.Version != payloadVersion {
		v.add("version", at, fmt.Sprintf("its entry has version %d, expected %d", f.Version, payloadVersion), f.Version, payloadVersion)
		return
	}
	if f.OldSize == 0 {
		v.add("old-size-zero", at, "the old function has no size")
		return
	}
	old := v.oldAddress(f, at)
	if f.newAddr == 0 {
		v.nop(f, at)
		return
	}
	v.oldSize(f, old, at)
	if v.h == nil || old == 0 {
		return
	}
	if d := int64(old - f.newAddr); d < -reach || d >= reach {
		v.add("distance", at, "the new function is farther than 2 GiB from the old one")
	}
}

// oldAddress is resolve_old_address, with what no hypervisor asks.
func (v *verifier) oldAddress(f *Function, at where) uint64 {
	if f.OldAddr != 0 {
		v.readable(f, f.OldAddr, at)
		return f.OldAddr
	}
	if v.h == nil {
		return 0
	}
	list := v.h.symbols[f.Name]
	addr := v.lookup(f.Name)
	switch {
	case addr == 0:
		v.add("old-address", at, "the base has no such function", f.Name)
		return 0
	case len(list) > 1:
		v.add("symbol-ambiguous", at, fmt.Sprintf("the base has %d functions of this name", len(list)))
	case len(list) == 1 && list[0].size > 0 && list[0].size != uint64(f.OldSize) && !v.replacedBefore(f):
		v.add("old-size-differs", at, fmt.Sprintf("the payload was made for a function of %d bytes, that of the base has %d", f.OldSize, list[0].size))
	}
	v.readable(f, addr, at)
	return addr
}

// replacedBefore tells whether the size that a function was made for is that of a
// payload which stays applied below: who builds upon it has its code in the source.
func (v *verifier) replacedBefore(f *Function) bool {
	return !v.opt.Replace && slices.ContainsFunc(v.applied(), func(p *Payload) bool {
		return slices.ContainsFunc(p.Functions, func(o Function) bool { return o.Name == f.Name && o.New != "" && o.NewSize == f.OldSize })
	})
}

// applied are the payloads that are applied already, the latest first.
func (v *verifier) applied() []*Payload {
	if v.opt.Previous == nil {
		return nil
	}
	return append([]*Payload{v.opt.Previous}, v.opt.Below...)
}

// readable wants an old function to be where the loader can read it, which it does
// to see whether it begins with ENDBR64.
func (v *verifier) readable(f *Function, addr uint64, at where) {
	switch {
	case v.h == nil || f.newAddr == 0:
	case v.h.isInit(addr):
		v.add("init-function", at, "the function lies in memory that is freed after boot, and the loader reads it")
	case f.OldAddr != 0 && v.h.at(addr) == nil:
		v.add("old-address-outside", at, fmt.Sprintf("the address %#x is not in the base, and the loader reads it", addr))
	}
}

// nop is arch_livepatch_verify_func for code that is replaced by nothing.
func (v *verifier) nop(f *Function, at where) {
	switch {
	case f.NewSize > opaqueSize:
		v.add("nop-size", at, fmt.Sprintf("%d bytes are to be replaced by nothing, expected at most %d", f.NewSize, opaqueSize))
	case f.OldSize < f.NewSize:
		v.add("nop-size", at, fmt.Sprintf("%d bytes are to be replaced by nothing, and the function has %d", f.NewSize, f.OldSize))
	}
}

// oldSize is arch_livepatch_verify_func for a jump.
func (v *verifier) oldSize(f *Function, old uint64, at where) {
	if f.OldSize < jumpSize {
		v.add("old-size", at, fmt.Sprintf("the old function has %d bytes, expected at least %d", f.OldSize, jumpSize))
		return
	}
	if v.h == nil || f.OldSize >= jumpSize+endbr64Size {
		return
	}
	code := string(v.h.bytes(old, endbr64Size))
	if code == string(endbr64) || v.minor >= 17 && code == string(endbr64Poison) {
		v.add("old-size-endbr64", at, fmt.Sprintf("the old function has %d bytes and begins with ENDBR64, expected at least %d", f.OldSize, jumpSize+endbr64Size))
	}
}

// hooks looks at the tables of hooks. Those of load and unload may hold several.
func (v *verifier) hooks() {
	for _, kind := range hookKinds {
		_, s := v.p.section(hooksPrefix + kind)
		if s == nil || !v.sized(s, 8) {
			continue
		}
		if kind != "load" && kind != "unload" && s.Size > 8 {
			v.add("hook-size", where{section: s.Name}, fmt.Sprintf("it holds %d hooks, expected one", s.Size/8))
		}
	}
}

// notes looks at the build-ids.
func (v *verifier) notes() {
	names := []string{buildIDSection, dependsSection, xenDependsSection}
	if v.minor >= 18 {
		names = names[:2] // the last one was looked at before
	}
	for _, name := range names {
		if _, s := v.p.section(name); s != nil && s.Size > 0 {
			if _, ok := v.m.note(name); !ok {
				v.add("note", where{section: name}, "the section holds no build-id")
			}
		}
	}
	if before := v.opt.Previous; before != nil && v.p.BuildID != "" && before.BuildID == v.p.BuildID {
		v.add("already-loaded", where{section: buildIDSection}, "the previous payload has the same build-id")
	}
}

// optional looks at the sections that may be there.
func (v *verifier) optional() {
	for _, o := range []struct {
		name string
		size uint64
		then func(data []byte)
		from int
	}{
		{".bug_frames.0", 8, nil, 0}, {".bug_frames.1", 8, nil, 0}, {".bug_frames.2", 8, nil, 0}, {".bug_frames.3", 8, nil, 0},
		{".altinstructions", alternativeSize, v.alternatives, 0},
		{".alt_call_sites", 4, v.calls, 21},
		{".ex_table", 8, nil, 0},
	} {
		i, s := v.p.section(o.name)
		if s == nil || v.minor < o.from || !v.sized(s, o.size) || o.then == nil || s.Size == 0 || !s.Loaded() {
			continue
		}
		o.then(v.m.contents(i))
	}
	i, s := v.p.section(modinfoSection)
	if s == nil {
		return
	}
	at := where{section: modinfoSection}
	switch data := v.m.contents(i); {
	case len(data) == 0:
		v.add("metadata-empty", at, "the section is empty, and the loader reads the byte before its end, 4 GiB away")
	case data[len(data)-1] != 0:
		v.add("metadata", at, "the last string does not end")
	}
}

// alternativeSize is that of struct alt_instr, maxAlternative MAX_PATCH_LEN of
// xen/arch/x86/alternative.c.
const alternativeSize, maxAlternative = 14, 254

// alternatives looks at struct alt_instr: distances to the code and to what
// replaces it, the feature, and the lengths of both and of the padding.
func (v *verifier) alternatives(data []byte) {
	i, _ := v.p.section(".altinstructions")
	if v.m.text.size == 0 && v.minor >= 17 {
		v.add("alternatives-no-text", where{section: ".altinstructions"}, "it has alternatives and no code")
		return
	}
	number, replacement := v.p.section(".altinstr_replacement")
	if replacement == nil && v.minor >= 17 {
		v.add("alternatives-no-replacement", where{section: ".altinstructions"}, "it has alternatives without their code")
		return
	}
	for n := 0; len(data) >= alternativeSize; n, data = n+1, data[alternativeSize:] {
		at := where{section: ".altinstructions", relocation: fmt.Sprintf("entry %d", n)}
		here := v.m.addr[i] + uint64(n*alternativeSize)
		from := here + uint64(int64(int32(le.Uint32(data))))
		to := here + 4 + uint64(int64(int32(le.Uint32(data[4:]))))
		length, with, pad := uint64(data[10]), uint64(data[11]), uint64(data[12])
		if !v.m.text.holds(from, length) {
			v.add("alternatives-original", at, "it would change code outside of the payload", length, v.m.text.size)
		}
		if r := (region{v.m.addr[number], 0}); replacement != nil {
			if r.size = replacement.Size; !r.holds(to, with) {
				v.add("alternatives-replacement", at, "its code is not in .altinstr_replacement", with, r.size)
			}
		}
		if with > length+pad || length+pad > maxAlternative {
			v.add("alternatives-length", at, fmt.Sprintf("its code has %d bytes, and there is room for %d", with, min(length+pad, maxAlternative)))
		}
	}
}

// callSize is ALT_CALL_LEN: an indirect call through memory.
const callSize = 6

// calls looks at struct alt_call: a distance to the call.
func (v *verifier) calls(data []byte) {
	i, _ := v.p.section(".alt_call_sites")
	if v.m.text.size == 0 {
		v.add("calls-no-text", where{section: ".alt_call_sites"}, "it has calls to patch and no code")
		return
	}
	for n := 0; len(data) >= 4; n, data = n+1, data[4:] {
		from := v.m.addr[i] + uint64(n*4) + uint64(int64(int32(le.Uint32(data))))
		if !v.m.text.holds(from, callSize) {
			at := where{section: ".alt_call_sites", relocation: fmt.Sprintf("entry %d", n)}
			v.add("calls-original", at, "it would change code outside of the payload", callSize, v.m.text.size)
		}
	}
}

// isPayloadSymbol tells whether the loader keeps a symbol: is_payload_symbol.
func (p *Payload) isPayloadSymbol(s *Symbol) bool {
	if s.Undefined() || int(s.Section) >= len(p.Sections) || s.Name == "" {
		return false
	}
	sec := &p.Sections[s.Section]
	return sec.Loaded() && (sec.Flags&shfMerge == 0 || !strings.HasPrefix(s.Name, ".L"))
}

// newSymbols are the symbols that a payload adds: those that stand for no function
// that it replaces (build_symbol_table).
func (m *image) newSymbols() (list []int) {
	replaces := map[uint64]bool{}
	for _, f := range m.functions() {
		replaces[f.newAddr] = true
	}
	for i := 1; i < len(m.p.Symbols); i++ {
		if m.p.isPayloadSymbol(&m.p.Symbols[i]) && !replaces[m.value[i]] {
			list = append(list, i)
		}
	}
	return list
}

// duplicates is build_symbol_table: a new symbol must be new.
func (v *verifier) duplicates() {
	var names []string
	for _, i := range v.m.newSymbols() {
		names = append(names, v.p.Symbols[i].Name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if v.h != nil {
			if _, ok := v.h.find(name); ok {
				v.add("duplicate", where{symbol: name}, "the base has a symbol of the name of a new one", name)
				continue
			}
		}
		if v.opt.Previous != nil && v.opt.Previous.added[name] != 0 {
			v.add("duplicate-previous", where{symbol: name}, "the previous payload has a new symbol of the same name", name)
		}
	}
}
