package workers

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// within gives a context that shows a hang.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// long leaves out what has to wait for seconds.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("waits for the server")
	}
	t.Parallel()
}

// A slowWriter takes 4 MiB in some time.
type slowWriter struct{ whole time.Duration }

func (s slowWriter) Write(p []byte) (int, error) {
	time.Sleep(s.whole * time.Duration(len(p)) / (4 << 20))
	return len(p), nil
}

// TestSlowTaker takes longer than the library's time for a request.
func TestSlowTaker(t *testing.T) {
	long(t)
	s, key := startTest(t, ServerOptions{}), newTestKey(t)
	c := connectTest(t, Options{URL: s.URL(), Key: key})
	name, err := c.Put(t.Context(), bytes.NewReader(make([]byte, 4<<20)))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), name, slowWriter{7 * time.Second}); err != nil {
		t.Error(err)
	}
	began := time.Now()
	if err := c.Get(within(t, time.Second), name, slowWriter{7 * time.Second}); err == nil || time.Since(began) > 3*time.Second {
		t.Errorf("left after %v: %v", time.Since(began), err)
	}
}

// TestPassedOff has somebody without the key give a task for its own result.
func TestPassedOff(t *testing.T) {
	s, key := startTest(t, ServerOptions{}), newTestKey(t)
	said := make(chan string, 9)
	c := connectTest(t, Options{URL: s.URL(), Key: key, Warn: func(text string) { said <- text }})
	nc, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	subject := gcc.subject() + c.taskID(gcc, []byte("x"))
	go func() {
		for t.Context().Err() == nil {
			if m, err := c.tasks.GetLastMsgForSubject(t.Context(), subject); err == nil {
				js.Publish(t.Context(), resultSubject+c.taskID(gcc, []byte("x")), m.Data)
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if text := <-said; !strings.Contains(text, "not written by a worker with this key") {
			t.Error(text)
		}
		serveTest(t, connectTest(t, Options{URL: s.URL(), Key: key}), Offer{Needs: []Need{gcc}, Slots: 1, Do: upper})
	}()
	if got, _, err := c.Do(within(t, 20*time.Second), gcc, []byte("x"), nil); err != nil || string(got) != "X" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestSubjects wants that a message only counts where it belongs.
func TestSubjects(t *testing.T) {
	key := newTestKey(t)
	sealed, err := key.sealFor(saySubject+"1", &envelope{Who: "w", Content: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	var e envelope
	if err := key.openFor(resultSubject+"1", sealed, &e); err == nil || !strings.Contains(err.Error(), saySubject) {
		t.Error(err)
	}
	if err := key.openFor(saySubject+"1", sealed, &e); err != nil || e.Who != "w" {
		t.Error(err)
	}
}

// TestTwice has the same task asked for twice at once: it is done once, and both are told.
func TestTwice(t *testing.T) {
	s, key := startTest(t, ServerOptions{}), newTestKey(t)
	c := connectTest(t, Options{URL: s.URL(), Key: key})
	var done atomic.Int64
	serveTest(t, connectTest(t, Options{URL: s.URL(), Key: key}), Offer{Needs: []Need{gcc}, Slots: 4, Do: func(ctx context.Context, input []byte, say func(string)) ([]byte, error) {
		time.Sleep(300 * time.Millisecond)
		done.Add(1)
		return upper(ctx, input, say)
	}})
	took := make(chan error)
	for range 2 {
		go func() {
			_, _, err := c.Do(within(t, lookEvery/2), gcc, []byte("x"), nil)
			took <- err
		}()
	}
	if err := errors.Join(<-took, <-took); err != nil || done.Load() != 1 {
		t.Errorf("done %d times: %v", done.Load(), err)
	}
}

// TestResumed has a submitter leave before the result, and another ask for it.
func TestResumed(t *testing.T) {
	s, key := startTest(t, ServerOptions{}), newTestKey(t)
	began, done := make(chan bool, 9), atomic.Int64{}
	serveTest(t, connectTest(t, Options{URL: s.URL(), Key: key}), Offer{Needs: []Need{gcc}, Slots: 1, Do: func(ctx context.Context, input []byte, say func(string)) ([]byte, error) {
		began <- true
		time.Sleep(300 * time.Millisecond)
		done.Add(1)
		return upper(ctx, input, say)
	}})
	first := connectTest(t, Options{URL: s.URL(), Key: key})
	go func() { <-began; first.Close() }()
	if _, _, err := first.Do(t.Context(), gcc, []byte("x"), nil); err == nil {
		t.Error("it left")
	}
	for range 2 { // while it is worked on, and after
		got, _, err := connectTest(t, Options{URL: s.URL(), Key: key}).Do(within(t, lookEvery/2), gcc, []byte("x"), nil)
		if err != nil || string(got) != "X" || done.Load() != 1 {
			t.Errorf("%q, %v, done %d times", got, err, done.Load())
		}
	}
}

// TestGivenBack has a worker stopped in a task: another has it at once.
func TestGivenBack(t *testing.T) {
	s, key := startTest(t, ServerOptions{}), newTestKey(t)
	began := make(chan bool, 9)
	w := connectTest(t, Options{URL: s.URL(), Key: key, Silence: time.Hour})
	stop := serveTest(t, w, Offer{Needs: []Need{gcc}, Slots: 1, Do: func(ctx context.Context, _ []byte, _ func(string)) ([]byte, error) {
		began <- true
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	go func() {
		<-began
		stop()
		w.Close()
		serveTest(t, connectTest(t, Options{URL: s.URL(), Key: key, Silence: time.Hour}), Offer{Needs: []Need{gcc}, Slots: 1, Do: upper})
	}()
	if _, _, err := connectTest(t, Options{URL: s.URL(), Key: key}).Do(within(t, lookEvery/2), gcc, []byte("x"), nil); err != nil {
		t.Error(err)
	}
}

// TestIdle wants that a machine which is not idle has one task at a time.
func TestIdle(t *testing.T) {
	s, key := startTest(t, ServerOptions{}), newTestKey(t)
	var idle atomic.Bool
	var now, most atomic.Int64
	serveTest(t, connectTest(t, Options{URL: s.URL(), Key: key}), Offer{Needs: []Need{gcc}, Slots: 3, Idle: idle.Load, Do: func(ctx context.Context, input []byte, _ func(string)) ([]byte, error) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		time.Sleep(300 * time.Millisecond)
		return input, nil
	}})
	c := connectTest(t, Options{URL: s.URL(), Key: key})
	three := func(inputs string) {
		took := make(chan error)
		for _, input := range inputs {
			go func() { _, _, err := c.Do(within(t, lookEvery), gcc, []byte(string(input)), nil); took <- err }()
		}
		if err := errors.Join(<-took, <-took, <-took); err != nil {
			t.Error(err)
		}
	}
	if three("abc"); most.Load() != 1 {
		t.Errorf("%d at once on a busy machine, expected 1", most.Load())
	}
	idle.Store(true)
	if three("def"); most.Load() < 2 {
		t.Errorf("%d at once on an idle machine", most.Load())
	}
}

// TestMemory wants that who is said to serve a need is who gets its task.
func TestMemory(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		need, offer int64
		serves      bool
	}{{0, 0, true}, {gib / 2, gib / 2, true}, {2 * gib, gib, false}, {2 * gib, 2 * gib, true}, {5 * gib, 6 * gib, false}, {5 * gib, 8 * gib, true}, {64 * gib, 0, true}} {
		if got := serves([]Need{{Memory: c.offer}}, Need{Memory: c.need}); got != c.serves {
			t.Errorf("%d GiB on %d: %t", c.need/gib, c.offer/gib, got)
		}
	}
}

// interrupt stops a server for some time, and loses its store if asked to.
func interrupt(t *testing.T, s *Server, dir string, down time.Duration, lose bool) {
	address := strings.TrimPrefix(s.URL(), "nats://")
	s.Close()
	if lose {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(down)
	startTest(t, ServerOptions{Listen: address, Dir: dir})
}

// TestStoreLost has the server come back with nothing: what is waited for is asked for
// again, and workers listen again.
func TestStoreLost(t *testing.T) {
	long(t)
	dir := filepath.Join(t.TempDir(), "store")
	s, key := startTest(t, ServerOptions{Dir: dir}), newTestKey(t)
	var times atomic.Int64
	began := make(chan bool, 9)
	serveTest(t, connectTest(t, Options{URL: s.URL(), Key: key}), Offer{Needs: []Need{gcc}, Slots: 2, Do: func(ctx context.Context, input []byte, say func(string)) ([]byte, error) {
		began <- true
		if times.Add(1) == 1 {
			return nil, errors.New("not now")
		}
		return upper(ctx, input, say)
	}})
	go func() { <-began; interrupt(t, s, dir, time.Second, true) }()
	if _, _, err := connectTest(t, Options{URL: s.URL(), Key: key}).Do(within(t, 40*time.Second), gcc, []byte("x"), nil); err != nil {
		t.Error(err)
	}
}

// TestLargeInterrupted has the server away when a large task, and its result, have to be
// stored: they are later, and the task is done once.
func TestLargeInterrupted(t *testing.T) {
	long(t)
	dir := filepath.Join(t.TempDir(), "store")
	s, key := startTest(t, ServerOptions{Dir: dir}), newTestKey(t)
	c := connectTest(t, Options{URL: s.URL(), Key: key})
	var done atomic.Int64
	began := make(chan bool, 9)
	serveTest(t, connectTest(t, Options{URL: s.URL(), Key: key, Silence: 5 * time.Second}), Offer{Needs: []Need{gcc}, Slots: 1, Do: func(ctx context.Context, input []byte, say func(string)) ([]byte, error) {
		done.Add(1)
		began <- true
		time.Sleep(time.Second)
		return upper(ctx, input, say)
	}})
	go func() { <-began; interrupt(t, s, dir, 7*time.Second, false) }()
	if _, _, err := c.Do(within(t, time.Minute), gcc, bytes.Repeat([]byte("x"), inline+1), nil); err != nil || done.Load() != 1 {
		t.Errorf("done %d times: %v", done.Load(), err)
	}
}

// TestInputGone loses what a task names: no machine can do it, and asked again it is stored again.
func TestInputGone(t *testing.T) {
	s, key := startTest(t, ServerOptions{}), newTestKey(t)
	c := connectTest(t, Options{URL: s.URL(), Key: key})
	input := make([]byte, inline+1)
	go func() {
		c.last(t.Context(), func(ctx context.Context) (*jetstream.RawStreamMsg, error) { // it is queued
			for {
				if m, err := c.tasks.GetLastMsgForSubject(ctx, gcc.subject()+c.taskID(gcc, input)); err == nil {
					return m, nil
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
		list, err := c.blobs.List(t.Context())
		if err != nil || len(list) != 1 {
			t.Errorf("%d stored, %v", len(list), err)
			return
		}
		if err := c.blobs.Delete(t.Context(), list[0].Name); err != nil {
			t.Error(err)
		}
		serveTest(t, connectTest(t, Options{URL: s.URL(), Key: key}), Offer{Needs: []Need{gcc}, Slots: 1, Do: upper})
	}()
	var lost *LostError
	if _, _, err := c.Do(within(t, 20*time.Second), gcc, input, nil); !errors.As(err, &lost) || !strings.Contains(lost.Last, "not found") {
		t.Error(err)
	}
	if _, _, err := c.Do(within(t, 20*time.Second), gcc, input, nil); err != nil {
		t.Errorf("asked again: %v", err)
	}
}
