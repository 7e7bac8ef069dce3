package build

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lpready/analyze/csource"
	"lpready/build/internal/bundle"
	"lpready/build/kbuild"
)

// BenchmarkWorkers builds the corpus for the shipped base: by a worker with as many
// compilers as this machine has, here, and by three workers that are disturbed. Servers
// and those three are processes of their own. The base is compiled before; workers have to
// fetch it. All must come to the same, to the byte. It prints how long the parts of each
// cell took here, which is what build/workers/testdata/phases.csv holds. Run it with
// -benchtime 1x.
func BenchmarkWorkers(b *testing.B) {
	r := realRequest(b, b.TempDir())
	r.Bases, r.XSAs = r.Bases[:1], hypervisorXSAs
	warm(b, r)
	run := func(name string, change func(*Request)) (*Report, float64) {
		own := r
		own.Work = filepath.Join(r.Work, name)
		change(&own)
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
		y := apartYard(b)
		_, stop := y.work("worker", r.Tool)
		far, handed := run("worker", func(r *Request) { r.Workers = y.connect("submitter") })
		stop()
		here, alone := run("here", func(*Request) {})
		tellPhases(b, r, here)
		if got, want := results(b, far), results(b, here); got != want {
			b.Errorf("by a worker\n%sexpected\n%s", got, want)
		}
		b.ReportMetric(alone, "here-s")
		b.ReportMetric(handed, "worker-s")
		b.ReportMetric(handed/alone, "ratio")

		d := apartYard(b).disturb(r.Tool.Dir, 15*time.Second)
		disturbed, seconds := run("disturbed", func(r *Request) { r.Workers, r.Event = d.connect("submitter"), d.event })
		if got, want := results(b, disturbed), results(b, here); got != want {
			b.Errorf("disturbed\n%sexpected\n%s", got, want)
		}
		d.check()
		b.ReportMetric(seconds, "disturbed-s")
	}
}

// warm does what only the first of several runs does: placing the batch, compiling the
// base, reading its source.
func warm(b *testing.B, r Request) {
	m := &matrix{Request: r, started: time.Now(), report: &Report{}}
	m.Event = nil
	if err := m.fit(b.Context()); err != nil {
		b.Fatal(err)
	}
	base := &r.Bases[0]
	if _, err := csource.Open(b.Context(), base.Tree, csource.Options{Cache: r.Cache, Version: r.Version}); err != nil {
		b.Fatal(err)
	}
	openBase(b, r).Close()
}

func openBase(b *testing.B, r Request) *kbuild.Base {
	base := &r.Bases[0]
	built, err := kbuild.Prepare(b.Context(), kbuild.Request{Source: base.Source, Config: base.Config, Arch: base.Vendor.Arch, Compiler: base.Vendor.Compiler, Cache: r.Cache})
	if err != nil {
		b.Fatal(err)
	}
	return built
}

// tellPhases prints lines of a CSV file, with times of one thing at a time: of the base,
// how long it takes to unpack it and how many bytes it is packed; of each XSA, how long it
// takes to prove it, how long the tool took here, and how many bytes its objects are packed.
func tellPhases(b *testing.B, r Request, here *Report) {
	built := openBase(b, r)
	defer built.Close()
	var packed bytes.Buffer
	if err := built.Export(b.Context(), &packed); err != nil {
		b.Fatal(err)
	}
	began, size := time.Now(), packed.Len()
	brought, err := kbuild.Import(b.Context(), built.Key, kbuild.Request{Cache: b.TempDir()}, func(w io.Writer) error { _, err := packed.WriteTo(w); return err })
	if err != nil {
		b.Fatal(err)
	}
	tell("phases: base,%.2f,0,%d", time.Since(began).Seconds(), size)
	brought.Close()
	r.Work = filepath.Join(r.Work, "here")
	m := planned(b, r)
	defer m.close()
	for _, c := range m.cells {
		if len(c.XSAs) != 1 || !slices.Contains(hypervisorXSAs, c.XSAs[0]) {
			continue
		}
		var tool float64
		i := slices.IndexFunc(here.Cells, func(o Cell) bool { return o.ID == c.ID })
		for _, p := range here.Cells[i].Phases {
			if p.Name == phasePayload {
				tool = p.Seconds
			}
		}
		var prove time.Duration
		size := 0
		if c.trial.Base != "" { // else it changes nothing
			prove, size = proveAlone(b, m, c)
		}
		tell("phases: %d,%.2f,%.2f,%d", c.XSAs[0], prove.Seconds(), tool, size)
	}
}

// proveAlone is how long it takes to prove a cell and lay its objects, and how many bytes
// a worker would store of these.
func proveAlone(b *testing.B, m *matrix, c *cell) (time.Duration, int) {
	own, err := m.prober.Apart(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer own.Close()
	began := time.Now()
	if _, err := own.Prove(b.Context(), c.trial); err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(b.TempDir(), "pairs")
	if _, err := own.Lay(b.Context(), c.trial, dir); err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	var packed bytes.Buffer
	if err := bundle.Write(b.Context(), &packed, os.DirFS(dir), own.OfBase(c.Base, dir), "."); err != nil {
		b.Fatal(err)
	}
	return took, packed.Len()
}
