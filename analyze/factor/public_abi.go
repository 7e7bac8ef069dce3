package factor

import "strings"

var publicABI = Rule{
	ID:    "public-abi",
	Title: "Interface to guests or the toolstack",
	Explanation: "xen/include/public is compiled into guests, the toolstack and (through the compat headers) a second time " +
		"into the hypervisor. A live patch changes the hypervisor's side only; the other side keeps the old structure " +
		"until it is rebuilt and restarted.",
	Remedy:   "Decide by hand: additive changes are usually fine; anything else needs the toolstack updated in lockstep, or the old form accepted too.",
	Severity: Review,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			if !strings.HasPrefix(c.Path, "xen/include/public/") || c.generates() != "" {
				continue
			}
			for _, t := range c.Types {
				if t.Old != nil {
					list = append(list, c.finding(t.Old.Start, spell(t.Old.Kind, t.Old.Name),
						"%s is part of the public interface", spell(t.Old.Kind, t.Old.Name)))
				}
			}
			for _, m := range c.Macros {
				if m.Old != nil {
					list = append(list, c.finding(m.Old.Start, m.Old.Name, "%s is part of the public interface", m.Old.Name))
				}
			}
		}
		return list
	},
}
