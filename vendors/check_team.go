package vendors

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// checkTeam looks for what a plan would stumble over. A profile without people
// has no team, which is no problem until a plan is asked for.
func checkTeam(t *Team, now time.Time) []Problem {
	if len(t.People) == 0 {
		return nil
	}
	var list []Problem
	add := func(field string, level Level, format string, args ...any) {
		list = append(list, Problem{"team", field, level, fmt.Sprintf(format, args...)})
	}
	known := append(t.AreaNames(), SkillBuild, SkillTest, SkillLivepatch)
	for i := range t.People {
		p := &t.People[i]
		for _, skill := range p.Skills {
			if !slices.ContainsFunc(known, func(area string) bool { return covers(skill, area) }) {
				add(p.Name+".skills", Warning, "%q is no area; known are %s", skill, strings.Join(known, ", "))
			}
		}
		for _, f := range []struct {
			name  string
			known bool
		}{{"hours", p.Hours > 0}, {"seniority", p.Seniority != ""}, {"skills", len(p.Skills) > 0}} {
			if !f.known {
				add(p.Name+"."+f.name, Unknown, "the profile does not say; plan counts on %s", assumed(f.name))
			}
		}
		if a, absent := p.AbsentIn(now.In(p.Location())); absent {
			add(p.Name+".absent", Warning, "absent %s", a)
		}
	}
	t.seniors(add)
	t.uncovered(add)
	return list
}

func assumed(field string) string {
	return map[string]string{"hours": fmt.Sprintf("%d hours a day", DefaultHours), "seniority": "neither a senior nor a junior", "skills": "all of them"}[field]
}

// seniors reports rules of review and of hard items that nobody can keep.
func (t *Team) seniors(add func(string, Level, string, ...any)) {
	var hard, seniors []string
	for i := range t.People {
		p := &t.People[i]
		if p.TakesHard() {
			hard = append(hard, p.Name)
		}
		if p.IsSenior() && p.CanReview() {
			seniors = append(seniors, p.Name)
		}
	}
	if len(hard) == 0 {
		add("people", Warning, "nobody may take what is hard: a senior, or one with hard: true")
	}
	if !t.NeedsSenior("adapt") && !t.NeedsSenior("hard") {
		return
	}
	switch len(seniors) {
	case 0:
		add("people", Warning, "nobody may review what needs a senior")
	case 1:
		add("people", Warning, "%s is the only senior who reviews: nobody can review what %[1]s adapts", seniors[0])
	}
}

// uncovered reports areas that nobody knows.
func (t *Team) uncovered(add func(string, Level, string, ...any)) {
	var none []string
	for _, area := range append(t.AreaNames(), SkillBuild, SkillTest) {
		if !slices.ContainsFunc(t.People, func(p Person) bool { return p.Covers(area) }) {
			none = append(none, area)
		}
	}
	if len(none) > 0 {
		add("people", Warning, "nobody knows %s", strings.Join(none, ", "))
	}
}
