package plan

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// historyCSV is facts of the history of xen.git: the advisories whose fixes were
// applied to it, with the day, the number of commits, files and changed lines,
// and the parts of Xen that they touch, joined by "+".
//
//go:embed history.csv
var historyCSV string

// An Event is one advisory of a history.
type Event struct {
	XSA                   int
	Date                  time.Time
	Patches, Files, Lines int
	Scope                 []string // x86, arm, common, tools, docs, other
}

// History is the embedded history of all advisories, by day.
func History() []Event {
	list, err := ReadHistory("history.csv", strings.NewReader(historyCSV))
	if err != nil {
		panic(err) // our own file; a test reads it
	}
	return list
}

// ReadHistory reads a history in the form of the embedded one: columns xsa, date,
// patches, files, lines, scope, in the order of the days.
func ReadHistory(name string, in io.Reader) ([]Event, error) {
	const most = 4 << 20
	r := csv.NewReader(io.LimitReader(in, most))
	r.FieldsPerRecord = 6
	var list []Event
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := r.FieldPos(0)
		if line == 1 {
			if strings.Join(row, ",") != "xsa,date,patches,files,lines,scope" {
				return nil, fmt.Errorf("%s:1: expected the columns xsa,date,patches,files,lines,scope", name)
			}
			continue
		}
		e, err := event(row)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		if n := len(list); n > 0 && e.Date.Before(list[n-1].Date) {
			return nil, fmt.Errorf("%s:%d: %s; expected a day not before that of the line above", name, line, row[1])
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no advisories in it", name)
	}
	if first, last := list[0].Date, list[len(list)-1].Date; last.Sub(first) > 50*366*24*time.Hour {
		return nil, fmt.Errorf("%s: from %s to %s, expected at most 50 years", name, first.Format(time.DateOnly), last.Format(time.DateOnly))
	}
	return list, nil
}

func event(row []string) (e Event, err error) {
	if e.Date, err = time.Parse(time.DateOnly, row[1]); err != nil {
		return e, fmt.Errorf("%q; expected a day, YYYY-MM-DD", row[1])
	}
	for i, n := range map[int]*int{0: &e.XSA, 2: &e.Patches, 3: &e.Files, 4: &e.Lines} {
		if *n, err = strconv.Atoi(row[i]); err != nil || *n < 0 || *n > 1e7 {
			return e, fmt.Errorf("%q; expected a number", row[i])
		}
	}
	e.Scope = strings.Split(row[5], "+")
	return e, nil
}
