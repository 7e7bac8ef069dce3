package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"lpready/analyze/csource"
	"lpready/build/internal/budget"
	"lpready/build/internal/bundle"
	"lpready/build/internal/lock"
	"lpready/build/kbuild"
	"lpready/build/lpbt"
	"lpready/build/probe"
	"lpready/build/workers"
	"lpready/vendors"
)

// A Worker does, for runs on other machines, what takes compilers and the tool.
type Worker struct {
	Conn    *workers.Conn
	Tool    *lpbt.Tool
	Version string // of this program
	Work    string // folder for what is of no use after a task; it is emptied
	Cache   string // folder of lpready's caches: bases stay there
	Cross   string // prefix of the compiler and binutils
	Jobs    int    // processes at once; 0 is as many as processors
	Memory  int64  // bytes for them all, 0 is no limit
	Arch    []string

	budget *budget.Budget
	mu     sync.Mutex                // of source
	source map[string]*csource.Index // by what they are stored under
}

// Serve works on the tasks of all runs until the context ends, and leaves nothing of
// them behind.
func (w *Worker) Serve(ctx context.Context) error {
	if err := os.MkdirAll(w.Work, 0o700); err != nil {
		return err
	}
	held, err := lock.Try(filepath.Join(w.Work, "lock"), true)
	if err != nil {
		return fmt.Errorf("%s: %w", w.Work, err)
	}
	defer held.Release()
	scratch := filepath.Join(w.Work, scratchDir)
	if err := os.RemoveAll(scratch); err != nil { // of one that was killed
		return err
	}
	defer os.RemoveAll(scratch)
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return err
	}
	w.budget, w.source = budget.New(w.Jobs, w.Memory), map[string]*csource.Index{}
	needs, err := w.needs(ctx)
	if err != nil {
		return err
	}
	return w.Conn.Serve(ctx, workers.Offer{Needs: needs, Slots: w.budget.Size() + 1, Idle: w.budget.Idle, Do: w.do})
}

// needs are what this machine can serve: every compiler that it has, for every
// architecture that it is for.
func (w *Worker) needs(ctx context.Context) (list []workers.Need, err error) {
	var lacks error
	for _, name := range []string{"gcc", "clang"} {
		programs, err := kbuild.Programs(ctx, kbuild.Request{Compiler: vendors.Compiler{Name: name}, Cross: w.Cross})
		if err != nil {
			lacks = cmp.Or(lacks, err) // one of them will do
			continue
		}
		for _, arch := range w.Arch {
			list = append(list, workers.Need{Compiler: programs, Arch: arch, Tool: toolMark(w.Tool, w.Version), Memory: w.Memory})
		}
	}
	if len(list) == 0 {
		return nil, lacks
	}
	return list, nil
}

// do does one task. An error is the machine's: another worker may do better.
func (w *Worker) do(ctx context.Context, input []byte, say func(string)) ([]byte, error) {
	var t task
	if err := decode(input, &t); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Join(w.Work, scratchDir), "task-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b, err := w.open(ctx, &t.Base, say)
	if err != nil {
		return nil, err
	}
	b.prober, err = probe.New(dir)
	if err != nil {
		return nil, errors.Join(err, b.built.Close())
	}
	defer b.prober.Close()
	if err := b.prober.Add(t.Base.ID, t.Base.Xen, b.built, b.shipped, ""); err != nil {
		return nil, errors.Join(err, b.built.Close())
	}
	var a *answer
	if t.Order == nil {
		a, err = w.prove(ctx, b, &t, dir, say)
	} else {
		a, err = w.make(ctx, b, &t, dir, say)
	}
	if err != nil {
		return nil, err
	}
	return encode(a)
}

// A bench is a base on the machine of a worker, for one task.
type bench struct {
	built   *kbuild.Base
	index   *csource.Index
	symbols string // file; empty where they were not shipped
	shipped []byte // its content
	prober  *probe.Prober
}

