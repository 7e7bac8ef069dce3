package build

import (
	"bytes"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"lpready/analyze"
	"lpready/build/internal/lock"
	"lpready/build/lpbt"
)

var batch = map[string]string{"xsa901.patch": sendPatch, "xsa902.patch": findPatch, "xsa903.patch": notePatch, "xsa904.patch": oddPatch}

// TestMatrix builds a batch on two bases, in both modes.
func TestMatrix(t *testing.T) {
	for _, mode := range Modes {
		s := newScene(t, batch)
		r := s.run(func(r *Request) {
			if r.Mode = mode; mode == Faithful {
				for i := range r.Bases {
					r.Bases[i].Symbols += eightBytes
				}
			}
		})
		want := "plain/xsa901 ready, tracing/xsa901 ready, plain/xsa902 ready, tracing/xsa902 ready, plain/xsa903 nothing, tracing/xsa903 nothing, plain/xsa904 unplaced, tracing/xsa904 unplaced"
		if got := statuses(r); got != want {
			t.Errorf("%s: %s", mode, got)
			for _, c := range r.Cells {
				t.Logf("%s %s: %s; %+v", c.ID, c.Class, c.Why, c.Failure)
			}
			continue
		}
		c := r.Cells[0]
		if c.Payload.Path != path.Join(r.Bases[0].BuildID, "xsa901.livepatch") || digest(s.out(c.Payload.Path)) != c.Payload.SHA256 || c.Payload.Depends != r.Bases[0].BuildID {
			t.Errorf("%s: payload %+v", mode, c.Payload)
		}
		m := s.manifest(strings.TrimSuffix(c.Payload.Path, ".livepatch") + ".json")
		if len(m.Patches) != 1 || m.Patches[0].Name != "xsa901.patch" || m.Inputs["payload"] != c.Payload.SHA256 || m.Inputs["tool"] == "" || len(m.Assessment) != 1 || m.Cell.Verify == nil {
			t.Errorf("%s: manifest %+v", mode, m)
		}
		z, err := zstd.NewReader(bytes.NewReader(s.out(path.Join(path.Dir(c.Payload.Path), m.Log))))
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		if _, err := log.ReadFrom(z); err != nil || !strings.Contains(log.String(), "xsa901.livepatch created successfully") || !strings.Contains(log.String(), "==> create-diff-object.log <==") {
			t.Errorf("%s: log %q, %v", mode, log.String(), err)
		}
		if last := s.events[len(s.events)-1]; last.Kind != "cell" || last.Done != 8 || last.Total != 8 || last.Left == nil || *last.Left != 0 {
			t.Errorf("%s: last event %+v", mode, last)
		}
	}
}

// TestGroupings stacks payloads and makes one of all.
func TestGroupings(t *testing.T) {
	patches := map[string]string{"xsa901.patch": sendPatch, "xsa902.patch": findPatch, "xsa905.patch": onSend}
	s := newScene(t, patches)
	only := func(g Grouping) func(*Request) {
		return func(r *Request) { r.Bases, r.Grouping = r.Bases[:1], g }
	}
	r := s.run(only(Separate))
	if got := statuses(r); got != "plain/xsa901 ready, plain/xsa902 ready, plain/xsa905 ready" || !slices.Equal(r.Cells[2].Holds, []string{"XSA-901"}) {
		t.Errorf("separate: %s, %+v", got, r.Cells[2].Holds)
	}
	r = s.run(only(Stacked))
	id := r.Bases[0].BuildID
	for i, c := range r.Cells {
		if c.Payload == nil {
			t.Fatalf("stacked: %s: %+v", c.ID, c.Failure)
		}
		depends := id
		if i > 0 {
			depends = r.Cells[i-1].Payload.BuildID
		}
		if c.Payload.Depends != depends || c.Status != Ready || len(c.Holds) > 0 {
			t.Errorf("stacked: %s depends on %s, expected %s; %s: %s", c.ID, c.Payload.Depends, depends, c.Status, c.Why)
		}
	}
	if c := r.Cells[2]; c.On != "plain/xsa902" {
		t.Errorf("stacked: %+v", c)
	}
	r = s.run(only(Cumulative))
	if got := statuses(r); got != "plain/xsa905-cumulative ready" || !slices.Equal(r.Cells[0].XSAs, []int{901, 902, 905}) {
		t.Errorf("cumulative: %s: %s", got, r.Cells[0].Why)
	}
	if n := len(r.Cells[0].Verify.Functions); n != 2 {
		t.Errorf("cumulative: %d functions", n)
	}
}

