//go:build unix

package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func sh(script string) Cmd { return Cmd{Name: "sh", Args: []string{"-c", script}} }

func TestRun(t *testing.T) {
	tests := []struct {
		name           string
		cmd            Cmd
		stdout, stderr string
		err            string // part of the message, empty for success
	}{
		{"output", sh("echo out; echo err >&2"), "out\n", "err\n", ""},
		{"input", Cmd{Name: "cat", Stdin: strings.NewReader("in")}, "in", "", ""},
		{"exit code", sh("echo why >&2; exit 3"), "", "why\n", "exit code 3: why"},
		{"signal", sh("kill -9 $$"), "", "", "killed by signal killed"},
		{"folder", Cmd{Name: "pwd", Dir: "/"}, "/\n", "", ""},
		{"no folder", Cmd{Name: "pwd", Dir: "/does/not/exist"}, "", "", "start"},
		{"missing", Cmd{Name: "no-such-tool-here", Hint: "install it"}, "", "", "program not found in PATH; install it"},
		{"environment", Cmd{Name: "sh", Args: []string{"-c", "echo $A$B"}, Env: []string{"A=1"}}, "1\n", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, err := tt.cmd.Run(t.Context())
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if res.Stdout != tt.stdout || res.Stderr != tt.stderr {
				t.Errorf("got %q and %q, want %q and %q", res.Stdout, res.Stderr, tt.stdout, tt.stderr)
			}
		})
	}
}

func TestErrorsAreTyped(t *testing.T) {
	var missing *MissingError
	if _, err := (Cmd{Name: "no-such-tool-here"}).Run(t.Context()); !errors.As(err, &missing) || missing.Tool != "no-such-tool-here" {
		t.Errorf("missing tool: %v", err)
	}
	var exit *ExitError
	_, err := sh("echo one; echo two >&2; exit 7").Run(t.Context())
	if !errors.As(err, &exit) || exit.Code != 7 || exit.Output != "one\ntwo" || exit.Command != "sh -c 'echo one; echo two >&2; exit 7'" {
		t.Errorf("exit: %#v", exit)
	}
}

// The group dies, not only the shell: its background child must be gone too.
func TestTimeoutKillsTheGroup(t *testing.T) {
	for name, stop := range map[string]func(*Cmd) context.Context{
		"limit": func(c *Cmd) context.Context { c.Timeout = 2 * time.Second; return t.Context() },
		"cancel": func(c *Cmd) context.Context {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(2*time.Second, cancel)
			return ctx
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pid")
			cmd := sh(fmt.Sprintf("sleep 60 & echo $! > %s; wait", file))
			ctx := stop(&cmd)
			start := time.Now()
			_, err := cmd.Run(ctx)
			var exit *ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("error %v, want an ExitError", err)
			}
			if want := map[string]error{"limit": ErrTimeout, "cancel": context.Canceled}[name]; !errors.Is(err, want) {
				t.Errorf("cause %v, want %v", exit.Cause, want)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
			expectGone(t, file)
		})
	}
}

// A daemon that keeps the output open neither blocks the caller nor survives.
func TestChildrenDoNotOutliveTheProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	res, err := sh(fmt.Sprintf("sleep 60 & echo $! > %s; echo done", file)).Run(t.Context())
	if err != nil || res.Stdout != "done\n" {
		t.Fatalf("%q, %v", res.Stdout, err)
	}
	expectGone(t, file)
}

func expectGone(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("process %d is still alive", pid)
}

func TestOutputIsBounded(t *testing.T) {
	cmd := sh("i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done")
	cmd.Keep = 100
	var log bytes.Buffer
	cmd.Log = &log
	res, err := cmd.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Stdout) != 100 || !strings.HasSuffix(res.Stdout, "line 1999\n") {
		t.Errorf("kept %d bytes ending %q", len(res.Stdout), res.Stdout)
	}
	if got := int64(log.Len()); got != res.Lost+100 {
		t.Errorf("log has %d bytes, lost %d", got, res.Lost)
	}
}

func TestStdoutWriter(t *testing.T) {
	var out bytes.Buffer
	cmd := sh("echo out; echo err >&2")
	cmd.Stdout = &out
	res, err := cmd.Run(t.Context())
	if err != nil || out.String() != "out\n" || res.Stdout != "" || res.Stderr != "err\n" {
		t.Errorf("%q %+v %v", out.String(), res, err)
	}
}

func TestNotStartedWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sh("true").Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestEnv(t *testing.T) {
	got := Env([]string{"PATH=/bin", "GIT_DIR=/x", "MAKEFLAGS=-k", "LANG=de_DE", "HOME=/h", "odd"}, "KBUILD_BUILD_USER=x")
	want := []string{"PATH=/bin", "HOME=/h", "LC_ALL=C", "TZ=UTC", "KBUILD_BUILD_USER=x"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestTail(t *testing.T) {
	for _, sizes := range [][]int{{1, 1, 1}, {3, 9}, {25}, {9, 9, 9, 9}, {10, 10}, {0}} {
		tl := &tail{limit: 10}
		var all []byte
		for i, n := range sizes {
			chunk := bytes.Repeat([]byte{byte('a' + i)}, n)
			all = append(all, chunk...)
			tl.Write(chunk)
		}
		got := tl.String()
		want := string(all[max(0, len(all)-10):])
		if got != want || tl.lost != int64(len(all)-len(want)) {
			t.Errorf("%v: got %q (lost %d), want %q", sizes, got, tl.lost, want)
		}
	}
}

func ExampleCmd_Run() {
	res, err := Cmd{Name: "sh", Args: []string{"-c", "echo xen-syms"}}.Run(context.Background())
	fmt.Printf("%q %v\n", res.Stdout, err)

	_, err = Cmd{Name: "sh", Args: []string{"-c", "echo 'no rule to make target' >&2; exit 2"}}.Run(context.Background())
	fmt.Println(err)
	// Output:
	// "xen-syms\n" <nil>
	// sh -c 'echo '\''no rule to make target'\'' >&2; exit 2': exit code 2: no rule to make target
}
