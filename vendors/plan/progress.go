package plan

import "time"

// DoneBy takes a plan as it was to go: which share of each task was done before a
// time. Days count as a whole, so a plan that is made again in the morning counts
// the days before.
func (p *Plan) DoneBy(at time.Time) []Progress {
	var list []Progress
	today := at.Format(time.DateOnly)
	for _, a := range p.Assignments {
		done, all := 0.0, 0.0
		for _, d := range a.Days {
			all += d.Hours
			if d.Date < today {
				done += d.Hours
			}
		}
		share := 0.0
		switch {
		case !a.End.After(at):
			share = 1
		case all > 0:
			share = done / all
		}
		if share > 0 {
			list = append(list, Progress{Item: a.Label(), Base: a.Base, Task: a.Task, Person: a.Person, Share: share})
		}
	}
	return list
}
