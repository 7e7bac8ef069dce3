package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lpready/analyze/factor"
	"lpready/build/kbuild"
	"lpready/build/lpbt"
	"lpready/build/payload"
	"lpready/build/port"
	"lpready/build/tree"
)

// The phases of a cell, in their order, after that of a base.
const (
	phaseAssess  = "assess"  // of a base: the whole batch
	phaseObjects = "objects" // shared mode only: compiled before and after
	phasePayload = "payload" // the tool
	phaseVerify  = "verify"  // what the hypervisor would say
	phaseBoot    = "boot"    // what a real one says, where it is asked
)

var phaseNames = []string{phaseAssess, phaseObjects, phasePayload, phaseVerify, phaseBoot}

// lays tells whether the objects of a cell are kept here.
func (m *matrix) lays() bool { return m.Mode == Shared && m.Workers == nil }

// phases are those of a cell.
func (m *matrix) phases() []string {
	list := []string{phaseObjects, phasePayload, phaseVerify}
	if !m.lays() {
		list = list[1:]
	}
	if m.Boot != nil {
		list = append(list, phaseBoot)
	}
	return list
}

// objects is what the first phase leaves: paths relative to xen/, of what lies below
// the phase's folder.
type objects struct {
	Objects []string `json:"objects"`
}

// work takes a cell through its phases.
func (m *matrix) work(ctx context.Context, c *cell) error {
	if !c.selected {
		c.decide(LeftOut, "nobody asked for it", "")
	}
	if c.on != nil && c.on.Payload == nil {
		if c.selected {
			c.decide(Blocked, fmt.Sprintf("it stands on %s, which has no payload", c.on.ID), "see to that, or leave its XSA out")
		}
		return nil
	}
	var from *done
	var err error
	if m.lays() {
		if from, err = m.phase(ctx, c, phaseObjects, m.objectInputs(c), m.layObjects); err != nil || from == nil {
			return err
		}
	}
	built, err := m.phase(ctx, c, phasePayload, m.payloadInputs(c, from), func(ctx context.Context, c *cell, dir string) (any, error) {
		return m.makePayload(ctx, c, from, dir)
	})
	if err != nil || built == nil {
		return err
	}
	if err := c.take(built); err != nil {
		return err
	}
	verified, err := m.phase(ctx, c, phaseVerify, m.verifyInputs(c), m.verify)
	if err != nil || verified == nil {
		return err
	}
	if err := json.Unmarshal(verified.Data, &c.Verify); err != nil {
		return err
	}
	m.judge(c)
	if err := m.ask(ctx, c); err != nil {
		return err
	}
	c.proven()
	return nil
}

// phase takes a phase from a run before, where it is whole, or runs it. It gives nil
// where the cell is not to be worked on and has not come so far.
func (m *matrix) phase(ctx context.Context, c *cell, name string, inputs map[string]string, do func(context.Context, *cell, string) (any, error)) (*done, error) {
	d, why := c.state.find(name, inputs)
	if d != nil {
		m.pass(c, name, d, true)
		return d, nil
	}
	if why != "" {
		c.Redone = append(c.Redone, name+": "+why)
	}
	if !c.selected {
		return nil, nil
	}
	if f := c.state.failedBefore(name, inputs); f != nil && !m.Retry {
		return nil, f
	}
	m.event(Event{Kind: "phase", State: "started", Cell: c.ID, Base: c.Base, Phase: name})
	dir, err := c.state.begin(name)
	if err != nil {
		return nil, err
	}
	started := m.Now()
	result, err := do(ctx, c, dir)
	if err != nil {
		return nil, m.abort(ctx, c, name, inputs, dir, err)
	}
	fresh := done{Phase: name, Inputs: inputs, Dir: filepath.Base(dir), Seconds: m.Now().Sub(started).Seconds(), Ended: m.Now().UTC()}
	if err := c.state.put(fresh, result); err != nil {
		return nil, err
	}
	d = &c.state.Done[len(c.state.Done)-1]
	m.pass(c, name, d, false)
	return d, nil
}

