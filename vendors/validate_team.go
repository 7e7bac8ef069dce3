package vendors

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
)

var (
	personName = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,64}$`)
	clockTime  = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	treePath   = regexp.MustCompile(`^[A-Za-z0-9_+.-][A-Za-z0-9_+./-]*$`)
)

// maxPeople is far more than work on one batch; plans take time for each.
const maxPeople = 200

func (c *checker) team(t *Team) {
	c.days("team.days", t.Days)
	c.holidays("team.holidays", t.Holidays)
	for i, class := range t.Review.SeniorFor {
		c.oneOf(fmt.Sprintf("team.review.senior_for[%d]", i), class, "clean", "adapt", "hard", "reboot", "unknown")
	}
	for _, name := range slices.Sorted(maps.Keys(t.Areas)) {
		for i, path := range t.Areas[name] {
			c.form(fmt.Sprintf("team.areas.%s[%d]", name, i), path, treePath, "a path from the root of the tree")
		}
	}
	if len(t.People) > maxPeople {
		c.doc.Reject("team.people", "%d; expected at most %d", len(t.People), maxPeople)
	}
	names := map[string]string{}
	for i := range t.People {
		path := fmt.Sprintf("team.people[%d]", i)
		c.unique(names, path+".name", t.People[i].Name)
		c.person(path, &t.People[i])
	}
}

func (c *checker) person(path string, p *Person) {
	c.text(path+".name", p.Name)
	c.form(path+".name", p.Name, personName, "a name of at most 64 characters")
	c.oneOf(path+".seniority", p.Seniority, Junior, Regular, Senior)
	if !(p.Hours >= 0 && p.Hours <= 24) {
		c.doc.Reject(path+".hours", "%v; expected hours of a day", p.Hours)
	}
	if !(p.Share >= 0 && p.Share <= 1) || p.Share == 0 && c.doc.Has(path+".share") {
		c.doc.Reject(path+".share", "%v; expected a share above 0, up to 1", p.Share)
	}
	if _, err := time.LoadLocation(p.Zone); err != nil || p.Zone == "Local" {
		c.doc.Reject(path+".zone", "%q; expected a zone such as Europe/London", p.Zone)
	}
	c.form(path+".start", p.Start, clockTime, "a time of day such as 09:00")
	begins := cmp.Or(p.Start, defaultStart)
	if end := p.Begins() + time.Duration(p.Daily()*float64(time.Hour)); clockTime.MatchString(begins) && p.Hours <= 24 && p.Share <= 1 && end > 24*time.Hour {
		c.doc.Reject(path+".start", "%s; the working day must end before midnight", begins)
	}
	c.days(path+".days", p.Days)
	c.holidays(path+".holidays", p.Holidays)
	seen := map[string]string{}
	for i, skill := range p.Skills {
		c.unique(seen, fmt.Sprintf("%s.skills[%d]", path, i), skill)
	}
	for i, a := range p.Absent {
		at := fmt.Sprintf("%s.absent[%d]", path, i)
		c.required(at + ".from")
		c.required(at + ".to")
		c.span(at, a.From, a.To)
	}
	for i, m := range p.Commitments {
		at := fmt.Sprintf("%s.commitments[%d]", path, i)
		c.text(at+".what", m.What)
		c.span(at, m.From, m.To)
		if !(m.Hours > 0 && m.Hours <= 24) {
			c.doc.Reject(at+".hours", "%v; expected hours of a day", m.Hours)
		}
	}
}

func (c *checker) days(path string, days []string) {
	seen := map[string]string{}
	for i, d := range days {
		at := fmt.Sprintf("%s[%d]", path, i)
		c.oneOf(at, d, weekdays...)
		c.unique(seen, at, d)
	}
}

func (c *checker) holidays(path string, days []Date) {
	seen := map[string]string{}
	for i, d := range days {
		c.unique(seen, fmt.Sprintf("%s[%d]", path, i), d.String())
	}
}

func (c *checker) span(path string, from, to Date) {
	if !from.IsZero() && !to.IsZero() && to.Before(from.Time) {
		c.doc.Reject(path+".to", "%s; expected a day not before %s", to, from)
	}
}
