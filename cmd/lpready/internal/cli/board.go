package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"lpready/build"
)

// A board shows a matrix on a terminal: a line for each cell that is worked on, with
// its phase and how long that lasts already, and a line of totals with a forecast.
type board struct {
	app     *app
	mu      sync.Mutex
	running map[string]working
	last    build.Event
	left    *float64
	at      time.Time // when left was told
	began   time.Time
	lines   int // on the terminal
	over    chan struct{}
	done    sync.WaitGroup
}

// A working is what a cell or a base is in the middle of.
type working struct {
	phase, detail string
	since         time.Time
}

// board returns a function that is told what goes on, and one that takes it off the
// terminal. On anything but a terminal both do next to nothing: who asked for more
// gets a plain line for each cell that is over.
func (a *app) board() (tell func(build.Event), wipe func()) {
	if !a.StderrTTY || a.quiet {
		return func(e build.Event) {
			if e.Kind == "cell" {
				a.detail("%d of %d: %s: %s: %s", e.Done, e.Total, e.Cell, e.State, e.Detail)
			}
		}, func() {}
	}
	b := &board{app: a, running: map[string]working{}, began: a.Now(), over: make(chan struct{})}
	b.done.Go(b.tick)
	return b.tell, func() {
		close(b.over)
		b.done.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		b.clear()
	}
}

// tick redraws, so that times go on.
func (b *board) tick() {
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-b.over:
			return
		case <-t.C:
			b.mu.Lock()
			b.draw()
			b.mu.Unlock()
		}
	}
}

func (b *board) tell(e build.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = e
	if e.Left != nil {
		b.left, b.at = e.Left, e.Time
	}
	name := e.Cell
	if name == "" {
		name = e.Base
	}
	switch {
	case name == "":
	case e.Kind == "cell" || e.Kind == "base" && e.State == "finished":
		delete(b.running, name)
	case e.State == "running":
		w := b.running[name]
		w.detail = e.Detail
		b.running[name] = w
	case e.State == "started":
		b.running[name] = working{phase: e.Phase, since: e.Time}
	}
}

// lineLength is how much of a line fits a narrow terminal: one that wraps could not be
// taken off again.
const lineLength = 78

// draw writes the board over the one before.
func (b *board) draw() {
	now := b.app.Now()
	b.clear()
	for _, name := range slices.Sorted(maps.Keys(b.running)) {
		w := b.running[name]
		line := fmt.Sprintf("  %-28s %-8s %6s  %s", brief(name), w.phase, clockOf(now.Sub(w.since)), brief(w.detail))
		fmt.Fprintln(b.app.Stderr, string([]rune(line)[:min(len([]rune(line)), lineLength)]))
		b.lines++
	}
	total := "preparing the bases, " + clockOf(now.Sub(b.began))
	if b.last.Total > 0 {
		total = fmt.Sprintf("%d of %d cells, %s", b.last.Done, b.last.Total, clockOf(now.Sub(b.began)))
	}
	if b.left != nil && b.last.Done < b.last.Total {
		left := time.Duration(*b.left*float64(time.Second)) - now.Sub(b.at)
		total += ", about " + clockOf(max(left, time.Second)) + " left"
	}
	fmt.Fprintf(b.app.Stderr, "%s\n", total)
	b.lines++
}

// clear takes the board off the terminal.
func (b *board) clear() {
	if b.lines > 0 {
		fmt.Fprint(b.app.Stderr, strings.Repeat("\x1b[A\r\x1b[K", b.lines))
	}
	b.lines = 0
}

// clockOf is a time as minutes and seconds.
func clockOf(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
