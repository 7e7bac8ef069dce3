package vendors

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Level says how much a problem found by Check matters.
type Level string

const (
	Error   Level = "error"   // the profile cannot be used like this
	Warning Level = "warning" // it can, but see to it
	Unknown Level = "unknown" // the profile does not say; verdicts are weaker for it
)

// A Problem is what Check found with one base, or with the team.
type Problem struct {
	Base    string // its id, or "team"
	Field   string
	Level   Level
	Message string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s: %s: %s: %s", p.Base, p.Level, p.Field, p.Message)
}

// Check compares a profile with the machine it is used on and the time: files
// that are missing or are not what the profile says, bases past their end of
// life, facts that are unknown; and a team that cannot do what will be asked of
// it. Problems are in the order of the bases, the team comes last.
func Check(p *Profile, now time.Time) []Problem {
	var list []Problem
	for i := range p.Bases {
		c := &baseCheck{b: &p.Bases[i]}
		c.source()
		c.config()
		c.symbols()
		c.life(now)
		for _, field := range c.b.Unknown() {
			c.add(field, Unknown, "the profile does not say")
		}
		list = append(list, c.list...)
	}
	return append(list, checkTeam(&p.Team, now)...)
}

type baseCheck struct {
	b    *Base
	list []Problem
}

func (c *baseCheck) add(field string, level Level, format string, args ...any) {
	c.list = append(c.list, Problem{c.b.ID, field, level, fmt.Sprintf(format, args...)})
}

// exists reports a path that is not there, or that is no folder where one is
// expected, and no file where that is.
func (c *baseCheck) exists(field, path string, folder bool) bool {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		c.add(field, Error, "%v", err)
	case folder && !info.IsDir():
		c.add(field, Error, "%s is no folder", path)
	case !folder && !info.Mode().IsRegular():
		c.add(field, Error, "%s is no file", path)
	default:
		return true
	}
	return false
}

func (c *baseCheck) source() {
	s := &c.b.Source
	if s.Dir != "" && c.exists("source.folder", s.Dir, true) {
		c.exists("source.folder", filepath.Join(s.Dir, "xen"), true)
	}
	if s.Tarball != "" {
		c.exists("source.tarball", s.Tarball, false)
	}
	c.series("source.series", s.Series)
	c.series("source.git.queue", s.Git.Queue)
	switch {
	case IsAddress(s.Git.Repo):
		c.add("source.git.repository", Warning, "not at hand: %s", s.Obtain())
	case s.Git.Repo != "":
		c.exists("source.git.repository", s.Git.Repo, true)
		if s.Git.Lacks != "" {
			c.add("source.git", Warning, "not all of the base: it lacks %s", s.Git.Lacks)
		}
	}
	if r := s.RPM; r != nil {
		c.exists("source.rpm.spec", r.Spec, false)
		if r.Sources != "" {
			c.exists("source.rpm.sources", r.Sources, true)
		}
		switch {
		case IsAddress(r.Git.Repo):
			c.add("source.rpm.git.repository", Warning, "not at hand: %s", s.Obtain())
		case r.Git.Repo != "":
			c.exists("source.rpm.git.repository", r.Git.Repo, true)
		}
	}
	switch {
	case s.Debian.DSC != "":
		c.exists("source.debian.dsc", s.Debian.DSC, false)
	case s.Debian.Package != "":
		c.add("source.debian", Warning, "not at hand: %s", s.Obtain())
	}
}

// series looks for a quilt series, given by its folder or its series file.
func (c *baseCheck) series(field, path string) {
	if path == "" {
		return
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "series")
	}
	c.exists(field, path, false)
}

// Obtain says with which command a source that is not on this machine can be
// had; empty for one that names local files.
func (s *Source) Obtain() string {
	switch {
	case IsAddress(s.Git.Repo) && s.Git.Lacks != "":
		return fmt.Sprintf("git clone %s, check out %s, apply %s, then give the folder", s.Git.Repo, s.Git.Ref, s.Git.Lacks)
	case IsAddress(s.Git.Repo):
		return fmt.Sprintf("git clone %s, then give its folder", s.Git.Repo)
	case s.RPM != nil && IsAddress(s.RPM.Git.Repo):
		return fmt.Sprintf("git clone %s, then give its folder in source.rpm.git", s.RPM.Git.Repo)
	case s.Debian.DSC == "" && s.Debian.Package != "":
		return fmt.Sprintf("apt-get source --download-only %s=%s (needs a deb-src entry), then give the .dsc file", s.Debian.Package, s.Debian.Version)
	}
	return ""
}

func (c *baseCheck) config() {
	cfg := &c.b.Config
	switch {
	case cfg.File != "":
		c.exists("config.file", cfg.File, false)
	case cfg.Package != "" && !cfg.Complete:
		c.add("config", Warning, "not at hand: take %s out of package %s", cfg.Path, cfg.Package)
	}
	if value, known := cfg.Option("CONFIG_LIVEPATCH"); known && value == "n" {
		c.add("config", Warning, "CONFIG_LIVEPATCH is not set: this hypervisor takes no live patch")
	}
}

func (c *baseCheck) symbols() {
	if h := c.b.Hypervisor.File; h != "" {
		c.exists("hypervisor.file", h, false)
	}
	s := c.b.Symbols
	if s.File == "" {
		return
	}
	if !c.exists("symbols.file", s.File, false) || c.b.BuildID == "" {
		return
	}
	switch id, err := buildID(s.File); {
	case err != nil:
		c.add("symbols.file", Error, "%s: %v", s.File, err)
	case id != c.b.BuildID:
		c.add("symbols.file", Error, "%s has build-id %s, the base %s: symbols of another build", s.File, id, c.b.BuildID)
	}
}

func (c *baseCheck) life(now time.Time) {
	if c.b.EOL.Past(now) {
		c.add("eol", Warning, "past its end of life since %s", c.b.EOL)
	}
}

// buildID reads the GNU build-id note of an ELF file.
func buildID(file string) (string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const most = 4096 // a note of a few dozen bytes
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOTE || !strings.Contains(s.Name, "build-id") || s.Size > most {
			continue
		}
		data, err := s.Data()
		if err != nil {
			return "", err
		}
		if id, ok := gnuNote(data, f.ByteOrder); ok {
			return id, nil
		}
	}
	return "", fmt.Errorf("no build-id note")
}

// gnuNote reads an NT_GNU_BUILD_ID note: sizes of name and description, type 3,
// the name "GNU", the id.
func gnuNote(b []byte, order binary.ByteOrder) (string, bool) {
	const header = 12
	if len(b) < header+4 || order.Uint32(b[8:]) != 3 || order.Uint32(b) != 4 || !bytes.Equal(b[header:header+4], []byte("GNU\x00")) {
		return "", false
	}
	size, rest := order.Uint32(b[4:]), b[header+4:]
	if uint64(size) > uint64(len(rest)) {
		return "", false
	}
	return hex.EncodeToString(rest[:size]), true
}
