package render

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/vendors/plan"
	"lpready/vendors/track"
)

// A StatusReport is the record of status.
type StatusReport struct {
	Schema    string        `json:"schema"`
	Command   string        `json:"command"`
	Generated time.Time     `json:"generated"`
	Folder    string        `json:"folder"`
	Embargo   *time.Time    `json:"embargo,omitempty"`
	Ready     *float64      `json:"ready_probability,omitempty"` // of the last plan
	Open      int           `json:"open"`                        // cells of which tasks are left
	Cells     []StatusCell  `json:"cells"`
	History   []track.Event `json:"history,omitempty"`
}

// A StatusCell is how a cell stands.
type StatusCell struct {
	track.State
	Title   string     `json:"title"`
	Left    []string   `json:"left"`              // tasks
	Planned *time.Time `json:"planned,omitempty"` // when the last plan has it ready
}

// NewStatus puts the state of a folder beside its verdicts and its last plan.
func NewStatus(f *track.Folder, r *analyze.Report, p *plan.Plan, at time.Time, history bool) *StatusReport {
	s := &StatusReport{Schema: analyze.Schema, Command: "status", Generated: at, Folder: f.Dir, Cells: []StatusCell{}}
	if p != nil {
		s.Embargo, s.Ready = &p.Embargo, &p.ReadyProbability
	}
	for _, state := range f.States() {
		c := StatusCell{State: state, Left: []string{}}
		for i := range r.Cells {
			if plan.Of(&r.Cells[i]) == state.Name {
				c.Title, c.Left = r.Cells[i].Title, openTasks(&r.Cells[i], state.Done)
			}
		}
		if p != nil {
			for i := range p.Items {
				if p.Items[i].Name == state.Name {
					c.Planned = p.Items[i].Ready
				}
			}
		}
		if len(c.Left) > 0 {
			s.Open++
		}
		s.Cells = append(s.Cells, c)
	}
	if history {
		s.History = f.Log
	}
	return s
}

// openTasks lists the tasks of a cell that are not done.
func openTasks(c *analyze.Cell, done []string) []string {
	list := []string{}
	if c.Hours == nil {
		return list
	}
	for _, t := range c.Hours.Tasks {
		if !slices.Contains(done, t.Task) {
			list = include(list, t.Task)
		}
	}
	return list
}

// Status writes how a batch stands, in one of the formats.
func Status(w io.Writer, format string, o Options, s *StatusReport) error {
	out := bufio.NewWriter(w)
	tables := []planTable{statusTable(s)}
	if len(s.History) > 0 {
		tables = append(tables, historyTable(s))
	}
	switch format {
	case "json":
		return writeJSON(w, s)
	case "csv":
		return statusCSV(w, s)
	case "markdown":
		fmt.Fprintf(out, "# How the batch stands\n\n%s\n", mark(statusLine(s)))
		for _, pt := range tables {
			fmt.Fprintf(out, "\n## %s\n\n", pt.title)
			markdown{}.table(out, pt.header, pt.rows)
		}
	case "table":
		t := newTable(o)
		t.bullet(out, "", plain(statusLine(s)))
		for _, pt := range tables {
			t.planTable(out, pt)
		}
	default:
		return unknownFormat(format, Formats())
	}
	return out.Flush()
}

func statusLine(s *StatusReport) string {
	line := fmt.Sprintf("%s: %d of %s done.", s.Folder, len(s.Cells)-s.Open, plural(fmt.Sprint(len(s.Cells)), "cell"))
	if s.Embargo != nil && s.Ready != nil {
		line += fmt.Sprintf(" The last plan has everything ready by %s with %s.", day(*s.Embargo), percent(*s.Ready))
	}
	return line
}

func statusTable(s *StatusReport) planTable {
	t := planTable{title: "Items", header: []string{"XSA", "Base", "Class", "Who", "Done", "Left", "Payload", "Planned"}}
	for i := range s.Cells {
		c := &s.Cells[i]
		name := c.Label()
		if c.Version > 1 {
			name += fmt.Sprintf(" v%d", c.Version)
		}
		payload := c.Payload
		if c.Accepted != nil {
			payload = map[bool]string{true: "accepted", false: "refused"}[*c.Accepted]
		}
		planned := "-"
		if c.Planned != nil {
			planned = c.Planned.Format("01-02 15:04")
		}
		left := cmp.Or(strings.Join(c.Left, ", "), "nothing")
		if len(c.Done) == 0 && len(c.Left) > 1 {
			left = "all"
		}
		t.rows = append(t.rows, []string{name, c.Base, string(c.Class), cmp.Or(c.Person, "-"), cmp.Or(strings.Join(c.Done, ", "), "-"), left, cmp.Or(payload, "-"), planned})
		if c.Revision != "" {
			t.rows = append(t.rows, []string{"", "", "", "", "", c.Revision, "", ""})
		}
	}
	return t
}

func historyTable(s *StatusReport) planTable {
	t := planTable{title: "History", header: []string{"When", "Event", "Item", "What"}}
	for i := range s.History {
		e := &s.History[i]
		name := e.Label()
		if e.Base != "" {
			name = e.Name.String()
		}
		t.rows = append(t.rows, []string{e.At.Format("2006-01-02 15:04"), e.Event, name, eventSays(e)})
	}
	return t
}

func eventSays(e *track.Event) string {
	var parts []string
	for _, s := range []string{string(e.Class), e.Task, e.Person, e.File, e.Says} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if e.Accepted != nil {
		parts = append(parts, map[bool]string{true: "accepted", false: "refused"}[*e.Accepted])
	}
	return strings.Join(parts, ", ")
}

func statusCSV(w io.Writer, s *StatusReport) error {
	rows := [][]string{{"xsa", "item", "base", "version", "class", "person", "done", "left", "payload", "accepted", "revision", "planned", "changed"}}
	for i := range s.Cells {
		c := &s.Cells[i]
		accepted, planned := "", ""
		if c.Accepted != nil {
			accepted = fmt.Sprint(*c.Accepted)
		}
		if c.Planned != nil {
			planned = c.Planned.Format(time.RFC3339)
		}
		rows = append(rows, []string{number(c.XSA), text(c.Item), text(c.Base), number(c.Version), text(string(c.Class)), text(c.Person), texts(c.Done), texts(c.Left),
			text(c.Payload), accepted, text(c.Revision), planned, c.Changed.Format(time.RFC3339)})
	}
	return writeCSV(w, rows)
}
