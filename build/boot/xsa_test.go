package boot

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze/match"
	"lpready/analyze/truth"
	"lpready/build/kbuild"
	"lpready/build/lpbt"
	"lpready/vendors"
)

// A factory builds payloads with livepatch-build-tools, in its shared mode.
type factory struct {
	tool *lpbt.Tool
	base *kbuild.Base
	id   string
}

// newFactory compiles Debian's Xen with its configuration, or with one that differs.
func newFactory(t *testing.T, id string, change ...string) *factory {
	t.Helper()
	tool, err := lpbt.Find(t.Context(), truth.Env(t, "LPREADY_LPBT", "folder of livepatch-build-tools"))
	if err != nil {
		t.Fatal(err)
	}
	source := truth.Env(t, "LPREADY_XEN_TREE", "Debian's Xen 4.17.5+72")
	config := strings.NewReplacer(change...).Replace(string(contents(t, truth.Env(t, "LPREADY_XEN_CONFIG", "the .config in its package"))))
	cache := filepath.Join(truth.Env(t, "LPREADY_XEN_CACHE", "folder for what is compiled"), "lpready")
	base, err := kbuild.Prepare(t.Context(), kbuild.Request{Source: vendors.Source{Dir: source}, Config: []byte(config), Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { base.Close() })
	return &factory{tool, base, id}
}

func contents(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// payload builds the payload of a patch of the corpus, for the build-id of the factory.
func (f *factory) payload(t *testing.T, name string, without ...string) Payload {
	t.Helper()
	work := t.TempDir()
	patch := truth.Shared(t, "corpus", name+".patch")
	config := filepath.Join(work, "config")
	write(t, config, f.base.Config)
	b, err := f.tool.Shared(t.Context(), lpbt.Request{Patch: patch, Config: config, Depends: f.id, XenDepends: f.id, Strip: true,
		Jobs: f.base.Jobs(), Limit: time.Hour, Work: filepath.Join(work, "work")}, f.pairs(t, patch, without))
	if err != nil {
		t.Fatal(err)
	}
	command(t, "objcopy", "--strip-debug", b.Payload)
	return Payload{Name: strings.TrimSuffix(name, "-4.17"), Data: contents(t, b.Payload)}
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// pairs compiles the units that include a file of the patch, but for those left out.
func (f *factory) pairs(t *testing.T, patch string, without []string) lpbt.Compiled {
	t.Helper()
	changed, scratch := map[string][]byte{}, t.TempDir()
	for l := range strings.Lines(string(contents(t, patch))) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(l), "+++ b/"); ok {
			changed[name] = nil
			at := filepath.Join(scratch, name)
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, at, contents(t, filepath.Join(f.base.Dir, name)))
		}
	}
	command(t, "patch", "-s", "-p1", "-d", scratch, "-i", patch)
	for name := range changed {
		changed[name] = contents(t, filepath.Join(scratch, name))
	}
	view, err := f.base.View(filepath.Join(t.TempDir(), "view"), changed)
	if err != nil {
		t.Fatal(err)
	}
	var units []*kbuild.Unit
	for i := range f.base.Units {
		u := &f.base.Units[i]
		if slices.Contains(without, u.Object) {
			continue
		}
		if slices.ContainsFunc(u.Deps, func(dep string) bool { return changed["xen/"+dep] != nil }) {
			units = append(units, u)
		}
	}
	if err := view.Compile(t.Context(), units); err != nil {
		t.Fatal(err)
	}
	from := lpbt.Compiled{Syms: f.base.Symbols()}
	for _, u := range units {
		from.Pairs = append(from.Pairs, lpbt.Pair{Path: "xen/" + u.Object, Old: f.base.Object(u), New: view.Object(u)})
	}
	return from
}

