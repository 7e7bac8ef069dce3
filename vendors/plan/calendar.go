package plan

import (
	"math"
	"time"

	"lpready/vendors"
)

// never is a time that no plan reaches, in hours.
const never = 1e9

// A calendar is when a person works: one stretch a day, in hours since the plan
// begins. A day off is a stretch of no length.
type calendar struct {
	from, to []float64
	day      []string // YYYY-MM-DD in the person's zone
	midnight float64  // of the first day
}

// newCalendar lays out the days of a person, with some hours more a day.
func newCalendar(team *vendors.Team, p *vendors.Person, start time.Time, days int, overtime float64, until time.Time) *calendar {
	c := new(calendar)
	zone := p.Location()
	local := start.In(zone)
	first := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	c.midnight = first.Sub(start).Hours()
	for i := range days {
		day := time.Date(local.Year(), local.Month(), local.Day()+i, 0, 0, 0, 0, zone)
		hours, _ := team.Available(p, day)
		begin := time.Date(day.Year(), day.Month(), day.Day(), 0, int(p.Begins().Minutes()), 0, 0, zone)
		from := begin.Sub(start).Hours()
		if hours > 0 && begin.Before(until) {
			hours = min(hours+overtime, 24-p.Begins().Hours())
		}
		to := from + hours
		from, to = max(0, from), max(0, to)
		c.from, c.to, c.day = append(c.from, from), append(c.to, to), append(c.day, day.Format(time.DateOnly))
	}
	return c
}

// at is the first day whose work is not over at a time.
func (c *calendar) at(t float64) int {
	d := max(0, int((t-c.midnight)/24)-1)
	for d < len(c.to) && (c.to[d] <= t || c.to[d] == c.from[d]) {
		d++
	}
	return d
}

// run gives when work of some hours that may begin at a time begins and ends.
func (c *calendar) run(t, hours float64) (start, end float64) {
	d := c.at(t)
	if d >= len(c.to) {
		return never, never
	}
	start = max(t, c.from[d])
	if hours <= c.to[d]-start {
		return start, start + hours
	}
	left := hours - (c.to[d] - start)
	for d++; d < len(c.to); d++ {
		if length := c.to[d] - c.from[d]; left <= length && length > 0 {
			return start, c.from[d] + left
		} else {
			left -= length
		}
	}
	return start, never
}

// back gives the latest time at which work of some hours can begin that must end
// by a time; less than 0 where it cannot.
func (c *calendar) back(by, hours float64) float64 {
	for d := len(c.to) - 1; d >= 0; d-- {
		end := min(by, c.to[d])
		if length := end - c.from[d]; length > 0 {
			if hours <= length+tiny { // sums of hours are not exact
				return max(c.from[d], end-hours)
			}
			hours -= length
		}
	}
	return math.Inf(-1)
}

// between is the hours of work between two times.
func (c *calendar) between(a, b float64) float64 {
	sum := 0.0
	for d := range c.to {
		sum += max(0, min(b, c.to[d])-max(a, c.from[d]))
	}
	return sum
}

// spread gives the hours of each day of work from start to end.
func (c *calendar) spread(start, end float64) []Day {
	var days []Day
	for d := c.at(start); d < len(c.to) && c.from[d] < end; d++ {
		if h := min(end, c.to[d]) - max(start, c.from[d]); h > 0 {
			days = append(days, Day{c.day[d], tenth(h)})
		}
	}
	return days
}

func tenth(h float64) float64 { return math.Round(h*10) / 10 }
