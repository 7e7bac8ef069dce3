package advisory

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
)

// Limits bound what Read takes in. A zero field means its default.
type Limits struct {
	File  int64 // bytes of one file, unpacked; default 16 MiB
	Total int64 // bytes kept in memory, and bytes that one archive unpacks to; default 128 MiB
	Files int   // files of one folder or archive; default 20000
	Depth int   // archives and compressions inside each other; default 6
	Mails int   // mails and multiparts inside each other; default 10
	Ratio int64 // unpacked to packed size of a stream, beyond 4 MiB; default 200
}

func (l Limits) withDefaults() Limits {
	set := func(field *int64, value int64) {
		if *field == 0 {
			*field = value
		}
	}
	files, depth, mails := int64(l.Files), int64(l.Depth), int64(l.Mails)
	set(&l.File, 16<<20)
	set(&l.Total, 128<<20)
	set(&l.Ratio, 200)
	set(&files, 20000)
	set(&depth, 6)
	set(&mails, 10)
	l.Files, l.Depth, l.Mails = int(files), int(depth), int(mails)
	return l
}

// ratioFree is how much a stream may unpack to before its ratio counts, bytes.
const ratioFree = 4 << 20

// An item is a file on its way in.
type item struct {
	where string // as the user knows it: path, then what is inside it after ": "
	name  string // slash path inside the argument; archives count as folders
	depth int    // of archives and compressions around it
	left  *int64 // bytes that the file of the argument may still unpack to

	// The compressed form, where that is what arrived; for checksums.
	packedName string
	packedSum  func() string
}

// A leaf is a file that needs no more unpacking.
type leaf struct {
	item
	kind     kind
	data     []byte
	advisory *Advisory // of a kindText, without what signature and mail add
	signed   signed    // the same text as it was signed
	signErr  error     // why it is not signed, or badly
	mail     *message  // the mail that brought the advisory
	meta     *meta     // of a kindMeta
}

// An intake unpacks one argument of Read into leaves.
type intake struct {
	ctx      context.Context
	limits   Limits
	budget   *int64 // bytes that may still be kept, shared by all arguments
	leaves   []leaf
	warnings []string
	mails    int // mails and multiparts around the current file
}

func (in *intake) warn(where string, err error) {
	in.warnings = append(in.warnings, where+": "+err.Error())
}

// errUseless says that a file holds nothing of ours.
var errUseless = errors.New("neither advisory nor patch, recipe, mail or archive")

// try runs step and forgets all that it took in where it fails.
func (in *intake) try(step func() error) error {
	if err := in.ctx.Err(); err != nil {
		return err
	}
	leaves, warnings, budget := len(in.leaves), len(in.warnings), *in.budget
	err := step()
	if err != nil {
		in.leaves, in.warnings, *in.budget = in.leaves[:leaves], in.warnings[:warnings], budget
	}
	return err
}

// take reads one file. When it fails nothing of the file is kept.
func (in *intake) take(it item, r io.Reader) error {
	return in.try(func() error { return in.sort(it, r) })
}

// sort hands a file to the one who can read it, by its first bytes.
func (in *intake) sort(it item, r io.Reader) error {
	br := bufio.NewReaderSize(r, sniffSize)
	head, err := br.Peek(sniffSize)
	if err != nil && err != io.EOF {
		return err
	}
	switch k := containerKind(head); k {
	case kindGzip, kindXz, kindZstd, kindBzip2:
		return in.unpack(it, k, br)
	case kindTar:
		return in.tar(it, br)
	case kindZip:
		return in.zip(it, br)
	case kindMbox:
		return in.mbox(it, br)
	case kindBinary:
		return errUseless
	}
	data, err := in.readAll(br)
	if err != nil {
		return err
	}
	return in.text(it, data)
}

// text reads a file that is not packed.
func (in *intake) text(it item, data []byte) error {
	kind := textKind(data)
	if kind == kindMail {
		return in.message(it, data)
	}
	l, err := readLeaf(it, kind, data)
	if err != nil {
		return err
	}
	return in.keep(l)
}

// readLeaf reads what is not a mail.
func readLeaf(it item, k kind, data []byte) (leaf, error) {
	l := leaf{item: it, kind: k, data: data}
	if path.Base(it.name) == seriesName {
		l.kind = kindSeries
	}
	var err error
	switch l.kind {
	case kindOther:
		err = errUseless
	case kindText:
		l.signed, l.signErr = openSigned(data)
		if l.advisory, err = parseText(l.signed.text); err != nil && l.signErr != nil && !errors.Is(l.signErr, errUnsigned) {
			err = fmt.Errorf("%w (%w)", err, l.signErr)
		}
	case kindMeta:
		l.meta, err = parseMeta(path.Base(it.name), data)
	}
	return l, err
}

// keep adds a leaf, as long as memory for it is allowed.
func (in *intake) keep(l leaf) error {
	if *in.budget -= int64(len(l.data)); *in.budget < 0 {
		return fmt.Errorf("more than %d bytes in all", in.limits.Total)
	}
	in.leaves = append(in.leaves, l)
	return nil
}

// readAll reads a file within the limits for one file.
func (in *intake) readAll(r io.Reader) ([]byte, error) {
	limit := min(in.limits.File, *in.budget)
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(contextReader{in.ctx, r}, limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, fmt.Errorf("a file of more than %d bytes", limit)
	}
	return b.Bytes(), nil
}

// A contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
