package advisory

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	maxFetch   = 16 << 20 // bytes of one file
	partSuffix = ".part"  // of a file that is not complete
	maxTries   = 5        // transfers of one file
	firstPause = 500 * time.Millisecond
)

// A passing is an error that may go away when the transfer is tried again.
type passing struct{ error }

func (p passing) Unwrap() error { return p.error }

// retry repeats step with growing pauses while its errors are passing ones.
func (f *fetcher) retry(step func() error) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := step()
		var p passing
		if err == nil || !errors.As(err, &p) || f.ctx.Err() != nil {
			return err
		}
		if try == maxTries {
			return fmt.Errorf("given up after %d tries: %w", maxTries, err)
		}
		if err := f.sleep(f.ctx, pause); err != nil {
			return err
		}
		pause *= 2
	}
}

// request asks for a file from an offset on. Errors name the address; one for
// a file that the site does not have matches fs.ErrNotExist.
func (f *fetcher) request(name string, offset int64) (*http.Response, error) {
	address := f.base + "/" + name
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity") // offsets and sums are those of the file
	req.Header.Set("User-Agent", "lpready")
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := f.client.Do(req)
	if err != nil {
		if errors.Is(err, errRedirect) {
			return nil, err
		}
		return nil, passing{err}
	}
	switch code := resp.StatusCode; {
	case code == http.StatusOK, code == http.StatusPartialContent && offset > 0, code == http.StatusRequestedRangeNotSatisfiable && offset > 0:
		return resp, nil
	case code == http.StatusNotFound, code == http.StatusGone:
		err = fmt.Errorf("%s: %s: %w", address, resp.Status, fs.ErrNotExist)
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		err = passing{fmt.Errorf("%s: %s", address, resp.Status)}
	default:
		err = fmt.Errorf("%s: %s", address, resp.Status)
	}
	resp.Body.Close()
	return nil, err
}

// get reads a file without a known checksum into memory; such a file is never
// resumed, for it could have changed in between.
func (f *fetcher) get(name string, limit int64) ([]byte, error) {
	var b bytes.Buffer
	err := f.retry(func() error {
		b.Reset()
		resp, err := f.request(name, 0)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return f.copy(name, &b, resp, 0, limit)
	})
	return b.Bytes(), err
}

// copy reads a body, of which offset bytes were there before.
func (f *fetcher) copy(name string, w io.Writer, resp *http.Response, offset, limit int64) error {
	total := int64(-1)
	if resp.ContentLength >= 0 {
		total = offset + resp.ContentLength
	}
	if total > limit {
		return tooBig(f, name, limit)
	}
	body := &reported{r: io.LimitReader(resp.Body, limit-offset+1), fetcher: f, name: name, done: offset, total: total}
	n, err := io.Copy(w, body)
	var write *fs.PathError
	switch {
	case errors.As(err, &write):
		return err
	case err != nil:
		return passing{fmt.Errorf("%s/%s: %w", f.base, name, err)}
	case offset+n > limit:
		return tooBig(f, name, limit)
	}
	return nil
}

func tooBig(f *fetcher, name string, limit int64) error {
	return fmt.Errorf("%s/%s: %w of %d bytes", f.base, name, errTooBig, limit)
}

var errTooBig = errors.New("larger than the limit")

// A reported tells the progress of what is read through it.
type reported struct {
	r           io.Reader
	fetcher     *fetcher
	name        string
	done, total int64
}

func (p *reported) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.done += int64(n)
	if p.fetcher.progress != nil && n > 0 {
		p.fetcher.progress(p.name, p.done, p.total)
	}
	return n, err
}

// errChecksum says that a file arrived with other content than listed.
var errChecksum = errors.New("the checksum is wrong")

// verified brings a file with a known checksum, resuming what is there.
func (f *fetcher) verified(name, sum string) error {
	if have, size, err := f.sum(name); err == nil && have == sum {
		f.done = append(f.done, Fetched{name, size, FetchKept, ChecksumOK})
		return nil
	}
	if err := f.makeFolder(name); err != nil {
		return err
	}
	status, wrong := FetchDone, 0
	err := f.retry(func() error {
		resumed, err := f.transfer(name, sum)
		if status = FetchDone; resumed {
			status = FetchResumed
		}
		if errors.Is(err, errChecksum) {
			if wrong++; wrong < 2 {
				return passing{err} // it may have changed or been cut on its way
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := f.root.Rename(name+partSuffix, name); err != nil {
		return err
	}
	info, err := f.root.Stat(name)
	if err != nil {
		return err
	}
	f.done = append(f.done, Fetched{name, info.Size(), status, ChecksumOK})
	return nil
}

// transfer makes one try at completing the part file, and checks it. A part
// that turns out to be wrong is removed.
func (f *fetcher) transfer(name, sum string) (resumed bool, err error) {
	part := name + partSuffix
	if have, _, err := f.sum(part); err == nil && have == sum {
		return true, nil
	}
	file, err := f.root.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, err
	}
	defer file.Close()
	if err := file.Chmod(0o600); err != nil {
		return false, err
	}
	resumed, err = f.append(name, file)
	if errors.Is(err, errTooBig) {
		return resumed, errors.Join(err, f.root.Remove(part))
	}
	if err != nil {
		return resumed, err
	}
	if err := file.Close(); err != nil {
		return resumed, err
	}
	have, _, err := f.sum(part)
	if err == nil && have != sum {
		err = fmt.Errorf("%s/%s: %w: it is %s, the advisory lists %s", f.base, name, errChecksum, have, sum)
		err = errors.Join(err, f.root.Remove(part))
	}
	return resumed, err
}

// append reads the rest of a file, or all of it where the server wants it so.
func (f *fetcher) append(name string, file *os.File) (resumed bool, err error) {
	offset, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	resp, err := f.request(name, offset)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	goesOn := fmt.Sprintf("bytes %d-", offset)
	switch {
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(resp.Header.Get("Content-Range"), goesOn):
		return true, f.copy(name, file, resp, offset, maxFetch)
	case resp.StatusCode != http.StatusOK:
		err = passing{fmt.Errorf("%s/%s: the server does not go on at byte %d", f.base, name, offset)}
		return false, errors.Join(err, file.Truncate(0))
	}
	if err := file.Truncate(0); err != nil {
		return false, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	return false, f.copy(name, file, resp, 0, maxFetch)
}

// sum reads the checksum and size of a file in the folder.
func (f *fetcher) sum(name string) (string, int64, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	h := sha256.New()
	n, err := io.Copy(h, file)
	return hex.EncodeToString(h.Sum(nil)), n, err
}
