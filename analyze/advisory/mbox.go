package advisory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// mbox reads a mailbox message by message, so its size does not count, only
// that of each message. Messages are separated by "From " lines after an empty
// line (RFC 4155); the ">" that mboxrd puts before such lines of a body is
// taken away. A message that cannot be read is a warning.
func (in *intake) mbox(it item, r *bufio.Reader) error {
	box := &mailbox{r: r, limit: in.limits.File}
	number, useless := 0, 0
	for {
		if err := in.ctx.Err(); err != nil {
			return err
		}
		data, err := box.next()
		if err == io.EOF {
			break
		}
		if number++; number > in.limits.Files {
			return fmt.Errorf("more than %d messages", in.limits.Files)
		}
		sub := item{where: fmt.Sprintf("%s: message %d", it.where, number), name: fmt.Sprintf("%s/%d", it.name, number), depth: it.depth, left: it.left}
		var tooLong *longMessage
		switch {
		case errors.As(err, &tooLong):
		case err != nil:
			return err
		default:
			err = in.try(func() error { return in.message(sub, data) })
		}
		if errors.Is(err, errUseless) {
			useless++
		} else if err != nil {
			in.warn(sub.where, err)
		}
	}
	if useless == number {
		return errUseless
	}
	if useless > 0 {
		in.warn(it.where, fmt.Errorf("%d of %d messages hold neither advisory nor patch", useless, number))
	}
	return nil
}

// A longMessage is the error for a message over the limit.
type longMessage struct{ limit int64 }

func (e *longMessage) Error() string {
	return fmt.Sprintf("a message of more than %d bytes", e.limit)
}

// A mailbox splits a stream into messages in bounded memory.
type mailbox struct {
	r       *bufio.Reader
	limit   int64
	midLine bool // the next piece goes on a line begun before
	ended   bool
}

// next returns the next message without its "From " line, a *longMessage error
// for one over the limit (the one after it can be read), or io.EOF.
func (m *mailbox) next() ([]byte, error) {
	if m.ended {
		return nil, io.EOF
	}
	var body []byte
	var size int64
	blank := true // the line before was empty
	for {
		piece, err := m.r.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return nil, err
		}
		newLine := !m.midLine
		m.midLine = err == bufio.ErrBufferFull
		if newLine && bytes.HasPrefix(piece, []byte("From ")) {
			piece = bytes.Clone(piece) // looking ahead moves the buffer
			if blank && m.separates(piece) {
				if size == 0 {
					continue
				}
				break
			}
		}
		if newLine {
			blank = len(bytes.TrimRight(piece, "\r\n")) == 0
			piece = unquoteFrom(piece)
		}
		if size += int64(len(piece)); size <= m.limit {
			body = append(body, piece...)
		} else {
			body = nil
		}
		if m.ended = err == io.EOF; m.ended {
			break
		}
	}
	switch {
	case size == 0:
		return nil, io.EOF
	case size > m.limit:
		return nil, &longMessage{m.limit}
	}
	return body, nil
}

// headerAhead is what follows the line that separates two messages.
var headerAhead = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z0-9-]*:|>From )`)

// separates tells whether a line that begins with "From " begins a message. The
// first line of a patch that git wrote does not.
func (m *mailbox) separates(line []byte) bool {
	ahead, _ := m.r.Peek(128)
	return !m.midLine && !patchStart.Match(line) && headerAhead.Match(ahead)
}

// unquoteFrom takes one ">" away from a quoted "From " line.
func unquoteFrom(line []byte) []byte {
	if rest := bytes.TrimLeft(line, ">"); len(rest) < len(line) && bytes.HasPrefix(rest, []byte("From ")) {
		return line[1:]
	}
	return line
}
