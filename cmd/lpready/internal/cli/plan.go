package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lpready/analyze"
	"lpready/analyze/revision"
	"lpready/cmd/lpready/internal/render"
	"lpready/vendors"
	"lpready/vendors/plan"
	"lpready/vendors/track"
)

// A planning is what plan is asked for.
type planning struct {
	job      *job
	start    string
	embargo  string
	revised  []string
	risk     string
	runs     int
	seed     uint64
	without  []string
	add      []string
	drop     xsaNumbers
	split    int
	overtime float64
	from     tracked // what the folder of a tracked batch, or a saved plan, says
}

func newPlan(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan BATCH|SAVED.json|FOLDER",
		Short: "Tell whether the people at hand are enough: schedule, what is unstaffed, risk",
		Long: `Read a batch as triage does, or a report that was saved as JSON, and plan the
work for the team in the vendor's profile: who does what on which day, what
nobody can do and what helps, and how likely everything is ready when the
embargo ends.

Given the folder of a tracked batch (triage --track), plan what is left of it by
its log, with its revisions, and keep the plan there.

Given a plan that was saved, what it had planned until --start counts as done;
with --revised, a saved report of revise, new versions take the place of the
old ones and what they ask for is done again.

--without, --add, --drop, --split, --overtime and, where the advisories say when
their embargo ends, --embargo are what-ifs: each is planned alone and all of them
together, beside the plan as it is.

Exit codes: 0 all can be staffed in time, 1 something cannot, 2 usage or input, 3
the machine or a tool.`,
		Example: `  lpready plan --sample
  lpready plan --vendor ours.yaml --format html -o plan.html batch/
  lpready plan --vendor ours.yaml --embargo 2026-12-08 --format json -o monday.json triage.json
  lpready plan --vendor ours.yaml --revised revised.json monday.json
  lpready plan --vendor ours.yaml --without Ada --overtime 2 triage.json
  lpready plan --vendor ours.yaml --add "Kim:senior:6:x86/hvm,common" triage.json`,
		Args: batchArgs,
	}
	out := addOutput(a, cmd, render.PlanFormats()...)
	p := &planning{job: addJob(a, cmd)}
	f := cmd.Flags()
	f.StringVar(&p.start, "start", "", "when work begins, a `day` or RFC 3339 (default now)")
	f.StringVar(&p.embargo, "embargo", "", "when the embargo ends, a `day` (12:00 UTC) or RFC 3339 (default: as the advisories say)")
	f.StringArrayVar(&p.revised, "revised", nil, "a saved report of revise: what a new version asks for (`file`); repeat for more")
	f.StringVar(&p.risk, "risk", "", "what the simulation assumes, in place of the built-in numbers (YAML `file`)")
	f.IntVar(&p.runs, "runs", plan.DefaultRuns, "how often the course of events is simulated")
	f.Uint64Var(&p.seed, "seed", 1, "of the simulation; the same seed gives the same bytes")
	f.StringArrayVar(&p.without, "without", nil, "what if this `person` were not there; repeat for more")
	f.StringArrayVar(&p.add, "add", nil, "what if one more were there: `NAME:SENIORITY:HOURS:SKILL,SKILL`")
	f.Var(&p.drop, "drop", "what if these advisories were left out")
	f.IntVar(&p.split, "split", 0, "what if at most `N` items went out together, the next a fortnight later")
	f.Float64Var(&p.overtime, "overtime", 0, "what if everybody worked `hours` more on each working day until then")
	for _, name := range []string{"start", "embargo", "runs", "seed", "without", "add", "drop", "split", "overtime"} {
		must(cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions))
	}
	cmd.AddCommand(newPolicy(a), newRecord(a), newCalibrate(a))
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		report, err := p.run(cmd.Context(), paths)
		if err != nil {
			return err
		}
		return out.plan(report)
	}
	return cmd
}

// plan writes a plan, and tells by its error whether all of it is staffed in time.
func (o *output) plan(r *render.PlanReport) error {
	err := o.write(func(w io.Writer) error {
		return render.Plan(w, o.format.value, o.app.layout(o.file != ""), r)
	})
	if err != nil {
		return err
	}
	return staffed(r)
}

func staffed(r *render.PlanReport) error {
	if n := len(r.Plan.Unstaffed); n > 0 {
		return NotReady{Cells: n, Of: len(r.Plan.Items)}
	}
	return nil
}

