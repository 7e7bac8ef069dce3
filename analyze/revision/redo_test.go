package revision

import (
	"slices"
	"testing"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
)

// TestShares holds rework.yaml to the kinds, the words and the tasks.
func TestShares(t *testing.T) {
	w, err := shares()
	if err != nil {
		t.Fatal(err)
	}
	tasks := []string{effort.Read, effort.Port, effort.Adapt, effort.Redesign, effort.Build, effort.Test, effort.Review, effort.FindOut,
		effort.Decide, effort.Announce, effort.Note}
	for _, k := range Kinds {
		if _, ok := w.Read[string(k)]; !ok && k != New && k != Dropped && k != Affected {
			t.Errorf("read: %s is missing", k)
		}
	}
	for _, what := range []string{Port, Adapt, Rebuild, Retest, Repackage, Look} {
		if len(w.Redo[what]) == 0 {
			t.Errorf("redo: %s is missing", what)
		}
	}
	for what, list := range w.Redo {
		for task, share := range list {
			if !slices.Contains(tasks, task) || share <= 0 || share > 1 {
				t.Errorf("redo: %s: %s: %g: expected a task and a share of it", what, task, share)
			}
		}
	}
}

// TestRedo is the table of what a kind asks for.
func TestRedo(t *testing.T) {
	const hypervisor, tools, docs, other = "xen/common/a.c", "tools/libs/a.c", "docs/a.md", "automation/a.yaml"
	fits, conflicts := &analyze.Port{Status: "applies"}, &analyze.Port{Status: "conflicts"}
	for _, c := range []struct {
		name       string
		kind       Kind
		file       string
		idle       bool
		was, class analyze.Class
		old, port  *analyze.Port
		want       []string
	}{
		{"same", Same, "", false, factor.Clean, factor.Clean, fits, fits, nil},
		{"tags", Message, "", false, factor.Adapt, factor.Adapt, fits, fits, nil},
		{"tags, but another XSA moved the base", Message, "", false, factor.Clean, factor.Clean, fits, conflicts, []string{Port}},
		{"tags, but another class", Message, "", false, factor.Clean, factor.Adapt, fits, fits, []string{Look}},
		{"docs", Docs, docs, false, factor.Clean, factor.Clean, fits, fits, nil},
		{"context", Context, hypervisor, false, factor.Clean, factor.Clean, fits, fits, []string{Port}},
		{"context of what is not needed", Context, hypervisor, false, factor.NotNeeded, factor.NotNeeded, fits, fits, nil},
		{"comments", Comments, hypervisor, false, factor.Hard, factor.Hard, fits, fits, []string{Port}},
		{"unknown", Unknown, hypervisor, false, factor.Clean, factor.Clean, nil, nil, []string{Look}},
		{"code", Code, hypervisor, false, factor.Clean, factor.Clean, fits, fits, []string{Port, Rebuild, Retest}},
		{"code, adapted", Code, hypervisor, false, factor.Adapt, factor.Adapt, fits, fits, []string{Port, Adapt, Rebuild, Retest}},
		{"code, now hard", Code, hypervisor, false, factor.Clean, factor.Hard, fits, fits, []string{Port, Adapt, Rebuild, Retest}},
		{"code, now for a reboot", Code, hypervisor, false, factor.Clean, factor.Reboot, fits, fits, []string{Port, Repackage, Look}},
		{"code, not needed any more", Code, hypervisor, false, factor.Clean, factor.NotNeeded, fits, fits, []string{Look}},
		{"code, never needed", Code, hypervisor, false, factor.NotNeeded, factor.NotNeeded, fits, fits, nil},
		{"code, not compiled", Code, hypervisor, true, factor.Clean, factor.Clean, fits, fits, nil},
		{"code, nobody knows", Code, hypervisor, false, factor.Unknown, factor.Unknown, nil, nil, []string{Port, Rebuild, Retest, Look}},
		{"code of the toolstack", Code, tools, false, factor.NotNeeded, factor.NotNeeded, fits, fits, []string{Repackage}},
		{"code of something else", Code, other, false, factor.Clean, factor.Clean, fits, fits, []string{Look}},
	} {
		r := &Revision{Kind: c.kind, idle: c.idle, Changes: []Change{{File: c.file, Kind: c.kind}}}
		got := redo(r, &analyze.Cell{Class: c.was, Port: c.old}, &analyze.Cell{Class: c.class, Port: c.port, Scope: []string{"hypervisor/common"}})
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: redo %v, expected %v", c.name, got, c.want)
		}
	}
}
