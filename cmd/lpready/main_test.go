package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lpready/build/lpbt/standin"
)

var update = flag.Bool("update", false, "write expected outputs anew")

// at is when all commands of the tests run.
var at = time.Date(2025, 10, 1, 9, 30, 0, 0, time.UTC)

func TestMain(m *testing.M) {
	standin.Run()
	testscript.Main(m, map[string]func(){"lpready": func() {
		env := system()
		env.Now = func() time.Time { return at }
		env.StdoutTTY = os.Getenv("TEST_STDOUT_TTY") != ""
		env.StderrTTY = os.Getenv("TEST_STDERR_TTY") != ""
		os.Exit(run(env))
	}})
}

// TestScript runs the scripts of testdata/script, one or more for each command.
func TestScript(t *testing.T) {
	sample, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TESTDATA", sample)
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, ".cache"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"narrow": narrow,
			"serve":  serve,
			"mode":   mode,
		},
	})
}
