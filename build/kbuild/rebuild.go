package kbuild

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"lpready/analyze/csource"
)

// A Need says what changed files ask for, the least first.
type Need int

const (
	Compile Need = iota // the units that see them
	Headers             // headers are made of them: make those first
	Make                // they say what is built, or how, or are new: make has to see to it
)

// Files, relative to xen/, that the build makes headers of, and those that say
// what is built.
var (
	headerInputs = regexp.MustCompile(`^include/public/|^include/(hypercall-defs\.c|xlat\.lst)$|^xsm/flask/policy/|^tools/.*\.(py|pl|awk|sed|sh)$|/asm-macros\.[chS]$`)
	buildInputs  = regexp.MustCompile(`(^|/)(Makefile|Rules\.mk|Kbuild|Kconfig[^/]*|Makefile\.[^/]*)$|\.(mk|py|pl|awk|sed|sh|lst|lds\.S|h\.in|flf)$` +
		`|^(tools|scripts|xsm/flask/policy|arch/x86/boot)/|^\.config$|config_data`)
)

// Needs tells what changed files ask for. Names have the prefix xen/; nil is a file
// that is removed.
func (b *Base) Needs(changed map[string][]byte) Need {
	need := Compile
	for name, data := range changed {
		need = max(need, b.needs(name, data))
	}
	return need
}

func (b *Base) needs(name string, data []byte) Need {
	rel, ok := strings.CutPrefix(name, csource.Root+"/")
	switch {
	case !ok && (name == "Config.mk" || strings.HasPrefix(name, "config/")):
		return Make
	case !ok:
		return Compile
	case b.Elsewhere(name):
		return Compile // other architectures' Makefiles and Kconfig say nothing here
	case rel == "Makefile" && b.onlyVersion(data):
		return Headers
	case data == nil || b.offsets == nil && path.Ext(rel) == ".h" || !b.has(rel):
		return Make
	case headerInputs.MatchString(rel):
		return Headers
	case buildInputs.MatchString(rel):
		return Make
	}
	return Compile
}

// Elsewhere tells whether a file is another architecture's, which nothing of this
// base is made of.
func (b *Base) Elsewhere(name string) bool {
	const folder = csource.Root + "/arch/"
	return strings.HasPrefix(name, folder) && !strings.HasPrefix(name, folder+b.arch()+"/")
}

// arch is the folder below xen/arch.
func (b *Base) arch() string {
	for _, v := range b.vars {
		if target, ok := strings.CutPrefix(v, "XEN_TARGET_ARCH="); ok && !strings.HasPrefix(target, "x86") {
			return strings.TrimRight(target, "0123456789")
		}
	}
	return "x86"
}

var versionLine = regexp.MustCompile(`(?m)^(export )?XEN_(VERSION|SUBVERSION|EXTRAVERSION)\s*[?:]?=.*$`)

// onlyVersion tells whether xen/Makefile differs in nothing but the version that
// compile.h is made of: release commits change nothing else.
func (b *Base) onlyVersion(data []byte) bool {
	was, err := os.ReadFile(filepath.Join(b.xen(), "Makefile"))
	return err == nil && bytes.Equal(versionLine.ReplaceAll(was, nil), versionLine.ReplaceAll(data, nil))
}

// has tells whether a file is in the source, or was made of it.
func (b *Base) has(rel string) bool {
	_, err := os.Stat(filepath.Join(b.xen(), filepath.FromSlash(rel)))
	return err == nil
}

// comment is one of C: autoconf.h names Xen's version in its first.
var comment = regexp.MustCompile(`(?s)/\*.*?\*/`)

// Headers lets make do again what comes before compiling, in a copy of the base
// with changed files, and gives the files that come out otherwise than in the
// base, with the prefix xen/. The copy is removed.
func (b *Base) Headers(ctx context.Context, dir string, changed map[string][]byte) (map[string][]byte, error) {
	made, log, err := b.copyTo(ctx, dir, changed)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	defer log.Close()
	// Without objects to link, make stops at the linker.
	args := append(buildArgs(made.xen(), &toolchain{vars: b.vars}, b.Jobs()), "ALL_OBJS-y=", "ALL_LIBS-y=")
	err = b.made(ctx, made.xen(), log, args...)
	var failed *FailedError
	if err != nil && !(errors.As(err, &failed) && strings.Contains(failed.Output, "no input files")) {
		return nil, err
	}
	files, err := b.files()
	if err != nil {
		return nil, err
	}
	fresh := map[string][]byte{}
	for _, f := range files {
		name := csource.Root + "/" + f.name
		if _, given := changed[name]; given || f.dir || f.link != "" || path.Ext(f.name) != ".h" {
			continue
		}
		was, err := os.ReadFile(filepath.Join(b.Dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		is, err := os.ReadFile(filepath.Join(made.Dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(comment.ReplaceAll(was, nil), comment.ReplaceAll(is, nil)) {
			fresh[name] = is
		}
	}
	return fresh, nil
}

// Rebuild copies the compiled base into a new folder, lays changed files over it
// and lets make do the rest. The result is a base of its own, for as long as the
// folder is there; it shares the base's limit of compilers, and is not closed.
func (b *Base) Rebuild(ctx context.Context, dir string, changed map[string][]byte) (*Base, error) {
	made, log, err := b.copyTo(ctx, dir, changed)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := buildArgs(made.xen(), &toolchain{vars: b.vars}, b.Jobs())
	if err := b.made(ctx, made.xen(), log, args...); err != nil {
		return nil, err
	}
	return made, made.load()
}

// copyTo copies the compiled base into a new folder, with changed files over it.
// The log goes on where that of the base ends.
func (b *Base) copyTo(ctx context.Context, dir string, changed map[string][]byte) (*Base, *os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	to := filepath.Join(dir, filepath.Base(b.Dir))
	if _, err := command("", nil, "cp", "-a", "--reflink=auto", b.Dir, filepath.Join(filepath.Dir(b.Dir), logName), dir).Run(ctx); err != nil {
		return nil, nil, err
	}
	for name, data := range changed {
		if err := replace(filepath.Join(to, filepath.FromSlash(name)), data); err != nil {
			return nil, nil, err
		}
	}
	log, err := os.OpenFile(filepath.Join(dir, logName), os.O_APPEND|os.O_WRONLY, 0o600)
	return &Base{Dir: to, Key: b.Key, Compiler: b.Compiler, vars: b.vars, objcopy: b.objcopy, env: b.env, budget: b.budget}, log, err
}

// made runs make in a copy of the base, with all of the budget.
func (b *Base) made(ctx context.Context, dir string, log io.Writer, args ...string) error {
	if err := b.budget.Take(ctx, b.Jobs()); err != nil {
		return err
	}
	defer b.budget.Give(b.Jobs())
	return maker{dir: dir, env: b.env, log: log}.run(ctx, buildLimit, args...)
}
