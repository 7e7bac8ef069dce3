package render

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/factor"
	"lpready/analyze/revision"
)

// revised is a report of revise whose texts try to steer what shows them.
func revised() *revision.Report {
	c := revision.Cell{
		Cell: analyze.Cell{XSA: 930, Version: 2, Title: "title \x1b[31m", Base: "quay-2.0", Xen: "4.17", Patches: []string{"=cmd.patch"},
			Scope: []string{}, Class: factor.Adapt, Evidence: factor.Tree},
		Revision: revision.Revision{From: 1, To: 2, Kind: revision.Code, Evidence: "tree", Why: "code differs: *foo* in <a.c>",
			Changes: []revision.Change{{File: "xen/a.c", Function: "foo", Kind: revision.Code, Detail: "\"a  | b\" is now \"c\u202e\""}},
			Redo:    []string{revision.Port, revision.Rebuild},
			Before:  &revision.Before{Class: factor.Clean, Evidence: factor.Tree, Patches: []string{"a.patch"}},
			Says:    []string{"version 2: =HYPERLINK()"}, Contradiction: []string{"it says \"x\""}},
	}
	r := &revision.Report{Schema: analyze.Schema, Command: "revise", Generated: time.Date(2025, 10, 1, 0, 0, 0, 0, time.UTC), Cells: []revision.Cell{c}, Warnings: []string{"warn\x07"}}
	r.Sum()
	return r
}

// TestRevisionHarmless wants no format to pass on what steers a terminal, a
// spreadsheet or Markdown, and no line of a table to be too wide.
func TestRevisionHarmless(t *testing.T) {
	for _, format := range Formats() {
		var b bytes.Buffer
		if err := Revision(&b, format, Options{}, revised()); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\x07\u202e") {
			t.Errorf("%s passes control characters on:\n%q", format, b.String())
		}
		for l := range strings.Lines(b.String()) {
			if w := width(strings.TrimSuffix(l, "\n")); format == "table" && w > DefaultWidth {
				t.Errorf("%d columns: %s", w, l)
			}
		}
	}
	if err := Revision(new(bytes.Buffer), "html", Options{}, revised()); err == nil {
		t.Error("an unknown format was written")
	}
}

// TestRevisionSaved reads a saved report back, and refuses what is not one.
func TestRevisionSaved(t *testing.T) {
	var saved, again bytes.Buffer
	if err := Revision(&saved, "json", Options{}, revised()); err != nil {
		t.Fatal(err)
	}
	r, err := LoadRevision("saved.json", bytes.NewReader(saved.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := Revision(&again, "json", Options{}, r); err != nil || again.String() != saved.String() {
		t.Errorf("%v: read back it is\n%s\nexpected\n%s", err, again.String(), saved.String())
	}
	for _, change := range [][2]string{{`"kind": "code"`, `"kind": "odd"`}, {`"command": "revise"`, `"command": "triage"`}, {`"cells": 1`, `"cells": 2`}, {`{`, `[`}} {
		bad := strings.Replace(saved.String(), change[0], change[1], 1)
		if r, err := LoadRevision("saved.json", strings.NewReader(bad)); err == nil || r != nil {
			t.Errorf("%s was taken", change[1])
		}
	}
}
