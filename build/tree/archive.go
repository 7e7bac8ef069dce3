package tree

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"lpready/build/internal/unpack"
)

// errLimit is the error, wrapped, of an archive that is larger than Limits.
var errLimit = unpack.ErrLimit

// An image is what of a source is kept, in memory.
type image struct {
	files files
	exec  map[string]bool   // files that are programs
	links map[string]string // symbolic links of a whole tree, and where they point
}

// unpack reads a tarball of Xen. The one top folder that most tarballs have is
// taken off.
func (o *opener) unpack(t *Tree, r io.Reader) (*image, error) {
	keep := o.keeper(func(name string) bool {
		first, rest, _ := strings.Cut(name, "/")
		second, _, _ := strings.Cut(rest, "/")
		return o.whole || first == "xen" || second == "xen"
	})
	if err := keep.tar(r); err != nil {
		return nil, err
	}
	root := ""
	if len(keep.tops) == 1 && keep.has(keep.tops[0]+"/xen/") {
		root = keep.tops[0] + "/"
	}
	if !keep.has(root + "xen/") {
		return nil, errors.New("no xen/ in it; expected the source of Xen")
	}
	return keep.image(t, root), nil
}

// image gives what lies below root, without root in the names: all of it for a
// whole tree, else the hypervisor, with the files that symbolic links lead to.
func (k *keeper) image(t *Tree, root string) *image {
	if !k.o.whole {
		c := &image{files: k.under(root, "xen/")}
		t.Warnings = append(t.Warnings, k.follow(c.files, root)...)
		return c
	}
	c := &image{files: k.under(root, ""), exec: map[string]bool{}, links: map[string]string{}}
	for name := range k.exec {
		if name, ok := strings.CutPrefix(name, root); ok && c.files[name] != nil {
			c.exec[name] = true
		}
	}
	for name, target := range k.links {
		if name, ok := strings.CutPrefix(name, root); ok {
			c.links[name] = target
		}
	}
	t.Warnings = append(t.Warnings, c.tie()...)
	return c
}

// tie drops symbolic links that a tree cannot have: those that lead out of it,
// and those that stand where a file or a folder is. It says which.
func (c *image) tie() (warnings []string) {
	taken := map[string]bool{}
	take := func(name string) {
		for dir := path.Dir(name); dir != "." && !taken[dir]; dir = path.Dir(dir) {
			taken[dir] = true
		}
	}
	for name := range c.files {
		taken[name] = true
		take(name)
	}
	for name := range c.links {
		take(name)
	}
	for name, target := range c.links {
		if taken[name] || !inside(name, target) {
			warnings = append(warnings, fmt.Sprintf("%s: symbolic link to %s, which is not in the tree: left out", name, target))
			delete(c.links, name)
		}
	}
	slices.Sort(warnings)
	return warnings
}

// inside tells whether a symbolic link stays in the tree. ".." may only stand at
// the beginning: after the name of another link it would lead elsewhere than it
// reads.
func inside(name, target string) bool {
	if target == "" || path.IsAbs(target) || strings.ContainsAny(target, "\x00\\") {
		return false
	}
	rest := target
	for strings.HasPrefix(rest, "../") || strings.HasPrefix(rest, "./") {
		_, rest, _ = strings.Cut(rest, "/")
	}
	for part := range strings.SplitSeq(rest, "/") {
		if part == ".." && rest != ".." {
			return false
		}
	}
	return local(path.Join(path.Dir(name), target))
}

// A keeper collects the files of a source within the limits.
type keeper struct {
	o     *opener
	want  func(name string) bool // nil is all
	files files
	exec  map[string]bool   // files that are programs
	links map[string]string // symbolic links, and where they point
	tops  []string          // first folders of all names, kept or not, sorted
	kept  int64
}

func (o *opener) keeper(want func(string) bool) *keeper {
	return &keeper{o: o, want: want, files: files{}, exec: map[string]bool{}, links: map[string]string{}}
}

// file keeps one file.
func (k *keeper) file(name string, r io.Reader) error {
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(r, k.o.limits.File+1))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if n > k.o.limits.File {
		return fmt.Errorf("%s: more than %d bytes: %w", name, k.o.limits.File, errLimit)
	}
	return k.add(name, b.Bytes())
}

// program notes whether a file is one.
func (k *keeper) program(name string, is bool) {
	if delete(k.exec, name); is {
		k.exec[name] = true
	}
}

func (k *keeper) add(name string, data []byte) error {
	k.kept += int64(len(data))
	if k.kept > k.o.limits.Kept {
		return fmt.Errorf("%s: more than %d bytes to keep: %w", name, k.o.limits.Kept, errLimit)
	}
	k.files[name] = data
	return nil
}

