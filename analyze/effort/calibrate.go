package effort

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Record is what a task of a cell really took, beside what was expected of it. A
// later record of the same task of the same cell corrects the one before.
type Record struct {
	At          time.Time `json:"at"`
	XSA         int       `json:"xsa"`
	Item        string    `json:"item,omitempty"` // name of the patch where there is no number
	Base        string    `json:"base"`
	Class       string    `json:"class,omitempty"`
	Task        string    `json:"task"`
	Person      string    `json:"person,omitempty"`
	Hours       float64   `json:"hours"`
	Optimistic  float64   `json:"optimistic"`
	Likely      float64   `json:"likely"`
	Pessimistic float64   `json:"pessimistic"`
	Expected    float64   `json:"expected"`
}

// Tasks lists all tasks, in the order in which they are done.
func Tasks() []string { return slices.Clone(order) }

// Check tells what is wrong with a record.
func (r *Record) Check() error {
	const most = 10000
	switch {
	case !slices.Contains(order, r.Task):
		return fmt.Errorf("task %q, expected one of %s", r.Task, strings.Join(order, ", "))
	case !(r.Hours >= 0 && r.Hours <= most):
		return fmt.Errorf("hours %v, expected 0 to %d", r.Hours, most)
	case !(r.Expected > 0 && r.Expected <= most):
		return fmt.Errorf("expected hours %v, expected more than 0", r.Expected)
	case r.XSA < 0 || r.XSA == 0 && r.Item == "":
		return fmt.Errorf("no xsa and no item: expected one of them")
	}
	return nil
}

// Line is the record as one line of JSON.
func (r *Record) Line() ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	line, err := json.Marshal(r)
	return append(line, '\n'), err
}

// Limits of a file of records.
const (
	maxRecordLine = 64 << 10
	maxRecords    = 100_000
)

