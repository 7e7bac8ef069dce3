package render

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"lpready/vendors/plan"
)

// planCalendar writes an iCalendar object (RFC 5545): an event for each task and
// day, one for the end of the embargo, and one for each decision about what is
// not in order. The same task has the same UID in every plan, so that importing a
// new plan moves events.
func planCalendar(w io.Writer, r *PlanReport) error {
	c := &ics{w: bufio.NewWriter(w), stamp: r.Generated.UTC()}
	c.line("BEGIN", "VCALENDAR")
	c.line("VERSION", "2.0")
	c.line("PRODID", "-//lpready//plan//EN")
	c.line("CALSCALE", "GREGORIAN")
	p := r.Plan
	c.event("embargo", p.Embargo, p.Embargo.Add(time.Hour), "Embargo ends", planTitle(r))
	for i := range p.Assignments {
		a := &p.Assignments[i]
		c.event(fmt.Sprintf("%s %s %s", a.Label(), a.Base, a.Task), a.Start, a.End,
			fmt.Sprintf("%s: %s %s (%s)", a.Person, a.Label(), a.Task, a.Base), fmt.Sprintf("%.1f h of work, until %s", a.Hours, day(a.End)))
	}
	for i := range p.Decisions {
		d := &p.Decisions[i]
		if open(p, d.Name) {
			c.day("decide "+d.String(), d.By, "Decide: "+d.String(), d.Why+". "+strings.Join(d.Options, "; "))
		}
	}
	c.line("END", "VCALENDAR")
	return c.w.Flush()
}

// open tells whether a cell is not in order.
func open(p *plan.Plan, n plan.Name) bool {
	for _, u := range p.Unstaffed {
		if u.Name == n {
			return true
		}
	}
	return false
}

type ics struct {
	w     *bufio.Writer
	stamp time.Time
}

const icsTime = "20060102T150405Z"

func (c *ics) event(id string, from, to time.Time, title, says string) {
	c.begin(id)
	c.line("DTSTART", from.UTC().Format(icsTime))
	c.line("DTEND", to.UTC().Format(icsTime))
	c.end(title, says)
}

func (c *ics) day(id, date, title, says string) {
	c.begin(id)
	c.line("DTSTART;VALUE=DATE", strings.ReplaceAll(date, "-", ""))
	c.end(title, says)
}

func (c *ics) begin(id string) {
	c.line("BEGIN", "VEVENT")
	sum := sha256.Sum256([]byte(id))
	c.line("UID", fmt.Sprintf("%x@lpready", sum[:16]))
	c.line("DTSTAMP", c.stamp.Format(icsTime))
}

func (c *ics) end(title, says string) {
	c.line("SUMMARY", escapeICS(title))
	c.line("DESCRIPTION", escapeICS(says))
	c.line("END", "VEVENT")
}

var icsEscapes = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`)

func escapeICS(s string) string { return icsEscapes.Replace(plain(s)) }

// line writes a content line, folded so that no line has more than 75 octets.
func (c *ics) line(name, value string) {
	const most = 74
	s := name + ":" + value
	for len(s) > most {
		cut := most
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		fmt.Fprintf(c.w, "%s\r\n", s[:cut])
		s = " " + s[cut:]
	}
	fmt.Fprintf(c.w, "%s\r\n", s)
}
