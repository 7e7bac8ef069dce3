package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lpready/analyze/revision"
	"lpready/cmd/lpready/internal/render"
)

func newRevise(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revise OLD NEW",
		Short: "Tell what a new version of an advisory changes, and what must be redone",
		Long: `Read two versions of an advisory, a batch or a patch set (mails, mailboxes,
folders, archives, patches; "-" is standard input) and tell for each advisory on
each base what changed (nothing but tags and messages, context, comments, or
code, and in which functions), what has to be redone and how many hours that
takes. What the advisory says of its own update stands beside it.

With --vendor or --source both versions are applied and their results compared.
Without them the patches' own text is compared, for each Xen version that has
patches of its own; what it cannot show to be the same is unknown.

Exit codes: 0 nothing must be redone, 1 something must, 2 usage or input, 3 the
machine or a tool.`,
		Example: `  lpready revise xsa480-v1.eml xsa480-v2.eml
  lpready revise --source ~/xen-4.17.5 --config ~/xen.config monday/ thursday/
  lpready revise --vendor profile.yaml --format json -o revised.json old.mbox new.mbox`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return inputf("expected two versions, OLD and NEW: each a mail, a folder, an archive or a patch")
			}
			if args[0] == "-" && args[1] == "-" {
				return inputf("expected standard input to be one of the two versions, not both")
			}
			return nil
		},
	}
	out := addOutput(a, cmd)
	j := addJob(a, cmd)
	addTrack(cmd, &j.track)
	must(cmd.Flags().MarkHidden("sample"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if j.sample {
			return inputf("--sample has one version only: expected OLD and NEW")
		}
		report, err := j.revise(cmd.Context(), args[0], args[1])
		if err != nil {
			return err
		}
		err = out.write(func(w io.Writer) error {
			return render.Revision(w, out.format.value, a.layout(out.file != ""), report)
		})
		if err != nil {
			return err
		}
		if err := trackRevision(j.track, report); err != nil {
			return err
		}
		return revised(report)
	}
	return cmd
}

// revise compares two versions on the bases of the job.
func (j *job) revise(ctx context.Context, old, fresh string) (*revision.Report, error) {
	started := j.app.Now()
	profile, err := j.profile()
	if err != nil {
		return nil, input(err)
	}
	request := revision.Request{Vendor: profile.Name, Generated: started.UTC().Truncate(time.Second), Cache: j.cache(), Version: programDigest()}
	if request.Model, err = j.model(profile); err != nil {
		return nil, input(err)
	}
	if request.Old, err = j.read(ctx, []string{old}); err != nil {
		return nil, openError(err)
	}
	if request.New, err = j.read(ctx, []string{fresh}); err != nil {
		return nil, openError(err)
	}
	var notes []string
	if profile.Name != "" || j.source != "" || j.config != "" || j.xen != "" || len(j.bases) > 0 {
		bases, err := j.openBases(ctx, profile)
		if err != nil {
			return nil, err
		}
		defer closeAll(bases)
		for _, b := range bases {
			request.Bases = append(request.Bases, b.Base)
			if b.note != "" {
				notes = append(notes, fmt.Sprintf("base %s: %s", b.ID, b.note))
			}
		}
	}
	show, wipe := j.app.progress()
	request.Progress = show
	report, err := revision.Compare(ctx, request)
	wipe()
	if err != nil {
		return nil, openError(err)
	}
	report.Warnings = append(notes, report.Warnings...)
	j.app.detail("compared %d cells in %v", len(report.Cells), j.app.Now().Sub(started).Round(time.Millisecond))
	return report, j.keepRevised(report)
}

// keepRevised drops the cells of advisories that were not asked for.
func (j *job) keepRevised(r *revision.Report) error {
	if len(j.xsas) == 0 {
		return nil
	}
	for _, n := range j.xsas {
		if !slices.ContainsFunc(r.Cells, func(c revision.Cell) bool { return c.XSA == n }) {
			return inputf("XSA-%d is in neither version", n)
		}
	}
	r.Cells = slices.DeleteFunc(r.Cells, func(c revision.Cell) bool { return !slices.Contains(j.xsas, c.XSA) })
	r.Sum()
	return nil
}

// revised tells by its error for how many cells something must be redone.
func revised(r *revision.Report) error {
	n := 0
	for i := range r.Cells {
		if len(r.Cells[i].Revision.Redo) > 0 {
			n++
		}
	}
	if n > 0 {
		return NotReady{Cells: n, Of: len(r.Cells)}
	}
	return nil
}
