package workers

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// This test program is a server or a worker where its environment says so.
func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch os.Getenv("LPREADY_TEST_PART") {
	case "server":
		s, err := StartServer(ServerOptions{Listen: os.Getenv("LPREADY_TEST_LISTEN"), Dir: os.Getenv("LPREADY_TEST_DIR")})
		if err != nil {
			panic(err)
		}
		fmt.Println("serving", s.URL())
		<-ctx.Done()
		s.Close()
		return
	case "worker":
		workApart(ctx)
		return
	}
	os.Exit(m.Run())
}

// workApart serves tasks that take some tenths of a second, and says on its output when
// it begins one and when it has done it.
func workApart(ctx context.Context) {
	key, err := ReadKey(os.Getenv("LPREADY_TEST_KEY"))
	if err != nil {
		panic(err)
	}
	c, err := Connect(ctx, Options{URL: os.Getenv("LPREADY_TEST_URL"), Key: key, Silence: time.Second})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	fmt.Println("ready")
	err = c.Serve(ctx, Offer{Needs: []Need{gcc}, Slots: 2, Do: func(ctx context.Context, input []byte, say func(string)) ([]byte, error) {
		fmt.Println("began", string(input))
		time.Sleep(300 * time.Millisecond)
		fmt.Println("done", string(input))
		return upper(ctx, input, say)
	}})
	if err != nil {
		panic(err)
	}
}

// A part is a process of the test.
type part struct {
	t   *testing.T
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string
}

func startPart(t *testing.T, env ...string) *part {
	t.Helper()
	p := &part{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	return p
}

// said counts the lines with a beginning.
func (p *part) said(begin string) (n int, last string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lines {
		if strings.HasPrefix(l, begin) {
			n, last = n+1, strings.TrimPrefix(l, begin)
		}
	}
	return n, last
}

// hears waits until a process has said something.
func (p *part) hears(begin string, times int) string {
	p.t.Helper()
	for range 2000 {
		if n, last := p.said(begin); n >= times {
			return strings.TrimSpace(last)
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Fatalf("a process did not say %q %d times", begin, times)
	return ""
}

func (p *part) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// TestDisturbed has a server and three workers, each a process, do forty tasks. One
// worker is killed in the middle of a task, one is stopped and goes on much later, and
// the server is killed and comes back: every task has its result, once.
func TestDisturbed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	key := newTestKey(t)
	file := writeTest(t, 0o600, key.String())
	dir := filepath.Join(t.TempDir(), "store")
	server := startPart(t, "LPREADY_TEST_PART=server", "LPREADY_TEST_LISTEN=127.0.0.1:0", "LPREADY_TEST_DIR="+dir)
	url := server.hears("serving ", 1)
	submitter := connectTest(t, Options{URL: url, Key: key})
	var list []*part
	for range 3 {
		w := startPart(t, "LPREADY_TEST_PART=worker", "LPREADY_TEST_URL="+url, "LPREADY_TEST_KEY="+file)
		w.hears("ready", 1)
		list = append(list, w)
	}
	const tasks = 40
	began := time.Now()
	var wg sync.WaitGroup
	for n := range tasks {
		wg.Go(func() {
			input := fmt.Sprintf("task %d", n)
			got, _, err := submitter.Do(t.Context(), gcc, []byte(input), nil)
			if err != nil || string(got) != strings.ToUpper(input) {
				t.Errorf("%s: %q, %v", input, got, err)
			}
		})
	}
	list[0].hears("began", 2)
	list[0].signal(syscall.SIGKILL)
	list[1].hears("began", 2)
	list[1].signal(syscall.SIGSTOP)
	list[2].hears("began", 4)
	server.signal(syscall.SIGKILL)
	server.cmd.Wait()
	time.Sleep(time.Second)
	server = startPart(t, "LPREADY_TEST_PART=server", "LPREADY_TEST_LISTEN="+strings.TrimPrefix(url, "nats://"), "LPREADY_TEST_DIR="+dir)
	server.hears("serving ", 1)
	wg.Wait()
	took := time.Since(began)
	list[1].signal(syscall.SIGCONT)
	time.Sleep(2 * time.Second) // it finds out that others have done what it had
	info, err := submitter.results.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Msgs != tasks || info.State.LastSeq != tasks {
		t.Errorf("%d results, the last is number %d: expected %d of each", info.State.Msgs, info.State.LastSeq, tasks)
	}
	left, err := submitter.tasks.Info(t.Context())
	if err != nil || left.State.Msgs != 0 {
		t.Errorf("%d tasks are left: %v", left.State.Msgs, err)
	}
	started := 0
	for _, w := range list {
		n, _ := w.said("began")
		started += n
	}
	t.Logf("%d tasks in %v, begun %d times, %d results", tasks, took.Round(time.Millisecond), started, info.State.Msgs)
}
