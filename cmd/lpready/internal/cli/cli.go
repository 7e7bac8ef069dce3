// Package cli is the command line of lpready: one file for each command.
//
// Flags are parsed first and checked next; only then does work start. Results
// go to stdout, progress and errors to stderr. Arguments, environment, clock
// and streams are injected, so that tests run a command in process. Only fetch
// touches the network.
package cli

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"lpready/cmd/lpready/internal/render"
)

// An Env is what a command sees of the world.
type Env struct {
	Args      []string // without the name of the program
	Getenv    func(string) string
	Stdin     io.Reader
	Stdout    io.Writer
	Stderr    io.Writer
	Now       func() time.Time
	StdoutTTY bool // Stdout is a terminal: colour is welcome
	StderrTTY bool // Stderr is a terminal: progress is welcome
}

// Run runs one command. What it returns has a method ExitCode where the error
// belongs to one of this package's kinds; see Exit codes in the README.
func Run(ctx context.Context, env Env) error {
	root := newRoot(&env)
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	err := root.ExecuteContext(ctx)
	var coded interface{ ExitCode() int }
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return machine(errors.New("interrupted"))
	case errors.As(err, &coded):
		return err
	}
	return input(err)
}

// An app is what the commands share: the world, and the flags that every
// command knows.
type app struct {
	*Env
	quiet   bool
	verbose bool
	noColor bool
}

func newRoot(env *Env) *cobra.Command {
	a := &app{Env: env}
	root := &cobra.Command{
		Use:   "lpready",
		Short: "Tell how hard each Xen Security Advisory is to livepatch, and why",
		Long: `lpready reads a batch of Xen Security Advisories as it arrived and tells, for
each of them on each hypervisor that was shipped: does it need a live patch, how
hard is one, why, what is the remedy, and how many hours does it take.

Tables are 100 columns wide, or as COLUMNS in the environment says.

Exit codes: 0 all is ready, 1 something is not (any class but not-needed and
clean), 2 usage or input, 3 the machine or a tool.`,
		Example: `  lpready triage --sample
  lpready triage --source ~/xen-4.17.5 --config ~/xen.config batch/`,
		Args:              noCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
	}
	flags := root.PersistentFlags()
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no remarks on stderr")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "say on stderr what is read and how long it takes")
	flags.BoolVar(&a.noColor, "no-color", false, "no colour; also by the environment variable NO_COLOR")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.quiet && a.verbose {
			return inputf("expected --quiet or --verbose, not both")
		}
		return nil
	}
	root.AddCommand(
		newTriage(a), newAnalyze(a), newFactors(a), newRender(a),
		newVendors(a), newFetch(a), newRevise(a), newPort(a), newObjdiff(a), newProbe(a), newBuild(a), newWorker(a), newVerify(a),
		newPlan(a), newStatus(a), newAssign(a), newDoctor(a), newVersion(a),
	)
	return root
}

// noCommand refuses a word that is no command, naming those that look like it.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	msg := "unknown command " + strconv.Quote(args[0]) + " for " + strconv.Quote(cmd.CommandPath())
	for i, s := range cmd.SuggestionsFor(args[0]) {
		if i == 0 {
			msg += "; did you mean "
		} else {
			msg += ", "
		}
		msg += s
	}
	return input(errors.New(msg))
}

// layout is how text for people looks here.
func (a *app) layout(toFile bool) render.Options {
	o := render.Options{Color: a.StdoutTTY && !toFile && !a.noColor && a.Getenv("NO_COLOR") == "" && a.Getenv("TERM") != "dumb"}
	if n, err := strconv.Atoi(a.Getenv("COLUMNS")); err == nil && n > 0 {
		o.Width = n
	}
	return o
}
