package cli

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/effort"
	"lpready/analyze/revision"
	"lpready/testdata"
	"lpready/vendors"
)

// A job is what triage and analyze assess: which advisories, on what bases.
type job struct {
	app     *app
	vendor  string
	bases   []string
	source  string
	config  string
	xen     string
	arch    *choice
	effort  string
	keyring string
	xsas    xsaNumbers
	noCache bool
	sample  bool
	probing probing
	track   string // folder that keeps the state of the batch
}

// addJob gives a command the flags of a job.
func addJob(a *app, cmd *cobra.Command) *job {
	j := &job{app: a, arch: &choice{kind: "arch", of: []string{"x86", "arm"}}}
	f := cmd.Flags()
	f.StringVar(&j.vendor, "vendor", "", "profile of the vendor: a `name` (see vendors list) or a file")
	f.StringArrayVar(&j.bases, "base", nil, "only this base of the vendor, by its `id`; repeat for more (default all)")
	f.StringVar(&j.source, "source", "", "source of the base: a folder, a tarball or a Debian .dsc (`path`)")
	f.StringVar(&j.config, "config", "", "the .config that the base was built with (`file`)")
	f.StringVar(&j.xen, "xen", "", "Xen `version` of the base, such as 4.17 (default: as its source says)")
	addChoice(cmd, j.arch, "arch", "architecture of the base: x86 or arm (default: as its .config says, else x86)")
	f.StringVar(&j.effort, "effort", "", "hours for each task, in place of the built-in ones (YAML `file`)")
	f.StringVar(&j.keyring, "keyring", "", "OpenPGP keys that signatures are verified with (`file`)")
	f.Var(&j.xsas, "xsa", "only these advisories; repeat or separate by commas")
	f.BoolVar(&j.noCache, "no-cache", false, "keep no index of the source in the cache folder")
	f.BoolVar(&j.sample, "sample", false, "use the built-in sample batch and its made-up vendor")
	must(cmd.RegisterFlagCompletionFunc("vendor", completeProfile))
	must(cmd.RegisterFlagCompletionFunc("base", completeBase(j)))
	must(cmd.RegisterFlagCompletionFunc("xen", cobra.NoFileCompletions))
	must(cmd.RegisterFlagCompletionFunc("xsa", cobra.NoFileCompletions))
	return j
}

// run assesses what lies at the paths and keeps of the report what the user
// asked for. The whole batch is always assessed: each recipe on the tree that
// those before it leave behind.
func (j *job) run(ctx context.Context, command string, paths []string) (*analyze.Report, error) {
	started := j.app.Now()
	profile, err := j.profile()
	if err != nil {
		return nil, input(err)
	}
	model, err := j.model(profile)
	if err != nil {
		return nil, input(err)
	}
	bases, err := j.openBases(ctx, profile)
	if err != nil {
		return nil, err
	}
	defer closeAll(bases)
	batch, err := j.read(ctx, paths)
	if err != nil {
		return nil, openError(err)
	}
	j.app.detail("read %d items in %v", len(batch.Entries), j.app.Now().Sub(started).Round(time.Millisecond))
	show, wipe := j.app.progress()
	request := analyze.Request{
		Batch: batch, Vendor: profile.Name, Model: model,
		Generated: started.UTC().Truncate(time.Second), Progress: show, Cache: j.cache(), Version: programDigest(),
	}
	var notes []string
	for _, b := range bases {
		request.Bases = append(request.Bases, b.Base)
		if b.note != "" {
			notes = append(notes, fmt.Sprintf("base %s: %s", b.ID, b.note))
		}
	}
	if j.probing.on {
		more, done, err := j.prove(ctx, bases, &request)
		if err != nil {
			wipe()
			return nil, err
		}
		defer done()
		notes = append(notes, more...)
	}
	if request.Revised, err = revisedCode(ctx, request); err != nil {
		wipe()
		return nil, openError(err)
	}
	report, err := analyze.Assess(ctx, request)
	wipe()
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return nil, err
	}
	if err != nil {
		return nil, openError(err)
	}
	report.Command = command
	report.Warnings = append(notes, report.Warnings...)
	j.app.detail("assessed %d cells in %v", len(report.Cells), j.app.Now().Sub(started).Round(time.Millisecond))
	return report, j.keep(report)
}

