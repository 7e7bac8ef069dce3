package workers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// An Offer is what a worker can do.
type Offer struct {
	Needs []Need      // that it serves
	Slots int         // tasks at once, at most
	Idle  func() bool // where set, a task besides others is only taken while it holds

	// Do does a task. An error is this machine's: the task goes to another worker.
	Do func(ctx context.Context, input []byte, progress func(string)) ([]byte, error)
}

// A server of tasks is a worker at work.
type serving struct {
	*Conn
	offer Offer
	host  string
	lists []jetstream.Consumer

	mu   sync.Mutex
	busy int
	free chan struct{} // told when a slot gets free
}

// Serve works on tasks until the context ends; those in hand are given back. The error
// is a RefusedError where this worker is not wanted any more.
func (c *Conn) Serve(ctx context.Context, o Offer) error {
	host, _ := os.Hostname()
	s := &serving{Conn: c, offer: o, host: host, free: make(chan struct{}, 1)}
	if err := s.subscribe(ctx); err != nil {
		return err
	}
	beats, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(context.Cause(c.ctx)) })()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { s.beat(beats) })
	for t := (turn{pause: shortPause}); ; {
		if err := s.slot(beats); err != nil {
			if refused := context.Cause(beats); errors.As(refused, new(*RefusedError)) {
				return refused
			}
			return nil // it was stopped
		}
		m := s.take(beats, &t)
		if m == nil {
			continue
		}
		s.count(1)
		all.Go(func() {
			defer s.count(-1)
			s.work(beats, m)
		})
	}
}

// subscribe makes the lists that the worker takes tasks from: one for each need, and
// each class of memory that it has.
func (s *serving) subscribe(ctx context.Context) error {
	roll, err := s.nc.Subscribe(rollSubject, func(*nats.Msg) { s.present() })
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { roll.Unsubscribe() })
	return s.again(ctx, s.list)
}

// list makes the lists, if they are not there.
func (s *serving) list(ctx context.Context) error {
	var lists []jetstream.Consumer
	for _, need := range s.offer.Needs {
		for class := range need.reach() {
			list, err := s.tasks.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: fmt.Sprintf("%s-%d", need.label(), class),
				FilterSubject: fmt.Sprintf("%s%s.%d.>", taskSubject, need.label(), class), AckPolicy: jetstream.AckExplicitPolicy, AckWait: s.options.Silence,
				MaxDeliver: -1, MaxAckPending: 100_000})
			if err != nil {
				return err
			}
			lists = append(lists, list)
		}
	}
	s.lists = lists
	return nil
}

func (s *serving) count(by int) {
	s.mu.Lock()
	s.busy += by
	s.mu.Unlock()
	select {
	case s.free <- struct{}{}:
	default:
	}
}

// room tells whether another task may be taken.
func (s *serving) room() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy == 0 || s.busy < s.offer.Slots && (s.offer.Idle == nil || s.offer.Idle())
}

// slot waits until another task may be taken.
func (s *serving) slot(ctx context.Context) error {
	for ctx.Err() == nil && !s.room() {
		select {
		case <-s.free:
		case <-time.After(100 * time.Millisecond): // Idle tells nobody
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// Times between looks at lists in which nothing is.
const (
	shortPause = 10 * time.Millisecond
	longPause  = 500 * time.Millisecond
)

// A turn is which list comes next, and how long to wait where all are empty.
type turn struct {
	next  int
	pause time.Duration
}

// take gets a task, from the lists in turn, first from that which had the last one; nil
// where there is none now.
func (s *serving) take(ctx context.Context, t *turn) jetstream.Msg {
	lost := false
	for range s.lists {
		batch, err := s.lists[t.next%len(s.lists)].FetchNoWait(1)
		if err == nil {
			for m := range batch.Messages() {
				t.pause = shortPause
				return m
			}
			lost = lost || batch.Error() != nil
		}
		t.next++
	}
	if lost { // the server may have lost its store, or is not ready
		one, cancel := context.WithTimeout(ctx, lookEvery)
		if _, err := s.furnish(one); err == nil {
			s.list(one)
		}
		cancel()
	}
	select {
	case <-time.After(t.pause):
	case <-ctx.Done():
	}
	t.pause = min(2*t.pause, longPause)
	return nil
}

// work does a task and publishes its result before the queue forgets it.
func (s *serving) work(ctx context.Context, m jetstream.Msg) {
	id := m.Subject()[len(m.Subject())-32:]
	alive, stop := context.WithCancel(ctx)
	defer stop()
	go s.keep(alive, m)
	meta, err := m.Metadata()
	if err != nil {
		return
	}
	e := &envelope{}
	if err := s.key.openFor(m.Subject(), m.Data(), e); err != nil {
		s.warn("a task on %s was not written with this key: %v", s.options.server(), err)
		m.NakWithDelay(s.options.Silence)
		return
	}
	if there, err := s.result(ctx, id); err != nil || there != nil {
		if there != nil {
			s.done(ctx, m)
		}
		return
	}
	given := int(meta.NumDelivered)
	if given > deliveries { // whoever had it died of it
		s.finish(ctx, m, id, envelope{Failed: "it ended without a word", Deliveries: given - 1})
		return
	}
	result, err := s.attempt(ctx, e, id)
	switch {
	case ctx.Err() != nil:
		m.Nak() // it was stopped: another may have it at once
	case err != nil && given >= deliveries:
		s.finish(ctx, m, id, envelope{Failed: err.Error(), Deliveries: given})
	case err != nil:
		s.warn("a task goes to another worker: %v", err)
		m.NakWithDelay(s.options.Silence / 10)
	default:
		s.finish(ctx, m, id, envelope{Content: result})
	}
}

// attempt does a task.
func (s *serving) attempt(ctx context.Context, e *envelope, id string) ([]byte, error) {
	input, err := s.content(ctx, e)
	if err != nil {
		return nil, err
	}
	result, err := s.offer.Do(ctx, input, func(what string) {
		s.say(saySubject+id, &envelope{Who: s.options.Name, Content: []byte(what)})
	})
	if len(result) > maxContent {
		err = fmt.Errorf("a result of %d bytes, expected at most %d", len(result), maxContent)
	}
	return result, err
}

// finish publishes a result, unless there is one, and takes the task off the queue.
func (s *serving) finish(ctx context.Context, m jetstream.Msg, id string, e envelope) {
	e.Who = s.options.Name
	message, err := s.pack(ctx, resultSubject+id, e)
	if err == nil {
		err = s.publishOnce(ctx, resultSubject+id, message)
	}
	if err != nil {
		s.warn("a result cannot be given back: %v", err)
		return
	}
	s.done(ctx, m)
}

func (s *serving) done(ctx context.Context, m jetstream.Msg) {
	one, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	m.DoubleAck(one) // if that gets lost the task comes again, and its result is there
}

// keep tells the server that the task is being worked on.
func (s *serving) keep(ctx context.Context, m jetstream.Msg) {
	for tick := time.NewTicker(s.options.Silence / 3); ; {
		select {
		case <-tick.C:
			m.InProgress()
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}

// present says that the worker is there.
func (s *serving) present() {
	s.mu.Lock()
	busy := s.busy
	s.mu.Unlock()
	s.say(beatSubject, &Presence{Name: s.options.Name, Host: s.host, Offers: s.offer.Needs, Slots: s.offer.Slots, Busy: busy})
}

// beat says so again and again.
func (s *serving) beat(ctx context.Context) {
	for {
		s.present()
		select {
		case <-time.After(beatEvery):
		case <-ctx.Done():
			return
		}
	}
}
