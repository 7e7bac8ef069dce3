package kbuild

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"lpready/analyze/csource"
)

// A Unit is one object, and how the build made it. Paths are relative to xen/.
type Unit struct {
	Object  string
	Source  string   // empty where it is made of another object
	From    string   // that object: foo.o of foo.init.o
	Deps    []string // files that its source includes, the source among them, sorted
	Asm     bool
	dir     string // in which the command runs
	command string // of the shell
}

// record reads the units that a build left in a tree.
func record(dir string) ([]Unit, error) {
	r := newReader(filepath.Join(dir, csource.Root))
	var list []Unit
	err := filepath.WalkDir(r.xen, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".o.cmd") {
			return err
		}
		rel, err := filepath.Rel(r.xen, name)
		if err != nil || foreign(filepath.ToSlash(rel)) {
			return err
		}
		u, err := r.cmd(filepath.ToSlash(rel))
		if err == nil && u != nil && u.there(r.xen) {
			list = append(list, *u)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(list, func(u Unit) bool { return path.Ext(u.Source) == ".c" }) {
		if list, err = r.fromLog(filepath.Join(filepath.Dir(dir), logName), list); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, errors.New("the build left no record of its commands: expected .NAME.o.cmd files below xen/")
	}
	slices.SortFunc(list, func(a, b Unit) int { return cmp.Compare(a.Object, b.Object) })
	return slices.CompactFunc(list, func(a, b Unit) bool { return a.Object == b.Object }), nil
}

// A reader reads the record of one build.
type reader struct {
	xen   string              // the build's folder xen/
	names map[string][]string // that a file was found to have, by that in the record: units share most
}

func newReader(xen string) *reader { return &reader{xen: xen, names: map[string][]string{}} }

// there tells whether the unit's source is: make leaves the object and the record of
// one that was removed.
func (u *Unit) there(xen string) bool {
	if u.Source == "" {
		return true
	}
	_, err := os.Stat(filepath.Join(xen, filepath.FromSlash(u.Source)))
	return err == nil
}

// foreign tells what is built below xen/ but is no part of the hypervisor, or is
// linked of other objects.
func foreign(name string) bool {
	base := strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "."), ".cmd")
	return strings.HasPrefix(name, "tools/") || strings.HasPrefix(name, "test/") || strings.HasPrefix(name, "scripts/") ||
		strings.HasPrefix(base, "built_in") || strings.HasPrefix(base, "prelink") || strings.HasPrefix(base, "xen-syms") || strings.HasPrefix(base, "xen.")
}

// cmd reads what Kbuild wrote about an object: the command and, from Xen 4.17
// on, the source and what it includes. No unit means that nothing is made there.
func (r *reader) cmd(name string) (*Unit, error) {
	data, err := os.ReadFile(filepath.Join(r.xen, name))
	if err != nil {
		return nil, err
	}
	first, rest, _ := strings.Cut(string(data), "\n")
	target, command, ok := strings.Cut(strings.TrimPrefix(first, "cmd_"), ":=")
	if !ok {
		return nil, fmt.Errorf("%s: line 1: expected cmd_OBJECT := COMMAND", name)
	}
	target = strings.TrimSpace(target)
	u := &Unit{Object: path.Join(path.Dir(name), path.Base(target)), command: unescape(strings.TrimSpace(command))}
	if target != u.Object {
		u.dir = path.Dir(name) // until 4.16 make runs in each folder
	}
	if from, ok := strings.CutSuffix(u.Object, ".init.o"); ok {
		u.From = from + ".o"
		return u, nil
	}
	for l := range strings.Lines(rest) {
		l = strings.TrimSuffix(strings.TrimSpace(l), " \\")
		if source, ok := strings.CutPrefix(l, "source_"+target+" := "); ok {
			u.Deps = append(u.Deps, r.resolve(u, source)...)
		} else if l != "" && !strings.ContainsAny(l, "$=:") {
			u.Deps = append(u.Deps, r.resolve(u, l)...)
		}
	}
	if !compiles.MatchString(u.command) {
		return nil, nil // arch/x86/efi/buildid.o is converted from another file
	}
	return u, r.complete(u)
}

