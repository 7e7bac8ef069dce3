package boot

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// hostFolders are where a library of the machine itself lies, for those that the
// files do not have: the C library, mostly.
var hostFolders = []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// needs reads what a program or a library has to have beside it: the names of its
// libraries (DT_NEEDED) and the program that loads it (PT_INTERP), if any.
func needs(data []byte) (libraries []string, loader string, err error) {
	defer func() {
		// Last resort: debug/elf trusts what it reads.
		if r := recover(); r != nil {
			libraries, loader, err = nil, "", fmt.Errorf("expected a program as linkers make them: %v", r)
		}
	}()
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, "", err
	}
	if f.Class != elf.ELFCLASS64 || f.Machine != elf.EM_X86_64 {
		return nil, "", fmt.Errorf("%v, %v: expected a program for x86-64", f.Class, f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > 4096 {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return nil, "", err
		}
		loader = string(bytes.TrimRight(name, "\x00"))
	}
	libraries, err = f.ImportedLibraries()
	switch {
	case errors.Is(err, elf.ErrNoSymbols): // it is static
	case err != nil:
		return nil, "", err
	}
	return libraries, loader, nil
}

// maxLibraries is far more than any program of ours has.
const maxLibraries = 200

// addProgram adds a program with all libraries that it needs.
func (t *image) addProgram(f *Files, name string) error {
	data, err := f.program(name)
	if err != nil {
		return err
	}
	t.file("bin/"+name, data, true)
	queue := [][]byte{data}
	for i := 0; i < len(queue); i++ {
		libraries, loader, err := needs(queue[i])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, lib := range libraries {
			at := "lib/" + path.Base(lib)
			if t.has(at) {
				continue
			}
			if len(queue) > maxLibraries {
				return fmt.Errorf("%s: more than %d libraries", name, maxLibraries)
			}
			data, err := f.library(path.Base(lib))
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			t.file(at, data, true)
			queue = append(queue, data)
		}
		if at := path.Clean(loader)[min(1, len(loader)):]; loader != "" && !t.has(at) {
			data, err := f.library(path.Base(loader))
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			t.file(at, data, true)
		}
	}
	return nil
}

// library reads a library out of the files or, if it is not there, of the machine.
func (f *Files) library(name string) ([]byte, error) {
	for _, x := range f.base(name) {
		data, err := x.read()
		switch {
		case errors.Is(err, fs.ErrNotExist): // a link to what is not kept
		case err != nil:
			return nil, fmt.Errorf("%s: %w", x, err)
		case isX86(data):
			return data, nil
		}
	}
	for _, dir := range hostFolders {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil && isX86(data) {
			return data, nil
		}
	}
	return nil, f.lacks(name)
}

// isX86 tells whether a file is one for x86-64, by its header.
func isX86(data []byte) bool {
	return len(data) > 20 && bytes.HasPrefix(data, []byte("\x7fELF\x02")) && slices.Equal(data[18:20], []byte{62, 0})
}
