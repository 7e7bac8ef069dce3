package objdiff

import "bytes"

// Code of 32 bits runs at boot only and comes without -ffunction-sections: no
// function of it can be patched. It is compared by section, without regard to
// symbols.

// is32 tells whether a file is a relocatable object of 32 bits.
func is32(data []byte) bool {
	return len(data) >= 52 && string(data[:6]) == "\x7fELF\x01\x01" && le.Uint16(data[16:]) == etRel
}

// compare32 lists the sections that differ, of those that are loaded.
func compare32(old, new []byte) *Ignored {
	a, b := loaded32(old), loaded32(new)
	var g Ignored
	for name, data := range b {
		if was, ok := a[name]; !ok || !bytes.Equal(was, data) {
			g.Text = append(g.Text, name)
		}
	}
	for name := range a {
		if _, ok := b[name]; !ok {
			g.Text = append(g.Text, name)
		}
	}
	if len(g.Text) == 0 {
		return nil
	}
	g.Text = sorted(g.Text)
	return &g
}

// loaded32 are the contents of the loaded sections by name. What lies outside
// the file counts as empty.
func loaded32(data []byte) map[string][]byte {
	m := map[string][]byte{}
	off, count, names := uint64(le.Uint32(data[32:])), int(le.Uint16(data[48:])), int(le.Uint16(data[50:]))
	if off > uint64(len(data)) || (uint64(len(data))-off)/40 < uint64(count) || names >= count {
		return m
	}
	header := func(i int) []byte { return data[off+uint64(i)*40:][:40] }
	body := func(h []byte) []byte {
		at, size := uint64(le.Uint32(h[16:])), uint64(le.Uint32(h[20:]))
		if le.Uint32(h[4:]) == shtNobits || at+size > uint64(len(data)) {
			return nil
		}
		return data[at : at+size]
	}
	strtab := string(body(header(names)))
	for i := 1; i < count; i++ {
		h := header(i)
		if name, err := str(strtab, le.Uint32(h)); err == nil && le.Uint32(h[8:])&shfAlloc != 0 && le.Uint32(h[4:]) != 7 {
			m[name] = body(h)
		}
	}
	return m
}