// abort records a failure. What the machine is to blame for, or whoever stopped the
// run, leaves nothing behind.
func (m *matrix) abort(ctx context.Context, c *cell, name string, inputs map[string]string, dir string, err error) error {
	defer os.RemoveAll(dir)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f := failure(name, err)
	m.event(Event{Kind: "phase", State: "failed", Cell: c.ID, Base: c.Base, Phase: name, Detail: f.Cause})
	var tool *lpbt.Failure
	if errors.As(err, &tool) {
		if err := packLogs(filepath.Join(c.dir, failedLog), tool.Logs); err != nil {
			return err
		}
	}
	if err := c.state.fail(*f, inputs); err != nil {
		return err
	}
	return f
}

// failure words what stopped a phase.
func failure(phase string, err error) *Failure {
	var tool *lpbt.Failure
	var source *kbuild.FailedError
	var own *Failure
	switch {
	case errors.As(err, &own): // a worker's
		own.Phase = phase
		return own
	case errors.As(err, &tool):
		return &Failure{Phase: phase, Kind: tool.Kind, File: tool.File, Object: tool.Object, Symbol: tool.Symbol, Cause: tool.Cause, Remedy: tool.Remedy, Output: tool.Output}
	case errors.As(err, &source) && source.Fault == kbuild.Source:
		return &Failure{Phase: phase, Kind: lpbt.NoCompile, File: source.InSource(), Cause: source.Cause, Remedy: source.Remedy, Output: source.Output}
	case errors.As(err, &source):
		return &Failure{Phase: phase, Kind: lpbt.Machine, Cause: source.Cause, Remedy: source.Remedy, Output: source.Output}
	}
	return &Failure{Phase: phase, Kind: lpbt.Machine, Cause: err.Error(), Remedy: "see to the machine, then run it again"}
}

// pass records that a cell has a phase behind it.
func (m *matrix) pass(c *cell, name string, d *done, kept bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.Phases = append(c.Phases, Phase{Name: name, Seconds: d.Seconds, Ended: d.Ended, Kept: kept})
	m.times.learn(name, d.Seconds)
	c.ahead = slices.DeleteFunc(c.ahead, func(p string) bool { return p == name })
	state := "finished"
	if kept {
		state = "kept"
	}
	m.tell(Event{Kind: "phase", State: state, Cell: c.ID, Base: c.Base, Phase: name, Seconds: d.Seconds, Left: m.times.left(m.cells, m.width())})
}

// Inputs of the phases.

func (m *matrix) objectInputs(c *cell) map[string]string {
	return map[string]string{
		"source": c.base.built.Source, "configuration": c.base.host.Config, "compiler": c.base.built.Compiler,
		"compiler's programs": c.base.built.Programs, "what is there before": filesDigest(c.trial.Before), "patch": filesDigest(c.trial.After),
	}
}

func filesDigest(files map[string][]byte) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "%s %v %s\n", name, files[name] == nil, digest(files[name]))
	}
	return digest([]byte(b.String()))
}

// payloadInputs are those of the tool: the objects, or else what it makes them of.
func (m *matrix) payloadInputs(c *cell, from *done) map[string]string {
	in := m.objectInputs(c)
	if from != nil {
		list, _ := json.Marshal(from.Files)
		in = map[string]string{"objects": digest(list)}
	}
	in["tool"], in["mode"] = m.Tool.Digest, m.Mode
	in["options"] = fmt.Sprintf("strip %v, prelink %v", m.Strip, m.Prelink)
	in["build-id of the base"], in["symbols of the base"] = c.base.host.BuildID, c.base.host.Symbols
	in["payload before"] = m.depends(c)
	in["name"] = c.Name
	return in
}

// depends is the build-id of what must be applied already: the payload before, or the
// hypervisor.
func (m *matrix) depends(c *cell) string {
	if c.on != nil {
		return c.on.Payload.BuildID
	}
	return c.base.host.BuildID
}

