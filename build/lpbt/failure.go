package lpbt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"lpready/build/internal/run"
)

// A Kind says in which way a run failed.
type Kind string

const (
	NoChange  Kind = "no-change"  // no functional changes found
	Rejected  Kind = "rejected"   // the differ does not take what changed
	Differ    Kind = "differ"     // the differ gave up
	Crash     Kind = "crash"      // the differ died
	NoCompile Kind = "no-compile" // the patched source does not compile
	NoBase    Kind = "no-base"    // the base itself does not compile
	NoApply   Kind = "no-apply"   // the patch does not apply
	NoLink    Kind = "no-link"    // the objects cannot be put together
	Lost      Kind = "lost"       // the payload lacks new objects
	Setup     Kind = "setup"      // arguments, configuration, folders
	Machine   Kind = "machine"    // disk, memory, a missing program
	Stopped   Kind = "stopped"    // time limit, interruption, or killed
	Unknown   Kind = "unknown"
)

// A Failure is a run that gave no payload, with one cause.
type Failure struct {
	Kind   Kind   `json:"kind"`
	Phase  string `json:"phase"`
	Object string `json:"object,omitempty"` // xen/common/event.o
	File   string `json:"file,omitempty"`   // xen/common/event.c:12
	Symbol string `json:"symbol,omitempty"` // function, variable or section
	Cause  string `json:"cause"`
	Remedy string `json:"remedy,omitempty"`

	Lost    []string `json:"lost,omitempty"`    // new objects that the payload lacks
	Objects []Object `json:"objects,omitempty"` // as far as the differ came
	Phases  []Phase  `json:"phases,omitempty"`
	Command string   `json:"command,omitempty"`
	Output  string   `json:"output,omitempty"` // the end of what the tool printed
	Logs    []string `json:"logs,omitempty"`

	err error
}

// Error is one line.
func (e *Failure) Error() string {
	where := cmp.Or(e.File, e.Object)
	if where != "" {
		where += ": "
	}
	text := where + e.Cause
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return strings.ReplaceAll(text, "\n", ", ")
}

// Unwrap gives what stopped the tool: errors.Is(err, context.Canceled) holds.
func (e *Failure) Unwrap() error { return e.err }

// fail fills in what every failure of a run has.
func (s *session) fail(f *Failure, objects []Object) *Failure {
	f.Phase = cmp.Or(f.Phase, s.clock.last())
	f.Objects, f.Phases, f.Command, f.Logs = objects, s.clock.phases, s.cmd.String(), s.logs()
	if f.Output == "" {
		f.Output = tail(strings.TrimSpace(s.stdout+"\n"+s.stderr), 4<<10)
	}
	return f
}

func tail(text string, n int) string { return strings.ToValidUTF8(text[max(0, len(text)-n):], "") }

// diagnose finds the cause of a run that failed. What stopped it from outside comes
// first, then what the machine lacks, then what the script, the compiler and the
// differ say, in that order: each follows from the one before.
func (s *session) diagnose(objects []Object) *Failure {
	var exit *run.ExitError
	switch {
	case !errors.As(s.failed, &exit):
		return s.fail(&Failure{Kind: Machine, Cause: s.failed.Error(), err: s.failed}, objects)
	case exit.Cause != nil:
		f := &Failure{Kind: Stopped, Cause: "stopped: " + exit.Cause.Error(), err: exit.Cause}
		if errors.Is(exit.Cause, run.ErrTimeout) {
			f.Remedy = "allow more time, or look at what hangs"
		}
		return s.fail(f, objects)
	case exit.Signal != "":
		return s.fail(&Failure{Kind: Stopped, Cause: "the tool was killed by signal " + exit.Signal,
			Remedy: "look at the machine's memory, then run it again", err: exit}, objects)
	}
	build := s.buildLog()
	if f := match(machinePatterns, s.stderr+"\n"+build); f != nil {
		return s.fail(f, objects)
	}
	f := match(scriptPatterns, s.stderr)
	if f == nil {
		f = &Failure{Kind: Unknown, Cause: cmp.Or(lastLine(s.stderr), exit.Error()), Remedy: "nothing known tells why: read the tool's logs"}
	}
	f.err = exit
	s.refine(f, build, objects)
	return s.fail(f, objects)
}

