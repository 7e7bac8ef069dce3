package build

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lpready/build/lpbt"
	"lpready/build/workers"
)

// A yard is a server, and the key of those who use it.
type yard struct {
	t   testing.TB
	url string
	key *workers.Key
	dir string // of the server
}

func newYard(t testing.TB) *yard {
	t.Helper()
	key, err := workers.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	y := &yard{t: t, key: key, dir: t.TempDir()}
	server, err := workers.StartServer(workers.ServerOptions{Listen: "127.0.0.1:0", Dir: y.dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	y.url = server.URL()
	return y
}

func (y *yard) connect(name string) *workers.Conn {
	y.t.Helper()
	conn, err := workers.Connect(y.t.Context(), workers.Options{URL: y.url, Key: y.key, Name: name, Silence: 2 * time.Second})
	if err != nil {
		y.t.Fatal(err)
	}
	y.t.Cleanup(conn.Close)
	return conn
}

// work starts a worker with caches of its own and gives what stops it.
func (y *yard) work(name string, tool *lpbt.Tool) (dir string, stop func()) {
	y.t.Helper()
	dir = y.t.TempDir()
	w := &Worker{Conn: y.connect(name), Tool: tool, Version: "test", Work: filepath.Join(dir, "work"), Cache: filepath.Join(dir, "cache"), Jobs: 2, Arch: []string{"x86_64"}}
	ctx, cancel := context.WithCancel(y.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Serve(ctx); err != nil {
			y.t.Errorf("%s: %v", name, err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	y.t.Cleanup(stop)
	return dir, stop
}

// TestWorkers builds the same matrix here and by workers: the same payloads, to the
// byte, the same verdicts and failures, and the next run takes over what it finds.
func TestWorkers(t *testing.T) {
	patches := map[string]string{"xsa901.patch": sendPatch, "xsa902.patch": findPatch, "xsa903.patch": notePatch, "xsa904.patch": badPatch, "xsa905.patch": asking("refuse", oddPatch)}
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

// clean wants nothing of a patch or a payload where a worker was.
func (y *yard) clean(dir string) {
	y.t.Helper()
	y.search(dir, func(name string, data []byte) {
		if strings.Contains(name, "payload") || bytes.Contains(data, []byte("return -22")) || bytes.Contains(data, []byte(".livepatch.funcs")) {
			y.t.Errorf("the worker leaves %s", name)
		}
	})
}

// encrypted wants nothing that can be read where the server keeps things.
func (y *yard) encrypted() {
	y.t.Helper()
	stored := 0
	y.search(y.dir, func(name string, data []byte) {
		stored += len(data)
		for _, word := range []string{"return -22", "event_send", "xsa901", "XSA-901", ".livepatch", "CONFIG_LIVEPATCH", "AGE-SECRET"} {
			if bytes.Contains(data, []byte(word)) {
				y.t.Errorf("%q can be read in %s", word, name)
			}
		}
	})
	if stored < 10_000 {
		y.t.Errorf("%d bytes stored: this is not where the server keeps things", stored)
	}
}

func (y *yard) search(dir string, look func(name string, data []byte)) {
	y.t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		look(name, data)
		return err
	})
	if err != nil {
		y.t.Fatal(err)
	}
}

// An outwork is what a worker in a process of its own is told.
type outwork struct{ URL, Key, Dir, Tool string }

// workApart is what this test program does in place of tests when another test starts it
// as a worker.
func workApart() {
	var in outwork
	fatal := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	fatal(json.Unmarshal([]byte(os.Getenv("LPREADY_TEST_WORKER")), &in))
	key, err := workers.ReadKey(in.Key)
	fatal(err)
	tool, err := lpbt.Find(context.Background(), in.Tool)
	fatal(err)
	conn, err := workers.Connect(context.Background(), workers.Options{URL: in.URL, Key: key, Silence: 2 * time.Second})
	fatal(err)
	w := &Worker{Conn: conn, Tool: tool, Version: "test", Work: filepath.Join(in.Dir, "work"), Cache: filepath.Join(in.Dir, "cache"), Jobs: 1, Arch: []string{"x86_64"}}
	fatal(w.Serve(context.Background()))
}

// apart starts a worker in a process of its own group, and gives what its
// name ends in.
func (y *yard) apart(key string) (cmd *exec.Cmd, name string) {
	y.t.Helper()
	in, err := json.Marshal(outwork{y.url, key, y.t.TempDir(), standIn})
	if err != nil {
		y.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		y.t.Fatal(err)
	}
	cmd = exec.Command(self)
	cmd.Env = append(os.Environ(), "LPREADY_TEST_WORKER="+string(in))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		y.t.Fatal(err)
	}
	y.t.Cleanup(func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); cmd.Wait() })
	return cmd, fmt.Sprintf(":%d", cmd.Process.Pid)
}

// TestWorkersDisturbed has three workers, each a process, build a matrix. The first that
// says what it does is killed with all that it started, the second is stopped for good,
// and the run comes to the same as one that nobody disturbed.
func TestWorkersDisturbed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	s := newScene(t, faultPatches)
	want := results(t, s.run(func(r *Request) { r.Work = filepath.Join(s.dir, "here") }))
	y := newYard(t)
	key := s.write("key", y.key.String())
	names := map[string]*exec.Cmd{}
	for range 3 {
		cmd, name := y.apart(key)
		names[name] = cmd
	}
	signals := []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP}
	report := s.run(func(r *Request) {
		r.Workers = y.connect("submitter")
		r.Event = func(e Event) {
			for name, cmd := range names {
				if len(signals) > 0 && strings.HasSuffix(e.Detail, name) {
					syscall.Kill(-cmd.Process.Pid, signals[0])
					delete(names, name)
					signals = signals[1:]
				}
			}
		}
	})
	if got := results(t, report); got != want || len(signals) > 0 {
		t.Errorf("%d signals were not sent, and\n%sexpected\n%s", len(signals), got, want)
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
