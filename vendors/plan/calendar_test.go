package plan

import (
	"math/rand/v2"
	"testing"
	"time"

	"lpready/vendors"
)

// TestCalendarZone wants a day to begin at the same time of the clock on the wall
// before and after the clocks are changed.
func TestCalendarZone(t *testing.T) {
	p := &vendors.Person{Name: "Ada", Hours: 6, Zone: "Europe/London"}
	start := time.Date(2026, 10, 22, 0, 0, 0, 0, time.UTC) // a Thursday; clocks go back on Sunday
	c := newCalendar(&vendors.Team{}, p, start, 10, 0, start)
	for want, at := range map[string]float64{
		"2026-10-22 08:00": 0, "2026-10-22 12:30": 12.5, "2026-10-23 08:00": 14.5, "2026-10-26 09:00": 2*24 + 1,
	} {
		begin, _ := c.run(at, 1)
		if got := start.Add(time.Duration(begin * float64(time.Hour))).Format("2006-01-02 15:04"); got != want {
			t.Errorf("work that may begin after %g h begins %s UTC, expected %s", at, got, want)
		}
	}
	if _, end := c.run(0, 1000); end != never {
		t.Errorf("more work than there are days ends after %g h", end)
	}
}

// TestCalendarBack wants back to be the other way of run.
func TestCalendarBack(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	team := &vendors.Team{}
	for _, zone := range []string{"UTC", "Asia/Kolkata", "America/New_York"} {
		p := &vendors.Person{Name: "Ada", Hours: 5.5, Zone: zone, Absent: []vendors.Absence{{From: date("2026-06-04"), To: date("2026-06-05")}}}
		c := newCalendar(team, p, monday, 60, 0, monday)
		for range 1000 {
			at, hours := 500*r.Float64(), 0.1+30*r.Float64()
			start, end := c.run(at, hours)
			if got := c.between(start, end); !near0(got - hours) {
				t.Fatalf("%s: %g h from %g take until %g, with %g h in between", zone, hours, at, end, got)
			}
			latest := c.back(end, hours)
			if _, again := c.run(latest, hours); !near0(c.between(min(latest, start), start)) || again > end+1e-9 {
				t.Fatalf("%s: %g h that begin at %g end at %g; the latest begin for that is %g, which ends at %g", zone, hours, start, end, latest, again)
			}
			days := 0.0
			for _, d := range c.spread(start, end) {
				days += d.Hours
			}
			if days < hours-0.6 || days > hours+0.6 { // tenths of each day
				t.Fatalf("%s: %g h by day, expected %g", zone, days, hours)
			}
		}
	}
}
