// Package bundle packs folders for another machine: an archive (tar, zstd) with files,
// folders, symbolic links and the times of files, by which make goes. Owners do not
// count, and nothing is written outside of the folder in which a bundle is opened.
package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/klauspost/compress/zstd"
)

// Bounds of what a bundle opens to, in bytes.
const (
	maxBytes = 16 << 30
	maxText  = 256 << 20 // of a file that is edited
)

// Write packs what lies below some names, without the files that leave says; it may be
// nil.
func Write(ctx context.Context, w io.Writer, from fs.FS, leave func(name string) bool, names ...string) error {
	packed, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	archive := tar.NewWriter(packed)
	for _, root := range names {
		err := fs.WalkDir(from, root, func(name string, d fs.DirEntry, err error) error {
			if err = errors.Join(err, ctx.Err()); err != nil || name == "." {
				return err
			}
			if leave != nil && !d.IsDir() && leave(name) {
				return nil
			}
			return add(archive, from, name, d)
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), packed.Close())
}

// add packs one file, folder or link.
func add(archive *tar.Writer, from fs.FS, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = fs.ReadLink(from, name); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name, h.Format = name, tar.FormatPAX // which keeps parts of a second
	h.Uid, h.Gid, h.Uname, h.Gname = 0, 0, "", ""
	if err := archive.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := from.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(archive, f)
	return err
}

// Pipe gives what write writes to read as it comes. Where read has what it wants, the rest
// is written all the same: whether all was right may only be known at its end.
func Pipe(write func(io.Writer) error, read func(io.Reader) error) error {
	r, w := io.Pipe()
	go func() { w.CloseWithError(write(w)) }()
	err := read(r)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	r.CloseWithError(errors.Join(err, io.ErrClosedPipe))
	return err
}

// An Edit changes texts on their way into the folder.
type Edit struct {
	Of   func(name string) bool // files that are edited
	Text func([]byte) []byte
	Link func(target string) string // of symbolic links
}

// Read opens a bundle in a folder that is there and empty. edit may be nil.
func Read(ctx context.Context, r io.Reader, dir string, edit *Edit) error {
	plain, err := zstd.NewReader(r)
	if err != nil {
		return err
	}
	defer plain.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if edit == nil {
		edit = &Edit{Of: func(string) bool { return false }, Link: func(target string) string { return target }}
	}
	o := opener{root: root, edit: edit}
	archive := tar.NewReader(io.LimitReader(plain, maxBytes))
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return o.finish()
		}
		if err = errors.Join(err, ctx.Err()); err == nil {
			err = o.take(h, archive)
		}
		if err != nil {
			return err
		}
	}
}

type opener struct {
	root    *os.Root
	edit    *Edit
	folders []*tar.Header // their times change with what is put into them
	links   []*tar.Header // made last, so that no file is written through one
}

func (o *opener) take(h *tar.Header, r io.Reader) error {
	h.Name = path.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeDir:
		o.folders = append(o.folders, h)
		return o.root.MkdirAll(h.Name, 0o700)
	case tar.TypeSymlink:
		o.links = append(o.links, h)
		return nil
	case tar.TypeReg:
		return o.file(h, r)
	}
	return fmt.Errorf("%s: expected a file, a folder or a link", h.Name)
}

func (o *opener) file(h *tar.Header, r io.Reader) error {
	if o.edit.Of(h.Name) {
		text, err := io.ReadAll(io.LimitReader(r, maxText))
		if err != nil {
			return err
		}
		r = bytes.NewReader(o.edit.Text(text))
	}
	if err := o.root.MkdirAll(path.Dir(h.Name), 0o700); err != nil {
		return err
	}
	f, err := o.root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, h.FileInfo().Mode().Perm()&0o700|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return o.root.Chtimes(h.Name, h.ModTime, h.ModTime)
}

// finish makes the links and sets the times of folders.
func (o *opener) finish() error {
	for _, h := range o.links {
		if err := o.root.Symlink(o.edit.Link(h.Linkname), h.Name); err != nil {
			return err
		}
	}
	for _, h := range o.folders {
		if err := o.root.Chtimes(h.Name, h.ModTime, h.ModTime); err != nil {
			return err
		}
	}
	return nil
}
