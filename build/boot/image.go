package boot

import (
	"bytes"
	"maps"
	"path"
	"slices"

	"github.com/cavaliergopher/cpio"
)

// An image is the contents of an initramfs.
type image struct {
	entries map[string]entry // by name
}

func newImage() *image { return &image{entries: map[string]entry{}} }

// clone is a copy to which more can be added.
func (t *image) clone() *image { return &image{entries: maps.Clone(t.entries)} }

func (t *image) has(name string) bool { _, ok := t.entries[name]; return ok }

func (t *image) file(name string, data []byte, exec bool) {
	t.entries[name] = entry{name: name, data: data, exec: exec}
}

func (t *image) link(name, target string) { t.entries[name] = entry{name: name, link: target} }

// archive writes the image in the format that the kernel unpacks: cpio "newc", see
// Documentation/driver-api/early-userspace/buffer-format.rst of Linux. The same
// contents give the same bytes.
func (t *image) archive() ([]byte, error) {
	var b bytes.Buffer
	w := cpio.NewWriter(&b)
	folders := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(t.entries)) {
		if err := addFolders(w, folders, path.Dir(name)); err != nil {
			return nil, err
		}
		e := t.entries[name]
		mode, data := cpio.FileMode(cpio.TypeReg|0o600), e.data
		switch {
		case e.link != "":
			mode, data = cpio.TypeSymlink|0o777, []byte(e.link)
		case e.exec:
			mode |= 0o100
		}
		if err := w.WriteHeader(&cpio.Header{Name: name, Mode: mode, Size: int64(len(data)), Links: 1}); err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// addFolders adds a folder and those above it, once.
func addFolders(w *cpio.Writer, done map[string]bool, dir string) error {
	if dir == "." || dir == "/" || done[dir] {
		return nil
	}
	if err := addFolders(w, done, path.Dir(dir)); err != nil {
		return err
	}
	done[dir] = true
	return w.WriteHeader(&cpio.Header{Name: dir, Mode: cpio.TypeDir | 0o700, Links: 2})
}
