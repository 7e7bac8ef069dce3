package cli

import (
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"lpready/cmd/lpready/internal/render"
	"lpready/vendors/plan"
)

func newPolicy(a *app) *cobra.Command {
	j := &job{app: a}
	var history string
	most, lead, bases := 5, 14, 0
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Replay the history of advisories under policies of batching, against a team",
		Long: `Let the team of a profile work through all advisories since 2012 once more: as
they came, on fixed days of the month or the quarter, and with at most so many in
a batch; and tell how busy it is, what share is ready in time, how long fixes are
held back, and which week is the worst.`,
		Example: `  lpready plan policy --vendor ours.yaml
  lpready plan policy --vendor ours.yaml --most 3 --format html -o policy.html`,
		Args: cobra.NoArgs,
	}
	out := addOutput(a, cmd, render.ReportFormats()...)
	f := cmd.Flags()
	f.StringVar(&j.vendor, "vendor", "", "profile of the vendor, which names the team and the bases: a `file`")
	f.BoolVar(&j.sample, "sample", false, "use the made-up vendor of the sample")
	f.StringVar(&j.effort, "effort", "", "hours for each task, in place of the built-in ones (YAML `file`)")
	f.StringVar(&history, "history", "", "another history: CSV with xsa, date, patches, files, lines, scope (`file`)")
	f.IntVar(&most, "most", most, "items in a batch, for the policies with a limit")
	f.IntVar(&lead, "lead", lead, "`days` between learning of a batch and its release")
	f.IntVar(&bases, "bases", 0, "on which each fix has to be made (default: as many as the profile has)")
	must(cmd.RegisterFlagCompletionFunc("vendor", completeProfile))
	cmd.RunE = func(*cobra.Command, []string) error {
		if most < 1 {
			return inputf("--most %d: expected at least one", most)
		}
		profile, err := j.profile()
		if err != nil {
			return input(err)
		}
		if profile.Name == "" {
			return inputf("expected --vendor: the profile names the team")
		}
		r := &plan.Replay{History: plan.History(), Team: &profile.Team, Bases: bases, Lead: lead}
		if bases == 0 {
			r.Bases = len(profile.Bases)
		}
		if r.Model, err = j.model(profile); err != nil {
			return input(err)
		}
		if history != "" {
			f, err := os.Open(history)
			if err != nil {
				return openError(err)
			}
			defer f.Close()
			if r.History, err = plan.ReadHistory(history, f); err != nil {
				return input(err)
			}
		}
		list, err := r.Run(plan.Policies(most))
		if err != nil {
			return input(err)
		}
		report := render.NewPolicyReport(profile.Name, a.Now().UTC().Truncate(time.Second), r, list)
		return out.write(func(w io.Writer) error { return render.Policy(w, out.format.value, a.layout(out.file != ""), report) })
	}
	return cmd
}
