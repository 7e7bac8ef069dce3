package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"lpready/analyze/match"
	"lpready/build/boot"
	"lpready/build/payload"
	"lpready/cmd/lpready/internal/render"
)

// A booting is how a real hypervisor is asked.
type booting struct {
	on         bool
	guest      bool
	files      []string
	hypervisor string
	matched    string
	source     string
	config     string
	evidence   string
}

// add gives a command the flags of booting.
func (b *booting) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&b.on, "boot", false, "ask a real hypervisor in QEMU too")
	f.StringArrayVar(&b.files, "boot-files", nil, "packages, folders of them, folders where they were unpacked, or files, with what is booted (`path`; repeat)")
	f.StringVar(&b.hypervisor, "hypervisor", "", "boot this hypervisor (`file`; default: that of the base among --boot-files)")
	f.BoolVar(&b.guest, "guest", false, "run a guest while each payload is applied, and tell what of the payload ran")
	f.StringVar(&b.matched, "matched", "", "saved proof that the tree matches what was shipped (`file` of probe --match --format json)")
	f.StringVar(&b.source, "source", "", "the tree that the payloads were built from, for that proof (`path`; default: as the profile says)")
	f.StringVar(&b.config, "config", "", "its .config (`file`; default: as the profile says)")
	f.StringVar(&b.evidence, "evidence", "", "keep what was said on the consoles in this `folder`")
}

// bootFlags are those that mean nothing without --boot.
var bootFlags = []string{"boot-files", "hypervisor", "guest", "matched", "source", "config", "evidence"}

func (b *booting) check(cmd *cobra.Command) error {
	for _, name := range bootFlags {
		if !b.on && cmd.Flags().Changed(name) {
			return inputf("--%s: expected --boot", name)
		}
	}
	switch {
	case b.on && len(b.files) == 0:
		return inputf("--boot: expected --boot-files, the packages with what is booted; lpready doctor boot tells which")
	case b.matched != "" && b.source != "":
		return inputf("expected --matched, a proof, or --source, from which one is made, not both")
	}
	return nil
}

// openBootFiles opens the packages and folders that --boot-files names.
func openBootFiles(ctx context.Context, cache string, names []string) (*boot.Files, error) {
	files, err := boot.OpenFiles(ctx, filepath.Join(cache, "boot"), names...)
	var path *fs.PathError
	if errors.As(err, &path) && !errors.Is(err, fs.ErrNotExist) {
		return nil, machine(err)
	}
	return files, input(err)
}

// upon has a payload verified upon the one that it was made for, where that was given
// before it and will be booted below it.
func (v *verifying) upon(opt payload.Options, one *boot.Payload) payload.Options {
	if !v.booting.on || opt.Previous != nil {
		return opt
	}
	for i := range v.loaded {
		if boot.Upon(one, &v.loaded[i]) {
			if below, err := payload.Read(v.loaded[i].Data); err == nil {
				opt.Previous, opt.Before = below, v.loaded[i].Name
			}
		}
	}
	return opt
}

// boot asks a real hypervisor about the payloads that were loaded.
func (v *verifying) boot(ctx context.Context, found *render.Verification) error {
	proof, err := v.prove(ctx)
	if err != nil {
		return err
	}
	found.Proof = proof
	host, err := v.host(ctx)
	if err != nil {
		return err
	}
	if proof.BuildID != "" && proof.BuildID != host.BuildID {
		proof.Matches = false
		proof.Says = fmt.Sprintf("the proof is about build-id %s, and %s is booted", proof.BuildID, cmp.Or(host.BuildID, "none"))
	}
	policy := boot.Policy{Replace: v.replace, Stacking: v.policy.Stacking != nil && *v.policy.Stacking}
	set := slices.Concat(v.before, v.loaded)
	show, wipe := v.app.progress()
	defer wipe()
	total := len(v.loaded)
	if len(set) > 1 {
		total++
	}
	for i := range v.loaded {
		show(i, total, "booting with "+v.loaded[i].Name)
		r, err := host.Try(ctx, boot.TrialOf(set, len(v.before)+i, policy, v.booting.guest))
		if err != nil {
			return machine(err)
		}
		if err := v.keep(r, v.loaded[i].Name); err != nil {
			return err
		}
		found.Payloads[i].Boot = r
	}
	if len(set) > 1 {
		show(total-1, total, "booting with all of them")
		if found.Set, err = host.TrySet(ctx, set, policy, boot.Limits{}); err != nil {
			return machine(err)
		}
		return v.keep(found.Set, "set")
	}
	return nil
}