// open fetches what is not here yet of a base, once for all workers of a machine.
func (w *Worker) open(ctx context.Context, p *parcel, say func(string)) (*bench, error) {
	b := &bench{}
	source, err := w.fetched(ctx, p.Source, func(dir string) error {
		say("fetching the source of the base")
		return w.unbundle(ctx, p.Source, dir)
	})
	if err != nil {
		return nil, err
	}
	if b.index, err = w.index(ctx, p.Source, source); err != nil {
		return nil, err
	}
	if p.Symbols != "" {
		dir, err := w.fetched(ctx, p.Symbols, func(dir string) error {
			f, err := os.OpenFile(filepath.Join(dir, "xen-syms"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			return errors.Join(w.Conn.Get(ctx, p.Symbols, f), f.Close())
		})
		if err != nil {
			return nil, err
		}
		b.symbols = filepath.Join(dir, "xen-syms")
		if b.shipped, err = os.ReadFile(b.symbols); err != nil {
			return nil, err
		}
	}
	req := kbuild.Request{Arch: p.Arch, Compiler: p.Compiler, Cross: w.Cross, Cache: w.Cache, Budget: w.budget}
	b.built, err = kbuild.Import(ctx, p.Key, req, func(to io.Writer) error {
		say("fetching the compiled base")
		return w.Conn.Get(ctx, p.Built, to)
	})
	return b, err
}

// fetched gives the folder of the cache with something that is stored, and has it
// filled where it is not there.
func (w *Worker) fetched(ctx context.Context, name string, fill func(dir string) error) (string, error) {
	if name == "" || !filepath.IsLocal(name) || name != filepath.Base(name) {
		return "", fmt.Errorf("stored as %q: expected a name", name)
	}
	store := filepath.Join(w.Cache, "fetched")
	if err := os.MkdirAll(store, 0o700); err != nil {
		return "", err
	}
	dir := filepath.Join(store, name)
	held, err := lock.Wait(ctx, dir+".lock", true)
	if err != nil {
		return "", err
	}
	defer held.Release()
	if exists(dir) {
		return dir, nil
	}
	aside := dir + ".new"
	if err := os.RemoveAll(aside); err != nil {
		return "", err
	}
	if err := os.Mkdir(aside, 0o700); err != nil {
		return "", err
	}
	if err := fill(aside); err != nil {
		return "", errors.Join(err, os.RemoveAll(aside))
	}
	return dir, os.Rename(aside, dir)
}

// unbundle opens a bundle that is stored in a folder.
func (w *Worker) unbundle(ctx context.Context, name, dir string) error {
	return bundle.Pipe(func(to io.Writer) error { return w.Conn.Get(ctx, name, to) }, func(r io.Reader) error { return bundle.Read(ctx, r, dir, nil) })
}

// index is that of a source, which is kept: in memory, since a cache on the disk would
// hold what was read of patches, too.
func (w *Worker) index(ctx context.Context, name, dir string) (*csource.Index, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.source[name] == nil {
		index, err := csource.Open(ctx, os.DirFS(dir), csource.Options{})
		if err != nil {
			return nil, err
		}
		w.source[name] = index
	}
	return w.source[name], nil
}

// prove compiles and compares a cell, and stores its objects for its payload.
func (w *Worker) prove(ctx context.Context, b *bench, t *task, dir string, say func(string)) (*answer, error) {
	say("compiling before and after")
	trial := t.trial(b.index)
	proof, err := b.prober.Prove(ctx, trial)
	if err != nil {
		return nil, err
	}
	a := &answer{Proof: proof}
	if proof.Failed != "" {
		return a, nil
	}
	pairs := filepath.Join(dir, "pairs")
	names, err := b.prober.Lay(ctx, trial, pairs)
	if err != nil || len(names) == 0 {
		return a, err
	}
	a.Objects, err = storeFile(ctx, w.Conn, dir, func(to io.Writer) error { return bundle.Write(ctx, to, os.DirFS(pairs), ".") })
	return a, err
}

// make makes a payload. What the source, the patch or the tool is to blame for is an
// answer, too.
func (w *Worker) make(ctx context.Context, b *bench, t *task, dir string, say func(string)) (*answer, error) {
	made, logs, err := w.compared(ctx, b, t, dir, say)
	a := &answer{Made: made}
	if err != nil {
		a.Failure = failure(phasePayload, err)
		if a.Failure.Kind == lpbt.Machine || ctx.Err() != nil {
			return nil, err
		}
		var tool *lpbt.Failure
		if errors.As(err, &tool) {
			logs = filepath.Join(dir, failedLog)
			if err := packLogs(logs, tool.Logs); err != nil {
				return nil, err
			}
		}
	} else if a.Payload, err = os.ReadFile(filepath.Join(dir, payloadFile)); err != nil {
		return nil, err
	}
	if logs != "" && exists(logs) {
		a.Log, err = os.ReadFile(logs)
		return a, err
	}
	return a, nil
}

// compared lays the objects of a task and has the tool compare them.
func (w *Worker) compared(ctx context.Context, b *bench, t *task, dir string, say func(string)) (*kept, string, error) {
	pairs := filepath.Join(dir, "pairs")
	names, err := w.pairs(ctx, b, t, pairs, say)
	if err == nil {
		err = noObjects(names)
	}
	if err != nil {
		return nil, "", err
	}
	req, err := t.Order.request(dir, b.symbols, say)
	if err != nil {
		return nil, "", err
	}
	built, err := compareObjects(ctx, w.budget, w.Tool, req, b.built.Symbols(), pairs, names)
	if err != nil {
		return nil, "", err
	}
	made, err := keepOf(built, dir)
	return made, filepath.Join(dir, logFile), err
}

// pairs lays the objects of a task into a folder: those that were stored, else they are
// compiled here.
func (w *Worker) pairs(ctx context.Context, b *bench, t *task, dir string, say func(string)) ([]string, error) {
	if t.Objects != "" {
		say("fetching the objects")
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
		err := w.unbundle(ctx, t.Objects, dir)
		if err == nil {
			return probe.Laid(dir)
		}
		if err := errors.Join(ctx.Err(), os.RemoveAll(dir)); err != nil {
			return nil, err
		}
	}
	say("compiling before and after")
	return b.prober.Lay(ctx, t.trial(b.index), dir)
}
