package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/analyze/revision"
	"lpready/build"
	"lpready/cmd/lpready/internal/render"
	"lpready/vendors/plan"
	"lpready/vendors/track"
)

// addTrack gives a command the flag that keeps its result in a folder.
func addTrack(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "track", "", "keep the result in this `folder`, which lpready status reads")
	must(cmd.MarkFlagDirname("track"))
}

// trackVerdicts keeps verdicts in a folder: of the whole batch, so that what is not
// in it is gone from the batch.
func (j *job) trackVerdicts(dir string, r *analyze.Report) error {
	if dir == "" {
		return nil
	}
	if len(j.xsas) > 0 || len(j.bases) > 0 {
		return inputf("--track keeps a whole batch: expected no --xsa and no --base")
	}
	f, err := track.Begin(dir)
	if err != nil {
		return openError(err)
	}
	h, err := render.For("json", render.Options{})
	if err != nil {
		return err
	}
	if err := saveTo(f, track.CellsFile, func(w io.Writer) error { return h.Render(w, r) }); err != nil {
		return err
	}
	return machine(f.Add(f.Assess(r.Cells, r.Generated)...))
}

// saveTo writes a file of the folder, whole or not at all.
func saveTo(f *track.Folder, name string, fill func(io.Writer) error) error {
	var b bytes.Buffer
	if err := fill(&b); err != nil {
		return machine(err)
	}
	return machine(writeAside(f.Path(name), b.Bytes()))
}

// trackPlan keeps a plan in a folder.
func trackPlan(dir string, r *render.PlanReport) error {
	f, err := track.Open(dir)
	if err != nil {
		return openError(err)
	}
	err = saveTo(f, track.PlanFile, func(w io.Writer) error { return render.Plan(w, "json", render.Options{}, r) })
	if err != nil {
		return err
	}
	says := fmt.Sprintf("ready with %.0f %%, %d not staffed or late", 100*r.Plan.ReadyProbability, len(r.Plan.Unstaffed))
	return machine(f.Add(track.Event{At: r.Generated, Event: track.Planned, File: track.PlanFile, Says: says}))
}

// trackRevision keeps what revise found in a folder.
func trackRevision(dir string, r *revision.Report) error {
	if dir == "" {
		return nil
	}
	f, err := track.Open(dir)
	if err != nil {
		return openError(err)
	}
	file := f.NextRevised()
	err = saveTo(f, file, func(w io.Writer) error { return render.Revision(w, "json", render.Options{}, r) })
	if err != nil {
		return err
	}
	var events []track.Event
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Revision.Kind == revision.Same {
			continue
		}
		says := fmt.Sprintf("version %d to %d: %s", c.Revision.From, c.Revision.To, c.Revision.Kind)
		if len(c.Revision.Redo) > 0 {
			says += ", redo " + strings.Join(c.Revision.Redo, ", ")
		}
		events = append(events, track.Event{At: r.Generated, Event: track.Revised, Name: plan.Of(&c.Cell), Version: c.Revision.To, File: file, Says: says})
	}
	return machine(f.Add(events...))
}

var payloadXSA = regexp.MustCompile(`(?i)xsa-?([0-9]{1,5})`)

// trackPayloads keeps what verify found in a folder: each payload belongs to the
// advisory in its name.
func trackPayloads(dir, base string, at time.Time, found *render.Verification) error {
	if dir == "" {
		return nil
	}
	f, err := track.Open(dir)
	if err != nil {
		return openError(err)
	}
	var events []track.Event
	for i := range found.Payloads {
		r := found.Payloads[i].Result
		m := payloadXSA.FindStringSubmatch(r.Name)
		if m == nil {
			return inputf("%s: no number of an advisory in its name: expected one such as xsa480.livepatch", r.Name)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return input(err)
		}
		var cells []plan.Name
		for _, s := range f.States() {
			if s.XSA == n && (base == "" || s.Base == base) {
				cells = append(cells, s.Name)
			}
		}
		switch {
		case len(cells) == 0:
			return inputf("%s: XSA-%d is not in the batch of %s", r.Name, n, dir)
		case len(cells) > 1:
			return inputf("%s: XSA-%d is on several bases, and a payload is for one: choose it with --base", r.Name, n)
		}
		accepted := found.Good(i)
		events = append(events, track.Event{At: at, Event: track.Verified, Name: cells[0], File: r.Name, Accepted: &accepted})
	}
	return machine(f.Add(events...))
}

// trackPayloadMatrix keeps what was built in a folder: what the checks say of each
// payload, and that the build is done where nobody has to look at it any more.
func trackPayloadMatrix(dir string, r *build.Report) error {
	if dir == "" {
		return nil
	}
	f, err := track.Open(dir)
	if err != nil {
		return openError(err)
	}
	var events []track.Event
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Payload == nil {
			continue
		}
		accepted := c.Status != build.Refused
		for _, s := range f.States() {
			if s.XSA == 0 || s.Base != c.Base || !slices.Contains(c.XSAs, s.XSA) {
				continue
			}
			events = append(events, track.Event{At: r.Generated, Event: track.Verified, Name: s.Name, File: c.Name, Accepted: &accepted})
			if c.Status == build.Ready {
				events = append(events, track.Event{At: r.Generated, Event: track.Finished, Name: s.Name, Task: "build", File: c.Name})
			}
		}
	}
	return machine(f.Add(events...))
}

