package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lpready/build/kbuild"
	"lpready/build/lpbt"
)

// faultPatches make four cells; the tool takes a second longer for one of them.
var faultPatches = map[string]string{"xsa901.patch": sendPatch, "xsa902.patch": asking("pause", findPatch)}

// results is what a run must come to, whatever happened before: the statuses, and the
// digests of what is shipped.
func results(t testing.TB, r *Report) string {
	t.Helper()
	var b strings.Builder
	for _, c := range r.Cells {
		fmt.Fprintf(&b, "%s %s", c.ID, c.Status)
		if c.Payload != nil {
			name := filepath.Join(r.Out, c.Payload.Path)
			if c.Payload.Path == "" { // refused, so that it is not handed out
				name = payloadOf(t, filepath.Dir(r.Out), &c)
			}
			sum, err := digestFile(name)
			if err != nil || sum != c.Payload.SHA256 {
				t.Errorf("%s: shipped is %s, %v", c.ID, sum, err)
			}
			fmt.Fprintf(&b, " %s", sum)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// payloadOf is the file of a cell's payload in a folder of work.
func payloadOf(t testing.TB, work string, c *Cell) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(work, stateDir, fileName(c.Base), cellsDir, fileName(c.Name), phasePayload+"-*", payloadFile))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: payloads %q, %v", c.ID, found, err)
	}
	return found[0]
}

// runApart is what this test program does in place of tests when another test starts
// it to be killed: one run in a scene that is there already.
func runApart() {
	var in struct {
		Dir, Tool string
		Patches   map[string]string
	}
	if err := json.Unmarshal([]byte(os.Getenv("LPREADY_TEST_RUN")), &in); err != nil {
		panic(err)
	}
	standIn = in.Tool
	testing.Init()
	ok := testing.RunTests(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "run", F: func(t *testing.T) {
		s := &scene{t: t, dir: in.Dir, patches: in.Patches}
		if _, err := Run(context.Background(), s.request()); err != nil {
			t.Fatal(err)
		}
	}}})
	if !ok {
		os.Exit(3)
	}
	os.Exit(0)
}

// apart starts a run in a process of its own group.
func (s *scene) apart() *exec.Cmd {
	s.t.Helper()
	in, err := json.Marshal(map[string]any{"Dir": s.dir, "Tool": standIn, "Patches": s.patches})
	if err != nil {
		s.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "LPREADY_TEST_RUN="+string(in))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return cmd
}

// TestKilled kills runs with all of their process group at twenty random moments: five
// of them each on folders of its own, the rest one after the other on the same. The
// next run comes to the same as one that nobody killed.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	clean := newScene(t, faultPatches)
	whole := time.Now()
	want := results(t, clean.run(nil))
	took := time.Since(whole)
	random := rand.New(rand.NewPCG(5, uint64(took)))
	kept, killed := 0, 0
	var same *scene
	for n := range 20 {
		s := same
		if s == nil {
			s = newScene(t, faultPatches)
		}
		if n == 5 {
			same = s
		}
		cmd := s.apart()
		time.Sleep(time.Duration(random.Int64N(int64(took))))
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err == nil {
			killed++
		}
		cmd.Wait()
		if n >= 5 && n%5 != 4 {
			continue
		}
		r := s.run(nil)
		if got := results(t, r); got != want {
			t.Fatalf("after kill %d: %s, expected %s", n, got, want)
		}
		for _, c := range r.Cells {
			kept += len(slices.DeleteFunc(slices.Clone(c.Phases), func(p Phase) bool { return !p.Kept }))
			if len(c.Redone) > 0 {
				t.Errorf("kill %d: %s was done again: %q", n, c.ID, c.Redone)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(r.Out+"*", "*.new-*")); len(left) > 0 {
			t.Errorf("left over: %q", left)
		}
	}
	t.Logf("%d of 20 were killed while they ran, of %v; the runs after them took over %d phases", killed, took.Round(time.Millisecond), kept)
}

