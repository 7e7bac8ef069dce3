package build

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"lpready/analyze"
	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/build/internal/budget"
	"lpready/build/lpbt"
	"lpready/build/probe"
	"lpready/vendors"
)

// An order is all that a payload is made of, besides the base.
type order struct {
	Name                string
	Patch, Config       []byte // texts
	Depends, XenDepends string // build-ids
	Strip, Prelink      bool
	Limit               time.Duration
}

// request writes what the tool reads into a folder and gives what it is to be asked.
func (o *order) request(dir, symbols string, say func(phase string)) (lpbt.Request, error) {
	req := lpbt.Request{Patch: filepath.Join(dir, o.Name+".patch"), Config: filepath.Join(dir, "config"), Work: filepath.Join(dir, "work"),
		Depends: o.Depends, XenDepends: o.XenDepends, Symbols: symbols, Strip: o.Strip, Prelink: o.Prelink, Repeatable: true, Limit: o.Limit, Progress: say}
	return req, errors.Join(os.WriteFile(req.Patch, o.Patch, 0o600), os.WriteFile(req.Config, o.Config, 0o600))
}

// compareObjects has the tool compare what was compiled: objects, by their paths
// relative to xen/, as probe lays them in a folder.
func compareObjects(ctx context.Context, shares *budget.Budget, tool *lpbt.Tool, req lpbt.Request, syms, dir string, names []string) (*lpbt.Built, error) {
	from := lpbt.Compiled{Syms: syms}
	for _, name := range names {
		p := lpbt.Pair{Path: csource.Root + "/" + name, Old: probe.OldObject(dir, name), New: probe.NewObject(dir, name)}
		if !exists(p.New) {
			continue // the patched source has no such object, and the tool does not ask
		}
		if !exists(p.Old) {
			p.Old = ""
		}
		from.Pairs = append(from.Pairs, p)
	}
	if err := shares.Take(ctx, 1); err != nil {
		return nil, err
	}
	defer shares.Give(1)
	return tool.Shared(ctx, req, from)
}

// noObjects tells of a cell without objects why there is nothing to compare.
func noObjects(names []string) error {
	if len(names) > 0 {
		return nil
	}
	return &lpbt.Failure{Kind: lpbt.NoChange, Phase: phaseObjects, Cause: "no compiled object sees what the patch changes", Remedy: "nothing has to be patched alive; look whether the assessment says so, too"}
}

// A task is what a worker is asked: to prove a cell of a base, and where there is an
// order, to make its payload. Everything that it needs is in it, or stored under a name
// that it gives.
type task struct {
	Base          parcel
	Before, After []file
	Keep          keep   // to prove: objects to be stored for the payload
	Objects       string // stored: the objects of before and after; empty where nobody has laid them
	Order         *order // nil: the cell is to be proven
}

// keep says which objects of a cell its payload will be made of.
type keep int

const (
	keepNone  keep = iota // it has none, or stands on something else
	keepPair              // those of before and after
	keepWhole             // those of the base and after: it holds what is changed before, too
)

// A parcel is a base on its way to workers.
type parcel struct {
	ID, Xen, Arch          string
	Compiler               vendors.Compiler
	Key                    string // of the compiled base
	Built, Source, Symbols string // stored; Symbols is empty where the shipped xen-syms is not at hand
}

// A file is one that is changed.
type file struct {
	Name string
	Data []byte
	Gone bool
}

func filesOf(changed map[string][]byte) (list []file) {
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		list = append(list, file{name, changed[name], changed[name] == nil})
	}
	return list
}

func changedOf(list []file) map[string][]byte {
	changed := map[string][]byte{}
	for _, f := range list {
		switch {
		case f.Gone:
			changed[f.Name] = nil
		case f.Data == nil: // it was empty
			changed[f.Name] = []byte{}
		default:
			changed[f.Name] = f.Data
		}
	}
	return changed
}

// trial is what a task is about, on a base that knows its source.
func (t *task) trial(index *csource.Index) analyze.Trial {
	before, after := changedOf(t.Before), changedOf(t.After)
	return analyze.Trial{Base: t.Base.ID, Before: before, After: after, BeforeIndex: index.With(before), AfterIndex: index.With(after)}
}

// An answer is what came of a task.
type answer struct {
	Proof   *factor.Proof
	Objects string // stored, where the cell was proven and has any

	Made    *kept
	Payload []byte
	Log     []byte // packed; of a failure, too
	Failure *Failure
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func decode(data []byte, v any) error { return gob.NewDecoder(bytes.NewReader(data)).Decode(v) }
