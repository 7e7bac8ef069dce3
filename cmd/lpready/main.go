// Command lpready tells how hard Xen Security Advisories are to livepatch, and why.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"lpready/cmd/lpready/internal/cli"
	"lpready/cmd/lpready/internal/render"
)

func main() { os.Exit(run(system())) }

func system() cli.Env {
	return cli.Env{Args: os.Args[1:], Getenv: os.Getenv, Now: time.Now,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		StdoutTTY: isatty.IsTerminal(os.Stdout.Fd()), StderrTTY: isatty.IsTerminal(os.Stderr.Fd())}
}

// run runs a command and gives its exit code.
func run(env cli.Env) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := cli.Run(ctx, env)
	if err != nil && !errors.As(err, new(cli.NotReady)) {
		fmt.Fprintln(env.Stderr, "lpready:", render.Safe(err.Error()))
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return 0
}
