package kbuild

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lpready/build/tree"
	"lpready/vendors"
)

// BenchmarkPrepare compiles Debian's Xen as a base, and plainly by make in the same
// run: the first should cost no more than the second.
func BenchmarkPrepare(b *testing.B) {
	source, config := os.Getenv("LPREADY_XEN_TREE"), os.Getenv("LPREADY_XEN_CONFIG")
	if source == "" || config == "" {
		b.Skip("LPREADY_XEN_TREE and LPREADY_XEN_CONFIG are not set")
	}
	text, err := os.ReadFile(config)
	if err != nil {
		b.Fatal(err)
	}
	req := Request{Source: vendors.Source{Dir: source}, Config: text}
	for b.Loop() {
		dir := b.TempDir()
		start := time.Now()
		plainly(b, req, dir)
		plain := time.Since(start)
		req.Cache = filepath.Join(dir, "cache")
		start = time.Now()
		base, err := Prepare(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		prepared := time.Since(start)
		base.Close()
		b.ReportMetric(plain.Seconds(), "s-make")
		b.ReportMetric(prepared.Seconds(), "s-prepare")
		b.ReportMetric(prepared.Seconds()/plain.Seconds(), "times-make")
	}
}

// plainly copies the source and runs make, as a person would.
func plainly(b *testing.B, req Request, dir string) {
	p, err := tree.Prepare(b.Context(), req.Source, filepath.Join(dir, "trees"), tree.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	to := filepath.Join(dir, "plain")
	if err := p.WorkCopy(b.Context(), to); err != nil {
		b.Fatal(err)
	}
	xen := filepath.Join(to, "xen")
	if err := os.WriteFile(filepath.Join(xen, ".config"), req.Config, 0o600); err != nil {
		b.Fatal(err)
	}
	for _, args := range [][]string{{"olddefconfig"}, buildArgs(xen, &toolchain{}, 0)} {
		if err := (maker{dir: xen, env: (&toolchain{}).env(to), log: io.Discard}).run(b.Context(), buildLimit, args...); err != nil {
			b.Fatal(strings.Join(args, " "), err)
		}
	}
}