func (m *matrix) verifyInputs(c *cell) map[string]string {
	in := map[string]string{"payload": c.Payload.SHA256, "program": m.Version, "symbols of the base": c.base.host.Symbols,
		"release of the base": c.base.Vendor.Release, "policy": fmt.Sprint(m.replace())}
	expected, _ := json.Marshal(payload.Expect(c.assessed))
	in["assessment"] = digest(expected)
	if c.on != nil {
		in["payload before"] = c.on.Payload.SHA256
	}
	return in
}

// layObjects compiles a cell before and after.
func (m *matrix) layObjects(ctx context.Context, c *cell, dir string) (any, error) {
	list, err := m.prober.Lay(ctx, c.trial, dir)
	if err != nil {
		return nil, err
	}
	return objects{list}, noObjects(list)
}

// orderOf is that of a cell's payload.
func (m *matrix) orderOf(c *cell) (*order, error) {
	text, err := c.diff()
	return &order{Name: c.Name, Patch: text, Config: c.base.built.Config, Depends: m.depends(c), XenDepends: c.base.host.BuildID,
		Strip: m.Strip, Prelink: m.Prelink, Limit: m.Limit}, err
}

// makePayload runs the tool. Of what it leaves, the payload and the logs are kept.
func (m *matrix) makePayload(ctx context.Context, c *cell, from *done, dir string) (any, error) {
	o, err := m.orderOf(c)
	if err != nil {
		return nil, err
	}
	if m.Workers != nil {
		return m.sendPayload(ctx, c, o, dir)
	}
	req, err := o.request(dir, c.base.Symbols, func(phase string) { m.running(c, phasePayload, phase) })
	if err != nil {
		return nil, err
	}
	var b *lpbt.Built
	if m.Mode == Faithful {
		b, err = m.faithful(ctx, c, req, dir)
	} else {
		var list objects
		if err := json.Unmarshal(from.Data, &list); err != nil {
			return nil, err
		}
		b, err = compareObjects(ctx, m.budget, m.Tool, req, c.base.built.Symbols(), filepath.Join(c.dir, from.Dir), list.Objects)
	}
	if err != nil {
		return nil, err
	}
	return keepOf(b, dir)
}

// running tells how far a phase of a cell is.
func (m *matrix) running(c *cell, phase, detail string) {
	m.event(Event{Kind: "phase", State: "running", Cell: c.ID, Base: c.Base, Phase: phase, Detail: detail})
}

// diff is all that a cell changes, as one patch: the tool takes one, and tries all of
// it before it applies any, so that the patches of a set cannot just be joined.
func (c *cell) diff() (text []byte, err error) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(c.trial.Before)), maps.Keys(c.trial.After))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		before, err := c.content(c.trial.Before, name)
		if err != nil {
			return nil, err
		}
		after, err := c.content(c.trial.After, name)
		if err != nil {
			return nil, err
		}
		text = append(text, port.Diff(name, before, after)...)
	}
	return text, nil
}

