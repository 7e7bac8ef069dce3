package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lpready/analyze"
	"lpready/analyze/factor"
	"lpready/build"
	"lpready/build/kbuild"
	"lpready/build/lpbt"
	"lpready/build/lpbt/standin"
	"lpready/build/port"
	"lpready/cmd/lpready/internal/render"
	"lpready/testdata"
	"lpready/vendors"
)

// A buildJob is a job, and what payloads need besides.
type buildJob struct {
	*job
	tool      string
	mode      *choice
	grouping  *choice
	together  bool
	classes   []string
	only      []string
	retry     bool
	work      string
	memory    size
	events    string
	archives  []string
	upstream  string
	use       string
	strip     bool
	prelink   bool
	xenServer string
	limit     time.Duration
	track     string
	boot      bool
	guest     bool
	bootFiles []string
	queue     queue
}

func newBuild(a *app) *cobra.Command {
	b := &buildJob{mode: &choice{kind: "mode", of: build.Modes, value: build.Shared}, grouping: &choice{kind: "grouping", of: build.Groupings}}
	cmd := &cobra.Command{
		Use:   "build BATCH|PATCH...",
		Short: "Build the payloads of a batch for every base, and verify them",
		Long: `Place the batch on every base, assess it there, have livepatch-build-tools make the
payloads, and say of each what the hypervisor would say. What is finished is kept
in the folder of --work: a run that was ended in any way goes on where it was, and
does again only what a changed input touches.

The tool is found by --lpbt or in PATH. In the mode "shared" a base is compiled
once and the tool only compares objects; in the mode "faithful" the tool makes its
own three builds for every cell. Both give the same payloads.

Payloads are made for the base alone (separate), each upon the one before
(stacked), or one for all (cumulative); the vendor's policy decides where no flag
does. With --nats, the workers of other machines compile and build them, see lpready
worker. Those that are ready lie in WORK/out/BUILD-ID/, those that a person has to
look at in WORK/out/review/, each with its manifest and its log.

Exit codes: 0 all payloads are ready, 1 one is not, 2 usage or input, 3 the machine
or a tool.`,
		Example: `  lpready build --sample --payloads separate
  lpready build --vendor ours.yaml --lpbt ~/livepatch-build-tools batch/
  lpready build --vendor ours.yaml --cumulative --archive payloads.tar.zst batch/
  lpready build --vendor ours.yaml --boot --boot-files packages/ batch/
  lpready build --vendor ours.yaml --nats nats://127.0.0.1:4222 --key lpready.key batch/
  lpready build --vendor ours.yaml --only 8.3/xsa480 --retry-failed --events - batch/`,
	}
	out := addOutput(a, cmd)
	b.job = addJob(a, cmd)
	addProbing(cmd, b.job)
	b.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		report, err := b.run(cmd, paths)
		if err != nil {
			return err
		}
		err = out.write(func(w io.Writer) error {
			return render.Build(w, out.format.value, a.layout(out.file != ""), report)
		})
		if err != nil {
			return err
		}
		if err := trackPayloadMatrix(b.track, report); err != nil {
			return err
		}
		return made(report)
	}
	return cmd
}

