package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lpready/analyze/truth"
	"lpready/cmd/lpready/internal/cli"
	"lpready/cmd/lpready/internal/render"
)

// team is four people for Debian's Xen, one of them away.
const team = `name: ours
bases:
  - {id: 4.17.5+72, xen: 4.17, arch: x86_64}
team:
  people:
    - {name: Ada, seniority: senior, hours: 6, skills: [x86, common]}
    - {name: Barbara, seniority: senior, hours: 6, skills: [x86, common, iommu], absent: [{from: 2026-05-25, to: 2026-06-19, why: leave}]}
    - {name: Edsger, seniority: regular, hours: 6, skills: [x86, common, livepatch]}
    - {name: Grace, seniority: regular, hours: 6, skills: [toolstack, common, build, test]}
`

// run runs a command that may find that something is not ready.
func runCommand(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := cli.Run(t.Context(), cli.Env{Args: args, Getenv: func(string) string { return "" }, Now: func() time.Time { return at },
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
	if err != nil && !errors.As(err, new(cli.NotReady)) {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.String()
}

func readPlan(t *testing.T, file string) *render.PlanReport {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := new(render.PlanReport)
	if err := json.Unmarshal(data, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRealPlan plans the real batch of twelve advisories for four people of whom
// one is away, and again in the middle of the work, when a made-up new version of
// one item arrives.
func TestRealPlan(t *testing.T) {
	tree := truth.Env(t, "LPREADY_XEN_TREE", "Debian's Xen 4.17.5+72")
	config := truth.Env(t, "LPREADY_XEN_CONFIG", "the .config of Debian's hypervisor")
	corpus := truth.Shared(t, "corpus")
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.CopyFS(in("new"), os.DirFS(corpus)); err != nil {
		t.Fatal(err)
	}
	changed := in("new/xsa494-4.17.patch")
	patch, err := fs.ReadFile(os.DirFS(corpus), "xsa494-4.17.patch")
	if err != nil {
		t.Fatal(err)
	}
	revised := strings.Replace(string(patch), "if ( !v || !is_pv_vcpu(v) )", "if ( v == NULL || !is_pv_vcpu(v) )", 1)
	if revised == string(patch) {
		t.Fatal("xsa494-4.17.patch is not what it was")
	}
	for name, text := range map[string]string{changed: revised, in("ours.yaml"): team} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	base := []string{"--vendor", in("ours.yaml"), "--source", tree, "--config", config, "--no-cache"}
	with := func(args ...string) []string { return append(args, base...) }
	runCommand(t, with("plan", "--start", "2026-06-01T08:00:00Z", "--embargo", "2026-06-15", "--format", "json", "-o", in("monday.json"), corpus)...)
	runCommand(t, with("revise", "--format", "json", "-o", in("revised.json"), corpus, in("new"))...)
	thursday := []string{"plan", "--vendor", in("ours.yaml"), "--start", "2026-06-04T08:00:00Z", "--format", "json"}
	runCommand(t, append(thursday, "-o", in("thursday.json"), in("monday.json"))...)
	runCommand(t, append(thursday, "--revised", in("revised.json"), "-o", in("again.json"), in("monday.json"))...)
	runCommand(t, append(thursday, "--revised", in("revised.json"), "--without", "Grace", "--overtime", "2", "--add", "Kim:senior:6:x86,common", "-o", in("what-if.json"), in("monday.json"))...)

	for _, file := range []string{"monday.json", "thursday.json", "again.json"} {
		r := readPlan(t, in(file))
		var lines []string
		for l := range strings.Lines(runCommand(t, "render", in(file))) {
			if strings.HasPrefix(l, "What cannot") || strings.HasPrefix(l, "Who does") || strings.HasPrefix(l, "Breaks") {
				break
			}
			lines = append(lines, l)
		}
		t.Logf("%s:\n%s", file, strings.Join(lines, ""))
		for _, u := range r.Plan.Unstaffed {
			t.Logf("  %s: %s: %s -> %s", u.Name, u.Task, u.Why, u.Suggestion)
		}
		for _, v := range r.Plan.Revisions {
			t.Logf("  revised: %s: %s, redo %s, %.1f h again", v.Name, v.Kind, strings.Join(v.Redo, ", "), v.Hours)
		}
		if len(r.Plan.Unstaffed) == 0 || r.Plan.ReadyProbability > 0 {
			t.Errorf("%s: all is staffed, although nobody is left to review what the only senior redesigns", file)
		}
	}
	for _, s := range readPlan(t, in("what-if.json")).Plan.Scenarios {
		t.Logf("what if %s: ready %.2f (%.2f), swamped %.2f, %d nobody, %d late", s.Name, s.ReadyProbability, s.StaffedProbability, s.SwampedProbability, s.Unstaffed, s.Late)
	}
	rest, again := readPlan(t, in("thursday.json")), readPlan(t, in("again.json"))
	if len(again.Plan.Revisions) == 0 || again.Plan.Brief("").Hours <= rest.Plan.Brief("").Hours {
		t.Errorf("the revision costs nothing: %g h with it, %g h without", again.Plan.Brief("").Hours, rest.Plan.Brief("").Hours)
	}
}
