// Package run is the one way in which lpready starts other programs.
//
// A command gets a scrubbed environment, a process group of its own and a time
// limit; when the context ends or the limit passes the whole group dies, so no
// compiler or make survives its parent. Output is kept within a bound: the tail,
// because that is where tools say what went wrong. Errors are typed: the tool is
// missing (MissingError: the machine's fault) or it ran and failed (ExitError).
//
// It cannot follow a child that leaves the group with setsid, and outside Unix
// it ends only the process itself.
package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Keep is how many bytes of standard output, and of standard error, are kept
// where Cmd.Keep does not say otherwise.
const Keep = 1 << 20

// grace is how long pipes may stay open after the program itself ended.
const grace = 2 * time.Second

// A Cmd is one program to run. Name is all that it needs.
type Cmd struct {
	Name    string        // program, looked up in PATH of the caller
	Args    []string      // without the name
	Dir     string        // working folder; empty is the caller's
	Env     []string      // whole environment; nil is Env(os.Environ())
	Stdin   io.Reader     // nil is empty
	Stdout  io.Writer     // gets standard output instead of Result.Stdout
	Log     io.Writer     // gets everything besides, in order of arrival
	Timeout time.Duration // 0 is no limit but the context's
	Keep    int           // bytes kept of each output; 0 is Keep
	Hint    string        // what to install when the program is missing

	// Held, where set, is an open file that the program and its children keep open: a
	// lock on it lasts as long as any of them, even where this process is killed.
	Held *os.File
}

// A Result is what a program that ran left behind.
type Result struct {
	Stdout, Stderr string // the last Cmd.Keep bytes of each
	Lost           int64  // bytes of output that were not kept
	Elapsed        time.Duration
}

// A MissingError says that a program is not installed.
type MissingError struct {
	Tool string
	Hint string // what to install
}

func (e *MissingError) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("%s: program not found in PATH", e.Tool)
	}
	return fmt.Sprintf("%s: program not found in PATH; %s", e.Tool, e.Hint)
}

// An ExitError says that a program ran and did not succeed. Error is one line;
// Output holds the end of what it printed, standard output before standard error.
type ExitError struct {
	Command string // program and arguments
	Code    int    // exit code; -1 when a signal ended it
	Signal  string // the signal's name, if any
	Output  string
	Cause   error // context.Canceled, context.DeadlineExceeded, ErrTimeout, or nil
}

// ErrTimeout is the cause of an ExitError when Cmd.Timeout passed.
var ErrTimeout = errors.New("time limit passed")

func (e *ExitError) Error() string {
	var what string
	switch {
	case e.Cause != nil:
		what = "stopped: " + e.Cause.Error()
	case e.Signal != "":
		what = "killed by signal " + e.Signal
	default:
		what = fmt.Sprintf("exit code %d", e.Code)
	}
	if line := lastLine(e.Output); line != "" {
		what += ": " + line
	}
	return e.Command + ": " + what
}

// Unwrap gives the cause, so that errors.Is(err, context.Canceled) holds.
func (e *ExitError) Unwrap() error { return e.Cause }

// Run runs the program to its end. Failures are *MissingError, *ExitError, or
// the error of starting it (a working folder that is absent, say). The Result is
// filled in as far as the program came.
func (c Cmd) Run(ctx context.Context) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("%s: not started: %w", c.Name, err)
	}
	path, err := exec.LookPath(c.Name)
	if err != nil {
		return Result{}, &MissingError{Tool: c.Name, Hint: c.Hint}
	}
	keep := c.Keep
	if keep <= 0 {
		keep = Keep
	}
	stdout, stderr := &tail{limit: keep}, &tail{limit: keep}

	ctx, cancel := c.limit(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, c.Args...)
	cmd.Dir, cmd.Stdin, cmd.Env = c.Dir, c.Stdin, c.Env
	if c.Env == nil {
		cmd.Env = Env(os.Environ())
	}
	cmd.Stdout, cmd.Stderr = c.writers(stdout, stderr)
	cmd.WaitDelay = grace
	ownGroup(cmd)
	if c.Held != nil {
		cmd.ExtraFiles = []*os.File{c.Held}
	}

	start := time.Now()
	if err := cmd.Start(); err != nil {
		return Result{}, fmt.Errorf("%s: start: %w", c.Name, err)
	}
	err = cmd.Wait()
	endGroup(cmd) // children that outlived their parent
	res := Result{
		Stdout: stdout.String(), Stderr: stderr.String(),
		Lost: stdout.lost + stderr.lost, Elapsed: time.Since(start),
	}
	return res, c.explain(ctx, cmd, res, err)
}

