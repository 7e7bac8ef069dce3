package tree

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lpready/build/internal/run"
)

// apt puts an apt-get in front of the real one: a script of the shell.
func apt(t *testing.T, script string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell")
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "apt-get"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

func TestFetch(t *testing.T) {
	archive := t.TempDir()
	dscOf(t, archive, "4.17.5-1", nil)
	log := filepath.Join(t.TempDir(), "log")
	apt(t, `echo "$@" >> `+log+`; cp `+archive+`/* .`)
	dir := filepath.Join(t.TempDir(), "new", "folder")
	for range 2 { // the second time nothing is downloaded
		file, err := Fetch(t.Context(), "xen", "1:4.17.5-1", dir)
		if err != nil || file != filepath.Join(dir, "xen_4.17.5-1.dsc") || verifyDSC(file) != nil {
			t.Fatalf("%s, %v", file, err)
		}
	}
	calls, err := os.ReadFile(log)
	if want := "-qq -o APT::Sandbox::User= source --download-only xen=1:4.17.5-1\n"; err != nil || string(calls) != want {
		t.Errorf("called %q, %v", calls, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("left %v", entries)
	}
	// A file that is damaged is fetched again.
	os.WriteFile(filepath.Join(dir, "xen_4.17.5.orig.tar.xz"), []byte("half"), 0o644)
	if file, err := Fetch(t.Context(), "xen", "1:4.17.5-1", dir); err != nil || verifyDSC(file) != nil {
		t.Errorf("not fetched again: %v", err)
	}
}

func TestFetchBinary(t *testing.T) {
	apt(t, `echo deb > "xen-utils_1%3a4.17_amd64.deb"`)
	dir := t.TempDir()
	for range 2 {
		file, err := FetchBinary(t.Context(), "xen-utils", "1:4.17", dir)
		if err != nil || file != filepath.Join(dir, "xen-utils_1%3a4.17_amd64.deb") {
			t.Errorf("%s, %v", file, err)
		}
		apt(t, "exit 1")
	}
}

func TestFetchProblems(t *testing.T) {
	damaged := t.TempDir()
	dscOf(t, damaged, "4.17.5-1", nil)
	os.WriteFile(filepath.Join(damaged, "xen_4.17.5.orig.tar.xz"), []byte("half"), 0o644)
	for script, want := range map[string]string{
		`echo "E: You must put some 'deb-src' URIs in your sources.list" >&2; exit 100`:                                               "fetch xen=4.17.5-1: apt has no source packages: add a deb-src entry",
		`echo "E: Can not find version '4.17.5-1' of package 'xen'"; echo "E: Unable to find a source package for xen" >&2; exit 100`: "in Debian's snapshot archive",
		`echo "E: Unable to find a source package for xen" >&2; exit 100`:                                                             "is there a deb-src entry for this release",
		`echo "E: Unable to locate package xen" >&2; exit 100`:                                                                        "apt knows no such package",
		`echo "E: Failed to fetch http://x" >&2; exit 100`:                                                                            "is the network there",
		`echo "E: something else" >&2; exit 100`:                                                                                      "exit code 100: E: something else",
		`true`:                                                                                                                        "xen_4.17.5-1.dsc: no such file",
		`cp ` + damaged + `/* .`:                                                                                                      "its checksum is not the one in the .dsc file",
	} {
		apt(t, script)
		dir := t.TempDir()
		_, err := Fetch(t.Context(), "xen", "4.17.5-1", dir)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %q", script, err, want)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("%s: left %v", script, entries)
		}
	}
	for _, bad := range [][2]string{{"-o", "1"}, {"../x", "1"}, {"xen", "--x"}, {"xen", "1/2"}, {"xen", ""}, {"Xen", "1"}} {
		if _, err := Fetch(t.Context(), bad[0], bad[1], t.TempDir()); err == nil || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	var missing *run.MissingError
	if _, err := Fetch(t.Context(), "xen", "1", t.TempDir()); !errors.As(err, &missing) || !strings.Contains(err.Error(), "download xen=1 elsewhere") {
		t.Errorf("no apt: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Fetch(ctx, "xen", "1", t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
