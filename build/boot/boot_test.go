package boot

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"lpready/analyze/match"
	"lpready/build/payload"
)

// deb makes a package with these files; a text that begins with "->" is a link.
func deb(t testing.TB, packed string, files map[string]string) []byte {
	t.Helper()
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for name, text := range files {
		h := &tar.Header{Name: "./" + name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}
		if target, ok := strings.CutPrefix(text, "->"); ok {
			h.Typeflag, h.Linkname, h.Size, text = tar.TypeSymlink, target, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	var z io.WriteCloser
	switch packed {
	case ".xz":
		z, _ = xz.NewWriter(&body)
	case ".zst":
		z, _ = zstd.NewWriter(&body)
	case ".gz":
		z = gzip.NewWriter(&body)
	default:
		body = data
	}
	if z != nil {
		z.Write(data.Bytes())
		z.Close()
	}
	out := []byte("!<arch>\n")
	for _, m := range []struct{ name, data string }{{"debian-binary", "2.0\n"}, {"control.tar", "odd"}, {"data.tar" + packed, body.String()}} {
		out = fmt.Appendf(out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m.name, 0, 0, 0, "100644", len(m.data), m.data)
		if len(m.data)%2 == 1 {
			out = append(out, '\n')
		}
	}
	return out
}

// TestPackages wants files out of packages however they are packed, unpacked once, and
// nothing from outside of them.
func TestPackages(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "cache")
	for i, packed := range []string{".xz", ".zst", ".gz", ""} {
		write(t, filepath.Join(dir, fmt.Sprintf("p%d_1_amd64.deb", i)), deb(t, packed, map[string]string{
			fmt.Sprintf("usr/lib/x/lib%d.so.1", i): "->" + fmt.Sprintf("lib%d.so.1.0", i), fmt.Sprintf("usr/lib/x/lib%d.so.1.0", i): "library",
			"usr/share/doc/x": "not kept", "usr/lib/x/out.so": "->/etc/passwd", "boot/vmlinuz-1": "kernel",
		}))
	}
	for range 2 {
		f, err := OpenFiles(t.Context(), cache, dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.roots) != 4 || len(f.all(func(string) bool { return true })) != 16 || len(f.kernels()) != 4 {
			t.Errorf("%+v", f.roots)
		}
		for i := range 4 {
			data, err := f.base(fmt.Sprintf("lib%d.so.1", i))[0].read()
			if err != nil || string(data) != "library" {
				t.Errorf("%q, %v", data, err)
			}
		}
		if data, err := f.base("out.so")[0].read(); err == nil {
			t.Errorf("a link led out of the package: %q", data)
		}
		_, err = f.program("xen-livepatch")
		var lacks *LacksError
		if !errors.As(err, &lacks) || !strings.Contains(err.Error(), "xen-utils") || !strings.Contains(err.Error(), "Fedora") {
			t.Errorf("%v", err)
		}
	}
	if list, _ := os.ReadDir(cache); len(list) != 4 {
		t.Errorf("%v", list)
	}
	write(t, filepath.Join(dir, "p1_2_amd64.deb"), deb(t, "", nil))
	if _, err := OpenFiles(t.Context(), cache, dir); err == nil || !strings.Contains(err.Error(), "one version of p1") {
		t.Errorf("%v", err)
	}
	broken := filepath.Join(t.TempDir(), "broken.deb")
	write(t, broken, deb(t, ".xz", map[string]string{"boot/vmlinuz": "k"})[:200])
	if _, err := OpenFiles(t.Context(), cache, broken); err == nil || !strings.Contains(err.Error(), "broken.deb") {
		t.Errorf("%v", err)
	}
	if list, _ := filepath.Glob(filepath.Join(cache, "unpacking-*")); len(list) > 0 {
		t.Errorf("left over: %v", list)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenFiles(ctx, t.TempDir(), filepath.Join(dir, "p0_1_amd64.deb")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func FuzzReadDeb(f *testing.F) {
	for _, packed := range []string{"", ".xz", ".zst"} {
		f.Add(deb(f, packed, map[string]string{"boot/vmlinuz": "kernel", "lib/a.so": "->b"}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		readDeb(bytes.NewReader(data), func(string) bool { return true }, func(e entry) error {
			if e.name != "" && !filepath.IsLocal(e.name) {
				t.Errorf("name %q", e.name)
			}
			return nil
		})
	})
}

// TestImage wants an archive that a reader of the format takes, with folders before
// what is in them.
func TestImage(t *testing.T) {
	m := newImage()
	m.file("bin/busybox", []byte("b"), true)
	m.link("bin/sh", "busybox")
	m.file("lib/x/y", []byte("yy"), false)
	data, err := m.archive()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	r := cpio.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %o %s", h.Name, h.Mode, h.Linkname))
	}
	want := []string{"bin 40700 ", "bin/busybox 100700 ", "bin/sh 120777 busybox", "lib 40700 ", "lib/x 40700 ", "lib/x/y 100600 "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if again, _ := m.archive(); !bytes.Equal(data, again) {
		t.Error("other bytes")
	}
}

const said = "@ready 5.1\r\n@0 begin 5.2\n|Nothing to list\n@0 exit 0 1 5.50\n@1 begin 6\n|@2 begin 1\n@1 exit 2 5 9\n@2 skip\n@3 begin 10\n|half\n@3 ex"

// TestTranscript wants what a command printed to stay output, and what is cut off not to count.
func TestTranscript(t *testing.T) {
	got := readTranscript([]byte(said))
	want := &transcript{ready: true, last: 3, steps: map[int]*outcome{
		0: {ended: true, tries: 1, began: 5.2, took: got.steps[0].took, output: []string{"Nothing to list"}},
		1: {ended: true, status: 2, tries: 5, began: 6, took: 3, output: []string{"@2 begin 1"}},
		2: {ended: true, skipped: true}, 3: {began: 10, output: []string{"half"}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	list := states([]string{" ID                                     | status     | metadata", "----------------------------------------+------------+---------------",
		"xsa480                                  | APPLIED    | "})
	if !reflect.DeepEqual(list, map[string]string{"xsa480": "APPLIED"}) {
		t.Errorf("%v", list)
	}
}

func FuzzTranscript(f *testing.F) {
	f.Add([]byte(said))
	f.Fuzz(func(t *testing.T, data []byte) {
		for id, o := range readTranscript(data).steps {
			if id < 0 || o == nil || len(o.output) > maxOutput {
				t.Errorf("%d: %+v", id, o)
			}
		}
	})
}

const trace = `(XEN) build-id: aa
lpready: step 2
(XEN) livepatch: p: Applying 1 functions
(XEN) ----[ Xen-4.17.5  x86_64  debug=n  Not tainted ]----
(XEN) RIP:    e008:[<ffff82d0405d1008>] hook_body+0/0x2 [p]
(XEN) Xen call trace:
(XEN)    [<ffff82d0405d1008>] R hook_body+0/0x2 [p]
(XEN)    [<ffff82d040221965>] S livepatch.c#apply_payload+0x65/0x1d0
(XEN) 
(XEN) Panic on CPU 0:
(XEN) FATAL TRAP: vector = 6 (invalid opcode)
(XEN) Reboot in five seconds...
`

// TestConsole wants a crash told by its place, named by the symbols that are at hand.
func TestConsole(t *testing.T) {
	c := readConsole([]byte(strings.ReplaceAll(trace, "\n", "\r\n")))
	if !slices.Equal(livepatchLines(c.steps[2]), []string{"livepatch: p: Applying 1 functions"}) || len(c.before) != 1 {
		t.Errorf("%+v", c)
	}
	h := &match.Hypervisor{Symbols: []match.Symbol{{Name: "apply_payload", File: "common/livepatch.c", Local: true, Addr: 0xffff82d040221900, Size: 0x1d0}}}
	got := readCrash(c.steps[2], h)
	rip := Frame{Address: "0xffff82d0405d1008", Symbol: "hook_body", Payload: "p"}
	first := rip
	first.Kind = "R"
	want := &Crash{Panic: "FATAL TRAP: vector = 6 (invalid opcode)", RIP: &rip, Payload: true, Faults: 1, Trace: []Frame{first,
		{Address: "0xffff82d040221965", Symbol: "common/livepatch.c#apply_payload", Offset: 0x65, Kind: "S"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if says := got.where(); says != "FATAL TRAP: vector = 6 (invalid opcode) at hook_body+0x0 in payload p" {
		t.Error(says)
	}
	if c := readCrash([]string{"(XEN) all is well"}, nil); c != nil {
		t.Errorf("%+v", c)
	}
}

func FuzzConsole(f *testing.F) {
	f.Add([]byte(trace))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := readConsole(data)
		for _, lines := range c.steps {
			if crash := readCrash(lines, nil); crash != nil && len(crash.Trace) > maxFrames {
				t.Error(len(crash.Trace))
			}
		}
	})
}

// made reads a payload of testdata.
func made(t testing.TB, name string) Payload {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".livepatch"))
	if err != nil {
		t.Fatal(err)
	}
	return Payload{Name: name, Data: data}
}

// actions are the steps of a plan in short.
func actions(p *plan) string {
	var words []string
	for _, s := range p.steps {
		words = append(words, strings.TrimSpace(s.action+" "+s.subject))
	}
	return strings.Join(words, ", ")
}

// TestPlan wants the steps that a policy asks for.
func TestPlan(t *testing.T) {
	a, b := made(t, "hello"), made(t, "hello-again")
	const begin = "list, upload hello, apply hello, list, exercise, revert hello, list, apply hello, list, exercise, "
	for _, c := range []struct {
		name string
		plan *plan
		want string
	}{
		{"replaced", planOne(a, nil, &b, Policy{Replace: true}, false), begin +
			"upload hello-again, replace hello-again, list, unload hello, revert hello-again, unload hello-again, list"},
		{"alone", planOne(a, nil, nil, Policy{}, false), begin + "revert hello, unload hello, list"},
		{"stacked", planOne(a, nil, &b, Policy{Stacking: true}, false), begin +
			"upload hello-again, apply hello-again, list, revert hello-again, unload hello-again, revert hello, unload hello, list"},
		{"set upon each other", planSet([]Payload{a, b}, Policy{}), "list, upload hello, apply hello, list, exercise, upload hello-again, apply hello-again, list, exercise, " +
			"revert hello-again, unload hello-again, revert hello, unload hello, list"},
		{"set that replaces", planSet([]Payload{a, b}, Policy{Replace: true}), "list, upload hello, apply hello, list, exercise, upload hello-again, replace hello-again, list, exercise, " +
			"revert hello-again, unload hello-again, unload hello, list"},
		{"guest", planOne(a, nil, nil, Policy{}, true), "list, toolstack, guest-create older, guest-runs older, upload hello, apply hello, list, exercise, guest-create newer, guest-runs newer, " +
			"guest-destroy newer, guest-destroy older, revert hello, list, apply hello, list, exercise, revert hello, unload hello, list"},
	} {
		if got := actions(c.plan); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	script := string(planSet([]Payload{{Name: "it's"}}, Policy{}).script())
	if !strings.Contains(script, `step 1 0 'livepatch' 'upload' 'it'\''s' '/payloads/0.livepatch'`) {
		t.Error(script)
	}
}

// TestCopy wants a second payload that no check takes for the first.
func TestCopy(t *testing.T) {
	for _, name := range []string{"hello", "no-quiet"} {
		one := made(t, name)
		two, err := copyOf(&one, false)
		if err != nil {
			t.Fatal(err)
		}
		p, err := payload.Read(one.Data)
		if err != nil {
			t.Fatal(err)
		}
		r, err := payload.VerifyFile(two.Data, nil, payload.Options{Name: two.Name, Xen: "4.17", Previous: p, Before: name, Replace: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			if f.Severity == payload.Refused && f.Check != "vetoing-hooks" && f.Check != "vetoing-hooks-previous" {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

// TestTracer wants functions to be found by the block after their old entry, wherever
// the payload lies, and nothing to be taken for it that is not.
func TestTracer(t *testing.T) {
	one := made(t, "hello")
	h := &match.Hypervisor{Symbols: []match.Symbol{{Name: "start", Addr: 0xffff82d040200000, Size: 16}, {Name: "xen_extra_version", Addr: 0xffff82d040234940, Size: 12}}}
	ran, err := newTracer(h, one.Data)
	if err != nil {
		t.Fatal(err)
	}
	if got := ran.filter(); got != "0xffff82d040234940+1,0xffff82d04023494c..0xffff82d07f000000" {
		t.Error(got)
	}
	block := func(cpu int, addr uint64) string {
		return fmt.Sprintf("Trace %d: 0x7f0000000000 [00000000/%016x/00c0/ff] \n", cpu, addr)
	}
	feed := func(text string) {
		for len(text) > 0 { // in pieces, as a pipe does
			n := min(7, len(text))
			ran.Write([]byte(text[:n]))
			text = text[n:]
		}
	}
	feed(block(0, 0xffff82d040234940) + block(0, 0xffff82d0405d1004) + "noise\n")
	if got := ran.ran(); got[0].Ran {
		t.Errorf("%+v", got)
	}
	feed(block(0, 0xffff82d040234940) + block(1, 0xffff82d0405d2000) + block(0, 0xffff82d0405d1000) + block(0, 0xffff82d0405d1000))
	if got := ran.ran(); !reflect.DeepEqual(got, []RanFunction{{Name: "xen_extra_version", Ran: true, Times: 2}}) {
		t.Errorf("%+v", got)
	}
	if _, err := newTracer(nil, one.Data); err == nil {
		t.Error("no symbols, no error")
	}
}

func FuzzTracer(f *testing.F) {
	f.Add([]byte("Trace 0: 0x7f [00000000/ffff82d0405d1000/00c0/ff] \n"))
	one := made(f, "hello")
	h := &match.Hypervisor{Symbols: []match.Symbol{{Name: "xen_extra_version", Addr: 0xffff82d040234940, Size: 12}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		ran, err := newTracer(h, one.Data)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := ran.Write(data); n != len(data) || err != nil || len(ran.line) > 1<<20 {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// TestCompare wants a disagreement between the checks and the hypervisor to be told.
func TestCompare(t *testing.T) {
	finding := payload.Finding{Check: "symbol", Severity: payload.Refused, Source: "xen/common/livepatch_elf.c: x", Loader: "livepatch: p: Unknown symbol: nowhere"}
	refusal := func(says string) *Result {
		return &Result{Payload: "p", Verdict: Refused, Refusal: &Refusal{Action: actUpload, Payload: "p", Says: says}}
	}
	for _, c := range []struct {
		result        *Result
		findings      []payload.Finding
		check, defect string
	}{
		{refusal("livepatch: p: Unknown symbol: nowhere"), []payload.Finding{finding}, "symbol", ""},
		{refusal("livepatch: p: Unknown symbol: nowhere"), nil, "", "verify accepted"},
		{refusal("livepatch: p: Overflow"), []payload.Finding{finding}, "", "another refusal"},
		{&Result{Payload: "p", Verdict: Passed}, []payload.Finding{finding}, "", "took the payload"},
		{&Result{Payload: "p", Verdict: Passed}, []payload.Finding{{Severity: payload.Refused, Source: "lpready: own"}}, "", ""},
	} {
		c.result.compare(&payload.Result{Findings: c.findings})
		check := ""
		if c.result.Refusal != nil {
			check = c.result.Refusal.Check
		}
		if check != c.check || !strings.Contains(c.result.Defect, c.defect) || c.defect == "" && c.result.Defect != "" {
			t.Errorf("%q, %q", check, c.result.Defect)
		}
	}
}

// FuzzNeeds wants programs that are damaged to give an error, and names of files alone.
func FuzzNeeds(f *testing.F) {
	if data, err := os.ReadFile("/proc/self/exe"); err == nil && len(data) < 1<<20 {
		f.Add(data)
	}
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		libraries, loader, err := needs(data)
		if err != nil && (libraries != nil || loader != "") {
			t.Errorf("%q, %q with %v", libraries, loader, err)
		}
	})
}

// FuzzCopy wants a copy to be of the same size, and the payload to stay as it was.
func FuzzCopy(f *testing.F) {
	for _, name := range []string{"hello", "no-quiet"} {
		f.Add(made(f, name).Data, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, stacked bool) {
		before := bytes.Clone(data)
		two, err := copyOf(&Payload{Name: "p", Data: data}, stacked)
		if !bytes.Equal(before, data) || err == nil && len(two.Data) != len(data) {
			t.Errorf("%v", err)
		}
	})
}
