package tree

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"lpready/vendors"
)

// findDSC looks for the .dsc of a source package among downloaded files.
func findDSC(src vendors.Source, look []string) (string, error) {
	name := dscName(src.Debian)
	for _, dir := range look {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", &NotHereError{
		Source: fmt.Sprintf("Debian source package %s %s", src.Debian.Package, src.Debian.Version),
		Obtain: src.Obtain(),
	}
}

// dscName is the file name of a source package; the epoch of a version is not
// part of it.
func dscName(d vendors.Debian) string {
	version := d.Version
	if _, rest, epoch := strings.Cut(version, ":"); epoch {
		version = rest
	}
	return filepath.Base(d.Package + "_" + version + ".dsc")
}

func (o *opener) dsc(file string) (*Tree, error) {
	d, err := readDSC(file)
	if err != nil {
		return nil, err
	}
	t := &Tree{From: d.title()}
	var c *image
	err = d.open(d.orig, func(r io.Reader) (err error) {
		c, err = o.unpack(t, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	if d.debian == nil { // native: the tarball is the source
		return t.hold(c), nil
	}
	keep := o.keeper(func(name string) bool {
		return strings.HasPrefix(name, "debian/patches/") || o.whole && strings.HasPrefix(name, "debian/")
	})
	if err := d.open(d.debian, keep.tar); err != nil {
		return nil, err
	}
	if o.whole {
		for _, name := range d.components {
			t.Warnings = append(t.Warnings, name+": tarball of a component, left out")
		}
		c.overlay("debian/", keep.image(t, ""))
	}
	if _, ok := keep.files["debian/patches/series"]; ok {
		dir, err := fs.Sub(newMemory(keep.files), "debian/patches")
		if err != nil {
			return nil, err
		}
		q, err := quilt(d.debian.name+"!debian/patches/series", dir, "series")
		if err != nil {
			return nil, err
		}
		if err := o.apply(t, c, q); err != nil {
			return nil, err
		}
	}
	return t.hold(c), nil
}

func (d *dsc) title() string { return fmt.Sprintf("Debian source package %s %s", d.source, d.version) }

// overlay puts another content in place of what lies under dir.
func (c *image) overlay(dir string, by *image) {
	under := func(name string) bool { return strings.HasPrefix(name, dir) || name+"/" == dir }
	maps.DeleteFunc(c.files, func(name string, _ []byte) bool { return under(name) })
	maps.DeleteFunc(c.exec, func(name string, _ bool) bool { return under(name) })
	maps.DeleteFunc(c.links, func(name, _ string) bool { return under(name) })
	maps.Copy(c.files, by.files)
	maps.Copy(c.exec, by.exec)
	maps.Copy(c.links, by.links)
}

// A dsc is the description of a Debian source package: deb822(5) fields, mostly
// inside a clear-text signature.
type dsc struct {
	dir             string
	source, version string
	orig, debian    *part // debian is nil for a native package
	components      []string
}

// A part is a file of the package.
type part struct {
	name string
	size int64
	sum  [sha256.Size]byte
}

var (
	origName      = regexp.MustCompile(`\.orig\.tar\.(gz|bz2|xz|zst)$`)
	debianName    = regexp.MustCompile(`\.debian\.tar\.(gz|bz2|xz|zst)$`)
	componentName = regexp.MustCompile(`\.orig-[A-Za-z0-9-]+\.tar\.(gz|bz2|xz|zst)$`)
	nativeName    = regexp.MustCompile(`\.tar\.(gz|bz2|xz|zst)$`)
)

func readDSC(file string) (*dsc, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("source package: %w", err)
	}
	defer f.Close()
	d, err := parseDSC(file, f)
	if err != nil {
		return nil, err
	}
	d.dir = filepath.Dir(file)
	return d, nil
}

// parseDSC reads a .dsc file; name is what errors call it.
func parseDSC(name string, r io.Reader) (*dsc, error) {
	const most = 1 << 20
	lines := bufio.NewScanner(io.LimitReader(r, most))
	lines.Buffer(nil, most)
	d := &dsc{}
	format, field := "", ""
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), " \t\r")
		if strings.HasPrefix(line, "-----BEGIN PGP SIGNATURE") {
			break
		}
		key, value, isField := strings.Cut(line, ":")
		if strings.HasPrefix(line, " ") {
			if field == "Checksums-Sha256" {
				if err := d.part(line); err != nil {
					return nil, fmt.Errorf("%s:%d: %w", name, n, err)
				}
			}
			continue
		}
		if !isField {
			continue
		}
		switch field, value = key, strings.TrimSpace(value); field {
		case "Format":
			format = value
		case "Source":
			d.source = value
		case "Version":
			d.version = value
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case format == "3.0 (quilt)" && d.orig != nil && d.debian != nil && origName.MatchString(d.orig.name):
	case format == "3.0 (native)" && d.orig != nil && d.debian == nil:
	case format == "":
		return nil, fmt.Errorf("%s: no Format field; expected a Debian source package", name)
	case format != "3.0 (quilt)" && format != "3.0 (native)":
		return nil, fmt.Errorf("%s: format %q; expected 3.0 (quilt) or 3.0 (native)", name, format)
	default:
		return nil, fmt.Errorf("%s: Checksums-Sha256 does not name the tarballs that format %s has", name, format)
	}
	return d, nil
}

// part reads a line "checksum size name". Other files, such as signatures and
// tarballs of components, hold nothing of xen/ and are passed over.
func (d *dsc) part(line string) error {
	words := strings.Fields(line)
	if len(words) != 3 {
		return fmt.Errorf("expected checksum, size and name")
	}
	p := &part{name: words[2]}
	sum, err := hex.DecodeString(words[0])
	if err != nil || copy(p.sum[:], sum) != sha256.Size || len(sum) != sha256.Size {
		return fmt.Errorf("%q is no SHA-256 checksum", words[0])
	}
	if p.size, err = strconv.ParseInt(words[1], 10, 64); err != nil || p.size < 0 {
		return fmt.Errorf("%q is no size", words[1])
	}
	if strings.ContainsAny(p.name, `/\`) || strings.HasPrefix(p.name, ".") {
		return fmt.Errorf("%q is no file name", p.name)
	}
	switch {
	case componentName.MatchString(p.name):
		d.components = append(d.components, p.name)
	case debianName.MatchString(p.name):
		d.debian = p
	case origName.MatchString(p.name), d.orig == nil && nativeName.MatchString(p.name):
		d.orig = p
	}
	return nil
}

// open reads a file of the package and verifies its checksum. What was read is
// good only if open returns no error.
func (d *dsc) open(p *part, read func(io.Reader) error) error {
	path := filepath.Join(d.dir, p.name)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("source package: %w", err)
	}
	defer f.Close()
	hash := sha256.New()
	body := io.TeeReader(io.LimitReader(f, p.size+1), hash)
	readErr := read(body)
	if _, err := io.Copy(io.Discard, body); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if !bytes.Equal(hash.Sum(nil), p.sum[:]) {
		return fmt.Errorf("%s: its checksum is not the one in the .dsc file: damaged or not the same file", path)
	}
	if readErr != nil {
		return fmt.Errorf("%s: %w", path, readErr)
	}
	return nil
}
