package workers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newTestKey(t testing.TB) *Key {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func startTest(t testing.TB, o ServerOptions) *Server {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	s, err := StartServer(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func connectTest(t testing.TB, o Options) *Conn {
	t.Helper()
	if o.Silence == 0 {
		o.Silence = time.Second
	}
	c, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serveTest has a worker serve until the test ends.
func serveTest(t testing.TB, c *Conn, o Offer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.Serve(ctx, o); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

var gcc = Need{Compiler: "gcc 12", Arch: "x86_64"}

func upper(_ context.Context, input []byte, say func(string)) ([]byte, error) {
	say("raising " + string(input[:min(len(input), 10)]))
	return bytes.ToUpper(input), nil
}

func TestDo(t *testing.T) {
	s, key := startTest(t, ServerOptions{}), newTestKey(t)
	submitter := connectTest(t, Options{URL: s.URL(), Key: key, Name: "submitter"})
	var done atomic.Int64
	serveTest(t, connectTest(t, Options{URL: s.URL(), Key: key, Name: "worker"}), Offer{Needs: []Need{gcc}, Slots: 4,
		Do: func(ctx context.Context, input []byte, say func(string)) ([]byte, error) {
			done.Add(1)
			return upper(ctx, input, say)
		}})
	large := bytes.Repeat([]byte("patch "), 200_000)
	for _, input := range [][]byte{[]byte("one"), large, []byte("one")} {
		got, who, err := submitter.Do(t.Context(), gcc, input, func(who, what string) {
			if who != "worker" || !strings.HasPrefix(what, "raising ") {
				t.Errorf("%s says %q", who, what)
			}
		})
		if err != nil || !bytes.Equal(got, bytes.ToUpper(input)) || who != "worker" {
			t.Errorf("%d bytes: %d bytes of %q, %v", len(input), len(got), who, err)
		}
	}
	if n := done.Load(); n != 2 {
		t.Errorf("%d tasks were done, expected that the same one is done once", n)
	}
	if list := submitter.Workers(); len(list) != 1 || list[0].Name != "worker" || list[0].Slots != 4 || !serves(list[0].Offers, gcc) {
		t.Errorf("workers %+v", list)
	}
	if err := submitter.Drop(t.Context(), gcc, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := submitter.Do(t.Context(), gcc, []byte("one"), nil); err != nil || done.Load() != 3 {
		t.Errorf("dropped, and not done again: %v, %d", err, done.Load())
	}
}

// TestNeeds gives each task to who can serve it.
func TestNeeds(t *testing.T) {
	s, key := startTest(t, ServerOptions{}), newTestKey(t)
	clang, small := Need{Compiler: "clang 14", Arch: "x86_64"}, gcc
	small.Memory = 1 << 30
	for name, need := range map[string]Need{"clang": clang, "small": small, "large": {Compiler: "gcc 12", Arch: "x86_64", Memory: 64 << 30}} {
		serveTest(t, connectTest(t, Options{URL: s.URL(), Key: key, Name: name}), Offer{Needs: []Need{need}, Slots: 1, Do: upper})
	}
	submitter := connectTest(t, Options{URL: s.URL(), Key: key})
	hungry := gcc
	hungry.Memory = 20 << 30
	for n := range 5 {
		for who, need := range map[string]Need{"clang": clang, "large": hungry} {
			if _, got, err := submitter.Do(t.Context(), need, fmt.Appendf(nil, "%d", n), nil); err != nil || got != who {
				t.Errorf("%s: done by %q, expected %s; %v", need, got, who, err)
			}
		}
	}
}

// TestLost gives a task that no machine can do to some, says what the last one said, and
// tries again when it is asked again.
func TestLost(t *testing.T) {
	s, key := startTest(t, ServerOptions{}), newTestKey(t)
	var mended atomic.Bool
	serveTest(t, connectTest(t, Options{URL: s.URL(), Key: key}), Offer{Needs: []Need{gcc}, Slots: 1,
		Do: func(ctx context.Context, input []byte, say func(string)) ([]byte, error) {
			if !mended.Load() {
				return nil, errors.New("no space left on device")
			}
			return input, nil
		}})
	submitter := connectTest(t, Options{URL: s.URL(), Key: key})
	_, _, err := submitter.Do(t.Context(), gcc, []byte("x"), nil)
	var lost *LostError
	if !errors.As(err, &lost) || lost.Deliveries != deliveries || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("%v", err)
	}
	mended.Store(true)
	if _, _, err := submitter.Do(t.Context(), gcc, []byte("x"), nil); err != nil {
		t.Errorf("mended: %v", err)
	}
}

func TestBlobs(t *testing.T) {
	dir := t.TempDir()
	s, key := startTest(t, ServerOptions{Dir: dir}), newTestKey(t)
	c := connectTest(t, Options{URL: s.URL(), Key: key})
	secret := bytes.Repeat([]byte("embargoed patch\n"), 50_000)
	first, err := c.Put(t.Context(), bytes.NewReader(secret))
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Put(t.Context(), bytes.NewReader(secret))
	if err != nil || first != second {
		t.Errorf("stored as %s and %s: %v", first, second, err)
	}
	var got bytes.Buffer
	if err := c.Get(t.Context(), first, &got); err != nil || !bytes.Equal(got.Bytes(), secret) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	// Another content under the name, by somebody who has the key of another run.
	if _, err := c.blobs.PutBytes(t.Context(), first, mustSeal(t, key, []byte("forged"))); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), first, &got); err == nil || !strings.Contains(err.Error(), "not what was stored") {
		t.Errorf("forged: %v", err)
	}
	if err := c.Get(t.Context(), "none", &got); err == nil {
		t.Error("there is none")
	}
	unreadable(t, dir, "embargoed patch")
}

func mustSeal(t testing.TB, k *Key, plain []byte) []byte {
	t.Helper()
	data, err := k.seal(plain)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// unreadable wants that nothing below a folder holds a text.
func unreadable(t *testing.T, dir, text string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		if bytes.Contains(data, []byte(text)) {
			t.Errorf("%s can be read in %s", text, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzDecode(f *testing.F) {
	good, err := encode(&envelope{Content: []byte("x"), Who: "y"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		var e envelope
		var p Presence
		decode(data, &e)
		decode(data, &p)
	})
}
