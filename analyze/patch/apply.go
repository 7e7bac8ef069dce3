package patch

import (
	"fmt"
	"path"
	"strings"
)

// A Status says what became of a patch or of one file of it.
type Status string

const (
	Applies   Status = "applies"
	Offset    Status = "offset"    // applies, but not at the lines it names
	Applied   Status = "applied"   // does not apply, for it is there already
	Missing   Status = "missing"   // does not apply, for the file is not there
	Conflicts Status = "conflicts" // does not apply
)

// A Report says what became of a patch, file by file in the patch's order.
type Report struct{ Files []FileReport }

// Status sums the files up. A patch is already applied only if each of its files is.
func (r Report) Status() Status {
	seen := map[Status]int{}
	for _, f := range r.Files {
		seen[f.Status]++
	}
	switch {
	case seen[Conflicts] > 0, seen[Applied] > 0 && seen[Applied] < len(r.Files):
		return Conflicts
	case seen[Missing] > 0:
		return Missing
	case seen[Applied] > 0:
		return Applied
	case seen[Offset] > 0:
		return Offset
	}
	return Applies
}

// OK tells whether the patch applies, which is when GNU patch exits with 0.
func (r Report) OK() bool {
	s := r.Status()
	return s == Applies || s == Offset
}

// A FileReport says what became of the change of one file.
type FileReport struct {
	Name   string // the file that is written or deleted
	Status Status
	Reason string // why the file as a whole does not apply, "" otherwise
	Hunks  []HunkReport
}

// A HunkReport says what became of a hunk.
type HunkReport struct {
	At       int // 1-based line in the new file where it went, or was expected
	Offset   int // lines from where the patch has its old lines to where they are
	Failed   bool
	Reason   string
	Reversed bool // failed, and its result is there already
}

// Apply applies a patch to the tree, following GNU patch -N -p1 --fuzz=0 (-p0
// for Bare files): what that refuses is refused here, and the bytes are the
// same. Beyond it, nothing is applied unless everything applies, and binary
// changes and changes of symbolic links are refused, never skipped. File modes
// are not looked at. An error means that the tree cannot be read or exceeds
// the limits; the tree is then unchanged, too.
func (t *Tree) Apply(p *Patch) (Report, error) {
	run := run{before: t, tree: t.Fork(), written: map[string]bool{}}
	var report Report
	for i := range p.Files {
		r, err := run.apply(&p.Files[i])
		if err == nil && run.effort >= maxEffort {
			err = fmt.Errorf("%w: its hunks would be looked for in too many places", ErrLimit)
		}
		if err != nil {
			return Report{}, fmt.Errorf("%s:%d: %w", p.Name, p.Files[i].Line, err)
		}
		report.Files = append(report.Files, r)
	}
	if report.OK() {
		t.changed = run.tree.changed
	}
	return report, nil
}

// Two sides of a change, in GNU patch's order of preference.
const (
	oldSide = iota
	newSide
	sides
)

// says tells how firmly a patch claims that a side does not exist: 0 not at
// all, 1 that it is absent or empty, 2 that it is absent.
func (f *File) says(side int) int {
	gone, empty, start := f.New, f.oldEmpty, 1
	if side == newSide {
		gone, empty = f.Deleted, f.newEmpty
	}
	if len(f.Hunks) > 0 {
		start = f.Hunks[0].OldStart
		if side == newSide {
			start = f.Hunks[0].NewStart
		}
	}
	switch {
	case gone && (start == 0 || f.git):
		return 2
	case empty || start == 0:
		return 1
	}
	return 0
}

// A target is the file that a change is applied to.
type target struct {
	in, out string // read from and written to
	exists  bool   // in is there
	data    []byte // of in
}

// A run is one patch on its way through a tree.
type run struct {
	before  *Tree // from which git's renames and copies read
	tree    *Tree // that is changed
	written map[string]bool
	effort  int
}

// apply applies one file change and leaves in the tree what GNU patch would
// leave: hunks that fail are left out.
func (r *run) apply(f *File) (FileReport, error) {
	to, status, reason, err := r.target(f)
	report := FileReport{Name: to.out, Status: status, Reason: reason}
	if err != nil {
		return report, err
	}
	ed := newEdit(f, to.data, &r.effort)
	if status != Applies {
		report.Hunks = ed.ignore(reason)
		return report, nil
	}
	report.Hunks = ed.run()
	if ed.skipped {
		report.Status, report.Reason = Conflicts, "its first hunk is there already, others are not"
		if ed.reversible() {
			report.Status, report.Reason = Applied, "already applied"
		}
		return report, nil
	}
	failed := 0
	for _, h := range report.Hunks {
		if h.Failed {
			failed++
			report.Status = Conflicts
		} else if h.Offset != 0 && report.Status == Applies {
			report.Status = Offset
		}
	}
	data := ed.finish()
	if f.says(newSide) == 2 {
		if len(data) == 0 {
			return report, r.tree.write(to.out, nil)
		}
		report.Status, report.Reason = Conflicts, "not deleted, for its content differs from that in the patch"
	}
	if failed > 0 && failed == len(f.Hunks) && !f.Renamed && !f.Copied {
		return report, nil
	}
	return report, r.write(f, to, data)
}

