package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lpready/analyze"
	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/analyze/match"
	"lpready/build/kbuild"
	"lpready/build/probe"
	"lpready/build/tree"
	"lpready/cmd/lpready/internal/render"
	"lpready/vendors"
)

// A probing is how a job compiles, where it does.
type probing struct {
	on      bool
	symbols string
	cross   string
	jobs    int
}

// addProbing gives a command the flags of compiling.
func addProbing(cmd *cobra.Command, j *job) {
	f := cmd.Flags()
	f.StringVar(&j.probing.symbols, "symbols", "", "the shipped hypervisor with symbols, xen-syms (`file`; default: as the profile says)")
	f.StringVar(&j.probing.cross, "cross", "", "`prefix` of the compiler and binutils, such as aarch64-linux-gnu-")
	f.IntVarP(&j.probing.jobs, "jobs", "j", 0, "compilers at once (`number`; default: one for each processor)")
	must(cmd.RegisterFlagCompletionFunc("cross", cobra.NoFileCompletions))
}

func newProbe(a *app) *cobra.Command {
	var matching bool
	cmd := &cobra.Command{
		Use:   "probe BATCH|PATCH...",
		Short: "Compile before and after, compare the objects: the proof of a verdict",
		Long: `Compile what each recipe can reach, before and after, on the vendor's own source,
configuration and compiler, and compare the objects with the semantics of
livepatch-build-tools' differ: which functions a payload would hold, what would
be refused and in which words, what would be passed over in silence, which types
with live objects change their layout, what refers to memory that was freed.

Nothing is compiled where the source lies: a base is compiled once, in the cache
folder (about a minute and 300 MB), and after that only what a patch reaches. The
bases need a source and a .config. make runs the source's own build scripts, those
that a patch brings along too: do not probe what you would not build.

With --match, and without a batch, compare the rebuilt base with the xen-syms that
was shipped, symbol by symbol, and tell why symbols differ.

Exit codes: 0 all is ready or matches, 1 something is not, 2 usage or input, 3 the
machine or a tool.`,
		Example: `  lpready probe --source ~/xen-4.17.5 --config ~/xen.config xsa480-4.17.patch
  lpready probe --vendor ours.yaml --base 8.3 --format json -o proof.json batch/
  lpready probe --vendor ours.yaml --base 8.3 --symbols xen-syms --match`,
	}
	out := addOutput(a, cmd, render.ReportFormats()...)
	j := addJob(a, cmd)
	addProbing(cmd, j)
	addTrack(cmd, &j.track)
	cmd.Flags().BoolVar(&matching, "match", false, "compare the rebuilt base with the shipped xen-syms, without a batch")
	j.probing.on = true
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		switch {
		case j.sample:
			return inputf("the sample's source is made up and does not compile: expected a batch, with --source or --vendor")
		case j.noCache:
			return inputf("a compiled base is kept in the cache folder: expected no --no-cache")
		case matching && len(paths) > 0:
			return inputf("--match compares a base with what was shipped: expected no batch (%s)", paths[0])
		case matching && !slices.Contains(render.Formats(), out.format.value):
			return inputf("--match has no format %q: expected one of %s", out.format.value, strings.Join(render.Formats(), ", "))
		case matching:
			return j.match(cmd.Context(), out)
		}
		if err := batchArgs(cmd, paths); err != nil {
			return err
		}
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

// prover compiles the bases and makes what proves cells on them. Bases that
// cannot be compiled stay without proof; the notes say why.
func (j *job) prover(ctx context.Context, bases []base) (p *probe.Prober, notes []string, err error) {
	cache := j.cache()
	if cache == "" {
		return nil, nil, inputf("a compiled base is kept in the cache folder: expected no --no-cache and no --sample, and HOME or XDG_CACHE_HOME to be set")
	}
	if j.probing.symbols != "" && len(bases) != 1 {
		return nil, nil, inputf("--symbols describes one base: choose it with --base")
	}
	if p, err = probe.New(filepath.Join(cache, "work")); err != nil {
		return nil, nil, machine(err)
	}
	for i := range bases {
		note, err := j.addBase(ctx, p, &bases[i])
		if err != nil {
			p.Close()
			return nil, nil, err
		}
		if note != "" {
			notes = append(notes, fmt.Sprintf("base %s: not compiled: %s", bases[i].ID, note))
		}
	}
	return p, notes, nil
}

func (j *job) addBase(ctx context.Context, p *probe.Prober, b *base) (note string, err error) {
	if note = b.uncompilable(); note != "" {
		return note, nil
	}
	built, err := j.compile(ctx, b)
	if err != nil {
		return "", err
	}
	for _, w := range built.Warnings {
		j.app.remark("base %s: %s", b.ID, w)
	}
	symbols, err := j.shipped(b)
	if err != nil {
		built.Close()
		return "", err
	}
	recorded := ""
	if symbols == nil {
		recorded = otherVersion(built.Compiler, b.vendor.Compiler.Name+" "+b.vendor.Compiler.Version)
	} else {
		shipped, err := match.Read(symbols)
		if err != nil {
			built.Close()
			return "", inputf("%s: %w", j.symbolsOf(b), err)
		}
		recorded = otherVersion(built.Compiler, shipped.Compiler.String())
	}
	if err := p.Add(b.ID, b.Xen, built, symbols, recorded); err != nil {
		built.Close()
		return "", input(err)
	}
	return "", nil
}

// An uncompiledError says what a base lacks to be compiled.
type uncompiledError struct{ base, why string }

func (e *uncompiledError) Error() string {
	return fmt.Sprintf("base %s cannot be compiled: %s", e.base, e.why)
}

// uncompilable says what a base lacks to be compiled.
func (b *base) uncompilable() string {
	switch {
	case b.Tree == nil:
		return "its source is not at hand"
	case b.Config == nil:
		return "its .config is not at hand"
	case cmp.Or(b.Arch, csource.Arch(b.Config), "x86") != "x86":
		return "only x86-64 objects can be compared"
	}
	return ""
}

// compile gives the compiled base.
func (j *job) compile(ctx context.Context, b *base) (*kbuild.Base, error) {
	text, err := j.configText(b.vendor)
	if err != nil {
		return nil, openError(err)
	}
	show, wipe := j.app.progress()
	defer wipe()
	started := j.app.Now()
	built, err := kbuild.Prepare(ctx, kbuild.Request{Source: b.from, Config: text, Arch: b.vendor.Arch, Compiler: b.vendor.Compiler,
		Cross: j.probing.cross, Cache: j.cache(), Jobs: j.probing.jobs,
		Progress: func(what string) { show(0, 1, b.ID+": "+what) }})
	if err != nil {
		return nil, compileError(fmt.Errorf("base %s: %w", b.ID, err))
	}
	j.app.detail("base %s: compiled with %s, ready in %v", b.ID, built.Compiler, j.app.Now().Sub(started).Round(time.Millisecond))
	return built, nil
}

// compileError tells a source that does not compile, which is the user's, from a
// machine that cannot compile it. With the first the base is at fault: of a patch
// that does not compile its cell tells.
func compileError(err error) error {
	var failed *kbuild.FailedError
	if errors.As(err, &failed) && failed.Fault == kbuild.Source {
		return input(fmt.Errorf("%w (the base itself, without a patch: is this its .config and its compiler?)", err))
	}
	var absent *tree.NotHereError
	if errors.As(err, &absent) || errors.Is(err, tree.ErrNoSource) {
		return input(err)
	}
	return machine(err)
}

// configText is the .config as make reads it.
func (j *job) configText(v *vendors.Base) ([]byte, error) {
	if name := cmp.Or(j.config, v.Config.File); name != "" {
		f, err := j.open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(f)
	}
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(v.Config.Options)) {
		switch value := v.Config.Options[name]; {
		case value == "n":
			fmt.Fprintf(&b, "# %s is not set\n", name)
		case bare.MatchString(value):
			fmt.Fprintf(&b, "%s=%s\n", name, value)
		default:
			fmt.Fprintf(&b, "%s=%s\n", name, strconv.Quote(value))
		}
	}
	return b.Bytes(), nil
}

