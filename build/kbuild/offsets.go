package kbuild

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// An offsets is how the build makes asm-offsets.h, which tells assembly where the
// members of structures lie: asm-offsets.c is compiled to assembly, and what
// stands between ==> and <== in it becomes the header (xen/build.mk, before 4.17
// xen/Makefile). It is what most changes of headers touch, so it is done here
// without make.
type offsets struct {
	header string // relative to xen/
	head   string // of the header, before the first definition
	unit   Unit   // command and dependencies
}

const guard = "#define __ASM_OFFSETS_H__\n\n"

var assembles = regexp.MustCompile(` -S .*asm-offsets\.c`)

// readOffsets finds how the base's asm-offsets.h came about; nil where that is not
// as expected, so that only make can make it again.
func (b *Base) readOffsets() (*offsets, error) {
	o := &offsets{}
	for _, pattern := range []string{"arch/*/include/asm/asm-offsets.h", "include/asm-*/asm-offsets.h"} {
		found, err := filepath.Glob(filepath.Join(b.xen(), filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		if len(found) == 1 {
			rel, err := filepath.Rel(b.xen(), found[0])
			if err != nil {
				return nil, err
			}
			o.header = filepath.ToSlash(rel)
		}
	}
	if o.header == "" {
		return nil, nil
	}
	header, err := os.ReadFile(filepath.Join(b.xen(), o.header))
	if err != nil {
		return nil, err
	}
	before, _, ok := strings.Cut(string(header), guard)
	if !ok {
		return nil, nil
	}
	o.head = before + guard
	if err := o.find(b); err != nil {
		return nil, err
	}
	made, err := os.ReadFile(filepath.Join(b.xen(), "asm-offsets.s"))
	if errors.Is(err, fs.ErrNotExist) || o.unit.command == "" || !bytes.Equal(o.define(made), header) {
		return nil, nil
	}
	return o, err
}

// find takes the command from what make printed, since Kbuild does not record it.
func (o *offsets) find(b *Base) error {
	f, err := os.Open(filepath.Join(filepath.Dir(b.Dir), logName))
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if assembles.MatchString(lines.Text()) {
			o.unit.command = strings.TrimSpace(lines.Text())
		}
	}
	rule, err := os.ReadFile(filepath.Join(b.xen(), ".asm-offsets.s.d"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	o.unit.Deps = newReader(b.xen()).deps(&o.unit, string(rule))
	slices.Sort(o.unit.Deps)
	return lines.Err()
}

var immediate = regexp.MustCompile(` [$#]`)

// define makes the header of the compiler's output.
func (o *offsets) define(assembly []byte) []byte {
	b := bytes.NewBufferString(o.head)
	for l := range strings.Lines(string(assembly)) {
		if _, rest, ok := strings.Cut(l, "==>"); ok && !strings.HasPrefix(l, "#") {
			name, _, _ := strings.Cut(rest, "<==")
			b.WriteString(immediate.ReplaceAllString(name, " ") + "\n")
		}
	}
	b.WriteString("\n#endif\n")
	return b.Bytes()
}

var writes = regexp.MustCompile(` -o (\S+)`)

// Offsets makes asm-offsets.h anew where a changed file can alter it. If it is not
// as in the base, it is part of the view from then on, and is given, by its name
// with the prefix xen/.
func (v *View) Offsets(ctx context.Context) (map[string][]byte, error) {
	o := v.base.offsets
	if o == nil || !v.sees(o.unit.Deps) {
		return nil, nil
	}
	m := writes.FindStringSubmatch(o.unit.command)
	if m == nil {
		return nil, nil
	}
	if err := v.shell(ctx, &o.unit, o.unit.command); err != nil {
		return nil, err
	}
	made, err := os.ReadFile(filepath.Join(v.dir, csource.Root, m[1]))
	if err != nil {
		return nil, err
	}
	was, err := os.ReadFile(filepath.Join(v.base.xen(), o.header))
	if err != nil {
		return nil, err
	}
	header := o.define(made)
	if bytes.Equal(header, was) {
		return nil, nil
	}
	return map[string][]byte{csource.Root + "/" + o.header: header}, v.write(o.header, header)
}

// sees tells whether one of the changed files is among some.
func (v *View) sees(files []string) bool {
	for name := range v.changed {
		if _, found := slices.BinarySearch(files, name); found {
			return true
		}
	}
	return false
}
