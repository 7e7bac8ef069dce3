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

	"lpready/build/lpbt/standin"
	"lpready/cmd/lpready/internal/cli"
	"lpready/cmd/lpready/internal/render"
)

func main() {
	standin.Run() // as the tool of build --sample, where it is called so
	os.Exit(run(system()))
}

func system() cli.Env {
	return cli.Env{Args: os.Args[1:], Getenv: os.Getenv, Now: time.Now,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		StdoutTTY: isatty.IsTerminal(os.Stdout.Fd()), StderrTTY: isatty.IsTerminal(os.Stderr.Fd())}
}

// run gives the exit code of a command.
func run(env cli.Env) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := cli.Run(ctx, env)
	if err != nil && !errors.As(err, new(cli.NotReady)) {
		fmt.Fprintln(env.Stderr, "lpready:", render.Safe(err.Error()))
	}
	return cli.ExitCode(err)
}