// unescape takes back what Kbuild's make-cmd did.
func unescape(command string) string {
	return strings.NewReplacer("$$", "$", `\#`, "#").Replace(command)
}

// resolve names a file as the compiler saw it and, where that is a link that the
// build made (arch/x86/efi/boot.c), as the source has it.
func (r *reader) resolve(u *Unit, name string) []string {
	if filepath.IsAbs(name) {
		rel, err := filepath.Rel(r.xen, name)
		if err != nil {
			return nil
		}
		name = filepath.ToSlash(rel)
	} else {
		name = path.Join(u.dir, name)
	}
	if strings.HasPrefix(name, "../") {
		return nil
	}
	list, ok := r.names[name]
	if !ok {
		list = []string{name}
		if real, err := filepath.EvalSymlinks(filepath.Join(r.xen, name)); err == nil {
			if rel, err := filepath.Rel(r.xen, real); err == nil && filepath.ToSlash(rel) != name && filepath.IsLocal(rel) {
				list = append(list, filepath.ToSlash(rel))
			}
		}
		r.names[name] = list
	}
	return list
}

var compiles = regexp.MustCompile(` -c +(\S+\.[cS])(?: |$)`)

// complete finds the source in the command, and the dependencies in the file that
// the compiler wrote, where Kbuild has not told.
func (r *reader) complete(u *Unit) error {
	m := compiles.FindStringSubmatch(u.command)
	if m == nil {
		return fmt.Errorf("%s: expected a command that compiles: %.200s", u.Object, u.command)
	}
	at := r.resolve(u, m[1])
	if len(at) == 0 {
		return fmt.Errorf("%s: expected a source below xen/, found %s", u.Object, m[1])
	}
	u.Source = at[0]
	u.Asm = path.Ext(m[1]) == ".S"
	if len(u.Deps) == 0 {
		data, err := os.ReadFile(filepath.Join(r.xen, path.Dir(u.Object), "."+path.Base(u.Object)+".d"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		u.Deps = r.deps(u, string(data))
	}
	u.Deps = append(u.Deps, at...)
	slices.Sort(u.Deps)
	u.Deps = slices.Compact(u.Deps)
	return nil
}

// deps reads a rule as gcc -MMD writes it: TARGET: FILE FILE \ ...
func (r *reader) deps(u *Unit, rule string) (list []string) {
	_, files, _ := strings.Cut(rule, ":")
	for l := range strings.Lines(files) {
		if strings.TrimSpace(l) == "" {
			break // -MP adds empty rules
		}
		for name := range strings.FieldsSeq(strings.ReplaceAll(l, `\`, " ")) {
			if strings.HasSuffix(name, ":") {
				return list
			}
			list = append(list, r.resolve(u, name)...)
		}
	}
	return list
}

var entering = regexp.MustCompile(`^make(?:\[\d+\])?: Entering directory '(.*)'`)

// fromLog adds the units that only make's output tells of: until Xen 4.15 the
// commands that compile C are echoed, in the folder that make says it enters.
func (r *reader) fromLog(log string, list []Unit) ([]Unit, error) {
	f, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	folder := ""
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		l := lines.Text()
		if m := entering.FindStringSubmatch(l); m != nil {
			if folder, err = filepath.Rel(r.xen, m[1]); err != nil {
				return nil, err
			}
			continue
		}
		m := compiles.FindStringSubmatch(l)
		if m == nil || !filepath.IsLocal(folder) {
			continue
		}
		u := Unit{dir: filepath.ToSlash(folder), command: l}
		u.Object = path.Join(u.dir, strings.TrimSuffix(m[1], path.Ext(m[1]))+".o")
		if _, err := os.Stat(filepath.Join(r.xen, u.Object)); err != nil || foreign(u.Object) {
			continue
		}
		if err := r.complete(&u); err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, lines.Err()
}