// bare is a value that Kconfig writes without quotes.
var bare = regexp.MustCompile(`^(y|m|-?\d+|0x[0-9a-fA-F]+)$|^"`)

// symbolsOf is the file with the shipped hypervisor's symbols, empty if none is
// at hand.
func (j *job) symbolsOf(b *base) string { return cmp.Or(j.probing.symbols, b.vendor.Symbols.File) }

// shipped reads the shipped hypervisor with symbols, nil if it is not at hand.
func (j *job) shipped(b *base) ([]byte, error) {
	name := j.symbolsOf(b)
	if name == "" {
		return nil, nil
	}
	return readWhole(name)
}

var versionNumber = regexp.MustCompile(`\b(\d+\.\d+(?:\.\d+)?)\b`)

// otherVersion gives the compiler that was recorded where its version is another
// than that of the one in use; "" where it is the same or not known.
func otherVersion(used, recorded string) string {
	a, b := versionNumber.FindAllString(used, -1), versionNumber.FindAllString(recorded, -1)
	if len(a) == 0 || len(b) == 0 || a[len(a)-1] == b[len(b)-1] {
		return ""
	}
	return recorded
}

// prove has every cell of the bases compiled.
func (j *job) prove(ctx context.Context, bases []base, request *analyze.Request) (notes []string, done func(), err error) {
	prover, notes, err := j.prover(ctx, bases)
	if err != nil {
		return nil, nil, err
	}
	request.Prove = func(ctx context.Context, t analyze.Trial) (*factor.Proof, error) {
		proof, err := prover.Prove(ctx, t)
		if err != nil {
			return nil, compileError(err)
		}
		return proof, nil
	}
	return notes, func() {
		if err := prover.Close(); err != nil {
			j.app.remark("%v", err)
		}
	}, nil
}

