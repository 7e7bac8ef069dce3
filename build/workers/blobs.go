package workers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
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
	info, err := c.blobs.GetInfo(ctx, name)
	if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return "", err
	}
	if err == nil && time.Since(info.ModTime) < keepBlobs/2 { // it will not go while it is needed
		return name, nil
	}
	return name, c.again(ctx, func(context.Context) error {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return err
		}
		sealed, w := io.Pipe()
		go func() { w.CloseWithError(c.sealTo(w, r)) }()
		_, err := c.blobs.Put(ctx, jetstream.ObjectMeta{Name: name}, sealed)
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
	from, err := c.blobs.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("stored as %.12s: %w", name, err)
	}
	defer from.Close()
	plain, err := age.Decrypt(from, c.key.identity)
	if err != nil {
		return fmt.Errorf("stored as %.12s: %w", name, err)
	}
	h := c.key.mac()
	if _, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(plain, maxBlob)); err != nil {
		return fmt.Errorf("stored as %.12s: %w", name, err)
	}
	return check(name, h)
}

func check(name string, h hash.Hash) error {
	if sum := hex.EncodeToString(h.Sum(nil)); sum != name {
		return fmt.Errorf("stored as %.12s: this is not what was stored", name)
	}
	return nil
}
