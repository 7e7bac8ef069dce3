package cli

import (
	"github.com/spf13/cobra"

	"lpready/cmd/lpready/internal/render"
)

func newTriage(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "triage BATCH...",
		Short: "Assess a whole batch: one table of verdicts, hours, and a summary",
		Long: `Read a batch as it arrived (mails, mailboxes, folders, archives, advisories,
loose patches; "-" is standard input) and tell for each advisory on each base
whether it needs a live patch, how hard one is, why, and how many hours it takes.

Without --vendor or --source the verdicts rest on the text of the patches alone,
and the column BY says so.`,
		Example: `  lpready triage --sample
  lpready triage --xen 4.17 ~/mail/embargoed.mbox
  lpready triage --source ~/xen-4.17.5 --config ~/xen.config --keyring xen.asc batch.tar.xz
  lpready triage --probe --source ~/xen-4.17.5 --config ~/xen.config batch/
  lpready triage --vendor profile.yaml --base 8.3 --format json -o batch.json batch/`,
		Args: batchArgs,
	}
	out := addOutput(a, cmd, render.ReportFormats()...)
	j := addJob(a, cmd)
	addProbing(cmd, j)
	addTrack(cmd, &j.track)
	cmd.Flags().BoolVar(&j.probing.on, "probe", false, "compile what each recipe reaches, before and after, and let the objects decide")
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		report, err := j.run(cmd.Context(), cmd.Name(), paths)
		if err != nil {
			return err
		}
		if err := j.trackVerdicts(j.track, report); err != nil {
			return err
		}
		return out.report(report)
	}
	return cmd
}

// batchArgs wants a batch: either paths, or the sample, which brings all that
// goes with it.
func batchArgs(cmd *cobra.Command, args []string) error {
	sample := cmd.Flags().Changed("sample")
	switch {
	case sample && len(args) > 0:
		return inputf("--sample is a batch of its own: expected no other (%s)", args[0])
	case !sample && len(args) == 0:
		return inputf("expected a batch: mails, folders, archives or patches, or --sample")
	}
	for _, other := range []string{"vendor", "source", "keyring"} {
		if sample && cmd.Flags().Changed(other) {
			return inputf("--sample brings its own %s: expected no --%[1]s", other)
		}
	}
	return nil
}
