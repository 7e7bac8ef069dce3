package workers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// label names a need without its memory.
func (n Need) label() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{n.Compiler, n.Arch, n.Tool}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// classes are steps of memory, in bytes: a task is of the first that is enough for it, or
// of the last, and a worker takes those of the steps that it has. The first is for all.
var classes = []int64{1 << 30, 2 << 30, 4 << 30, 8 << 30, 16 << 30, 32 << 30, 64 << 30}

func (n Need) class() int {
	for i, enough := range classes {
		if n.Memory <= enough {
			return i
		}
	}
	return len(classes) - 1
}

// reach is how many classes an offer serves, from the first.
func (n Need) reach() int {
	if n.Memory == 0 {
		return len(classes)
	}
	for i, least := range classes[1:] {
		if n.Memory < least {
			return i + 1
		}
	}
	return len(classes)
}

func (n Need) subject() string { return fmt.Sprintf("%s%s.%d.", taskSubject, n.label(), n.class()) }

// taskID names a task by what it is: the same task is not done twice.
func (c *Conn) taskID(n Need, input []byte) string {
	return c.key.name([]byte(n.label()), input)[:32]
}

// Do has a task done by some worker and gives its result, and who gave it. The result
// may be there already, of a submitter that did not live to see it. progress, which may
// be nil, is told what the worker says. The error is a LostError where no worker
// finished the task; to ask again is to try again.
func (c *Conn) Do(ctx context.Context, need Need, input []byte, progress func(who, what string)) (result []byte, who string, err error) {
	if len(input) > maxContent {
		return nil, "", fmt.Errorf("a task of %d bytes, expected at most %d", len(input), maxContent)
	}
	id := c.taskID(need, input)
	told := c.await(id)
	defer c.forget(id, told)
	if progress != nil {
		sub, err := c.nc.Subscribe(saySubject+id, func(m *nats.Msg) { c.told(m, progress) })
		if err != nil {
			return nil, "", err
		}
		defer sub.Unsubscribe()
	}
	if err := c.followResults(ctx); err != nil {
		return nil, "", err
	}
	began := time.Now()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for first := true; ; first = false {
		e, err := c.result(ctx, id)
		if err != nil {
			return nil, "", err
		}
		if e != nil {
			return c.unpack(ctx, id, e)
		}
		if err := c.queue(ctx, need, id, input, first); err != nil {
			return nil, "", err
		}
		select {
		case <-told:
		case <-look.C:
			c.missing(need, began)
		case <-ctx.Done():
			return nil, "", context.Cause(ctx)
		case <-c.ctx.Done():
			return nil, "", context.Cause(c.ctx)
		}
	}
}

// await gets told of a result. Several may wait for the same.
func (c *Conn) await(id string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := make(chan struct{}, 1)
	c.waiting[id] = append(c.waiting[id], told)
	return told
}

func (c *Conn) forget(id string, told chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := slices.DeleteFunc(c.waiting[id], func(w chan struct{}) bool { return w == told })
	if c.waiting[id] = left; len(left) == 0 {
		delete(c.waiting, id)
	}
}

// wake tells those who wait for a result.
func (c *Conn) wake(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, told := range c.waiting[id] {
		select {
		case told <- struct{}{}:
		default: // it is told already
		}
	}
}

// followResults has all who wait told of results as they come.
func (c *Conn) followResults(ctx context.Context) error {
	c.follow.Lock()
	defer c.follow.Unlock()
	if c.following {
		return nil
	}
	err := c.again(ctx, func(context.Context) error {
		results, err := c.results.OrderedConsumer(c.ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{resultSubject + ">"}, DeliverPolicy: jetstream.DeliverNewPolicy,
			HeadersOnly: true})
		if err != nil {
			return err
		}
		_, err = results.Consume(func(m jetstream.Msg) { c.wake(strings.TrimPrefix(m.Subject(), resultSubject)) },
			jetstream.PullExpiry(4*time.Second), jetstream.PullHeartbeat(time.Second)) // a server that came back is noticed soon
		return err
	})
	c.following = err == nil
	return err
}

// result is that of a task, nil where there is none yet. One that cannot be read is
// nobody's who has the key: it is taken away, so that the task is done.
func (c *Conn) result(ctx context.Context, id string) (*envelope, error) {
	m, err := c.last(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return c.results.GetLastMsgForSubject(ctx, resultSubject+id)
	})
	if m == nil || err != nil {
		return nil, err
	}
	e := &envelope{}
	if err := c.key.openFor(m.Subject, m.Data, e); err != nil {
		c.warn("a result on %s was not written by a worker with this key, it does not count: %v", c.options.server(), err)
		return nil, c.remove(ctx, c.results, resultSubject+id)
	}
	return e, nil
}

