package track

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/factor"
	"lpready/vendors/plan"
)

var now = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

func cells() []analyze.Cell {
	return []analyze.Cell{
		{XSA: 1, Base: "one", Class: factor.Clean, Version: 2},
		{XSA: 1, Base: "two", Class: factor.Adapt, Version: 2},
		{Base: "one", Patches: []string{"fix.patch"}, Class: factor.Unknown},
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "batch")
	f, err := Begin(dir)
	if err != nil {
		t.Fatal(err)
	}
	add := func(events ...Event) {
		t.Helper()
		if err := f.Add(events...); err != nil {
			t.Fatal(err)
		}
	}
	add(f.Assess(cells(), now)...)
	yes := true
	add(Event{At: now, Event: Assigned, Name: plan.Name{XSA: 1}, Person: "Ada"},
		Event{At: now.Add(time.Hour), Event: Finished, Name: plan.Name{XSA: 1, Base: "one"}, Task: "read", Person: "Ada"},
		Event{At: now.Add(2 * time.Hour), Event: Verified, Name: plan.Name{XSA: 1, Base: "one"}, File: "xsa1.livepatch", Accepted: &yes},
		Event{At: now, Event: Revised, Name: plan.Name{XSA: 1, Base: "two"}, File: f.NextRevised(), Says: "code"})
	later := cells()
	later[1].Class = factor.Hard
	add(f.Assess(later[:2], now.Add(3*time.Hour))...)

	f, err = Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, s := range f.States() {
		fmt.Fprintln(&got, s.Name, s.Class, s.Person, s.Done, s.Payload, s.Revision, s.Events, s.Changed.Format("15:04"))
	}
	want := "XSA-1 on one clean Ada [read] xsa1.livepatch  4 10:00\nXSA-1 on two hard Ada []  code 4 11:00\n"
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}
	if again := f.Assess(later[:2], now); len(again) != 0 {
		t.Errorf("nothing is new, but %+v", again)
	}
	if p := f.Revisions(); len(p) != 1 || p[0] != "revised-1.json" || f.NextRevised() != "revised-2.json" {
		t.Errorf("revisions %v, next %s", p, f.NextRevised())
	}
	done, assigned := f.Progress()
	if len(done) != 1 || done[0].Share != 1 || !done[0].New || len(assigned) != 2 {
		t.Errorf("%+v %+v", done, assigned)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, f.Path(logFile): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", path, err, info.Mode())
		}
	}
	if !Is(dir) || Is(t.TempDir()) {
		t.Error("what holds the state of a batch, and what does not")
	}
}

func TestMistakes(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "holds no state") {
		t.Error(err)
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Begin(full); err == nil || !strings.Contains(err.Error(), "expected an empty folder") {
		t.Error(err)
	}
	for text, want := range map[string]string{
		"\nx": "log.jsonl:2: expected an event", `{"event": "painted"}`: `log.jsonl:1: event "painted", expected one of assessed`,
		`{"event": "planned", "mood": 1}`: "unknown field",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, logFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, expected %q", err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"at":"2026-06-01T08:00:00Z","event":"assessed","xsa":1,"base":"one","class":"clean"}`)
	f.Fuzz(func(_ *testing.T, line string) { _, _ = parse([]byte(line)) })
}
