package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"lpready/analyze/patch"
)

// A queue is an ordered list of patches, and the folder that they lie in.
type queue struct {
	name string // of the list, for errors
	dir  fs.FS
	list []item
}

// An item is one patch of a queue.
type item struct {
	name  string // in the folder of the queue
	line  int    // of the list
	strip int    // how many parts of the names in it are no folder of the tree, patch -p
}

// apply applies the queue's patches to a content.
func (o *opener) apply(t *Tree, c *image, q *queue) error {
	overlay := patch.NewTree(newMemory(c.files))
	for _, item := range q.list {
		if err := o.ctx.Err(); err != nil {
			return err
		}
		touched, err := o.one(overlay, c, q, item)
		if err != nil {
			return fmt.Errorf("%s:%d: patch %s: %w", q.name, item.line, item.name, err)
		}
		if touched {
			t.Applied = append(t.Applied, item.name)
		} else {
			t.Skipped = append(t.Skipped, item.name)
		}
	}
	for _, name := range overlay.Changed() {
		data, err := overlay.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			delete(c.files, name)
		case err != nil:
			return err
		default:
			c.files[name] = data
		}
	}
	return nil
}

// one applies the parts of one patch file that concern the tree, and tells
// whether there are any.
func (o *opener) one(tree *patch.Tree, c *image, q *queue, item item) (touched bool, err error) {
	text, err := readLimited(q.dir, item.name, maxPatch)
	if err != nil {
		return false, err
	}
	patches, err := patch.Parse(item.name, bytes.NewReader(text))
	if err != nil {
		return false, err
	}
	for i := range patches {
		p := &patches[i]
		if err := stripped(p.Files, item.strip); err != nil {
			return false, err
		}
		if !o.whole {
			p.Files = hypervisorFiles(p.Files)
		}
		if len(p.Files) == 0 {
			continue
		}
		touched = true
		report, err := tree.Apply(p)
		if err != nil {
			return false, err
		}
		if !report.OK() {
			return false, refusal(report)
		}
		if o.whole {
			c.modes(p.Files, text)
		}
	}
	return touched, nil
}

const maxPatch = 64 << 20 // bytes of a patch file

// stripped takes off as much of the names as -p says; one part is off already.
func stripped(list []patch.File, strip int) error {
	for i := range list {
		f := &list[i]
		switch {
		case strip == 0 && !f.Bare:
			return fmt.Errorf("%s: to be applied with -p0, but its names have a part before those of the tree", f.Name())
		case strip > 1 && f.Bare:
			return fmt.Errorf("%s: to be applied with -p%d, but its names are those of the tree", f.Name(), strip)
		}
		for range strip - 1 {
			for _, name := range []*string{&f.OldName, &f.NewName} {
				_, rest, ok := strings.Cut(*name, "/")
				if *name != "" && !ok {
					return fmt.Errorf("%s: too short a name for -p%d", f.Name(), strip)
				}
				*name = rest
			}
		}
	}
	return nil
}

// modes follows what git's headers say of files that are programs: "new file
// mode 100755", "new mode 100644". Text is the patch file.
func (c *image) modes(list []patch.File, text []byte) {
	lines := bytes.Split(text, []byte("\n"))
	for _, f := range list {
		if f.NewName == "" {
			delete(c.exec, f.OldName)
			continue
		}
		if (f.Renamed || f.Copied) && c.exec[f.OldName] {
			c.exec[f.NewName] = true
		}
		if f.Renamed {
			delete(c.exec, f.OldName)
		}
		for _, l := range lines[min(max(f.Line, 0), len(lines)):] { // after "diff --git"
			mode, ok := strings.CutPrefix(strings.TrimRight(string(l), "\r"), "new mode ")
			if !ok {
				mode, ok = strings.CutPrefix(strings.TrimRight(string(l), "\r"), "new file mode ")
			}
			if ok {
				if c.exec[f.NewName] = mode == "100755"; mode != "100755" {
					delete(c.exec, f.NewName)
				}
			}
			if !extended(l) {
				break
			}
		}
	}
}

// extended tells whether a line is one of git's headers between "diff --git" and
// "---".
func extended(line []byte) bool {
	for _, start := range []string{"old mode ", "new mode ", "new file mode ", "deleted file mode ", "similarity ", "dissimilarity ", "rename ", "copy ", "index "} {
		if bytes.HasPrefix(line, []byte(start)) {
			return true
		}
	}
	return false
}

// quilt reads a quilt series beside its patches: a file that lists patches in the order in which
// they are applied (quilt(1), "series"). A patch may be followed by its options;
// other than the usual -p1 there are none that we know how to follow.
func quilt(name string, dir fs.FS, series string) (*queue, error) {
	text, err := readLimited(dir, series, maxSeries)
	if err != nil {
		return nil, fmt.Errorf("patch series %s: %w", name, err)
	}
	q := &queue{name: name, dir: dir}
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, " #")
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		for _, option := range words[1:] {
			if option != "-p1" && option != "-pab" {
				return nil, fmt.Errorf("%s:%d: option %s of patch %s; expected -p1 or none", name, i+1, option, words[0])
			}
		}
		q.list = append(q.list, item{path.Clean(words[0]), i + 1, 1})
	}
	return q, nil
}

const maxSeries = 4 << 20 // bytes of a series, or of a spec

// hypervisorFiles gives the changes of files under xen/.
func hypervisorFiles(all []patch.File) []patch.File {
	var under []patch.File
	for _, f := range all {
		if strings.HasPrefix(f.OldName, "xen/") || strings.HasPrefix(f.NewName, "xen/") {
			under = append(under, f)
		}
	}
	return under
}

// refusal says what of a patch did not apply.
func refusal(report patch.Report) error {
	var parts []string
	for _, f := range report.Files {
		if f.Status == patch.Applies || f.Status == patch.Offset {
			continue
		}
		if f.Reason != "" {
			parts = append(parts, fmt.Sprintf("%s: %s", f.Name, f.Reason))
		}
		for i, h := range f.Hunks {
			if h.Failed {
				parts = append(parts, fmt.Sprintf("%s: hunk %d of %d: %s", f.Name, i+1, len(f.Hunks), h.Reason))
			}
		}
	}
	return fmt.Errorf("does not apply (%s): %s", report.Status(), strings.Join(parts, "; "))
}

// readLimited reads a file of at most so many bytes.
func readLimited(dir fs.FS, name string, most int64) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: more than %d bytes: %w", name, most, errLimit)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
