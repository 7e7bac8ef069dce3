package boot

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"lpready/build/payload"
)

// copyOf makes what stands in for a second payload: the same one with another name,
// another build-id, and other names for its new symbols, of which no two payloads may
// have the same. Stacked, it depends on the first. Where it cannot be made it says why.
func copyOf(one *Payload, stacked bool) (*Payload, error) {
	data := bytes.Clone(one.Data)
	p, err := payload.Read(data) // shares its bytes
	if err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(p.BuildID)
	if err != nil || len(id) == 0 {
		return nil, fmt.Errorf("it has no build-id")
	}
	depends, _ := hex.DecodeString(p.Depends)
	for i := range p.Sections {
		s := &p.Sections[i]
		switch {
		case s.Name == ".note.gnu.build-id":
			if at := bytes.Index(s.Data, id); at >= 0 {
				s.Data[at] ^= 0xff
			}
		case s.Name == ".livepatch.depends" && stacked && len(depends) == len(id):
			if at := bytes.Index(s.Data, depends); at >= 0 {
				copy(s.Data[at:], one.buildID())
			}
		}
	}
	if err := renameNew(p); err != nil {
		return nil, err
	}
	return &Payload{Name: copyName(one.Name), Data: data, Verified: one.Verified}, nil
}

// buildID is that of a payload, nil if it has none.
func (one *Payload) buildID() []byte {
	p, err := payload.Read(one.Data)
	if err != nil {
		return nil
	}
	id, _ := hex.DecodeString(p.BuildID)
	return id
}

// vetoing is the kind of a payload's first hook that REPLACE does not go with.
func vetoing(one *Payload) string {
	if p, err := payload.Read(one.Data); err == nil {
		for i := range p.Hooks {
			if p.Hooks[i].Vetoing() {
				return p.Hooks[i].Kind
			}
		}
	}
	return ""
}

// copyName is within the limit of names.
func copyName(name string) string {
	const most = 120
	return name[:min(len(name), most)] + "-copy"
}

// Types of sections, and the size of an entry of the table of symbols.
const sectionSymbols, symbolEntry = 2, 24

// renameNew gives new symbols another first letter, where no other symbol's name
// shares it.
func renameNew(p *payload.Payload) error {
	fresh := map[string]bool{}
	for _, name := range p.NewSymbols() {
		fresh[name] = true
	}
	symbols, names := tables(p)
	type span struct{ from, to int } // of a name
	var change, keep []span
	for ; len(symbols) >= symbolEntry; symbols = symbols[symbolEntry:] {
		from := int(binary.LittleEndian.Uint32(symbols))
		if from <= 0 || from >= len(names) {
			continue
		}
		n := bytes.IndexByte(names[from:], 0)
		switch {
		case n <= 0:
		case fresh[string(names[from:from+n])]:
			change = append(change, span{from, from + n})
		default:
			keep = append(keep, span{from, from + n})
		}
	}
	for _, c := range change {
		for _, k := range keep {
			if k.from <= c.from && c.from < k.to {
				return fmt.Errorf("its new symbol %s shares its name with another symbol", names[c.from:c.to])
			}
		}
	}
	done := map[int]bool{}
	for _, c := range change {
		if !done[c.from] {
			done[c.from] = true
			names[c.from] = otherLetter(names[c.from])
		}
	}
	return nil
}

func otherLetter(c byte) byte {
	if c == 'Z' {
		return 'Y'
	}
	return 'Z'
}

// tables are the bytes of the symbols and of their names.
func tables(p *payload.Payload) (symbols, names []byte) {
	for i := range p.Sections {
		if s := &p.Sections[i]; s.Type == sectionSymbols && int(s.Link) < len(p.Sections) {
			return s.Data, p.Sections[s.Link].Data
		}
	}
	return nil, nil
}
