package port

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"lpready/analyze/patch"
)

// Names in the folder that Write makes, below the folder of each base.
const (
	seriesFile   = "series"
	originalDir  = "original"  // the recipes as they came
	reviewDir    = "review"    // of recipes that do not fit as a whole: what applies, and what was merged by machine
	conflictsDir = "conflicts" // files with three sides and markers
	conflictList = "list.txt"
)

// Write writes the ported series of each base into a new folder, together with
// further files, such as the report, by their names in it. The folder may exist
// if it is empty. Nothing of it is seen before all of it is there. Files are of
// mode 0600, folders of mode 0700.
func (r *Result) Write(dir string, more map[string][]byte) (err error) {
	dir = filepath.Clean(dir)
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s: %w: expected the name of a new folder, for patches that a person finished could be in it", dir, fs.ErrExist)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	files := maps.Clone(more)
	if files == nil {
		files = map[string][]byte{}
	}
	for _, s := range r.series {
		if err := s.files(files); err != nil {
			return fmt.Errorf("base %s: %w", s.base.ID, err)
		}
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".part-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(aside)
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := writeNew(filepath.Join(aside, filepath.FromSlash(name)), files[name]); err != nil {
			return err
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(aside, dir)
}

func writeNew(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// files adds the files of one base by name.
func (s *series) files(all map[string][]byte) error {
	dir := fileName(s.base.ID)
	add := func(name string, data []byte) string {
		name = path.Join(dir, name)
		for n := 2; ; n++ {
			if _, taken := all[name]; !taken {
				break
			}
			ext := path.Ext(name)
			name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext)
		}
		all[name] = data
		return strings.TrimPrefix(name, dir+"/")
	}
	var list strings.Builder
	var written []output
	for _, st := range s.steps {
		for _, o := range s.outputs(st) {
			o.name = add(o.name, o.text)
			fmt.Fprintln(&list, o.name)
			written = append(written, o)
		}
	}
	if err := s.verify(written); err != nil {
		return err
	}
	add(seriesFile, []byte(list.String()))
	var conflicts strings.Builder
	for _, j := range s.jobs {
		for _, f := range j.came {
			add(path.Join(originalDir, fileName(path.Base(f.Name))), f.Data)
		}
		list := j.contested
		if j.open() {
			contested := func(d draft) bool {
				return slices.ContainsFunc(j.contested, func(c draft) bool { return c.patch.Name == d.patch.Name })
			}
			list = append(slices.DeleteFunc(s.drafts(j), contested), list...)
		}
		if len(list) > 0 {
			s.addDrafts(j, list, add, &conflicts)
		}
	}
	if conflicts.Len() > 0 {
		add(path.Join(conflictsDir, conflictList), []byte(conflicts.String()))
	}
	return nil
}

// open tells whether a job was tried and does not fit.
func (j *job) open() bool {
	return j.tree != nil && (!j.placed || j.partial) && j.trial.status != Applied && j.trial.status != Outside
}

// addDrafts adds what merges make of a job that does not fit.
func (s *series) addDrafts(j *job, drafts []draft, add func(string, []byte) string, list *strings.Builder) {
	fmt.Fprintf(list, "%s: %s\n", j.name(), j.cell.Title)
	for _, d := range drafts {
		name := fileName(path.Base(d.patch.Name))
		if d.fits != nil {
			file := add(path.Join(reviewDir, name), written(d.patch, *d.fits, s.portedTo()))
			fmt.Fprintf(list, "  %s: applies in its place: %s\n", d.patch.Name, file)
			continue
		}
		if d.clean != nil {
			file := add(path.Join(reviewDir, name), written(d.clean, patch.Report{}, s.portedTo()+" (merged by machine: review it)"))
			fmt.Fprintf(list, "  %s: merged from three sides without a conflict: read %s, then move it into the series\n", d.patch.Name, file)
			continue
		}
		for _, file := range slices.Sorted(maps.Keys(d.files)) {
			at := add(path.Join(conflictsDir, name, safePath(file)), d.files[file])
			fmt.Fprintf(list, "  %s: three sides of %s in %s\n", d.patch.Name, file, at)
		}
		for _, l := range d.list {
			fmt.Fprintf(list, "    %s\n", l)
		}
	}
}

// safePath makes a name of a tree one of a file below a folder. The parser of
// patches has refused names that lead out already.
func safePath(name string) string {
	parts := strings.Split(path.Clean("/" + name)[1:], "/")
	for i := range parts {
		parts[i] = fileName(parts[i])
	}
	return path.Join(parts...)
}

// verify applies the patches as they will be written, one after the other, and
// wants what placing them gave.
func (s *series) verify(list []output) error {
	if s.ground == nil {
		return nil
	}
	tree := s.ground.tree.Fork()
	for _, o := range list {
		patches, err := patch.Parse(o.name, bytes.NewReader(o.text))
		if err != nil {
			return fmt.Errorf("the ported patch cannot be read back: %w", err)
		}
		for i := range patches {
			report, err := tree.Apply(&patches[i])
			if err != nil {
				return err
			}
			if report.Status() != patch.Applies {
				return fmt.Errorf("%s: the ported patch does not apply in its place (%s)", o.name, report.Status())
			}
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(tree.Changed(), s.now.Changed())))) {
		got, _ := tree.ReadFile(name)
		want, _ := s.now.ReadFile(name)
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s: the ported series gives another content than it should", name)
		}
	}
	return nil
}
