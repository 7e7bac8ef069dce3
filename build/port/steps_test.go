package port

import (
	"slices"
	"testing"

	"lpready/analyze/advisory"
)

// TestSteps wants the series with the commits in it, what each step needs, and the
// contents that follow.
func TestSteps(t *testing.T) {
	h := newHistory(t)
	paths := []string{h.xsa901, h.xsa902, h.xsa903, h.gone}
	batch := readBatch(t, paths...)
	base := h.base("RELEASE-4.17.0")
	r, err := Place(t.Context(), Request{Batch: batch, Bases: []Base{base}, Upstream: h.upstream()})
	if err != nil {
		t.Fatal(err)
	}
	steps := r.Steps(base.ID)
	at := func(name string) int {
		return slices.IndexFunc(steps, func(s Step) bool { return s.Name == name })
	}
	fix := at("XSA-901")
	if len(steps) != 6 || fix < 0 || at("XSA-904") >= 0 || !steps[fix].Item || steps[fix].XSA != 901 || len(steps[fix].Files) != 1 {
		t.Fatalf("steps %+v", steps)
	}
	var commits []string
	for _, n := range r.Needs(base.ID, fix) {
		commits = append(commits, steps[n].Commit)
	}
	if !slices.Equal(commits, h.needs) {
		t.Errorf("XSA-901 needs %q, expected %q", commits, h.needs)
	}
	if got := r.Needs(base.ID, at("XSA-903")); !slices.Equal(got, []int{at("XSA-902")}) {
		t.Errorf("XSA-903 needs %v", got)
	}
	if got := r.Needs(base.ID, at("XSA-902")); got != nil {
		t.Errorf("XSA-902 needs %v", got)
	}
	files, err := r.Changed(base.ID, append(r.Needs(base.ID, fix), fix))
	if err != nil || len(files) != 2 || files["xen/common/queue.c"] == nil {
		t.Errorf("%d files, %v", len(files), err)
	}
	if _, err := r.Changed(base.ID, []int{fix}); err == nil {
		t.Error("XSA-901 applies without what it needs")
	}

	// the batch as it was placed applies to the base as it is
	placed := r.Batch(base.ID, batch, base.Xen)
	var names []string
	for _, e := range placed.Entries {
		if !e.Context {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	if len(placed.Entries) != 7 || !slices.Equal(names, []string{"XSA-901", "XSA-902", "XSA-903", "XSA-904"}) {
		t.Errorf("batch of %d, items %q", len(placed.Entries), names)
	}
	again, err := Place(t.Context(), Request{Batch: placed, Bases: []Base{base}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range again.Report.Cells {
		if (c.XSA != 904) != (c.Port.Status == Applies) {
			t.Errorf("%s", describe(&c))
		}
	}
	if r.Steps("elsewhere") != nil || (&Result{}).Batch("x", &advisory.Batch{}, "4.17").Entries != nil {
		t.Error("steps of a base that is not there")
	}
}
