package objdiff

// hasLines tells whether all these numbers are lines of source that the code of
// a section comes from, by the object's table of lines (DWARF, section 6.2).
// Without a table it cannot be told, and counts as false.
func (o *object) hasLines(sec *section, numbers []uint32) bool {
	table := o.first[".debug_line"]
	if table == nil || table.rela == nil {
		return false
	}
	sections := map[uint64]*section{} // by the place of an address in the table
	for e := table.rela.raw; len(e) >= relaSize; e = e[relaSize:] {
		if i := le.Uint32(e[12:]); uint64(i) < uint64(len(o.symbols)) {
			sections[le.Uint64(e)] = o.symbols[i].sec
		}
	}
	lines := map[uint32]bool{}
	for c := (cursor{data: table.data}); c.at < len(c.data) && !c.failed; {
		c.sequences(sections, sec, lines)
	}
	for _, n := range numbers {
		if !lines[n] {
			return false
		}
	}
	return true
}

// sequences reads one unit's program of lines and collects those that belong to
// sec.
func (c *cursor) sequences(sections map[uint64]*section, sec *section, lines map[uint32]bool) {
	offset, length := 4, uint64(c.u32())
	if length == 0xffffffff {
		offset, length = 8, c.u64()
	}
	start := c.at
	if c.bytes(length); c.failed {
		return
	}
	x := cursor{data: c.data[:c.at], at: start}
	version := x.u16()
	if version >= 5 {
		x.u16() // sizes of addresses and segments
	}
	header := x.word(offset)
	program := uint64(x.at) + header
	x.u8() // shortest instruction
	if version >= 4 {
		x.u8()
	}
	x.u8()
	base, span, special := int64(int8(x.u8())), int64(x.u8()), x.u8()
	args := x.bytes(uint64(max(special, 1) - 1))
	if x.failed || span == 0 || program > uint64(len(x.data)) {
		return
	}
	x.at = int(program)
	line, here := int64(1), false
	row := func() {
		if here && line > 0 && line <= furthest {
			lines[uint32(line)] = true
		}
	}
	for x.at < len(x.data) && !x.failed {
		switch op := x.u8(); {
		case op >= special:
			line += base + int64(op-special)%span
			row()
		case op == 0: // extended
			n := x.uleb()
			at := x.at
			body := x.bytes(n)
			switch {
			case len(body) == 0:
			case body[0] == 1: // end of sequence
				line, here = 1, false
			case body[0] == 2: // address
				here = sections[uint64(at+1)] == sec
			}
		case op == 1: // copy
			row()
		case op == 3: // advance line
			line += x.sleb()
		case op == 9: // fixed advance of the address
			x.u16()
		default:
			for range args[op-1] {
				x.uleb()
			}
		}
	}
}
