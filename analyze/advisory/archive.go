package advisory

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// maxWindow limits the dictionary of a compressed stream, bytes.
const maxWindow = 64 << 20

// unpack reads a compressed file: an archive, or a single file under its name
// without the ending.
func (in *intake) unpack(it item, k kind, r *bufio.Reader) error {
	if it.depth++; it.depth > in.limits.Depth {
		return in.tooDeep()
	}
	sum := sha256.New()
	packed := &counter{r: io.TeeReader(r, sum)}
	plain, err := decompress(k, packed, r)
	if err != nil {
		return err
	}
	defer plain.Close()
	it.packedName, it.name = it.name, unpackedName(it.name)
	it.packedSum = func() string { return hex.EncodeToString(sum.Sum(nil)) }
	guard := &bombGuard{r: plain, packed: packed, ratio: in.limits.Ratio, left: it.left}
	if err := in.take(it, guard); err != nil {
		return err
	}
	// The rest carries the checksum of the compression, and belongs to the sum.
	for _, rest := range []io.Reader{guard, packed} {
		if _, err := io.Copy(io.Discard, contextReader{in.ctx, rest}); err != nil {
			return err
		}
	}
	return nil
}

func (in *intake) tooDeep() error {
	return fmt.Errorf("more than %d archives or compressions inside each other", in.limits.Depth)
}

// decompress opens a compressed stream. The head of r is only looked at.
func decompress(k kind, packed io.Reader, r *bufio.Reader) (io.ReadCloser, error) {
	switch k {
	case kindGzip:
		return gzip.NewReader(packed)
	case kindBzip2:
		return io.NopCloser(bzip2.NewReader(packed)), nil
	case kindZstd:
		d, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	head, err := r.Peek(xzHeadSize)
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	if size := xzWindow(head); size > maxWindow {
		return nil, fmt.Errorf("an xz dictionary of %d bytes, more than %d", size, int64(maxWindow))
	}
	d, err := xz.ReaderConfig{SingleStream: true}.NewReader(packed)
	return io.NopCloser(d), err
}

// xzHeadSize covers the stream header and the start of the first block header.
const xzHeadSize = 24

// xzWindow reads the dictionary size of the first block of an xz stream, so
// that it is known before memory is set aside for it. It returns 0 where the
// header is not the plain one that xz writes: LZMA2 alone, without sizes.
func xzWindow(head []byte) int64 {
	block := head[12:]
	flags, at := block[1], 2
	for range int(flags>>6&1) + int(flags>>7&1) { // the optional sizes, as multibyte integers
		for at < len(block) && block[at]&0x80 != 0 {
			at++
		}
		at++
	}
	if at+2 >= len(block) || flags&3 != 0 || block[at] != 0x21 {
		return 0
	}
	size, err := lzma.DecodeDictCap(block[at+2])
	if err != nil {
		return 0
	}
	return size
}

// A counter counts what is read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// A bombGuard stops a stream that unpacks to far more than it should.
type bombGuard struct {
	r      io.Reader
	packed *counter
	ratio  int64
	left   *int64 // bytes that the argument or file as a whole may still unpack to
	n      int64  // bytes that came
}

func (g *bombGuard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.n += int64(n)
	*g.left -= int64(n)
	switch {
	case *g.left < 0:
		return 0, errors.New("a bomb: all in all it unpacks to more than is allowed")
	case g.n > ratioFree && g.n > g.packed.n*g.ratio:
		return 0, fmt.Errorf("a bomb: %d bytes unpack to more than %d", g.packed.n, g.n)
	}
	return n, err
}

// An archive hands its entries to the intake, one after the other.
type archive struct {
	in    *intake
	it    item
	names map[string]bool // seen
}

func (in *intake) archive(it item) (*archive, error) {
	if it.depth++; it.depth > in.limits.Depth {
		return nil, in.tooDeep()
	}
	it.name = archiveStem(it.name)
	return &archive{in: in, it: it, names: map[string]bool{}}, nil
}

var archiveEnding = regexp.MustCompile(`(?i)(?:\.(?:tar|zip))+$`)

// archiveStem is the name of the folder that an archive stands for.
func archiveStem(name string) string {
	if stem := archiveEnding.ReplaceAllString(name, ""); path.Base(stem) != "." && stem != "" {
		return stem
	}
	return name
}

// entry takes one file of the archive. Only what is wrong with the archive as
// such is returned; what is wrong with the file is a warning.
func (a *archive) entry(name string, r io.Reader) error {
	clean, err := cleanName(name)
	if err != nil {
		return err
	}
	if a.names[clean] {
		return fmt.Errorf("the entry %q comes twice", name)
	}
	if a.names[clean] = true; len(a.names) > a.in.limits.Files {
		return fmt.Errorf("an archive of more than %d files", a.in.limits.Files)
	}
	sub := item{where: a.it.where + ": " + clean, name: path.Join(a.it.name, clean), depth: a.it.depth, left: a.it.left}
	body := &entryReader{r: r}
	err = a.in.take(sub, body)
	if body.err == nil { // see that it is whole, whatever became of it
		_, _ = io.Copy(io.Discard, contextReader{a.in.ctx, body})
	}
	if body.err != nil {
		return fmt.Errorf("%s: %w", clean, body.err)
	}
	if a.in.ctx.Err() != nil {
		return a.in.ctx.Err()
	}
	if err != nil {
		a.in.warn(sub.where, err)
	}
	return nil
}

// An entryReader keeps the errors of the archive apart from those of what
// reads the entry.
type entryReader struct {
	r   io.Reader
	err error
}

func (e *entryReader) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	n, err := e.r.Read(p)
	if err != nil && err != io.EOF {
		e.err = err
	}
	return n, err
}