// limit adds the command's own time limit to the context.
func (c Cmd) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.Timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, c.Timeout, ErrTimeout)
}

// writers gives where the two outputs go.
func (c Cmd) writers(stdout, stderr *tail) (io.Writer, io.Writer) {
	var out, errw io.Writer = stdout, stderr
	if c.Stdout != nil {
		out = c.Stdout
	}
	if c.Log != nil {
		log := &locked{w: c.Log}
		out, errw = io.MultiWriter(out, log), io.MultiWriter(errw, log)
	}
	return out, errw
}

// explain turns what Wait said into one of the errors that Run promises.
func (c Cmd) explain(ctx context.Context, cmd *exec.Cmd, res Result, err error) error {
	if err == nil {
		return nil
	}
	e := &ExitError{Command: c.String(), Code: -1, Output: joinOutput(res.Stdout, res.Stderr)}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		e.Code, e.Signal = exit.ExitCode(), signalName(exit)
	}
	switch {
	case ctx.Err() != nil:
		e.Cause = context.Cause(ctx)
	case errors.Is(err, exec.ErrWaitDelay):
		// The program ended well but a child kept its output open.
		if cmd.ProcessState != nil && cmd.ProcessState.Success() {
			return nil
		}
	case exit == nil: // copying its input or output failed
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	return e
}

// String is the command line, for people to read.
func (c Cmd) String() string {
	words := append([]string{c.Name}, c.Args...)
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\n'\"\\$") {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// passed names the variables that a child may inherit. Everything else, GIT_*,
// MAKEFLAGS, CFLAGS, LD_* and the like, would change what tools do behind our back.
var passed = map[string]bool{
	"HOME": true, "PATH": true, "TMPDIR": true, "USER": true, "LOGNAME": true,
	"SystemRoot": true, "TEMP": true, "TMP": true,
}

// Pinned is who builds Xen, where and when, as xen/Makefile asks for it: the same
// for every build, so that two of the same differ in nothing (compile.h, which is
// made anew each time, would bring the hour into a payload).
var Pinned = []string{
	"XEN_BUILD_DATE=Thu Jan  1 00:00:00 UTC 1970", "XEN_BUILD_TIME=00:00:00", "XEN_BUILD_HOST=lpready",
	"XEN_DOMAIN=lpready", "XEN_WHOAMI=lpready", "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
	"KBUILD_BUILD_USER=lpready", "KBUILD_BUILD_HOST=lpready", "SOURCE_DATE_EPOCH=0",
}

// Env picks from environ what a child may see, sets a fixed language and time
// zone so that output can be read by programs, and adds extra ("NAME=value").
func Env(environ []string, extra ...string) []string {
	env := make([]string, 0, len(passed)+2+len(extra))
	for _, kv := range environ {
		if name, _, ok := strings.Cut(kv, "="); ok && passed[name] {
			env = append(env, kv)
		}
	}
	env = append(env, "LC_ALL=C", "TZ=UTC")
	return append(env, extra...)
}

// tail keeps the last limit bytes written to it.
type tail struct {
	limit int
	buf   []byte
	lost  int64
}

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if len(p) > t.limit {
		t.lost += int64(len(p) - t.limit)
		p = p[len(p)-t.limit:]
	}
	t.buf = append(t.buf, p...)
	// Cut only when twice the limit is reached: each byte moves at most once.
	if len(t.buf) >= 2*t.limit {
		t.cut()
	}
	return n, nil
}

func (t *tail) cut() {
	if over := len(t.buf) - t.limit; over > 0 {
		t.lost += int64(over)
		t.buf = t.buf[:copy(t.buf, t.buf[over:])]
	}
}

func (t *tail) String() string {
	t.cut()
	return string(t.buf)
}

// locked lets the two outputs of a program share one writer.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func joinOutput(stdout, stderr string) string {
	stdout, stderr = strings.TrimSpace(stdout), strings.TrimSpace(stderr)
	if stdout == "" || stderr == "" {
		return stdout + stderr
	}
	return stdout + "\n" + stderr
}

// lastLine is the last line of output that says something.
func lastLine(output string) string {
	b := bytes.TrimSpace([]byte(output))
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[i+1:]
	}
	const most = 300
	if len(b) > most {
		b = append(b[:most:most], "..."...)
	}
	return string(bytes.ToValidUTF8(b, []byte("?")))
}
