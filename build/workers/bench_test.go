package workers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// BenchmarkTiny sends tasks that take no time through the queue: what is left is the
// queue. The server, the submitter and the worker share this process. Run it with
// -benchtime 1x.
func BenchmarkTiny(b *testing.B) {
	for _, tasks := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprint(tasks), func(b *testing.B) {
			for range b.N {
				s, key := startTest(b, ServerOptions{}), newTestKey(b)
				submitter := connectTest(b, Options{URL: s.URL(), Key: key, Silence: 30 * time.Second})
				stop := serveTest(b, connectTest(b, Options{URL: s.URL(), Key: key, Silence: 30 * time.Second}), Offer{Needs: []Need{gcc}, Slots: 16, Do: upper})
				began := time.Now()
				flood(b, submitter, tasks)
				seconds := time.Since(began).Seconds()
				memory, err := s.Memory()
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(tasks)/seconds, "tasks/s")
				b.ReportMetric(float64(memory)/(1<<20), "MiB")
				stop()
			}
		})
	}
}

// flood has tasks done, 256 of them in the queue at once.
func flood(b *testing.B, c *Conn, tasks int) {
	gate := make(chan struct{}, 256)
	var wg sync.WaitGroup
	for n := range tasks {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			if _, _, err := c.Do(context.Background(), gcc, fmt.Appendf(nil, "task %d", n), nil); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
}

// BenchmarkStore stores and fetches 64 MiB that cannot be packed. The server and both
// clients share this process.
func BenchmarkStore(b *testing.B) {
	data := make([]byte, 64<<20)
	random := rand.NewChaCha8([32]byte{1})
	s, key := startTest(b, ServerOptions{}), newTestKey(b)
	from, to := connectTest(b, Options{URL: s.URL(), Key: key}), connectTest(b, Options{URL: s.URL(), Key: key})
	put := func() string {
		random.Read(data) // what is there is not stored again
		name, err := from.Put(b.Context(), bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		return name
	}
	name := put()
	b.Run("put", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			put()
		}
	})
	b.Run("get", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if err := to.Get(b.Context(), name, io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
}
