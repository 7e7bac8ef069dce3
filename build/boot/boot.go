// Package boot asks a real hypervisor about payloads: it boots the base's own Xen in
// QEMU with a small dom0 and has it load, apply, revert, replace and unload them.
//
// Everything but QEMU comes from files of the vendor's distribution: the hypervisor,
// a Linux kernel as dom0, busybox, xen-livepatch and the libraries that it needs. They
// are taken out of packages (OpenFiles), put into an initramfs together with init.sh and
// the payloads, and booted with software emulation: no KVM, no privileges, no network.
// The command line of Xen is docs/misc/xen-command-line.pandoc, that of QEMU its manual;
// actions, states and messages are those of xen/common/livepatch.c and
// tools/misc/xen-livepatch.c.
//
// A boot ends as one of the verdicts. A refusal is compared with what package payload
// said, a crash is named by the lines of Xen's trace, and what does not end is a result
// too: every boot has limits for time, silence and the size of its logs. Errors are
// those of the machine: QEMU is missing, or the host does not come up without a payload.
//
// What it cannot see: hardware (IOMMUs, real timing, the processor that the vendor has),
// other hosts' guests and loads, races, and code that the sequence does not reach. That a
// payload was applied says little; with a guest, Result.Functions tells which of the
// replacements ran, as QEMU saw it. A function that ran did not therefore do the right
// thing.
package boot

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "embed"

	"github.com/klauspost/compress/gzip"

	"lpready/analyze/match"
	"lpready/build/internal/unpack"
)

//go:embed init.sh
var initScript []byte

// A HostRequest says what to boot.
type HostRequest struct {
	Files      *Files
	Hypervisor string // file of the hypervisor; empty: that of Files
	Path       string // where it is in its package, such as boot/xen-4.17-amd64.gz; empty: any boot/xen*gz
	BuildID    string // that it must have, in hex; empty: any
	Guest      bool   // programs for a guest too

	// Symbols is the hypervisor with symbols; nil: traces are told as Xen has them.
	Symbols *match.Hypervisor

	// Work is a folder for the files of a boot, which is left empty; empty: that of
	// the machine for such things.
	Work string
}

// A Host is a hypervisor with a dom0, which can be booted any number of times, several
// at once.
type Host struct {
	BuildID string // of the hypervisor, in hex
	From    string // the hypervisor's file
	Kernel  string // the dom0 kernel's file

	xen, kernel []byte
	dom0        *image
	guest       bool
	symbols     *match.Hypervisor
	work        string
}

// NewHost puts together what a boot needs. What is missing is a *LacksError.
func NewHost(r HostRequest) (*Host, error) {
	h := &Host{guest: r.Guest, symbols: r.Symbols, work: r.Work, dom0: newImage()}
	if err := h.findXen(&r); err != nil {
		return nil, err
	}
	if err := h.findKernel(r.Files); err != nil {
		return nil, err
	}
	busybox, err := r.Files.program("busybox")
	if err != nil {
		return nil, err
	}
	h.dom0.file("bin/busybox", busybox, true)
	for _, name := range applets {
		h.dom0.link("bin/"+name, "busybox")
	}
	if _, loader, err := needs(busybox); err != nil || loader != "" {
		if err := h.dom0.addProgram(r.Files, "busybox"); err != nil {
			return nil, err
		}
	}
	if err := h.dom0.addProgram(r.Files, "xen-livepatch"); err != nil {
		return nil, err
	}
	h.dom0.file("init", initScript, true)
	for _, dir := range emptyFolders {
		h.dom0.file(dir+"/.keep", nil, false)
	}
	if r.Guest {
		return h, h.addGuest(r.Files, busybox)
	}
	return h, nil
}

// emptyFolders are where the scripts mount something.
var emptyFolders = []string{"proc", "sys", "dev", "tmp"}

// applets are the programs of busybox that the scripts call.
var applets = []string{"sh", "mount", "stty", "sleep", "cat", "head", "sed", "insmod", "timeout", "dd", "poweroff", "printf", "echo", "mkdir", "grep", "ln", "rm"}