// TestDiskFull runs out of room on a file system of its own at several sizes, and
// goes on when there is room.
func TestDiskFull(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some ten seconds")
	}
	want := results(t, newScene(t, faultPatches).run(nil))
	for _, size := range []string{"40k", "80k", "120k"} {
		s := newScene(t, faultPatches)
		work := filepath.Join(s.dir, "work")
		if err := os.Mkdir(work, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("none", work, "tmpfs", 0, "size="+size); err != nil {
			t.Skipf("no file system can be mounted here: %v", err)
		}
		t.Cleanup(func() { syscall.Unmount(work, syscall.MNT_DETACH) })
		r, err := Run(t.Context(), s.request())
		if err == nil && r.Totals.Machine == 0 && results(t, r) != want {
			t.Errorf("%s: %s", size, results(t, r))
		}
		t.Logf("%s: %v", size, err)
		if err := syscall.Mount("none", work, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
			t.Fatal(err)
		}
		if got := results(t, s.run(nil)); got != want {
			t.Errorf("%s: with room again: %s, expected %s", size, got, want)
		}
	}
}

// once is a program that dies once by a signal, where a file says so, and is another
// program otherwise.
func once(t *testing.T, dir, name, signal, real string) (flag string) {
	t.Helper()
	flag = filepath.Join(dir, name+".dies")
	text := fmt.Sprintf("#!/bin/sh\n[ -e '%[1]s' ] && rm '%[1]s' && kill -%[2]s $$\nexec '%[3]s' \"$@\"\n", flag, signal, real)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return flag
}

// TestToolCrash has the tool die of a segmentation fault, once.
func TestToolCrash(t *testing.T) {
	s := newScene(t, faultPatches)
	want := results(t, s.run(nil))
	dir := t.TempDir()
	for _, name := range []string{"livepatch-gcc", "create-diff-object", "prelink"} {
		if err := os.Link(filepath.Join(standIn, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	flag := once(t, dir, "livepatch-build", "SEGV", filepath.Join(standIn, "livepatch-build"))
	tool, err := lpbt.Find(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	change := func(r *Request) { r.Tool = tool }
	r := s.run(change)
	if r.Totals.Machine != 1 || r.Totals.ByStatus[Failed] != 1 {
		t.Fatalf("%s, %+v", statuses(r), r.Totals)
	}
	for _, c := range r.Cells {
		if c.Failure != nil && !strings.Contains(c.Failure.Cause, "segmentation fault") {
			t.Errorf("cause %q", c.Failure.Cause)
		}
	}
	r = s.run(change)
	if got := results(t, r); got != want {
		t.Errorf("%s, expected %s", got, want)
	}
	if got := worked(r); len(got) != 1 {
		t.Errorf("the run after it did %q", got)
	}
}

// TestCompilerKilled kills the compiler of a base, and that of a patched unit.
func TestCompilerKilled(t *testing.T) {
	want := results(t, newScene(t, faultPatches).run(nil))
	dir := t.TempDir()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip(err)
	}
	flag := once(t, dir, "gcc", "KILL", gcc)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	s := newScene(t, faultPatches)
	// dieAt runs with a compiler that dies once something is going on.
	dieAt := func(at func(Event) bool) (*Report, error) {
		r, armed := s.request(), false
		r.Event = func(e Event) {
			if !armed && at(e) {
				armed = true
				if err := os.WriteFile(flag, nil, 0o600); err != nil {
					t.Error(err)
				}
			}
		}
		return Run(t.Context(), r)
	}
	_, err = dieAt(func(e Event) bool { return strings.Contains(e.Detail, "compiling") })
	var failed *kbuild.FailedError
	if !errors.As(err, &failed) || failed.Fault != kbuild.Machine {
		t.Errorf("base: %v", err)
	}
	s.run(func(r *Request) { r.Only = []string{} }) // the bases are compiled and the batch assessed
	r, err := dieAt(func(e Event) bool { return e.Phase == phaseObjects })
	if err != nil || r.Totals.Machine != 1 {
		t.Errorf("patched: %v", err)
	}
	if got := results(t, s.run(nil)); got != want {
		t.Errorf("%s, expected %s", got, want)
	}
}