// TestBlocked has a stack break where its first payload cannot be built.
func TestBlocked(t *testing.T) {
	s := newScene(t, map[string]string{"xsa901.patch": asking("refuse", sendPatch), "xsa902.patch": findPatch})
	r := s.run(func(r *Request) { r.Grouping = Stacked })
	if got := statuses(r); got != "plain/xsa901 failed, tracing/xsa901 failed, plain/xsa902 blocked, tracing/xsa902 blocked" {
		t.Errorf("%s", got)
	}
	f := r.Cells[0].Failure
	if f == nil || f.Kind != lpbt.Rejected || f.Object != "xen/common/event.o" || !f.Final() {
		t.Errorf("%+v", f)
	}
	// What fails for good is not tried again, unless somebody asks for it.
	again := s.run(func(r *Request) { r.Grouping = Stacked })
	if got := worked(again); len(got) > 0 || statuses(again) != statuses(r) {
		t.Errorf("again: %q, %s", got, statuses(again))
	}
	s.run(func(r *Request) { r.Grouping, r.Retry = Stacked, true })
	if !slices.ContainsFunc(s.events, func(e Event) bool { return e.Phase == phasePayload && e.State == "started" }) {
		t.Error("not retried")
	}
}

// TestMistake has a patch that does not compile.
func TestMistake(t *testing.T) {
	r := newScene(t, map[string]string{"xsa901.patch": badPatch}).run(nil)
	f := r.Cells[0].Failure
	if f == nil || f.Kind != lpbt.NoCompile || f.File != "xen/common/event.c:11" || r.Totals.Machine > 0 {
		t.Errorf("%+v: %s", f, r.Cells[0].Why)
	}
}