func (b *buildJob) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&b.tool, "lpbt", "", "`folder` of livepatch-build-tools (default: found in PATH)")
	addChoice(cmd, b.mode, "mode", "how the tool is driven: shared or faithful")
	addChoice(cmd, b.grouping, "payloads", "separate, stacked or cumulative (default: as the vendor's policy says, else separate)")
	f.BoolVar(&b.together, "cumulative", false, "one payload for each base: the same as --payloads cumulative")
	f.StringSliceVar(&b.classes, "class", nil, "only what has this `class`; repeat or separate by commas (default: all but not-needed and reboot)")
	f.StringSliceVar(&b.only, "only", nil, "work only on these cells, `base/payload`; the others stay as they are")
	f.BoolVar(&b.retry, "retry-failed", false, "do again what failed, although nothing of it has changed")
	f.StringVar(&b.work, "work", "lpready-build", "`folder` that keeps what is finished, and the payloads")
	f.Var(&b.memory, "memory", "how much memory all that runs may need, such as 8G: less runs at once (default no limit)")
	f.StringVar(&b.events, "events", "", "write what goes on to this `file`, a line of JSON for each event; - is standard error")
	f.StringSliceVar(&b.archives, "archive", nil, "pack the payloads and their manifests into this `file`, .tar.zst or .tar.xz")
	f.StringVar(&b.upstream, "upstream", "", "look for prerequisites in this git repository of Xen, bare or not (`folder`)")
	f.StringVar(&b.use, "use", "", "take patches that were ported by hand from this `folder`, see lpready port")
	f.BoolVar(&b.strip, "strip", false, "have the tool leave out symbols that nothing refers to")
	f.BoolVar(&b.prelink, "prelink", false, "have the tool resolve symbols instead of the host")
	f.StringVar(&b.xenServer, "xenserver", "", "name cumulative payloads as XenServer's packages do, for a host that they bring to this `version-release`")
	f.BoolVar(&b.boot, "boot", false, "ask a real hypervisor in QEMU about every payload that the checks accept")
	f.StringArrayVar(&b.bootFiles, "boot-files", nil, "packages, folders of them, folders where they were unpacked, or files, with what is booted (`path`; repeat)")
	f.BoolVar(&b.guest, "guest", false, "with --boot, run a guest while each payload is applied")
	addTrack(cmd, &b.track)
	addQueue(cmd, &b.queue)
	f.DurationVar(&b.limit, "limit", 3*time.Hour, "how long one run of the tool may take")
	must(f.MarkHidden("effort"))
	must(f.MarkHidden("no-cache"))
	for _, name := range []string{"lpbt", "work", "upstream", "use"} {
		must(cmd.MarkFlagDirname(name))
	}
	must(cmd.RegisterFlagCompletionFunc("class", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words(factor.Classes), cobra.ShellCompDirectiveNoFileComp
	}))
	for _, name := range []string{"only", "memory", "xenserver", "limit"} {
		must(cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions))
	}
}

func words(classes []analyze.Class) (list []string) {
	for _, c := range classes {
		list = append(list, string(c))
	}
	return list
}

// run builds the matrix and the archives.
func (b *buildJob) run(cmd *cobra.Command, paths []string) (*build.Report, error) {
	if err := b.check(cmd, paths); err != nil {
		return nil, err
	}
	ctx := cmd.Context()
	request, done, err := b.request(ctx, paths)
	if err != nil {
		return nil, err
	}
	defer done()
	leave, err := b.submit(ctx, request)
	if err != nil {
		return nil, err
	}
	defer leave()
	tell, stop, err := b.listeners()
	if err != nil {
		return nil, err
	}
	request.Event = tell
	report, err := build.Run(ctx, *request)
	if err = errors.Join(err, stop()); err != nil {
		return nil, runError(err)
	}
	for _, name := range b.archives {
		if err := build.Archive(report.Out, name); err != nil {
			return nil, machine(err)
		}
	}
	return report, nil
}

// check refuses what can be known to be wrong before anything is opened.
func (b *buildJob) check(cmd *cobra.Command, paths []string) error {
	if b.noCache {
		return inputf("a compiled base is kept in the cache folder: expected no --no-cache")
	}
	if b.together && b.grouping.value != "" && b.grouping.value != string(build.Cumulative) {
		return inputf("expected --cumulative or --payloads %s, not both", b.grouping.value)
	}
	if b.boot == (len(b.bootFiles) == 0) || b.guest && !b.boot {
		return inputf("expected --boot with --boot-files, the packages with what is booted; lpready doctor boot tells which")
	}
	if err := b.checkQueue(); err != nil {
		return err
	}
	for _, c := range b.classes {
		if !slices.Contains(words(factor.Classes), c) {
			return inputf("--class %q: expected one of %s", c, strings.Join(words(factor.Classes), ", "))
		}
	}
	for _, name := range b.archives {
		if !slices.ContainsFunc(build.Archives, func(end string) bool { return strings.HasSuffix(name, end) }) {
			return inputf("--archive %s: expected a name that ends in %s", name, strings.Join(build.Archives, " or "))
		}
	}
	return batchArgs(cmd, paths)
}