// ReadRecords reads JSON lines, one record each. The error names file and line. A
// record that was corrected is left out.
func ReadRecords(name string, in io.Reader) ([]Record, error) {
	var list []Record
	at := map[string]int{}
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxRecordLine)
	for n := 1; s.Scan(); n++ {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		var r Record
		d := json.NewDecoder(bytes.NewReader(s.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			return nil, fmt.Errorf("%s:%d: expected a record of plan record: %w", name, n, err)
		}
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		key := fmt.Sprint(r.XSA, "\x00", r.Item, "\x00", r.Base, "\x00", r.Task)
		if i, again := at[key]; again {
			list[i] = r
			continue
		}
		if len(list) == maxRecords {
			return nil, fmt.Errorf("%s:%d: more than %d records", name, n, maxRecords)
		}
		at[key] = len(list)
		list = append(list, r)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return list, nil
}

// prior is how many records the model weighs as much as: a task with that many
// records of its own is half its own and half what all tasks say together, and
// so are all tasks and the model.
const prior = 8

// A Fit is how a task compares with what was expected of it. Ratio is real hours
// by expected hours, Factor what the model's hours are multiplied by, which is
// the ratio shrunk towards 1. Before and After are the mean error in percent of
// the real hours; for After each record is judged by a fit that does not know it.
type Fit struct {
	Task     string  `json:"task"`
	Records  int     `json:"records"`
	Expected float64 `json:"expected"`
	Hours    float64 `json:"hours"`
	Ratio    float64 `json:"ratio"`
	Factor   float64 `json:"factor"`
	Before   float64 `json:"error_before"`
	After    float64 `json:"error_after"`
}

// A Calibration is the fits of all tasks that have records, and of all together.
type Calibration struct {
	Tasks []Fit `json:"tasks"`
	All   Fit   `json:"all"`
}

// Calibrate compares records with what was expected.
func Calibrate(records []Record) *Calibration {
	s := sumsOf(records)
	c := &Calibration{}
	for _, task := range order {
		if s.tasks[task].n > 0 {
			c.Tasks = append(c.Tasks, s.fit(task, records))
		}
	}
	c.All = s.fit("all", records)
	return c
}

// sums adds up records, by task and together.
type sums struct {
	all   tally
	tasks map[string]tally
}

type tally struct {
	n              int
	real, expected float64
}

func (t tally) plus(r *Record, sign float64) tally {
	return tally{t.n + int(sign), t.real + sign*max(r.Hours, tiny), t.expected + sign*r.Expected}
}

// tiny stands for no hours at all, of which there is no logarithm.
const tiny = 0.05

func sumsOf(records []Record) sums {
	s := sums{tasks: map[string]tally{}}
	for i := range records {
		s.add(&records[i], 1)
	}
	return s
}

func (s *sums) add(r *Record, sign float64) {
	s.all = s.all.plus(r, sign)
	s.tasks[r.Task] = s.tasks[r.Task].plus(r, sign)
}

// shrunk is the logarithm of a ratio, drawn towards another.
func (t tally) shrunk(towards float64) float64 {
	if t.n <= 0 || t.expected <= 0 {
		return towards
	}
	weight := float64(t.n) / (float64(t.n) + prior)
	return weight*math.Log(t.real/t.expected) + (1-weight)*towards
}

// factor is what the hours of a task are multiplied by.
func (s *sums) factor(task string) float64 {
	return math.Exp(s.tasks[task].shrunk(s.all.shrunk(0)))
}

func (s *sums) fit(task string, records []Record) Fit {
	t := s.tasks[task]
	f := Fit{Task: task, Factor: s.factor(task)}
	if task == "all" {
		t, f.Factor = s.all, math.Exp(s.all.shrunk(0))
	}
	f.Records, f.Expected, f.Hours = t.n, round(t.expected), round(t.real)
	if t.expected > 0 {
		f.Ratio = t.real / t.expected
	}
	before, after := 0.0, 0.0
	for i := range records {
		r := &records[i]
		if task != "all" && r.Task != task {
			continue
		}
		before += math.Abs(r.Hours - r.Expected)
		s.add(r, -1)
		after += math.Abs(r.Hours - r.Expected*s.factor(r.Task))
		s.add(r, 1)
	}
	if t.real > 0 {
		f.Before, f.After = hundredth(100*before/t.real), hundredth(100*after/t.real)
	}
	f.Ratio, f.Factor = thousandth(f.Ratio), thousandth(f.Factor)
	return f
}

func hundredth(v float64) float64  { return math.Round(v*100) / 100 }
func thousandth(v float64) float64 { return math.Round(v*1000) / 1000 }

// taskOf says which task the numbers of a group of the model are for.
var taskOf = map[string]string{
	"read": Read, "port": Port, "adapt": Adapt, "redesign": Redesign, "build": Build, "test": Test, "review": Review,
	"find_out": FindOut, "reboot.decide": Decide, "reboot.announce": Announce, "note": Note,
}

// Overlay writes a file of hours that, laid over the model, multiplies what
// belongs to each task by its factor. Tasks without records move as all together
// do.
func (m *Model) Overlay(w io.Writer, c *Calibration) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Hours refitted from %d records; lay it over lpready's by --effort or the profile's effort.\n", c.All.Records)
	points := m.points()
	var open []string // the keys that the line before is below
	for _, path := range slices.Sorted(maps.Keys(points)) {
		keys := strings.Split(path, ".")
		for depth, key := range keys[:len(keys)-1] {
			if depth < len(open) && open[depth] == key {
				continue
			}
			open = append(open[:depth:depth], key)
			fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", depth), key)
		}
		open = keys[:len(keys)-1]
		p := points[path].times(c.factor(cmp.Or(taskOf[path], taskOf[keys[0]])))
		fmt.Fprintf(&b, "%s%s: {optimistic: %s, likely: %s, pessimistic: %s}\n", strings.Repeat("  ", len(keys)-1), keys[len(keys)-1], short(p.Optimistic), short(p.Likely), short(p.Pessimistic))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// factor of a task, that of all where it has no records.
func (c *Calibration) factor(task string) float64 {
	for _, f := range c.Tasks {
		if f.Task == task {
			return f.Factor
		}
	}
	return c.All.Factor
}

func short(v float64) string { return strconv.FormatFloat(thousandth(v), 'f', -1, 64) }
