package workers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
var classes = []int64{2 << 30, 8 << 30, 32 << 30, 128 << 30}

func (n Need) class() int {
	for i, enough := range classes {
		if n.Memory <= enough {
			return i
		}
	}
	return len(classes) - 1
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
	id := c.taskID(need, input)
	told := c.await(id)
	defer c.forget(id)
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
		}
	}
}

// await gets told of a result.
func (c *Conn) await(id string) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.waiting[id]
	if told == nil {
		told = make(chan struct{}, 1)
		c.waiting[id] = told
	}
	return told
}

func (c *Conn) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// followResults has all who wait told of results as they come.
func (c *Conn) followResults(ctx context.Context) (err error) {
	c.follow.Do(func() {
		err = c.again(ctx, func(context.Context) error {
			results, err := c.results.OrderedConsumer(c.ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{resultSubject + ">"}, DeliverPolicy: jetstream.DeliverNewPolicy,
				HeadersOnly: true})
			if err != nil {
				return err
			}
			_, err = results.Consume(func(m jetstream.Msg) {
				c.mu.Lock()
				defer c.mu.Unlock()
				select {
				case c.waiting[strings.TrimPrefix(m.Subject(), resultSubject)] <- struct{}{}:
				default: // nobody waits, or is told already
				}
			})
			return err
		})
	})
	return err
}

// result is that of a task, nil where there is none yet.
func (c *Conn) result(ctx context.Context, id string) (*envelope, error) {
	var e *envelope
	err := c.again(ctx, func(ctx context.Context) error {
		m, err := c.results.GetLastMsgForSubject(ctx, resultSubject+id)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		e, err = c.read(m.Data)
		return err
	})
	return e, err
}

func (c *Conn) read(sealed []byte) (*envelope, error) {
	data, err := c.key.open(sealed)
	if err != nil {
		return nil, err
	}
	e := &envelope{}
	return e, decode(data, e)
}

// unpack gives what is in a result. One that says that nobody finished the task is
// taken away, so that it can be tried again.
func (c *Conn) unpack(ctx context.Context, id string, e *envelope) ([]byte, string, error) {
	if e.Failed != "" {
		err := c.results.Purge(ctx, jetstream.WithPurgeSubject(resultSubject+id))
		return nil, e.Who, errors.Join(&LostError{Deliveries: e.Deliveries, Last: e.Failed}, err)
	}
	content, err := c.content(ctx, e)
	return content, e.Who, err
}

// content is what an envelope carries or names.
func (c *Conn) content(ctx context.Context, e *envelope) ([]byte, error) {
	if e.Stored == "" {
		return e.Content, nil
	}
	var b bytes.Buffer
	err := c.again(ctx, func(context.Context) error {
		b.Reset()
		return c.Get(ctx, e.Stored, &b)
	})
	return b.Bytes(), err
}

// pack seals an envelope, and stores what is too large for a message.
func (c *Conn) pack(ctx context.Context, e envelope) ([]byte, error) {
	if len(e.Content) > inline {
		name, err := c.Put(ctx, bytes.NewReader(e.Content))
		if err != nil {
			return nil, err
		}
		e.Content, e.Stored = nil, name
	}
	data, err := encode(&e)
	if err != nil {
		return nil, err
	}
	return c.key.seal(data)
}

// queue puts a task into the queue, unless it is there or being worked on. Later it is
// only looked whether it still is, since a server may have lost what it stored.
func (c *Conn) queue(ctx context.Context, need Need, id string, input []byte, first bool) error {
	subject := need.subject() + id
	if !first {
		gone := false
		err := c.again(ctx, func(ctx context.Context) error {
			_, err := c.tasks.GetLastMsgForSubject(ctx, subject)
			if gone = errors.Is(err, jetstream.ErrMsgNotFound); gone {
				return nil
			}
			return err
		})
		if err != nil || !gone {
			return err
		}
		if e, err := c.result(ctx, id); e != nil || err != nil {
			return err // it came in between; the caller looks again
		}
	}
	message, err := c.pack(ctx, envelope{Content: input})
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
	data, err := c.key.open(m.Data)
	var e envelope
	if err == nil && decode(data, &e) == nil {
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
		c.warn("no worker serves what cells need (%s): %s", need, cmp.Or(strings.Join(offers, "; "), "no worker is there"))
	}
}

// Drop takes the result of a task away, so that the next who asks has it done again.
func (c *Conn) Drop(ctx context.Context, need Need, input []byte) error {
	return c.results.Purge(ctx, jetstream.WithPurgeSubject(resultSubject+c.taskID(need, input)))
}