// keep writes the consoles of a boot where they were asked for.
func (v *verifying) keep(r *boot.Result, name string) error {
	if v.booting.evidence == "" {
		return nil
	}
	return machine(r.SaveLogs(v.booting.evidence, name))
}

// host puts together what is booted.
func (v *verifying) host(ctx context.Context) (*boot.Host, error) {
	cache := cacheFolder(v.app)
	if cache == "" {
		return nil, inputf("packages are unpacked in the cache folder: expected HOME or XDG_CACHE_HOME to be set")
	}
	files, err := openBootFiles(ctx, cache, v.booting.files)
	if err != nil {
		return nil, err
	}
	r := boot.HostRequest{Files: files, Hypervisor: v.booting.hypervisor, Guest: v.booting.guest}
	if b := v.described; b != nil && r.Hypervisor == "" {
		r.Hypervisor, r.Path, r.BuildID = b.Hypervisor.File, b.Hypervisor.Path, b.BuildID
	}
	if v.read != nil {
		if r.Symbols, err = match.Read(v.read); err != nil {
			return nil, inputf("%s: %w", v.symbols, err)
		}
		r.BuildID = r.Symbols.BuildID
	}
	host, err := boot.NewHost(r)
	var path *fs.PathError
	if errors.As(err, &path) && !errors.Is(err, os.ErrNotExist) {
		return nil, machine(err)
	}
	return host, input(err)
}

// prove shows that the tree of the payloads is what was shipped, or says why it cannot.
func (v *verifying) prove(ctx context.Context) (*render.Proof, error) {
	if v.booting.matched != "" {
		return v.savedProof()
	}
	j := &job{app: v.app, vendor: v.vendor, source: v.booting.source, config: v.booting.config, arch: &choice{}}
	if v.base != "" {
		j.bases = []string{v.base}
	}
	j.probing.symbols = v.symbols
	const how = "give --source and --config, or --matched"
	if v.symbols == "" || v.vendor == "" && v.booting.source == "" {
		return &render.Proof{Says: "not shown that the tree of the payload is what was shipped: " + how}, nil
	}
	result, err := j.rebuild(ctx)
	var uncompiled *uncompiledError
	if errors.As(err, &uncompiled) {
		return &render.Proof{Says: fmt.Sprintf("not shown that the tree of the payload is what was shipped: %v; %s", uncompiled, how)}, nil
	}
	if err != nil {
		return nil, err
	}
	return proofOf(result), nil
}

func (v *verifying) savedProof() (*render.Proof, error) {
	f, err := os.Open(v.booting.matched)
	if err != nil {
		return nil, input(err)
	}
	defer f.Close()
	saved, err := render.Read(v.booting.matched, f)
	if err != nil {
		return nil, input(err)
	}
	if saved.Command != "match" {
		return nil, inputf("%s: expected what probe --match --format json wrote", v.booting.matched)
	}
	result, _, err := render.LoadMatch(saved)
	if err != nil {
		return nil, input(err)
	}
	return proofOf(result), nil
}

func proofOf(m *match.Result) *render.Proof {
	return &render.Proof{Matches: m.Matches, BuildID: m.Shipped.BuildID, Says: render.MatchVerdict(m)}
}