// write writes the result of a file change. The source of a rename goes, unless
// another change of the patch has put a file there.
func (r *run) write(f *File, to target, data []byte) error {
	if err := r.tree.write(to.out, data); err != nil {
		return err
	}
	r.written[to.out] = true
	if f.Renamed && to.in != to.out && !r.written[to.in] {
		return r.tree.write(to.in, nil)
	}
	return nil
}

// target chooses the file to patch: of the names that exist the best, or where
// none exists and the patch creates a file, the name that needs the fewest new
// folders. The status is Applies where hunks are to be tried.
func (r *run) target(f *File) (to target, s Status, reason string, err error) {
	names := [sides]string{f.OldName, f.NewName}
	to.out = f.Name()
	if f.Binary {
		return to, Conflicts, "a binary change", nil
	}
	if isSpecial(f.oldMode) || isSpecial(f.newMode) {
		return to, Conflicts, "a symbolic link or submodule", nil
	}
	var kinds [sides]kind
	for i, n := range names {
		if n != "" {
			if kinds[i], err = r.tree.kind(n); err != nil {
				return to, "", "", err
			}
		}
	}
	moved := f.Renamed || f.Copied
	best := bestName(names, func(i int) bool { return kinds[i] != absent })
	switch {
	case best >= 0 && kinds[best] != regular:
		return to, Conflicts, names[best] + " is not a regular file", nil
	case best >= 0:
		to.in, to.exists = names[best], true
		from := r.tree
		if moved && best == oldSide && r.before.Exists(to.in) {
			from = r.before
		}
		if to.data, err = from.ReadFile(to.in); err != nil {
			return to, "", "", err
		}
	case f.says(oldSide) > 0 || f.says(newSide) > 0:
		to.in = r.tree.newName(names)
	default:
		return to, Missing, "file not found", nil
	}
	if !moved {
		to.out = to.in
	}
	if s, reason = f.plausible(to); s == Applies && r.tree.underFile(to.out) {
		s, reason = Conflicts, "a folder of it is a file"
	}
	return to, s, reason, nil
}

// isSpecial tells whether a git mode is not that of a regular file.
func isSpecial(mode uint32) bool { return mode != 0 && mode&0o170000 != 0o100000 }

// plausible refuses to create what is there and to delete what is not.
func (f *File) plausible(to target) (Status, string) {
	old, new := f.says(oldSide), f.says(newSide)
	switch {
	case to.exists && len(to.data) > 0:
		if old < 2 {
			return Applies, ""
		}
		if whole, ok := f.created(); ok && whole == string(to.data) {
			return Applied, "already applied: the file is there"
		}
		return Conflicts, "would create a file that is there with another content"
	case new == 0, to.exists && old == 1 && new == 2, !to.exists && new == 1 && old == 2:
		return Applies, ""
	case !to.exists:
		return Applied, "already applied: the file is gone"
	}
	return Applied, "already applied: the file is empty"
}

// created is the whole content of a file that the patch creates.
func (f *File) created() (string, bool) {
	var b strings.Builder
	for _, h := range f.Hunks {
		for _, l := range h.Lines {
			if l.Op != Add {
				return "", false
			}
			b.WriteString(l.Text)
		}
	}
	return b.String(), true
}

// newName chooses among names that do not exist.
func (t *Tree) newName(names [sides]string) string {
	var need [sides]int
	least := -1
	for i, n := range names {
		if n == "" {
			continue
		}
		need[i] = strings.Count(n, "/") - t.folders(n)
		if least < 0 || need[i] < least {
			least = need[i]
		}
	}
	return names[bestName(names, func(i int) bool { return need[i] == least })]
}

// bestName is the side with the fewest folders, then the shortest base name,
// then the shortest name, then the old one; -1 if none is eligible.
func bestName(names [sides]string, eligible func(int) bool) int {
	best := -1
	var bestRank [3]int
	for i, n := range names {
		if n == "" || !eligible(i) {
			continue
		}
		rank := [3]int{strings.Count(n, "/"), len(path.Base(n)), len(n)}
		if best < 0 || less(rank, bestRank) {
			best, bestRank = i, rank
		}
	}
	return best
}

func less(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
