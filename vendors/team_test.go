package vendors

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// team reads a profile that is nothing but a team.
func team(t *testing.T, yaml string) *Team {
	t.Helper()
	p, err := Parse("team.yaml", []byte("name: ours\nbases:\n  - {id: one, xen: 4.17}\nteam:\n"+yaml))
	if err != nil {
		t.Fatal(err)
	}
	return &p.Team
}

const four = `
  holidays: [2026-12-25]
  areas: {migration: [tools/migration/]}
  people:
    - {name: Ada, seniority: senior, hours: 8, share: 0.5, zone: Europe/London, skills: [x86, event channels]}
    - {name: Mary, seniority: regular, hours: 6, days: [mon, tue], start: 07:30, skills: [livepatch, migration],
       absent: [{from: 2026-11-30, to: 2026-12-01, why: leave}], commitments: [{what: release, hours: 4, from: 2026-12-07}]}
    - {name: Kim, seniority: junior, hours: 6, hard: true, reviews: true}
    - {name: Lee}
`

func TestAvailable(t *testing.T) {
	team := team(t, four)
	for _, c := range []struct {
		name, day string
		hours     float64
		why       string
	}{
		{"Ada", "2026-11-30", 4, ""},
		{"Ada", "2026-12-05", 0, "no working day"},
		{"Ada", "2026-12-25", 0, "holiday"},
		{"mary", "2026-11-23", 6, ""},
		{"mary", "2026-11-25", 0, "no working day"},
		{"mary", "2026-12-01", 0, "leave"},
		{"mary", "2026-12-07", 2, ""},
		{"Lee", "2026-11-27", DefaultHours, ""},
	} {
		p, ok := team.Person(c.name)
		if !ok {
			t.Fatalf("no %s", c.name)
		}
		day, err := time.ParseInLocation(time.DateOnly, c.day, p.Location())
		if err != nil {
			t.Fatal(err)
		}
		if hours, why := team.Available(p, day); hours != c.hours || why != c.why {
			t.Errorf("%s on %s: %g h (%s), expected %g h (%s)", c.name, c.day, hours, why, c.hours, c.why)
		}
	}
	mary, _ := team.Person("Mary")
	if mary.Begins() != 7*time.Hour+30*time.Minute {
		t.Errorf("Mary begins at %v", mary.Begins())
	}
}

func TestCovers(t *testing.T) {
	team := team(t, four)
	var got strings.Builder
	for _, file := range []string{
		"xen/arch/x86/mm/shadow/common.c", "xen/arch/x86/mm.c", "xen/arch/x86/hvm/hvm.c", "xen/arch/x86/domain.c", "xen/arch/x86/x86_64/entry.S",
		"xen/common/event_channel.c", "xen/common/grant_table.c", "xen/common/domain.c", "xen/drivers/passthrough/vtd/iommu.c",
		"xen/include/xen/sched.h", "tools/libs/light/libxl.c", "tools/migration/a.py", "README",
	} {
		area := team.Area(file)
		fmt.Fprintf(&got, "%s: %s:", file, area)
		for i := range team.People {
			if p := &team.People[i]; p.Covers(area) {
				fmt.Fprintf(&got, " %s", p.Name)
			}
		}
		fmt.Fprintln(&got)
	}
	want := `xen/arch/x86/mm/shadow/common.c: x86/mm: Ada Kim Lee
xen/arch/x86/mm.c: x86/mm: Ada Kim Lee
xen/arch/x86/hvm/hvm.c: x86/hvm: Ada Kim Lee
xen/arch/x86/domain.c: x86: Ada Kim Lee
xen/arch/x86/x86_64/entry.S: x86/entry: Ada Kim Lee
xen/common/event_channel.c: common/event channels: Ada Kim Lee
xen/common/grant_table.c: common/grant tables: Kim Lee
xen/common/domain.c: common: Kim Lee
xen/drivers/passthrough/vtd/iommu.c: iommu: Kim Lee
xen/include/xen/sched.h: common: Kim Lee
tools/libs/light/libxl.c: toolstack: Kim Lee
tools/migration/a.py: migration: Mary Kim Lee
README: : Ada Mary Kim Lee
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}
	if a := team.MainArea([]string{"xen/common/domain.c", "xen/arch/x86/mm.c", "xen/common/kernel.c"}, nil); a != "common" {
		t.Errorf("main area %q", a)
	}
	if a := team.MainArea(nil, []string{"other", "hypervisor/x86"}); a != "x86" {
		t.Errorf("main area %q", a)
	}
	for name, want := range map[string]string{"Ada": "true true true", "Mary": "false true false", "Kim": "true true false", "Lee": "false true false"} {
		p, _ := team.Person(name)
		if got := fmt.Sprint(p.TakesHard(), p.CanReview(), p.IsSenior()); got != want {
			t.Errorf("%s: hard, review, senior %s, expected %s", name, got, want)
		}
	}
	mary, _ := team.Person("Mary")
	if !mary.Covers(SkillBuild) || mary.Covers("x86") {
		t.Error("livepatch is building and testing, and nothing else")
	}
}

func TestCheckTeam(t *testing.T) {
	team := team(t, `
  people:
    - {name: Ada, seniority: senior, hours: 7, skills: [x86, commom], absent: [{from: 2026-11-20, to: 2026-11-27}]}
    - {name: Lee, skills: [test, toolstack]}
`)
	var got []string
	for _, p := range checkTeam(team, time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)) {
		got = append(got, p.String())
	}
	for i, want := range []string{
		`team: warning: Ada.skills: "commom" is no area; known are arm, build system, common, common/event channels`,
		"team: warning: Ada.absent: absent 2026-11-20 to 2026-11-27",
		"team: unknown: Lee.hours: the profile does not say; plan counts on 6 hours a day",
		"team: unknown: Lee.seniority: the profile does not say; plan counts on neither a senior nor a junior",
		"team: warning: people: Ada is the only senior who reviews: nobody can review what Ada adapts",
		"team: warning: people: nobody knows arm, build system, common, common/event channels",
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Fatalf("got\n%s\nexpected line %d: %s", strings.Join(got, "\n"), i+1, want)
		}
	}
}

func TestTeamMistakes(t *testing.T) {
	_, err := Parse("x.yaml", []byte(`name: ours
bases:
  - {id: one, xen: 4.17}
team:
  days: [monday]
  holidays: [2026-02-30]
  areas: {own: [/etc]}
  review: {senior_for: [all]}
  people:
    - {name: Ada, hours: 30, zone: Mars/Olympus, start: 9am, share: 2}
    - {name: Ada, seniority: chief, absent: [{from: 2026-02-02, to: 2026-02-01}], commitments: [{hours: -1}]}
    - {name: Eve, hours: 10, start: 20:00}
`))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`x.yaml:5:10: team.days[0]: "monday"; expected one of sun, mon`, `x.yaml:6:14: team.holidays[0]: "2026-02-30" is no date`,
		`team.areas.own[0]: "/etc"; expected a path`, `senior_for[0]: "all"; expected one of`, `people[0].hours: 30`, `people[0].zone: "Mars/Olympus"; expected a zone`,
		`people[0].start: "9am"`, `people[0].share: 2`, `people[1].name: "Ada" is the team.people[0].name already`, `people[1].seniority: "chief"`,
		`absent[0].to: 2026-02-01; expected a day not before 2026-02-02`, `commitments[0].what: missing`, `commitments[0].hours: -1`,
		`people[2].start: 20:00; the working day must end before midnight`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}
