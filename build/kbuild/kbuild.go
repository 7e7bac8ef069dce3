// Package kbuild configures and compiles the hypervisor of a base, once, keeps
// what came of it, and compiles single units of it again by the commands that
// the build recorded, with some files changed.
//
// It drives what xen/Makefile, xen/Rules.mk and xen/scripts/Kbuild.include do:
// the vendor's .config through olddefconfig, then make. CONFIG_DEBUG_INFO is
// given on the command line of make, so that DWARF is there and no other option
// moves (in .config it would need CONFIG_EXPERT, which switches other code on).
// Trees before 4.17 do not know CONFIG_CC_SPLIT_SECTIONS and get its flags.
// Commands and dependencies are read from the .NAME.o.cmd files that Kbuild
// leaves, for Xen 4.16 and later, else from what make printed and the compiler's
// .NAME.o.d files.
//
// Nothing is ever built where the source lies. The identity of who builds where
// and when is pinned, so that two builds of the same differ in nothing.
//
// It cannot know whether a vendor's own build had other variables set than the
// .config tells; compare the result with the shipped xen-syms for that.
package kbuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"lpready/analyze/csource"
	"lpready/build/internal/budget"
	"lpready/build/internal/lock"
	"lpready/build/internal/run"
	"lpready/build/tree"
	"lpready/vendors"
)

// A Request says what is to be built.
type Request struct {
	Source   vendors.Source
	Config   []byte           // text of the .config
	Arch     string           // XEN_TARGET_ARCH: x86_64 (the default), arm64, arm32
	Compiler vendors.Compiler // what the base was compiled with; only gcc or clang counts
	Cross    string           // prefix of the tools, such as aarch64-linux-gnu-
	Cache    string           // folder of lpready's caches
	Jobs     int              // compilers at once; 0 is as many as processors
	Budget   *budget.Budget   // in place of Jobs, where several bases share a machine

	// Progress, where set, is told what is going on.
	Progress func(what string)
}

// A Base is a base that was compiled. It is only read; while it is open no other
// run removes it.
type Base struct {
	Dir      string        // of the tree; xen/ is below it
	Key      string        // names what it was made from, by content
	Source   string        // names its source alone, see tree.Prepared.Key
	Units    []Unit        // by Object
	Compiler string        // what it says of itself: "gcc (Debian 12.2.0-14) 12.2.0"
	Programs string        // that and a digest of the programs, as Programs gives them
	Config   []byte        // the .config that make used
	Warnings []string      // where make's .config is not the one that was asked for
	Took     time.Duration // of the build, when it was made

	budget  *budget.Budget
	env     []string
	vars    []string // of make
	objcopy string
	offsets *offsets
	byName  map[string]int // of Units
	files   func() ([]viewFile, error)
	lock    *lock.Lock
}

// version is part of the key: raise it when entries of before cannot be used.
const version = "3"

// ready is the name of the file that says that an entry is whole.
const ready = "ready.json"

// A marker is what stands in it.
type marker struct {
	Key      string
	Compiler string
	Objects  int
	Seconds  float64
	Warnings []string
	Dir      string `json:",omitempty"` // in an archive: of the tree, when it was compiled
}

// Prepare gives the compiled base from the cache, and compiles it first if it is
// not there. An entry is built where it stays, because objects hold the path they
// were compiled in; it counts from when its marker is renamed into place, and a
// run that is killed before leaves one that the next run builds anew.
//
// An error is a *FailedError where the source, the configuration or the compiler
// is at fault, else it is the machine's.
func Prepare(ctx context.Context, req Request) (*Base, error) {
	tools, store, err := req.setUp(ctx)
	if err != nil {
		return nil, err
	}
	source, err := tree.Prepare(ctx, req.Source, filepath.Join(req.Cache, "trees"), tree.Options{})
	if err != nil {
		return nil, err
	}
	defer source.Close()
	key := digest(version, source.Key, string(req.Config), tools.identity())
	entry := filepath.Join(store, key)
	b, err := use(ctx, entry, key, tools, req.Budget, func(alone *lock.Lock) error {
		return fill(ctx, entry, key, source, tools, req, alone)
	})
	if err != nil {
		return nil, err
	}
	b.Source = source.Key
	return b, nil
}

// setUp finds the tools of a request and the folder of compiled bases in its cache, and
// gives it a budget if it has none.
func (req *Request) setUp(ctx context.Context) (tools *toolchain, store string, err error) {
	if req.Budget == nil {
		req.Budget = budget.New(req.Jobs, 0)
	}
	if tools, err = toolsFor(ctx, *req); err != nil {
		return nil, "", err
	}
	cache, err := filepath.Abs(req.Cache) // the recorded commands name the folder
	if err != nil {
		return nil, "", err
	}
	store = filepath.Join(cache, "built")
	if err := os.MkdirAll(store, 0o700); err != nil {
		return nil, "", fmt.Errorf("cache of compiled bases: %w", err)
	}
	return tools, store, nil
}

