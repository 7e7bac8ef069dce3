package kbuild

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"lpready/analyze/csource"
	"lpready/build/internal/bundle"
	"lpready/build/internal/lock"
)

// treeDir is the folder of an entry in which the base was compiled.
const treeDir = "tree"

// Export writes a compiled base for another machine: a line that says what it is, and
// a bundle of the tree and the log. What make linked of objects, but for xen-syms, is left
// out: nothing is compiled of it, and where make is called again it links it again.
func (b *Base) Export(ctx context.Context, w io.Writer) error {
	m := marker{Key: b.Key, Compiler: b.Compiler, Objects: len(b.Units), Seconds: b.Took.Seconds(), Warnings: b.Warnings, Dir: b.Dir}
	if err := json.NewEncoder(w).Encode(&m); err != nil {
		return err
	}
	return bundle.Write(ctx, w, os.DirFS(filepath.Dir(b.Dir)), linked, treeDir, logName)
}

// linked tells whether a file of an entry is one that Export leaves out.
func linked(name string) bool {
	dir, base := path.Split(name)
	switch base {
	case "built_in.o":
		return true
	case "prelink.o", "xen", "xen.gz", "xen.efi":
		return dir == treeDir+"/"+csource.Root+"/"
	}
	return false
}

// An OtherCompilerError is a base that was compiled elsewhere with a compiler that this
// machine does not have: its units would not come out as they do there.
type OtherCompilerError struct{ Base, Here string }

func (e *OtherCompilerError) Error() string {
	return fmt.Sprintf("the base was compiled with %s, this machine has %s", e.Base, e.Here)
}

// Import gives a base that was compiled elsewhere, from the cache, where it first puts
// what fetch writes, which is what Export wrote, if it is not there yet. Of the request,
// Source and Config are not looked at.
func Import(ctx context.Context, key string, req Request, fetch func(io.Writer) error) (*Base, error) {
	if key == "" || key != filepath.Base(key) || !filepath.IsLocal(key) {
		return nil, fmt.Errorf("compiled base %q: expected the name of a cache entry", key)
	}
	tools, store, err := req.setUp(ctx)
	if err != nil {
		return nil, err
	}
	entry := filepath.Join(store, key)
	b, err := use(ctx, entry, key, tools, req.Budget, func(*lock.Lock) error {
		err := receive(ctx, entry, fetch)
		if err != nil {
			return fmt.Errorf("compiled base %s: %w", key, errors.Join(err, os.RemoveAll(entry)))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if b.Compiler != tools.compiler {
		return nil, errors.Join(&OtherCompilerError{b.Compiler, tools.compiler}, b.Close())
	}
	return b, nil
}

// receive makes an entry of what fetch writes, which counts when all of it has come.
func receive(ctx context.Context, entry string, fetch func(io.Writer) error) error {
	var m *marker
	err := bundle.Pipe(fetch, func(r io.Reader) (err error) {
		m, err = unpack(ctx, entry, r)
		return err
	})
	if err != nil {
		return err
	}
	return m.save(entry)
}

// unpack opens an export in an entry. Texts of the build name the folder in which the
// tree was compiled: they get that in which it lies now.
func unpack(ctx context.Context, entry string, r io.Reader) (*marker, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	line, err := in.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("expected a line that says what the base is: %w", err)
	}
	var m marker
	if err := json.Unmarshal(line, &m); err != nil || m.Dir == "" {
		return nil, fmt.Errorf("expected a line that says what the base is, found %.80q", line)
	}
	from, to := m.Dir, filepath.Join(entry, treeDir)
	edit := bundle.Edit{
		Of:   func(name string) bool { ext := path.Ext(name); return ext == ".cmd" || ext == ".d" || name == logName },
		Text: func(text []byte) []byte { return bytes.ReplaceAll(text, []byte(from), []byte(to)) },
		Link: func(target string) string {
			if rest, ok := strings.CutPrefix(target, from+"/"); ok {
				return filepath.Join(to, rest)
			}
			return target
		},
	}
	m.Dir = ""
	return &m, bundle.Read(ctx, in, entry, &edit)
}