// run makes the plan.
func (p *planning) run(ctx context.Context, paths []string) (*render.PlanReport, error) {
	profile, err := p.job.profile()
	if err != nil {
		return nil, input(err)
	}
	if profile.Name == "" {
		return nil, inputf("expected --vendor: the profile names the team")
	}
	if len(profile.Team.People) == 0 {
		return nil, inputf("%s names no team: expected team.people in a profile of your own (see lpready vendors init)", profile.Name)
	}
	report, err := p.report(ctx, paths)
	if err != nil {
		return nil, err
	}
	report.Command, report.Vendor, report.Generated = "plan", profile.Name, p.job.app.Now().UTC().Truncate(time.Second)
	req, err := p.request(report, &profile.Team)
	if err != nil {
		return nil, err
	}
	changes, err := p.changes(report, req)
	if err != nil {
		return nil, err
	}
	made, err := plan.Compare(*req, changes)
	if err != nil {
		return nil, input(err)
	}
	takeNew(report, req.Revised)
	r := &render.PlanReport{Report: *report, Plan: made}
	if p.from.dir != "" && len(changes) == 0 {
		return r, trackPlan(p.from.dir, r)
	}
	return r, nil
}

// report assesses the batch, or reads a saved report or the folder of a tracked
// batch, and what these say of work that is done.
func (p *planning) report(ctx context.Context, paths []string) (*analyze.Report, error) {
	if len(paths) == 1 && track.Is(paths[0]) {
		report, from, err := fromFolder(paths[0])
		if err != nil {
			return nil, err
		}
		p.from = *from
		return report, p.job.keep(report)
	}
	if len(paths) != 1 || !savedReport(paths[0]) {
		return p.job.run(ctx, "plan", paths)
	}
	f, err := os.Open(paths[0])
	if err != nil {
		return nil, openError(err)
	}
	defer f.Close()
	saved, err := render.Read(paths[0], f)
	if err != nil {
		return nil, input(err)
	}
	switch saved.Command {
	case "plan":
		r, err := render.LoadPlan(saved)
		if err != nil {
			return nil, input(err)
		}
		p.from.before = r.Plan
		return &r.Report, p.job.keep(&r.Report)
	case "triage", "analyze", "probe":
		r, err := render.Load(saved.Name, saved.Reader())
		if err != nil {
			return nil, input(err)
		}
		return r, p.job.keep(r)
	}
	return nil, inputf("%s: a report of %q, expected one of triage, analyze, probe or plan", paths[0], saved.Command)
}

// savedReport tells whether a file is a report of ours rather than a batch.
func savedReport(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	const most = 4096
	head, _ := bufio.NewReaderSize(f, most).Peek(most)
	head = bytes.TrimSpace(head)
	return bytes.HasPrefix(head, []byte("{")) && bytes.Contains(head, []byte(`"schema"`))
}

// sampleStart and sampleEmbargo are a fortnight for the sample, whose own embargo
// never ends.
const (
	sampleStart   = "2025-10-01T08:00:00Z"
	sampleEmbargo = "2025-10-15T12:00:00Z"
)

// request asks for the plan of a report.
func (p *planning) request(report *analyze.Report, team *vendors.Team) (*plan.Request, error) {
	if p.job.sample && p.start == "" && p.embargo == "" {
		p.start, p.embargo = sampleStart, sampleEmbargo
	}
	req := &plan.Request{Cells: report.Cells, Team: team, Runs: p.runs, Seed: p.seed, Start: p.job.app.Now().UTC().Truncate(time.Minute)}
	if p.runs < 1 {
		return nil, inputf("--runs %d: expected at least one", p.runs)
	}
	var err error
	if p.start != "" {
		if req.Start, err = moment(p.start, 0); err != nil {
			return nil, inputf("--start %w", err)
		}
	}
	if before := p.from.before; before != nil {
		if req.History = before.Revisions; p.from.dir == "" { // a log knows what was done; else it is what was planned
			req.Done = before.DoneBy(req.Start)
		}
		req.Embargo, req.Fixed = before.Embargo, plan.Embargo(report.Cells, req.Start).IsZero()
	}
	if p.from.dir != "" {
		req.Done, req.Assign, req.Revised = p.from.done, p.from.assign, p.from.revised
	}
	if p.risk != "" {
		f, err := os.Open(p.risk)
		if err != nil {
			return nil, openError(err)
		}
		defer f.Close()
		if req.Risk, err = plan.LoadRisk(p.risk, f); err != nil {
			return nil, input(err)
		}
	}
	for _, name := range p.revised {
		cells, err := readRevised(name)
		if err != nil {
			return nil, err
		}
		req.Revised = append(req.Revised, cells...)
	}
	return req, nil
}

