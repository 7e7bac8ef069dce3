package vendors

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones of people are the same on every machine
)

// A Team is who does the work, and by which rules.
type Team struct {
	People   []Person            `yaml:"people"`
	Days     []string            `yaml:"days"`     // working days: mon ... sun; mon to fri where it does not say
	Holidays []Date              `yaml:"holidays"` // when nobody works
	Review   ReviewRule          `yaml:"review"`
	Areas    map[string][]string `yaml:"areas"` // besides the built-in ones: name to paths of the tree
}

// A ReviewRule says who may review. A reviewer is never an author.
type ReviewRule struct {
	// SeniorFor lists the classes whose reviewer must be a senior; adapt and hard
	// where it does not say.
	SeniorFor []string `yaml:"senior_for"`
}

// A Person of the team.
type Person struct {
	Name        string       `yaml:"name"`
	Skills      []string     `yaml:"skills"`      // areas of the tree, and build, test; all where it does not say
	Seniority   string       `yaml:"seniority"`   // junior, regular or senior
	Hours       float64      `yaml:"hours"`       // of a working day
	Share       float64      `yaml:"share"`       // of these hours that go into this, from 0 to 1; all where it does not say
	Zone        string       `yaml:"zone"`        // of the IANA data base, Europe/London; UTC where it does not say
	Start       string       `yaml:"start"`       // of the working day there, 09:00 where it does not say
	Days        []string     `yaml:"days"`        // own working days, where they are not the team's
	Holidays    []Date       `yaml:"holidays"`    // of the person's country, besides the team's
	Absent      []Absence    `yaml:"absent"`      // both days included
	Commitments []Commitment `yaml:"commitments"` // other work
	Hard        *bool        `yaml:"hard"`        // may take what is hard; only a senior may where it does not say
	Reviews     *bool        `yaml:"reviews"`     // may review; all but juniors may where it does not say
}

// An Absence is a time in which a person does not work.
type Absence struct {
	From Date   `yaml:"from"`
	To   Date   `yaml:"to"` // included
	Why  string `yaml:"why"`
}

// A Commitment is other work that takes hours of every working day.
type Commitment struct {
	What  string  `yaml:"what"`
	Hours float64 `yaml:"hours"` // of each working day
	From  Date    `yaml:"from"`  // always, where there are no days
	To    Date    `yaml:"to"`    // included
}

// DefaultHours is what a person is counted with whose hours are unknown.
const DefaultHours = 6

const defaultStart = "09:00"

// Words of seniority.
const (
	Junior  = "junior"
	Regular = "regular"
	Senior  = "senior"
)

// Skills that are no area of the tree.
const (
	SkillBuild     = "build"
	SkillTest      = "test"
	SkillLivepatch = "livepatch" // build and test
)

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // as time.Weekday counts

// Person finds a person by name; upper and lower case are the same.
func (t *Team) Person(name string) (*Person, bool) {
	i := slices.IndexFunc(t.People, func(p Person) bool { return strings.EqualFold(p.Name, name) })
	if i < 0 {
		return nil, false
	}
	return &t.People[i], true
}

// NeedsSenior tells whether the reviewer of a class must be a senior.
func (t *Team) NeedsSenior(class string) bool {
	if t.Review.SeniorFor == nil {
		return class == "adapt" || class == "hard"
	}
	return slices.Contains(t.Review.SeniorFor, class)
}

// IsSenior tells whether the person is one.
func (p *Person) IsSenior() bool { return p.Seniority == Senior }

// TakesHard tells whether the person may take what is hard.
func (p *Person) TakesHard() bool {
	if p.Hard != nil {
		return *p.Hard
	}
	return p.IsSenior()
}

// CanReview tells whether the person may review the work of others.
func (p *Person) CanReview() bool {
	if p.Reviews != nil {
		return *p.Reviews
	}
	return p.Seniority != Junior
}

// Covers tells whether the person knows an area, or can do a kind of work. Who
// lists no skills is taken to know all.
func (p *Person) Covers(area string) bool {
	return len(p.Skills) == 0 || area == "" || slices.ContainsFunc(p.Skills, func(skill string) bool { return covers(skill, area) })
}

// covers tells whether a skill, "x86", "mm" or "x86/mm", is about an area,
// "x86/mm".
func covers(skill, area string) bool {
	switch {
	case skill == area, strings.HasPrefix(area, skill+"/"), strings.HasSuffix(area, "/"+skill):
		return true
	}
	return skill == SkillLivepatch && (area == SkillBuild || area == SkillTest)
}

// Location is the person's time zone.
func (p *Person) Location() *time.Location {
	if l, err := time.LoadLocation(p.Zone); err == nil {
		return l
	}
	return time.UTC // validate has refused any other
}

// Begins is when the working day begins: hours and minutes after midnight.
func (p *Person) Begins() time.Duration {
	at, err := time.Parse("15:04", cmp.Or(p.Start, defaultStart))
	if err != nil {
		return 9 * time.Hour // validate has refused it
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
}

// Available gives the hours that a person has for this on a day, year, month and
// day in the person's zone; and why there are none.
func (t *Team) Available(p *Person, day time.Time) (hours float64, why string) {
	same := func(d Date) bool { return d.Format(time.DateOnly) == day.Format(time.DateOnly) }
	days := p.Days
	if len(days) == 0 {
		days = t.Days
	}
	name := weekdays[day.Weekday()]
	switch {
	case len(days) == 0 && (name == "sat" || name == "sun"), len(days) > 0 && !slices.Contains(days, name):
		return 0, "no working day"
	case slices.ContainsFunc(t.Holidays, same), slices.ContainsFunc(p.Holidays, same):
		return 0, "holiday"
	}
	for _, a := range p.Absent {
		if within(day, a.From, a.To) {
			return 0, cmp.Or(a.Why, "absent")
		}
	}
	hours = p.Daily()
	for _, c := range p.Commitments {
		if within(day, c.From, c.To) {
			hours -= c.Hours
			why = c.What
		}
	}
	if hours > 0 {
		return hours, ""
	}
	return 0, cmp.Or(why, "no hours")
}

// Daily is the hours of a full working day that go into this, before other
// commitments.
func (p *Person) Daily() float64 {
	hours := p.Hours
	if hours == 0 {
		hours = DefaultHours
	}
	if p.Share > 0 {
		hours *= p.Share
	}
	return hours
}

// within tells whether a day lies between two, both included; unknown ones do
// not bound.
func within(day time.Time, from, to Date) bool {
	d := day.Format(time.DateOnly)
	return (from.IsZero() || d >= from.String()) && (to.IsZero() || d <= to.String())
}

// AbsentIn gives the absence that covers a day.
func (p *Person) AbsentIn(day time.Time) (Absence, bool) {
	for _, a := range p.Absent {
		if within(day, a.From, a.To) {
			return a, true
		}
	}
	return Absence{}, false
}

// String is "2025-10-06 to 2025-10-10 (leave)".
func (a Absence) String() string {
	s := fmt.Sprintf("%s to %s", a.From, a.To)
	if a.Why != "" {
		s += " (" + a.Why + ")"
	}
	return s
}
