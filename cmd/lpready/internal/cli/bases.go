package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"lpready/analyze"
	"lpready/analyze/csource"
	"lpready/build/tree"
	"lpready/testdata"
	"lpready/vendors"
)

// sampleDir is where the sample lies in the files that the program carries.
const sampleDir = "sample"

// profile is the vendor that the job is for; one without a name where the user
// gives none.
func (j *job) profile() (*vendors.Profile, error) {
	switch {
	case j.sample:
		data, err := fs.ReadFile(testdata.Files, sampleDir+"/vendor.yaml")
		if err != nil {
			return nil, err
		}
		return vendors.Parse("the sample's vendor.yaml", data)
	case j.vendor != "":
		return vendors.Find(j.vendor)
	}
	return new(vendors.Profile), nil
}

// A base is one that was opened: for the assessment, with what has to be closed
// after it, and with a note where something is not at hand.
type base struct {
	analyze.Base
	vendor *vendors.Base
	from   vendors.Source
	note   string
	close  func() error
}

// openBases makes the bases of a job from the vendor's profile and from the
// flags that stand in for one. Without either there is one base that is known
// by its Xen version alone, and verdicts rest on the text.
func (j *job) openBases(ctx context.Context, profile *vendors.Profile) ([]base, error) {
	chosen, err := j.choose(profile)
	if err != nil {
		return nil, err
	}
	if (j.source != "" || j.config != "" || j.xen != "" || j.arch.value != "") && len(chosen) != 1 {
		return nil, inputf("--source, --config, --xen and --arch describe one base: choose it with --base, one of %s",
			strings.Join(baseIDs(profile), ", "))
	}
	var bases []base
	for i := range chosen {
		b, err := j.openBase(ctx, &chosen[i])
		if err != nil {
			closeAll(bases)
			return nil, openError(fmt.Errorf("base %s: %w", chosen[i].ID, err))
		}
		bases = append(bases, b)
	}
	return bases, nil
}

func closeAll(bases []base) {
	for _, b := range bases {
		b.close()
	}
}

// choose picks the bases of a profile that --base names, all by default. A job
// without a vendor has one base, whose id --base gives.
func (j *job) choose(profile *vendors.Profile) ([]vendors.Base, error) {
	if profile.Name == "" {
		base := vendors.Base{ID: j.ownID()}
		if len(j.bases) > 1 {
			return nil, inputf("%d times --base without --vendor: expected one base", len(j.bases))
		}
		return []vendors.Base{base}, nil
	}
	if len(j.bases) == 0 {
		return profile.Bases, nil
	}
	var chosen []vendors.Base
	for _, id := range j.bases {
		i := slices.IndexFunc(profile.Bases, func(b vendors.Base) bool { return b.ID == id })
		if i < 0 {
			return nil, inputf("%s has no base %q: expected one of %s", profile.Name, id, strings.Join(baseIDs(profile), ", "))
		}
		chosen = append(chosen, profile.Bases[i])
	}
	return chosen, nil
}

// ownID names a base that no profile describes.
func (j *job) ownID() string {
	switch {
	case len(j.bases) > 0:
		return j.bases[0]
	case j.source != "":
		return filepath.Base(filepath.Clean(j.source))
	case j.xen != "":
		return "xen-" + j.xen
	}
	return "unnamed"
}

// openBase opens the source and the .config of a base. What the flags give
// stands in for what the profile says.
func (j *job) openBase(ctx context.Context, v *vendors.Base) (base, error) {
	b := base{vendor: v, Base: analyze.Base{ID: v.ID, Xen: cmp.Or(j.xen, v.Xen), Arch: cmp.Or(j.arch.value, v.Kbuild())}}
	var err error
	if b.Config, err = j.openConfig(v); err != nil {
		return b, err
	}
	if err = j.openTree(ctx, v, &b); err != nil {
		return b, err
	}
	if b.Tree != nil && b.Config == nil {
		b.note = "no .config at hand, so nothing is known about what is compiled: name it by --config"
	}
	if b.Xen == "" && b.Tree != nil {
		if b.Xen, err = xenVersion(b.Tree); err != nil {
			b.close()
			return b, err
		}
	}
	return b, nil
}

// openTree opens the source that --source or the profile names. One that is not
// on this machine is no mistake: the note tells how to get it.
func (j *job) openTree(ctx context.Context, v *vendors.Base, b *base) (err error) {
	b.close = func() error { return nil }
	from := v.Source
	switch {
	case j.sample:
		b.Tree, err = fs.Sub(testdata.Files, path.Join(sampleDir, from.Dir))
		return err
	case j.source != "":
		if from, err = tree.At(j.source); err != nil {
			return err
		}
	}
	b.from = from
	opened, shut, err := j.openSource(ctx, from)
	var absent *tree.NotHereError
	switch {
	case errors.As(err, &absent):
		b.note = "no source at hand, so the verdicts rest on the text: " + absent.Obtain + " by --source"
	case errors.Is(err, tree.ErrNoSource):
		b.note = "no source at hand, so the verdicts rest on the text: name it by --source"
	case err != nil:
		return err
	default:
		b.Tree, b.close = opened, shut
		for _, w := range opened.Warnings {
			j.app.detail("base %s: %s", v.ID, w)
		}
	}
	return nil
}

// openSource opens a source: a folder where it lies, anything else out of the
// cache of prepared trees, where it is unpacked and patched only once.
func (j *job) openSource(ctx context.Context, from vendors.Source) (*tree.Tree, func() error, error) {
	if cache := j.cache(); cache != "" && from.Dir == "" {
		prepared, err := tree.Prepare(ctx, from, filepath.Join(cache, "trees"), tree.Options{})
		if err == nil {
			return &prepared.Tree, prepared.Close, nil
		}
		if !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) {
			return nil, nil, err
		}
	}
	opened, err := tree.Open(ctx, from, tree.Options{})
	if err != nil {
		return nil, nil, err
	}
	return opened, opened.Close, nil
}

// xenVersion reads "4.17" from the tree's xen/Makefile.
func xenVersion(tree fs.FS) (string, error) {
	data, err := fs.ReadFile(tree, "xen/Makefile")
	if err != nil {
		return "", err
	}
	version := map[string]string{}
	for l := range strings.Lines(string(data)) {
		key, value, found := strings.Cut(strings.TrimPrefix(strings.TrimSpace(l), "export "), "=")
		if found {
			version[strings.TrimRight(key, ":? \t")] = strings.TrimSpace(value)
		}
	}
	major, minor := version["XEN_VERSION"], version["XEN_SUBVERSION"]
	if major == "" || minor == "" {
		return "", errors.New("xen/Makefile: expected XEN_VERSION and XEN_SUBVERSION; give the version by --xen")
	}
	return major + "." + minor, nil
}

// openConfig reads the .config that --config or the profile names or holds; nil
// where it is not known.
func (j *job) openConfig(b *vendors.Base) (csource.Config, error) {
	name := cmp.Or(j.config, b.Config.File)
	if name == "" {
		all, _ := b.Config.All()
		return all, nil
	}
	f, err := j.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return csource.ParseConfig(name, f)
}

// open opens a file that a flag or the profile names. The sample's own files
// are carried by the program.
func (j *job) open(name string) (fs.File, error) {
	if j.sample && name != j.config {
		return testdata.Files.Open(path.Join(sampleDir, name))
	}
	return os.Open(name)
}

func baseIDs(p *vendors.Profile) []string {
	ids := make([]string, len(p.Bases))
	for i := range p.Bases {
		ids[i] = p.Bases[i].ID
	}
	return ids
}
