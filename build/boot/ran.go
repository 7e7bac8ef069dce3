package boot

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lpready/analyze/match"
	"lpready/build/payload"
)

// A RanFunction tells whether a replacement ran, as QEMU saw it.
type RanFunction struct {
	Name  string `json:"name"`
	Ran   bool   `json:"ran"`
	Times int    `json:"times,omitempty"` // it was entered, at least: QEMU does not log what it has chained
}

// A tracer reads QEMU's log of executed blocks (-d exec), whose filter lets through the
// entries of the functions that are replaced and the addresses where payloads lie.
//
// Where Xen put the payload is seen, not guessed: the block after an old entry is the
// replacement, since all that is left of the old function is a jump, and that it begins
// so many bytes after the start of the payload's code is known from the file.
type tracer struct {
	functions []traced
	from, to  uint64 // addresses of payloads

	old   map[uint64][]int // functions by the address of their old entry
	last  map[string]uint64
	bases map[uint64]int // starts of code that were seen, how often
	hits  map[uint64]int
	line  []byte
}

// A traced is a function that is replaced.
type traced struct {
	name  string
	old   uint64 // 0 if not known
	place int64  // of its replacement in the payload's code
}

// Xen's own gigabyte, XEN_VIRT_SIZE of xen/include/asm-x86/config.h, with the stubs of
// the processors at its end.
const xenSize, stubsSize = 1 << 30, 16 << 20

// maxTraced is how many old entries go into the filter, which QEMU goes through from its
// start for every block: enough of them to see where the payload lies.
const maxTraced = 40

func newTracer(symbols *match.Hypervisor, data []byte) (*tracer, error) {
	if symbols == nil || len(symbols.Symbols) == 0 {
		return nil, errors.New("the hypervisor's symbols are not at hand")
	}
	p, err := payload.Read(data)
	if err != nil {
		return nil, err
	}
	t := &tracer{old: map[uint64][]int{}, last: map[string]uint64{}, bases: map[uint64]int{}, hits: map[uint64]int{}}
	t.to = symbols.Symbols[0].Addr&^(xenSize-1) + xenSize - stubsSize
	for _, list := range [][]match.Symbol{symbols.Symbols, symbols.Labels} {
		for i := range list {
			t.from = max(t.from, list[i].Addr+list[i].Size)
		}
	}
	addresses := map[string]uint64{}
	for i := range symbols.Symbols {
		s := &symbols.Symbols[i]
		name := s.Name
		if s.Local && s.File != "" {
			name = s.File + "#" + name
		}
		addresses[name] = s.Addr
	}
	places := p.Places()
	for i := range p.Functions {
		f := &p.Functions[i]
		one := traced{name: f.Name, old: f.OldAddr, place: places[i]}
		if one.old == 0 {
			one.old = addresses[f.Name]
		}
		if one.old != 0 && one.place >= 0 && len(t.old) < maxTraced {
			t.old[one.old] = append(t.old[one.old], i)
		}
		t.functions = append(t.functions, one)
	}
	if len(t.old) == 0 {
		return nil, errors.New("the payload replaces no function that the symbols know")
	}
	return t, nil
}

// filter is an argument for -dfilter.
func (t *tracer) filter() string {
	words := []string{fmt.Sprintf("%#x..%#x", t.from, t.to)}
	for addr := range t.old {
		words = append(words, fmt.Sprintf("%#x+1", addr))
	}
	slices.Sort(words)
	return strings.Join(words, ",")
}

// blockForm is a line of QEMU's log: which processor, and in brackets the base of the
// code segment, the address and flags.
var blockForm = regexp.MustCompile(`^Trace (\d+): \S+ \[[0-9a-f]+/([0-9a-f]+)/`)

// Write takes in the log as it comes.
func (t *tracer) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		if !whole {
			const most = 4096
			if len(t.line) < most {
				t.line = append(t.line, p...)
			}
			return n, nil
		}
		t.block(append(t.line, line...))
		t.line, p = t.line[:0], rest
	}
}

func (t *tracer) block(line []byte) {
	m := blockForm.FindSubmatch(line)
	if m == nil {
		return
	}
	addr, err := strconv.ParseUint(string(m[2]), 16, 64)
	if err != nil {
		return
	}
	cpu := string(m[1])
	if before := t.last[cpu]; before != 0 && addr >= t.from && addr < t.to {
		for _, i := range t.old[before] {
			if base := addr - uint64(t.functions[i].place); base%pageBytes == 0 {
				t.bases[base]++
			}
		}
	}
	t.last[cpu] = addr
	if addr >= t.from && addr < t.to && (len(t.hits) < maxHits || t.hits[addr] > 0) {
		t.hits[addr]++
	}
}

// pageBytes is how the loader aligns the code of a payload; maxHits bounds what is
// remembered of it: blocks of a payload of 2 MiB.
const pageBytes, maxHits = 4096, 1 << 20

// ran are the functions, in the order of the payload.
func (t *tracer) ran() []RanFunction {
	if t == nil {
		return nil
	}
	list := make([]RanFunction, len(t.functions))
	for i, f := range t.functions {
		list[i].Name = f.name
		if f.place < 0 {
			continue
		}
		for base := range t.bases {
			list[i].Times += t.hits[base+uint64(f.place)]
		}
		list[i].Ran = list[i].Times > 0
	}
	return list
}
