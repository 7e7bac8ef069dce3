package plan

import (
	"slices"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
	"lpready/vendors"
)

// The stages of the work on a cell, in order.
const (
	author = iota
	build
	test
	review
	note
	stages
)

var stageNames = [stages]string{"author", "build", "test", "review", "note"}

// stageOf says in which stage a task is done.
var stageOf = map[string]int{
	effort.Read: author, effort.FindOut: author, effort.Port: author, effort.Adapt: author, effort.Redesign: author,
	effort.Decide: author, effort.Announce: author,
	effort.Build: build, effort.Test: test, effort.Review: review, effort.Note: note,
}

// A job is the work of one stage of one cell, done by one person.
type job struct {
	cell   int
	stage  int
	parts  []part
	hours  float64 // expected, that are left
	before []int   // jobs that have to end first
	avoid  []int   // jobs whose person may not do this one
	can    []int   // people who may do it
}

// A part is one task of a job: three-point hours that are left.
type part struct {
	task                            string
	optimistic, likely, pessimistic float64
	expected                        float64
	redone                          bool // work on a new version
}

func (p part) times(f float64) part {
	p.optimistic, p.likely, p.pessimistic, p.expected = p.optimistic*f, p.likely*f, p.pessimistic*f, p.expected*f
	return p
}

func (p part) plus(q part) part {
	p.optimistic += q.optimistic
	p.likely += q.likely
	p.pessimistic += q.pessimistic
	p.expected += q.expected
	p.redone = p.redone || q.redone
	return p
}

func partOf(t effort.Task) part {
	return part{task: t.Task, optimistic: t.Optimistic, likely: t.Likely, pessimistic: t.Pessimistic, expected: t.Expected}
}

// merged adds the lines of one task up: an estimate has one for each kind of
// finding.
func merged(tasks []effort.Task) []part {
	var list []part
	for _, t := range tasks {
		i := slices.IndexFunc(list, func(p part) bool { return p.task == t.Task })
		if i < 0 {
			list = append(list, partOf(t))
			continue
		}
		list[i] = list[i].plus(partOf(t))
	}
	return list
}

// files are the files of a cell, as far as it names them.
func files(c *analyze.Cell) []string {
	var list []string
	add := func(f string) {
		if f != "" && !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	for i := range c.Functions {
		add(c.Functions[i].File)
	}
	for i := range c.Findings {
		if s := c.Findings[i].Severity; s == factor.Blocker || s == factor.Change {
			add(c.Findings[i].File)
		}
	}
	return list
}

// may tells whether a person may do a stage of a cell, hours aside.
func may(team *vendors.Team, p *vendors.Person, c *analyze.Cell, area string, stage int) bool {
	if c.Class == factor.NotNeeded {
		return true // nothing of it is in this hypervisor; it has to be read and said
	}
	switch stage {
	case author:
		return p.Covers(area) && (c.Class != factor.Hard || p.TakesHard()) && (c.Class != factor.Unknown || p.Seniority != vendors.Junior)
	case build:
		return p.Covers(area) || p.Covers(vendors.SkillBuild)
	case test:
		return p.Covers(area) || p.Covers(vendors.SkillTest)
	case review:
		return p.Covers(area) && p.CanReview() && (!team.NeedsSenior(string(c.Class)) || p.IsSenior())
	}
	return true
}
