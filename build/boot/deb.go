package boot

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"lpready/build/internal/unpack"
)

// Limits of a package: a kernel's has 4,000 files and 400 MB.
const (
	maxMembers = 64
	maxEntries = 500_000
	maxKept    = 1 << 30 // bytes of the files that are kept
	maxFile    = 128 << 20
)

// An entry is a file or a symbolic link of a package.
type entry struct {
	name string // clean, without a slash before it
	link string // target of a symbolic link
	exec bool
	data []byte
}

// readDeb reads a Debian package, deb(5): an ar archive with a member data.tar, packed
// or not. It hands over the files and symbolic links that are wanted.
func readDeb(r io.Reader, want func(name string) bool, keep func(entry) error) error {
	magic := make([]byte, 8)
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != "!<arch>\n" {
		return errors.New("expected a Debian package: an ar archive")
	}
	for range maxMembers {
		name, size, err := nextMember(r)
		switch {
		case err == io.EOF:
			return errors.New("expected a Debian package: it has no data.tar")
		case err != nil:
			return err
		}
		member := io.LimitReader(r, size)
		if strings.HasPrefix(name, "data.tar") {
			return readData(member, want, keep)
		}
		if _, err := io.CopyN(io.Discard, r, size+size&1); err != nil {
			return fmt.Errorf("member %s: %w", name, err)
		}
	}
	return fmt.Errorf("expected a Debian package: more than %d members", maxMembers)
}

// nextMember reads the header of a member: its name and its size.
func nextMember(r io.Reader) (string, int64, error) {
	var h [60]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = errors.New("the header of a member is cut off")
		}
		return "", 0, err
	}
	size, err := strconv.ParseInt(strings.TrimRight(string(h[48:58]), " "), 10, 64)
	if err != nil || size < 0 || string(h[58:]) != "`\n" {
		return "", 0, fmt.Errorf("member %.16q: expected the header of a member of an ar archive", h[:16])
	}
	return strings.TrimRight(string(h[:16]), " /"), size, nil
}

func readData(r io.Reader, want func(name string) bool, keep func(entry) error) error {
	plain, done, err := unpack.Open(r)
	if err != nil {
		return fmt.Errorf("data.tar: %w", err)
	}
	defer done()
	left := int64(maxKept)
	t := tar.NewReader(plain)
	for range maxEntries {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("data.tar: %w", err)
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeSymlink || !want(name) {
			continue
		}
		e := entry{name: name, link: h.Linkname, exec: h.Mode&0o111 != 0}
		if h.Typeflag == tar.TypeReg {
			e.link = ""
			if left -= h.Size; h.Size > maxFile || left < 0 {
				return fmt.Errorf("data.tar: %s: %w", name, unpack.ErrLimit)
			}
			var b bytes.Buffer
			if _, err := io.Copy(&b, t); err != nil {
				return fmt.Errorf("data.tar: %s: %w", name, err)
			}
			e.data = b.Bytes()
		}
		if err := keep(e); err != nil {
			return err
		}
	}
	return fmt.Errorf("data.tar: more than %d entries: %w", maxEntries, unpack.ErrLimit)
}