// request opens all that the flags name.
func (b *buildJob) request(ctx context.Context, paths []string) (*build.Request, func(), error) {
	profile, err := b.profile()
	if err != nil {
		return nil, nil, input(err)
	}
	r := &build.Request{Vendor: profile.Name, Policy: profile.Policy, Mode: b.mode.value, Grouping: b.groupingOf(profile), Strip: b.strip, Prelink: b.prelink,
		Limit: b.limit, XSAs: b.xsas, Only: b.only, Retry: b.retry, Work: b.work, Cache: b.cache(), Version: programDigest(), Cross: b.probing.cross,
		Jobs: b.probing.jobs, Memory: int64(b.memory), Now: b.app.Now}
	for _, c := range b.classes {
		r.Classes = append(r.Classes, analyze.Class(c))
	}
	if b.xenServer != "" {
		r.Naming = build.Naming{XenServer: true, To: b.xenServer}
	}
	if b.sample {
		if err := b.unpackSample(r); err != nil {
			return nil, nil, machine(err)
		}
	}
	if r.Cache == "" {
		return nil, nil, inputf("a compiled base is kept in the cache folder: expected HOME or XDG_CACHE_HOME to be set")
	}
	if r.Tool, err = lpbt.Find(ctx, b.tool); err != nil {
		return nil, nil, toolError(err)
	}
	if b.upstream != "" {
		if r.Upstream, err = port.OpenUpstream(ctx, b.upstream); err != nil {
			return nil, nil, upstreamError(err)
		}
	}
	if b.use != "" {
		if r.Use, err = port.LoadFinished(b.use); err != nil {
			return nil, nil, openError(err)
		}
	}
	if b.boot {
		files, err := openBootFiles(ctx, r.Cache, b.bootFiles)
		if err != nil {
			return nil, nil, err
		}
		r.Boot = &build.Booting{Files: files, Guest: b.guest}
	}
	bases, err := b.openBases(ctx, profile)
	if err != nil {
		return nil, nil, err
	}
	done := func() { closeAll(bases) }
	if err := b.fill(ctx, r, bases, paths); err != nil {
		done()
		return nil, nil, err
	}
	return r, done, nil
}

// Folders of the sample below that of --work.
const (
	sampleSource = "sample"
	sampleTool   = "standin"
	sampleCache  = "cache"
)

// unpackSample writes the made-up source where it can be compiled, and, unless a tool
// is named, puts the stand-in for livepatch-build-tools beside it, which is this
// program under other names.
func (b *buildJob) unpackSample(r *build.Request) error {
	r.Cache = filepath.Join(r.Work, sampleCache)
	if err := os.MkdirAll(r.Work, 0o700); err != nil {
		return err
	}
	source, err := fs.Sub(testdata.Files, "tree")
	if err != nil {
		return err
	}
	for _, dir := range []string{sampleSource, sampleTool} {
		if err := os.RemoveAll(filepath.Join(r.Work, dir)); err != nil {
			return err
		}
	}
	if err := os.CopyFS(filepath.Join(r.Work, sampleSource), source); err != nil {
		return err
	}
	if b.tool != "" {
		return nil
	}
	b.tool = filepath.Join(r.Work, sampleTool)
	b.app.remark("livepatch-build-tools is not part of this program: the sample is built with a stand-in, whose payloads patch nothing")
	return standin.Install(b.tool)
}