// TestRealXSAs builds real fixes as payloads for Debian's unmodified hypervisor and
// boots each of them, the first with a guest.
func TestRealXSAs(t *testing.T) {
	real := realXen(t)
	f := newFactory(t, real.request.BuildID)
	for i, name := range []string{"xsa480-4.17", "xsa477-4.17", "xsa486-4.17", "xsa488-4.17"} {
		one := real.verified(t, f.payload(t, name))
		if !one.Verified.Accepted {
			t.Errorf("%s: %+v", name, one.Verified.Findings)
		}
		guest := i == 0
		r := try(t, real.host(t, guest), Trial{Payload: one, Guest: guest})
		if !r.Good() || r.Defect != "" {
			t.Errorf("%s: %s: %s", name, r.Verdict, r.Says)
		}
		if guest && !slices.ContainsFunc(r.Functions, func(f RanFunction) bool { return f.Name == "p2m_add_page" && f.Ran }) {
			t.Errorf("%s: %+v", name, r.Functions)
		}
		for _, f := range r.Functions {
			t.Logf("measured: %s: %+v", name, f)
		}
	}
}

// TestRealForged builds a fix for another configuration, with the build-id of the shipped
// hypervisor in it, and wants a guest to show what no check of the file does; and the
// tree not to match.
func TestRealForged(t *testing.T) {
	real := realXen(t)
	f := newFactory(t, real.request.BuildID, "CONFIG_SHADOW_PAGING=y", "# CONFIG_SHADOW_PAGING is not set")
	one := real.verified(t, f.payload(t, "xsa480-4.17"))
	if !one.Verified.Accepted {
		t.Errorf("%+v", one.Verified.Findings)
	}
	r := try(t, real.host(t, true), Trial{Payload: one, Guest: true})
	if r.Good() {
		t.Errorf("%s: %s", r.Verdict, r.Says)
	}
	rebuilt, err := match.Read(contents(t, f.base.Symbols()))
	if err != nil {
		t.Fatal(err)
	}
	if m := match.Compare(real.request.Symbols, rebuilt, match.Given{}); m.Matches {
		t.Error("another configuration matches the shipped hypervisor")
	} else {
		t.Logf("measured: the tree: %d of %d symbols have the same size", m.Counts.SameSize, m.Shipped.Symbols)
	}
}

// TestRealLayout builds XSA-491 as upstream fixed it: a lock more in a structure of every
// domain. As livepatch-build makes it, it has more sections than Xen takes. With these
// merged it dies of a table that was freed after boot, and without the unit that has it
// of the layout, at the first switch to another context.
func TestRealLayout(t *testing.T) {
	real := realXen(t)
	f := newFactory(t, real.request.BuildID)
	h := real.host(t, false)
	whole := real.verified(t, f.payload(t, "xsa491-4.17"))
	if r := try(t, h, Trial{Payload: whole}); r.Verdict != Refused || r.Refusal.Check != "elf-sections" {
		t.Errorf("%s: %s", r.Verdict, r.Says)
	}
	for _, c := range []struct {
		payload Payload
		where   string
	}{
		{merged(t, real, "merged", whole.Data), "_apply_alternatives"},
		{merged(t, real, "merged-without-vpmu", f.payload(t, "xsa491-4.17", "arch/x86/cpu/vpmu.o").Data), "in payload merged-without-vpmu"},
	} {
		if r := try(t, h, Trial{Payload: c.payload}); r.Verdict != Crashed || !strings.Contains(r.Says, c.where) {
			t.Errorf("%s: %s: %s", c.payload.Name, r.Verdict, r.Says)
		}
	}
}

// merged joins the sections of a payload that are of a kind, and renames those of its new
// symbols that the base has too: parts of functions that gcc calls cold.
func merged(t *testing.T, real *real, name string, data []byte) Payload {
	t.Helper()
	dir := t.TempDir()
	from, to, script := filepath.Join(dir, "from.o"), filepath.Join(dir, "to.o"), filepath.Join(dir, "merge.ld")
	write(t, from, data)
	write(t, script, []byte("SECTIONS { .text 0 : { *(.text .text.*) } .rodata 0 : { *(.rodata .rodata.*) } }\n"))
	command(t, "ld", "-r", "-T", script, "-o", to, from)
	one := real.verified(t, Payload{Name: name, Data: contents(t, to)})
	var args []string
	for _, f := range one.Verified.Findings {
		if f.Check == "duplicate" {
			args = append(args, "--redefine-sym", f.Symbol+"="+"lpready_"+f.Symbol)
		}
	}
	if len(args) > 0 {
		command(t, "objcopy", append(args, to)...)
	}
	return Payload{Name: name, Data: contents(t, to)}
}
