package objdiff

import (
	"errors"
	"fmt"
	"strings"
)

// A ctype is a type of C, or a function, at the top level of a unit. References
// are offsets in the debugging information, 0 for void.
type ctype struct {
	tag         uint16
	name        string
	size        int64 // bytes, -1 where unknown
	typ         int
	declaration bool
	members     []member // members, enumerators, parameters or dimensions
}

// A member is a member of a structure (off in bits), an enumerator (off is its
// value), a parameter or the dimension of an array (off is its length).
type member struct {
	name string
	off  int64
	bits int64 // of a bit field, else -1
	typ  int
}

// A types is all types of an object.
type types struct {
	at    map[int]*ctype
	list  []int          // keys of at, in file order
	named map[string]int // by kind and name, such as "struct domain"; complete ones only
	order []string       // keys of named, in file order
	count int            // types and members
}

// maxTypes bounds the types and members that are kept of one object; real ones
// have some thousands.
const maxTypes = 1 << 21

var errTypes = errors.New("debugging information: expected fewer types")

// readTypes reads the types of all units. Those declared inside functions are
// left out: they live no longer than a call.
func (d *dwarf) readTypes() (*types, error) {
	t := &types{at: make(map[int]*ctype, len(d.info)/64), named: make(map[string]int, len(d.info)/256)}
	units, err := d.units()
	if err != nil {
		return nil, err
	}
	for _, u := range units {
		c := cursor{data: d.info[:u.end], at: u.pos}
		var e die
		if err := u.read(&c, &e); err != nil {
			return nil, err
		}
		for e.children && c.at < u.end {
			if more, err := u.readType(&c, t, 0); err != nil {
				return nil, err
			} else if !more {
				break
			}
		}
	}
	t.nameAll()
	return t, nil
}

// readType reads the entry at the cursor with all that is in it.
func (u *unit) readType(c *cursor, t *types, depth int) (more bool, err error) {
	start := c.at
	var e die
	if err := u.read(c, &e); err != nil || e.tag == 0 {
		return false, err
	}
	keep := true
	switch e.tag {
	case tagStruct, tagUnion, tagEnum, tagArray, tagFuncType, tagTypedef, tagPointer, tagBase, tagConst, tagVolatile, tagRestrict, tagAtomic:
	case tagFunc:
		keep = e.name != ""
	default:
		keep = false
	}
	if !keep {
		return true, u.skipChildren(c, &e)
	}
	if t.count++; t.count > maxTypes || depth > 64 {
		return false, errTypes
	}
	typ := &ctype{tag: e.tag, name: e.name, size: e.size, typ: e.typ, declaration: e.declaration}
	t.at[start] = typ
	t.list = append(t.list, start)
	if !e.children {
		return true, nil
	}
	parent := e
	for {
		at := c.at
		if err := u.read(c, &e); err != nil {
			return false, err
		}
		if t.count++; t.count > maxTypes {
			return false, errTypes
		}
		switch e.tag {
		case 0:
			return true, nil
		case tagMember:
			typ.members = append(typ.members, member{e.name, e.bits(t.at), e.bitSize, e.typ})
		case tagEnumerator:
			typ.members = append(typ.members, member{e.name, e.value, -1, 0})
		case tagParam, tagVariadic:
			typ.members = append(typ.members, member{e.name, 0, -1, e.typ})
		case tagSubrange:
			typ.members = append(typ.members, member{"", e.length(), -1, 0})
		case tagStruct, tagUnion, tagEnum:
			// C has no types within types, but a compiler may nest them.
			c.at = at
			if _, err := u.readType(c, t, depth+1); err != nil {
				return false, err
			}
			continue
		default:
			if parent.tag == tagFunc && parent.sibling > c.at && parent.sibling <= u.end {
				c.at = parent.sibling // the body of a function
				return true, nil
			}
		}
		if err := u.skipChildren(c, &e); err != nil {
			return false, err
		}
	}
}

// skipChildren passes over what is in an entry.
func (u *unit) skipChildren(c *cursor, e *die) error {
	if !e.children {
		return nil
	}
	if e.sibling > c.at && e.sibling <= u.end {
		c.at = e.sibling
		return nil
	}
	var inner die
	for depth := 1; depth > 0; {
		if err := u.read(c, &inner); err != nil {
			return err
		}
		switch {
		case inner.tag == 0:
			depth--
		case inner.children && inner.sibling > c.at && inner.sibling <= u.end:
			c.at = inner.sibling
		case inner.children:
			depth++
		}
	}
	return nil
}

// bits is where a member begins, in bits from the start of what it is in.
func (e *die) bits(at map[int]*ctype) int64 {
	begin := max(e.at, 0) * 8
	switch {
	case e.dataBit >= 0:
		return e.dataBit
	case e.bitOffset >= 0 && e.bitSize >= 0: // DWARF 2 and 3 count from the other end
		size := e.size
		if size < 0 {
			if t := at[e.typ]; t != nil {
				size = t.size
			}
		}
		return begin + max(size, 0)*8 - e.bitOffset - e.bitSize
	}
	return begin
}

