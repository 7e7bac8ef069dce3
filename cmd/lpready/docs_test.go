package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lpready/analyze/factor"
	"lpready/build"
	"lpready/cmd/lpready/internal/cli"
	"lpready/cmd/lpready/internal/render"
)

// root is the folder of go.mod.
const root = "../.."

// A block is a fenced block of shell commands in a document.
type block struct {
	file  string
	line  int    // of its fence
	kind  string // word after "sh": empty, a key of needed, "apt" or "network"
	lines []string
}

var fence = regexp.MustCompile("^```(\\w*) ?(\\w*)$")

// blocks finds the shell commands of a document.
func blocks(t *testing.T, file string) []block {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	var list []block
	var open *block
	n := 0
	for l := range strings.Lines(string(data)) {
		n++
		l = strings.TrimRight(l, "\n")
		m := fence.FindStringSubmatch(l)
		switch {
		case m == nil && open != nil:
			if l != "" && !strings.HasPrefix(l, "#") {
				open.lines = append(open.lines, l)
			}
		case m != nil && open != nil:
			if open.kind != "text" {
				list = append(list, *open)
			}
			open = nil
		case m != nil && m[1] == "sh":
			open = &block{file: file, line: n, kind: m[2]}
		case m != nil:
			open = &block{kind: "text"}
		}
	}
	return list
}

// TestDocs runs every command line of the README and of docs. Commands that
// need a Debian tree run where one is given; those for apt and the network are
// skipped by name.
func TestDocs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"README.md"}
	for _, f := range files {
		names = append(names, "docs/"+filepath.Base(f))
	}
	ran := 0
	for _, name := range names {
		list := blocks(t, name)
		if len(list) == 0 {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Chdir(workspace(t))
			for _, b := range list {
				for _, l := range b.lines {
					if runs(t, b, l) {
						ran++
					}
				}
			}
		})
	}
	if ran < 7 {
		t.Errorf("%d commands ran, expected more: are the fences still \"```sh\"?", ran)
	}
}

// needed lists what the commands of a kind of block need.
var needed = map[string][]string{
	"debian":   {"LPREADY_XEN_DSC", "LPREADY_XEN_TREE", "LPREADY_XEN_CONFIG"},
	"upstream": {"LPREADY_XEN_DSC", "LPREADY_XEN_GIT"},
	"compile":  {"LPREADY_XEN_DSC", "LPREADY_XEN_CACHE"},
	"lpbt":     {"LPREADY_XEN_DSC", "LPREADY_XEN_CACHE", "LPREADY_SYMS_SHIPPED", "LPREADY_LPBT"},
	"symbols":  {"LPREADY_XEN_DSC", "LPREADY_XEN_CACHE", "LPREADY_SYMS_SHIPPED"},
	"boot":     {"LPREADY_XEN_DSC", "LPREADY_XEN_CACHE", "LPREADY_SYMS_SHIPPED", "LPREADY_BOOT_FILES"},
	"guest":    {"LPREADY_XEN_DSC", "LPREADY_XEN_CACHE", "LPREADY_SYMS_SHIPPED", "LPREADY_BOOT_FILES"},
}

// A spoken is what a command says, for whoever waits until it has.
type spoken struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// background starts a command that runs until the commands of its document are over, and
// waits until it says that it is there.
func background(t *testing.T, args []string) {
	t.Helper()
	var said spoken
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- cli.Run(ctx, cli.Env{Args: args, Getenv: workersEnv, Now: time.Now, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &said})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("%q: %v", args, err)
		}
	})
	for range 1000 {
		if strings.Contains(said.String(), "stop it with") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%q says %q", args, said.String())
}

// workersEnv gives the cache folder of the commands of workers.
func workersEnv(name string) string {
	if name != "XDG_CACHE_HOME" {
		return ""
	}
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "cache")
}

