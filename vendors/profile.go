// Package vendors describes who ships Xen: the bases, that is every hypervisor
// that a vendor has shipped and must fix, its policy for live patches, and the
// team that does the work.
//
// A profile is a YAML file, read strictly: an unknown key, a key given twice, a
// bad date or a commit that is not 40 hexadecimal digits is a mistake, and all
// mistakes are reported at once with file, line and column. What a profile leaves
// out is unknown, and shown as unknown. Profiles of public vendors are embedded;
// they hold public facts only, each with where it was read, as of their date.
//
// The package reads profiles. It opens no source (see build/tree), starts no
// program and uses no network.
package vendors

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A Profile is one vendor.
type Profile struct {
	Name    string `yaml:"name"`    // debian-bookworm
	Title   string `yaml:"title"`   // for people
	Updated Date   `yaml:"updated"` // when its facts were last looked up
	Sources []Fact `yaml:"sources"` // where they were read
	Bases   []Base `yaml:"bases"`   // in the order of the file
	Policy  Policy `yaml:"policy"`
	Team    Team   `yaml:"team"`
	Effort  string `yaml:"effort"` // file of hours laid over the default, see analyze/effort

	File string `yaml:"-"` // where it was read from; the name alone if embedded
}

// A Fact says where public information was read, so that it can be checked.
type Fact struct {
	Repository string `yaml:"repository"` // or package archive, or announcement
	File       string `yaml:"file"`
	Gives      string `yaml:"gives"` // what was learned from it
}

// A Base is one hypervisor that the vendor shipped.
type Base struct {
	ID      string   `yaml:"id"`      // unique in the profile
	Xen     string   `yaml:"xen"`     // version that recipes are made for: 4.17
	Release string   `yaml:"release"` // what the vendor calls it
	Commit  string   `yaml:"commit"`  // upstream commit it is built from, 40 hexadecimal digits
	Arch    string   `yaml:"arch"`    // x86_64, arm64 or arm32, as XEN_TARGET_ARCH has it
	Source  Source   `yaml:"source"`
	Config  Config   `yaml:"config"`
	Symbols Artifact `yaml:"symbols"` // xen-syms
	// Hypervisor is what a host boots: xen.gz.
	Hypervisor Artifact `yaml:"hypervisor"`
	Compiler   Compiler `yaml:"compiler"`
	BuildID    string   `yaml:"build-id"` // of the hypervisor, 40 hexadecimal digits
	EOL        Date     `yaml:"eol"`      // last day of security support
	Notes      []string `yaml:"notes"`
}

// A Source says where the source of a base is: one of folder, tarball, git,
// Debian source package and RPM spec. Paths of a loaded profile are relative to nothing any
// more: they were joined with the folder of the profile.
type Source struct {
	Dir     string `yaml:"folder"`  // the tree as it was built, xen/ in it
	Tarball string `yaml:"tarball"` // .tar, .tar.gz, .tar.xz, .tar.zst or .tar.bz2
	Series  string `yaml:"series"`  // quilt series on top of folder or tarball: its folder or its series file
	Git     Git    `yaml:"git"`
	Debian  Debian `yaml:"debian"`
	RPM     *RPM   `yaml:"rpm"`
}

// Git is a commit of a repository, with patches on top.
type Git struct {
	Repo  string `yaml:"repository"` // local folder, or the address it can be cloned from
	Ref   string `yaml:"ref"`        // tag, branch or commit
	Queue string `yaml:"queue"`      // like Source.Series
	// Lacks says what the vendor ships besides and is in neither: a tree made
	// from this alone is not the base.
	Lacks string `yaml:"lacks"`
}

// Debian is a Debian source package.
type Debian struct {
	Package string `yaml:"package"`
	Version string `yaml:"version"`
	DSC     string `yaml:"dsc"` // the .dsc file where it is at hand, its tarballs beside it
}

// An RPM is the spec file of a package with the patches that it lists.
type RPM struct {
	Spec    string `yaml:"spec"`    // xen.spec, or a template xen.spec.in
	Sources string `yaml:"sources"` // folder of Source0 and the patches; else the spec's, or SOURCES next to it
	// Git stands in for Source0 where the tarball is not at hand: the commit that
	// it was made from. Of Git only repository and ref count.
	Git Git `yaml:"git"`
	// Define gives macros that the spec does not define itself, dist: .xs8, and
	// place holders of a template, "@VERSION@": 4.19.5. What no one defines is
	// unknown.
	Define map[string]string `yaml:"define"`
}

