package plan

import (
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
	"lpready/analyze/revision"
	"lpready/vendors"
)

func date(s string) (d vendors.Date) {
	if err := d.UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return d
}

// four is a team of four of which one is away.
func four() *vendors.Team {
	return &vendors.Team{People: []vendors.Person{
		{Name: "Ada", Seniority: vendors.Senior, Hours: 6, Skills: []string{"x86/mm", "common"}},
		{Name: "Barbara", Seniority: vendors.Senior, Hours: 6, Skills: []string{"x86", "common"}, Absent: []vendors.Absence{{From: date("2026-05-25"), To: date("2026-06-30"), Why: "leave"}}},
		{Name: "Edsger", Seniority: vendors.Regular, Hours: 6, Skills: []string{"x86/mm", "common", "livepatch"}},
		{Name: "Grace", Seniority: vendors.Junior, Hours: 6, Skills: []string{"toolstack", "test"}},
	}}
}

func usual(adapt float64) map[string]float64 {
	return map[string]float64{effort.Read: 1, effort.Port: 0.1, effort.Adapt: adapt, effort.Build: 0.5, effort.Test: 2.5, effort.Review: 1}
}

func batch() Request {
	cells := []analyze.Cell{
		cellOf(1, "one", factor.Clean, "xen/common/domain.c", usual(0)),
		cellOf(1, "two", factor.Clean, "xen/common/domain.c", map[string]float64{effort.Read: 0.1, effort.Build: 0.5, effort.Test: 1.5, effort.Review: 0.2}),
		cellOf(2, "one", factor.Adapt, "xen/arch/x86/mm/p2m.c", usual(4)),
		cellOf(3, "one", factor.Hard, "xen/arch/x86/x86_64/entry.S", usual(8)),
		cellOf(4, "one", factor.NotNeeded, "xen/arch/arm/gic.c", map[string]float64{effort.Read: 0.5, effort.Note: 0.1}),
		cellOf(5, "one", factor.Hard, "xen/common/sched/core.c", usual(8)),
		cellOf(6, "one", factor.Clean, "xen/arch/arm/p2m.c", usual(0)),
	}
	cells[3].Mitigation = "Running only HVM guests avoids the vulnerability.\nMore text."
	return Request{Cells: cells, Team: four(), Start: monday, Embargo: monday.AddDate(0, 0, 11), Runs: 500}
}

func find(t *testing.T, p *Plan, label, task string) *Assignment {
	t.Helper()
	for i := range p.Assignments {
		if a := &p.Assignments[i]; a.Label() == label && a.Task == task {
			return a
		}
	}
	return nil
}

func TestUnstaffed(t *testing.T) {
	plan, err := Make(batch())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range plan.Unstaffed {
		got = append(got, u.String()+" "+u.Kind+" "+u.Task+": "+u.Why+" -> "+u.Suggestion)
	}
	for i, want := range []string{
		"XSA-3 on one absent adapt: it takes a person who is there, knows x86/entry and may take what is hard: Barbara is absent 2026-05-25 to 2026-06-30 (leave) -> call Barbara back, or ask for some hours; Ada knows x86/mm, common, and could take it with help; mitigate, as the advisory says: Running only HVM guests avoids the vulnerability; or ship",
		"XSA-5 on one absent review: it takes a senior who knows common/scheduler and is not the author (hard): Barbara is absent 2026-05-25 to 2026-06-30 (leave); Ada works on it and cannot review it -> call Barbara back",
		"XSA-6 on one skill read: nobody is there and knows arm -> ask another team, or the Xen security team, for a hand with arm; the advisory knows no mitigation",
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("line %d:\ngot  %s\nwant %s", i+1, strings.Join(got, "\n     "), want)
		}
	}
	if plan.ReadyProbability != 0 || plan.StaffedProbability == 0 {
		t.Errorf("ready %g, of what is staffed %g", plan.ReadyProbability, plan.StaffedProbability)
	}
	if a := find(t, plan, "XSA-5", effort.Adapt); a == nil || a.Person != "Ada" {
		t.Errorf("XSA-5 is adapted by %+v", a)
	}
	if a := find(t, plan, "XSA-5", effort.Review); a != nil {
		t.Errorf("XSA-5 is reviewed by %s", a.Person)
	}
	adapted, reviewed := find(t, plan, "XSA-2", effort.Adapt), find(t, plan, "XSA-2", effort.Review)
	if adapted == nil || reviewed == nil || adapted.Person != "Edsger" || reviewed.Person != "Ada" || reviewed.Start.Before(adapted.End) {
		t.Errorf("XSA-2: %+v, %+v", adapted, reviewed)
	}
	if w := plan.Load[1]; w.Away == "" || w.Hours != 0 {
		t.Errorf("Barbara: %+v", w)
	}
	if len(plan.Critical) == 0 || len(plan.Decisions) == 0 || plan.Decisions[0].By > "2026-06-12" {
		t.Errorf("critical %v, decisions %v", plan.Critical, plan.Decisions)
	}
	var hours float64
	for _, a := range plan.Assignments {
		for _, d := range a.Days {
			hours += d.Hours
		}
	}
	if hours < 25 {
		t.Errorf("%g hours by day", hours)
	}
}

