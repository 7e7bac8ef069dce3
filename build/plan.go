package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/build/kbuild"
	"lpready/build/payload"
	"lpready/build/port"
	"lpready/build/workers"
)

// A base is a base that was compiled, with the batch as it fits it.
type base struct {
	*Base
	built   *kbuild.Base
	index   *csource.Index
	host    Host
	machine *machine // nil: nothing is booted
	hyper   *payload.Hypervisor
	report  *analyze.Report
	steps   []port.Step

	parcel parcel       // what workers get of it
	need   workers.Need // what a worker must have
}

// A cell is a Cell, and how to make it.
type cell struct {
	Cell
	base     *base
	on       *cell // whose payload it stands on
	trial    analyze.Trial
	patches  []advisory.NamedData // in order, from what is there before to what is there after
	assessed []analyze.Cell
	priority int
	state    *state
	dir      string
	selected bool
	ended    chan struct{}
	consoles string   // folder of what was said on them, empty without a boot
	ahead    []string // phases that lie before it; held by the matrix's mu
}

func (c *cell) over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// decide settles a cell that is not worked on, or one at its end.
func (c *cell) decide(s Status, why, remedy string) { c.Status, c.Why, c.Remedy = s, why, remedy }

func (c *cell) fail(f *Failure) {
	c.Failure = f
	c.decide(Failed, f.Cause, f.Remedy)
	if where := cmp.Or(f.File, f.Object); where != "" {
		c.Why = where + ": " + c.Why
	}
}

