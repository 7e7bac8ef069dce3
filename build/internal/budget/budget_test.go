package budget

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestNew(t *testing.T) {
	for _, c := range []struct {
		jobs   int
		memory int64
		want   int
	}{{4, 0, 4}, {4, 2 * ShareBytes, 2}, {4, 1, 1}, {2, 64 * ShareBytes, 2}} {
		if got := New(c.jobs, c.memory).Size(); got != c.want {
			t.Errorf("%d jobs, %d bytes: %d shares, expected %d", c.jobs, c.memory, got, c.want)
		}
	}
	if New(0, 0).Size() < 1 {
		t.Error("no shares at all")
	}
}

// TestTake lets many ask for one and for all: never are more out than there are, and
// all come to their end.
func TestTake(t *testing.T) {
	b := New(3, 0)
	var out atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		n := 1 + i%5 // some ask for more than there are
		wg.Go(func() {
			if err := b.Take(t.Context(), n); err != nil {
				t.Error(err)
				return
			}
			held := int64(min(n, 3))
			if now := out.Add(held); now > 3 {
				t.Errorf("%d shares are out", now)
			}
			out.Add(-held)
			b.Give(n)
		})
	}
	wg.Wait()
}

func TestTakeEnds(t *testing.T) {
	b := New(2, 0)
	if err := b.Take(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Take(ctx, 2) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := b.Take(t.Context(), 1); err != nil {
		t.Fatal("a share was lost: ", err)
	}
}

// TestIdle wants no lull between one compiler and the next.
func TestIdle(t *testing.T) {
	b := New(2, 0)
	idle := func(want bool, when string) {
		t.Helper()
		if b.Idle() != want {
			t.Errorf("idle %v %s, expected %v", !want, when, want)
		}
	}
	idle(true, "at the beginning")
	if err := b.Take(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	idle(false, "without a share")
	b.Give(1)
	idle(false, "when one has just been given back")
	time.Sleep(lull)
	idle(true, "when nobody took it")
	b.Give(1)
	idle(true, "when another came back")
}
