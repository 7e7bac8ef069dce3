package build

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/factor"
)

// classes from the lightest to the worst: what is first is likeliest to be shipped.
var classes = []analyze.Class{factor.NotNeeded, factor.Clean, factor.Adapt, factor.Unknown, factor.Hard, factor.Reboot}

func worse(a, b analyze.Class) analyze.Class {
	if slices.Index(classes, a) > slices.Index(classes, b) {
		return a
	}
	return b
}

// order brings the cells into the order of the report and says which come first:
// bases that are still supported, then the lightest class, then the order of the
// profile and of the batch.
func (m *matrix) order() {
	place := func(c *cell) int {
		return slices.IndexFunc(m.Batch.Entries, func(e *advisory.Entry) bool {
			return e.Name == c.Items[0] || e.XSA > 0 && slices.Contains(c.XSAs, e.XSA)
		})
	}
	row := func(c *cell) int { return slices.Index(m.bases, c.base) }
	slices.SortStableFunc(m.cells, func(a, b *cell) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(row(a), row(b)))
	})
	ranked := slices.Clone(m.cells)
	slices.SortStableFunc(ranked, func(a, b *cell) int {
		past := func(c *cell) int {
			if c.base.Vendor.EOL.Past(m.started) {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(past(a), past(b)), cmp.Compare(slices.Index(classes, a.Class), slices.Index(classes, b.Class)),
			cmp.Compare(row(a), row(b)), cmp.Compare(place(a), place(b)))
	})
	for n, c := range ranked {
		c.priority = n
	}
}

// choose names the cells, opens their states and settles those that are not to be
// worked on.
func (m *matrix) choose() error {
	known := map[string]bool{}
	for _, c := range m.cells {
		c.ID = c.Base + "/" + c.Name
		for n := 2; known[c.ID]; n++ {
			c.Name = fmt.Sprintf("%s-%d", strings.TrimSuffix(c.Name, fmt.Sprintf("-%d", n-1)), n)
			c.ID = c.Base + "/" + c.Name
		}
		known[c.ID] = true
		var err error
		c.dir = filepath.Join(m.Work, stateDir, fileName(c.Base), cellsDir, fileName(c.Name))
		if c.state, err = openState(c.dir); err != nil {
			return err
		}
	}
	for _, c := range m.cells {
		if c.on != nil {
			c.On = c.on.ID
		}
		c.selected = m.Only == nil || slices.Contains(m.Only, c.ID)
		if c.Status == "" {
			c.ahead = m.phases()
		}
	}
	for _, id := range m.Only {
		if !known[id] {
			return &UnknownCellError{ID: id, Known: sortedNames(known)}
		}
	}
	for _, c := range m.cells { // who stands on others needs them
		for on := c.on; c.selected && on != nil; on = on.on {
			on.selected = true
		}
	}
	for _, c := range m.cells {
		if !c.selected {
			c.ahead = nil
		}
	}
	return nil
}

// An UnknownCellError is a cell that was asked for by name and is none.
type UnknownCellError struct {
	ID    string
	Known []string
}

func (e *UnknownCellError) Error() string {
	return fmt.Sprintf("there is no cell %q: expected one of %s", e.ID, strings.Join(e.Known, ", "))
}

func sortedNames(set map[string]bool) (list []string) {
	for name := range set {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

var notInFile = regexp.MustCompile(`[^A-Za-z0-9._+-]`)

// fileName is a name as a file of its own. Names that differ in what cannot be in one
// are told apart by their digest.
func fileName(name string) string {
	safe := notInFile.ReplaceAllString(name, "_")
	if safe != name || safe == "" || safe[0] == '.' || len(safe) > 100 {
		safe = strings.TrimLeft(safe[:min(len(safe), 80)], ".") + "-" + digest([]byte(name))[:8]
	}
	return safe
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
