package vendors

import (
	"embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lpready/analyze/strict"
)

//go:embed *.yaml
var embedded embed.FS

// Parse reads a profile. The name is what errors call it. Relative paths in the
// profile stay as they are. An error is strict.Problems: all that is wrong.
func Parse(name string, data []byte) (*Profile, error) {
	p := &Profile{File: name}
	doc := strict.Decode(name, data, p)
	if doc.Has("") { // it is YAML
		validate(doc, p)
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	p.target()
	return p, nil
}

// target tells the specs for which processor their package is built, in rpm's
// words, where the profile does not.
func (p *Profile) target() {
	cpu := map[string]string{"x86_64": "x86_64", "arm64": "aarch64", "arm32": "armv7hl"}
	for i := range p.Bases {
		b := &p.Bases[i]
		if b.Source.RPM == nil || b.Arch == "" || b.Source.RPM.Define["_target_cpu"] != "" {
			continue
		}
		if b.Source.RPM.Define == nil {
			b.Source.RPM.Define = map[string]string{}
		}
		b.Source.RPM.Define["_target_cpu"] = cpu[b.Arch]
	}
}

// Load reads a profile file. Relative paths in it are relative to its folder.
func Load(file string) (*Profile, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("vendor profile: %w", err)
	}
	defer f.Close()
	const most = 1 << 20 // more than strict takes, so that it reports the size
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, fmt.Errorf("vendor profile: %w", err)
	}
	p, err := Parse(file, data)
	if err != nil {
		return nil, err
	}
	p.join(filepath.Dir(file))
	return p, nil
}

// Embedded lists the names of the embedded profiles, sorted.
func Embedded() []string {
	entries, err := embedded.ReadDir(".")
	if err != nil {
		panic(err) // part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// Find gives the embedded profile of that name, or else loads the file.
func Find(nameOrFile string) (*Profile, error) {
	if slices.Contains(Embedded(), nameOrFile) {
		data, err := embedded.ReadFile(nameOrFile + ".yaml")
		if err != nil {
			return nil, err
		}
		return Parse(nameOrFile+".yaml", data)
	}
	if _, err := os.Stat(nameOrFile); err != nil && !strings.ContainsAny(nameOrFile, `/\.`) {
		return nil, fmt.Errorf("vendor %q: no such profile; embedded are %s; else give the file of one",
			nameOrFile, strings.Join(Embedded(), ", "))
	}
	return Load(nameOrFile)
}

// paths gives every path that a profile names.
func (p *Profile) paths() []*string {
	list := []*string{&p.Effort}
	for i := range p.Bases {
		b := &p.Bases[i]
		list = append(list, &b.Source.Dir, &b.Source.Tarball, &b.Source.Series,
			&b.Source.Git.Repo, &b.Source.Git.Queue, &b.Source.Debian.DSC, &b.Config.File, &b.Symbols.File, &b.Hypervisor.File)
		if r := b.Source.RPM; r != nil {
			list = append(list, &r.Spec, &r.Sources, &r.Git.Repo)
		}
	}
	return list
}

// join makes the profile's relative paths relative to dir.
func (p *Profile) join(dir string) {
	for _, path := range p.paths() {
		if *path != "" && !filepath.IsAbs(*path) && !IsAddress(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
}

// IsAddress tells whether a git repository is given by an address on a network
// rather than by a folder.
func IsAddress(repo string) bool {
	if strings.Contains(repo, "://") {
		return true
	}
	host, _, colon := strings.Cut(repo, ":") // git's short form, user@host:path
	return colon && strings.Contains(host, "@") && !strings.Contains(host, "/")
}
