package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"lpready/analyze"
	"lpready/analyze/factor"
)

// Limits of a saved report; a year of advisories on twenty bases stays far
// below them.
const (
	maxSaved = 64 << 20 // bytes
	maxCells = 100_000
)

// A Saved is a saved report that was read but not yet understood.
type Saved struct {
	Name    string
	Command string // the command that made it, empty if it does not say
	data    []byte
}

// Read takes in a saved report, within the limits.
func Read(name string, r io.Reader) (*Saved, error) {
	data, err := readSaved(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var head struct {
		Command string `json:"command"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("%s: %w", name, jsonError(data, err))
	}
	return &Saved{Name: name, Command: head.Command, data: data}, nil
}

// Reader reads the report from its start.
func (s *Saved) Reader() io.Reader { return bytes.NewReader(s.data) }

// decode reads a report of the contract into v.
func (s *Saved) decode(v any, schema func() string) error {
	if err := json.Unmarshal(s.data, v); err != nil {
		return fmt.Errorf("%s: %w", s.Name, jsonError(s.data, err))
	}
	if schema() != analyze.Schema {
		return fmt.Errorf("%s: schema %q, expected %q", s.Name, schema(), analyze.Schema)
	}
	return nil
}

// readSaved reads all of a saved report, of any command.
func readSaved(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSaved+1))
	if err == nil && len(data) > maxSaved {
		err = fmt.Errorf("larger than %d MB, expected a report saved with --format json", maxSaved>>20)
	}
	return data, err
}

// Load reads a report that was saved as JSON. Name stands for it in errors. A
// report of another contract, with unknown words or with totals that do not
// belong to its cells is refused; keys that this version does not know are
// dropped.
func Load(name string, r io.Reader) (*analyze.Report, error) {
	report, err := load(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return report, nil
}

func load(r io.Reader) (*analyze.Report, error) {
	data, err := readSaved(r)
	if err != nil {
		return nil, err
	}
	report := new(analyze.Report)
	if err := json.Unmarshal(data, report); err != nil {
		return nil, jsonError(data, err)
	}
	if err := check(report); err != nil {
		return nil, err
	}
	return report, nil
}

// jsonError turns the offset of a JSON error into a line.
func jsonError(data []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	offset := int64(0)
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	default:
		return err
	}
	line := 1
	for _, b := range data[:min(int(offset), len(data))] {
		if b == '\n' {
			line++
		}
	}
	return fmt.Errorf("line %d: expected a report saved with --format json: %w", line, err)
}

func check(r *analyze.Report) error {
	if r.Schema != analyze.Schema {
		return fmt.Errorf("schema %q, expected %q", r.Schema, analyze.Schema)
	}
	if len(r.Cells) > maxCells {
		return fmt.Errorf("%d cells, expected at most %d", len(r.Cells), maxCells)
	}
	counted := map[analyze.Class]int{}
	for i := range r.Cells {
		if err := checkCell(&r.Cells[i]); err != nil {
			return fmt.Errorf("cell %d: %w", i+1, err)
		}
		counted[r.Cells[i].Class]++
	}
	if r.Totals.Cells != len(r.Cells) {
		return fmt.Errorf("totals count %d cells, the report holds %d", r.Totals.Cells, len(r.Cells))
	}
	for _, class := range factor.Classes {
		if r.Totals.ByClass[class] != counted[class] {
			return fmt.Errorf("totals count %d %s, the report holds %d", r.Totals.ByClass[class], class, counted[class])
		}
	}
	return nil
}

func checkCell(c *analyze.Cell) error {
	if !slices.Contains(factor.Classes, c.Class) {
		return fmt.Errorf("class %q, expected one of %v", c.Class, factor.Classes)
	}
	if !slices.Contains(evidences, c.Evidence) {
		return fmt.Errorf("evidence %q, expected one of %v", c.Evidence, evidences)
	}
	for _, f := range c.Findings {
		if !slices.Contains(severities, f.Severity) {
			return fmt.Errorf("finding %s: severity %q, expected one of %v", f.ID, f.Severity, severities)
		}
	}
	return nil
}

var (
	evidences  = []analyze.Evidence{factor.Text, factor.Tree, factor.Object, factor.Built, factor.Booted}
	severities = []analyze.Severity{factor.Blocker, factor.Change, factor.Review, factor.Info}
)
