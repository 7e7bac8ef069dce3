package lpbt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"lpready/analyze/csource"
	"lpready/build/internal/run"
)

// Names of the modes.
const (
	modeFaithful = "faithful"
	modeShared   = "shared"
)

// environment is what the tool sees. No repository above the folder is asked for a
// version.
func (s *session) environment(extra ...string) []string {
	return run.Env(os.Environ(), slices.Concat(run.Pinned, []string{"GIT_CEILING_DIRECTORIES=" + s.req.Work}, extra)...)
}

// sectionFlags split what is compiled into a section for each function.
const sectionFlags = "-ffunction-sections"

// Faithful has the tool do all of it, on a copy of the source. The copy is removed
// at the end, what the tool wrote stays.
func (t *Tool) Faithful(ctx context.Context, req Request) (*Built, error) {
	if !exists(filepath.Join(req.Source, csource.Root, "Rules.mk")) {
		return nil, &Failure{Kind: Setup, Phase: phaseLay, Cause: fmt.Sprintf("%q is no source of Xen", req.Source), Remedy: "give the folder above xen/"}
	}
	s, err := t.begin(modeFaithful, req)
	if err != nil {
		return nil, err
	}
	s.clock.enter(phaseLay)
	s.source = filepath.Join(s.req.Work, treeName)
	defer os.RemoveAll(s.source)
	copying := run.Cmd{Name: "cp", Args: []string{"-a", "--reflink=auto", req.Source + "/.", s.source}, Hint: "install coreutils"}
	if _, err := copying.Run(ctx); err != nil {
		return nil, s.stopped(ctx, err)
	}
	s.env = s.environment(s.options()...)
	if err := s.run(ctx); err != nil {
		return nil, s.stopped(ctx, err)
	}
	added, err := s.added()
	if err != nil {
		return nil, err
	}
	return s.finish(ctx, added)
}

// options are variables of make, where the .config or the tool do not see to them.
// make takes them from the environment, since auto.conf holds only what is set.
func (s *session) options() (list []string) {
	if s.req.DebugInfo {
		list = append(list, "CONFIG_DEBUG_INFO=y")
	}
	xen := filepath.Join(s.source, csource.Root)
	if !mentions(filepath.Join(xen, "Makefile"), "CONFIG_CC_SPLIT_SECTIONS") && !mentions(filepath.Join(xen, "Rules.mk"), "CFLAGS += -nostdinc") {
		// 4.14 to 4.16: the tool edits a line of Rules.mk that is in xen/Makefile.
		list = append(list, "EXTRA_CFLAGS_XEN_CORE="+sectionFlags+" -fdata-sections")
		s.warn = append(s.warn, "the tool would compile this source without sections for functions: they are asked for by EXTRA_CFLAGS_XEN_CORE")
	}
	return list
}

func mentions(file, word string) bool {
	data, err := os.ReadFile(file)
	return err == nil && bytes.Contains(data, []byte(word))
}

// added are the objects that only the patched source has. The tool takes every
// object for new that it compiled with the patch and not again without it, which
// are nearly all, because its compiler's other name makes make do everything again;
// the logs of the builds know better.
func (s *session) added() ([]string, error) {
	patched, err := capturedObjects(filepath.Join(s.out(), "patched"))
	if err != nil {
		return nil, err
	}
	original, err := capturedObjects(filepath.Join(s.out(), "original"))
	if err != nil {
		return nil, err
	}
	candidates := slices.DeleteFunc(patched, func(name string) bool { return slices.Contains(original, name) })
	logs := make([]*os.File, 2)
	for i, build := range []string{phaseFull, phasePatched} {
		f, err := os.Open(filepath.Join(s.out(), "build_"+build+"_compile.log"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // it did not come so far
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		logs[i] = f
	}
	added, err := newObjects(candidates, logs[0], logs[1])
	if err != nil {
		return nil, fmt.Errorf("logs of the builds: %w", err)
	}
	if n := len(parseUncopied(s.stderr)); n > len(added) {
		s.warn = append(s.warn, fmt.Sprintf("the tool could not copy %d objects that it took for new: they are compiled again, not new", n-len(added)))
	}
	return added, nil
}

// capturedObjects are the objects in one of the tool's folders, as the tree has
// them, sorted.
func capturedObjects(dir string) (list []string, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == dir {
			return fs.SkipAll
		}
		if err != nil || d.IsDir() || path.Ext(name) != ".o" {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err == nil && strings.HasPrefix(rel, csource.Root+string(filepath.Separator)) {
			list = append(list, undouble(filepath.ToSlash(rel)))
		}
		return err
	})
	slices.Sort(list)
	return slices.Compact(list), err
}
