// Package lpbt drives livepatch-build-tools, the programs that make a payload of
// two builds of the hypervisor.
//
// Faithful has the tool do all of it, in a copy of the source: the full build, the
// patched one, the original again, and the comparison. Shared lays out the folder
// that those builds would have left, from objects that somebody else compiled, and
// runs only the comparison. Both end in a Built or in a *Failure, which names one
// cause, its place and its remedy; Compare says whether two payloads hold the same.
//
// What is known of the tool is from its README and from its scripts
// livepatch-build and livepatch-gcc: options, phases, the layout of the output
// folder, names, exit codes (0 and 1 only, those of the differ stand in its words),
// and from the messages of create-diff-object and prelink.
//
// It cannot see why the differ died, nor what a new object that the tool copies
// holds. It takes the tool's word for which functions changed, and the tool says
// nothing about code in .init sections but that it leaves it out. The objects in a
// payload are in the order in which the file system lists them.
package lpbt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"lpready/build/internal/run"
)

// A Request is what both modes have to know.
type Request struct {
	Patch      string // file; the payload is named after it
	Config     string // the .config of the base
	Depends    string // build-id of what is applied already: the hypervisor's, unless payloads are stacked
	XenDepends string // build-id of the shipped hypervisor
	Symbols    string // the shipped xen-syms; empty: that of the build
	Work       string // a new folder, for all that the run leaves
	Source     string // pristine source, which is copied; for Faithful only
	DebugInfo  bool   // debugging information although the .config asks for none; for Faithful only
	Strip      bool   // leave out symbols that no relocation needs
	Prelink    bool   // resolve symbols now instead of on the host
	Repeatable bool   // nothing by chance or of the folders of the build, see Built
	Jobs       int    // compilers at once; 0 is one
	Limit      time.Duration

	// Progress, where set, is told each phase as it begins.
	Progress func(phase string)
}

// A Phase is one step of the tool, named by what it does.
type Phase struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took"`
}

// The phases of a run, in their order.
const (
	phaseLay      = "lay-out"  // ours: the copy of the source, or the objects
	phaseBegin    = "begin"    // arguments, and whether the patch applies
	phaseFull     = "full"     // build of the base
	phaseSizes    = "sizes"    // of structures, from DWARF
	phasePatched  = "patched"  // build
	phaseOriginal = "original" // build
	phaseDiff     = "diff"
	phaseLink     = "link"
	phaseRepeat   = "repeat" // ours: what chance put in is taken out
)

// A Built is a payload, and how it came about. The tool numbers some symbols by the
// time, so that two runs never give the same bytes; where the request says
// Repeatable, those numbers and the build-id are digests of the content instead, and
// debugging information, which holds the folders of the build, is left out.
type Built struct {
	Mode        string   `json:"mode"` // faithful or shared
	Name        string   `json:"name"`
	Payload     string   `json:"payload"` // path
	SHA256      string   `json:"sha256"`
	Bytes       int64    `json:"bytes"`
	Objects     []Object `json:"objects"`         // that were compared, by path
	Added       []string `json:"added,omitempty"` // objects that are new as a whole
	Warnings    []string `json:"warnings,omitempty"`
	Phases      []Phase  `json:"phases"`
	Command     string   `json:"command"`
	Environment []string `json:"environment"` // all that the tool saw, sorted by name
	Tool        string   `json:"tool"`        // digest of its programs
	Logs        []string `json:"logs"`        // paths
}

// Names below Request.Work.
const (
	treeName = "tree"
	outName  = "out"
	logName  = "livepatch-build.log"
	pairName = "pairs" // where Shared finds nothing else to name as a source
)

// A session is one run of the tool.
type session struct {
	tool   *Tool
	mode   string
	req    Request
	source string // what is given as --srcdir
	env    []string
	clock  *clock
	stdout string
	stderr string
	failed error // of the tool itself
	cmd    run.Cmd
	warn   []string
}

func (s *session) out() string { return filepath.Join(s.req.Work, outName) }

// begin makes the folder of a run. One that exists belongs to another run.
func (t *Tool) begin(mode string, req Request) (*session, error) {
	work, err := filepath.Abs(req.Work)
	if err != nil {
		return nil, err
	}
	req.Work = work
	if err := os.Mkdir(work, 0o700); err != nil {
		kind := Machine
		remedy := "see to the folder above it"
		if errors.Is(err, fs.ErrExist) {
			kind, remedy = Setup, "give a new folder, or remove this one: the tool writes into none that exists"
		}
		return nil, &Failure{Kind: kind, Phase: phaseLay, Cause: err.Error(), Remedy: remedy, err: err}
	}
	return &session{tool: t, mode: mode, req: req, clock: newClock(req.Progress)}, nil
}