// content is that of a file where some are changed, nil where there is none.
func (c *cell) content(changed map[string][]byte, name string) ([]byte, error) {
	if data, ok := changed[name]; ok {
		return data, nil
	}
	data, err := fs.ReadFile(c.base.Tree, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// faithful has the tool build all by itself, on the source with what is there before.
func (m *matrix) faithful(ctx context.Context, c *cell, req lpbt.Request, dir string) (*lpbt.Built, error) {
	source, err := tree.Prepare(ctx, c.base.Source, filepath.Join(m.Cache, "trees"), tree.Options{})
	if err != nil {
		return nil, err
	}
	defer source.Close()
	req.Source, req.DebugInfo = source.Dir, true
	if len(c.trial.Before) > 0 {
		req.Source = filepath.Join(dir, "source")
		defer os.RemoveAll(req.Source)
		if err := source.WorkCopy(ctx, req.Source); err != nil {
			return nil, err
		}
		if err := lay(req.Source, c.trial.Before); err != nil {
			return nil, err
		}
	}
	if err := m.budget.Take(ctx, m.budget.Size()); err != nil {
		return nil, err
	}
	defer m.budget.Give(m.budget.Size())
	req.Jobs = m.budget.Size()
	return m.Tool.Faithful(ctx, req)
}

// lay writes changed files over a tree; nil removes one.
func lay(dir string, files map[string][]byte) error {
	for name, data := range files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if data == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// A kept is what stays of a run of the tool: the payload and the logs lie in the
// phase's folder.
type kept struct {
	lpbt.Built
	BuildID string `json:"build_id"`
	Depends string `json:"depends"`
}

// Names in the folder of the payload's phase.
const (
	payloadFile = "payload.livepatch"
	logFile     = "log.zst"
	failedLog   = "failed.log.zst" // in the cell's own folder
)

// keepOf brings the payload and the logs out of the tool's folder and removes that.
func keepOf(b *lpbt.Built, dir string) (*kept, error) {
	data, err := os.ReadFile(b.Payload)
	if err != nil {
		return nil, err
	}
	p, err := payload.Read(data)
	k := &kept{Built: *b}
	if err == nil { // what no loader would take is verify's to say
		k.BuildID, k.Depends = p.BuildID, p.Depends
	}
	if err := os.WriteFile(filepath.Join(dir, payloadFile), data, 0o600); err != nil {
		return nil, err
	}
	if err := packLogs(filepath.Join(dir, logFile), b.Logs); err != nil {
		return nil, err
	}
	k.Payload, k.Logs = payloadFile, nil
	return k, os.RemoveAll(filepath.Join(dir, "work"))
}

// take records the payload that a phase left.
func (c *cell) take(d *done) error {
	var k kept
	if err := json.Unmarshal(d.Data, &k); err != nil {
		return err
	}
	c.Payload = &Payload{SHA256: k.SHA256, BuildID: k.BuildID, Depends: k.Depends, Bytes: k.Bytes, Objects: k.Objects, Added: k.Added, Tool: k.Warnings}
	c.Phases[len(c.Phases)-1].Command = k.Command
	c.Status = Built
	return nil
}

// payloadPath is where the payload of a cell lies in its state.
func (c *cell) payloadPath() string {
	i := slices.IndexFunc(c.state.Done, func(d done) bool { return d.Phase == phasePayload })
	return filepath.Join(c.dir, c.state.Done[i].Dir, payloadFile)
}

func (m *matrix) replace() bool { return m.Policy.Replace != nil && *m.Policy.Replace }

// verify says what the hypervisor would say to a payload.
func (m *matrix) verify(_ context.Context, c *cell, _ string) (any, error) {
	data, err := os.ReadFile(c.payloadPath())
	if err != nil {
		return nil, err
	}
	opt := payload.Options{Name: c.Name, Xen: c.base.Xen, Release: c.base.Vendor.XenRelease(), Replace: m.replace(), Expected: payload.Expect(c.assessed)}
	if c.on != nil {
		opt.Before = c.on.Name
	}
	for below := c.on; below != nil; below = below.on {
		before, err := os.ReadFile(below.payloadPath())
		if err != nil {
			return nil, err
		}
		p, err := payload.Read(before)
		if err != nil {
			return nil, err
		}
		if opt.Previous == nil {
			opt.Previous = p
		} else {
			opt.Below = append(opt.Below, p)
		}
	}
	return payload.VerifyFile(data, c.base.hyper, opt)
}

// judge says what a payload is worth.
func (m *matrix) judge(c *cell) {
	switch {
	case !c.Verify.Accepted:
		i := slices.IndexFunc(c.Verify.Findings, func(f payload.Finding) bool { return f.Severity == payload.Refused })
		f := c.Verify.Findings[i]
		c.decide(Refused, f.Message, f.Remedy)
	case c.Class == factor.Clean:
		c.decide(Ready, "all checks accept it, and the assessment is clean", "")
	default:
		why := fmt.Sprintf("all checks accept it, and its class is %s", c.Class)
		for _, v := range c.assessed {
			if v.Class == c.Class {
				why += ": " + v.Why
				break
			}
		}
		c.decide(Built, why, "look at the findings of lpready analyze before it is shipped")
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