// readRevised reads a saved report of revise.
func readRevised(name string) ([]revision.Cell, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, openError(err)
	}
	defer f.Close()
	r, err := render.LoadRevision(name, f)
	if err != nil {
		return nil, input(err)
	}
	return r.Cells, nil
}

// moment reads a day, at an hour of UTC, or an exact time.
func moment(s string, hour int) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.Add(time.Duration(hour) * time.Hour), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%q: expected a day, YYYY-MM-DD, or a time as RFC 3339 has it", s)
}

// changes are the what-ifs. An embargo is one where the advisories have their own;
// else it is a fact of the request.
func (p *planning) changes(report *analyze.Report, req *plan.Request) ([]plan.Change, error) {
	var list []plan.Change
	if p.embargo != "" {
		const noon = 12
		end, err := moment(p.embargo, noon)
		switch known := plan.Embargo(report.Cells, req.Start); {
		case err != nil:
			return nil, inputf("--embargo %w", err)
		case known.IsZero() || p.job.sample:
			req.Embargo, req.Fixed = end, true
		default:
			list = append(list, plan.Change{Embargo: end})
		}
	}
	for _, name := range p.without {
		list = append(list, plan.Change{Without: name})
	}
	for _, s := range p.add {
		person, err := onePerson(s)
		if err != nil {
			return nil, err
		}
		list = append(list, plan.Change{Add: person})
	}
	for _, n := range p.drop {
		list = append(list, plan.Change{Drop: plan.Name{XSA: n}.Label()})
	}
	if p.split < 0 || p.overtime < 0 || p.overtime > 16 {
		return nil, inputf("--split %d, --overtime %g: expected a number of items, and of hours up to 16", p.split, p.overtime)
	}
	if p.split > 0 {
		list = append(list, plan.Change{Split: p.split})
	}
	if p.overtime > 0 {
		list = append(list, plan.Change{Overtime: p.overtime})
	}
	return list, nil
}

// onePerson reads NAME:SENIORITY:HOURS:SKILL,SKILL; what comes after the name can
// be left out.
func onePerson(s string) (*vendors.Person, error) {
	parts := strings.Split(s, ":")
	p := &vendors.Person{Name: strings.TrimSpace(parts[0]), Seniority: vendors.Regular}
	bad := func() (*vendors.Person, error) {
		return nil, inputf("--add %q: expected NAME:SENIORITY:HOURS:SKILL,SKILL, such as Kim:senior:6:x86/hvm,common", s)
	}
	if p.Name == "" || len(parts) > 4 {
		return bad()
	}
	if len(parts) > 1 {
		p.Seniority = parts[1]
		if !slices.Contains([]string{vendors.Junior, vendors.Regular, vendors.Senior}, p.Seniority) {
			return bad()
		}
	}
	if len(parts) > 2 {
		h, err := strconv.ParseFloat(parts[2], 64)
		if err != nil || !(h > 0 && h <= 15) {
			return bad()
		}
		p.Hours = h
	}
	if len(parts) > 3 {
		p.Skills = strings.Split(parts[3], ",")
	}
	return p, nil
}

// takeNew puts the new versions into the report, so that it says what was planned.
func takeNew(report *analyze.Report, revised []revision.Cell) {
	for i := range revised {
		r := &revised[i]
		at := slices.IndexFunc(report.Cells, func(c analyze.Cell) bool { return plan.Of(&c) == plan.Of(&r.Cell) })
		switch {
		case r.Revision.Kind == revision.Dropped && at >= 0:
			report.Cells = slices.Delete(report.Cells, at, at+1)
		case r.Hours == nil || r.Revision.Kind == revision.Dropped:
		case at >= 0:
			report.Cells[at] = r.Cell
		default:
			report.Cells = append(report.Cells, r.Cell)
		}
	}
	report.Totals = analyze.Sum(report.Cells)
}
