package plan

import (
	"strings"
	"testing"
	"time"

	"lpready/analyze/factor"
	"lpready/vendors"
)

// TestReplay replays the whole history for a team of four.
func TestReplay(t *testing.T) {
	team := four()
	r := &Replay{History: History(), Team: team, Bases: 3, Lead: 14}
	list, err := r.Run(Policies(5))
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Record{}
	for _, p := range list {
		byName[p.Name] = p
		t.Logf("%-22s %3d batches of at most %2d, held back %5.1f days, utilisation %4.1f %%, in time %5.1f %%, worst week %s with %4.0f %%, nobody for %d",
			p.Name, p.Batches, p.Largest, p.Waiting, 100*p.Utilisation, 100*p.InTime, p.WorstWeek, 100*p.Worst, p.Nobody)
		if p.InTime < 0 || p.InTime > 1 || len(p.Peaks) < 14 {
			t.Errorf("%+v", p)
		}
	}
	was, monthly, quarterly, few := byName["as it was"], byName["monthly"], byName["quarterly"], byName["monthly, at most 5"]
	if was.Batches != 193 || was.Largest != 13 || was.Waiting != 0 {
		t.Errorf("as it was: %+v", was)
	}
	if !(quarterly.Batches < monthly.Batches && monthly.Batches < was.Batches && quarterly.Largest > monthly.Largest && quarterly.Waiting > monthly.Waiting) {
		t.Errorf("monthly %+v, quarterly %+v", monthly, quarterly)
	}
	if few.Largest > 5 || few.Waiting < monthly.Waiting || few.Worst > monthly.Worst {
		t.Errorf("at most 5: %+v, monthly %+v", few, monthly)
	}
}

func TestFixedDays(t *testing.T) {
	day := func(s string) time.Time { return date(s).Time }
	for _, c := range []struct {
		fixed     int
		from, out string
	}{
		{1, "2026-07-28", "2026-08-11"}, {1, "2026-07-14", "2026-07-14"}, {1, "2026-07-01", "2026-07-14"}, {1, "2026-12-09", "2027-01-12"},
		{3, "2026-07-28", "2026-10-13"}, {3, "2026-01-13", "2026-01-13"}, {0, "2026-07-28", "2026-07-28"},
	} {
		if got := (Policy{Fixed: c.fixed}).day(day(c.from)); !got.Equal(day(c.out)) {
			t.Errorf("every %d months, from %s: %s, expected %s", c.fixed, c.from, got.Format(time.DateOnly), c.out)
		}
	}
}

func TestAtMost(t *testing.T) {
	var work []release
	for i, d := range []string{"2026-01-06", "2026-01-06", "2026-01-06", "2026-01-20", "2026-03-01"} {
		work = append(work, release{Event: Event{XSA: i, Date: date(d).Time}})
	}
	var got []string
	for _, b := range (Policy{Most: 2}).batches(work) {
		s := b[0].out.Format(time.DateOnly)
		for _, e := range b {
			s += string(rune('a' + e.XSA))
		}
		got = append(got, s)
	}
	if s := strings.Join(got, " "); s != "2026-01-06ab 2026-01-20dc 2026-03-01e" && s != "2026-01-06ab 2026-01-20cd 2026-03-01e" {
		t.Error(s)
	}
}

func TestHistory(t *testing.T) {
	list := History()
	if len(list) != 386 || list[0].Date.Year() != 2012 {
		t.Errorf("%d advisories from %s", len(list), list[0].Date)
	}
	r := &Replay{History: list, Team: &vendors.Team{People: []vendors.Person{{Name: "A"}}}, Bases: 1, Lead: 14}
	if _, err := r.Run(nil); err != nil {
		t.Fatal(err)
	}
	counted := map[factor.Class]int{}
	for _, e := range r.classify() {
		counted[e.class]++
		if e.author <= 0 {
			t.Errorf("XSA-%d takes nothing", e.XSA)
		}
	}
	if counted[factor.Hard] < 40 || counted[factor.NotNeeded] < 60 {
		t.Errorf("%v", counted)
	}
	for text, want := range map[string]string{
		"a,b,c,d,e,f\n": "h.csv:1: expected the columns",
		"xsa,date,patches,files,lines,scope\n1,2020-13-01,1,1,1,x86\n":                         `h.csv:2: "2020-13-01"; expected a day`,
		"xsa,date,patches,files,lines,scope\n1,2020-12-01,1,x,1,x86\n":                         `h.csv:2: "x"; expected a number`,
		"xsa,date,patches,files,lines,scope\n1,2020-12-01,1,1,1,x86\n2,2020-11-01,1,1,1,x86\n": "h.csv:3: 2020-11-01; expected a day not before",
		"xsa,date,patches,files,lines,scope\n":                                                 "no advisories",
	} {
		if _, err := ReadHistory("h.csv", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, expected %q", err, want)
		}
	}
}

func FuzzHistory(f *testing.F) {
	f.Add("xsa,date,patches,files,lines,scope\n1,2020-12-01,1,1,1,x86\n")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = ReadHistory("h.csv", strings.NewReader(text)) })
}
