package build

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/csource"
	"lpready/build/lpbt"
	"lpready/build/lpbt/standin"
	"lpready/build/tree"
	"lpready/vendors"
)

// smallTree is a tree with the shape of Xen's that compiles in a second.
const smallTree = "kbuild/testdata/small"

// standIn is the folder with the stand-in for livepatch-build-tools, which is this test
// program under other names.
var standIn string

func TestMain(m *testing.M) {
	standin.Run()
	for be, do := range map[string]func(){"LPREADY_TEST_RUN": runApart, beWorker: workApart, beServer: serveApart} {
		if os.Getenv(be) != "" {
			do()
			return
		}
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "build")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		standIn = filepath.Join(dir, "tool")
		if err := standin.Install(standIn); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// A scene is what a test builds from: two bases of the small tree, and a batch.
type scene struct {
	t       testing.TB
	dir     string
	patches map[string]string // texts by name
	events  []Event
}

// Patches to the small tree.
var (
	sendPatch = hunk("xen/common/event.c", "@@ -4,5 +4,5 @@\n {\n     if ( d->first.port != port )\n-        return -1;\n+        return -22;\n \n     if ( event_pending(&d->first) )\n")
	findPatch = hunk("xen/common/domain.c", "@@ -13,6 +13,6 @@\n \n     for ( d = domain_list; d; d = d->next )\n-        if ( d->id == id )\n+        if ( d->id == id && id >= 0 )\n             return d;\n \n     return 0;\n")
	// onSend changes what sendPatch brought.
	onSend    = hunk("xen/common/event.c", "@@ -4,5 +4,5 @@\n {\n     if ( d->first.port != port )\n-        return -22;\n+        return -23;\n \n     if ( event_pending(&d->first) )\n")
	notePatch = hunk("xen/common/event.c", "@@ -16,4 +16,5 @@\n \n #ifdef CONFIG_TRACE\n+/* traced */\n int event_trace(struct domain *d)\n {\n")
	oddPatch  = hunk("xen/common/event.c", "@@ -4,4 +4,4 @@\n {\n     if ( d->second.port != port )\n-        return -1;\n+        return -22;\n \n")
	badPatch  = hunk("xen/common/event.c", "@@ -9,5 +9,5 @@\n         return 1;\n \n-    d->first.state = 2;\n+    d->first.stat = 2;\n \n     return 0;\n")
)

func hunk(file, text string) string { return fmt.Sprintf("--- a/%s\n+++ b/%s\n%s", file, file, text) }

// asking is a patch whose first new line asks the stand-in for a deed.
func asking(deed, patch string) string {
	head, rest, _ := strings.Cut(patch, "\n+ ")
	line, rest, _ := strings.Cut(rest, "\n")
	return fmt.Sprintf("%s\n+ %s /* standin: %s */\n%s", head, line, deed, rest)
}

func newScene(t testing.TB, patches map[string]string) *scene {
	t.Helper()
	for _, tool := range []string{"gcc", "make", "ld", "objcopy", "patch", "cp"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (Debian: build-essential patch)", tool)
		}
	}
	s := &scene{t: t, dir: t.TempDir(), patches: patches}
	for id := range configs {
		s.link(id)
	}
	return s
}

func (s *scene) write(name, text string) string {
	s.t.Helper()
	name = filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}

