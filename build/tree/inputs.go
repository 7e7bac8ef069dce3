package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"lpready/vendors"
)

// inputs is what a tree is made from, by content: the same inputs give the same
// key on every machine, wherever they lie.
type inputs struct {
	from, commit string   // as in Tree
	warnings     []string // that do not follow from the content
	lines        []string
}

// form is the first line of all inputs. It changes with what a tree is made like.
const form = "lpready tree 1"

// add takes in one input; the words are quoted so that none runs into the next.
func (in *inputs) add(words ...string) {
	line := ""
	for _, w := range words {
		line += fmt.Sprintf("%q ", w)
	}
	in.lines = append(in.lines, line)
}

// key names the tree that these inputs give.
func (in *inputs) key() string {
	sum := sha256.Sum256([]byte(form + "\n" + strings.Join(in.lines, "\n")))
	return hex.EncodeToString(sum[:20])
}

// inputs looks at a source without unpacking it.
func (o *opener) inputs(src vendors.Source, look []string) (*inputs, error) {
	switch {
	case src.Dir != "":
		return o.folderInputs(src)
	case src.Tarball != "":
		in := &inputs{from: "tarball " + src.Tarball}
		if err := in.file(src.Tarball, "tarball"); err != nil {
			return nil, fmt.Errorf("source tarball: %w", err)
		}
		return in, in.series(src.Series)
	case src.RPM != nil:
		return o.specInputs(src.RPM)
	case src.Git.Repo != "":
		return o.gitInputs(src)
	case src.Debian.DSC != "":
		return dscInputs(src.Debian.DSC)
	case src.Debian.Package != "":
		file, err := findDSC(src, look)
		if err != nil {
			return nil, err
		}
		return dscInputs(file)
	}
	return nil, ErrNoSource
}

func (o *opener) gitInputs(src vendors.Source) (*inputs, error) {
	if vendors.IsAddress(src.Git.Repo) {
		return nil, &NotHereError{Source: "git repository " + src.Git.Repo, Obtain: src.Obtain()}
	}
	commit, err := repo{o.ctx, src.Git.Repo}.commit(src.Git.Ref)
	if err != nil {
		return nil, err
	}
	in := &inputs{from: fmt.Sprintf("git repository %s, %s (commit %.12s)", src.Git.Repo, src.Git.Ref, commit), commit: commit}
	if src.Git.Lacks != "" {
		in.warnings = append(in.warnings, lacks(src.Git))
	}
	in.add("git", commit)
	return in, in.series(src.Git.Queue)
}

// dscInputs takes the checksums from the .dsc file: that the tarballs have them
// is verified when they are unpacked.
func dscInputs(file string) (*inputs, error) {
	d, err := readDSC(file)
	if err != nil {
		return nil, err
	}
	in := &inputs{from: d.title()}
	in.add("orig", hex.EncodeToString(d.orig.sum[:]))
	if d.debian != nil {
		in.add("debian", hex.EncodeToString(d.debian.sum[:]))
	}
	for _, name := range d.components {
		in.add("component", name)
	}
	return in, nil
}

func (o *opener) specInputs(src *vendors.RPM) (*inputs, error) {
	p, err := openPack(src)
	if err != nil {
		return nil, err
	}
	defer p.close()
	in := &inputs{from: p.title()}
	in.add("spec", sum(p.text), strings.Join(p.warnings, "\n"))
	if p.archive != "" {
		err = in.file(p.archive, "tarball")
	} else if in.commit, err = (repo{o.ctx, src.Git.Repo}).commit(src.Git.Ref); err == nil {
		in.add("git", in.commit)
	}
	if err != nil {
		return nil, err
	}
	return in, in.queue(p.queue)
}

// folderInputs reads all of a folder.
func (o *opener) folderInputs(src vendors.Source) (*inputs, error) {
	root, err := os.OpenRoot(src.Dir)
	if err != nil {
		return nil, fmt.Errorf("source folder: %w", err)
	}
	defer root.Close()
	if info, err := root.Stat("xen"); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("source folder %s: no xen/ in it; expected the root of a Xen tree", src.Dir)
	}
	in := &inputs{from: "folder " + src.Dir}
	hash := sha256.New()
	err = o.walk(root.FS(), func(name string, d fs.DirEntry) error {
		switch d.Type() {
		case fs.ModeSymlink:
			target, err := root.Readlink(name)
			fmt.Fprintf(hash, "link %q %q\n", name, target)
			return err
		case 0:
			info, err := d.Info()
			if err != nil {
				return err
			}
			sum, err := sumOf(root.Open(name))
			fmt.Fprintf(hash, "file %q %s %t\n", name, sum, info.Mode()&0o111 != 0)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("source folder %s: %w", src.Dir, err)
	}
	in.add("folder", hex.EncodeToString(hash.Sum(nil)))
	return in, in.series(src.Series)
}

// file takes in a file by its content.
func (in *inputs) file(name, what string) error {
	sum, err := sumOf(os.Open(name))
	in.add(what, sum)
	return err
}

// series takes in a quilt series that lies on this machine, if there is one.
func (in *inputs) series(name string) error {
	if name == "" {
		return nil
	}
	q, done, err := openSeries(name)
	if err != nil {
		return err
	}
	defer done()
	return in.queue(q)
}

// queue takes in the patches of a queue.
func (in *inputs) queue(q *queue) error {
	for _, item := range q.list {
		text, err := readLimited(q.dir, item.name, maxPatch)
		if err != nil {
			return fmt.Errorf("%s:%d: patch %s: %w", q.name, item.line, item.name, err)
		}
		in.add("patch", filepath.Base(item.name), fmt.Sprint(item.strip), sum(text))
	}
	return nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// sumOf is the checksum of a file that was just opened.
func sumOf(f *os.File, err error) (string, error) {
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	return hex.EncodeToString(hash.Sum(nil)), errors.Join(err, f.Close())
}