// refine looks closer where the script says only that something failed.
func (s *session) refine(f *Failure, build string, objects []Object) {
	phase := s.clock.last()
	switch {
	case f.Kind == NoApply:
		if m := hunks.FindString(s.stdout); m != "" {
			f.Cause = "the patch does not apply: " + m
		}
	case f.Kind == Differ || f.Kind == Crash:
		refineObject(f, objects)
	case f.Kind == Unknown && phase == phaseLink:
		f.Kind, f.Cause, f.Remedy = NoLink, "the objects of the payload cannot be linked", "read the tool's log"
		prelink, _ := os.ReadFile(filepath.Join(s.out(), "prelink.log")) // only with --prelink
		if m := match(linkPatterns, s.stderr+"\n"+string(prelink)); m != nil {
			f.Symbol, f.Cause, f.Remedy = m.Symbol, m.Cause, m.Remedy
		}
	case f.Kind == Unknown && build != "":
		f.Kind, f.Cause, f.Remedy = NoBase, "the base does not compile", "compare source, .config and compiler with what was shipped"
		if phase == phasePatched {
			f.Kind, f.Cause, f.Remedy = NoCompile, "the patched source does not compile", "correct the patch"
		}
		if m := match(buildPatterns, build); m != nil {
			f.File, f.Symbol, f.Cause, f.Remedy = m.File, m.Symbol, m.Cause, cmp.Or(m.Remedy, f.Remedy)
		}
	}
}

var hunks = regexp.MustCompile(`(?m)^(\d+ out of \d+ hunks? (?:FAILED|ignored).*|can't find file to patch.*|patch: \*\*\*\* .*|.*previously applied\) patch detected.*)$`)

// refineObject takes the words of the differ on the first object that it did not
// take, and says how many more there are.
func refineObject(f *Failure, objects []Object) {
	var bad []*Object
	for i := range objects {
		if v := objects[i].Verdict; v == Refused || v == Failed || v == Crashed {
			bad = append(bad, &objects[i])
		}
	}
	if len(bad) == 0 {
		return
	}
	o := bad[0]
	f.Object = o.Path
	switch o.Verdict {
	case Refused:
		f.Kind = Rejected
	case Crashed:
		f.Kind = Crash
	}
	if o.Verdict != Crashed {
		f.Cause, f.Remedy = "the differ fails on it", "read "+diffLog
	}
	if m := match(differPatterns, strings.Join(o.Errors, "\n")); m != nil {
		f.Symbol, f.Cause, f.Remedy = m.Symbol, m.Cause, m.Remedy
	} else if len(o.Errors) > 0 {
		f.Cause = o.Errors[0]
	}
	if len(bad) > 1 {
		f.Cause += fmt.Sprintf(" (and %d more objects)", len(bad)-1)
	}
}

// buildLog is the end of the log of the build in which the tool stopped.
func (s *session) buildLog() string {
	phase := s.clock.last()
	if !slices.Contains([]string{phaseFull, phasePatched, phaseOriginal}, phase) {
		return ""
	}
	f, err := os.Open(filepath.Join(s.out(), "build_"+phase+"_compile.log"))
	if err != nil {
		return ""
	}
	defer f.Close()
	k := &kept{limit: 1 << 20}
	if err := eachLine(f, func(l string) { k.Write([]byte(l + "\n")) }); err != nil {
		return ""
	}
	return k.String()
}

// match finds the first pattern of a table, in the table's order, that a line of
// the text has.
func match(table []pattern, text string) *Failure {
	for _, p := range table {
		for l := range strings.Lines(text) {
			if m := p.line.FindStringSubmatch(strings.TrimSpace(l)); m != nil {
				return p.failure(m)
			}
		}
	}
	return nil
}

func (p *pattern) failure(m []string) *Failure {
	f := &Failure{Kind: p.kind, Cause: cmp.Or(p.cause, m[0]), Remedy: p.remedy}
	for i, name := range p.line.SubexpNames() {
		switch name {
		case "symbol":
			f.Symbol = strings.TrimSuffix(m[i], ",")
		case "file":
			f.File = inTree(m[i])
		case "cause":
			f.Cause = m[i]
		}
	}
	return f
}

// inTree gives a file that the compiler names its name in the source: make runs in
// xen/.
func inTree(name string) string {
	if filepath.IsAbs(name) {
		if _, below, ok := strings.Cut(name, "/"+treeName+"/xen/"); ok {
			return "xen/" + below
		}
		return name
	}
	return path.Join("xen", name)
}

func lastLine(text string) (last string) {
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			last = l
		}
	}
	return last[:min(len(last), 300)]
}

// stopped is a failure of ours before the tool runs.
func (s *session) stopped(ctx context.Context, err error) *Failure {
	f := &Failure{Kind: Machine, Phase: phaseLay, Cause: err.Error(), Remedy: "see to the disk and the folders", err: err}
	if ctx.Err() != nil {
		f.Kind, f.Cause, f.Remedy, f.err = Stopped, "stopped: "+context.Cause(ctx).Error(), "", context.Cause(ctx)
	}
	return s.fail(f, nil)
}
