package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lpready/analyze"
	"lpready/build/boot"
	"lpready/build/payload"
	"lpready/cmd/lpready/internal/render"
	"lpready/vendors"
)

// A verifying is what verify looks at, and on which base.
type verifying struct {
	app      *app
	vendor   string
	base     string
	symbols  string
	xen      string
	release  string
	replace  bool
	previous string
	expect   string
	xsas     xsaNumbers
	track    string
	booting  booting

	described *vendors.Base  // of the profile, nil without one
	policy    vendors.Policy // of the profile
	read      []byte         // the hypervisor with symbols
	before    []boot.Payload // the previous one, if any
	loaded    []boot.Payload
}

func newVerify(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify PAYLOAD...",
		Short: "Say what the hypervisor would say to a payload",
		Long: `Go through the checks that a hypervisor makes when it loads and applies a live
patch, in its order and with its words, and through those that it leaves out:
hooks against the action REPLACE, new symbols against the payload before, sizes
of the functions of the base, memory that is freed after boot, releases whose own
livepatch code is broken, and the functions that a saved report expects.

Checks that need what is not given are listed as not made.

With --boot, ask a real hypervisor too: boot the base's own Xen in QEMU with a small
dom0 and go through list, upload, apply, revert, apply again, replace and unload with
each payload, and with all of them in their order; with --guest a guest is created,
runs and ends meanwhile, and what of the payload really ran is told. The files for it
come from packages that --boot-files names; lpready doctor boot tells which. First the
tree that the payloads were built from is compared with what was shipped (probe
--match): without that proof no payload is called good.

Exit codes: 0 all payloads are accepted, and with --boot good, 1 one is not, 2 usage or
input, 3 the machine or a tool.`,
		Example: `  lpready verify --xen 4.17 --symbols xen-syms xsa480.livepatch
  lpready verify --boot --boot-files packages/ --symbols xen-syms xsa480.livepatch
  lpready verify --vendor ours.yaml --base 8.3 --expect batch.json --xsa 480 xsa480.livepatch`,
		Args: cobra.MinimumNArgs(1),
	}
	v := &verifying{app: a}
	f := cmd.Flags()
	f.StringVar(&v.vendor, "vendor", "", "profile of the vendor: a `name` (see vendors list) or a file; says what the flags below do not")
	f.StringVar(&v.base, "base", "", "the base, by its `id`: of the vendor, and of the report of --expect")
	f.StringVar(&v.symbols, "symbols", "", "the base's hypervisor with symbols, xen-syms (`file`)")
	f.StringVar(&v.xen, "xen", "", "Xen `version` of the base, such as 4.17: decides which checks there are")
	f.StringVar(&v.release, "release", "", "Xen `release` of the base, such as 4.17.2: some are broken")
	f.BoolVar(&v.replace, "replace", false, "the payload is applied with the action REPLACE")
	f.StringVar(&v.previous, "previous", "", "`payload` that is applied already")
	f.StringVar(&v.expect, "expect", "", "saved report (`file`): the functions of its cells must be in the payload")
	f.Var(&v.xsas, "xsa", "with --expect, only these advisories; repeat or separate by commas")
	must(cmd.RegisterFlagCompletionFunc("vendor", completeProfile))
	for _, name := range []string{"base", "xen", "release", "xsa"} {
		must(cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions))
	}
	addTrack(cmd, &v.track)
	v.booting.add(cmd)
	out := addOutput(a, cmd)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		started := a.Now()
		if err := v.booting.check(cmd); err != nil {
			return err
		}
		list, err := v.run(names, cmd.Flags().Changed("replace"))
		if err != nil {
			return err
		}
		a.detail("verified %d payloads in %v", len(list), a.Now().Sub(started).Round(time.Millisecond))
		found := &render.Verification{}
		for _, r := range list {
			found.Payloads = append(found.Payloads, render.Verified{Result: r})
		}
		if v.booting.on {
			if err := v.boot(cmd.Context(), found); err != nil {
				return err
			}
		}
		err = out.write(func(w io.Writer) error {
			return render.Verify(w, out.format.value, a.layout(out.file != ""), started.UTC().Truncate(time.Second), found)
		})
		if err != nil {
			return err
		}
		if err := trackPayloads(v.track, v.base, started.UTC().Truncate(time.Second), found); err != nil {
			return err
		}
		return accepted(found)
	}
	return cmd
}

// accepted tells by its error how many payloads are refused, or not good.
func accepted(v *render.Verification) error {
	n, of := 0, len(v.Payloads)
	for i := range v.Payloads {
		if !v.Good(i) {
			n++
		}
	}
	if v.Set != nil {
		of++
		if !v.Set.Good() {
			n++
		}
	}
	if n > 0 {
		return NotReady{Cells: n, Of: of}
	}
	return nil
}