// An Artifact is a file that a build left behind: at hand, or inside a package
// from which the user takes it.
type Artifact struct {
	File    string `yaml:"file"`
	Package string `yaml:"package"` // binary package, of the base's release
	Path    string `yaml:"path"`    // inside the package, relative to its root
}

// A Config is the hypervisor's .config, or what is known of it.
type Config struct {
	File    string `yaml:"file"`
	Package string `yaml:"package"`
	Path    string `yaml:"path"`
	// Options holds known options, CONFIG_LIVEPATCH: y; n is an option that is
	// not set. Unless Complete, options that are absent here are unknown.
	Options  map[string]string `yaml:"options"`
	Complete bool              `yaml:"complete"`
}

// All gives the whole configuration and true where Options is complete. Options
// that are not set are absent, as in the eyes of make.
func (c *Config) All() (map[string]string, bool) {
	if !c.Complete {
		return nil, false
	}
	all := make(map[string]string, len(c.Options))
	for name, value := range c.Options {
		if value != "n" {
			all[name] = value
		}
	}
	return all, true
}

// Option gives one option and whether it is known; n is one that is not set. It
// looks at Options alone, not at the file.
func (c *Config) Option(name string) (value string, known bool) {
	if value, known = c.Options[name]; known {
		return value, true
	}
	return "n", c.Complete
}

// A Compiler is what the base was compiled with.
type Compiler struct {
	Name    string `yaml:"name"`    // gcc or clang
	Version string `yaml:"version"` // 12.2.0
	Package string `yaml:"package"` // the packager's version of it, or the package's name
}

// A Policy is how a vendor ships live patches. nil is unknown.
type Policy struct {
	Payloads   *bool    `yaml:"payloads"`   // live patches are shipped at all
	Cumulative *bool    `yaml:"cumulative"` // a payload holds all fixes before it
	Replace    *bool    `yaml:"replace"`    // it is applied with the REPLACE action
	Stacking   *bool    `yaml:"stacking"`   // it depends on the payload before it
	Embargo    []string `yaml:"embargo"`    // what holds under an embargo
	Notes      []string `yaml:"notes"`
}

// A Date is a day, YYYY-MM-DD. The zero value is an unknown one.
type Date struct{ time.Time }

// UnmarshalText reads YYYY-MM-DD.
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("%q is no date; expected YYYY-MM-DD", text)
	}
	d.Time = t
	return nil
}

// String is YYYY-MM-DD, or empty where the day is unknown.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Format(time.DateOnly)
}

// Past tells whether the day is over at a given time.
func (d Date) Past(now time.Time) bool {
	return !d.IsZero() && !now.Before(d.AddDate(0, 0, 1))
}

// Kbuild is the architecture's name in the hypervisor's source: x86 or arm;
// empty where it is unknown.
func (b *Base) Kbuild() string {
	switch b.Arch {
	case "x86_64":
		return "x86"
	case "arm64", "arm32":
		return "arm"
	}
	return ""
}

var xenRelease = regexp.MustCompile(`^\d+\.\d+\.\d+$`)

// XenRelease is the release of Xen that the base is, such as 4.17.2; empty where the
// vendor's release is not called by one.
func (b *Base) XenRelease() string {
	if !xenRelease.MatchString(b.Release) || !strings.HasPrefix(b.Release, b.Xen+".") {
		return ""
	}
	return b.Release
}

// Unknown names what the profile does not say of a base, in the order of the
// fields.
func (b *Base) Unknown() []string {
	config := "config"
	if len(b.Config.Options) > 0 {
		config = "rest of config"
	}
	var names []string
	for _, f := range []struct {
		name  string
		known bool
	}{
		{"release", b.Release != ""},
		{"commit", b.Commit != ""},
		{"arch", b.Arch != ""},
		{"source", b.Source != Source{}},
		{config, b.Config.Complete || b.Config.File != "" || b.Config.Package != ""},
		{"symbols", b.Symbols != Artifact{}},
		{"compiler", b.Compiler != Compiler{}},
		{"build-id", b.BuildID != ""},
		{"eol", !b.EOL.IsZero()},
	} {
		if !f.known {
			names = append(names, f.name)
		}
	}
	return names
}

// Base finds a base by its id.
func (p *Profile) Base(id string) (*Base, bool) {
	for i := range p.Bases {
		if p.Bases[i].ID == id {
			return &p.Bases[i], true
		}
	}
	return nil, false
}
