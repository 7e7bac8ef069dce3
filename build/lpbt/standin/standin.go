// Package standin is a stand-in for livepatch-build-tools, for tests and samples
// where the real tool is not there. It makes no live patches: what it writes has the
// form of a payload and code that only returns.
//
// It has the command line, the phases, the layout of the output folder, the
// messages and the exit codes of livepatch-build, as the README and the script of
// the tool of November 2019 and the messages of its differ show them. Its compiler
// is a copy: the object of xen/common/x.c is the text of x.c. Its differ compares
// functions as text in such objects and, in ELF objects, their sections. Patches are
// applied by patch(1), as the real tool does.
//
// A program that calls Run first does all of that when it is called livepatch-build, and
// Install puts it into a folder under the names that a driver looks for. A line in the patch that contains
// "standin:" and a word makes it fail as the real one does: refuse, give-up and crash
// are the differ's ends, unsized, mistake and starving those of the builds, disk, kill,
// slow and pause are what can happen to it.
package standin

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// names are those of the tool's programs, the one that is run first.
var names = []string{"livepatch-build", "livepatch-gcc", "create-diff-object", "prelink"}

// Run is the whole program where it was started under the tool's name, else nothing.
func Run() {
	if filepath.Base(os.Args[0]) == names[0] {
		os.Exit(Main(os.Args[1:]))
	}
}