// arguments are those of the tool, as its README has them.
func (s *session) arguments() []string {
	args := []string{"-s", s.source, "-p", s.req.Patch, "-c", s.req.Config, "-o", s.out(),
		"-j", strconv.Itoa(max(s.req.Jobs, 1)), "--depends", s.req.Depends, "--xen-depends", s.req.XenDepends}
	if s.req.Symbols != "" {
		args = append(args, "--xen-syms", s.req.Symbols)
	}
	if s.req.Strip {
		args = append(args, "--strip")
	}
	if s.req.Prelink {
		args = append(args, "--prelink")
	}
	if s.mode == modeShared {
		args = append(args, "--skip", "build")
	}
	return args
}

// run runs the tool. What it prints goes into a file outside of its own folder,
// which must not exist when it begins.
func (s *session) run(ctx context.Context) error {
	for _, name := range []*string{&s.req.Patch, &s.req.Config, &s.req.Symbols, &s.source} {
		if *name == "" {
			continue
		}
		abs, err := filepath.Abs(*name)
		if err != nil {
			return err
		}
		*name = abs
	}
	log, err := os.OpenFile(filepath.Join(s.req.Work, logName), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	stdout := &kept{limit: run.Keep}
	s.cmd = run.Cmd{Name: s.tool.Script, Args: s.arguments(), Dir: s.req.Work, Env: s.env, Log: log,
		Stdout: io.MultiWriter(stdout, s.clock), Timeout: s.req.Limit, Hint: "see to the tool's folder"}
	s.clock.enter(phaseBegin)
	res, err := s.cmd.Run(ctx)
	s.clock.stop()
	s.stdout, s.stderr, s.failed = stdout.String(), res.Stderr, err
	return log.Close()
}

// finish tells what came of a run.
func (s *session) finish(ctx context.Context, added []string) (*Built, error) {
	objects, err := s.objects()
	if err != nil {
		return nil, err
	}
	name := s.tool.Name(s.req.Patch)
	payload := filepath.Join(s.out(), name+".livepatch")
	if s.failed != nil {
		return nil, s.diagnose(objects)
	}
	if !exists(payload) {
		return nil, s.fail(&Failure{Kind: Unknown, Cause: "the tool ended well without a payload", Remedy: "read its log"}, objects)
	}
	if lost := s.lost(added); len(lost) > 0 {
		return nil, s.fail(&Failure{Kind: Lost, Object: lost[0], Lost: lost,
			Cause:  fmt.Sprintf("the payload lacks %d new objects: the tool looks for them in the wrong folder and goes on without", len(lost)),
			Remedy: "use the shared mode, which lays them where it looks, or a tool of 2024 or later"}, objects)
	}
	if extra, err := s.extra(objects, added); err != nil {
		return nil, err
	} else if len(extra) > 0 {
		return nil, s.fail(&Failure{Kind: Unknown, Object: extra[0],
			Cause:  fmt.Sprintf("the payload holds %d whole objects that are not new: the tool took what was only compiled again for new", len(extra)),
			Remedy: "use the shared mode"}, objects)
	}
	if s.req.Repeatable {
		s.clock.enter(phaseRepeat)
		err := repeatable(ctx, payload)
		s.clock.stop()
		if err != nil {
			return nil, s.stopped(ctx, err)
		}
	}
	sum, size, err := digestFile(payload)
	if err != nil {
		return nil, err
	}
	return &Built{Mode: s.mode, Name: name, Payload: payload, SHA256: sum, Bytes: size, Objects: objects, Added: added,
		Warnings: append(s.warn, warnings(objects)...), Phases: s.clock.phases, Command: s.cmd.String(), Environment: sorted(s.env),
		Tool: s.tool.Digest, Logs: s.logs()}, nil
}

// objects reads the log of the differ, as far as the tool came.
func (s *session) objects() ([]Object, error) {
	f, err := os.Open(filepath.Join(s.out(), diffLog))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	objects, err := parseDiffLog(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", diffLog, err)
	}
	settle(objects, parseErrors(s.stderr), func(raw string) bool {
		_, err := os.Stat(filepath.Join(s.out(), "output", filepath.FromSlash(raw)))
		return err == nil
	})
	return objects, nil
}

// lost are the new objects that the tool did not take over.
func (s *session) lost(added []string) (list []string) {
	for _, name := range added {
		found := false
		for _, at := range places(name) {
			_, err := os.Stat(filepath.Join(s.out(), "output", filepath.FromSlash(at)))
			found = found || err == nil
		}
		if !found {
			list = append(list, name)
		}
	}
	return list
}

// extra are the objects in the payload that were neither compared nor are new.
func (s *session) extra(objects []Object, added []string) ([]string, error) {
	list, err := capturedObjects(filepath.Join(s.out(), "output"))
	return slices.DeleteFunc(list, func(name string) bool {
		return slices.Contains(added, name) || slices.ContainsFunc(objects, func(o Object) bool { return o.Path == name })
	}), err
}

// logs are the files in which the run is told.
func (s *session) logs() (list []string) {
	patterns := []string{filepath.Join(s.req.Work, logName), filepath.Join(s.out(), "*.log")}
	for _, p := range patterns {
		found, _ := filepath.Glob(p) // the patterns are well formed
		list = append(list, found...)
	}
	return list
}

func digestFile(name string) (sum string, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}
