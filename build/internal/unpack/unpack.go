// Package unpack opens what is packed with gzip, xz, zstd or bzip2, told by its
// first bytes, within a limit of memory. How much comes out is for the reader to
// limit.
package unpack

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// ErrLimit is the error, wrapped, of what is larger than a limit.
var ErrLimit = errors.New("over the limit")

// Open looks at the first bytes of an archive and gives what is inside: of a file
// that is not compressed, itself. The function returned lets go of the decompressor.
func Open(r io.Reader) (io.Reader, func(), error) {
	b := bufio.NewReaderSize(r, 1<<18)
	head, err := b.Peek(512)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	nothing := func() {}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(b)
		return z, nothing, err
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		if dict := xzDictionary(head); dict > maxDictionary {
			return nil, nil, fmt.Errorf("xz dictionary of %d MiB: %w", dict>>20, ErrLimit)
		}
		z, err := xz.NewReader(b)
		return z, nothing, err
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(b, zstd.WithDecoderMaxWindow(maxDictionary), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2.NewReader(b), nothing, nil
	}
	return b, nothing, nil
}

// maxDictionary bounds the memory of a decompressor; xz -9 uses 64 MiB.
const maxDictionary = 128 << 20

// xzDictionary reads the size of the dictionary of the first block of an .xz file
// (xz-file-format 1.2.1, 3.1 and 5.3.1) from its first bytes; 0 if it is not
// there. Later blocks of an honest file have the same.
func xzDictionary(head []byte) int64 {
	const streamHeader = 12
	if len(head) < streamHeader+2 {
		return 0
	}
	flags, b := head[streamHeader+1], head[streamHeader+2:]
	number := func() (n uint64) {
		for shift := 0; len(b) > 0 && shift < 63; shift += 7 {
			c := b[0]
			b = b[1:]
			n |= uint64(c&0x7f) << shift
			if c < 0x80 {
				break
			}
		}
		return n
	}
	if flags&0x40 != 0 {
		number() // compressed size
	}
	if flags&0x80 != 0 {
		number() // uncompressed size
	}
	for range flags&3 + 1 {
		const lzma2 = 0x21
		id, size := number(), number()
		if size > uint64(len(b)) {
			return 0
		}
		if id == lzma2 && size == 1 {
			bits := b[0] & 0x3f
			if bits > 40 {
				return 1 << 62
			}
			return int64(2|bits&1) << (bits/2 + 11)
		}
		b = b[size:]
	}
	return 0
}
