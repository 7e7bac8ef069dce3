package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"lpready/analyze/factor"
	"lpready/analyze/match"
	"lpready/build/boot"
	"lpready/build/internal/budget"
)

// A Booting has a real hypervisor asked about every payload that the checks accept.
type Booting struct {
	Files *boot.Files
	Guest bool // run a guest while each payload is applied
}

// A machine is the hypervisor of a base, to be booted.
type machine struct {
	*boot.Host
	matches bool   // the rebuilt base is what is booted
	says    string // else why that is not shown
}

// power makes the machine of a base. That the tree of the payloads is what was shipped
// is shown symbol by symbol, as lpready probe --match does.
func (m *matrix) power(b *base, shipped []byte) error {
	if m.Boot == nil {
		return nil
	}
	r := boot.HostRequest{Files: m.Boot.Files, Hypervisor: b.Vendor.Hypervisor.File, Path: b.Vendor.Hypervisor.Path, BuildID: b.host.BuildID, Guest: m.Boot.Guest}
	b.machine = &machine{says: "the shipped xen-syms is not at hand"}
	if shipped != nil {
		var err error
		if r.Symbols, err = match.Read(shipped); err != nil {
			return fmt.Errorf("%s: %w", b.Symbols, err)
		}
		result, err := b.match(r.Symbols)
		if err != nil {
			return err
		}
		b.machine.matches = result.Matches
		b.machine.says = fmt.Sprintf("%d symbols of the rebuilt base are not as they were shipped: see lpready probe --match", len(result.Differences))
	}
	var err error
	b.machine.Host, err = boot.NewHost(r)
	return err
}

// match compares the rebuilt base with what was shipped.
func (b *base) match(shipped *match.Hypervisor) (*match.Result, error) {
	data, err := os.ReadFile(b.built.Symbols())
	if err != nil {
		return nil, err
	}
	rebuilt, err := match.Read(data)
	if err != nil {
		return nil, err
	}
	given, err := match.InTree(b.Tree, b.index, b.Base.Base.Config, shipped, rebuilt)
	if err != nil {
		return nil, err
	}
	return match.Compare(shipped, rebuilt, given), nil
}

func (m *matrix) bootInputs(c *cell) map[string]string {
	in := map[string]string{"payload": c.Payload.SHA256, "program": m.Version, "build-id of the base": c.base.host.BuildID,
		"hypervisor": c.base.machine.From, "kernel": c.base.machine.Kernel, "policy": fmt.Sprint(m.replace(), m.Grouping), "guest": fmt.Sprint(m.Boot.Guest)}
	if c.on != nil {
		in["payload before"] = c.on.Payload.SHA256
	}
	return in
}

// boot asks the hypervisor of the base about a payload, within the memory that it takes.
func (m *matrix) boot(ctx context.Context, c *cell, dir string) (any, error) {
	var set []boot.Payload
	for below := c; below != nil; below = below.on {
		data, err := os.ReadFile(below.payloadPath())
		if err != nil {
			return nil, err
		}
		set = append([]boot.Payload{{Name: below.Name, Data: data, Verified: below.Verify}}, set...)
	}
	shares := (int64(boot.Memory(m.Boot.Guest))<<20 + budget.ShareBytes - 1) / budget.ShareBytes
	if err := m.budget.Take(ctx, int(shares)); err != nil {
		return nil, err
	}
	defer m.budget.Give(int(shares))
	policy := boot.Policy{Replace: m.replace(), Stacking: m.Grouping == Stacked}
	r, err := c.base.machine.Try(ctx, boot.TrialOf(set, len(set)-1, policy, m.Boot.Guest))
	if err != nil {
		return nil, err
	}
	return r, r.SaveLogs(dir, c.Name)
}

// ask takes a cell through the boot, where one is asked for and the checks accept the
// payload, and says what that means for it.
func (m *matrix) ask(ctx context.Context, c *cell) error {
	if m.Boot == nil || !c.Verify.Accepted {
		return nil
	}
	d, err := m.phase(ctx, c, phaseBoot, m.bootInputs(c), m.boot)
	if err != nil || d == nil {
		return err
	}
	if err := json.Unmarshal(d.Data, &c.Boot); err != nil {
		return err
	}
	c.consoles = filepath.Join(c.dir, d.Dir)
	switch {
	case !c.Boot.Good():
		c.decide(Refused, "a real hypervisor: "+c.Boot.Says, "do not ship it: look at the console beside its manifest")
	case !c.base.machine.matches:
		c.decide(Built, "a real hypervisor takes it, but it is not shown that its tree is what was shipped: "+c.base.machine.says, "give the shipped xen-syms, the .config and the compiler of the base")
	}
	return nil
}

// proven records on the assessment how far a payload was proven.
func (c *cell) proven() {
	evidence := factor.Built
	switch {
	case c.Payload == nil || c.Verify == nil || !c.Verify.Accepted:
		return
	case c.Boot != nil && c.Boot.Good() && c.base.machine.matches:
		evidence = factor.Booted
	}
	for i := range c.assessed {
		c.assessed[i].Evidence = evidence
		for k := range c.base.report.Cells {
			if o := &c.base.report.Cells[k]; o.XSA == c.assessed[i].XSA && o.Title == c.assessed[i].Title {
				o.Evidence = evidence
			}
		}
	}
}
