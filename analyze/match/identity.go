package match

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// buildID is the description of the note NT_GNU_BUILD_ID, in hex. Xen's linker
// script keeps it in a section of its own; linkers elsewhere put it among others.
func (m *image) buildID() string {
	for i := range m.sections {
		if s := &m.sections[i]; s.typ == shtNote || s.name == ".note.gnu.build-id" {
			if id := gnuBuildID(s.data); id != "" {
				return id
			}
		}
	}
	return ""
}

// gnuBuildID looks through the notes of a section.
func gnuBuildID(notes []byte) string {
	const headerSize, ntBuildID, longest = 12, 3, 64
	for len(notes) >= headerSize {
		name, desc, typ := uint64(le.Uint32(notes)), uint64(le.Uint32(notes[4:])), le.Uint32(notes[8:])
		notes = notes[headerSize:]
		begin := (name + 3) &^ 3
		if begin+desc > uint64(len(notes)) {
			return ""
		}
		if typ == ntBuildID && string(notes[:name]) == "GNU\x00" && desc <= longest {
			return hex.EncodeToString(notes[begin : begin+desc])
		}
		notes = notes[min(begin+(desc+3)&^3, uint64(len(notes))):]
	}
	return ""
}

// config reads the configuration that common/config_data.S embeds: gzip of the
// .config, at the symbol xen_config_data. None is no error.
func (h *Hypervisor) config() (csource.Config, error) {
	data := h.datum("xen_config_data")
	if data == nil {
		return nil, nil
	}
	packed := h.image.bytes(data.Addr, data.Size)
	if size := h.datum("xen_config_data_size"); size != nil && data.Size == 0 {
		if word := h.image.bytes(size.Addr, 4); len(word) == 4 {
			packed = h.image.bytes(data.Addr, uint64(le.Uint32(word)))
		}
	}
	text, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("xen_config_data of %d bytes: expected gzip: %w", len(packed), err)
	}
	// Reads no more than its own limit, whatever the text unpacks to.
	return csource.ParseConfig("xen_config_data", text)
}

// datum is the variable of that name, or the symbol of the linker script; nil if
// there is none.
func (h *Hypervisor) datum(name string) *Symbol {
	for i := range h.others {
		if h.others[i].Name == name {
			return &h.others[i]
		}
	}
	return nil
}

// Limits on what compilers are called.
const (
	maxProducer  = 4096 // bytes; gcc's lists its options
	maxProducers = 64
)

func (m *image) compiler() Compiler {
	c := Compiler{Producers: m.producers(), Banner: m.banner()}
	if s := m.named(".comment"); s != nil {
		for text := range bytes.SplitSeq(s.data, []byte{0}) {
			if len(text) > 0 && len(text) <= maxProducer && len(c.Comments) < maxProducers {
				c.Comments = append(c.Comments, string(text))
			}
		}
		c.Comments = sorted(c.Comments)
	}
	return c
}

// banner finds what "$(CC) --version | head -1" said, which xen/Makefile puts into
// compile.h as XEN_COMPILER and common/version.c into the read-only data.
func (m *image) banner() string {
	for i := range m.sections {
		s := &m.sections[i]
		if s.flags&shfAlloc == 0 || s.exec() {
			continue
		}
		if found := bannerText.Find(s.data); found != nil {
			return string(bytes.Trim(found, "\x00"))
		}
	}
	return ""
}

var bannerText = regexp.MustCompile(`\x00[\w.+-]{0,64}(?:gcc(?:-[\d.]+)? \([^\x00\n]{1,100}\) \d+\.\d[^\x00\n]{0,100}|clang version \d[^\x00\n]{0,100})\x00`)

// same tells whether two compilers can be told apart: by what both say, the most
// exact first. Comments and banners name the package, producers only the version.
func (c Compiler) same(other Compiler) bool {
	switch {
	case len(c.Comments) > 0 && len(other.Comments) > 0:
		return slices.Equal(c.Comments, other.Comments)
	case len(c.Producers) > 0 && len(other.Producers) > 0:
		return slices.Equal(c.Producers, other.Producers)
	}
	a, b := version(c.String()), version(other.String())
	return a == "" || b == "" || a == b
}

// version is the number of a compiler, the last of its name: "12.2.0".
func version(name string) string {
	list := versionNumber.FindAllString(name, -1)
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

var versionNumber = regexp.MustCompile(`\d+\.\d+(?:\.\d+)?`)

func join(list []string) string { return strings.Join(list, ", ") }

func sorted[T cmp.Ordered](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}
