package vendors

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"lpready/analyze/strict"
)

var (
	profileName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)
	baseID      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+~_-]{0,63}$`)
	xenVersion  = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)
	hex40       = regexp.MustCompile(`^[0-9a-f]{40}$`)
	optionName  = regexp.MustCompile(`^CONFIG_[A-Z0-9_]+$`)
	specName    = regexp.MustCompile(`\.spec(\.in)?$`)
	macroName   = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*|@[A-Za-z][A-Za-z0-9_-]*@)$`)
	gitRef      = regexp.MustCompile(`^[A-Za-z0-9_][^\x00-\x20~^:?*\[\\\x7f]*$`)
)

// A checker reports what a profile says wrongly though its YAML is right.
type checker struct {
	doc *strict.Doc
	p   *Profile
}

func validate(doc *strict.Doc, p *Profile) {
	c := &checker{doc, p}
	c.required("name")
	c.form("name", p.Name, profileName, "lower-case letters, digits, dots and dashes")
	c.required("bases")
	if len(p.Bases) == 0 && doc.Has("bases") {
		doc.Reject("bases", "empty; expected at least one base")
	}
	for i, f := range p.Sources {
		c.text(fmt.Sprintf("sources[%d].repository", i), f.Repository)
	}
	ids := map[string]string{}
	for i := range p.Bases {
		path := fmt.Sprintf("bases[%d]", i)
		c.unique(ids, path+".id", p.Bases[i].ID)
		c.base(path, &p.Bases[i])
	}
	c.policy()
	c.team(&p.Team)
}

// required reports a key that is absent.
func (c *checker) required(path string) {
	if !c.doc.Has(path) {
		c.doc.Reject(path, "missing")
	}
}

// text reports an absent or an empty text.
func (c *checker) text(path, value string) {
	c.required(path)
	if c.doc.Has(path) && strings.TrimSpace(value) == "" {
		c.doc.Reject(path, "empty; expected text")
	}
}

// form reports a text of the wrong form; an absent one is in order.
func (c *checker) form(path, value string, form *regexp.Regexp, expected string) {
	if value == "" || form.MatchString(value) {
		return
	}
	const most = 60
	if len(value) > most {
		value = value[:most] + "..."
	}
	c.doc.Reject(path, "%q; expected %s", value, expected)
}

// oneOf reports a text that is none of the words.
func (c *checker) oneOf(path, value string, words ...string) {
	if value != "" && !slices.Contains(words, value) {
		c.doc.Reject(path, "%q; expected one of %s", value, strings.Join(words, ", "))
	}
}

func (c *checker) unique(seen map[string]string, path, value string) {
	if value == "" {
		return
	}
	if first, twice := seen[value]; twice {
		c.doc.Reject(path, "%q is the %s already", value, first)
		return
	}
	seen[value] = path
}

func (c *checker) base(path string, b *Base) {
	c.text(path+".id", b.ID)
	c.form(path+".id", b.ID, baseID, "letters, digits and . + ~ _ -")
	c.text(path+".xen", b.Xen)
	c.form(path+".xen", b.Xen, xenVersion, "the version that recipes are made for, such as 4.17")
	c.form(path+".commit", b.Commit, hex40, "40 lower-case hexadecimal digits; leave it out where only a part is known")
	c.form(path+".build-id", b.BuildID, hex40, "40 lower-case hexadecimal digits")
	c.oneOf(path+".arch", b.Arch, "x86_64", "arm64", "arm32")
	c.oneOf(path+".compiler.name", b.Compiler.Name, "gcc", "clang")
	c.source(path+".source", &b.Source)
	c.config(path+".config", &b.Config)
	c.artifact(path+".symbols", b.Symbols)
	c.artifact(path+".hypervisor", b.Hypervisor)
}

func (c *checker) source(path string, s *Source) {
	var kinds []string
	for _, kind := range []string{"folder", "tarball", "git", "debian", "rpm"} {
		if c.doc.Has(path + "." + kind) {
			kinds = append(kinds, kind)
		}
	}
	switch {
	case len(kinds) > 1:
		c.doc.Reject(path, "%s; expected one kind of source", strings.Join(kinds, " and "))
	case len(kinds) == 0 && c.doc.Has(path):
		c.doc.Reject(path, "expected one of folder, tarball, git, debian, rpm")
	}
	if s.Series != "" && s.Dir == "" && s.Tarball == "" {
		c.doc.Reject(path+".series", "goes with folder or tarball; for git it is git.queue, and a Debian package has its own")
	}
	if c.doc.Has(path + ".git") {
		c.git(path+".git", s.Git)
	}
	if s.RPM != nil {
		c.rpm(path+".rpm", s.RPM)
	}
	if c.doc.Has(path+".debian") && s.Debian.DSC == "" {
		c.text(path+".debian.package", s.Debian.Package)
		c.text(path+".debian.version", s.Debian.Version)
	}
}

func (c *checker) git(path string, g Git) {
	c.text(path+".repository", g.Repo)
	c.text(path+".ref", g.Ref)
	c.form(path+".ref", g.Ref, gitRef, "a tag, a branch or a commit")
	if strings.HasPrefix(g.Repo, "-") {
		c.doc.Reject(path+".repository", "%q; expected a folder or an address", g.Repo)
	}
}

func (c *checker) rpm(path string, r *RPM) {
	c.text(path+".spec", r.Spec)
	c.form(path+".spec", r.Spec, specName, "a file .spec or .spec.in")
	if c.doc.Has(path + ".git") {
		c.git(path+".git", r.Git)
	}
	for key, value := range map[string]string{"queue": r.Git.Queue, "lacks": r.Git.Lacks} {
		if value != "" {
			c.doc.Reject(path+".git."+key, "the patches are those of the spec")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Define)) {
		c.form(path+".define."+name, name, macroName, "the name of a macro, or @NAME@ of a template")
	}
}

func (c *checker) config(path string, cfg *Config) {
	c.artifact(path, Artifact{cfg.File, cfg.Package, cfg.Path})
	for _, name := range slices.Sorted(maps.Keys(cfg.Options)) {
		c.form(path+".options."+name, name, optionName, "the name of an option, CONFIG_...")
	}
	if cfg.Complete && len(cfg.Options) == 0 {
		c.doc.Reject(path+".complete", "true without options")
	}
}

func (c *checker) artifact(path string, a Artifact) {
	if a.File != "" && (a.Package != "" || a.Path != "") {
		c.doc.Reject(path, "expected either file, or package and path")
	}
	if a.Package != "" && a.Path == "" {
		c.doc.Reject(path+".path", "missing: where in the package it is")
	}
	if a.Path != "" && a.Package == "" && a.File == "" {
		c.doc.Reject(path+".package", "missing: the package that the path is in")
	}
}

func (c *checker) policy() {
	p := c.p.Policy
	if p.Payloads == nil || *p.Payloads {
		return
	}
	for path, answer := range map[string]*bool{"cumulative": p.Cumulative, "replace": p.Replace, "stacking": p.Stacking} {
		if answer != nil {
			c.doc.Reject("policy."+path, "says how payloads are shipped, but payloads is false")
		}
	}
}
