package cli

import (
	"os"

	"github.com/spf13/cobra"

	"lpready/cmd/lpready/internal/render"
)

func newAnalyze(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "analyze PATCH|XSA...",
		Short: "Show one item in depth: findings, functions, remedies, hours",
		Long: `Assess patches or advisories and show everything that is known about each: the
findings with their places, evidence and remedies, the functions that change and
why, how the recipe applies, and the hours line by line.

Arguments are files, folders or archives as for triage, and numbers of
advisories, which select from them.`,
		Example: `  lpready analyze --sample XSA-906
  lpready analyze --source ~/xen-4.17.5 --config ~/xen.config xsa480-4.17.patch
  lpready analyze --xen 4.17 batch.tar.xz 480 486`,
	}
	out := addOutput(a, cmd, render.ReportFormats()...)
	j := addJob(a, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		paths := j.split(args)
		if len(paths) == 0 && len(j.xsas) > 0 && !j.sample {
			return inputf("XSA-%d: expected the batch it is in, too: a file, a folder or --sample", j.xsas[0])
		}
		if err := batchArgs(cmd, paths); err != nil {
			return err
		}
		report, err := j.run(cmd.Context(), cmd.Name(), paths)
		if err != nil {
			return err
		}
		return out.report(report)
	}
	return cmd
}

// split takes the numbers of advisories out of the arguments; what exists as a
// file is a file whatever its name.
func (j *job) split(args []string) (paths []string) {
	for _, arg := range args {
		if _, err := os.Stat(arg); err != nil {
			if n, ok := xsaNumber(arg); ok {
				j.xsas = append(j.xsas, n)
				continue
			}
		}
		paths = append(paths, arg)
	}
	return paths
}
