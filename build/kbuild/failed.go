package kbuild

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"strings"

	"lpready/analyze/csource"
	"lpready/build/internal/run"
)

// A Fault says whose fault it is that something does not compile.
type Fault string

const (
	Source  Fault = "source"  // the source, the patch or the configuration
	Machine Fault = "machine" // a tool, the disk, the memory
)

// A FailedError is a build or compilation that failed, with its cause.
type FailedError struct {
	Fault  Fault
	Cause  string // the first line that says why, as the tool words it
	Place  string // "xen/common/x.c:12" where it names one
	Remedy string // what to do, where that is known
	Output string // the end of what the tools printed
}

// InSource is the place by its name in the source, where the compiler, which works in
// xen/, names one below that.
func (e *FailedError) InSource() string {
	if e.Place == "" || filepath.IsAbs(e.Place) {
		return e.Place
	}
	return csource.Root + "/" + e.Place
}

func (e *FailedError) Error() string {
	text := e.Cause
	if e.Place != "" && !strings.HasPrefix(text, e.Place) {
		text = e.Place + ": " + text
	}
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

// A symptom is a line of output that tells why. The table is in order of weight:
// what the machine lacks comes first, since the compiler's complaints follow from
// it; what is only said at the end of every failure is not in it.
var symptoms = []struct {
	fault  Fault
	line   *regexp.Regexp
	remedy string
}{
	{Machine, regexp.MustCompile(`(?i)no space left on device|disk quota exceeded`), "free some room on the disk of the cache"},
	{Machine, regexp.MustCompile(`(?i)virtual memory exhausted|cannot allocate memory|out of memory`), "give the build more memory, or run fewer compilers at once"},
	{Machine, regexp.MustCompile(`Killed signal terminated program|internal compiler error: Killed`), "the compiler was killed, most likely for want of memory: run fewer at once"},
	{Machine, regexp.MustCompile(`^make(?:\[\d+\])?: \*\*\* \[.*\] (?:Killed|Segmentation fault|Bus error|Terminated)`), "a program of the build was killed: look at the machine's memory"},
	{Machine, regexp.MustCompile(`internal compiler error`), "the compiler is broken: compare its version with the one that the base was built with"},
	{Machine, regexp.MustCompile(`cannot execute ['‘]?(cc1|as|collect2|lto1)`), "install the whole compiler (gcc, binutils)"},
	{Machine, regexp.MustCompile(`(?:sh: \d+: |sh: line \d+: |make(?:\[\d+\])?: )(\S+): (?:command )?not found`), hint},
	{Machine, regexp.MustCompile(`make(?:\[\d+\])?: (\S+): No such file or directory`), hint},
	{Machine, regexp.MustCompile(`(?i)read-only file system|permission denied|input/output error|too many open files`), "look at the folder of the cache"},
	{Machine, regexp.MustCompile(`fatal error: (?:stdio|stdlib|string|inttypes)\.h: No such file`), "install the C library's headers (libc6-dev, glibc-devel)"},
	{Source, regexp.MustCompile(`^\S+:\d+(?::\d+)?: (?:fatal )?error: .*`), ""},
	{Source, regexp.MustCompile(`^\S+:\d+: Error: .*`), ""},
	{Source, regexp.MustCompile(`^cc1: (?:fatal )?error: .*`), ""},
	{Source, regexp.MustCompile(`undefined reference to .*|undefined symbol`), ""},
	{Source, regexp.MustCompile(`Error: size of \S+ is 0x\w+`), ""},
	{Source, regexp.MustCompile(`No rule to make target .*`), ""},
	{Source, regexp.MustCompile(`^\S+:\d+: \*\*\* .*`), ""},
	{Source, regexp.MustCompile(`^(?:Kconfig|\S+/Kconfig)\S*:\d+: .*`), ""},
}

var placed = regexp.MustCompile(`^(\S+?:\d+)(?::\d+)?: (?:fatal )?[Ee]rror: (.*)`)

// failed gives a build's failure its cause. Other errors stay as they are.
func failed(err error) error {
	var exit *run.ExitError
	if !errors.As(err, &exit) || errors.Is(err, context.Canceled) {
		return err
	}
	if exit.Cause != nil {
		return &FailedError{Fault: Machine, Cause: exit.Error(), Output: exit.Output}
	}
	if exit.Signal != "" {
		return &FailedError{Fault: Machine, Cause: exit.Error(), Output: exit.Output,
			Remedy: "the tool was killed: look at the machine's memory"}
	}
	for _, s := range symptoms {
		for l := range strings.Lines(exit.Output) {
			if l = strings.TrimSpace(l); s.line.MatchString(l) {
				return explained(s.fault, s.remedy, l, exit.Output)
			}
		}
	}
	return &FailedError{Fault: Machine, Cause: cmp.Or(lastWords(exit.Output), exit.Error()), Output: exit.Output,
		Remedy: "nothing known in the output tells why: see the whole log"}
}

func explained(fault Fault, remedy, line, output string) *FailedError {
	e := &FailedError{Fault: fault, Cause: line, Remedy: remedy, Output: output}
	if m := placed.FindStringSubmatch(line); m != nil && fault == Source {
		e.Place, e.Cause = strings.TrimPrefix(m[1], "./"), m[2]
	}
	return e
}

// lastWords is the last line that is not make's own.
func lastWords(output string) (last string) {
	for l := range strings.Lines(output) {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "make") {
			last = l
		}
	}
	return last
}
