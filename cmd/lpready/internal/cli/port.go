package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"lpready/build/port"
	"lpready/cmd/lpready/internal/render"
	"lpready/vendors"
)

// A portJob is a job, and what porting needs besides.
type portJob struct {
	*job
	commit   string
	upstream string
	out      string
	use      string
	watch    bool
	format   *choice
}

func newPort(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "port BATCH|PATCH...",
		Short: "Tell whether recipes apply to what was shipped, what they need first, and write the ported series",
		Long: `Apply the recipe of each advisory to the real source of each base, in the order
of the batch, with the rules of patch -N -p1 --fuzz=0, and tell which hunks do
not fit and what stands there instead.

With --upstream, a clone of Xen's git repository, look for the fewest commits
that a recipe needs first; each set is applied to the source before it is shown.
With --watch, list later commits that fix the fix. With -o, write for each base a
folder with the ported patches and their series file, and where a conflict
remains the three sides of each file in it; patches that were finished by hand
are taken back by --use and carried over to a new revision of the recipe.

Exit codes: 0 all of it fits, 1 something does not, 2 usage or input, 3 the
machine or a tool.`,
		Example: `  lpready port --sample
  lpready port --vendor ours.yaml --upstream ~/xen.git batch/
  lpready port --source ~/xen-4.17.5 --upstream ~/xen.git -o ported xsa490-4.17.patch
  lpready port --source ~/xen-4.17.5 --use ported -o ported-v2 batch-v2/`,
		Args: batchArgs,
	}
	p := &portJob{job: addJob(a, cmd), format: addFormat(cmd)}
	f := cmd.Flags()
	f.StringVar(&p.commit, "commit", "", "upstream `commit` or tag that the base was made from (default: as its profile or its source says)")
	f.StringVar(&p.upstream, "upstream", "", "look for prerequisites in this git repository of Xen, bare or not (`folder`)")
	f.StringVarP(&p.out, "output", "o", "", "write the ported series into this new `folder`, readable by its owner only")
	f.StringVar(&p.use, "use", "", "take patches that were ported by hand from this `folder`")
	f.BoolVar(&p.watch, "watch", false, "list later upstream commits that fix these fixes; needs --upstream")
	must(f.MarkHidden("effort"))
	must(cmd.MarkFlagDirname("upstream"))
	must(cmd.MarkFlagDirname("output"))
	must(cmd.MarkFlagDirname("use"))
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		if p.watch && p.upstream == "" {
			return inputf("--watch looks at upstream's commits: expected --upstream, too")
		}
		return p.run(cmd.Context(), paths)
	}
	return cmd
}

// run places the batch and writes what came of it.
func (p *portJob) run(ctx context.Context, paths []string) error {
	request, done, err := p.request(ctx, paths)
	if err != nil {
		return err
	}
	defer done()
	show, wipe := p.app.progress()
	request.Progress = show
	result, err := port.Place(ctx, *request)
	wipe()
	if err != nil {
		return machine(err)
	}
	if err := p.keepOnly(result.Report); err != nil {
		return err
	}
	p.app.detail("placed %d cells in %v", len(result.Report.Cells), p.app.Now().Sub(request.Generated).Round(time.Millisecond))
	if err := p.write(result); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := render.Port(&b, p.format.value, p.app.layout(false), result.Report); err != nil {
		return input(err)
	}
	if _, err := p.app.Stdout.Write(b.Bytes()); err != nil {
		return machine(err)
	}
	return placed(result.Report)
}

// placed tells by its error how many recipes do not fit.
func placed(r *port.Report) error {
	if t := r.Totals; t.Ready < t.Cells {
		return NotReady{Cells: t.Cells - t.Ready, Of: t.Cells}
	}
	return nil
}

// request opens all that the flags name.
func (p *portJob) request(ctx context.Context, paths []string) (*port.Request, func(), error) {
	profile, err := p.profile()
	if err != nil {
		return nil, nil, input(err)
	}
	r := &port.Request{Vendor: profile.Name, Watch: p.watch, Cache: p.cache(), Version: programDigest(), Generated: p.app.Now().UTC().Truncate(time.Second)}
	if p.upstream != "" {
		if r.Upstream, err = port.OpenUpstream(ctx, p.upstream); err != nil {
			return nil, nil, upstreamError(err)
		}
	}
	if p.use != "" {
		if r.Use, err = port.LoadFinished(p.use); err != nil {
			return nil, nil, openError(err)
		}
	}
	bases, err := p.openBases(ctx, profile)
	if err != nil {
		return nil, nil, err
	}
	done := func() { closeAll(bases) }
	if r.Batch, err = p.read(ctx, paths); err != nil {
		done()
		return nil, nil, openError(err)
	}
	if p.commit != "" && len(bases) != 1 {
		done()
		return nil, nil, inputf("--commit describes one base: choose it with --base")
	}
	for _, b := range bases {
		r.Bases = append(r.Bases, port.Base{Base: b.Base, Commit: p.commitOf(profile, b.ID)})
		if b.note != "" && b.Tree == nil {
			r.Batch.Warnings = append(r.Batch.Warnings, fmt.Sprintf("base %s: %s", b.ID, b.note))
		}
	}
	return r, done, nil
}

// upstreamError tells a folder that is no repository from a missing git.
func upstreamError(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, port.ErrNoGit) {
		return machine(err)
	}
	return input(err)
}

func (p *portJob) commitOf(profile *vendors.Profile, id string) string {
	if p.commit != "" {
		return p.commit
	}
	if b, ok := profile.Base(id); ok {
		return b.Commit
	}
	return ""
}

// keepOnly drops the cells of advisories that were not asked for. The whole
// batch is always placed.
func (p *portJob) keepOnly(r *port.Report) error {
	for _, n := range p.xsas {
		found := false
		for i := range r.Cells {
			found = found || r.Cells[i].XSA == n
		}
		if !found {
			return inputf("XSA-%d is not in this batch", n)
		}
	}
	if len(p.xsas) > 0 {
		r.Keep(p.xsas)
	}
	return nil
}

// write writes the series and both forms of the report into the folder.
func (p *portJob) write(result *port.Result) error {
	if p.out == "" {
		return nil
	}
	more := map[string][]byte{}
	for name, format := range map[string]string{"report.json": "json", "report.txt": "table"} {
		var b bytes.Buffer
		if err := render.Port(&b, format, render.Options{}, result.Report); err != nil {
			return machine(err)
		}
		more[name] = b.Bytes()
	}
	err := result.Write(p.out, more)
	if errors.Is(err, fs.ErrExist) {
		return input(err)
	}
	return machine(err)
}