// last gets a message, nil where there is none.
func (c *Conn) last(ctx context.Context, get func(context.Context) (*jetstream.RawStreamMsg, error)) (m *jetstream.RawStreamMsg, err error) {
	err = c.again(ctx, func(ctx context.Context) error {
		m, err = get(ctx)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			m = nil
			return nil
		}
		return err
	})
	return m, err
}

func (c *Conn) remove(ctx context.Context, from jetstream.Stream, subject string) error {
	return c.again(ctx, func(ctx context.Context) error { return from.Purge(ctx, jetstream.WithPurgeSubject(subject)) })
}

// unpack gives what is in a result. One that says that nobody finished the task, or whose
// content is not there, is taken away, so that it can be tried again.
func (c *Conn) unpack(ctx context.Context, id string, e *envelope) ([]byte, string, error) {
	if e.Failed != "" {
		return nil, e.Who, errors.Join(&LostError{Deliveries: e.Deliveries, Last: e.Failed}, c.remove(ctx, c.results, resultSubject+id))
	}
	content, err := c.content(ctx, e)
	if final(err) {
		err = errors.Join(err, c.remove(ctx, c.results, resultSubject+id))
	}
	return content, e.Who, err
}

// content is what an envelope carries or names.
func (c *Conn) content(ctx context.Context, e *envelope) ([]byte, error) {
	if e.Stored == "" {
		return e.Content, nil
	}
	var b bounded
	err := c.again(ctx, func(context.Context) error {
		b.Reset()
		return c.Get(ctx, e.Stored, &b)
	})
	return b.Bytes(), err
}

// A bounded buffer takes what a task or a result may be.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(data []byte) (int, error) {
	if b.Len()+len(data) > maxContent {
		return 0, finalError{fmt.Errorf("more than %d bytes", maxContent)}
	}
	return b.Buffer.Write(data)
}

// ReadFrom keeps io.Copy from going around Write.
func (b *bounded) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{b}, r) }

// pack seals an envelope for a subject, and stores what is too large for a message.
func (c *Conn) pack(ctx context.Context, subject string, e envelope) ([]byte, error) {
	if len(e.Content) > inline {
		name, err := c.Put(ctx, bytes.NewReader(e.Content))
		if err != nil {
			return nil, err
		}
		e.Content, e.Stored = nil, name
	}
	return c.key.sealFor(subject, &e)
}

// queue puts a task into the queue, unless it is there or being worked on. Later it is
// only looked whether it still is, since a server may have lost what it stored.
func (c *Conn) queue(ctx context.Context, need Need, id string, input []byte, first bool) error {
	subject := need.subject() + id
	if !first {
		m, err := c.last(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
			return c.tasks.GetLastMsgForSubject(ctx, subject)
		})
		if m != nil || err != nil {
			return err
		}
		if e, err := c.result(ctx, id); e != nil || err != nil {
			return err // it came in between; the caller looks again
		}
	}
	message, err := c.pack(ctx, subject, envelope{Content: input})
	if err != nil {
		return err
	}
	return c.publishOnce(ctx, subject, message)
}

// publishOnce publishes what must not be there already; if it is, that is well.
func (c *Conn) publishOnce(ctx context.Context, subject string, message []byte) error {
	return c.again(ctx, func(ctx context.Context) error {
		_, err := c.js.Publish(ctx, subject, message, jetstream.WithExpectLastSequencePerSubject(0))
		if there(err) {
			return nil
		}
		return err
	})
}

// there tells whether the server refused a message because there is one.
func there(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) && (refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// told passes on what a worker says.
func (c *Conn) told(m *nats.Msg, progress func(who, what string)) {
	var e envelope
	if c.key.openFor(m.Subject, m.Data, &e) == nil {
		progress(e.Who, string(e.Content))
	}
}

// missing says, once, that nobody serves a need.
func (c *Conn) missing(need Need, since time.Time) {
	if time.Since(since) < patience {
		return
	}
	var offers []string
	for _, w := range c.Workers() {
		if serves(w.Offers, need) {
			return
		}
		for _, o := range w.Offers {
			offers = append(offers, fmt.Sprintf("%s has %s", w.Name, o))
		}
	}
	c.mu.Lock()
	warned := c.warned[need.String()]
	c.warned[need.String()] = true
	c.mu.Unlock()
	if !warned {
		c.warn("no worker serves what cells need (%s; memory goes by powers of two): %s", need, cmp.Or(strings.Join(offers, "; "), "no worker is there"))
	}
}

// Drop takes the result of a task away, so that the next who asks has it done again.
func (c *Conn) Drop(ctx context.Context, need Need, input []byte) error {
	return c.remove(ctx, c.results, resultSubject+c.taskID(need, input))
}