// findXen finds the hypervisor and its build-id.
func (h *Host) findXen(r *HostRequest) error {
	if r.Hypervisor != "" {
		data, err := os.ReadFile(r.Hypervisor)
		if err != nil {
			return err
		}
		h.From = r.Hypervisor
		if h.xen, err = gunzip(data); err != nil {
			return fmt.Errorf("%s: %w", r.Hypervisor, err)
		}
		return h.checkXen(r.BuildID)
	}
	var others []string
	for _, x := range r.Files.hypervisors(r.Path) {
		data, err := x.read()
		if errors.Is(err, os.ErrNotExist) {
			continue // a link to what is not here
		}
		if err == nil {
			h.xen, err = gunzip(data)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", x, err)
		}
		h.From = x.String()
		err = h.checkXen(r.BuildID)
		if err == nil {
			return nil
		}
		others = append(others, err.Error())
	}
	if len(others) > 0 {
		return errors.New(strings.Join(others, "; "))
	}
	return r.Files.lacks(hypervisorName)
}

// hypervisors are those at a place in their package, or any.
func (f *Files) hypervisors(at string) []found {
	return f.all(func(name string) bool {
		if at != "" && name == at {
			return true
		}
		base := path.Base(name)
		return (at == "" || base == name) && strings.HasPrefix(base, "xen") && strings.HasSuffix(base, "gz") && (strings.HasPrefix(name, "boot/") || base == name)
	})
}

func (f *Files) kernels() []found {
	return f.all(func(name string) bool { return strings.HasPrefix(path.Base(name), "vmlinuz") })
}

// checkXen reads the build-id of the hypervisor, by its note.
func (h *Host) checkXen(want string) error {
	if !bytes.HasPrefix(h.xen, []byte("\x7fELF")) {
		return fmt.Errorf("%s: expected a hypervisor for multiboot, an ELF file, gzipped or not", h.From)
	}
	const note = "\x04\x00\x00\x00\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00"
	if i := bytes.Index(h.xen, []byte(note)); i >= 0 && i+len(note)+20 <= len(h.xen) {
		h.BuildID = hex.EncodeToString(h.xen[i+len(note) : i+len(note)+20])
	}
	if want != "" && h.BuildID != want {
		return fmt.Errorf("%s has build-id %s, expected that of the base, %s", h.From, cmp.Or(h.BuildID, "none"), want)
	}
	return nil
}

func gunzip(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte("\x1f\x8b")) {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return readAll(z)
}

