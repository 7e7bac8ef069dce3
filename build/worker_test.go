package build

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lpready/build/workers"
)

// TestWorkers builds the same matrix here and by workers: the same payloads, to the
// byte, the same verdicts and failures, and the next run takes over what it finds.
func TestWorkers(t *testing.T) {
	patches := map[string]string{"xsa901.patch": sendPatch, "xsa902.patch": findPatch, "xsa903.patch": notePatch, "xsa904.patch": badPatch,
		"xsa905.patch": asking("refuse", oddPatch), "xsa906.patch": onSend}
	for _, grouping := range []Grouping{Separate, Stacked, Cumulative} {
		t.Run(string(grouping), func(t *testing.T) {
			s := newScene(t, patches)
			here := s.run(func(r *Request) { r.Grouping, r.Work = grouping, filepath.Join(s.dir, "here") })
			y := newYard(t)
			conn := y.connect("submitter")
			var stops []func()
			var dirs []string
			for _, name := range []string{"one", "two"} {
				dir, stop := y.work(name, s.request().Tool)
				dirs, stops = append(dirs, dir), append(stops, stop)
			}
			far := s.run(func(r *Request) { r.Grouping, r.Workers = grouping, conn })
			if got, want := results(t, far), results(t, here); got != want {
				t.Errorf("by workers\n%sexpected\n%s", got, want)
			}
			for _, e := range s.events {
				if grouping == Separate && e.Phase == phasePayload && strings.HasPrefix(e.Detail, "compiling") && !strings.HasSuffix(e.Cell, "/xsa904") {
					t.Errorf("%s: %s, though that was done when it was proven", e.Cell, e.Detail)
				}
			}
			for i := range far.Cells {
				got, want := far.Cells[i].Failure, here.Cells[i].Failure
				if (got == nil) != (want == nil) || got != nil && (got.Kind != want.Kind || got.Cause != want.Cause || got.File != want.File || got.Object != want.Object) {
					t.Errorf("%s: failure %+v, expected %+v", far.Cells[i].ID, got, want)
				}
			}
			for i := range far.Assessment {
				got, want := far.Assessment[i], here.Assessment[i]
				if got.Class != want.Class || got.Evidence != want.Evidence || len(got.Findings) != len(want.Findings) || len(got.Objects) != len(want.Objects) {
					t.Errorf("XSA-%d on %s: %s by %s, expected %s by %s", got.XSA, got.Base, got.Class, got.Evidence, want.Class, want.Evidence)
				}
			}
			if again := s.run(func(r *Request) { r.Grouping, r.Workers = grouping, conn }); len(worked(again)) > 0 {
				t.Errorf("again: %q", worked(again))
			}
			for i, stop := range stops {
				stop()
				y.clean(dirs[i])
			}
			y.encrypted()
		})
	}
}

// TestWorkersDisturbed has three workers and the server, each a process, build a matrix.
// One worker is killed with all that it started, another is stopped for good, both while
// they compile, and the server is killed and comes back: the run comes to the same as one
// that nobody disturbed, and no task was finished twice.
func TestWorkersDisturbed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	s := newScene(t, faultPatches)
	want := results(t, s.run(func(r *Request) { r.Work = filepath.Join(s.dir, "here") }))
	y := apartYard(t)
	d := y.disturb(standIn, 2*time.Second)
	report := s.run(func(r *Request) { r.Workers, r.Event = y.connect("submitter"), d.event })
	if got := results(t, report); got != want {
		t.Errorf("disturbed\n%sexpected\n%s", got, want)
	}
	d.check()
}

// TestBench keeps a base open after a task that went well, for a while, and never after
// one that failed.
func TestBench(t *testing.T) {
	for _, c := range []struct {
		well  bool
		since time.Duration
		open  bool
	}{{true, 0, true}, {true, openFor, false}, {false, 0, false}} {
		p, b := parcel{ID: "base"}, &bench{tasks: 1}
		w := &Worker{benches: map[parcel]*bench{p: b}}
		w.leave(p, b, c.well)
		b.used = b.used.Add(-c.since)
		w.clear(openBases)
		if open := w.benches[p] == b; open != c.open {
			t.Errorf("open is %v %v after a task (%v), expected %v", open, c.since, c.well, c.open)
		}
	}
}

// TestOtherCompiler names what a worker lacks that cannot give the same bytes.
func TestOtherCompiler(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	s := newScene(t, map[string]string{"xsa901.patch": sendPatch})
	y := newYard(t)
	said := make(chan string, 10)
	conn, err := workers.Connect(t.Context(), workers.Options{URL: y.url, Key: y.key, Warn: func(text string) { said <- text }})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	other := y.connect("other")
	ctx, cancel := context.WithCancel(t.Context())
	go other.Serve(ctx, workers.Offer{Slots: 1, Needs: []workers.Need{{Compiler: "gcc 1.0, programs 000000000000", Arch: "x86_64", Tool: "another"}}})
	go func() {
		if text := <-said; !strings.Contains(text, "no worker serves") || !strings.Contains(text, "gcc 1.0, programs 000000000000") {
			t.Errorf("said %q", text)
		}
		cancel()
	}()
	r := s.request()
	r.Workers = conn
	if _, err := Run(ctx, r); err == nil {
		t.Error("somebody built it")
	}
	if ctx.Err() == nil {
		t.Error("nothing was said")
	}
}
