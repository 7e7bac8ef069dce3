package workers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
	"github.com/nats-io/nats.go/jetstream"
)

// Put stores something for the other participants, encrypted, and gives its name. What
// is there already is not stored again.
func (c *Conn) Put(ctx context.Context, r io.ReadSeeker) (name string, err error) {
	h := c.key.mac()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	name = hex.EncodeToString(h.Sum(nil))
	return name, c.again(ctx, func(one context.Context) error {
		info, err := c.blobs.GetInfo(one, name)
		if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
			return err
		}
		if err == nil && time.Since(info.ModTime) < keepBlobs/2 { // it will not go while it is needed
			return nil
		}
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return err
		}
		sealed, w := io.Pipe()
		go func() { w.CloseWithError(c.sealTo(w, r)) }()
		_, err = c.blobs.Put(ctx, jetstream.ObjectMeta{Name: name}, sealed)
		sealed.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		return err
	})
}

func (c *Conn) sealTo(w io.Writer, r io.Reader) error {
	to, err := age.Encrypt(w, c.key.identity.Recipient())
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, r); err != nil {
		return err
	}
	return to.Close()
}

// maxBlob bounds what is stored under one name, in bytes.
const maxBlob = 8 << 30

// Get writes what is stored under a name. That it is what was stored is known at the
// end.
func (c *Conn) Get(ctx context.Context, name string, w io.Writer) error {
	if err := c.get(ctx, name, w); err != nil {
		return fmt.Errorf("stored as %.12s: %w", name, err)
	}
	return nil
}

func (c *Conn) get(ctx context.Context, name string, w io.Writer) error {
	from, err := c.fetch(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return finalError{err}
	}
	if err != nil {
		return err
	}
	defer from.Close()
	noted := &notedReader{from: from}
	err = c.openTo(w, noted, name)
	if err != nil && noted.err == nil { // it all came, or w does not take it
		return finalError{err}
	}
	return err
}

// openTo decrypts what is stored under a name.
func (c *Conn) openTo(w io.Writer, from io.Reader, name string) error {
	plain, err := age.Decrypt(from, c.key.identity)
	if err != nil {
		return err
	}
	h := c.key.mac()
	if _, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(plain, maxBlob)); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != name {
		return errors.New("this is not what was stored")
	}
	return nil
}

// A notedReader remembers that reading failed.
type notedReader struct {
	from io.Reader
	err  error
}

func (r *notedReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, jetstream.ErrDigestMismatch) {
		r.err = err
	}
	return n, err
}

// Times of what is fetched.
const (
	longest = 24 * time.Hour   // in all
	stalled = 60 * time.Second // that nothing comes
)

// fetch streams what is stored. The library ends a transfer after seconds unless the
// context has a deadline, and then only ends it there, whoever waits: so it gets one far
// away, and what it reads goes through a pipe that can be left.
func (c *Conn) fetch(ctx context.Context, name string) (io.ReadCloser, error) {
	whole, cancel := context.WithTimeout(ctx, longest)
	slow := time.AfterFunc(lookEvery, cancel)
	from, err := c.blobs.Get(whole, name)
	slow.Stop()
	if err != nil {
		cancel()
		return nil, err
	}
	r, w := io.Pipe()
	leave := context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
	go func() {
		defer cancel()
		defer from.Close()
		defer leave()
		w.CloseWithError(pass(w, from))
	}()
	return r, nil
}

// pass copies until the end, and leaves what does not go on. That the taker takes its
// time does not count.
func pass(w *io.PipeWriter, from io.Reader) error {
	watch := time.AfterFunc(stalled, func() { w.CloseWithError(fmt.Errorf("nothing came for %v", stalled)) })
	defer watch.Stop()
	for part := make([]byte, 128<<10); ; {
		watch.Reset(stalled)
		n, err := from.Read(part)
		watch.Stop()
		if _, gone := w.Write(part[:n]); gone != nil {
			return gone
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