// fromFolder reads what a folder holds for a plan: the verdicts, what is done and
// who does what, the revisions, and the plan before.
func fromFolder(dir string) (*analyze.Report, *tracked, error) {
	f, err := track.Open(dir)
	if err != nil {
		return nil, nil, openError(err)
	}
	report, err := openReport(f.Path(track.CellsFile))
	if err != nil {
		return nil, nil, err
	}
	t := &tracked{dir: dir}
	t.done, t.assign = f.Progress()
	for _, file := range f.Revisions() {
		cells, err := readRevised(f.Path(file))
		if err != nil {
			return nil, nil, err
		}
		t.revised = append(t.revised, newest(cells, report.Cells)...)
	}
	in, err := os.Open(f.Path(track.PlanFile))
	if errors.Is(err, os.ErrNotExist) {
		return report, t, nil
	}
	if err != nil {
		return nil, nil, machine(err)
	}
	defer in.Close()
	saved, err := render.Read(f.Path(track.PlanFile), in)
	if err != nil {
		return nil, nil, input(err)
	}
	before, err := render.LoadPlan(saved)
	if err != nil {
		return nil, nil, input(err)
	}
	t.before = before.Plan
	return report, t, nil
}

// newest takes the verdict on a new version from the last triage, where that has
// seen it.
func newest(revised []revision.Cell, cells []analyze.Cell) []revision.Cell {
	for i := range revised {
		r := &revised[i]
		for k := range cells {
			if c := &cells[k]; plan.Of(c) == plan.Of(&r.Cell) && c.Version > 0 && c.Version >= r.Revision.To {
				r.Cell = *c
			}
		}
	}
	return revised
}

// A tracked is the state of a batch as a plan needs it.
type tracked struct {
	dir     string
	done    []plan.Progress
	assign  []plan.Assign
	revised []revision.Cell
	before  *plan.Plan
}

func newAssign(a *app) *cobra.Command {
	var base, to, item string
	var done []string
	cmd := &cobra.Command{
		Use:   "assign FOLDER XSA",
		Short: "Say who does an item of a tracked batch, or what is done of it",
		Long: `Add to the log of a tracked batch that a person is to do the author's work on an
item, or that tasks of it are done. The next plan of the folder keeps to it.`,
		Example: `  lpready assign october 480 --to Ada
  lpready assign october 480 --base 8.3 --to Ada --done read,port,adapt`,
		Args: cobra.RangeArgs(1, 2),
	}
	f := cmd.Flags()
	f.StringVar(&base, "base", "", "on this base only, by its `id`")
	f.StringVar(&to, "to", "", "the `person` who does it")
	f.StringVar(&item, "item", "", "a patch without a number, by its `name`")
	f.StringSliceVar(&done, "done", nil, "`tasks` that are done: "+strings.Join(effort.Tasks(), ", "))
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		name := plan.Name{Item: item, Base: base}
		if len(args) == 2 {
			n, ok := xsaNumber(args[1])
			if !ok {
				return inputf("%q: expected the number of an advisory, such as 480 or XSA-480", args[1])
			}
			name.XSA = n
		}
		if (name.XSA > 0) == (item != "") || to == "" && len(done) == 0 {
			return inputf("expected an advisory (or --item NAME), and --to PERSON or --done TASKS")
		}
		return a.assign(args[0], name, to, done)
	}
	return cmd
}

func (a *app) assign(dir string, name plan.Name, to string, done []string) error {
	folder, err := track.Open(dir)
	if err != nil {
		return openError(err)
	}
	if !slices.ContainsFunc(folder.States(), func(s track.State) bool { return s.Label() == name.Label() && (name.Base == "" || s.Base == name.Base) }) {
		return inputf("%s is not in the batch of %s", strings.TrimSuffix(name.String(), " on "), dir)
	}
	at := a.Now().UTC().Truncate(time.Second)
	var events []track.Event
	if to != "" {
		events = append(events, track.Event{At: at, Event: track.Assigned, Name: name, Person: to})
	}
	for _, task := range done {
		if !slices.Contains(effort.Tasks(), task) {
			return inputf("--done %q: expected tasks of %s", task, strings.Join(effort.Tasks(), ", "))
		}
		events = append(events, track.Event{At: at, Event: track.Finished, Name: name, Task: task, Person: to})
	}
	return machine(folder.Add(events...))
}

func newStatus(a *app) *cobra.Command {
	var history bool
	cmd := &cobra.Command{
		Use:   "status FOLDER",
		Short: "Tell how a tracked batch stands: items, classes, who, what is done, revisions",
		Long: `Read the folder in which triage, plan, revise, verify, assign and plan record keep
what they find with --track, and tell how each item stands on each base.

Exit codes: 0 all tasks of all items are done, 1 some are not, 2 usage or input, 3
the machine or a tool.`,
		Example: `  lpready triage --vendor ours.yaml --track october batch/
  lpready status october
  lpready status october --history`,
		Args: cobra.ExactArgs(1),
	}
	out := addOutput(a, cmd)
	cmd.Flags().BoolVar(&history, "history", false, "show the log, too")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		report, t, err := fromFolder(args[0])
		if err != nil {
			return err
		}
		folder, err := track.Open(args[0])
		if err != nil {
			return openError(err)
		}
		r := render.NewStatus(folder, report, t.before, a.Now().UTC().Truncate(time.Second), history)
		err = out.write(func(w io.Writer) error { return render.Status(w, out.format.value, a.layout(out.file != ""), r) })
		if err != nil {
			return err
		}
		if r.Open > 0 {
			return NotReady{Cells: r.Open, Of: len(r.Cells)}
		}
		return nil
	}
	return cmd
}