// use opens an entry, and has it filled first where it is not there.
func use(ctx context.Context, entry, key string, tools *toolchain, shares *budget.Budget, fill func(alone *lock.Lock) error) (*Base, error) {
	cached := lock.Entry{
		Path:  entry,
		Whole: func() bool { _, err := os.Stat(filepath.Join(entry, ready)); return err == nil },
		Fill: func(alone *lock.Lock) error {
			if err := os.Mkdir(entry, 0o700); err != nil {
				return err
			}
			return fill(alone)
		},
	}
	held, err := cached.Use(ctx, keep)
	if err != nil {
		return nil, err
	}
	b, err := open(entry, key, tools, shares)
	if err != nil {
		return nil, errors.Join(err, held.Release())
	}
	b.lock = held
	return b, nil
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d\n%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// fill builds an entry.
func fill(ctx context.Context, entry, key string, source *tree.Prepared, tools *toolchain, req Request, alone *lock.Lock) error {
	started := time.Now()
	m := marker{Key: key, Compiler: tools.compiler}
	dir := filepath.Join(entry, treeDir)
	err := source.WorkCopy(ctx, dir)
	if err != nil {
		return err
	}
	if m.Warnings, err = build(ctx, dir, tools, req, alone); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	units, err := record(dir)
	if err != nil {
		return err
	}
	m.Objects, m.Seconds = len(units), time.Since(started).Seconds()
	return m.save(entry)
}

// save writes the marker aside and puts it in place, when all else of the entry is on the
// disk.
func (m *marker) save(entry string) error {
	if err := tree.Settle(entry); err != nil {
		return err
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	aside := filepath.Join(entry, ready+".new")
	if err := os.WriteFile(aside, data, 0o600); err != nil {
		return err
	}
	return os.Rename(aside, filepath.Join(entry, ready))
}

// open opens an entry. One that is not whole does not exist.
func open(entry, key string, tools *toolchain, shares *budget.Budget) (*Base, error) {
	data, err := os.ReadFile(filepath.Join(entry, ready))
	if err != nil {
		return nil, err
	}
	var m marker
	if err := json.Unmarshal(data, &m); err != nil || m.Key != key {
		return nil, fmt.Errorf("%s: expected the marker of a compiled base: remove the folder", entry)
	}
	b := &Base{Dir: filepath.Join(entry, treeDir), Key: key, Compiler: m.Compiler, Programs: tools.programs, Warnings: m.Warnings,
		Took: time.Duration(m.Seconds * float64(time.Second)), vars: tools.vars, objcopy: tools.cross + "objcopy",
		env: tools.env(filepath.Join(entry, treeDir)), budget: shares}
	if err := b.load(); err != nil {
		return nil, err
	}
	if len(b.Units) != m.Objects {
		return nil, fmt.Errorf("%s: %d units, expected the %d that were compiled: remove the folder", entry, len(b.Units), m.Objects)
	}
	return b, nil
}

// load reads what the build left in the tree.
func (b *Base) load() (err error) {
	if b.Units, err = record(b.Dir); err != nil {
		return err
	}
	if b.Config, err = os.ReadFile(filepath.Join(b.xen(), ".config")); err != nil {
		return err
	}
	b.byName = map[string]int{}
	for i := range b.Units {
		b.byName[b.Units[i].Object] = i
	}
	b.files = sync.OnceValues(b.listFiles)
	b.offsets, err = b.readOffsets()
	return err
}

// Close lets go of the base. It stays in the cache.
func (b *Base) Close() error { return b.lock.Release() }

// Jobs is how many compilers run at once.
func (b *Base) Jobs() int { return b.budget.Size() }

func (b *Base) xen() string { return filepath.Join(b.Dir, csource.Root) }

// Unit finds a unit by its object.
func (b *Base) Unit(object string) (*Unit, bool) {
	i, ok := b.byName[object]
	if !ok {
		return nil, false
	}
	return &b.Units[i], true
}

// Symbols is the path of the hypervisor with symbols.
func (b *Base) Symbols() string { return filepath.Join(b.xen(), "xen-syms") }

// keep is how many compiled bases a cache holds; each takes some 300 MB.
const keep = 12

// hint tells what to install on Debian and Fedora.
const hint = "install build-essential flex bison python3 (Debian), or gcc make flex bison python3 (Fedora)"

func command(dir string, env []string, name string, args ...string) run.Cmd {
	return run.Cmd{Name: name, Args: args, Dir: dir, Env: env, Hint: hint}
}