// TestLate has more work than hours: what is late is named, and more people help.
func TestLate(t *testing.T) {
	req := batch()
	req.Cells = req.Cells[:3]
	req.Embargo = monday.Add(9 * time.Hour)
	plan, err := Make(req)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Unstaffed) == 0 || plan.Unstaffed[0].Kind != NoTime || plan.StaffedProbability > 0.01 {
		t.Fatalf("%+v", plan.Unstaffed)
	}
	if !strings.HasPrefix(plan.Unstaffed[0].Why, "ready on 2026-06-0") {
		t.Error(plan.Unstaffed[0].Why)
	}
	compared, err := Compare(req, []Change{{Embargo: monday.AddDate(0, 0, 11)}, {Drop: "XSA-2"}, {Overtime: 6}, {Without: "ada"}, {Split: 1}, {Add: &vendors.Person{Name: "Kim", Seniority: vendors.Senior}}})
	if err != nil {
		t.Fatal(err)
	}
	late := map[string]int{}
	for _, s := range compared.Scenarios {
		late[s.Name] = s.Late + s.Unstaffed
	}
	if late["embargo ends 2026-06-12"] != 0 || late["without XSA-2"] >= late["as it is"] || late["without ada"] < late["as it is"] || late["at most 1 items at once"] >= late["as it is"] || late["with Kim"] > late["as it is"] {
		t.Errorf("%v", late)
	}
	if _, ok := late["all together"]; !ok {
		t.Errorf("%v", late)
	}
	for _, c := range []Change{{Without: "Zoe"}, {Drop: "XSA-99"}, {Add: &vendors.Person{Name: "Ada"}}} {
		if _, err := Compare(req, []Change{c}); err == nil {
			t.Errorf("%s: no error", c)
		}
	}
}

// TestRevision plans again in the middle of the work, with a new version of one
// item.
func TestRevision(t *testing.T) {
	req := batch()
	req.Cells = req.Cells[:3]
	first, err := Make(req)
	if err != nil {
		t.Fatal(err)
	}
	now := monday.AddDate(0, 0, 2)
	req.Done = first.DoneBy(now)
	req.Start = now
	rest, err := Make(req)
	if err != nil {
		t.Fatal(err)
	}
	whole, left := first.Brief("").Hours, rest.Brief("").Hours
	if left >= whole {
		t.Errorf("%g h are left of %g h", left, whole)
	}
	cell := req.Cells[2]
	cell.Version = 3
	redo := effort.Hours{Expected: 3, Tasks: []effort.Task{{Task: effort.Adapt, Optimistic: 1, Likely: 2, Pessimistic: 3, Expected: 2}, {Task: effort.Build, Optimistic: 1, Likely: 1, Pessimistic: 1, Expected: 1}}}
	req.Revised = []revision.Cell{{Cell: cell, Revision: revision.Revision{From: 2, To: 3, Kind: revision.Code, Redo: []string{revision.Adapt, revision.Rebuild}, Hours: redo}}}
	again, err := Make(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Brief("").Hours; got <= left || got > left+3.01 {
		t.Errorf("%g h with the revision, %g h without", got, left)
	}
	if len(again.Revisions) != 1 || again.Revisions[0].Hours == 0 || again.Revisions[0].To != 3 {
		t.Errorf("%+v", again.Revisions)
	}
	author := find(t, first, "XSA-2", effort.Adapt).Person
	if a := find(t, again, "XSA-2", effort.Adapt); a == nil || a.Person != author {
		t.Errorf("XSA-2 goes from %s to %+v", author, a)
	}
}

func TestAssigned(t *testing.T) {
	req := batch()
	req.Cells = req.Cells[:3]
	req.Assign = []Assign{{Item: "XSA-2", Person: "ada"}}
	plan, err := Make(req)
	if err != nil {
		t.Fatal(err)
	}
	if a := find(t, plan, "XSA-2", effort.Adapt); a == nil || a.Person != "Ada" {
		t.Errorf("%+v", a)
	}
	// Barbara is away and Edsger is no senior: nobody can review what Ada adapts.
	if len(plan.Unstaffed) != 1 || plan.Unstaffed[0].Task != effort.Review {
		t.Errorf("%+v", plan.Unstaffed)
	}
}

func TestRequestMistakes(t *testing.T) {
	for want, change := range map[string]func(*Request){
		"names no team":       func(r *Request) { r.Team = nil },
		"holds no cells":      func(r *Request) { r.Cells = nil },
		"give the day":        func(r *Request) { r.Embargo = time.Time{} },
		"before the plan":     func(r *Request) { r.Embargo = monday.AddDate(0, 0, -1) },
		"has no hours":        func(r *Request) { r.Cells[0].Hours = nil },
		"in the report twice": func(r *Request) { r.Cells = append(r.Cells, r.Cells[0]) },
		"simulations":         func(r *Request) { r.Runs = -1 },
	} {
		req := batch()
		change(&req)
		if _, err := Make(req); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, expected %q", err, want)
		}
	}
}

func TestMitigation(t *testing.T) {
	for text, want := range map[string]string{
		"There is no known mitigation.": "", "": "", "Not applicable": "",
		"Not using grant\ntables helps.  More.": "Not using grant tables helps", "Boot with\nspec-ctrl=no-ssbd": "Boot with spec-ctrl=no-ssbd",
	} {
		if got := Mitigation(text); got != want {
			t.Errorf("%q gives %q, expected %q", text, got, want)
		}
	}
}
