// Package track keeps the state of a batch in a folder: the verdicts, the plan,
// the revisions that were seen, and a log of everything that happened, from which
// the state of each cell follows. Commands add to it; nothing needs a server, and
// two people can share the folder.
//
// The folder holds cells.json (the last verdicts), plan.json (the last plan),
// revised-N.json (reports of revise) and log.jsonl, one event a line, which only
// grows. Folders are 0700, files 0600. The package reads no clock and does not
// judge; what it is told is what it says.
package track

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/vendors/plan"
)

// The files of a folder.
const (
	CellsFile = "cells.json"
	PlanFile  = "plan.json"
	logFile   = "log.jsonl"
)

// Kinds of events.
const (
	Assessed = "assessed" // a cell got a verdict, or another one
	Gone     = "gone"     // a cell is in the batch no more
	Planned  = "planned"  // a plan was made
	Revised  = "revised"  // a new version was compared
	Assigned = "assigned" // somebody is to do it
	Finished = "finished" // a task is done
	Verified = "verified" // a payload was taken apart
)

var kinds = []string{Assessed, Gone, Planned, Revised, Assigned, Finished, Verified}

// An Event is one line of the log.
type Event struct {
	At    time.Time `json:"at"`
	Event string    `json:"event"`
	plan.Name
	Class    analyze.Class `json:"class,omitempty"`
	Version  int           `json:"version,omitempty"`
	Person   string        `json:"person,omitempty"`
	Task     string        `json:"task,omitempty"`
	File     string        `json:"file,omitempty"`     // payload, or report in the folder
	Accepted *bool         `json:"accepted,omitempty"` // the payload
	Says     string        `json:"says,omitempty"`
}

// A Folder is the state of a batch.
type Folder struct {
	Dir string
	Log []Event
}

// Limits of a log.
const (
	maxLine   = 64 << 10
	maxEvents = 200_000
)

// Is tells whether a folder holds the state of a batch.
func Is(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, logFile))
	return err == nil && info.Mode().IsRegular()
}

// Begin opens the folder, which may be new.
func Begin(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		entries, err := os.ReadDir(dir)
		if err == nil && len(entries) > 0 {
			return nil, fmt.Errorf("%s: expected an empty folder, or one that holds the state of a batch", dir)
		}
		return &Folder{Dir: dir}, err
	}
	return f, err
}

