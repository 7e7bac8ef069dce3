package render

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"lpready/vendors"
)

// Vendors lists profiles in one of the formats.
func Vendors(w io.Writer, format string, o Options, profiles []*vendors.Profile) error {
	type row struct {
		Name    string   `json:"name"`
		Title   string   `json:"title"`
		Bases   []string `json:"bases"`
		Updated string   `json:"updated"`
	}
	list := make([]row, len(profiles))
	rows := make([][]string, len(profiles))
	for i, p := range profiles {
		list[i] = row{p.Name, p.Title, []string{}, p.Updated.String()}
		for _, b := range p.Bases {
			list[i].Bases = append(list[i].Bases, b.ID)
		}
		rows[i] = []string{p.Name, p.Title, strings.Join(list[i].Bases, ", "), list[i].Updated}
	}
	switch format {
	case "markdown":
		markdown{}.table(w, []string{"Name", "Title", "Bases", "Facts of"}, rows)
		return nil
	case "csv":
		for _, r := range rows {
			for i := range r {
				r[i] = text(r[i])
			}
		}
		return writeCSV(w, append([][]string{{"name", "title", "bases", "updated"}}, rows...))
	case "json":
		return writeJSON(w, list)
	}
	newTable(o).grid(w, []string{"NAME", "TITLE", "BASES", "FACTS OF"}, rows, left(4))
	return nil
}

// Vendor writes what a profile says, base by base, and what it leaves unknown.
func Vendor(w io.Writer, o Options, p *vendors.Profile) error {
	out := bufio.NewWriter(w)
	t := newTable(o)
	t.bullet(out, "", p.Name+": "+plain(p.Title))
	t.known(out, "  ", "Facts of", p.Updated.String())
	t.list(out, "Policy", policy(&p.Policy))
	t.team(out, &p.Team)
	for i := range p.Bases {
		fmt.Fprintln(out)
		t.base(out, &p.Bases[i])
	}
	if len(p.Sources) > 0 {
		fmt.Fprintln(out, "\nWhere this was read")
		for _, s := range p.Sources {
			t.bullet(out, "  - ", plain(strings.TrimSpace(s.Repository+" "+s.File)+": "+s.Gives))
		}
	}
	return out.Flush()
}

// team is one line for each person, and the rules.
func (t table) team(w io.Writer, team *vendors.Team) {
	var people []string
	for i := range team.People {
		people = append(people, plain(personOf(&team.People[i])))
	}
	t.list(w, "Team", people)
	var days []string
	for _, d := range team.Holidays {
		days = append(days, d.String())
	}
	if len(days) > 0 {
		t.field(w, "  ", "Holidays", strings.Join(days, ", "))
	}
}

func personOf(p *vendors.Person) string {
	parts := []string{p.Name}
	if p.Seniority != "" {
		parts = append(parts, p.Seniority)
	}
	hours := "hours unknown"
	if p.Hours > 0 {
		hours = fmt.Sprintf("%.2g h a day", p.Daily())
	}
	parts = append(parts, hours)
	if p.Zone != "" {
		parts = append(parts, p.Zone)
	}
	skills := "skills unknown"
	if len(p.Skills) > 0 {
		skills = strings.Join(p.Skills, ", ")
	}
	s := strings.Join(parts, ", ") + ": " + skills
	for _, a := range p.Absent {
		s += "; absent " + a.String()
	}
	for _, c := range p.Commitments {
		s += fmt.Sprintf("; %g h a day for %s", c.Hours, c.What)
	}
	return s
}

func (t table) base(w io.Writer, b *vendors.Base) {
	t.bullet(w, "", fmt.Sprintf("Base %s: Xen %s", plain(b.ID), plain(b.Xen)))
	for _, f := range []line{
		{"Release", b.Release}, {"Commit", b.Commit}, {"Arch", b.Arch}, {"Source", sourceOf(&b.Source)},
		{"Config", configOf(&b.Config)}, {"Symbols", artifactOf(b.Symbols)},
		{"Compiler", strings.TrimSpace(b.Compiler.Name + " " + b.Compiler.Version + " " + b.Compiler.Package)},
		{"Build-id", b.BuildID}, {"End of life", b.EOL.String()},
	} {
		t.known(w, "  ", f.Topic, f.Says)
	}
	t.list(w, "Notes", b.Notes)
}

// known writes a fact, or that it is not known.
func (t table) known(w io.Writer, indent, topic, says string) {
	if says == "" {
		says = "unknown"
	}
	t.field(w, indent, topic, plain(says))
}

func (t table) list(w io.Writer, topic string, list []string) {
	for _, s := range list {
		t.field(w, "  ", topic, plain(s))
		topic = ""
	}
}

func policy(p *vendors.Policy) []string {
	var list []string
	for _, f := range []struct {
		value *bool
		yes   string
		no    string
	}{
		{p.Payloads, "ships live patches", "ships no live patches"},
		{p.Cumulative, "a payload holds all fixes before it", "a payload holds its own fix only"},
		{p.Replace, "applied by REPLACE", "not applied by REPLACE"},
		{p.Stacking, "payloads stack", "payloads do not stack"},
	} {
		switch {
		case f.value == nil:
		case *f.value:
			list = append(list, f.yes)
		default:
			list = append(list, f.no)
		}
	}
	return append(append(list, p.Embargo...), p.Notes...)
}

func sourceOf(s *vendors.Source) string {
	var parts []string
	for _, f := range []line{
		{"folder", s.Dir}, {"tarball", s.Tarball}, {"series", s.Series},
		{"git", strings.TrimSpace(s.Git.Repo + " " + s.Git.Ref)}, {"queue", s.Git.Queue},
		{"Debian source package", strings.TrimSpace(s.Debian.Package + " " + s.Debian.Version)}, {"dsc", s.Debian.DSC},
	} {
		if f.Says != "" {
			parts = append(parts, f.Topic+" "+f.Says)
		}
	}
	if s.RPM != nil {
		parts = append(parts, "RPM spec "+s.RPM.Spec)
	}
	return strings.Join(parts, ", ")
}

func configOf(c *vendors.Config) string {
	var parts []string
	if at := artifactOf(vendors.Artifact{File: c.File, Package: c.Package, Path: c.Path}); at != "" {
		parts = append(parts, at)
	}
	switch {
	case c.Complete:
		parts = append(parts, fmt.Sprintf("all %d options in the profile", len(c.Options)))
	case len(c.Options) > 0:
		var known []string
		for _, name := range slices.Sorted(maps.Keys(c.Options)) {
			known = append(known, strings.TrimPrefix(name, "CONFIG_")+"="+c.Options[name])
		}
		parts = append(parts, "known: "+strings.Join(known, " "))
	}
	return strings.Join(parts, "; ")
}

func artifactOf(a vendors.Artifact) string {
	switch {
	case a.File != "":
		return a.File
	case a.Package != "" && a.Path != "":
		return a.Path + " in package " + a.Package
	}
	return a.Package
}
