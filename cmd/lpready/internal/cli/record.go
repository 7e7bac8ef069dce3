package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/cmd/lpready/internal/render"
	"lpready/vendors/plan"
)

func newRecord(a *app) *cobra.Command {
	var of, base, task, person, item, dir string
	var xsa xsaNumbers
	hours := -1.0
	cmd := &cobra.Command{
		Use:   "record RECORDS",
		Short: "Keep what a task of a cell really took, in the team's own file",
		Long: `Append to a file, one line of JSON each, how many hours a task of a cell really
took, beside what was expected: a saved report of triage, probe or plan says so.
Lines are never changed; a later one about the same task of the same cell
corrects the one before. plan calibrate refits the hours from it.`,
		Example: `  lpready plan record team.jsonl --of batch.json --xsa 480 --base 8.3 --task adapt --hours 5.5`,
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&of, "of", "", "saved report in which the cell is (`file`)")
	f.Var(&xsa, "xsa", "the advisory")
	f.StringVar(&item, "item", "", "a patch without a number, by its `name`")
	f.StringVar(&base, "base", "", "the base, by its `id` (default: the only one)")
	f.StringVar(&task, "task", "", "the task: "+strings.Join(effort.Tasks(), ", "))
	f.Float64Var(&hours, "hours", hours, "that it took")
	f.StringVar(&person, "person", "", "who did it (`name`)")
	addTrack(cmd, &dir)
	must(cmd.RegisterFlagCompletionFunc("task", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return effort.Tasks(), cobra.ShellCompDirectiveNoFileComp
	}))
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if of == "" || task == "" || hours < 0 || (len(xsa) == 1) == (item != "") || len(xsa) > 1 {
			return inputf("expected --of SAVED.json, --xsa NUMBER (or --item NAME), --task and --hours")
		}
		report, err := openReport(of)
		if err != nil {
			return err
		}
		name := plan.Name{Item: item, Base: base}
		if len(xsa) == 1 {
			name.XSA = xsa[0]
		}
		cell, err := cellOf(report, name)
		if err != nil {
			return input(err)
		}
		record, err := recordOf(cell, task)
		if err != nil {
			return input(err)
		}
		record.At, record.Hours, record.Person = a.Now().UTC().Truncate(time.Second), hours, person
		line, err := record.Line()
		if err != nil {
			return input(err)
		}
		if err := appendLine(args[0], line); err != nil || dir == "" {
			return err
		}
		return a.assign(dir, plan.Of(cell), "", []string{task})
	}
	return cmd
}

// openReport reads the cells of a saved report of verdicts or of a plan.
func openReport(name string) (*analyze.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, openError(err)
	}
	defer f.Close()
	r, err := render.Load(name, f)
	if err != nil {
		return nil, input(err)
	}
	return r, nil
}

// cellOf finds a cell; the base can be left out where an item has only one.
func cellOf(r *analyze.Report, n plan.Name) (*analyze.Cell, error) {
	var found []*analyze.Cell
	var ids []string
	for i := range r.Cells {
		c := &r.Cells[i]
		if plan.Of(c).Label() != n.Label() {
			continue
		}
		ids = append(ids, c.Base)
		if n.Base == "" || n.Base == c.Base {
			found = append(found, c)
		}
	}
	switch {
	case len(ids) == 0:
		return nil, fmt.Errorf("%s is not in the report", n.Label())
	case len(found) == 0:
		return nil, fmt.Errorf("%s has no base %q in the report: expected one of %s", n.Label(), n.Base, strings.Join(ids, ", "))
	case len(found) > 1:
		return nil, fmt.Errorf("%s is on several bases: choose one with --base, of %s", n.Label(), strings.Join(ids, ", "))
	}
	return found[0], nil
}

// recordOf is a record of a task of a cell, with what was expected.
func recordOf(c *analyze.Cell, task string) (*effort.Record, error) {
	n := plan.Of(c)
	r := &effort.Record{XSA: n.XSA, Item: n.Item, Base: n.Base, Class: string(c.Class), Task: task}
	var has []string
	if c.Hours != nil {
		for _, t := range c.Hours.Tasks {
			if !slices.Contains(has, t.Task) {
				has = append(has, t.Task)
			}
			if t.Task == task {
				r.Optimistic += t.Optimistic
				r.Likely += t.Likely
				r.Pessimistic += t.Pessimistic
				r.Expected += t.Expected
			}
		}
	}
	if !slices.Contains(has, task) {
		return nil, fmt.Errorf("%s has no task %q: expected one of %s", n, task, strings.Join(has, ", "))
	}
	return r, nil
}

// appendLine adds a line to a file of the user's own, in one write.
func appendLine(name string, line []byte) (err error) {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return machine(err)
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = machine(e)
		}
	}()
	if _, err := f.Write(line); err != nil {
		return machine(err)
	}
	return machine(f.Sync())
}

func newCalibrate(a *app) *cobra.Command {
	var overlay, own string
	cmd := &cobra.Command{
		Use:   "calibrate RECORDS",
		Short: "Refit the hours from what was recorded",
		Long: `Compare what plan record kept with what was expected, task by task, and refit the
model of the hours. Each task is drawn towards what all tasks say together, and
that towards the model: few records change little. The error after refitting is
that of a fit which does not know the record it is held against.

--write gives a file for --effort, or for the profile's effort.`,
		Example: `  lpready plan calibrate team.jsonl
  lpready plan calibrate team.jsonl --write hours.yaml`,
		Args: cobra.ExactArgs(1),
	}
	out := addOutput(a, cmd)
	cmd.Flags().StringVar(&overlay, "write", "", "write the refitted hours to this YAML `file`")
	cmd.Flags().StringVar(&own, "effort", "", "the hours that were expected, where they are not the built-in ones (YAML `file`)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return openError(err)
		}
		defer f.Close()
		records, err := effort.ReadRecords(args[0], f)
		if err != nil {
			return input(err)
		}
		c := effort.Calibrate(records)
		if overlay != "" {
			if err := writeOverlay(overlay, own, c); err != nil {
				return err
			}
		}
		return out.write(func(w io.Writer) error {
			return render.Calibration(w, out.format.value, a.layout(out.file != ""), c)
		})
	}
	return cmd
}

func writeOverlay(name, own string, c *effort.Calibration) error {
	model := effort.Default()
	if own != "" {
		f, err := os.Open(own)
		if err != nil {
			return openError(err)
		}
		defer f.Close()
		if model, err = effort.Load(own, f); err != nil {
			return input(err)
		}
	}
	var b strings.Builder
	if err := model.Overlay(&b, c); err != nil {
		return machine(err)
	}
	return machine(writeAside(name, []byte(b.String())))
}