// tar reads a tar archive. Anything but files and folders is refused.
func (in *intake) tar(it item, r io.Reader) error {
	a, err := in.archive(it)
	if err != nil {
		return err
	}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the tar archive is damaged or cut: %w", err)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			err = a.entry(h.Name, tr)
		case tar.TypeDir:
			err = checkFolder(h.Name)
		case tar.TypeXGlobalHeader: // git archive writes one
		default:
			err = fmt.Errorf("the entry %q is a %s: only files and folders are taken", h.Name, tarType(h.Typeflag))
		}
		if err != nil {
			return err
		}
	}
}

func tarType(flag byte) string {
	switch flag {
	case tar.TypeLink:
		return "hard link"
	case tar.TypeSymlink:
		return "symbolic link"
	case tar.TypeChar, tar.TypeBlock:
		return "device"
	case tar.TypeFifo:
		return "named pipe"
	}
	return fmt.Sprintf("special entry (type %q)", flag)
}

// checkFolder checks the name of a folder in an archive.
func checkFolder(name string) error {
	for len(name) > 0 && name[len(name)-1] == '/' {
		name = name[:len(name)-1]
	}
	if name == "." {
		return nil
	}
	_, err := cleanName(name)
	return err
}

// zip reads a zip archive, which is held in memory: its list stands at its end.
func (in *intake) zip(it item, r io.Reader) error {
	a, err := in.archive(it)
	if err != nil {
		return err
	}
	limit := min(in.limits.Total, *in.budget)
	data, err := io.ReadAll(io.LimitReader(contextReader{in.ctx, r}, limit+1))
	if err != nil {
		return err
	}
	if int64(len(data)) > limit {
		return fmt.Errorf("a zip archive of more than %d bytes", limit)
	}
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return fmt.Errorf("the zip archive is damaged or cut: %w", err)
	}
	for _, f := range zr.File {
		if err := in.zipEntry(a, f); err != nil {
			return err
		}
	}
	return nil
}

func (in *intake) zipEntry(a *archive, f *zip.File) error {
	if f.FileInfo().IsDir() {
		return checkFolder(f.Name)
	}
	if !f.Mode().IsRegular() {
		return fmt.Errorf("the entry %q is a %v: only files and folders are taken", f.Name, f.Mode().Type())
	}
	if _, err := cleanName(f.Name); err != nil {
		return err
	}
	if f.Flags&1 != 0 {
		return fmt.Errorf("the entry %q is encrypted", f.Name)
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("the entry %q: %w", f.Name, err)
	}
	defer r.Close()
	packed := &counter{n: int64(min(f.CompressedSize64, 1<<40))}
	return a.entry(f.Name, &bombGuard{r: r, packed: packed, ratio: in.limits.Ratio, left: a.it.left})
}
