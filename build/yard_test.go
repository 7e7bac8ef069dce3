package build

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"lpready/build/lpbt"
	"lpready/build/workers"
)

// A yard is a server, and the key of those who use it.
type yard struct {
	t      testing.TB
	url    string
	key    *workers.Key
	dir    string    // of the server
	server *exec.Cmd // where it is a process
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

// Variables of the environment in which this test program is told to be something else.
const (
	beWorker = "LPREADY_TEST_WORKER"
	beServer = "LPREADY_TEST_SERVER"
)

// An outwork is what a worker in a process of its own is told.
type outwork struct {
	URL, Key, Dir, Tool string
	Silence             time.Duration
}

// workApart is what this test program does in place of tests when another test starts it
// as a worker.
func workApart() {
	var in outwork
	orPanic(json.Unmarshal([]byte(os.Getenv(beWorker)), &in))
	key, err := workers.ReadKey(in.Key)
	orPanic(err)
	tool, err := lpbt.Find(context.Background(), in.Tool)
	orPanic(err)
	conn, err := workers.Connect(context.Background(), workers.Options{URL: in.URL, Key: key, Silence: in.Silence})
	orPanic(err)
	w := &Worker{Conn: conn, Tool: tool, Version: "test", Work: filepath.Join(in.Dir, "work"), Cache: filepath.Join(in.Dir, "cache"), Jobs: 1, Arch: []string{"x86_64"}}
	orPanic(w.Serve(context.Background()))
}

// serveApart is the same for a server.
func serveApart() {
	var o workers.ServerOptions
	orPanic(json.Unmarshal([]byte(os.Getenv(beServer)), &o))
	_, err := workers.StartServer(o)
	orPanic(err)
	select {}
}

func orPanic(err error) {
	if err != nil {
		panic(err)
	}
}

// process starts this test program as something else, in a process group of its own.
func (y *yard) process(be string, told any) *exec.Cmd {
	y.t.Helper()
	in, err := json.Marshal(told)
	if err != nil {
		y.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		y.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), be+"="+string(in))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		y.t.Fatal(err)
	}
	y.t.Cleanup(func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); cmd.Wait() })
	return cmd
}

// apartYard is a yard whose server is a process.
func apartYard(t testing.TB) *yard {
	t.Helper()
	key, err := workers.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	y := &yard{t: t, url: "nats://" + free.Addr().String(), key: key, dir: t.TempDir()}
	free.Close()
	y.server = y.serve()
	return y
}

// serve starts the yard's server and waits until it answers.
func (y *yard) serve() *exec.Cmd {
	y.t.Helper()
	address := strings.TrimPrefix(y.url, "nats://")
	cmd := y.process(beServer, workers.ServerOptions{Listen: address, Dir: y.dir})
	for range 500 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return cmd
		}
		time.Sleep(20 * time.Millisecond)
	}
	y.t.Error("the server does not come up")
	return cmd
}

// A disturbance is what happens to three workers and their server while they build.
type disturbance struct {
	*yard
	workers map[string]*exec.Cmd // that nothing has happened to, by the end of their names
	signals []syscall.Signal     // that are still to be sent
	back    chan struct{}        // closed when the server is there again; nil before it was killed
}

// disturb starts three workers with a tool, which lose their task when they say nothing
// for a while.
func (y *yard) disturb(tool string, silence time.Duration) *disturbance {
	y.t.Helper()
	key := filepath.Join(y.t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(y.key.String()), 0o600); err != nil {
		y.t.Fatal(err)
	}
	d := &disturbance{yard: y, workers: map[string]*exec.Cmd{}, signals: []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP}}
	for range 3 {
		cmd := y.process(beWorker, outwork{y.url, key, y.t.TempDir(), tool, silence})
		d.workers[fmt.Sprintf(":%d", cmd.Process.Pid)] = cmd
	}
	y.t.Cleanup(func() {
		if d.back != nil {
			<-d.back
		}
	})
	return d
}

// event waits for workers that compile: the first is killed, the second is stopped, and
// when the third does, the server is killed.
func (d *disturbance) event(e Event) {
	if !strings.Contains(e.Detail, "compiling before and after") {
		return
	}
	for name, cmd := range d.workers {
		switch {
		case !strings.HasSuffix(e.Detail, name):
		case len(d.signals) > 0:
			syscall.Kill(-cmd.Process.Pid, d.signals[0])
			d.signals = d.signals[1:]
			delete(d.workers, name)
		case d.back == nil:
			d.back = make(chan struct{})
			go func() {
				defer close(d.back)
				syscall.Kill(-d.server.Process.Pid, syscall.SIGKILL)
				d.server.Wait()
				time.Sleep(time.Second)
				d.server = d.serve()
			}()
		}
	}
}

// check wants that all has happened, and of the server that each task has one result.
func (d *disturbance) check() {
	d.t.Helper()
	if d.back == nil {
		d.t.Fatalf("signals %v were not sent, or the server was not killed", d.signals)
	}
	<-d.back
	nc, err := nats.Connect(d.url)
	if err != nil {
		d.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		d.t.Fatal(err)
	}
	var tasks, results jetstream.StreamState
	for range 50 { // a task is taken off the list after its result is there
		state := map[string]jetstream.StreamState{}
		for info := range js.ListStreams(d.t.Context()).Info() {
			state[info.Config.Name] = info.State
		}
		if tasks, results = state["LPREADY_TASKS"], state["LPREADY_RESULTS"]; tasks.Msgs == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if tasks.LastSeq == 0 || tasks.Msgs != 0 || results.LastSeq != tasks.LastSeq {
		d.t.Errorf("%d tasks were queued, %d are left, %d results were taken: expected one for each, and none left", tasks.LastSeq, tasks.Msgs, results.LastSeq)
	}
	tell("disturbed: %d tasks, %d results", tasks.LastSeq, results.LastSeq)
}
