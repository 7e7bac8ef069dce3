package build

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lpready/analyze/advisory"
)

// BenchmarkWorkers builds four XSAs of the corpus for the shipped base here, and by a
// worker with as many compilers on this machine: what it costs to hand out work. The base
// is compiled before; the worker has to fetch it. Run it with -benchtime 1x.
func BenchmarkWorkers(b *testing.B) {
	r := realRequest(b, b.TempDir())
	r.Bases, r.XSAs, r.Version = r.Bases[:1], []int{477, 480, 486, 488}, "test"
	r.Batch.Entries = slices.DeleteFunc(r.Batch.Entries, func(e *advisory.Entry) bool { return !slices.Contains(r.XSAs, e.XSA) })
	run := func(name string, change func(*Request)) (*Report, float64) {
		own := r
		own.Work = filepath.Join(b.TempDir(), name)
		if change != nil {
			change(&own)
		}
		began := time.Now()
		report, err := Run(b.Context(), own)
		if err != nil {
			b.Fatal(err)
		}
		seconds := time.Since(began).Seconds()
		tell("%s: %.1f s, %v", name, seconds, report.Totals)
		return report, seconds
	}
	for range b.N {
		run("first", nil) // compiles the base
		here, alone := run("here", nil)
		y := newYard(b)
		_, stop := y.work("worker", r.Tool)
		far, handed := run("worker", func(r *Request) { r.Workers = y.connect("submitter") })
		stop()
		if got, want := results(b, far), results(b, here); got != want {
			b.Errorf("by a worker\n%sexpected\n%s", got, want)
		}
		b.ReportMetric(alone, "here-s")
		b.ReportMetric(handed, "worker-s")
		b.ReportMetric(handed/alone, "ratio")
	}
}