// runs runs one line of a document, or skips it and says so.
func runs(t *testing.T, b block, l string) (ran bool) {
	document := t
	t.Run(l, func(t *testing.T) {
		args := strings.Fields(l)
		switch {
		case b.kind == "apt" || b.kind == "network":
			t.Skipf("%s:%d: needs %s", b.file, b.line, b.kind)
		case strings.HasPrefix(l, "go run ./cmd/lpready "):
			args = args[3:]
		case args[0] == "go":
			t.Skipf("%s:%d: run by .ci/run", b.file, b.line)
		case args[0] == "lpready":
			args = args[1:]
		default:
			t.Fatalf("%s:%d: expected a command of lpready or go: %s", b.file, b.line, l)
		}
		if b.kind == "gcc" || b.kind == "workers" {
			for _, tool := range []string{"gcc", "make", "ld", "objcopy", "patch"} {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("%s is not installed", tool)
				}
			}
		}
		for _, v := range needed[b.kind] {
			if os.Getenv(v) == "" {
				t.Skipf("%s is not set: see %s", v, "README.md")
			}
		}
		if last := len(args) - 1; args[last] == "&" {
			background(document, args[:last])
			ran = true
			return
		}
		var stdout, stderr bytes.Buffer
		getenv := func(name string) string {
			if name == "XDG_CACHE_HOME" && slices.Contains(needed[b.kind], "LPREADY_XEN_CACHE") {
				return os.Getenv("LPREADY_XEN_CACHE")
			}
			return ""
		}
		err := cli.Run(t.Context(), cli.Env{Args: args, Getenv: getenv,
			Now: func() time.Time { return at }, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
		if err != nil && !errors.As(err, new(cli.NotReady)) {
			t.Fatalf("%s:%d: %s: %v\n%s", b.file, b.line, l, err, stderr.String())
		}
		ran = true
	})
	return ran
}

// workspace is a folder in which the documents' commands find what they name.
func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	sample, err := filepath.Abs(filepath.Join(root, "testdata", "sample"))
	if err != nil {
		t.Fatal(err)
	}
	link := func(from, to string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	objects, err := filepath.Abs(filepath.Join(root, "analyze", "objdiff", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	link(filepath.Join(objects, "changed.old.o"), "before/event.o")
	link(filepath.Join(objects, "changed.new.o"), "after/event.o")
	payloads, err := filepath.Abs(filepath.Join(root, "build", "payload", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	link(filepath.Join(payloads, "xen-syms"), "xen-syms")
	link(filepath.Join(payloads, "good.livepatch"), "xsa900.livepatch")
	booted, err := filepath.Abs(filepath.Join(root, "build", "boot", "testdata", "hello.livepatch"))
	if err != nil {
		t.Fatal(err)
	}
	link(booted, "hello.livepatch")
	if packages := os.Getenv("LPREADY_BOOT_FILES"); packages != "" {
		link(packages, "packages")
	}
	for _, name := range []string{"batch", "monday", "thursday"} {
		link(filepath.Join(sample, "batch"), name)
	}
	if git := os.Getenv("LPREADY_XEN_GIT"); git != "" {
		link(git, "xen.git")
	}
	link(filepath.Join(sample, "key.asc"), "key.asc")
	link(filepath.Dir(sample), "testdata")
	if dsc := os.Getenv("LPREADY_XEN_DSC"); dsc != "" {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(dsc), "xen_*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			link(f, filepath.Base(f))
		}
	}
	if tree := os.Getenv("LPREADY_XEN_TREE"); tree != "" {
		link(tree, "xen-4.17.5+72")
	}
	if syms := os.Getenv("LPREADY_SYMS_SHIPPED"); syms != "" {
		link(syms, "symbols/usr/lib/debug/boot/xen-syms-4.17-amd64")
	}
	if tool := os.Getenv("LPREADY_LPBT"); tool != "" {
		link(tool, "livepatch-build-tools")
	}
	if config := os.Getenv("LPREADY_XEN_CONFIG"); config != "" {
		link(config, "hypervisor/boot/xen-4.17-amd64.config")
	}
	return dir
}

// TestCatalogue holds docs/factors.md to the rules.
func TestCatalogue(t *testing.T) {
	var want bytes.Buffer
	if err := render.Factors(&want, "markdown", render.Options{}, factor.Rules()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "docs", "factors.md")
	if *update {
		if err := os.WriteFile(file, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/factors.md is not what the rules say: go test ./cmd/lpready -update")
	}
}

// TestContract wants every key of the JSON record to stand in docs/json.md.
func TestContract(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "docs", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(v reflect.Type) {
		switch v.Kind() {
		case reflect.Slice, reflect.Pointer, reflect.Map:
			walk(v.Elem())
		}
		if v.Kind() != reflect.Struct || v == reflect.TypeFor[time.Time]() || seen[v] {
			return
		}
		seen[v] = true
		for i := range v.NumField() {
			key, _, _ := strings.Cut(v.Field(i).Tag.Get("json"), ",")
			if !v.Field(i).IsExported() {
				continue
			}
			if v.Field(i).Anonymous {
				walk(v.Field(i).Type)
				continue
			}
			if !bytes.Contains(data, []byte("`"+key+"`")) {
				t.Errorf("docs/json.md does not tell about %q of %v", key, v)
			}
			walk(v.Field(i).Type)
		}
	}
	for _, v := range []reflect.Type{
		reflect.TypeFor[render.PlanReport](), reflect.TypeFor[render.PolicyReport](), reflect.TypeFor[render.StatusReport](),
		reflect.TypeFor[build.Report](), reflect.TypeFor[build.Manifest](), reflect.TypeFor[build.Event](),
	} {
		walk(v)
	}
	if len(seen) < 20 {
		t.Errorf("%d structs, expected more", len(seen))
	}
}

// TestLinks wants every relative link of the documents to lead somewhere.
func TestLinks(t *testing.T) {
	target := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, filepath.Join(root, "README.md"), filepath.Join(root, "testdata", "README.md")) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range target.FindAllSubmatch(data, -1) {
			to := filepath.Join(filepath.Dir(file), string(m[1]))
			if _, err := os.Stat(to); err != nil && filepath.Base(file) != "factors.md" {
				t.Error(fmt.Errorf("%s: %w", file, err))
			}
		}
	}
}
