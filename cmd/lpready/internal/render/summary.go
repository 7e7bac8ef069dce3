package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/analyze/factor"
)

// personDay is the number of working hours that a person-day stands for.
const personDay = 8

// biggest is how many risky items a summary names.
const biggest = 3

// A line of a summary: what it is about, and what it says.
type line struct{ Topic, Says string }

// summarise says in five lines what a manager has to know about a batch: how
// much there is, how much of it needs work, what is risky, how long it takes,
// and what nobody knows yet.
func summarise(r *analyze.Report) []line {
	return []line{
		{"Batch", batchLine(r)},
		{"Work", workLine(r)},
		{"Risk", riskLine(r)},
		{"Hours", hoursLine(r)},
		{"Open", openLine(r)},
	}
}

func batchLine(r *analyze.Report) string {
	s := fmt.Sprintf("%s on %s: %s.", count(len(items(r)), "item"), count(len(bases(r)), "base"), count(len(r.Cells), "verdict"))
	if end := embargo(r); end != nil {
		s += " The embargo ends on " + day(*end) + "."
	}
	return s
}

// embargo is when the first item becomes public; nil where none is still secret
// when the report is made.
func embargo(r *analyze.Report) *time.Time {
	var first *time.Time
	for i := range r.Cells {
		p := r.Cells[i].Public
		if p != nil && p.After(r.Generated) && (first == nil || p.Before(*first)) {
			first = p
		}
	}
	return first
}

// An entry is an advisory over all bases.
type entry struct {
	worst *analyze.Cell // the cell that asks for most
	hours float64       // expected, over all bases
}

// items sums a report up by advisory, in the order of the report.
func items(r *analyze.Report) []entry {
	var list []entry
	at := map[string]int{}
	for i := range r.Cells {
		c := &r.Cells[i]
		n, known := at[item(c)]
		if !known {
			n = len(list)
			at[item(c)] = n
			list = append(list, entry{worst: c})
		}
		e := &list[n]
		e.hours += expected(c)
		if danger(c.Class) > danger(e.worst.Class) || c.Class == e.worst.Class && expected(c) > expected(e.worst) {
			e.worst = c
		}
	}
	return list
}

// danger ranks the classes by what they put at risk: a redesign can be got
// wrong, a reboot has to be announced, an adaptation is known work.
func danger(c analyze.Class) int {
	return slices.Index([]analyze.Class{factor.NotNeeded, factor.Clean, factor.Unknown, factor.Adapt, factor.Reboot, factor.Hard}, c)
}

func workLine(r *analyze.Report) string {
	n := map[analyze.Class]int{}
	all := items(r)
	for _, e := range all {
		n[e.worst.Class]++
	}
	s := fmt.Sprintf("%d of %s get a live patch", n[factor.Clean]+n[factor.Adapt]+n[factor.Hard], count(len(all), "item"))
	var parts []string
	for _, p := range []struct {
		class analyze.Class
		words string
	}{
		{factor.Clean, "as they are"},
		{factor.Adapt, "after an engineer changed the patch"},
		{factor.Hard, "after a redesign by a senior"},
	} {
		if n[p.class] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[p.class], p.words))
		}
	}
	if len(parts) > 0 {
		s += ": " + strings.Join(parts, ", ")
	}
	return fmt.Sprintf("%s. Reboot: %d. Nothing to patch: %d. Unknown: %d.", s, n[factor.Reboot], n[factor.NotNeeded], n[factor.Unknown])
}

func riskLine(r *analyze.Report) string {
	risky := risks(r)
	if len(risky) == 0 {
		return "Nothing stands out."
	}
	var parts []string
	for _, e := range risky[:min(len(risky), biggest)] {
		parts = append(parts, fmt.Sprintf("%s (%s, %s): %s", item(e.worst), e.worst.Class, hours(e.hours), gist(e.worst)))
	}
	s := strings.Join(parts, "; ")
	if more := len(risky) - biggest; more > 0 {
		s += fmt.Sprintf("; and %d more", more)
	}
	return s + "."
}

// risks lists the items that need more than a plain build, the most dangerous
// and then the most expensive first.
func risks(r *analyze.Report) []entry {
	list := slices.DeleteFunc(items(r), func(e entry) bool { return danger(e.worst.Class) < danger(factor.Adapt) })
	slices.SortStableFunc(list, func(a, b entry) int {
		return cmp.Or(cmp.Compare(danger(b.worst.Class), danger(a.worst.Class)), cmp.Compare(b.hours, a.hours))
	})
	return list
}

// gist is the reason of a cell for people who do not read code: without the
// finding's id and place, and only its first statement.
func gist(c *analyze.Cell) string {
	why := reason(c)
	for _, f := range c.Findings {
		if rest, ok := strings.CutPrefix(why, plain(f.ID+" at "+f.Place())+": "); ok {
			why = rest
			break
		}
	}
	why, _, _ = strings.Cut(why, "; ")
	return why
}

func hoursLine(r *analyze.Report) string {
	h := r.Totals.Hours
	if h.Expected == 0 {
		return "No estimate."
	}
	return fmt.Sprintf("%s expected (%s to %s), which is %s of %d hours.",
		hours(h.Expected), hours(h.Optimistic), hours(h.Pessimistic),
		plural(fmt.Sprintf("%.1f", h.Expected/personDay), "person-day"), personDay)
}

func openLine(r *analyze.Report) string {
	var unknown, reboot, signed []string
	for i := range r.Cells {
		c := &r.Cells[i]
		switch c.Class {
		case factor.Unknown:
			unknown = include(unknown, item(c))
		case factor.Reboot:
			reboot = include(reboot, item(c))
		}
		if c.Signature == "bad" || c.Checksums == "mismatch" {
			signed = include(signed, item(c))
		}
	}
	var parts []string
	for _, p := range []struct {
		words string
		items []string
	}{
		{"unknown, needs a person: ", unknown},
		{"reboot, to be decided: ", reboot},
		{"signature or checksum wrong, not to be trusted: ", signed},
	} {
		if len(p.items) > 0 {
			parts = append(parts, p.words+strings.Join(p.items, ", "))
		}
	}
	if len(parts) == 0 {
		return "Nothing: every verdict is known."
	}
	return strings.Join(parts, "; ") + "."
}

func include(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// reason is why a cell has its class, as one clause.
func reason(c *analyze.Cell) string {
	if c.Why == "" {
		return "no reason given"
	}
	return strings.TrimRight(plain(c.Why), ".")
}

func hours(h float64) string { return fmt.Sprintf("%.1f h", h) }

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func count(n int, noun string) string { return plural(fmt.Sprint(n), noun) }

func plural(n, noun string) string {
	if n == "1" {
		return n + " " + noun
	}
	return n + " " + noun + "s"
}