// Open reads the log of a folder.
func Open(dir string) (*Folder, error) {
	name := filepath.Join(dir, logFile)
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s holds no state of a batch: %w", dir, err)
	}
	defer file.Close()
	f := &Folder{Dir: dir}
	s := bufio.NewScanner(file)
	s.Buffer(nil, maxLine)
	for n := 1; s.Scan(); n++ {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		e, err := parse(s.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if len(f.Log) == maxEvents {
			return nil, fmt.Errorf("%s:%d: more than %d events", name, n, maxEvents)
		}
		f.Log = append(f.Log, e)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func parse(line []byte) (Event, error) {
	var e Event
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("expected an event: %w", err)
	}
	if !slices.Contains(kinds, e.Event) {
		return e, fmt.Errorf("event %q, expected one of %s", e.Event, strings.Join(kinds, ", "))
	}
	return e, nil
}

// Add appends events to the log, in one write.
func (f *Folder) Add(events ...Event) (err error) {
	if len(events) == 0 {
		return nil
	}
	var b bytes.Buffer
	for i := range events {
		line, err := json.Marshal(&events[i])
		if err != nil {
			return err
		}
		if len(line) >= maxLine {
			return fmt.Errorf("an event of %d bytes, expected at most %d", len(line), maxLine)
		}
		b.Write(append(line, '\n'))
	}
	file, err := os.OpenFile(filepath.Join(f.Dir, logFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := file.Close(); err == nil {
			err = e
		}
	}()
	if _, err := file.Write(b.Bytes()); err != nil {
		return err
	}
	f.Log = append(f.Log, events...)
	return file.Sync()
}

// Path is a file of the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// NextRevised is the name of the next report of revise.
func (f *Folder) NextRevised() string {
	n := 1
	for _, e := range f.Log {
		if e.Event == Revised && e.File != "" {
			n = max(n, 1+number(e.File))
		}
	}
	return fmt.Sprintf("revised-%d.json", n)
}

func number(file string) int {
	n := 0
	if _, err := fmt.Sscanf(file, "revised-%d.json", &n); err != nil {
		return 0
	}
	return n
}

// Revisions are the reports of revise in the folder, in order.
func (f *Folder) Revisions() []string {
	var list []string
	for _, e := range f.Log {
		if e.Event == Revised && number(e.File) > 0 && !slices.Contains(list, e.File) {
			list = append(list, e.File)
		}
	}
	return list
}

// A State is what the log says of a cell.
type State struct {
	plan.Name
	Class    analyze.Class `json:"class"`
	Version  int           `json:"version,omitempty"`
	Person   string        `json:"person,omitempty"` // who was assigned
	Done     []string      `json:"done"`             // tasks, in the order in which they were finished
	Payload  string        `json:"payload,omitempty"`
	Accepted *bool         `json:"accepted,omitempty"`
	Revision string        `json:"revision,omitempty"` // the last one that was seen
	Changed  time.Time     `json:"changed"`
	Events   int           `json:"events"`

	finished map[string]time.Time
	revised  time.Time
}

// States folds the log, in the order in which cells came up. An event without a
// base is about all bases of the item.
func (f *Folder) States() []State {
	var list []State
	at := map[plan.Name]int{}
	for i := range f.Log {
		e := &f.Log[i]
		if e.Event == Assessed {
			if _, known := at[e.Name]; !known {
				at[e.Name] = len(list)
				list = append(list, State{Name: e.Name, Done: []string{}, finished: map[string]time.Time{}})
			}
		}
		for k := range list {
			if s := &list[k]; s.Label() == e.Label() && (e.Base == "" || e.Base == s.Base) {
				s.take(e)
			}
		}
	}
	return slices.DeleteFunc(list, func(s State) bool { return s.Class == "" })
}

func (s *State) take(e *Event) {
	s.Changed, s.Events = e.At, s.Events+1
	switch e.Event {
	case Assessed:
		s.Class, s.Version = e.Class, e.Version
	case Gone:
		s.Class = ""
	case Assigned:
		s.Person = e.Person
	case Finished:
		if !slices.Contains(s.Done, e.Task) {
			s.Done = append(s.Done, e.Task)
		}
		s.finished[e.Task] = e.At
	case Verified:
		s.Payload, s.Accepted = e.File, e.Accepted
	case Revised:
		s.Revision, s.revised = e.Says, e.At
	}
}

// Assess gives the events of new verdicts: what is new, other, or gone.
func (f *Folder) Assess(cells []analyze.Cell, at time.Time) []Event {
	known := map[plan.Name]State{}
	for _, s := range f.States() {
		known[s.Name] = s
	}
	var list []Event
	for i := range cells {
		c := &cells[i]
		n := plan.Of(c)
		if s, ok := known[n]; !ok || s.Class != c.Class || s.Version != c.Version {
			list = append(list, Event{At: at, Event: Assessed, Name: n, Class: c.Class, Version: c.Version, Says: brief(c.Why)})
		}
		delete(known, n)
	}
	for _, s := range f.States() {
		if _, gone := known[s.Name]; gone {
			list = append(list, Event{At: at, Event: Gone, Name: s.Name})
		}
	}
	return list
}

// brief keeps an event far below the limit of a line.
func brief(s string) string {
	const most = 300
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + " ..."
	}
	return s
}

// Progress and assignments, as a plan asks for them.
func (f *Folder) Progress() (done []plan.Progress, assigned []plan.Assign) {
	for _, s := range f.States() {
		for _, task := range s.Done {
			done = append(done, plan.Progress{Item: s.Label(), Base: s.Base, Task: task, Person: s.Person, Share: 1, New: s.finished[task].After(s.revised)})
		}
		if s.Person != "" {
			assigned = append(assigned, plan.Assign{Item: s.Label(), Base: s.Base, Person: s.Person})
		}
	}
	return done, assigned
}
