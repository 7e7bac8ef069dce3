package render

import (
	"bytes"
	"encoding/csv"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is a report with something of everything in it.
func sample(command string) *analyze.Report {
	public := time.Date(2025, 10, 14, 12, 0, 0, 0, time.UTC)
	r := &analyze.Report{
		Schema:    analyze.Schema,
		Command:   command,
		Vendor:    "quay",
		Generated: time.Date(2025, 10, 1, 9, 30, 0, 0, time.UTC),
		Cells: []analyze.Cell{
			{
				XSA: 901, Title: "libxl takes a quota of nothing for everything", Public: &public,
				Base: "quay-2.0", Xen: "4.17", Patches: []string{"xsa901.patch"}, Signature: "good", Checksums: "ok",
				Scope: []string{"toolstack"}, Class: factor.NotNeeded, Evidence: factor.Text,
				Why:   "only the toolstack changes: update the package",
				Hours: &analyze.Hours{Optimistic: 0.2, Likely: 0.25, Pessimistic: 0.5, Expected: 0.28},
			},
			{
				XSA: 906, Version: 2, Title: "count of pages of a domain loses updates",
				CVEs: []string{"CVE-2099-0906", "CVE-2099-1906"}, Public: &public,
				Base: "quay-2.0", Xen: "4.17", Recipe: "RESOLUTION, Xen 4.17.x",
				Patches:   []string{"xsa906/xsa906-4.17-1.patch", "xsa906/xsa906-4.17-2.patch"},
				Signature: "good", Checksums: "ok", Scope: []string{"hypervisor/common"},
				Class: factor.Hard, Evidence: factor.Tree,
				Why: "struct domain grows by page_lock, and every running domain has one",
				Functions: []analyze.Function{
					{Name: "domain_adjust_pages", File: "xen/common/domain.c", Object: "common/domain.o", Change: "edited", Why: "lines 98 to 110"},
					{Name: "a_function_with_a_name_that_is_longer_than_any_that_should_be_given", File: "xen/arch/x86/mm/shadow/multi.c", Object: "arch/x86/mm/shadow/guest_4.o", Change: "affected", Why: "uses struct domain, whose members behind page_lock moved by 8 bytes"},
				},
				Inlined: []analyze.Inlined{{Name: "valid_xcr0", File: "xen/arch/x86/domain.c", Into: []string{"arch/x86/domain.o:arch_set_xcr0"}}},
				Rebuilt: 17,
				Findings: []analyze.Finding{
					{ID: "struct-layout", Severity: factor.Blocker, File: "xen/include/xen/sched.h", Line: 46, Symbol: "struct domain", Message: "page_lock is added before tot_pages; objects of this type are allocated and live", Remedy: "keep the lock in a table beside the structure, keyed by its address", Evidence: factor.Tree, Class: factor.Hard},
					{ID: "locking", Severity: factor.Review, File: "xen/common/domain.c", Line: 98, Message: "a lock is taken that running code does not know", Evidence: factor.Text},
				},
				Port: &analyze.Port{Status: "conflicts", Detail: []string{"xen/common/domain.c: hunk 2 of 2 (line 95): context differs"}, Prerequisites: []analyze.Prerequisite{{Commit: "0123456789ab", Subject: "domain: count pages"}}},
				Hours: &analyze.Hours{Optimistic: 16, Likely: 30, Pessimistic: 80, Expected: 36, Tasks: []effort.Task{
					{Task: "adapt struct-layout", Optimistic: 12, Likely: 24, Pessimistic: 60, Expected: 28, Why: "a structure with live objects changes: side table and all its users"},
					{Task: "review", Optimistic: 4, Likely: 6, Pessimistic: 20, Expected: 8, Why: "a second senior reads it"},
				}},
			},
			{
				XSA: 906, Version: 2, Title: "count of pages of a domain loses updates",
				Base: "quay-2.1", Xen: "4.17", Patches: []string{"xsa906/xsa906-4.17-1.patch"}, Signature: "good", Checksums: "ok",
				Scope: []string{"hypervisor/common"}, Class: factor.Reboot, Evidence: factor.Tree, Why: "runs only at boot",
			},
			{
				XSA: 0, Title: "=cmd|' /C calc'!A0 \x1b]0;owned\a \u202egnp.exe\nand a | pipe, <b>bold</b> [link](x)", Base: "quay-2.1",
				Patches: []string{"-rf.patch"}, Signature: "bad", Checksums: "mismatch", Scope: []string{}, Class: factor.Unknown, Evidence: factor.Text,
				Why: "@it needs: the patch\u009b2J",
			},
		},
		Warnings: []string{"mail 3: no advisory in \x1b[2Jit"},
	}
	r.Totals = analyze.Totals{
		Cells:   4,
		ByClass: map[analyze.Class]int{factor.NotNeeded: 1, factor.Hard: 1, factor.Reboot: 1, factor.Unknown: 1},
		Hours:   analyze.Hours{Optimistic: 16.2, Likely: 30.25, Pessimistic: 80.5, Expected: 36.28},
	}
	return r
}

func render(t *testing.T, format string, o Options, r *analyze.Report) []byte {
	t.Helper()
	h, err := For(format, o)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := h.Render(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for _, command := range []string{"triage", "analyze"} {
		for _, format := range Formats() {
			t.Run(command+"-"+format, func(t *testing.T) {
				got := render(t, format, Options{}, sample(command))
				file := filepath.Join("testdata", command+"."+format)
				if *update {
					if err := os.WriteFile(file, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("differs from %s; run with -update and look at the difference\n%s", file, got)
				}
			})
		}
	}
}

// A report that was saved and read again gives the same bytes in every format.
func TestSavedRunAgain(t *testing.T) {
	for _, command := range []string{"triage", "analyze"} {
		saved := render(t, "json", Options{}, sample(command))
		again, err := Load("saved.json", bytes.NewReader(saved))
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range Formats() {
			if direct, later := render(t, format, Options{}, sample(command)), render(t, format, Options{}, again); !bytes.Equal(direct, later) {
				t.Errorf("%s of a saved %s differs:\n%s\nexpected:\n%s", format, command, later, direct)
			}
		}
	}
}

// No line of a table is wider than asked for, and no format lets a character
// through that controls a terminal.
func TestHarmless(t *testing.T) {
	for _, columns := range []int{minWidth, 80, 100, 160} {
		for _, command := range []string{"triage", "analyze"} {
			for l := range strings.Lines(string(render(t, "table", Options{Width: columns}, sample(command)))) {
				if w := width(strings.TrimSuffix(l, "\n")); w > columns {
					t.Errorf("%s: %d columns, expected at most %d: %s", command, w, columns, l)
				}
			}
		}
	}
	for _, format := range Formats() {
		out := string(render(t, format, Options{}, sample("triage")))
		if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && !harmless(r) }); i >= 0 {
			t.Errorf("%s: %q gets through", format, out[i:min(len(out), i+8)])
		}
	}
}

func TestSafe(t *testing.T) {
	if got := Safe("a\x1b[2J\n  b\tc\u202e\xff"); got != "a\\x1b[2J\n  b c\\u202e\\xff" {
		t.Errorf("%q", got)
	}
}

func TestColour(t *testing.T) {
	plain := render(t, "table", Options{}, sample("triage"))
	coloured := string(render(t, "table", Options{Color: true}, sample("triage")))
	if !strings.Contains(coloured, "\x1b[31mhard\x1b[0m") {
		t.Errorf("hard is not coloured:\n%s", coloured)
	}
	for _, sgr := range colours {
		coloured = strings.ReplaceAll(coloured, "\x1b["+sgr+"m", "")
	}
	if coloured = strings.ReplaceAll(coloured, "\x1b[0m", ""); coloured != string(plain) {
		t.Errorf("colour moves the text:\n%s\nexpected:\n%s", coloured, plain)
	}
}

func TestCSV(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(render(t, "csv", Options{}, sample("triage")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 5 || !slices.Equal(rows[0], csvHeader) {
		t.Fatalf("%d rows with header %v", len(rows), rows[0])
	}
	for _, row := range rows[1:] {
		for i, field := range row {
			if field != "" && strings.ContainsRune("=+-@\t\r", rune(field[0])) {
				t.Errorf("column %s: %q is a formula to a spreadsheet", csvHeader[i], field)
			}
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	good := string(render(t, "json", Options{}, sample("triage")))
	for _, tt := range []struct{ name, old, new, want string }{
		{"not JSON", "{", "<", "line 1: expected a report saved with --format json"},
		{"cut off", "\"warnings\"", "", "line"},
		{"other schema", "lpready/v1", "lpready/v9", `schema "lpready/v9", expected "lpready/v1"`},
		{"class", `"class": "reboot"`, `"class": "fine"`, `cell 3: class "fine", expected one of`},
		{"evidence", `"evidence": "text"`, `"evidence": "hope"`, `cell 1: evidence "hope"`},
		{"severity", `"severity": "blocker"`, `"severity": "ok"`, `cell 2: finding struct-layout: severity "ok"`},
		{"totals", `"cells": 4`, `"cells": 5`, "totals count 5 cells, the report holds 4"},
		{"counts", `"hard": 1`, `"hard": 0`, "totals count 0 hard, the report holds 1"},
		{"type", `"xsa": 906`, `"xsa": "906"`, "line 32"},
	} {
		bad := strings.Replace(good, tt.old, tt.new, 1)
		r, err := Load("x.json", strings.NewReader(bad))
		if err == nil || r != nil {
			t.Errorf("%s: accepted", tt.name)
			continue
		}
		if msg := err.Error(); !strings.HasPrefix(msg, "x.json: ") || !strings.Contains(msg, tt.want) {
			t.Errorf("%s: %q, expected %q in it", tt.name, msg, tt.want)
		}
	}
	if _, err := Load("big", io.LimitReader(zeros{}, maxSaved+10)); err == nil || !strings.Contains(err.Error(), "larger than 64 MB") {
		t.Errorf("big file: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text    string
		columns int
		want    []string
	}{
		{"", 10, []string{""}},
		{"one two three", 7, []string{"one two", "three"}},
		{"arch/x86/mm/shadow/guest_4.o", 12, []string{"arch/x86/mm/", "shadow/", "guest_4.o"}},
		{"abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
		{"日本語", 4, []string{"日本", "語"}},
		{"日", 1, []string{"日"}},
		{"  one two three", 7, []string{"  one", "  two", "  three"}},
	} {
		if got := wrap(tt.text, tt.columns); !slices.Equal(got, tt.want) {
			t.Errorf("wrap(%q, %d) = %q, expected %q", tt.text, tt.columns, got, tt.want)
		}
	}
}

func TestManyFunctions(t *testing.T) {
	r := sample("analyze")
	for len(r.Cells[1].Functions) < 500 {
		r.Cells[1].Functions = append(r.Cells[1].Functions, r.Cells[1].Functions[0])
	}
	for _, format := range []string{"table", "markdown"} {
		if out := string(render(t, format, Options{}, r)); !strings.Contains(out, "... and 460 more; JSON has them all") {
			t.Errorf("%s does not say what it leaves out", format)
		}
	}
}

func TestEmptyReport(t *testing.T) {
	r := &analyze.Report{Schema: analyze.Schema, Command: "triage"}
	for _, format := range Formats() {
		if len(render(t, format, Options{}, r)) == 0 {
			t.Errorf("%s: nothing", format)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := For("xml", Options{}); err == nil || err.Error() != `format "xml": expected one of table, markdown, csv, json, html` {
		t.Errorf("%v", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, command := range []string{"triage", "analyze"} {
		var b bytes.Buffer
		if err := (jsonRecord{}).Render(&b, sample(command)); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte(`{"schema":"lpready/v1","generated":"2025-01-01T00:00:00Z","cells":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Load("fuzz", bytes.NewReader(data))
		if (err == nil) == (r == nil) {
			t.Fatalf("report %v, error %v", r, err)
		}
		if err != nil {
			return
		}
		for _, format := range Formats() {
			h, err := For(format, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := h.Render(&b, r); err != nil {
				if format == "json" && strings.Contains(err.Error(), "report as JSON") {
					continue // a year that RFC 3339 cannot write
				}
				t.Fatal(err)
			}
			if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && !harmless(r) }); i >= 0 {
				t.Fatalf("%s: %q gets through", format, b.String()[i:])
			}
			if format != "json" {
				continue
			}
			again, err := Load("again", bytes.NewReader(b.Bytes()))
			if err != nil {
				t.Fatalf("its own JSON is refused: %v", err)
			}
			var c bytes.Buffer
			if err := h.Render(&c, again); err != nil || !bytes.Equal(b.Bytes(), c.Bytes()) {
				t.Fatalf("JSON changes when read again: %v", err)
			}
		}
	})
}

func BenchmarkTable(b *testing.B) {
	r := sample("triage")
	for range 200 {
		r.Cells = append(r.Cells, r.Cells[1])
	}
	h, _ := For("table", Options{})
	b.ReportAllocs()
	for b.Loop() {
		if err := h.Render(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
