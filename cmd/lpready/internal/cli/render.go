package cli

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lpready/cmd/lpready/internal/render"
)

func newRender(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "render SAVED.json",
		Short: "Write a saved run again in another format",
		Long: `Read a report that was saved with --format json and write it in another format.
The result is the same, byte for byte, as if the run had been made in that
format. "-" reads standard input. The exit code is that of the run.`,
		Example: `  lpready triage --sample --format json -o batch.json
  lpready render batch.json --format markdown -o batch.md`,
		Args: cobra.ExactArgs(1),
	}
	out := addOutput(a, cmd, render.PlanFormats()...)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var in io.Reader = a.Stdin
		if args[0] != "-" {
			f, err := os.Open(args[0])
			if err != nil {
				return input(err)
			}
			defer f.Close()
			in = f
		}
		saved, err := render.Read(args[0], in)
		if err != nil {
			return input(err)
		}
		return out.saved(saved)
	}
	return cmd
}

// formatsOf lists the formats of a command's reports.
func formatsOf(command string) []string {
	switch command {
	case "plan":
		return render.PlanFormats()
	case "port", "revise", "objdiff", "match", "verify":
		return render.Formats()
	}
	return render.ReportFormats()
}

// saved writes a saved report with the handler of the command that made it.
func (o *output) saved(s *render.Saved) error {
	var fill func(io.Writer) error
	var verdict error
	layout := o.app.layout(o.file != "")
	if formats := formatsOf(s.Command); !slices.Contains(formats, o.format.value) {
		return inputf("%s: format %q: a report of %s has %s", s.Name, o.format.value, s.Command, strings.Join(formats, ", "))
	}
	switch s.Command {
	case "port":
		r, err := render.LoadPort(s.Name, s.Reader())
		if err != nil {
			return input(err)
		}
		fill = func(w io.Writer) error { return render.Port(w, o.format.value, layout, r) }
		verdict = placed(r)
	case "revise":
		r, err := render.LoadRevision(s.Name, s.Reader())
		if err != nil {
			return input(err)
		}
		fill = func(w io.Writer) error { return render.Revision(w, o.format.value, layout, r) }
		verdict = revised(r)
	case "objdiff":
		t, at, err := render.LoadObjdiff(s)
		if err != nil {
			return input(err)
		}
		fill = func(w io.Writer) error { return render.Objdiff(w, o.format.value, layout, at, t) }
		verdict = compared(t)
	case "match":
		m, at, err := render.LoadMatch(s)
		if err != nil {
			return input(err)
		}
		fill = func(w io.Writer) error { return render.Match(w, o.format.value, layout, at, m) }
		verdict = matched(m)
	case "build":
		r, err := render.LoadBuild(s)
		if err != nil {
			return input(err)
		}
		fill = func(w io.Writer) error { return render.Build(w, o.format.value, layout, r) }
		verdict = made(r)
	case "doctor":
		list, at, err := render.LoadDoctor(s)
		if err != nil {
			return input(err)
		}
		fill = func(w io.Writer) error { return render.Doctor(w, o.format.value, layout, at, list) }
		verdict = healthy(list)
	case "verify":
		v, at, err := render.LoadVerify(s)
		if err != nil {
			return input(err)
		}
		fill = func(w io.Writer) error { return render.Verify(w, o.format.value, layout, at, v) }
		verdict = accepted(v)
	case "plan":
		r, err := render.LoadPlan(s)
		if err != nil {
			return input(err)
		}
		fill = func(w io.Writer) error { return render.Plan(w, o.format.value, layout, r) }
		verdict = staffed(r)
	case "policy":
		r, err := render.LoadPolicy(s)
		if err != nil {
			return input(err)
		}
		fill = func(w io.Writer) error { return render.Policy(w, o.format.value, layout, r) }
	default:
		r, err := render.Load(s.Name, s.Reader())
		if err != nil {
			return input(err)
		}
		return o.report(r)
	}
	if err := o.write(fill); err != nil {
		return err
	}
	return verdict
}
