package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpready/cmd/lpready/internal/render"
)

// fixtures is the folder with made payloads.
const fixtures = "../../../../build/payload/testdata/"

// verify runs the command alone.
func verify(t *testing.T, args ...string) (string, error) {
	t.Helper()
	env, out := world()
	cache := t.TempDir()
	env.Getenv = func(name string) string {
		if name == "XDG_CACHE_HOME" {
			return cache
		}
		return ""
	}
	cmd := newVerify(&app{Env: &env})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetOut(out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestVerify(t *testing.T) {
	report := filepath.Join(t.TempDir(), "report.json")
	text := `{"schema": "lpready/v1", "command": "triage", "generated": "2025-10-01T09:30:00Z", "cells": [` +
		cell("one", "901", "plain", "edited") + "," + cell("one", "902", "gone", "edited") + "," + cell("two", "901", "inner", "affected") +
		`], "totals": {"cells": 3, "by_class": {"clean": 3}, "hours": {}}}`
	if err := os.WriteFile(report, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(t.TempDir(), strings.Repeat("n", 130)+".livepatch")
	data, err := os.ReadFile(fixtures + "good.livepatch")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(long, data, 0o600); err != nil {
		t.Fatal(err)
	}
	const good, syms = fixtures + "good.livepatch", "--symbols=" + fixtures + "xen-syms"
	for _, tt := range []struct {
		args []string
		code int
		want string // in the output or in the error
	}{
		{[]string{"--xen=4.17", syms, good}, 0, "1 payload verified: 1 accepted, 0 refused"},
		{[]string{"--xen=4.17", syms, good, fixtures + "tiny.livepatch"}, 1, "2 payloads verified: 1 accepted, 1 refused"},
		{[]string{good}, 0, "the base's xen-syms is not given: "},
		{[]string{"--xen=4.17", "--symbols=" + fixtures + "xen-syms-other", good}, 1, "livepatch: good: check against hypervisor build-id failed"},
		{[]string{"--release=4.17.2", syms, good}, 1, "refused: base-broken"},
		{[]string{"--replace", syms, fixtures + "veto.livepatch"}, 1, "refused: vetoing-hooks"},
		{[]string{syms, fixtures + "veto.livepatch"}, 0, "note: vetoing-hooks-policy"},
		{[]string{"--previous=" + good, syms, good}, 1, "refused: already-loaded"},
		{[]string{syms, fixtures + "truncated.livepatch"}, 1, "Bogus e_shoff"},
		{[]string{syms, long}, 1, "refused: name-length"},
		{[]string{"--expect=" + report, "--base=one", "--xsa=901", syms, good}, 0, "warning: function-extra"},
		{[]string{"--expect=" + report, "--base=one", syms, good}, 1, "refused: function-missing"},
		{[]string{"--expect=" + report, "--base=two", syms, good}, 0, "common/a.c#inner"},

		{nil, 0, "requires at least 1 arg"}, // becomes exit code 2 in Run
		{[]string{"--expect=" + report, good}, 2, "choose one with --base"},
		{[]string{"--expect=" + report, "--base=three", good}, 2, "expected a cell of the base"},
		{[]string{"--expect=" + good, good}, 2, "expected a report"},
		{[]string{"--base=one", good}, 2, "expected --vendor or --expect"},
		{[]string{"--vendor=debian-bookworm", "--base=none", good}, 2, "expected one of "},
		{[]string{"--xsa=901", good}, 2, "expected --expect"},
		{[]string{"--xen=four", good}, 2, "expected a version such as 4.17"},
		{[]string{"--xen=4.17", "--release=4.18.0", good}, 2, "expected a release of Xen 4.17"},
		{[]string{"--guest", good}, 2, "expected --boot"},
		{[]string{"--boot", good}, 2, "expected --boot-files"},
		{[]string{"--boot", "--boot-files=" + fixtures, "--matched=m.json", "--source=x", good}, 2, "not both"},
		{[]string{"--boot", "--boot-files=no-such", good}, 2, "no-such"},
		{[]string{"--boot", "--boot-files=" + fixtures, good}, 2, "hypervisor is not among the files for booting"},
		{[]string{"--boot", "--boot-files=" + fixtures, "--matched=" + report, good}, 2, "expected what probe --match"},
		{[]string{"--boot", "--boot-files=" + fixtures, "--hypervisor=" + good, syms, good}, 2, "expected that of the base"},
		{[]string{"--symbols=" + good, good}, 2, "expected a linked file"},
		{[]string{"--previous=" + fixtures + "truncated.livepatch", good}, 2, "behind the end of the file"},
		{[]string{fixtures}, 2, "expected a file"},
		{[]string{"no-such"}, 2, "no-such"},
	} {
		out, err := verify(t, tt.args...)
		if err != nil {
			out += err.Error()
		}
		if !strings.Contains(out, tt.want) || exitCode(err) != tt.code {
			t.Errorf("%q: exit code %d, expected %d and %q:\n%s", tt.args, exitCode(err), tt.code, tt.want, out)
		}
	}
}

// cell is a cell of a saved report.
func cell(base, xsa, function, change string) string {
	return strings.NewReplacer("BASE", base, "XSA", xsa, "FUNCTION", function, "CHANGE", change).Replace(
		`{"xsa": XSA, "title": "t", "public": null, "base": "BASE", "patches": [], "signature": "none", "checksums": "absent", "scope": [],
		"class": "clean", "evidence": "tree", "why": "w", "functions": [{"name": "FUNCTION", "file": "xen/common/a.c", "object": "", "change": "CHANGE", "why": ""}]}`)
}

// TestVerifySaved wants a saved run to be rendered as the run itself.
func TestVerifySaved(t *testing.T) {
	args := []string{"--xen=4.17", "--symbols=" + fixtures + "xen-syms", fixtures + "good.livepatch", fixtures + "tiny.livepatch", fixtures + "truncated.livepatch"}
	saved, err := verify(t, append(args, "--format=json")...)
	if exitCode(err) != 1 {
		t.Fatal(err)
	}
	s, err := render.Read("saved", strings.NewReader(saved))
	if err != nil || s.Command != "verify" {
		t.Fatalf("%v, %+v", err, s)
	}
	list, at, err := render.LoadVerify(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range render.Formats() {
		direct, _ := verify(t, append(args, "--format="+format)...)
		var b bytes.Buffer
		if err := render.Verify(&b, format, render.Options{}, at, list); err != nil || b.String() != direct {
			t.Errorf("%s: %v\n%s\n%s", format, err, b.String(), direct)
		}
	}
}
