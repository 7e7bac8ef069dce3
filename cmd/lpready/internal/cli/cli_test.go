package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/spf13/cobra"
)

// world is an Env for tests: no environment, no terminal, a fixed clock.
func world(args ...string) (Env, *bytes.Buffer) {
	var out bytes.Buffer
	return Env{
		Args: args, Getenv: func(string) string { return "" }, Stdin: strings.NewReader(""), Stdout: &out, Stderr: io.Discard,
		Now: func() time.Time { return time.Date(2025, 10, 1, 9, 30, 0, 0, time.UTC) },
	}, &out
}

func exitCode(err error) int {
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return 0
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestMachineErrors(t *testing.T) {
	env, _ := world("triage", "--sample")
	env.Stdout = full{}
	if err := Run(t.Context(), env); exitCode(err) != 3 || err.Error() != "disk full" {
		t.Errorf("full disk: %v, exit code %d", err, exitCode(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	env, out := world("triage", "--sample")
	if err := Run(ctx, env); exitCode(err) != 3 || err.Error() != "interrupted" {
		t.Errorf("interrupted: %v, exit code %d", err, exitCode(err))
	}
	if out.Len() > 0 {
		t.Errorf("interrupted, and still printed %q", out)
	}
}

// Two runs print the same bytes, in every format.
func TestDeterministic(t *testing.T) {
	for _, format := range []string{"table", "markdown", "csv", "json"} {
		var first string
		for range 3 {
			env, out := world("analyze", "--sample", "--format", format)
			if err := Run(t.Context(), env); exitCode(err) != 1 {
				t.Fatal(err)
			}
			if first == "" {
				first = out.String()
			} else if first != out.String() {
				t.Errorf("%s differs from run to run", format)
			}
		}
	}
}

// Every command has an example, a short and, where it takes work, a long text,
// and no error leaves without an exit code.
func TestEveryCommand(t *testing.T) {
	env, _ := world()
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s has no short text or no example", c.CommandPath())
		}
		for l := range strings.Lines(c.Long + "\n" + c.Example) {
			if len(l) > 101 {
				t.Errorf("%s: help is wider than 100 columns: %s", c.CommandPath(), l)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
		args := append(strings.Fields(c.CommandPath())[1:], "--no-such-flag")
		env, _ := world(args...)
		if err := Run(t.Context(), env); exitCode(err) != 2 {
			t.Errorf("%s: %v, exit code %d", strings.Join(args, " "), err, exitCode(err))
		}
	}
	walk(newRoot(&env))
}

func TestXSANumbers(t *testing.T) {
	var x xsaNumbers
	for _, s := range []string{"480", "XSA-481,xsa482", "xsa-483, 484"} {
		if err := x.Set(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	if x.String() != "480,481,482,483,484" {
		t.Errorf("%s", &x)
	}
	for _, s := range []string{"", "0", "-1", "xsa", "48O", "480,", "1000000", "CVE-2025-1"} {
		if err := new(xsaNumbers).Set(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

func TestXenVersion(t *testing.T) {
	for text, want := range map[string]string{
		"export XEN_VERSION       = 4\nexport XEN_SUBVERSION    = 17\n": "4.17",
		"XEN_VERSION := 4\nXEN_SUBVERSION ?= 21\n":                      "4.21",
		"all:\n": "",
	} {
		got, err := xenVersion(fstest.MapFS{"xen/Makefile": {Data: []byte(text)}})
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestCacheFolder(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/lpready"},
		{map[string]string{"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/lpready"},
		{map[string]string{}, ""},
	} {
		j := &job{app: &app{Env: &Env{Getenv: func(k string) string { return tt.env[k] }}}}
		if got := j.cache(); got != tt.want {
			t.Errorf("%v: %q, expected %q", tt.env, got, tt.want)
		}
		j.noCache = true
		if got := j.cache(); got != "" {
			t.Errorf("--no-cache: %q", got)
		}
	}
}

func ExampleRun() {
	err := Run(context.Background(), Env{
		Args: []string{"triage", "--sample", "--xsa", "XSA-904", "--base", "quay-2.0", "--format", "csv"}, Getenv: func(string) string { return "" },
		Stdout: io.Discard, Stderr: io.Discard, Now: time.Now,
	})
	fmt.Println(err)
	// Output: 1 of 1 verdicts ask for work
}
