package standin

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// walk lists files below a folder by their end, with slashes, sorted.
func walk(dir, ext string) (list []string, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ext {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		list = append(list, filepath.ToSlash(rel))
		return err
	})
	return list, err
}

// compile copies every source below xen/ to an object. Objects of the patched and
// the original build are captured under their doubled paths, as on Xen 4.17. only,
// where not nil, are the objects that make would make again.
func (j *job) compile(name string, only []string) error {
	xen := filepath.Join(j.source, "xen")
	sources, err := walk(xen, ".c")
	if err != nil {
		return err
	}
	var log, changed strings.Builder
	for _, source := range sources {
		object := strings.TrimSuffix(source, ".c") + ".o"
		if only != nil && !slices.Contains(only, object) {
			continue
		}
		fmt.Fprintf(&log, "  CC      %s\n", object)
		if name == "full" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(xen, source))
		if err != nil {
			return err
		}
		to := filepath.Join(j.output, name, "xen", filepath.Dir(object), object)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, data, 0o600)); err != nil {
			return err
		}
		fmt.Fprintf(&changed, "xen/%s\n", object)
	}
	if changed.Len() > 0 {
		if err := j.log(filepath.Join(name, "changed_objs"), changed.String()); err != nil {
			return err
		}
	}
	return j.log("build_"+name+"_compile.log", log.String())
}

var patchedFile = regexp.MustCompile(`(?m)^\+\+\+ b/xen/(\S+)\.c`)

// patched are the objects of the sources that the patch names.
func (j *job) patched() ([]string, error) {
	text, err := os.ReadFile(j.patch)
	list := []string{}
	for _, m := range patchedFile.FindAllSubmatch(text, -1) {
		list = append(list, string(m[1])+".o")
	}
	return list, err
}

// diff is the comparison, and the payload.
func (j *job) diff() error {
	fmt.Println("Extracting new and modified ELF sections...")
	for _, dir := range []string{"original", "patched"} {
		if _, err := os.Stat(filepath.Join(j.output, dir, "changed_objs")); err != nil {
			return errors.New("no changed objects found")
		}
	}
	original, err := walk(filepath.Join(j.output, "original"), ".o")
	if err != nil {
		return err
	}
	var functions []function
	failures := 0
	for _, object := range original {
		fmt.Println("Processing " + object)
		if err := j.log("create-diff-object.log", "Run create-diff-object on "+object+"\n"); err != nil {
			return err
		}
		if err := j.do("diff"); err != nil {
			return err
		}
		code, found, err := j.compare(object)
		switch {
		case err != nil:
			return err
		case code == 139:
			fmt.Fprintln(os.Stderr, "ERROR: create-diff-object SIGSEGV.")
			return errors.New("no core file found, run 'ulimit -c unlimited' and try to recreate")
		case code != 0 && code != 3:
			failures++
			fmt.Fprintf(os.Stderr, "ERROR: create-diff-object %s rc %d.\n", object, code)
		}
		functions = append(functions, found...)
	}
	added, err := j.added(original)
	if err != nil {
		return err
	}
	if failures > 0 {
		return fmt.Errorf("%d error(s) encountered", failures)
	}
	if functions = append(functions, added...); len(functions) == 0 {
		return errors.New("no functional changes found")
	}
	fmt.Println("Creating patch module...")
	data, err := payload(j.name, j.depends, j.xenDepends, functions)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(j.output, j.name+".livepatch"), data, 0o700)
}

// failures are what the differ can be told to say, with its exit code.
var failures = map[string]struct {
	code int
	says string
}{
	"crash":   {139, ""},
	"refuse":  {2, "%[1]s: changed section .rodata.table not selected for inclusion\nERROR: %[1]s: 1 unsupported section change(s)\ncreate-diff-object: unreconcilable difference\n"},
	"give-up": {1, "create-diff-object: ERROR: %[1]s: livepatch_create_patches_sections: 1: lookup_local_symbol helper (common/event.c)\n"},
}

// textSize is taken for the size of a function in an object that is text.
const textSize = 8

// compare is the differ, on one object.
func (j *job) compare(object string) (code int, found []function, err error) {
	base := filepath.Base(object)
	if f, ok := failures[j.deed]; ok {
		text := f.says
		if text != "" {
			text = fmt.Sprintf(text, base)
		}
		return f.code, nil, j.log("create-diff-object.log", text)
	}
	var sides [2]map[string]string
	var raw []byte
	for i, dir := range []string{"original", "patched"} {
		data, err := os.ReadFile(filepath.Join(j.output, dir, object))
		if err != nil {
			return 1, nil, j.log("create-diff-object.log", "create-diff-object: ERROR: "+base+": kpatch_elf_open: 1: open\n")
		}
		raw = data
		if sides[i], err = functionsOf(data); err != nil {
			return 1, nil, j.log("create-diff-object.log", "create-diff-object: ERROR: "+base+": kpatch_elf_open: 1: elf_begin\n")
		}
	}
	var log strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sides[1])) {
		was, known := sides[0][name]
		switch {
		case !known:
			fmt.Fprintf(&log, "%s: new function: %s\n", base, name)
		case was != sides[1][name]:
			fmt.Fprintf(&log, "%s: changed function: %s\n", base, name)
		default:
			continue
		}
		f := function{name: name, added: !known, oldSize: textSize, size: textSize}
		if bytes.HasPrefix(raw, []byte(elf.ELFMAG)) {
			f.oldSize, f.size = len(was), len(sides[1][name])
		}
		found = append(found, f)
	}
	if len(found) == 0 {
		return 3, nil, nil
	}
	to := filepath.Join(j.output, "output", object)
	return 0, found, errors.Join(j.log("create-diff-object.log", log.String()), os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, nil, 0o600))
}

// added copies objects that only the patched build has, from where the tool of
// November 2019 looks for them: the folder above the one in which they are.
func (j *job) added(original []string) (list []function, err error) {
	patched, err := walk(filepath.Join(j.output, "patched", "xen"), ".o")
	if err != nil {
		return nil, err
	}
	for _, object := range patched {
		if slices.Contains(original, "xen/"+object) {
			continue
		}
		from := filepath.Join("patched", object)
		data, err := os.ReadFile(filepath.Join(j.output, from))
		if err != nil {
			fmt.Fprintf(os.Stderr, "cp: cannot stat 'patched/./%s': No such file or directory\n", object)
			continue
		}
		if err := os.WriteFile(filepath.Join(j.output, "output", object), data, 0o600); err != nil {
			return nil, err
		}
		found, err := functionsOf(data)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(found)) {
			list = append(list, function{name: name, added: true, size: textSize})
		}
	}
	return list, nil
}

var header = regexp.MustCompile(`(?m)^[a-z][\w \t*]*?\b(\w+)\([^;{]*\)\s*\{`)

// functionsOf are the functions of an object, by name: text from the head of one to
// the head of the next, or sections .text.NAME with their bytes.
func functionsOf(data []byte) (map[string]string, error) {
	set := map[string]string{}
	if !bytes.HasPrefix(data, []byte(elf.ELFMAG)) {
		heads := header.FindAllSubmatchIndex(data, -1)
		for i, h := range heads {
			end := len(data)
			if i+1 < len(heads) {
				end = heads[i+1][0]
			}
			set[string(data[h[2]:h[3]])] = strings.TrimSpace(string(data[h[0]:end]))
		}
		return set, nil
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	for _, s := range f.Sections {
		if name, ok := strings.CutPrefix(s.Name, ".text."); ok {
			text, err := s.Data()
			if err != nil {
				return nil, err
			}
			set[name] = string(text)
		}
	}
	return set, nil
}