// link makes a shipped xen-syms of a base: the small tree's code, linked where Xen is,
// with a build-id. Beside it goes one for the mode faithful, in which the stand-in takes
// every function to have eight bytes.
func (s *scene) link(id string) {
	s.t.Helper()
	s.write("include/public/version.h", "#define XEN_MAJOR 4\n#define XEN_MINOR 14\n")
	s.write("include/generated/autoconf.h", map[string]string{"tracing": "#define CONFIG_TRACE 1\n"}[id])
	var objects []string
	for _, name := range []string{"domain", "event"} {
		object := filepath.Join(s.dir, name+".o")
		s.command("gcc", "-O2", "-nostdinc", "-fno-pic", "-mcmodel=kernel", "-ffunction-sections", "-fno-asynchronous-unwind-tables", "-I"+filepath.Join(s.dir, "include"),
			"-I"+smallTree+"/xen/include", "-include", smallTree+"/xen/include/xen/config.h", "-c", "-o", object, smallTree+"/xen/common/"+name+".c")
		objects = append(objects, object)
	}
	var text strings.Builder
	for _, name := range []string{"event_send", "domain_find", "domain_version"} {
		fmt.Fprintf(&text, ".section .text.%[1]s,\"ax\"\n.globl %[1]s\n.type %[1]s,@function\n%[1]s: ret\n .fill 7, 1, 0x90\n.size %[1]s, .-%[1]s\n", name)
	}
	fmt.Fprintf(&text, ".section .bss,\"aw\",@nobits\n.globl domain_list\n.type domain_list,@object\ndomain_list: .skip 8\n.size domain_list, 8\n.section .rodata\n.asciz \"%s\"\n", id)
	source := s.write("eight.s", text.String())
	s.command("gcc", "-c", "-o", source+".o", source)
	for to, from := range map[string][]string{s.symbols(id): objects, s.symbols(id) + eightBytes: {source + ".o"}} {
		s.command("ld", append([]string{"--build-id=sha1", "-e", "event_send", "-Ttext-segment=0xffff82d040200000", "-z", "max-page-size=4096", "-o", to}, from...)...)
	}
}

// eightBytes is the end of the name of a xen-syms for the mode faithful.
const eightBytes = ".eight"

func (s *scene) command(name string, args ...string) {
	s.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func (s *scene) symbols(id string) string { return filepath.Join(s.dir, "xen-syms-"+id) }

// configs of the two bases.
var configs = map[string]string{"plain": "CONFIG_X86=y\nCONFIG_LIVEPATCH=y\n", "tracing": "CONFIG_X86=y\nCONFIG_LIVEPATCH=y\nCONFIG_TRACE=y\n"}

func (s *scene) request() Request {
	s.t.Helper()
	tool, err := lpbt.Find(s.t.Context(), standIn)
	if err != nil {
		s.t.Fatal(err)
	}
	r := Request{Vendor: "test", Grouping: Separate, Mode: Shared, Tool: tool, Work: filepath.Join(s.dir, "work"), Cache: filepath.Join(s.dir, "cache"),
		Version: "test", Jobs: 2, Now: time.Now, Event: func(e Event) { s.events = append(s.events, e) }}
	var paths []string
	for name, text := range s.patches {
		paths = append(paths, s.write(filepath.Join("batch", name), text))
	}
	slices.Sort(paths)
	if r.Batch, err = advisory.Read(s.t.Context(), paths, advisory.Options{}); err != nil {
		s.t.Fatal(err)
	}
	for _, id := range []string{"plain", "tracing"} {
		config, err := csource.ParseConfig(id, strings.NewReader(configs[id]))
		if err != nil {
			s.t.Fatal(err)
		}
		source, err := tree.At(smallTree)
		if err != nil {
			s.t.Fatal(err)
		}
		r.Bases = append(r.Bases, Base{Base: analyze.Base{ID: id, Xen: "4.14", Arch: "x86", Tree: os.DirFS(smallTree), Config: config},
			Vendor: &vendors.Base{ID: id, Xen: "4.14", Arch: "x86_64"}, Source: source, Config: []byte(configs[id]), Symbols: s.symbols(id)})
	}
	return r
}

// run runs a request, with changes to it.
func (s *scene) run(change func(*Request)) *Report {
	s.t.Helper()
	r := s.request()
	if change != nil {
		change(&r)
	}
	s.events = nil
	report, err := Run(s.t.Context(), r)
	if err != nil {
		s.t.Fatal(err)
	}
	return report
}

// statuses are those of the cells, in order.
func statuses(r *Report) string {
	var list []string
	for _, c := range r.Cells {
		list = append(list, c.ID+" "+string(c.Status))
	}
	return strings.Join(list, ", ")
}

// worked lists the phases that were run, not taken over.
func worked(r *Report) (list []string) {
	for _, c := range r.Cells {
		for _, p := range c.Phases {
			if !p.Kept {
				list = append(list, c.ID+":"+p.Name)
			}
		}
	}
	return list
}

func (s *scene) out(name string) []byte {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "work", outDir, filepath.FromSlash(name)))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

func (s *scene) manifest(name string) (m Manifest) {
	s.t.Helper()
	if err := json.Unmarshal(s.out(name), &m); err != nil {
		s.t.Fatal(err)
	}
	return m
}
