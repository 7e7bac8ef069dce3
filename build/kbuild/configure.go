package kbuild

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"lpready/analyze/csource"
	"lpready/build/internal/lock"
	"lpready/build/internal/run"
)

// A toolchain is what a base is built with.
type toolchain struct {
	compiler string   // first line of what it says of itself
	vars     []string // for make
	cross    string   // prefix of the tools
	programs string   // see Programs
}

// toolsFor finds the compiler of a request.
func toolsFor(ctx context.Context, req Request) (*toolchain, error) {
	t := &toolchain{cross: req.Cross, vars: []string{"XEN_TARGET_ARCH=" + cmp.Or(req.Arch, "x86_64")}}
	cc := req.Cross + "gcc"
	if req.Compiler.Name == "clang" {
		cc = "clang"
		t.vars = append(t.vars, "clang=y")
	}
	if req.Cross != "" {
		t.vars = append(t.vars, "CROSS_COMPILE="+req.Cross)
	}
	for _, tool := range []string{"make", req.Cross + "ld", req.Cross + "objcopy"} {
		if _, err := command("", nil, tool, "--version").Run(ctx); err != nil {
			return nil, err
		}
	}
	res, err := command("", nil, cc, "--version").Run(ctx)
	if err != nil {
		return nil, err
	}
	t.compiler, _, _ = strings.Cut(strings.TrimSpace(res.Stdout), "\n")
	t.programs, err = t.identify(ctx, cc)
	return t, err
}

func (t *toolchain) identity() string { return t.compiler + "\n" + strings.Join(t.vars, " ") }

// env is the environment of a build: who builds, where and when is pinned, and no
// repository that the cache may lie in is asked for a version.
func (t *toolchain) env(dir string) []string {
	return run.Env(os.Environ(), slices.Concat(run.Pinned, []string{"GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir)})...)
}

// Limits of time: a build takes about a minute on two processors.
const (
	configureLimit = 10 * time.Minute
	buildLimit     = 2 * time.Hour
)

// logName is where a build's output is kept, beside the tree.
const logName = "build.log"

// build configures and compiles a tree. The warnings tell where the configuration
// that make made of the given one is another.
//
// The programs keep the entry's lock open: where this process is killed and they are
// not, no other run builds in the same folder before they have ended.
func build(ctx context.Context, dir string, tools *toolchain, req Request, guard *lock.Lock) (warnings []string, err error) {
	log, err := os.OpenFile(filepath.Join(filepath.Dir(dir), logName), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if err := req.Budget.Take(ctx, req.Budget.Size()); err != nil {
		return nil, err
	}
	defer req.Budget.Give(req.Budget.Size())
	xen := filepath.Join(dir, csource.Root)
	m := maker{dir: xen, env: tools.env(dir), log: log, guard: guard}
	say := func(what string) {
		if req.Progress != nil {
			req.Progress(what)
		}
	}
	if _, err := os.Stat(filepath.Join(xen, "include", "config", "auto.conf")); err == nil {
		if err := m.run(ctx, configureLimit, tools.with("distclean")...); err != nil {
			return nil, err
		}
	}
	say("configuring")
	if err := os.WriteFile(filepath.Join(xen, ".config"), req.Config, 0o600); err != nil {
		return nil, err
	}
	if err := m.run(ctx, configureLimit, tools.with("olddefconfig")...); err != nil {
		return nil, err
	}
	if warnings, err = compareConfig(xen, req.Config); err != nil {
		return nil, err
	}
	say("compiling the base")
	m.log = io.MultiWriter(log, &counter{say: say})
	if err := m.run(ctx, buildLimit, buildArgs(xen, tools, req.Budget.Size())...); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(xen, "xen-syms")); err != nil {
		return nil, fmt.Errorf("make came to its end without xen-syms: %w", err)
	}
	return warnings, nil
}

// buildArgs are the arguments of make that compile the hypervisor.
func buildArgs(xen string, tools *toolchain, jobs int) []string {
	args := tools.with("build", "-j"+strconv.Itoa(jobs), "CONFIG_DEBUG_INFO=y")
	if !mentions(filepath.Join(xen, "Makefile"), "CONFIG_CC_SPLIT_SECTIONS") {
		// Before 4.17; EXTRA_CFLAGS_XEN_CORE is xen/Makefile's own way in.
		args = append(args, "EXTRA_CFLAGS_XEN_CORE=-ffunction-sections -fdata-sections", "-Otarget", "-w", "V=1")
	}
	return args
}

func mentions(file, word string) bool {
	data, err := os.ReadFile(file)
	return err == nil && bytes.Contains(data, []byte(word))
}

func (t *toolchain) with(args ...string) []string { return slices.Concat(args, t.vars) }

// A maker runs make in a folder.
type maker struct {
	dir   string
	env   []string
	log   io.Writer
	guard *lock.Lock // nil for none
}

// run runs make and turns its failure into one with a cause.
func (m maker) run(ctx context.Context, limit time.Duration, args ...string) error {
	cmd := command(m.dir, m.env, "make", args...)
	cmd.Log, cmd.Timeout, cmd.Keep = m.log, limit, 8<<20
	if m.guard != nil {
		cmd.Held = m.guard.File()
	}
	_, err := cmd.Run(ctx)
	return failed(err)
}

// counter counts the compiler's runs in what make prints.
type counter struct {
	say  func(string)
	n    int
	last time.Time
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += bytes.Count(p, []byte("\ngcc ")) + bytes.Count(p, []byte("CC  ")) + bytes.Count(p, []byte(" -c "))
	if now := time.Now(); c.n > 0 && now.Sub(c.last) > time.Second/4 {
		c.last = now
		c.say(fmt.Sprintf("compiling the base: %d files", c.n))
	}
	return len(p), nil
}

// derived are options that Kconfig works out of the tools, not of choices.
var derived = []string{"CONFIG_CC_", "CONFIG_GCC_VERSION", "CONFIG_CLANG_VERSION", "CONFIG_HAS_AS_", "CONFIG_AS_", "CONFIG_LD_", "CONFIG_HAS_CC_"}

// compareConfig tells where the .config that make made is not what it was given.
func compareConfig(xen string, given []byte) ([]string, error) {
	f, err := os.Open(filepath.Join(xen, ".config"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	made, err := csource.ParseConfig("xen/.config", f)
	if err != nil {
		return nil, err
	}
	want, err := csource.ParseConfig(".config", bytes.NewReader(given))
	if err != nil {
		return nil, err
	}
	var list []string
	for name, value := range made {
		if want[name] != value && !isDerived(name) {
			list = append(list, fmt.Sprintf("the .config asks for %s, make takes %s=%s", orUnset(name, want[name]), name, value))
		}
	}
	for name, value := range want {
		if _, ok := made[name]; !ok && !isDerived(name) {
			list = append(list, fmt.Sprintf("the .config asks for %s=%s, which this source does not know or other options forbid", name, value))
		}
	}
	slices.Sort(list)
	return list, nil
}

func orUnset(name, value string) string {
	if value == "" {
		return "no " + name
	}
	return name + "=" + value
}

func isDerived(name string) bool {
	return slices.ContainsFunc(derived, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
