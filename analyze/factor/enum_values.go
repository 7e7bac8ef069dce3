package factor

import (
	"strings"

	"lpready/analyze/csource"
)

var enumValues = Rule{
	ID:    "enum-values",
	Title: "Enumerators with new values",
	Explanation: "An enumerator that is put in front of others, or taken out, renumbers those after it. Live objects and " +
		"unpatched code keep the old numbers, and every function that names one of them changes.",
	Remedy:   "Append new enumerators with explicit values, or use a separate constant.",
	Severity: Blocker,
	Class:    Hard,
	Check: func(in *Input) []Finding {
		var list []Finding
		for _, c := range in.facts().changes {
			for _, t := range c.Types {
				if t.Old == nil || t.New == nil || t.Old.Kind != "enum" {
					continue
				}
				if moved := renumbered(c, t); len(moved) > 0 {
					list = append(list, c.finding(t.Old.Start, spell("enum", t.Old.Name), "%s of enum %s get new values: %s",
						count(len(moved), "enumerator"), t.Old.Name, some(moved)))
				}
			}
		}
		return list
	},
}

// renumbered lists the enumerators of both sides whose value depends on the
// position (no value written) and whose position, counted from the last written
// value, is not the same. The usual end marker (NR_x, x_MAX) may move.
func renumbered(c *change, t csource.TypeChange) []string {
	before, after := positions(t.Old, c.oldActive), positions(t.New, c.isActive)
	var moved []string
	for _, m := range t.Old.Members {
		if strings.HasPrefix(strings.TrimSpace(m.Type), "(") { // a macro that makes enumerators
			continue
		}
		was, is := before[m.Name], after[m.Name]
		if is == "" || was == is || endMarker(m.Name) {
			continue
		}
		moved = append(moved, m.Name)
	}
	return moved
}

func endMarker(name string) bool {
	upper := strings.ToUpper(name)
	for _, part := range []string{"NR_", "NUM_", "_MAX", "_NUM", "_LAST", "_END", "_COUNT", "MAX_"} {
		if strings.Contains(upper, part) {
			return true
		}
	}
	return false
}

// positions gives each enumerator as "written value + distance".
func positions(t *csource.Type, active *activity) map[string]string {
	out := make(map[string]string)
	from, distance := "", 0
	for _, m := range t.Members {
		if active.of(m.Line) == off {
			continue
		}
		distance++
		if value := strings.TrimSpace(m.Type); value != "" {
			from, distance = value, 0
		}
		out[m.Name] = from + "+" + strings.Repeat("1", min(distance, 1<<12))
	}
	return out
}
