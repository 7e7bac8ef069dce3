package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	"lpready/vendors"
)

// A pack is an RPM spec with the files that it names.
type pack struct {
	*spec
	text    []byte
	src     *vendors.RPM
	archive string // path of Source0; empty where git stands in for it
	queue   *queue
	close   func() error
}

// rpm opens the source of an RPM package.
func (o *opener) rpm(src *vendors.RPM) (*Tree, error) {
	p, err := openPack(src)
	if err != nil {
		return nil, err
	}
	defer p.close()
	t := &Tree{From: p.title(), Warnings: p.warnings}
	var c *image
	if p.archive != "" {
		c, err = o.archive(t, p.archive)
	} else {
		r := repo{o.ctx, src.Git.Repo}
		if t.Commit, err = r.commit(src.Git.Ref); err == nil {
			c, err = o.checkout(t, r, t.Commit)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := o.apply(t, c, p.queue); err != nil {
		return nil, err
	}
	return t.hold(c), nil
}

func (p *pack) title() string {
	if p.archive != "" {
		return fmt.Sprintf("RPM spec %s, %s", p.name, filepath.Base(p.archive))
	}
	return fmt.Sprintf("RPM spec %s, git repository %s, %s", p.name, p.src.Git.Repo, p.src.Git.Ref)
}

// openPack reads a spec and finds the files that it names: in the folder that the
// user said, else in the spec's own, or in SOURCES next to SPECS as rpmbuild has
// them.
func openPack(src *vendors.RPM) (*pack, error) {
	if vendors.IsAddress(src.Git.Repo) {
		return nil, &NotHereError{Source: "git repository " + src.Git.Repo, Obtain: (&vendors.Source{RPM: src}).Obtain()}
	}
	folder := filepath.Dir(src.Spec)
	own, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("RPM spec: %w", err)
	}
	defer own.Close()
	text, err := readLimited(own.FS(), filepath.Base(src.Spec), maxSeries)
	if err != nil {
		return nil, fmt.Errorf("RPM spec: %w", err)
	}
	define, err := fillIn(own.FS(), src)
	if err != nil {
		return nil, err
	}
	s, err := parseSpec(src.Spec, text, define)
	if err != nil {
		return nil, err
	}
	p := &pack{spec: s, text: text, src: src}
	dir := src.Sources
	if dir == "" {
		dir = folder
		if beside := filepath.Join(folder, "..", "SOURCES"); !p.in(dir) && p.in(beside) {
			dir = beside
		}
	}
	if src.Git.Repo == "" {
		if s.unnamed != nil {
			return nil, s.unnamed
		}
		p.archive = filepath.Join(dir, s.archive)
		if _, err := os.Stat(p.archive); errors.Is(err, fs.ErrNotExist) {
			return nil, &NotHereError{
				Source: fmt.Sprintf("%s, Source0 of %s", p.archive, src.Spec),
				Obtain: fmt.Sprintf("put %s there, or name repository and tag in source.rpm.git", s.archive),
			}
		}
		if err := pointer(p.archive); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("RPM spec %s: %w", src.Spec, err)
	}
	p.queue, p.close = &queue{name: src.Spec, dir: root.FS(), list: s.patches}, root.Close
	return p, nil
}

// in tells whether a folder has the first file that the spec names.
func (p *pack) in(dir string) bool {
	name := p.spec.archive
	if len(p.patches) > 0 {
		name = p.patches[0].name
	}
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

// pointer refuses what a repository holds in place of a large file.
func pointer(file string) error {
	const mark = "version https://git-lfs.github.com/spec/"
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("source tarball: %w", err)
	}
	defer f.Close()
	head := make([]byte, len(mark))
	if n, _ := f.Read(head); string(head[:n]) == mark {
		return &NotHereError{Source: file + " (here is only git's pointer to it)", Obtain: "git lfs pull, or name repository and tag in source.rpm.git"}
	}
	return nil
}

// fillIn gives the macros that the user defined, and for a template what Qubes'
// builder puts in: @VERSION@ and @REL@ are the first lines of the files version
// and rel beside it.
func fillIn(dir fs.FS, src *vendors.RPM) (map[string]string, error) {
	define := maps.Clone(src.Define)
	if path.Ext(src.Spec) != ".in" {
		return define, nil
	}
	if define == nil {
		define = map[string]string{}
	}
	for holder, file := range map[string]string{"@VERSION@": "version", "@REL@": "rel"} {
		if _, given := define[holder]; given {
			continue
		}
		const most = 4096
		text, err := readLimited(dir, file, most)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("RPM spec %s: %w", src.Spec, err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		define[holder] = strings.TrimSpace(line)
	}
	return define, nil
}
