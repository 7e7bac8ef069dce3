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

// A queue is a quilt series: a file that lists patches in the order in which
// they are applied (quilt(1), "series"), and the folder that they lie in.
type queue struct {
	name   string // of the series, for errors
	dir    fs.FS
	series string // in dir
}

// apply applies the queue's patches to files and gives the result.
func (o *opener) apply(t *Tree, base files, q queue) (files, error) {
	list, err := q.list()
	if err != nil {
		return nil, err
	}
	overlay := patch.NewTree(newMemory(base))
	for _, item := range list {
		if err := o.ctx.Err(); err != nil {
			return nil, err
		}
		touched, err := q.one(overlay, item)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: patch %s: %w", q.name, item.line, item.name, err)
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
			delete(base, name)
		case err != nil:
			return nil, err
		default:
			base[name] = data
		}
	}
	return base, nil
}

// An item is one line of a series.
type item struct {
	name string
	line int
}

// list reads the series. A patch may be followed by its options; other than the
// usual -p1 there are none that we know how to follow.
func (q *queue) list() ([]item, error) {
	text, err := readLimited(q.dir, q.series, 4<<20)
	if err != nil {
		return nil, fmt.Errorf("patch series %s: %w", q.name, err)
	}
	var list []item
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, " #")
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		for _, option := range words[1:] {
			if option != "-p1" && option != "-pab" {
				return nil, fmt.Errorf("%s:%d: option %s of patch %s; expected -p1 or none", q.name, i+1, option, words[0])
			}
		}
		list = append(list, item{path.Clean(words[0]), i + 1})
	}
	return list, nil
}

// one applies the parts of one patch file that lie under xen/, and tells whether
// there are any.
func (q *queue) one(tree *patch.Tree, item item) (touched bool, err error) {
	text, err := readLimited(q.dir, path.Join(path.Dir(q.series), item.name), 64<<20)
	if err != nil {
		return false, err
	}
	patches, err := patch.Parse(item.name, bytes.NewReader(text))
	if err != nil {
		return false, err
	}
	for i := range patches {
		p := &patches[i]
		p.Files = hypervisorFiles(p.Files)
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
	}
	return touched, nil
}

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