// run verifies the payloads of these names.
func (v *verifying) run(names []string, replaceGiven bool) ([]*payload.Result, error) {
	if err := v.profile(replaceGiven); err != nil {
		return nil, err
	}
	for _, f := range []struct{ flag, value string }{{"--xen", v.xen}, {"--release", v.release}} {
		if f.value != "" && !xenNumber.MatchString(f.value) {
			return nil, inputf("%s %q: expected a version such as 4.17 or 4.17.2", f.flag, f.value)
		}
	}
	if v.xen != "" && v.release != "" && v.release != v.xen && !strings.HasPrefix(v.release, v.xen+".") {
		return nil, inputf("--release %s: expected a release of Xen %s", v.release, v.xen)
	}
	opt := payload.Options{Xen: v.xen, Release: v.release, Replace: v.replace}
	var h *payload.Hypervisor
	if v.symbols != "" {
		data, err := readWhole(v.symbols)
		if err != nil {
			return nil, err
		}
		if h, err = payload.ReadHypervisor(data); err != nil {
			return nil, inputf("%s: %w", v.symbols, err)
		}
		v.read = data
	}
	if v.previous != "" {
		data, err := readWhole(v.previous)
		if err != nil {
			return nil, err
		}
		if opt.Previous, err = payload.Read(data); err != nil {
			return nil, inputf("%s: %w", v.previous, err)
		}
		opt.Before = payloadName(v.previous)
		v.before = []boot.Payload{{Name: opt.Before, Data: data}}
	}
	var err error
	if opt.Expected, err = v.expected(); err != nil {
		return nil, err
	}
	var list []*payload.Result
	for _, name := range names {
		data, err := readWhole(name)
		if err != nil {
			return nil, err
		}
		opt.Name = payloadName(name)
		one := boot.Payload{Name: opt.Name, Data: data}
		r, err := payload.VerifyFile(data, h, v.upon(opt, &one))
		if err != nil {
			return nil, inputf("%s: %w", name, err)
		}
		one.Verified = r
		v.loaded = append(v.loaded, one)
		list = append(list, r)
	}
	return list, nil
}

// payloadName is the name under which xen-livepatch loads a file.
func payloadName(file string) string {
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// profile takes from the vendor's profile what no flag says.
func (v *verifying) profile(replaceGiven bool) error {
	if v.vendor == "" {
		if v.base != "" && v.expect == "" {
			return inputf("--base %s: expected --vendor or --expect, which have bases", v.base)
		}
		return nil
	}
	p, err := vendors.Find(v.vendor)
	if err != nil {
		return input(err)
	}
	i := slices.IndexFunc(p.Bases, func(b vendors.Base) bool { return b.ID == v.base })
	if i < 0 {
		return inputf("--base %q: expected one of %s", v.base, strings.Join(baseIDs(p), ", "))
	}
	b := &p.Bases[i]
	v.described, v.policy = b, p.Policy
	v.xen = cmp.Or(v.xen, b.Xen)
	v.symbols = cmp.Or(v.symbols, b.Symbols.File)
	v.release = cmp.Or(v.release, b.XenRelease())
	if !replaceGiven && p.Policy.Replace != nil {
		v.replace = *p.Policy.Replace
	}
	return nil
}

// expected are the functions of a saved report, nil if there is none.
func (v *verifying) expected() ([]payload.Expected, error) {
	if v.expect == "" {
		if len(v.xsas) > 0 {
			return nil, inputf("--xsa: expected --expect, the report with these advisories")
		}
		return nil, nil
	}
	f, err := os.Open(v.expect)
	if err != nil {
		return nil, input(err)
	}
	defer f.Close()
	report, err := render.Load(v.expect, f)
	if err != nil {
		return nil, input(err)
	}
	cells, err := v.cells(report)
	if err != nil {
		return nil, err
	}
	return payload.Expect(cells), nil
}

// cells are those that a payload of one base is made of.
func (v *verifying) cells(report *analyze.Report) (list []analyze.Cell, err error) {
	bases := map[string]bool{}
	for i := range report.Cells {
		c := &report.Cells[i]
		if v.base != "" && c.Base != v.base || len(v.xsas) > 0 && !slices.Contains(v.xsas, c.XSA) {
			continue
		}
		bases[c.Base] = true
		list = append(list, *c)
	}
	switch {
	case len(bases) == 0:
		return nil, inputf("%s: expected a cell of the base and the advisories that were named", v.expect)
	case len(bases) > 1:
		return nil, inputf("%s: expected cells of one base, and there are %s: choose one with --base", v.expect, fmt.Sprint(len(bases)))
	}
	return list, nil
}