func (e *die) length() int64 {
	if e.count >= 0 {
		return e.count
	}
	return e.upper + 1 // 0 where unknown
}

// kinds are the words before the names of types.
var kinds = map[uint16]string{tagStruct: "struct ", tagUnion: "union ", tagEnum: "enum ", tagTypedef: "typedef ", tagFunc: "function "}

func (t *types) nameAll() {
	for _, off := range t.list {
		e := t.at[off]
		kind, ok := kinds[e.tag]
		if !ok || e.name == "" || e.declaration && e.tag != tagFunc {
			continue
		}
		key := kind + e.name
		if _, ok := t.named[key]; ok {
			continue
		}
		t.named[key] = off
		t.order = append(t.order, key)
	}
}

// resolve passes through type names and qualifiers. It returns the name that
// an anonymous structure, union or enumeration goes by.
func (t *types) resolve(off int) (e *ctype, alias string) {
	for range 64 {
		if e = t.at[off]; e == nil {
			return nil, ""
		}
		switch e.tag {
		case tagTypedef:
			alias = e.name
		case tagConst, tagVolatile, tagRestrict, tagAtomic:
		default:
			return e, alias
		}
		off = e.typ
	}
	return nil, ""
}

func (e *ctype) aggregate() bool { return e != nil && (e.tag == tagStruct || e.tag == tagUnion) }

// A typePair compares the types of two objects.
type typePair struct {
	old, new *types
	seen     map[[2]int]bool // results so far; true while being compared
	depth    int             // of types within types, now
	steps    int             // work left before the types count as hostile
}

// same tells whether two types are the same by name, or by form where they
// have none. What a named structure holds is compared where it stands itself.
func (p *typePair) same(x, y int) bool {
	e, aliasE := p.old.resolve(x)
	f, aliasF := p.new.resolve(y)
	if e == nil || f == nil {
		return e == f
	}
	if e.tag != f.tag {
		return false
	}
	switch e.tag {
	case tagBase:
		return e.name == f.name && e.size == f.size
	case tagStruct, tagUnion, tagEnum:
		if e.name != "" || f.name != "" {
			return e.name == f.name
		}
		if aliasE != "" && aliasE == aliasF {
			return true
		}
	}
	key := [2]int{x, y}
	same, ok := p.seen[key]
	if ok {
		return same
	}
	if p.depth > 200 {
		p.steps = -1
		return true
	}
	p.depth++
	p.seen[key] = true
	same = e.size == f.size && p.same(e.typ, f.typ) && p.sameMembers(e, f)
	p.seen[key] = same
	p.depth--
	return same
}

func (p *typePair) sameMembers(e, f *ctype) bool {
	if len(e.members) != len(f.members) {
		return false
	}
	for i, m := range e.members {
		n := f.members[i]
		if e.tag != tagFuncType && m.name != n.name || m.off != n.off || m.bits != n.bits || !p.same(m.typ, n.typ) {
			return false
		}
	}
	return true
}

// longest is how many bytes of a type are written.
const longest = 400

// says writes a type as C would, without the names of parameters.
func (t *types) says(off int) string {
	b := make([]byte, 0, 32)
	return string(t.write(b, off, 0))
}

func (t *types) write(b []byte, off, depth int) []byte {
	if depth > 16 || len(b) > longest {
		return append(b, "..."...)
	}
	e := t.at[off]
	if e == nil {
		return append(b, "void"...)
	}
	switch e.tag {
	case tagConst:
		return t.write(append(b, "const "...), e.typ, depth+1)
	case tagVolatile, tagRestrict, tagAtomic:
		return t.write(b, e.typ, depth+1)
	case tagPointer:
		if f := t.at[e.typ]; f != nil && f.tag == tagFuncType {
			return t.params(append(t.write(b, f.typ, depth+1), " (*)"...), f, depth)
		}
		if b = t.write(b, e.typ, depth+1); b[len(b)-1] == '*' {
			return append(b, '*')
		}
		return append(b, " *"...)
	case tagArray:
		b = t.write(b, e.typ, depth+1)
		for _, m := range e.members[:min(len(e.members), 8)] {
			b = fmt.Appendf(b, "[%d]", m.off)
		}
		return b
	case tagFuncType, tagFunc:
		return t.params(append(t.write(b, e.typ, depth+1), ' '), e, depth)
	case tagStruct, tagUnion, tagEnum:
		if e.name == "" {
			return append(b, strings.TrimSpace(kinds[e.tag])...)
		}
		return append(append(b, kinds[e.tag]...), e.name...)
	}
	return append(b, e.name...)
}

func (t *types) params(b []byte, e *ctype, depth int) []byte {
	b = append(b, '(')
	for i, m := range e.members {
		if i > 0 {
			b = append(b, ", "...)
		}
		if m.typ == 0 || len(b) > longest {
			b = append(b, "..."...)
			break
		}
		b = t.write(b, m.typ, depth+1)
	}
	if len(e.members) == 0 {
		b = append(b, "void"...)
	}
	return append(b, ')')
}
