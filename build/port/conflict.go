package port

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"lpready/analyze/patch"
)

// A draft is what becomes of one patch of a recipe that does not fit.
type draft struct {
	patch *patch.Patch      // the recipe's
	fits  *patch.Report     // how it applies, where it does
	clean *patch.Patch      // the merged change, where no side contradicts; else nil
	files map[string][]byte // content with markers, of files in conflict
	list  []string          // where a person has to decide, "file:line: what"
}

// drafts goes through the patches of a job that does not fit as a whole: those
// that apply are applied, the others merged. What comes after a conflict is
// tried without the patch in conflict.
func (s *series) drafts(j *job) (out []draft) {
	tree := s.now.Fork()
	for i := range j.patches {
		p, _ := s.ground.within(&j.patches[i])
		if len(p.Files) == 0 {
			continue
		}
		report, err := tree.Apply(p)
		switch {
		case err != nil || report.Status() == patch.Applied:
			continue
		case report.OK():
			out = append(out, draft{patch: p, fits: &report})
			continue
		}
		d := s.draft(tree, p, report)
		if d.clean != nil {
			if r, err := tree.Apply(d.clean); err != nil || !r.OK() {
				d.clean, d.list = nil, []string{"what the merge gave does not apply"}
			}
		}
		out = append(out, d)
	}
	return out
}

// draft merges one patch file by file.
func (s *series) draft(tree *patch.Tree, p *patch.Patch, report patch.Report) draft {
	d := draft{patch: p, files: map[string][]byte{}}
	clean := *p
	clean.Files = nil
	for i := range p.Files {
		f, r := &p.Files[i], report.Files[i]
		if r.Status == patch.Applied {
			continue
		}
		if r.Status == patch.Applies || r.Status == patch.Offset {
			clean.Files = append(clean.Files, *f)
			continue
		}
		data, err := tree.ReadFile(r.Name)
		if err != nil || len(f.Hunks) == 0 || f.Renamed || f.Copied || f.New || f.Deleted {
			what := r.Reason
			if errors.Is(err, fs.ErrNotExist) {
				what = "the file is not there"
				d.files[f.Name()] = marked(nil, f, s.base.ID, p.Name)
			}
			d.list = append(d.list, fmt.Sprintf("%s: %s", f.Name(), what))
			continue
		}
		before := lines(data)
		after, conflicts := s.mergeFile(before, f, r, p.Name)
		if len(conflicts) > 0 {
			d.list = append(d.list, conflicts...)
			d.files[r.Name] = []byte(strings.Join(after, ""))
			continue
		}
		merged := patch.File{OldName: r.Name, NewName: r.Name, Hunks: hunks(before, after)}
		if len(merged.Hunks) > 0 {
			clean.Files = append(clean.Files, merged)
		}
	}
	if len(d.list) == 0 && len(clean.Files) > 0 {
		d.clean = &clean
	}
	return d
}

// marked shows a change of a file that is not there.
func marked(ours []string, f *patch.File, base, name string) []byte {
	var out []string
	for i := range f.Hunks {
		old, new := sides(&f.Hunks[i])
		out = append(out, block(ours, old, new, base, name)...)
	}
	return []byte(strings.Join(out, ""))
}

// mergeFile brings every hunk to the place where it seems to belong. What
// conflicts stands between markers.
func (s *series) mergeFile(file []string, f *patch.File, r patch.FileReport, name string) (out, conflicts []string) {
	at := 0 // lines of file that are done
	for i := range f.Hunks {
		h := &f.Hunks[i]
		if i < len(r.Hunks) && r.Hunks[i].Reversed {
			continue
		}
		old, new := sides(h)
		w, ok := align(file[at:], old, h.OldStart-1-at)
		w.from, w.to = w.from+at, w.to+at
		where := fmt.Sprintf("hunk %d of %d", i+1, len(f.Hunks))
		if !ok {
			w.from = min(max(h.OldStart-1, at), len(file))
			w.to = w.from
		}
		out = append(out, file[at:w.from]...)
		at = w.to
		if !ok {
			conflicts = append(conflicts, fmt.Sprintf("%s:%d: %s: nothing like its lines was found", r.Name, len(out)+1, where))
			out = append(out, block(nil, old, new, s.base.ID, name)...)
			continue
		}
		for _, p := range merge(old, file[w.from:w.to], new) {
			if !p.conflict {
				out = append(out, p.settled...)
				continue
			}
			conflicts = append(conflicts, fmt.Sprintf("%s:%d: %s: the base and the patch change the same lines", r.Name, len(out)+1, where))
			out = append(out, block(p.ours, p.base, p.theirs, s.base.ID, name)...)
		}
	}
	return append(out, file[at:]...), conflicts
}

// block writes three sides between markers, as git and diff3 do.
func block(ours, base, theirs []string, baseID, name string) []string {
	var out []string
	side := func(mark, label string, text []string) {
		out = append(out, strings.TrimRight(mark+" "+label, " ")+"\n")
		out = append(out, text...)
		if n := len(out); !strings.HasSuffix(out[n-1], "\n") {
			out[n-1] += "\n"
		}
	}
	side("<<<<<<<", baseID, ours)
	side("|||||||", "before "+path.Base(name), base)
	side("=======", "", theirs)
	return append(out, ">>>>>>> "+path.Base(name)+"\n")
}
