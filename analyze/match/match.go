// Package match compares the hypervisor that a vendor shipped with one that was
// rebuilt from its source, symbol by symbol, and tells why they differ where that
// can be told.
//
// A payload is made for one binary: whoever builds it from a tree, a
// configuration or a compiler other than those of the shipped xen-syms builds it
// for a hypervisor that does not run anywhere. Read takes from a linked xen-syms
// (the ELF-64 Object File Format) its code, its build-id (the note that
// xen/arch/*/xen.lds.S keeps), its compilers (.comment, DWARF's DW_AT_producer
// and the banner of xen/common/version.c), and the configuration that
// xen/common/Makefile embeds with CONFIG_HYPFS_CONFIG. Compare sets two of them
// side by side.
//
// Symbols are compared by size, as the tools that make payloads look them up, and
// where their size is the same by their code, with the places that hold addresses
// compared by what they point to. Data is not compared, and neither is assembly
// that has no symbols of its own with a size: of its labels only the distance to
// the next one is known. A reason is what can be shown from the two
// configurations, the two compilers and the source at hand. It is not a proof:
// where an option could explain a difference, a missing patch at the same place is
// not seen. Files are foreign bytes: whatever they hold, the answer is a result or
// an error.
package match

import (
	"fmt"

	"lpready/analyze/csource"
)

// A Hypervisor is what a linked xen-syms says about itself.
type Hypervisor struct {
	Symbols  []Symbol // code: what has a size and lies in an executable section; by address
	Labels   []Symbol // places in code without a size, which assembly has; by address
	BuildID  string   // in hex, empty if there is none
	Compiler Compiler
	Config   csource.Config // what it embeds, nil if it embeds none

	// ConfigError says why an embedded configuration could not be read.
	ConfigError error

	image  image
	others []Symbol       // data, and what stands in no source; by address
	order  map[string]int // FILE symbols, in the order in which they were linked
}

// A Symbol is a named piece of a hypervisor. The size of a label is the distance
// to the next symbol of its section, or to the section's end.
type Symbol struct {
	Name    string
	File    string // of a local symbol: its FILE symbol, such as common/domain.c
	Section string
	Addr    uint64
	Size    uint64
	Local   bool
}

// A Compiler says what made a hypervisor, as far as it says so itself.
type Compiler struct {
	Comments  []string // the strings of .comment, sorted
	Producers []string // DW_AT_producer of the units in C, without their options; sorted
	Banner    string   // of common/version.c: gcc (Debian 12.2.0-14+deb12u1) 12.2.0
}

// String is the best name of the compiler, empty if nothing is known.
func (c Compiler) String() string {
	for _, list := range [][]string{c.Comments, c.Producers} {
		if len(list) > 0 {
			return join(list)
		}
	}
	return c.Banner
}

// Read reads a linked hypervisor with symbols. The result shares the bytes of
// data, which must not change while it is in use.
func Read(data []byte) (h *Hypervisor, err error) {
	defer func() {
		// Last resort: a hostile file must not stop the program.
		if r := recover(); r != nil {
			h, err = nil, fmt.Errorf("expected a hypervisor as linkers make them: %v", r)
		}
	}()
	return read(data)
}

func read(data []byte) (*Hypervisor, error) {
	h := &Hypervisor{}
	if err := h.image.read(data); err != nil {
		return nil, err
	}
	if err := h.readSymbols(); err != nil {
		return nil, err
	}
	h.BuildID = h.image.buildID()
	h.Compiler = h.image.compiler()
	h.Config, h.ConfigError = h.config()
	return h, nil
}