// rebuild compiles a base and compares it with what was shipped.
func (j *job) rebuild(ctx context.Context) (*match.Result, error) {
	profile, err := j.profile()
	if err != nil {
		return nil, input(err)
	}
	bases, err := j.openBases(ctx, profile)
	if err != nil {
		return nil, err
	}
	defer closeAll(bases)
	if len(bases) != 1 {
		return nil, inputf("--match is about one base: choose it with --base, one of %v", baseIDs(profile))
	}
	b := &bases[0]
	if why := b.uncompilable(); why != "" {
		return nil, input(&uncompiledError{b.ID, why})
	}
	if j.symbolsOf(b) == "" {
		return nil, inputf("base %s: expected the shipped xen-syms, by --symbols or in the profile", b.ID)
	}
	built, err := j.compile(ctx, b)
	if err != nil {
		return nil, err
	}
	defer built.Close()
	return j.compareHypervisors(ctx, b, built)
}

// match compares a rebuilt base with what was shipped.
func (j *job) match(ctx context.Context, out *output) error {
	result, err := j.rebuild(ctx)
	if err != nil {
		return err
	}
	at := j.app.Now().UTC().Truncate(time.Second)
	err = out.write(func(w io.Writer) error {
		return render.Match(w, out.format.value, j.app.layout(out.file != ""), at, result)
	})
	if err != nil {
		return err
	}
	return matched(result)
}

// matched tells by its error how many symbols differ.
func matched(m *match.Result) error {
	if !m.Matches {
		return NotReady{Cells: len(m.Differences), Of: m.Counts.SameSize + len(m.Differences)}
	}
	return nil
}

func (j *job) compareHypervisors(ctx context.Context, b *base, built *kbuild.Base) (*match.Result, error) {
	shipped, err := readHypervisor(j.symbolsOf(b))
	if err != nil {
		return nil, err
	}
	rebuilt, err := readHypervisor(built.Symbols())
	if err != nil {
		return nil, err
	}
	index, err := csource.Open(ctx, b.Tree, csource.Options{Cache: j.cache(), Version: programDigest()})
	if err != nil {
		return nil, openError(err)
	}
	given, err := match.InTree(b.Tree, index, b.Config, shipped, rebuilt)
	if err != nil {
		return nil, input(err)
	}
	return match.Compare(shipped, rebuilt, given), nil
}

func readHypervisor(name string) (*match.Hypervisor, error) {
	data, err := readWhole(name)
	if err != nil {
		return nil, err
	}
	h, err := match.Read(data)
	if err != nil {
		return nil, inputf("%s: %w", name, err)
	}
	return h, nil
}
