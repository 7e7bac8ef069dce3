package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"lpready/analyze/csource"
	"lpready/build/internal/budget"
	"lpready/build/internal/bundle"
	"lpready/build/internal/lock"
	"lpready/build/kbuild"
	"lpready/build/lpbt"
	"lpready/build/probe"
	"lpready/build/tree"
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

	budget  *budget.Budget
	mu      sync.Mutex // of benches, and of who is at each
	benches map[parcel]*bench
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
	w.budget, w.benches = budget.New(w.Jobs, w.Memory), map[parcel]*bench{}
	defer w.clear(0)
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

// A job is a task that is being done, at a bench and in a folder of its own.
type job struct {
	*task
	*bench
	own *probe.Prober // of the bench's base
	dir string
	say func(string)
}

// do does one task. An error is the machine's: another worker may do better.
func (w *Worker) do(ctx context.Context, input []byte, say func(string)) (output []byte, err error) {
	j := &job{task: &task{}, say: say}
	if err := decode(input, j.task); err != nil {
		return nil, err
	}
	if j.dir, err = os.MkdirTemp(filepath.Join(w.Work, scratchDir), "task-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(j.dir)
	if j.bench, err = w.sit(ctx, j.Base, say); err != nil {
		return nil, err
	}
	defer func() { w.leave(j.Base, j.bench, err == nil) }()
	if j.own, err = j.prober.Apart(j.dir); err != nil {
		return nil, err
	}
	defer j.own.Close()
	var a *answer
	if j.Order == nil {
		a, err = w.prove(ctx, j)
	} else {
		a, err = w.make(ctx, j)
	}
	if err != nil {
		return nil, err
	}
	return encode(a)
}

// A bench is a base that is open on the machine of a worker, with nothing of a patch. It
// stays for later tasks.
type bench struct {
	opening sync.Mutex    // of what follows
	prober  *probe.Prober // which is asked nothing itself; nil until the bench is open
	built   *kbuild.Base
	index   *csource.Index
	symbols string // file of the shipped ones; empty where they are not at hand
	held    []*lock.Lock

	tasks int // at work on it
	used  time.Time
}

// How many bases stay open without a task, some 100 MB each, and for how long.
const (
	openBases = 4
	openFor   = 5 * time.Minute
)

// sit takes a place at the bench of a base, which the first to come opens.
func (w *Worker) sit(ctx context.Context, p parcel, say func(string)) (*bench, error) {
	w.mu.Lock()
	b := w.benches[p]
	if b == nil {
		b = &bench{}
		w.benches[p] = b
	}
	b.tasks++
	w.mu.Unlock()
	b.opening.Lock()
	defer b.opening.Unlock()
	if b.prober != nil {
		return b, nil
	}
	if err := w.open(ctx, b, &p, say); err != nil {
		err = errors.Join(err, b.close())
		w.leave(p, b, false)
		return nil, err
	}
	return b, nil
}

// leave gives the place up. Where something went wrong the base may be to blame, and
// nobody else comes to this bench.
func (w *Worker) leave(p parcel, b *bench, well bool) {
	w.mu.Lock()
	b.tasks--
	b.used = time.Now()
	if !well && w.benches[p] == b {
		delete(w.benches, p)
	}
	if b.tasks == 0 && w.benches[p] != b {
		b.close() // what it lets go of was only read
	}
	w.mu.Unlock()
	w.clear(openBases)
	time.AfterFunc(openFor, func() { w.clear(openBases) })
}

// clear closes the benches at which nobody works, but for as many as are to stay, those
// that were used last, and not long ago.
func (w *Worker) clear(stay int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var free []parcel
	for p, b := range w.benches {
		if b.tasks == 0 {
			free = append(free, p)
		}
	}
	slices.SortFunc(free, func(p, q parcel) int { return w.benches[q].used.Compare(w.benches[p].used) })
	for n, p := range free {
		if b := w.benches[p]; n >= stay || time.Since(b.used) >= openFor {
			b.close()
			delete(w.benches, p)
		}
	}
}

func (b *bench) close() error {
	var errs []error
	if b.prober != nil {
		errs = append(errs, b.prober.Close())
	}
	for _, held := range b.held {
		errs = append(errs, held.Release())
	}
	b.prober, b.held = nil, nil
	return errors.Join(errs...)
}

// open fetches what is not here yet of a base, once for all workers of a machine, and
// reads it.
func (w *Worker) open(ctx context.Context, b *bench, p *parcel, say func(string)) error {
	source, err := w.fetched(ctx, b, p.Source, func(dir string) error {
		say("fetching the source of the base")
		return w.unbundle(ctx, p.Source, dir)
	})
	if err != nil {
		return err
	}
	// In memory, since a cache on the disk would hold what was read of patches, too.
	if b.index, err = csource.Open(ctx, os.DirFS(source), csource.Options{}); err != nil {
		return err
	}
	var shipped []byte
	if p.Symbols != "" {
		dir, err := w.fetched(ctx, b, p.Symbols, func(dir string) error {
			f, err := os.OpenFile(filepath.Join(dir, "xen-syms"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			return errors.Join(w.Conn.Get(ctx, p.Symbols, f), f.Close())
		})
		if err != nil {
			return err
		}
		b.symbols = filepath.Join(dir, "xen-syms")
		if shipped, err = os.ReadFile(b.symbols); err != nil {
			return err
		}
	}
	req := kbuild.Request{Arch: p.Arch, Compiler: p.Compiler, Cross: w.Cross, Cache: w.Cache, Budget: w.budget}
	if b.built, err = kbuild.Import(ctx, p.Key, req, func(to io.Writer) error {
		say("fetching the compiled base")
		return w.Conn.Get(ctx, p.Built, to)
	}); err != nil {
		return err
	}
	prober, err := probe.New(filepath.Join(w.Work, scratchDir))
	if err != nil {
		return errors.Join(err, b.built.Close())
	}
	if err := prober.Add(p.ID, p.Xen, b.built, shipped, ""); err != nil {
		return errors.Join(err, prober.Close(), b.built.Close())
	}
	b.prober = prober
	return nil
}

// keepFetched is how many sources and tables of symbols a cache holds.
const keepFetched = 24

// fetched gives the folder of the cache with something that is stored, which stays while
// the bench does, and has it filled where it is not there.
func (w *Worker) fetched(ctx context.Context, b *bench, name string, fill func(dir string) error) (string, error) {
	if name == "" || !filepath.IsLocal(name) || name != filepath.Base(name) {
		return "", fmt.Errorf("stored as %q: expected a name", name)
	}
	store := filepath.Join(w.Cache, "fetched")
	if err := os.MkdirAll(store, 0o700); err != nil {
		return "", err
	}
	dir := filepath.Join(store, name)
	cached := lock.Entry{Path: dir, Whole: func() bool { return exists(dir) }}
	cached.Fill = func(*lock.Lock) error {
		aside := cached.Aside()
		if err := os.Mkdir(aside, 0o700); err != nil {
			return err
		}
		err := fill(aside)
		if err == nil {
			err = tree.Settle(aside)
		}
		if err != nil {
			return errors.Join(err, os.RemoveAll(aside))
		}
		return os.Rename(aside, dir)
	}
	held, err := cached.Use(ctx, keepFetched)
	if err != nil {
		return "", err
	}
	b.held = append(b.held, held)
	return dir, nil
}

// unbundle opens a bundle that is stored in a folder.
func (w *Worker) unbundle(ctx context.Context, name, dir string) error {
	return bundle.Pipe(func(to io.Writer) error { return w.Conn.Get(ctx, name, to) }, func(r io.Reader) error { return bundle.Read(ctx, r, dir, nil) })
}

// prove compiles and compares a cell, and stores its objects for its payload.
func (w *Worker) prove(ctx context.Context, j *job) (*answer, error) {
	j.say("compiling before and after")
	trial := j.trial(j.index)
	proof, err := j.own.Prove(ctx, trial)
	if err != nil {
		return nil, err
	}
	a := &answer{Proof: proof}
	if proof.Failed != "" || j.Keep == keepNone {
		return a, nil
	}
	if j.Keep == keepWhole {
		trial.Before, trial.BeforeIndex = nil, j.index
	}
	pairs := filepath.Join(j.dir, "pairs")
	names, err := j.own.Lay(ctx, trial, pairs)
	if errors.As(err, new(*kbuild.FailedError)) {
		return a, nil // that is for the payload to tell
	}
	if err != nil || len(names) == 0 {
		return a, err
	}
	var leave func(string) bool
	if len(trial.Before) == 0 {
		leave = j.own.OfBase(trial.Base, pairs)
	}
	a.Objects, err = storeFile(ctx, w.Conn, j.dir, func(to io.Writer) error { return bundle.Write(ctx, to, os.DirFS(pairs), leave, ".") })
	return a, err
}

// make makes a payload. What the source, the patch or the tool is to blame for is an
// answer, too.
func (w *Worker) make(ctx context.Context, j *job) (*answer, error) {
	made, logs, err := w.compared(ctx, j)
	a := &answer{Made: made}
	if err != nil {
		a.Failure = failure(phasePayload, err)
		if a.Failure.Kind == lpbt.Machine || ctx.Err() != nil {
			return nil, err
		}
		var tool *lpbt.Failure
		if errors.As(err, &tool) {
			logs = filepath.Join(j.dir, failedLog)
			if err := packLogs(logs, tool.Logs); err != nil {
				return nil, err
			}
		}
	} else if a.Payload, err = os.ReadFile(filepath.Join(j.dir, payloadFile)); err != nil {
		return nil, err
	}
	if logs != "" && exists(logs) {
		a.Log, err = os.ReadFile(logs)
		return a, err
	}
	return a, nil
}

// compared lays the objects of a task and has the tool compare them.
func (w *Worker) compared(ctx context.Context, j *job) (*kept, string, error) {
	pairs := filepath.Join(j.dir, "pairs")
	names, err := w.pairs(ctx, j, pairs)
	if err == nil {
		err = noObjects(names)
	}
	if err != nil {
		return nil, "", err
	}
	req, err := j.Order.request(j.dir, j.symbols, j.say)
	if err != nil {
		return nil, "", err
	}
	built, err := compareObjects(ctx, w.budget, w.Tool, req, j.built.Symbols(), pairs, names)
	if err != nil {
		return nil, "", err
	}
	made, err := keepOf(built, j.dir)
	return made, filepath.Join(j.dir, logFile), err
}

// pairs lays the objects of a task into a folder: those that were stored, else they are
// compiled here.
func (w *Worker) pairs(ctx context.Context, j *job, dir string) ([]string, error) {
	if j.Objects != "" {
		j.say("fetching the objects")
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
		err := w.unbundle(ctx, j.Objects, dir)
		if err == nil && len(j.Before) == 0 {
			err = j.own.AddBase(j.Base.ID, dir)
		}
		if err == nil {
			return probe.Laid(dir)
		}
		if err := errors.Join(ctx.Err(), os.RemoveAll(dir)); err != nil {
			return nil, err
		}
	}
	j.say("compiling before and after")
	return j.own.Lay(ctx, j.trial(j.index), dir)
}