// tar keeps what is wanted of a tar archive, compressed or not.
func (k *keeper) tar(r io.Reader) error {
	plain, done, err := decompress(r)
	if err != nil {
		return err
	}
	defer done()
	stream := &limited{r: plain, left: k.o.limits.Stream}
	archive := tar.NewReader(stream)
	for n := 0; ; n++ {
		if err := k.o.ctx.Err(); err != nil {
			return err
		}
		h, err := archive.Next()
		if err == io.EOF {
			// The rest of the stream holds the checksum of the compression.
			if _, err := io.Copy(io.Discard, stream); err != nil {
				return err
			}
			if stream.zeros < endOfArchive {
				return errors.New("cut short: the archive has no end mark")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("entry %d: %w", n+1, err)
		}
		if n >= k.o.limits.Entries {
			return fmt.Errorf("more than %d entries: %w", k.o.limits.Entries, errLimit)
		}
		if err := k.entry(h, archive); err != nil {
			return err
		}
	}
}

// entry looks at one entry of an archive.
func (k *keeper) entry(h *tar.Header, r io.Reader) error {
	name := path.Clean(strings.TrimSuffix(h.Name, "/"))
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // git archive puts the commit there
	}
	if !local(name) {
		return fmt.Errorf("entry %q leads out of the archive", h.Name)
	}
	if name == "." {
		return nil
	}
	top, _, _ := strings.Cut(name, "/")
	if i, found := slices.BinarySearch(k.tops, top); !found {
		k.tops = slices.Insert(k.tops, i, top)
	}
	wanted := k.want == nil || k.want(name)
	switch h.Typeflag {
	case tar.TypeDir:
		return nil
	case tar.TypeReg, tar.TypeGNUSparse:
		if !wanted {
			return nil
		}
		delete(k.links, name) // a later entry of the same name replaces an earlier one
		k.program(name, h.Mode&0o111 != 0)
		return k.file(name, r)
	case tar.TypeSymlink:
		if wanted {
			delete(k.files, name)
			k.links[name] = h.Linkname
		}
		return nil
	case tar.TypeLink:
		target := path.Clean(h.Linkname)
		if !local(target) {
			return fmt.Errorf("entry %q: its link %q leads out of the archive", h.Name, h.Linkname)
		}
		if !wanted {
			return nil
		}
		data, ok := k.files[target]
		if !ok {
			return fmt.Errorf("entry %q: link to %q, which is not before it", h.Name, h.Linkname)
		}
		delete(k.links, name)
		k.program(name, k.exec[target])
		return k.add(name, data)
	}
	return fmt.Errorf("entry %q: type %q; expected files, folders and links", h.Name, h.Typeflag)
}

// local tells whether a clean name stays where it is.
func local(name string) bool {
	return !path.IsAbs(name) && name != ".." && !strings.HasPrefix(name, "../") && !strings.ContainsAny(name, "\x00\\")
}

func (k *keeper) has(prefix string) bool {
	for name := range k.files {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// under gives the files below root+dir, without root in their names. A file
// where others have a folder would be no tree; the file is left out.
func (k *keeper) under(root, dir string) files {
	sub := files{}
	for name, data := range k.files {
		if rest, ok := strings.CutPrefix(name, root); ok && strings.HasPrefix(rest, dir) {
			sub[rest] = data
		}
	}
	for name := range sub {
		for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
			delete(sub, parent)
		}
	}
	return sub
}

// follow gives symbolic links below root the content of the file that they lead
// to, and says which lead to none.
func (k *keeper) follow(files files, root string) (warnings []string) {
	found := map[string][]byte{}
	for link := range k.links {
		name, ok := strings.CutPrefix(link, root)
		if !ok || !strings.HasPrefix(name, "xen/") {
			continue
		}
		target := link
		const most = 8 // links to links
		for range most {
			next, isLink := k.links[target]
			if !isLink {
				break
			}
			target = path.Join(path.Dir(target), next)
			if path.IsAbs(next) {
				target = next
			}
		}
		if data, ok := files[strings.TrimPrefix(target, root)]; ok && strings.HasPrefix(target, root) {
			found[name] = data
		} else {
			warnings = append(warnings, fmt.Sprintf("%s: symbolic link to %s, which is no file under xen/: left out", name, k.links[link]))
		}
	}
	for name, data := range found {
		if _, isDir := files[name]; !isDir {
			files[name] = data
		}
	}
	slices.Sort(warnings)
	return warnings
}

// decompress opens a tar archive, packed or not.
func decompress(r io.Reader) (io.Reader, func(), error) {
	plain, done, err := unpack.Open(r)
	if err != nil {
		return nil, nil, err
	}
	b := bufio.NewReaderSize(plain, 1<<16)
	head, err := b.Peek(512)
	if err != nil && err != io.EOF {
		done()
		return nil, nil, err
	}
	if len(head) < 512 || !bytes.Equal(head[257:262], []byte("ustar")) {
		done()
		return nil, nil, errors.New("not a tar archive, nor one compressed with gzip, xz, zstd or bzip2")
	}
	return b, done, nil
}

// endOfArchive is how many zero bytes, at least, end a tar archive.
const endOfArchive = 1024

// limited reads at most left bytes; more of them are an error. It counts the
// zeros that the bytes read so far end with.
type limited struct {
	r     io.Reader
	left  int64
	zeros int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("more bytes when decompressed: %w", errLimit)
	}
	if rest := bytes.TrimRight(p[:n], "\x00"); len(rest) > 0 {
		l.zeros = int64(n - len(rest))
	} else {
		l.zeros += int64(n)
	}
	return n, err
}
