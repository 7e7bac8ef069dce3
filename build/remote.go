package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"lpready/analyze"
	"lpready/analyze/factor"
	"lpready/build/internal/budget"
	"lpready/build/internal/bundle"
	"lpready/build/lpbt"
	"lpready/build/workers"
)

// ship stores what workers need of a base.
func (m *matrix) ship(ctx context.Context, b *base) error {
	if m.Workers == nil {
		return nil
	}
	m.event(Event{Kind: "base", State: "running", Base: b.ID, Phase: "compile", Detail: "storing it for the workers"})
	p := parcel{ID: b.ID, Xen: b.Xen, Arch: b.Vendor.Arch, Compiler: b.Vendor.Compiler, Key: b.built.Key}
	var err error
	if p.Built, err = m.store(ctx, func(w io.Writer) error { return b.built.Export(ctx, w) }); err != nil {
		return err
	}
	if p.Source, err = m.store(ctx, func(w io.Writer) error { return bundle.Write(ctx, w, b.Tree, nil, ".") }); err != nil {
		return err
	}
	if b.Symbols != "" {
		f, err := os.Open(b.Symbols)
		if err != nil {
			return err
		}
		defer f.Close()
		if p.Symbols, err = m.Workers.Put(ctx, f); err != nil {
			return err
		}
	}
	b.parcel = p
	b.need = workers.Need{Compiler: b.built.Programs, Arch: p.Arch, Tool: toolMark(m.Tool, m.Version), Memory: cellMemory}
	return nil
}

// cellMemory is the least that a worker has to have, in bytes: two shares of the budget.
const cellMemory = 2 * budget.ShareBytes

// toolMark names the tool and this program: cells are only for workers that have both.
func toolMark(tool *lpbt.Tool, version string) string {
	return fmt.Sprintf("livepatch-build-tools %.12s, lpready %.12s", tool.Digest, version)
}

// store stores what write writes, by way of a file that is removed.
func (m *matrix) store(ctx context.Context, write func(io.Writer) error) (string, error) {
	return storeFile(ctx, m.Workers, filepath.Join(m.Work, scratchDir), write)
}

func storeFile(ctx context.Context, conn *workers.Conn, scratch string, write func(io.Writer) error) (name string, err error) {
	f, err := os.CreateTemp(scratch, "store-")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := write(f); err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	return conn.Put(ctx, f)
}

// prove has a worker compile and compare a cell, or does it here.
func (m *matrix) prove(b *base) func(context.Context, analyze.Trial) (*factor.Proof, error) {
	if m.Workers == nil {
		return m.prober.Prove
	}
	return func(ctx context.Context, t analyze.Trial) (*factor.Proof, error) {
		keep := m.keep(t)
		a, err := m.send(ctx, b, &task{Base: b.parcel, Before: filesOf(t.Before), After: filesOf(t.After), Keep: keep}, func(who, what string) {
			m.event(Event{Kind: "base", State: "running", Base: b.ID, Phase: phaseAssess, Detail: fmt.Sprintf("XSA-%d: %s, %s", t.XSA, what, who)})
		})
		if err != nil {
			return nil, fmt.Errorf("base %s: %w", b.ID, err)
		}
		if keep == keepWhole {
			t.Before = nil
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.laid[trialKey(t)] = a.Objects
		return a.Proof, nil
	}
}

// keep is what of a cell's objects will be asked for. Cumulative payloads are made of
// others, and not all cells that are proven get a payload.
func (m *matrix) keep(t analyze.Trial) keep {
	switch {
	case len(m.XSAs) > 0 && !slices.Contains(m.XSAs, t.XSA) || m.Grouping == Cumulative:
		return keepNone
	case m.Grouping == Stacked:
		return keepPair
	case m.Classes != nil && len(t.Before) > 0:
		return keepNone // it may not be of these, and more would be compiled for it
	}
	return keepWhole
}

// trialKey names a trial by its content.
func trialKey(t analyze.Trial) string { return t.Base + filesDigest(t.Before) + filesDigest(t.After) }

// send has a task done.
func (m *matrix) send(ctx context.Context, b *base, t *task, say func(who, what string)) (*answer, error) {
	input, err := encode(t)
	if err != nil {
		return nil, err
	}
	data, who, err := m.Workers.Do(ctx, b.need, input, say)
	if err != nil {
		return nil, err
	}
	a := &answer{}
	if err := decode(data, a); err != nil {
		return nil, fmt.Errorf("answer of the worker %s: %w", who, err)
	}
	if a.Failure != nil { // the state remembers it, and --retry-failed is to try again
		return a, m.Workers.Drop(ctx, b.need, input)
	}
	return a, nil
}

// sendPayload has a worker make a payload, and puts what it gives where makePayload does.
func (m *matrix) sendPayload(ctx context.Context, c *cell, o *order, dir string) (any, error) {
	m.mu.Lock()
	objects := m.laid[trialKey(c.trial)]
	m.mu.Unlock()
	t := &task{Base: c.base.parcel, Before: filesOf(c.trial.Before), After: filesOf(c.trial.After), Objects: objects, Order: o}
	a, err := m.send(ctx, c.base, t, func(who, what string) { m.running(c, phasePayload, what+", "+who) })
	var lost *workers.LostError
	switch {
	case errors.As(err, &lost):
		return nil, &Failure{Kind: lpbt.Machine, Cause: err.Error(), Remedy: "look at the workers' own output, then run it again"}
	case err != nil:
		return nil, err
	case a.Failure != nil:
		return nil, errors.Join(a.Failure, writeNew(filepath.Join(c.dir, failedLog), a.Log))
	case a.Made == nil:
		return nil, errors.New("the worker's answer holds neither a payload nor a failure")
	}
	return a.Made, errors.Join(writeNew(filepath.Join(dir, payloadFile), a.Payload), writeNew(filepath.Join(dir, logFile), a.Log))
}

// writeNew writes a file that replaces another, unless there is nothing to write.
func writeNew(name string, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}

// width is how many tasks of a run can be worked on at once.
func (m *matrix) width() int {
	if m.Workers == nil {
		return m.budget.Size()
	}
	slots := 0
	for _, w := range m.Workers.Workers() {
		slots += w.Slots
	}
	return max(1, slots)
}
