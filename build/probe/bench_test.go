package probe

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/objdiff"
	"lpready/analyze/truth"
	"lpready/build/kbuild"
	"lpready/vendors"
)

// trialOf is one XSA of the corpus alone on Debian's tree.
func trialOf(b *testing.B, xsa int) (*kbuild.Base, analyze.Trial) {
	b.Helper()
	dir, config := truth.Env(b, "LPREADY_XEN_TREE", "Debian's Xen 4.17.5+72"), truth.Shared(b, "truth", "xen.config")
	base := compiled(b, vendors.Source{Dir: dir}, config)
	batch, err := advisory.Read(b.Context(), []string{truth.Shared(b, "corpus", trialFiles[xsa])}, advisory.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var trial analyze.Trial
	_, err = analyze.Assess(b.Context(), analyze.Request{Batch: batch,
		Bases: []analyze.Base{{ID: "base", Xen: "4.17", Tree: os.DirFS(dir), Config: truth.Config(b, config)}},
		Prove: capture(&trial)})
	if err != nil || trial.After == nil {
		b.Fatalf("XSA-%d: %v", xsa, err)
	}
	return base, trial
}

var trialFiles = map[int]string{480: "xsa480-4.17.patch", 491: "xsa491-4.17.patch"}

// threeBuilds is what livepatch-build does for a patch, at its best: the whole
// original, what is patched, and the original of that again; and the comparison of
// the objects, by our own differ.
func threeBuilds(b *testing.B, base *kbuild.Base, trial analyze.Trial) (full, rest time.Duration) {
	b.Helper()
	ctx, dir := context.Background(), b.TempDir()
	before := time.Now()
	fresh, err := kbuild.Prepare(ctx, kbuild.Request{Source: vendors.Source{Dir: os.Getenv("LPREADY_XEN_TREE")}, Config: base.Config, Cache: filepath.Join(dir, "cache")})
	if err != nil {
		b.Fatal(err)
	}
	defer fresh.Close()
	full = time.Since(before)
	before = time.Now()
	patched, err := fresh.Rebuild(ctx, filepath.Join(dir, "patched"), trial.After)
	if err != nil {
		b.Fatal(err)
	}
	original := map[string][]byte{}
	for name := range trial.After {
		if original[name], err = os.ReadFile(filepath.Join(os.Getenv("LPREADY_XEN_TREE"), name)); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := patched.Rebuild(ctx, filepath.Join(dir, "original"), original); err != nil {
		b.Fatal(err)
	}
	if _, err := objdiff.CompareTrees(ctx, os.DirFS(fresh.Dir), os.DirFS(patched.Dir), objdiff.Options{Xen: "4.17"}); err != nil {
		b.Fatal(err)
	}
	return full, time.Since(before)
}

// BenchmarkProbe gives the time of a proof, with the base prepared, and how many
// times that the three builds take, which are made once in the same run.
func BenchmarkProbe(b *testing.B) {
	for _, c := range []struct {
		name string
		xsa  int
	}{{"source", 480}, {"header", 491}} {
		b.Run(c.name, func(b *testing.B) {
			base, trial := trialOf(b, c.xsa)
			defer base.Close()
			full, rest := threeBuilds(b, base, trial)
			var spent time.Duration
			compared := 0
			for b.Loop() {
				b.StopTimer()
				p, err := New(b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				again := compiled(b, vendors.Source{Dir: os.Getenv("LPREADY_XEN_TREE")}, truth.Shared(b, "truth", "xen.config"))
				if err := p.Add("base", "4.17", again, nil, ""); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				start := time.Now()
				proof, err := p.Prove(b.Context(), trial)
				spent += time.Since(start)
				if err != nil {
					b.Fatal(err)
				}
				compared = proof.Compiled
				b.StopTimer()
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			each := spent / time.Duration(b.N)
			b.ReportMetric(float64(compared), "objects")
			b.ReportMetric(full.Seconds(), "s-full-build")
			b.ReportMetric((full + rest).Seconds(), "s-three-builds")
			b.ReportMetric((full+rest).Seconds()/each.Seconds(), "times-faster")
		})
	}
}