// plan finds out what there is to do.
func (m *matrix) plan(ctx context.Context) error {
	if err := m.fit(ctx); err != nil {
		return err
	}
	errs := make([]error, len(m.Bases))
	m.bases = make([]*base, len(m.Bases))
	var wg sync.WaitGroup
	for i := range m.Bases {
		wg.Go(func() { m.bases[i], errs[i] = m.prepare(ctx, &m.Bases[i]) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := m.distinct(); err != nil {
		return err
	}
	for _, b := range m.bases {
		m.report.Bases = append(m.report.Bases, b.host)
		for _, w := range b.report.Warnings {
			if !slices.Contains(m.report.Warnings, w) {
				m.report.Warnings = append(m.report.Warnings, w)
			}
		}
		if err := m.cellsOf(b); err != nil {
			return fmt.Errorf("base %s: %w", b.ID, err)
		}
	}
	m.order()
	return m.choose()
}

// fit finds out which items of the batch fit which base, with what before them.
func (m *matrix) fit(ctx context.Context) (err error) {
	m.event(Event{Kind: "run", State: "placing"})
	request := port.Request{Batch: m.Batch, Vendor: m.Vendor, Upstream: m.Upstream, Use: m.Use, Cache: m.Cache, Version: m.Version, Generated: m.started}
	for i := range m.Bases {
		request.Bases = append(request.Bases, port.Base{Base: m.Bases[i].Base, Commit: m.Bases[i].Vendor.Commit})
	}
	if m.placed, err = port.Place(ctx, request); err != nil {
		return err
	}
	m.report.Warnings = append(m.report.Warnings, m.placed.Report.Warnings...)
	return nil
}

// prepare compiles a base, assesses the batch on it, and learns what it shipped.
func (m *matrix) prepare(ctx context.Context, given *Base) (*base, error) {
	b := &base{Base: given}
	fail := func(err error) (*base, error) { return nil, fmt.Errorf("base %s: %w", given.ID, err) }
	m.event(Event{Kind: "base", State: "started", Base: b.ID, Phase: "compile"})
	var err error
	b.built, err = kbuild.Prepare(ctx, kbuild.Request{Source: b.Source, Config: b.Config, Arch: b.Vendor.Arch, Compiler: b.Vendor.Compiler,
		Cross: m.Cross, Cache: m.Cache, Budget: m.budget,
		Progress: func(what string) {
			m.event(Event{Kind: "base", State: "running", Base: b.ID, Phase: "compile", Detail: what})
		}})
	if err != nil {
		return fail(err)
	}
	var shipped []byte
	if b.Symbols != "" {
		if shipped, err = os.ReadFile(b.Symbols); err != nil {
			b.built.Close()
			return fail(err)
		}
	}
	if err := m.identify(b, shipped); err != nil {
		b.built.Close()
		return fail(err)
	}
	if err := m.prober.Add(b.ID, b.Xen, b.built, shipped, ""); err != nil {
		b.built.Close()
		return fail(err)
	}
	if err := m.ship(ctx, b); err != nil {
		return fail(err)
	}
	if b.index, err = csource.Open(ctx, b.Tree, csource.Options{Cache: m.Cache, Version: m.Version}); err != nil {
		return fail(err)
	}
	if err := m.power(b, shipped); err != nil {
		return fail(err)
	}
	b.steps = m.placed.Steps(b.ID)
	m.event(Event{Kind: "base", State: "started", Base: b.ID, Phase: phaseAssess})
	if b.report, err = m.assess(ctx, b); err != nil {
		return fail(err)
	}
	m.event(Event{Kind: "base", State: "finished", Base: b.ID})
	return b, nil
}

// identify learns for which hypervisor payloads are.
func (m *matrix) identify(b *base, shipped []byte) error {
	v := b.Vendor
	b.host = Host{ID: b.ID, Xen: b.Xen, Release: v.Release, BuildID: v.BuildID, Config: digest(b.built.Config), Source: b.built.Source,
		Compiler: b.built.Compiler, Seconds: b.built.Took.Seconds()}
	data, from := shipped, b.Symbols
	if data == nil {
		from = b.built.Symbols()
		var err error
		if data, err = os.ReadFile(from); err != nil {
			return err
		}
		m.warn("base %s: the shipped xen-syms is not at hand: payloads are checked against the rebuilt one, and only lpready probe --match could tell whether that is the same", b.ID)
	} else {
		b.host.Symbols = digest(shipped)
	}
	var err error
	if b.hyper, err = payload.ReadHypervisor(data); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	own := b.hyper.BuildID
	switch {
	case shipped != nil && v.BuildID != "" && own != "" && own != v.BuildID:
		return fmt.Errorf("%s has the build-id %s, the profile says %s: expected that of one hypervisor", from, own, v.BuildID)
	case v.BuildID == "" && own == "":
		return fmt.Errorf("%s has no build-id, and the profile gives none: expected the one that hosts run", from)
	case v.BuildID == "":
		b.host.BuildID = own
		if shipped == nil {
			m.warn("base %s: the build-id of the shipped hypervisor is not known: payloads are for the rebuilt one, which no host runs", b.ID)
		}
	}
	return nil
}

// distinct wants a hypervisor for each base: payloads are found by its build-id.
func (m *matrix) distinct() error {
	seen := map[string]string{}
	for _, b := range m.bases {
		if other, ok := seen[b.host.BuildID]; ok {
			return fmt.Errorf("bases %s and %s have the same build-id %s: expected one base for each hypervisor that was shipped", other, b.ID, b.host.BuildID)
		}
		seen[b.host.BuildID] = b.ID
	}
	return nil
}

func (m *matrix) warn(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report.Warnings = append(m.report.Warnings, fmt.Sprintf(format, args...))
}

// assess judges the batch, as it was ported, on a base. What was found is kept for
// as long as nothing of it changes.
func (m *matrix) assess(ctx context.Context, b *base) (*analyze.Report, error) {
	batches := m.batches(b)
	inputs := map[string]string{"program": m.Version, "source": b.built.Source, "configuration": b.host.Config, "compiler": b.host.Compiler,
		"symbols": b.host.Symbols, "batch": m.batchDigest(b, batches)}
	s, err := openState(filepath.Join(m.Work, stateDir, fileName(b.ID)))
	if err != nil {
		return nil, err
	}
	var report analyze.Report
	if d := s.whole(phaseAssess, inputs); d != nil && json.Unmarshal(d.Data, &report) == nil {
		return &report, nil
	}
	started := m.Now()
	reports, err := m.assessAll(ctx, b, batches)
	if err != nil {
		return nil, err
	}
	for _, r := range reports {
		for _, c := range r.Cells {
			c.Hours = nil // plan's affair
			report.Cells = append(report.Cells, c)
		}
		report.Warnings = append(report.Warnings, r.Warnings...)
	}
	return &report, s.put(done{Phase: phaseAssess, Inputs: inputs, Seconds: m.Now().Sub(started).Seconds(), Ended: m.Now().UTC()}, &report)
}

// assessAll assesses batches: one after the other, since each of them takes all
// processors, or as many at once as workers take.
func (m *matrix) assessAll(ctx context.Context, b *base, batches []*advisory.Batch) ([]*analyze.Report, error) {
	reports, errs := make([]*analyze.Report, len(batches)), make([]error, len(batches))
	gate := make(chan struct{}, 1)
	jobs := 0
	if m.Workers != nil {
		gate, jobs = make(chan struct{}, m.width()+1), len(m.Batch.Entries)
	}
	var wg sync.WaitGroup
	for n, batch := range batches {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			reports[n], errs[n] = analyze.Assess(ctx, analyze.Request{Batch: batch, Bases: []analyze.Base{b.Base.Base}, Vendor: m.Vendor, Cache: m.Cache, Version: m.Version,
				Revised: m.Revised, Prove: m.prove(b), Jobs: jobs,
				Progress: func(done, total int, what string) {
					m.event(Event{Kind: "base", State: "running", Base: b.ID, Phase: phaseAssess, Detail: fmt.Sprintf("%d of %d: %s", n+done, len(batches)-1+total, what)})
				}})
		})
	}
	wg.Wait()
	return reports, errors.Join(errs...)
}

// batches are what is assessed together: the whole series where payloads build upon
// each other, else each item by itself, after nothing but what it needs. So a verdict
// is on what its payload is made of, and what is compiled for it is of use again.
func (m *matrix) batches(b *base) (list []*advisory.Batch) {
	whole := m.placed.Batch(b.ID, m.Batch, b.Xen)
	if m.Grouping != Separate {
		return []*advisory.Batch{whole}
	}
	rest := &advisory.Batch{Queue: whole.Queue, Warnings: whole.Warnings}
	for n, e := range whole.Entries {
		switch {
		case n >= len(b.steps): // does not fit
			rest.Entries = append(rest.Entries, e)
		case b.steps[n].Item:
			own := &advisory.Batch{Queue: true}
			for _, before := range m.placed.Needs(b.ID, n) {
				own.Entries = append(own.Entries, advisory.NewContext(b.steps[before].Name, b.Xen, b.steps[before].Files))
			}
			own.Entries = append(own.Entries, e)
			list = append(list, own)
		}
	}
	if len(rest.Entries) > 0 {
		list = append(list, rest)
	}
	return list
}

// batchDigest names all of some batches that an assessment rests on.
func (m *matrix) batchDigest(b *base, batches []*advisory.Batch) string {
	h := sha256.New()
	var entries []*advisory.Entry
	for _, batch := range batches {
		fmt.Fprintf(h, "%d\n", len(batch.Entries))
		entries = append(entries, batch.Entries...)
	}
	for _, e := range entries {
		fmt.Fprintf(h, "%s %v %d %q\n", e.Name, e.Context, e.XSA, e.Title())
		if a := e.Advisory; a != nil {
			fmt.Fprintf(h, "version %d %s %s %q %q\n", a.Version, a.Signature, a.Checksums, a.Public, a.Mitigation)
		}
		if m.Revised != nil {
			fmt.Fprintf(h, "revised %q\n", m.Revised(e.XSA, b.ID))
		}
		for _, r := range e.Recipes {
			files, _ := e.Patches(r) // what is not there has no content
			fmt.Fprintf(h, "%s %s %q\n", r.Xen, r.Tree, r.Patches)
			for _, f := range files {
				fmt.Fprintf(h, "%s %s\n", f.Name, digest(f.Data))
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// wanted tells whether a class is to be built: what no live patch can give, or need
// not, only where it is asked for.
func (m *matrix) wanted(class analyze.Class) bool {
	if m.Classes != nil {
		return slices.Contains(m.Classes, class)
	}
	return class != factor.NotNeeded && class != factor.Reboot
}

// verdict is the assessment of an item on a base.
func (b *base) verdict(s port.Step) (analyze.Cell, bool) {
	for _, c := range b.report.Cells {
		if s.XSA > 0 && c.XSA == s.XSA || s.XSA == 0 && c.XSA == 0 && slices.ContainsFunc(s.Files, func(f advisory.NamedData) bool { return slices.Contains(c.Patches, f.Name) }) {
			return c, true
		}
	}
	return analyze.Cell{}, false
}

// cellsOf makes the cells of a base.
func (m *matrix) cellsOf(b *base) error {
	var items []int // steps that are built
	before := len(m.cells)
	for n, s := range b.steps {
		v, ok := b.verdict(s)
		if !s.Item || !ok {
			continue
		}
		c := m.newCell(b, s.Name, v)
		switch {
		case v.Class == factor.NotNeeded && !m.wanted(v.Class):
			c.decide(Nothing, v.Why, "")
		case !m.wanted(v.Class):
			c.decide(LeftOut, fmt.Sprintf("its class is %s: %s", v.Class, v.Why), "")
		case len(m.XSAs) > 0 && !slices.Contains(m.XSAs, s.XSA):
			c.decide(LeftOut, "nobody asked for it", "")
		default:
			items = append(items, n)
			if m.Grouping == Cumulative {
				m.cells = m.cells[:len(m.cells)-1]
			}
		}
	}
	for _, p := range m.placed.Report.Cells {
		m.unplaced(b, p)
	}
	switch m.Grouping {
	case Cumulative:
		return m.together(b, items)
	case Stacked:
		return m.stack(b, items, before)
	}
	for _, n := range items {
		c := m.cellNamed(b, b.steps[n].Name, before)
		if _, err := m.fill(c, nil, append(m.placed.Needs(b.ID, n), n)); err != nil {
			return err
		}
	}
	return nil
}

// newCell begins the cell of one item.
func (m *matrix) newCell(b *base, item string, v analyze.Cell) *cell {
	c := &cell{base: b, assessed: []analyze.Cell{v}, ended: make(chan struct{})}
	c.Cell = Cell{Name: payloadName(item), Items: []string{item}, Base: b.ID, Class: v.Class}
	if v.XSA > 0 {
		c.XSAs = []int{v.XSA}
	}
	m.cells = append(m.cells, c)
	return c
}

func (m *matrix) cellNamed(b *base, item string, from int) *cell {
	i := slices.IndexFunc(m.cells[from:], func(c *cell) bool { return c.base == b && slices.Equal(c.Items, []string{item}) })
	return m.cells[from+i]
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// payloadName is a name that the tool leaves as it is.
func payloadName(item string) string {
	name := strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(item, ".patch"), ".diff"), "XSA-", "xsa"))
	name = strings.Trim(notInName.ReplaceAllString(name, "-"), "-")
	return cmp.Or(name[:min(len(name), 40)], "payload")
}

// unplaced adds an item that does not fit a base.
func (m *matrix) unplaced(b *base, p port.Cell) {
	if p.Base != b.ID {
		return
	}
	for _, s := range b.steps {
		if v, ok := b.verdict(s); s.Item && ok && (v.XSA == p.XSA && p.XSA > 0 || v.XSA == 0 && v.Title == p.Title) {
			return
		}
	}
	i := slices.IndexFunc(b.report.Cells, func(c analyze.Cell) bool { return c.XSA == p.XSA && (p.XSA > 0 || c.Title == p.Title) })
	if i < 0 {
		return
	}
	v := b.report.Cells[i]
	name := p.Title
	if p.XSA > 0 {
		name = fmt.Sprintf("XSA-%d", p.XSA)
	}
	c := m.newCell(b, name, v)
	switch {
	case v.Class == factor.NotNeeded:
		c.decide(Nothing, v.Why, "")
	case len(m.XSAs) > 0 && !slices.Contains(m.XSAs, p.XSA) || m.Classes != nil && !m.wanted(v.Class):
		c.decide(LeftOut, "nobody asked for it", "")
	default:
		why := fmt.Sprintf("the recipe does not fit (%s)", p.Port.Status)
		if len(p.Port.Detail) > 0 {
			why += ": " + p.Port.Detail[0]
		}
		c.decide(Unplaced, why, "look for prerequisites with --upstream, or port it with lpready port -o and give it back with --use")
	}
}

// together makes one cell of all items.
func (m *matrix) together(b *base, items []int) error {
	if len(items) == 0 {
		return nil
	}
	c := &cell{base: b, ended: make(chan struct{})}
	c.Base = b.ID
	set := slices.Clone(items)
	for _, n := range items {
		s := b.steps[n]
		v, _ := b.verdict(s)
		c.assessed = append(c.assessed, v)
		c.Items = append(c.Items, s.Name)
		if v.XSA > 0 {
			c.XSAs = append(c.XSAs, v.XSA)
		}
		c.Class = worse(c.Class, v.Class)
		set = append(set, m.placed.Needs(b.ID, n)...)
	}
	c.Name = payloadName(c.Items[len(c.Items)-1]) + "-cumulative"
	m.cells = append(m.cells, c)
	_, err := m.fill(c, nil, set)
	return err
}

// stack makes each item stand on the one before.
func (m *matrix) stack(b *base, items []int, from int) error {
	var below []int
	var on *cell
	for _, n := range items {
		c := m.cellNamed(b, b.steps[n].Name, from)
		set := append(append(slices.Clone(below), m.placed.Needs(b.ID, n)...), n)
		c.on = on
		var err error
		if below, err = m.fill(c, below, set); err != nil {
			return err
		}
		on = c
	}
	return nil
}

// fill says what a cell is made of: the steps that are there before, and those that
// are there after. Where these do not apply without others of the series, all that
// come before the last are taken. It gives the steps that are there after.
func (m *matrix) fill(c *cell, before, after []int) ([]int, error) {
	slices.Sort(after)
	after = slices.Compact(after)
	b := c.base
	files, err := m.placed.Changed(b.ID, after)
	if err != nil {
		last := after[len(after)-1]
		after = nil
		for n := range last + 1 {
			after = append(after, n)
		}
		if files, err = m.placed.Changed(b.ID, after); err != nil {
			return nil, err
		}
	}
	was := map[string][]byte{}
	if len(before) > 0 {
		if was, err = m.placed.Changed(b.ID, before); err != nil {
			return nil, err
		}
	}
	c.trial = analyze.Trial{Base: b.ID, Before: was, After: files, BeforeIndex: b.index.With(was), AfterIndex: b.index.With(files)}
	for _, n := range after {
		if slices.Contains(before, n) {
			continue
		}
		c.patches = append(c.patches, b.steps[n].Files...)
		if !slices.Contains(c.Items, b.steps[n].Name) {
			c.Holds = append(c.Holds, b.steps[n].Name)
		}
	}
	return after, nil
}