// fill adds the bases and the batch.
func (b *buildJob) fill(ctx context.Context, r *build.Request, bases []base, paths []string) error {
	if b.probing.symbols != "" && len(bases) != 1 {
		return inputf("--symbols describes one base: choose it with --base")
	}
	var err error
	if r.Batch, err = b.read(ctx, paths); err != nil {
		return openError(err)
	}
	var assessed []analyze.Base
	for i := range bases {
		o := &bases[i]
		if why := o.uncompilable(); why != "" {
			r.Batch.Warnings = append(r.Batch.Warnings, fmt.Sprintf("base %s is left out, no payload can be built for it: %s", o.ID, why))
			continue
		}
		if b.sample {
			o.from = vendors.Source{Dir: filepath.Join(r.Work, sampleSource)}
		}
		text, err := b.configText(o.vendor)
		if err != nil {
			return openError(err)
		}
		r.Bases = append(r.Bases, build.Base{Base: o.Base, Vendor: o.vendor, Source: o.from, Config: text, Symbols: b.symbolsOf(o)})
		assessed = append(assessed, o.Base)
	}
	if len(r.Bases) == 0 {
		return inputf("there is no base to build for: %s", strings.Join(r.Batch.Warnings, "; "))
	}
	if err := r.Naming.Check(r.Grouping, r.Bases); err != nil {
		return input(err)
	}
	if r.Revised, err = revisedCode(ctx, analyze.Request{Batch: r.Batch, Bases: assessed, Cache: r.Cache, Version: r.Version}); err != nil {
		return openError(err)
	}
	return nil
}

// groupingOf is that of the flags, else that of the vendor's policy.
func (b *buildJob) groupingOf(profile *vendors.Profile) build.Grouping {
	is := func(p *bool) bool { return p != nil && *p }
	switch {
	case b.together:
		return build.Cumulative
	case b.grouping.value != "":
		return build.Grouping(b.grouping.value)
	case is(profile.Policy.Cumulative):
		return build.Cumulative
	case is(profile.Policy.Stacking):
		return build.Stacked
	}
	return build.Separate
}

// toolError tells a folder that holds no tool from a tool that is not there.
func toolError(err error) error {
	var f *lpbt.Failure
	if errors.As(err, &f) && f.Kind == lpbt.Setup {
		return input(err)
	}
	return machine(err)
}

// runError sorts what a run can end with.
func runError(err error) error {
	var unknown *build.UnknownCellError
	var failed *kbuild.FailedError
	switch {
	case errors.Is(err, context.Canceled):
		return machine(err)
	case errors.Is(err, build.ErrBusy), errors.As(err, &unknown):
		return input(err)
	case errors.As(err, &failed):
		return compileError(err)
	}
	return machine(err)
}

// made tells by its error how many payloads are not ready. Where the machine or the
// tool is to blame for one, that comes first.
func made(r *build.Report) error {
	if n := r.Totals.Machine; n > 0 {
		return machine(fmt.Errorf("%d of %d cells failed through the machine or the tool: run it again", n, r.Totals.Cells))
	}
	if r.Totals.Ready < r.Totals.Cells {
		return NotReady{Cells: r.Totals.Cells - r.Totals.Ready, Of: r.Totals.Cells}
	}
	return nil
}

// listeners are told what goes on: the terminal, and the file of events.
func (b *buildJob) listeners() (tell func(build.Event), stop func() error, err error) {
	show, wipe := b.app.board()
	if b.events == "" {
		return show, func() error { wipe(); return nil }, nil
	}
	w, done := b.app.Stderr, func() error { return nil }
	if b.events != "-" {
		f, err := os.OpenFile(b.events, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nil, nil, openError(err)
		}
		w, done = f, f.Close
	}
	lines := json.NewEncoder(w)
	var failed error
	return func(e build.Event) {
			show(e)
			failed = cmp.Or(failed, lines.Encode(e))
		}, func() error {
			wipe()
			return errors.Join(failed, done())
		}, nil
}

// A size is a flag that takes a number of bytes, such as 8G.
type size int64

var sizeForm = regexp.MustCompile(`(?i)^([0-9]{1,12})\s*([KMGT]?)(?:i?B)?$`)

func (s *size) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*s), 10)
}

func (s *size) Type() string { return "size" }

func (s *size) Set(text string) error {
	m := sizeForm.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("expected a number of bytes such as 8G or 500M")
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	shift := 0
	if m[2] != "" {
		shift = 10 * (1 + strings.Index("KMGT", strings.ToUpper(m[2])))
	}
	if err != nil || n > (1<<62)>>shift {
		return fmt.Errorf("expected a number of bytes such as 8G or 500M")
	}
	*s = size(n << shift)
	return nil
}