// Main is the whole of livepatch-build. It gives the exit code.
func Main(args []string) int {
	err := build(args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(os.Stderr, "ERROR: %v.\n", err)
	return 1
}

// Install gives the program that runs the tool's names, in a new folder.
func Install(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range names {
		if err := second(self, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// second gives a program a second name, or copies it where it cannot have one.
func second(program, to string) error {
	if os.Link(program, to) == nil {
		return nil
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o700)
}

// options are those of the command line.
type options struct {
	source, patch, config, output, cpus, skip, syms, depends, xenDepends string
}

func parse(args []string) (*options, error) {
	o := &options{cpus: "1"}
	f := flag.NewFlagSet("livepatch-build", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	for _, v := range []struct {
		to          *string
		long, short string
	}{
		{&o.source, "srcdir", "s"}, {&o.patch, "patch", "p"}, {&o.config, "config", "c"}, {&o.output, "output", "o"},
		{&o.cpus, "cpus", "j"}, {&o.skip, "skip", "k"}, {&o.syms, "xen-syms", ""}, {&o.depends, "depends", ""}, {&o.xenDepends, "xen-depends", ""},
	} {
		f.StringVar(v.to, v.long, *v.to, "")
		if v.short != "" {
			f.StringVar(v.to, v.short, *v.to, "")
		}
	}
	for _, name := range []string{"debug", "d", "xen-debug", "prelink", "strip"} {
		f.Bool(name, false, "")
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "usage: livepatch-build [options] (a stand-in)\n"+
				"  --srcdir --patch --config --output --cpus --skip --debug --xen-debug --xen-syms --depends --xen-depends --prelink --strip --help")
			return nil, err
		}
		return nil, errors.New("getopt failed")
	}
	for _, need := range []struct{ value, what string }{
		{o.source, "Xen directory"}, {o.patch, "Patchfile"}, {o.config, ".config"}, {o.output, "Output directory"},
		{o.depends, "Build-id dependency"}, {o.xenDepends, "Xen Build-id dependency"},
	} {
		if need.value == "" {
			return nil, errors.New(need.what + " not given")
		}
	}
	for _, need := range []struct{ value, what string }{
		{o.source, "Xen directory"}, {o.patch, "Patchfile"}, {o.config, ".config"}, {o.syms, "xen-syms file"},
	} {
		if _, err := os.Stat(need.value); err != nil && need.value != "" {
			return nil, errors.New(need.what + " does not exist")
		}
	}
	return o, nil
}

// A job is one run.
type job struct {
	*options
	name string
	deed string
}

var (
	deedLine = regexp.MustCompile(`standin: (\S+)`)
	notName  = regexp.MustCompile(`[^a-zA-Z0-9_-]`)
)

// build is the whole of livepatch-build.
func build(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(o.patch)
	if err != nil {
		return err
	}
	j := &job{options: o}
	if m := deedLine.FindSubmatch(text); m != nil {
		j.deed = string(m[1])
	}
	j.name = filepath.Base(o.patch)
	if strings.Contains(j.name, ".patch") || strings.Contains(j.name, ".diff") {
		j.name = strings.TrimSuffix(j.name, filepath.Ext(j.name))
	}
	j.name = notName.ReplaceAllString(j.name, "-")
	j.name = j.name[:min(len(j.name), 48)]
	fmt.Printf("Building LivePatch patch: %s\n\nXen directory: %s\nPatch file: %s\n.config file: %s\nOutput directory: %s\n%s\n\n",
		j.name, o.source, o.patch, o.config, o.output, strings.Repeat("=", 48))
	if o.skip != "build" {
		if err := j.builds(); err != nil {
			return err
		}
	}
	if o.skip == "diff" {
		return nil
	}
	if _, err := os.Stat(o.output); err != nil {
		return errors.New("Output directory does not exist")
	}
	if err := j.diff(); err != nil {
		return err
	}
	fmt.Println(j.name + ".livepatch created successfully")
	return nil
}

// deeds are what a stand-in can be told to do in a phase, besides its work.
var deeds = map[string]func(j *job) error{
	"slow":  func(*job) error { time.Sleep(time.Hour); return nil },
	"pause": func(*job) error { time.Sleep(time.Second); return nil },
	"kill":  func(*job) error { p, _ := os.FindProcess(os.Getpid()); p.Kill(); select {} },
	"disk": func(*job) error {
		fmt.Fprintln(os.Stderr, "cp: error writing: No space left on device")
		return errors.New("LivePatch build failed")
	},
	"unsized":  func(*job) error { return errors.New("can't find special struct size") },
	"mistake":  func(j *job) error { return j.compileError("error: 'old' undeclared (first use in this function)") },
	"starving": func(j *job) error { return j.compileError("gcc: fatal error: Killed signal terminated program cc1") },
}

// deedPhase is the phase in which a deed is done.
var deedPhase = map[string]string{"unsized": "sizes", "mistake": "patched", "starving": "patched"}

func (j *job) do(phase string) error {
	deed := deeds[j.deed]
	at := deedPhase[j.deed]
	if at == "" {
		at = "diff"
	}
	if deed == nil || at != phase {
		return nil
	}
	return deed(j)
}

func (j *job) compileError(text string) error {
	line := "common/event.c:3:12: " + text + "\n"
	if strings.HasPrefix(text, "gcc") {
		line = text + "\n"
	}
	if err := j.log("build_patched_compile.log", line+"make: *** [Rules.mk:1: common/event.o] Error 1\n"); err != nil {
		return err
	}
	return errors.New("LivePatch build failed")
}

func (j *job) log(name, text string) error {
	f, err := os.OpenFile(filepath.Join(j.output, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// builds are the three builds.
func (j *job) builds() error {
	if _, err := os.Stat(j.output); err == nil {
		return errors.New("Output directory exists")
	}
	config, err := os.ReadFile(j.config)
	if err != nil {
		return err
	}
	if !bytes.Contains(config, []byte("CONFIG_LIVEPATCH=y")) {
		return errors.New("CONFIG_LIVEPATCH must be enabled")
	}
	if err := j.apply("--dry-run"); err != nil {
		return errors.New("Source patch file failed to apply")
	}
	if err := os.MkdirAll(j.output, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(j.output, ".config"), config, 0o600); err != nil {
		return err
	}
	for _, step := range []struct {
		phase, says string
		do          func() error
	}{
		{"full", "Perform full initial build with " + j.cpus + " CPU(s)...", func() error { return j.compile("full", nil) }},
		{"sizes", "Reading special section data", func() error { return nil }},
		{"patched", "Apply patch and build with " + j.cpus + " CPU(s)...", func() error { return errors.Join(j.apply(), j.compile("patched", nil)) }},
		{"original", "Unapply patch and build with " + j.cpus + " CPU(s)...", func() error {
			changed, err := j.patched()
			return errors.Join(err, j.apply("-R"), j.compile("original", changed))
		}},
	} {
		fmt.Println(step.says)
		if err := errors.Join(j.do(step.phase), step.do()); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(j.output, "xen-syms"), []byte("a stand-in has no symbols\n"), 0o600)
}

func (j *job) apply(args ...string) error {
	in, err := os.Open(j.patch)
	if err != nil {
		return err
	}
	defer in.Close()
	if !slices.Contains(args, "-R") {
		args = append(args, "-N")
	}
	cmd := exec.Command("patch", append(args, "-s", "-p1", "-f", "--fuzz=0")...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = j.source, in, os.Stdout, os.Stderr
	return cmd.Run()
}
