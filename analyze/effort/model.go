package effort

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"lpready/analyze/factor"
	"lpready/analyze/strict"
)

//go:embed effort.yaml
var embedded []byte

// A Point is three numbers of hours: if all goes well, most likely, if much goes
// wrong.
type Point struct {
	Optimistic  float64 `yaml:"optimistic"`
	Likely      float64 `yaml:"likely"`
	Pessimistic float64 `yaml:"pessimistic"`
}

func (p Point) times(f float64) Point {
	return Point{p.Optimistic * f, p.Likely * f, p.Pessimistic * f}
}

func (p Point) plus(q Point) Point {
	return Point{p.Optimistic + q.Optimistic, p.Likely + q.Likely, p.Pessimistic + q.Pessimistic}
}

// A Model is the numbers behind the estimates; effort.yaml says what each means.
type Model struct {
	Read struct {
		Advisory Point `yaml:"advisory"`
		Patch    Point `yaml:"patch"`
		Lines    Point `yaml:"lines"` // each 100
	} `yaml:"read"`
	Port struct {
		Applies   Point `yaml:"applies"`
		Applied   Point `yaml:"applied"`
		Offset    Point `yaml:"offset"`
		Conflicts Point `yaml:"conflicts"`
		Missing   Point `yaml:"missing"`
		Unknown   Point `yaml:"unknown"`
		Lines     Point `yaml:"lines"` // each 100, of what conflicts or is missing
	} `yaml:"port"`
	Adapt struct {
		Findings map[string]Point `yaml:"findings"` // by id of the finding
		Blocker  Point            `yaml:"blocker"`  // a finding not listed, by severity
		Change   Point            `yaml:"adapt"`
		Repeat   float64          `yaml:"repeat"` // the next of the same id costs this share of the one before
	} `yaml:"adapt"`
	Redesign Point `yaml:"redesign"`
	Build    Point `yaml:"build"`
	Test     struct {
		Payload      Point   `yaml:"payload"`
		Functions    Point   `yaml:"functions"` // each 10
		MaxFunctions float64 `yaml:"max_functions"`
		Hard         Point   `yaml:"hard"`
	} `yaml:"test"`
	Review struct {
		Payload  Point            `yaml:"payload"`
		Lines    Point            `yaml:"lines"`    // each 100
		Findings map[string]Point `yaml:"findings"` // by id of the finding
		Finding  Point            `yaml:"finding"`  // one not listed
		Repeat   float64          `yaml:"repeat"`
		Hard     Point            `yaml:"hard"`
	} `yaml:"review"`
	FindOut Point `yaml:"find_out"`
	Reboot  struct {
		Decide   Point `yaml:"decide"`
		Announce Point `yaml:"announce"`
	} `yaml:"reboot"`
	Note struct {
		Nothing   Point `yaml:"nothing"`
		Toolstack Point `yaml:"toolstack"`
	} `yaml:"note"`
	Further map[string]float64 `yaml:"further"` // share of each task on a further base
}

// Default is the embedded model.
func Default() *Model {
	m := new(Model)
	if err := m.read("effort.yaml", embedded); err != nil {
		panic(err) // our own file; a test reads it
	}
	return m
}

// Load lays a file over the embedded model: what it leaves out keeps the default
// value. The error names every mistake as file:line:col.
func Load(name string, r io.Reader) (*Model, error) {
	const most = 1 << 20 // more than strict takes, so that it reports the size
	data, err := io.ReadAll(io.LimitReader(r, most))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m := Default()
	if err := m.read(name, data); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Model) read(name string, data []byte) error {
	doc := strict.Decode(name, data, m)
	for path, p := range m.points() {
		p.check(doc, path)
	}
	for path, share := range m.shares() {
		if !(share >= 0 && share <= 1) {
			doc.Reject(path, "%v; expected a share from 0 to 1", share)
		}
	}
	if n := m.Test.MaxFunctions; !(n >= 0 && n <= 1e6) {
		doc.Reject("test.max_functions", "%v; expected a number of functions", n)
	}
	var ids []string
	for _, rule := range factor.Rules() {
		ids = append(ids, rule.ID)
	}
	rejectOthers(doc, "adapt.findings", m.Adapt.Findings, ids)
	rejectOthers(doc, "review.findings", m.Review.Findings, ids)
	rejectOthers(doc, "further", m.Further, order)
	return doc.Err()
}

// points gives every three-point value by its path in the file.
func (m *Model) points() map[string]Point {
	points := map[string]Point{
		"read.advisory": m.Read.Advisory, "read.patch": m.Read.Patch, "read.lines": m.Read.Lines,
		"port.applies": m.Port.Applies, "port.applied": m.Port.Applied, "port.offset": m.Port.Offset,
		"port.conflicts": m.Port.Conflicts, "port.missing": m.Port.Missing, "port.unknown": m.Port.Unknown,
		"port.lines":    m.Port.Lines,
		"adapt.blocker": m.Adapt.Blocker, "adapt.adapt": m.Adapt.Change, "redesign": m.Redesign, "build": m.Build,
		"test.payload": m.Test.Payload, "test.functions": m.Test.Functions, "test.hard": m.Test.Hard,
		"review.payload": m.Review.Payload, "review.lines": m.Review.Lines,
		"review.finding": m.Review.Finding, "review.hard": m.Review.Hard,
		"find_out": m.FindOut, "reboot.decide": m.Reboot.Decide, "reboot.announce": m.Reboot.Announce,
		"note.nothing": m.Note.Nothing, "note.toolstack": m.Note.Toolstack,
	}
	for id, p := range m.Adapt.Findings {
		points["adapt.findings."+id] = p
	}
	for id, p := range m.Review.Findings {
		points["review.findings."+id] = p
	}
	return points
}

func (m *Model) shares() map[string]float64 {
	shares := map[string]float64{"adapt.repeat": m.Adapt.Repeat, "review.repeat": m.Review.Repeat}
	for task, share := range m.Further {
		shares["further."+task] = share
	}
	return shares
}

// check reports a point whose numbers are no hours or stand in the wrong order.
func (p Point) check(doc *strict.Doc, path string) {
	const most = 10000
	for _, h := range []float64{p.Optimistic, p.Likely, p.Pessimistic} {
		if !(h >= 0 && h <= most) {
			doc.Reject(path, "%v; expected hours from 0 to %d", h, most)
			return
		}
	}
	if p.Optimistic > p.Likely || p.Likely > p.Pessimistic {
		doc.Reject(path, "optimistic %v, likely %v, pessimistic %v; expected them in rising order",
			p.Optimistic, p.Likely, p.Pessimistic)
	}
}

// rejectOthers reports keys that are none of the known ones: a finding or a task
// that never comes up would be given hours in vain.
func rejectOthers[V any](doc *strict.Doc, path string, m map[string]V, known []string) {
	for key := range m {
		if !slices.Contains(known, key) {
			doc.Reject(path+"."+key, "not known; known here: %s", strings.Join(slices.Sorted(slices.Values(known)), ", "))
		}
	}
}