// modules are those that a dom0 needs, in their order; the first one always.
var modules = []string{"xen-privcmd", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xenfs"}

// findKernel finds a kernel that has its modules beside it.
func (h *Host) findKernel(f *Files) error {
	kernels := f.kernels()
	if len(kernels) == 0 {
		return f.lacks(kernelName)
	}
	for _, k := range kernels {
		_, version, _ := strings.Cut(path.Base(k.name), "-")
		mods := f.modulesOf(version)
		if version != "" && mods[modules[0]] == nil {
			continue
		}
		data, err := k.read()
		if err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		h.kernel, h.Kernel = data, k.String()
		for i, name := range modules {
			if mods[name] != nil {
				h.dom0.file(fmt.Sprintf("modules/%d-%s.ko", i, name), mods[name], false)
			}
		}
		return nil
	}
	return f.lacks(moduleName)
}

// modulesOf reads the modules of a version of the kernel.
func (f *Files) modulesOf(version string) map[string][]byte {
	list := map[string][]byte{}
	for _, x := range f.all(func(name string) bool {
		return strings.Contains(name, "modules/"+version+"/") && strings.Contains(name, "/drivers/xen/") || path.Dir(name) == "." && strings.Contains(name, ".ko")
	}) {
		name, ending, ok := strings.Cut(path.Base(x.name), ".ko")
		if !ok || !slices.Contains(modules, name) || list[name] != nil {
			continue
		}
		data, err := x.read()
		if err == nil && ending != "" {
			data, err = unpacked(data)
		}
		if err == nil {
			list[name] = data
		}
	}
	return list
}

func unpacked(data []byte) ([]byte, error) {
	r, done, err := unpack.Open(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	defer done()
	return readAll(r)
}

// A Trial is one payload to be tried, and what belongs to it.
type Trial struct {
	Payload Payload
	Below   []Payload // what must be applied before it, in order
	Second  *Payload  // comes after it; nil: a copy of it, where that can be
	Policy  Policy
	Guest   bool // run a guest while it is applied
	Limits  Limits
}

// Try boots the host once and goes through the sequence of one payload.
func (h *Host) Try(ctx context.Context, t Trial) (*Result, error) {
	if t.Guest && !h.guest {
		return nil, errors.New("the host was put together without what a guest needs")
	}
	second, policy, remark := t.following()
	p := planOne(t.Payload, t.Below, second, policy, t.Guest)
	if remark != "" {
		p.remarks = append(p.remarks, remark)
	}
	return h.boot(ctx, p, t.Payload, t.Limits)
}

// following is what comes after the payload, and how: the second payload, a copy in its
// stead, or nothing.
func (t *Trial) following() (second *Payload, policy Policy, remark string) {
	policy = t.Policy
	if t.Second != nil {
		policy.Stacking = policy.Stacking || !policy.Replace && Upon(t.Second, &t.Payload)
		return t.Second, policy, ""
	}
	const not = "what comes after it was not tried: no second payload was given, and "
	if kind := vetoing(&t.Payload); kind != "" && !policy.Replace && !policy.Stacking {
		return nil, policy, fmt.Sprintf("%snothing can replace one with a %s hook", not, kind)
	}
	if len(t.Below) > 0 && !policy.Stacking {
		return nil, policy, not + "replacing it would take out what it lies upon"
	}
	second, err := copyOf(&t.Payload, policy.Stacking && !policy.Replace)
	if err != nil {
		return nil, policy, not + "no copy can stand in for one: " + err.Error()
	}
	return second, policy, "no second payload was given: a copy with another build-id stands in for one"
}

// TrySet boots the host once and goes through a whole set in its order.
func (h *Host) TrySet(ctx context.Context, set []Payload, policy Policy, l Limits) (*Result, error) {
	if len(set) == 0 {
		return nil, errors.New("expected at least one payload")
	}
	return h.boot(ctx, planSet(set, policy), Payload{}, l)
}

// boot goes through a plan.
func (h *Host) boot(ctx context.Context, p *plan, about Payload, l Limits) (r *Result, err error) {
	began := time.Now()
	dir, err := os.MkdirTemp(h.work, "lpready-boot-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := h.lay(dir, p); err != nil {
		return nil, err
	}
	var ran *tracer
	if p.guest {
		if ran, err = newTracer(h.symbols, about.Data); err != nil {
			p.remarks = append(p.remarks, "which functions ran was not measured: "+err.Error())
		}
	}
	b, err := start(ctx, dir, shapeOf(p.guest), l.orDefaults(p.guest), ran)
	if err != nil {
		return nil, err
	}
	r, err = h.judge(p, b)
	if err != nil {
		return nil, err
	}
	r.Payload = about.Name
	if about.Verified != nil {
		r.compare(about.Verified)
	}
	r.Functions = ran.ran()
	r.MemoryMB, r.QEMU, r.Took = Memory(p.guest), seconds(b.took), seconds(time.Since(began))
	r.keepLogs(b)
	return r, nil
}

// lay writes the files of a boot.
func (h *Host) lay(dir string, p *plan) error {
	t := h.dom0.clone()
	t.file("steps.sh", p.script(), false)
	for i, one := range p.payloads {
		t.file(payloadFile(i)[1:], one.Data, false)
	}
	if !p.guest {
		delete(t.entries, "guest.sh")
	}
	initrd, err := t.archive()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{xenFile, h.xen}, {kernelFile, h.kernel}, {initrdFile, initrd}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// seconds rounds to hundredths, for the record.
func seconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Millisecond)) / float64(time.Second)
}
