package render

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/tw"

	"lpready/analyze"
)

// A Requirement is something that commands need of the machine, and whether it is there.
type Requirement struct {
	Commands []string `json:"commands"`
	Needs    string   `json:"needs"`
	When     string   `json:"when,omitempty"` // it is needed then only
	State    string   `json:"state"`
	Found    string   `json:"found,omitempty"`   // where
	Missing  []string `json:"missing,omitempty"` // which of several
	Debian   string   `json:"debian,omitempty"`
	Fedora   string   `json:"fedora,omitempty"`
}

// States of requirements.
const (
	Found     = "found"
	Missing   = "missing"
	Unchecked = "unchecked"
)

// Doctor writes what commands need, in one of the formats.
func Doctor(w io.Writer, format string, o Options, at time.Time, list []Requirement) error {
	if !slices.Contains(Formats(), format) {
		return unknownFormat(format, Formats())
	}
	switch format {
	case "json":
		return writeJSON(w, doctorRecord{analyze.Schema, "doctor", at, list, doctorTotals(list)})
	case "csv":
		rows := [][]string{{"commands", "needs", "when", "state", "found", "debian", "fedora"}}
		for _, r := range list {
			rows = append(rows, []string{text(strings.Join(r.Commands, "; ")), text(r.Needs), text(r.When), text(r.State), text(r.Found), text(r.Debian), text(r.Fedora)})
		}
		return writeCSV(w, rows)
	}
	out := bufio.NewWriter(w)
	header := []string{"Command", "Needs", "State", "Packages"}
	var rows [][]string
	for _, r := range list {
		rows = append(rows, doctorRow(&r))
	}
	if format == "markdown" {
		fmt.Fprintf(out, "# What the commands need\n\n%s.\n\n", doctorTotals(list))
		markdown{}.table(out, header, rows)
		return out.Flush()
	}
	for i := range header {
		header[i] = strings.ToUpper(header[i])
	}
	t := newTable(o)
	for i := range rows {
		for j := range rows[i] {
			rows[i][j] = plain(rows[i][j])
		}
	}
	t.grid(out, header, rows, slices.Repeat([]tw.Align{tw.AlignLeft}, len(header)))
	fmt.Fprintln(out)
	t.bullet(out, "", doctorTotals(list).String())
	return out.Flush()
}

func doctorRow(r *Requirement) []string {
	needs := r.Needs
	if r.When != "" {
		needs += ", if " + r.When
	}
	state := r.State
	if len(r.Missing) > 0 {
		state += ": " + strings.Join(r.Missing, ", ")
	}
	packages := r.Debian
	if r.Fedora != r.Debian {
		packages = "Debian: " + r.Debian + "; Fedora: " + r.Fedora
	}
	return []string{strings.Join(r.Commands, ", "), needs, state, packages}
}

type doctorRecord struct {
	Schema       string        `json:"schema"`
	Command      string        `json:"command"`
	Generated    time.Time     `json:"generated"`
	Requirements []Requirement `json:"requirements"`
	Totals       examined      `json:"totals"`
}

type examined struct {
	Requirements int `json:"requirements"`
	Missing      int `json:"missing"`  // of those that are always needed
	Optional     int `json:"optional"` // missing, of the others
}

func doctorTotals(list []Requirement) examined {
	n := examined{Requirements: len(list)}
	for _, r := range list {
		switch {
		case r.State == Missing && r.When == "":
			n.Missing++
		case r.State == Missing:
			n.Optional++
		}
	}
	return n
}

func (n examined) String() string {
	return fmt.Sprintf("%s: %d missing, and %d that some runs need", count(n.Requirements, "requirement"), n.Missing, n.Optional)
}

// LoadDoctor reads a list that was saved as JSON, and when it was made.
func LoadDoctor(s *Saved) ([]Requirement, time.Time, error) {
	var r doctorRecord
	if err := s.decode(&r, func() string { return r.Schema }); err != nil {
		return nil, time.Time{}, err
	}
	if r.Totals != doctorTotals(r.Requirements) {
		return nil, time.Time{}, fmt.Errorf("%s: the totals do not belong to the requirements", s.Name)
	}
	return r.Requirements, r.Generated, nil
}