// TestResume changes one input after the other and wants exactly what it touches to be
// done again, with the reason.
func TestResume(t *testing.T) {
	s := newScene(t, map[string]string{"xsa901.patch": sendPatch, "xsa902.patch": findPatch})
	first := s.run(nil)
	if got := worked(first); len(got) != 12 {
		t.Fatalf("%q", got)
	}
	expect := func(what string, change func(*Request), cells []string, phases int, why string) {
		t.Helper()
		r := s.run(change)
		touched := map[string]bool{}
		for _, w := range worked(r) {
			touched[w[:strings.IndexByte(w, ':')]] = true
		}
		if !slices.Equal(sortedNames(touched), cells) || len(worked(r)) != phases {
			t.Errorf("%s: done again %q, expected %d phases of %q", what, worked(r), phases, cells)
		}
		for _, c := range r.Cells {
			if c.Status != Ready {
				t.Errorf("%s: %s %s: %s", what, c.ID, c.Status, c.Why)
			}
			if slices.Contains(cells, c.ID) != slices.ContainsFunc(c.Redone, func(s string) bool { return strings.Contains(s, why) }) && why != "" {
				t.Errorf("%s: %s: %q, expected %q", what, c.ID, c.Redone, why)
			}
		}
	}
	expect("nothing", nil, nil, 0, "")
	s.patches["xsa902.patch"] = strings.Replace(findPatch, "id >= 0", "id > 0", 1)
	expect("a new version of a patch", nil, []string{"plain/xsa902", "tracing/xsa902"}, 4, "objects: patch is another")
	s.patches["xsa902.patch"] = "From: somebody else\n" + s.patches["xsa902.patch"]
	expect("a new message of a patch", nil, nil, 0, "")

	configs["tracing"] += "CONFIG_MORE=y\n"
	defer func() { configs["tracing"] = strings.TrimSuffix(configs["tracing"], "CONFIG_MORE=y\n") }()
	expect("a configuration", nil, []string{"tracing/xsa901", "tracing/xsa902"}, 4, "objects: configuration is another")

	tool := t.TempDir()
	for _, name := range []string{"livepatch-build", "livepatch-gcc", "create-diff-object", "prelink"} {
		data, err := os.ReadFile(filepath.Join(standIn, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tool, name), append(data, 0), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	other := func(r *Request) {
		var err error
		if r.Tool, err = lpbt.Find(t.Context(), tool); err != nil {
			t.Fatal(err)
		}
	}
	all := []string{"plain/xsa901", "plain/xsa902", "tracing/xsa901", "tracing/xsa902"}
	expect("a tool", other, all, 4, "payload: tool is another")
	expect("this program", func(r *Request) { other(r); r.Version = "next" }, all, 4, "verify: program is another")
	next := func(r *Request) { other(r); r.Version = "next" }

	damaged, err := filepath.Glob(filepath.Join(s.dir, "work", stateDir, "plain", cellsDir, "xsa901", "payload-*", payloadFile))
	if err != nil || len(damaged) != 1 {
		t.Fatal(damaged, err)
	}
	if err := os.WriteFile(damaged[0], []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("a damaged payload", next, []string{"plain/xsa901"}, 1, "payload: payload.livepatch is not as it was written")

	// --only leaves the others as they are, and takes over what they have.
	s.patches["xsa901.patch"] = strings.Replace(sendPatch, "-22", "-33", 1)
	r := s.run(func(r *Request) { next(r); r.Only = []string{"plain/xsa901"} })
	if got := statuses(r); got != "plain/xsa901 ready, tracing/xsa901 left-out, plain/xsa902 ready, tracing/xsa902 ready" {
		t.Error(got)
	}
	req := s.request()
	req.Only = []string{"plain/xsa999"}
	var unknown *UnknownCellError
	if _, err := Run(t.Context(), req); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "tracing/xsa902") {
		t.Errorf("%v", err)
	}
}

// TestSame builds the same twice, in other folders, and wants the same payloads and
// the same archives of the same folder.
func TestSame(t *testing.T) {
	var sums []string
	for range 2 {
		s := newScene(t, batch)
		r := s.run(nil)
		sums = append(sums, results(t, r))
		for _, end := range Archives {
			var packed [][]byte
			for _, name := range []string{"one", "two"} {
				to := filepath.Join(s.dir, name+end)
				if err := Archive(r.Out, to); err != nil {
					t.Fatal(err)
				}
				packed = append(packed, readFile(t, to))
			}
			if !bytes.Equal(packed[0], packed[1]) || len(packed[0]) == 0 {
				t.Errorf("%s: %d and %d bytes that differ", end, len(packed[0]), len(packed[1]))
			}
		}
		if err := Archive(r.Out, filepath.Join(s.dir, "x.zip")); err == nil || !strings.Contains(err.Error(), ".tar.zst or .tar.xz") {
			t.Errorf("%v", err)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("%s and %s", sums[0], sums[1])
	}
}

// TestXenServer names a payload as XenServer's packages do.
func TestXenServer(t *testing.T) {
	s := newScene(t, map[string]string{"xsa901.patch": sendPatch})
	naming := Naming{XenServer: true, To: "4.14.1-10.21.xs8"}
	release := func(r *Request) {
		r.Bases, r.Grouping, r.Naming = r.Bases[:1], Cumulative, naming
		r.Bases[0].Vendor.Release = "4.14.0-10.20.xs8"
	}
	r := s.run(release)
	c := r.Cells[0]
	if name := path.Base(c.Payload.Path); name != "lp_4_14_0__10_20_xs8__4_14_1__10_21_xs8.livepatch" {
		t.Error(name)
	}
	if link, err := os.Readlink(filepath.Join(r.Out, r.Bases[0].BuildID, "livepatch.livepatch")); err != nil || link != path.Base(c.Payload.Path) {
		t.Error(link, err)
	}
	req := s.request()
	for _, n := range []struct {
		naming   Naming
		grouping Grouping
	}{{naming, Separate}, {Naming{XenServer: true, To: "4.14.1"}, Cumulative}, {naming, Cumulative}} {
		if err := n.naming.Check(n.grouping, req.Bases); err == nil {
			t.Errorf("%+v, %s: no error, though the bases have no release", n.naming, n.grouping)
		}
	}
}

func TestBusy(t *testing.T) {
	s := newScene(t, batch)
	req := s.request()
	if err := os.MkdirAll(req.Work, 0o700); err != nil {
		t.Fatal(err)
	}
	held, err := lock.Try(filepath.Join(req.Work, "lock"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	if _, err := Run(t.Context(), req); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
}

// TestClasses builds only what was asked for.
func TestClasses(t *testing.T) {
	s := newScene(t, batch)
	r := s.run(func(r *Request) { r.Classes = []analyze.Class{"hard"} })
	if n := r.Totals.ByStatus[LeftOut]; n != 6 {
		t.Errorf("%d left out: %s", n, statuses(r))
	}
	r = s.run(func(r *Request) { r.XSAs = []int{902} })
	if n := r.Totals.ByStatus[Ready]; n != 2 || r.Totals.ByStatus[LeftOut] != 4 {
		t.Errorf("%s", statuses(r))
	}
}

// FuzzState reads whatever may stand in a state.json: nothing outside the folder is
// touched, and what is taken for whole has the files that it names.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"done":[{"phase":"objects","dir":"objects-1","files":{"a":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}}]}`))
	f.Add([]byte(`{"version":1,"done":[{"phase":"objects","dir":"../outside","files":{"../../a":""}}]}`))
	f.Add([]byte(`{"version":1,"failed":{"phase":"payload","kind":"rejected"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		top := t.TempDir()
		for name, text := range map[string]string{"outside/a": "a", "cell/objects-1/a": "a", "cell/state.json": string(data)} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(top, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := openState(filepath.Join(top, "cell"))
		if err != nil {
			return
		}
		for _, phase := range phaseNames {
			if d := s.whole(phase, nil); d != nil {
				for name := range d.Files {
					if !filepath.IsLocal(name) || d.Dir == "" && name != "a" {
						t.Errorf("%s: %q in %q", phase, name, d.Dir)
					}
				}
			}
		}
		if _, err := os.Stat(filepath.Join(top, "outside", "a")); err != nil {
			t.Error(err)
		}
	})
}
