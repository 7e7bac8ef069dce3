package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/cmd/lpready/internal/render"
)

// TestDoctor wants every command in the table, and what is missing to be told by the
// exit code where it is always needed.
func TestDoctor(t *testing.T) {
	names := doctorNames()
	env, _ := world()
	for _, c := range newRoot(&env).Commands() {
		if !slices.Contains(names, c.Name()) {
			t.Errorf("%s has no row in the table of requirements", c.Name())
		}
	}
	run := func(args ...string) (string, error) {
		env, out := world()
		env.Args = append([]string{"doctor"}, args...)
		err := Run(t.Context(), env)
		return out.String(), err
	}
	if out, err := run("verify", "render"); err != nil || !strings.Contains(out, "verify") || strings.Contains(out, "qemu") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := run("no-such"); exitCode(err) != 2 {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	out, err := run("boot", "triage")
	if exitCode(err) != 3 || !strings.Contains(err.Error(), "qemu-system-x86_64") || strings.Contains(err.Error(), "git") || !strings.Contains(out, "qemu-system-x86-core") {
		t.Errorf("%v\n%s", err, out)
	}
	for l := range strings.Lines(out) {
		if len(l) > 101 {
			t.Errorf("%d columns: %s", len(l), l)
		}
	}
	saved, err := run("probe", "--format=json")
	if exitCode(err) != 3 {
		t.Fatal(err)
	}
	s, err := render.Read("saved", strings.NewReader(saved))
	if err != nil {
		t.Fatal(err)
	}
	list, at, err := render.LoadDoctor(s)
	if err != nil || exitCode(healthy(list)) != 3 {
		t.Fatal(err)
	}
	for _, format := range render.Formats() {
		direct, _ := run("probe", "--format="+format)
		var b bytes.Buffer
		if err := render.Doctor(&b, format, render.Options{}, at, list); err != nil || b.String() != direct {
			t.Errorf("%s: %v\n%s\n%s", format, err, b.String(), direct)
		}
	}
	if err := render.Doctor(new(bytes.Buffer), "html", render.Options{}, time.Time{}, nil); err == nil {
		t.Error("an unknown format was written")
	}
}