// revisedCode compares the advisories that came in two versions, and tells of
// each on each base where the code differs.
func revisedCode(ctx context.Context, r analyze.Request) (func(xsa int, base string) string, error) {
	old, fresh := new(advisory.Batch), new(advisory.Batch)
	for _, e := range r.Batch.Entries {
		if before := e.Previous(); before != nil {
			old.Entries, fresh.Entries = append(old.Entries, before), append(fresh.Entries, e)
		}
	}
	if len(old.Entries) == 0 {
		return nil, nil
	}
	compared, err := revision.Compare(ctx, revision.Request{Old: old, New: fresh, Bases: r.Bases, Model: r.Model, Cache: r.Cache, Version: r.Version})
	if err != nil {
		return nil, err
	}
	says := map[string]string{}
	for i := range compared.Cells {
		if c := &compared.Cells[i]; c.Revision.Kind == revision.Code || c.Revision.Kind == revision.Unknown {
			says[fmt.Sprint(c.XSA, c.Base)] = fmt.Sprintf("version %d against version %d: %s", c.Revision.To, c.Revision.From, c.Revision.Why)
		}
	}
	return func(xsa int, base string) string { return says[fmt.Sprint(xsa, base)] }, nil
}

// read takes in the batch. The sample's comes as an archive on standard input.
func (j *job) read(ctx context.Context, paths []string) (*advisory.Batch, error) {
	opt := advisory.Options{Stdin: j.app.Stdin}
	keyring := j.keyring
	if j.sample {
		packed, err := packSample()
		if err != nil {
			return nil, err
		}
		opt.Stdin, paths, keyring = packed, []string{"-"}, "key.asc"
	}
	if keyring != "" {
		f, err := j.open(keyring)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if opt.Keyring, err = advisory.ReadKeyring(keyring, f); err != nil {
			return nil, err
		}
	}
	return advisory.Read(ctx, paths, opt)
}

// packSample makes a tar archive of the sample batch.
func packSample() (io.Reader, error) {
	batch, err := fs.Sub(testdata.Files, sampleDir+"/batch")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(batch); err != nil {
		return nil, err
	}
	return &b, w.Close()
}

// model is the hours that --effort or the vendor's profile lays over the
// built-in ones.
func (j *job) model(profile *vendors.Profile) (*effort.Model, error) {
	name := cmp.Or(j.effort, profile.Effort)
	if name == "" {
		return effort.Default(), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return effort.Load(name, f)
}

// keep drops the cells of advisories that were not asked for.
func (j *job) keep(r *analyze.Report) error {
	if len(j.xsas) == 0 {
		return nil
	}
	for _, n := range j.xsas {
		if !slices.ContainsFunc(r.Cells, func(c analyze.Cell) bool { return c.XSA == n }) {
			return inputf("XSA-%d is not in this batch", n)
		}
	}
	r.Cells = slices.DeleteFunc(r.Cells, func(c analyze.Cell) bool { return !slices.Contains(j.xsas, c.XSA) })
	r.Totals = analyze.Sum(r.Cells)
	return nil
}

// cache is the folder of the index: "" for none.
func (j *job) cache() string {
	if j.noCache || j.sample {
		return ""
	}
	return cacheFolder(j.app)
}

// cacheFolder is where what is costly to make is kept, "" where there is no such
// place. The rules are those of the XDG base directories.
func cacheFolder(a *app) string {
	if dir := a.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "lpready")
	}
	if home := a.Getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".cache", "lpready")
	}
	return ""
}

// openError sorts what opening and reading files can end with: what is not
// there was named wrongly, what cannot be read is the machine's.
func openError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) && !errors.Is(err, fs.ErrNotExist) {
		return machine(err)
	}
	return input(err)
}

// completeBase offers the bases of the vendor that stands on the line already.
func completeBase(j *job) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		profile, err := j.profile()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return baseIDs(profile), cobra.ShellCompDirectiveNoFileComp
	}
}
