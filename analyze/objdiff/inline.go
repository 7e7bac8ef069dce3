package objdiff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Inlined is a function whose code lies, wholly or in part, in others.
type Inlined struct {
	Name string   `json:"name"`
	Into []string `json:"into"` // symbols of the functions that swallowed it
}

func sprintError(what string, err error) error { return fmt.Errorf("%s: %w", what, err) }

// Inlines lists what each function of an object was inlined into.
func Inlines(data []byte) (list []Inlined, err error) {
	defer func() {
		if r := recover(); r != nil {
			list, err = nil, fmt.Errorf("expected an object as compilers make them: %v", r)
		}
	}()
	o, err := readObject(data)
	if err != nil {
		return nil, err
	}
	d := o.dwarf()
	if d == nil {
		return nil, nil
	}
	into, err := o.inlines(d)
	if err != nil {
		return nil, err
	}
	return listInlined(into, nil), nil
}

// inlined tells what the changed functions swallowed, before or after.
func (p *pair) inlined(d *Diff, old, now *dwarf) error {
	before, err := p.old.inlines(old)
	if err != nil {
		return sprintError("old object", err)
	}
	after, err := p.new.inlines(now)
	if err != nil {
		return sprintError("new object", err)
	}
	for name, into := range before {
		if after[name] == nil {
			after[name] = into
			continue
		}
		maps.Copy(after[name], into)
	}
	changed := map[string]bool{}
	for _, name := range slices.Concat(d.Functions, d.NewFunctions, d.Differing) {
		changed[name] = true
	}
	if d.Ignored != nil {
		for _, name := range d.Ignored.Functions {
			changed[name] = true
		}
	}
	d.Inlined = listInlined(after, changed)
	return nil
}

func listInlined(into map[string]map[string]bool, only map[string]bool) []Inlined {
	var list []Inlined
	for name, set := range into {
		var hosts []string
		for host := range set {
			if only == nil || only[host] {
				hosts = append(hosts, host)
			}
		}
		if len(hosts) > 0 {
			list = append(list, Inlined{name, sorted(hosts)})
		}
	}
	slices.SortFunc(list, func(a, b Inlined) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// inlines maps the names of inlined functions to the symbols of those that
// swallowed them.
func (o *object) inlines(d *dwarf) (map[string]map[string]bool, error) {
	into := map[string]map[string]bool{}
	units, err := d.units()
	if err != nil {
		return nil, err
	}
	hosts := o.hosts()
	for _, u := range units {
		if err := u.inlines(hosts, into); err != nil {
			return nil, err
		}
	}
	return into, nil
}

// hosts are the names of functions by the place of a relocation of an address
// in the debugging information.
func (o *object) hosts() map[int]string {
	hosts := map[int]string{}
	info := o.first[".debug_info"]
	if info == nil || info.rela == nil {
		return hosts
	}
	for e := info.rela.raw; len(e) >= relaSize; e = e[relaSize:] {
		index := le.Uint32(e[12:])
		if le.Uint32(e[8:]) != relX8664 || uint64(index) >= uint64(len(o.symbols)) {
			continue
		}
		sym := o.symbols[index]
		if sym.sec == nil || !sym.sec.text() {
			continue
		}
		at := sym.value + le.Uint64(e[16:])
		if sym.sec.sym != nil {
			hosts[int(le.Uint64(e))] = sym.sec.sym.name
			continue
		}
		if f := o.starts(sym.sec)[at]; f != nil {
			hosts[int(le.Uint64(e))] = f.name
		}
	}
	return hosts
}

// inlines walks a unit; it names each function once, and each inlined call by
// the function around it.
func (u *unit) inlines(hosts map[int]string, into map[string]map[string]bool) error {
	type call struct {
		origin int
		host   string
	}
	var calls []call
	names := map[int]string{}
	origins := map[int]int{}
	var stack []string // the function around each open list of children
	host := ""
	c := cursor{data: u.info[:u.end], at: u.pos}
	var e die
	for c.at < u.end {
		at := c.at
		if err := u.read(&c, &e); err != nil {
			return err
		}
		inner := host
		switch e.tag {
		case 0:
			if n := len(stack); n > 0 {
				host, stack = stack[n-1], stack[:n-1]
			}
			continue
		case tagFunc:
			names[at], origins[at] = e.name, e.origin
			inner = hosts[e.lowPC]
			if e.lowPC == 0 && e.ranges || inner == "" && e.lowPC != 0 {
				inner = "\x00" + sprintf("%d", at) // split in parts: named below
			}
		case tagInlined:
			if host != "" {
				calls = append(calls, call{e.origin, host})
			}
		case tagStruct, tagUnion, tagEnum, tagFuncType, tagArray:
			if e.children && e.sibling > c.at && e.sibling <= u.end {
				c.at = e.sibling
				continue
			}
		}
		if e.children {
			if len(stack) > 1<<16 {
				return errDwarf
			}
			stack = append(stack, host)
			host = inner
		}
	}
	name := func(off int) string {
		for range 8 {
			if names[off] != "" || origins[off] == 0 {
				return names[off]
			}
			off = origins[off]
		}
		return ""
	}
	for _, x := range calls {
		callee, caller := name(x.origin), x.host
		if caller[0] == 0 {
			off := 0
			for _, digit := range caller[1:] {
				off = off*10 + int(digit-'0')
			}
			caller = name(off)
		}
		if callee == "" || caller == "" {
			continue
		}
		if into[callee] == nil {
			into[callee] = map[string]bool{}
		}
		into[callee][caller] = true
	}
	return nil
}
