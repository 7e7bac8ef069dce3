package render

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
	"lpready/vendors"
	"lpready/vendors/plan"
)

// planned is a small plan, with text in it that no format may take for its own.
func planned(t testing.TB) *PlanReport {
	t.Helper()
	start := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	hours := &effort.Hours{Expected: 3, Tasks: []effort.Task{{Task: effort.Read, Optimistic: 1, Likely: 1, Pessimistic: 1, Expected: 1}, {Task: effort.Review, Optimistic: 1, Likely: 2, Pessimistic: 3, Expected: 2}}}
	cells := []analyze.Cell{
		{XSA: 1, Title: "<script>alert(1)</script>", Base: "one", Patches: []string{}, Scope: []string{}, Class: factor.Adapt, Evidence: factor.Tree, Why: "=cmd|x", Hours: hours, Functions: []analyze.Function{{Name: "f", File: "xen/common/domain.c"}},
			Mitigation: "Boot with\x1b[31m <b>less</b>; or, more, of it."},
		{Base: "one", Patches: []string{"fix|<i>.patch"}, Scope: []string{}, Class: factor.Unknown, Evidence: factor.Text, Hours: hours},
	}
	team := &vendors.Team{People: []vendors.Person{{Name: "Ada <u>", Seniority: vendors.Senior, Hours: 6}, {Name: "Lee", Hours: 6, Skills: []string{"docs"}}}}
	p, err := plan.Make(plan.Request{Cells: cells, Team: team, Start: start, Embargo: start.AddDate(0, 0, 3), Runs: 50})
	if err != nil {
		t.Fatal(err)
	}
	return &PlanReport{Report: analyze.Report{Schema: analyze.Schema, Command: "plan", Generated: start, Cells: cells, Totals: analyze.Sum(cells)}, Plan: p}
}

func TestPlanHarmless(t *testing.T) {
	r := planned(t)
	if len(r.Plan.Unstaffed) == 0 {
		t.Fatal("Lee does not know it and Ada may not review herself: expected something unstaffed")
	}
	for _, format := range PlanFormats() {
		var b bytes.Buffer
		if err := Plan(&b, format, Options{}, r); err != nil {
			t.Fatal(err)
		}
		for _, bad := range map[string][]string{"html": {"<script", "<b>less", "<i>", "<u>"}, "csv": {",=cmd"}, "markdown": {"|<i>"}}[format] {
			if strings.Contains(b.String(), bad) {
				t.Errorf("%s: %q in it", format, bad)
			}
		}
		if strings.ContainsRune(b.String(), 0x1b) {
			t.Errorf("%s: a control character in it", format)
		}
		for l := range strings.Lines(b.String()) {
			if w := width(strings.TrimSuffix(l, "\n")); format == "table" && w > DefaultWidth {
				t.Errorf("%d columns: %s", w, l)
			}
			if format == "ics" && (len(l) > 77 || !strings.HasSuffix(l, "\r\n")) {
				t.Errorf("calendar line of %d octets: %q", len(l), l)
			}
		}
	}
	if err := Plan(new(bytes.Buffer), "xml", Options{}, r); err == nil {
		t.Error("an unknown format was written")
	}
}

// FuzzLoadPlan renders whatever LoadPlan lets through.
func FuzzLoadPlan(f *testing.F) {
	var b bytes.Buffer
	if err := Plan(&b, "json", Options{}, planned(f)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		saved, err := Read("fuzz", bytes.NewReader(data))
		if err != nil {
			return
		}
		r, err := LoadPlan(saved)
		if err != nil {
			return
		}
		for _, format := range PlanFormats() {
			if err := Plan(new(bytes.Buffer), format, Options{}, r); err != nil && format != "json" {
				t.Errorf("%s: %v", format, err)
			}
		}
	})
}
