package probe

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpready/analyze"
	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/analyze/objdiff"
	"lpready/build/kbuild"
	"lpready/vendors"
)

// smallTree is a tree with the shape of Xen's that compiles in a second.
const smallTree = "../kbuild/testdata/small"

// small is a prober of the small tree, and the index of that.
func small(t *testing.T) (*Prober, *csource.Index) {
	t.Helper()
	for _, tool := range []string{"gcc", "make", "ld", "objcopy", "cp"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (Debian: build-essential)", tool)
		}
	}
	b, err := kbuild.Prepare(t.Context(), kbuild.Request{Source: vendors.Source{Dir: smallTree}, Config: []byte("CONFIG_X86=y\nCONFIG_LIVEPATCH=y\n"), Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	index, err := csource.Open(t.Context(), os.DirFS(smallTree), csource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return prober(t, b), index
}

// edit is a file of the small tree with a piece replaced.
func edit(t *testing.T, name, old, now string) map[string][]byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(smallTree, name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s has no %q", name, old)
	}
	return map[string][]byte{name: []byte(strings.Replace(string(data), old, now, 1))}
}

func prove(t *testing.T, p *Prober, index *csource.Index, before, after map[string][]byte) *factor.Proof {
	t.Helper()
	proof, err := p.Prove(t.Context(), analyze.Trial{Base: "base", Before: before, After: after, BeforeIndex: index.With(before), AfterIndex: index.With(after)})
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func functions(p *factor.Proof) string {
	var list []string
	for _, d := range p.Trees.Objects {
		for _, f := range d.Functions {
			list = append(list, d.Path+":"+f)
		}
	}
	return strings.Join(list, " ")
}

func TestProve(t *testing.T) {
	p, index := small(t)
	for _, c := range []struct {
		what, file, old, now string
		functions            string
		compared             int
	}{
		{"a function", "xen/common/event.c", "return -1", "return -22", "common/event.o:event_send", 1},
		{"a comment", "xen/common/event.c", "#ifdef CONFIG_TRACE", "/* below */\n#ifdef CONFIG_TRACE", "", 1},
		{"what the configuration leaves out", "xen/common/event.c", "return d->first.state;\n", "return 0;\n", "", 1},
		{"a prototype that nobody needs", "xen/include/xen/sched.h", "int event_send(", "void event_drop(int port);\nint event_send(", "", 0},
		{"an inline function", "xen/include/xen/sched.h", "chn->state > 1", "chn->state > 2", "common/event.o:event_send", 1},
		{"a structure", "xen/include/xen/sched.h", "    int port;\n", "    long lock;\n    int port;\n", "common/domain.o:domain_find common/event.o:event_send", 3},
		{"a made header", "xen/include/public/version.lst", "14", "15", "common/domain.o:domain_version", 1},
	} {
		proof := prove(t, p, index, nil, edit(t, c.file, c.old, c.now))
		if got := functions(proof); got != c.functions || proof.Compiled != c.compared {
			t.Errorf("%s: %q of %d objects, expected %q of %d", c.what, got, proof.Compiled, c.functions, c.compared)
		}
	}
}

// TestProveLife wants a type with objects to be told from one without.
func TestProveLife(t *testing.T) {
	p, index := small(t)
	proof := prove(t, p, index, nil, edit(t, "xen/include/xen/sched.h", "    int port;\n", "    long lock;\n    int port;\n"))
	lives := map[string]objdiff.Life{}
	for _, l := range proof.Lives {
		lives[l.Type] = l
	}
	if l := lives["struct evtchn"]; l.Kind != objdiff.LifePointed || !strings.Contains(strings.Join(l.Path, " "), "domain_list") {
		t.Errorf("struct evtchn: %+v", l)
	}
	if got := prove(t, p, index, nil, edit(t, "xen/common/event.c", "return -1", "return -22")).Lives; got != nil {
		t.Errorf("no layout changed: %+v", got)
	}
}

// TestProveAssembly wants the offsets in assembly, which no payload holds, to be
// missed.
func TestProveAssembly(t *testing.T) {
	p, index := small(t)
	proof := prove(t, p, index, nil, edit(t, "xen/include/xen/sched.h", "    int id;\n", "    long lock;\n    int id;\n"))
	for _, d := range proof.Trees.Objects {
		if d.Path == "arch/x86/entry.o" && d.Ignored != nil && slices.Equal(d.Ignored.Text, []string{".text"}) {
			return
		}
	}
	t.Errorf("entry.o is not among what is lost: %+v", proof.Trees.Objects)
}

// TestProveQueue compares with what comes before, not with the base.
func TestProveQueue(t *testing.T) {
	p, index := small(t)
	before := edit(t, "xen/include/xen/sched.h", "chn->state > 1", "chn->state > 2")
	after := edit(t, "xen/common/event.c", "return -1", "return -22")
	after["xen/include/xen/sched.h"] = before["xen/include/xen/sched.h"]
	proof := prove(t, p, index, before, after)
	if got := functions(proof); got != "common/event.o:event_send" || proof.Reached != 1 {
		t.Errorf("%q, %d reached", got, proof.Reached)
	}
	if proof := prove(t, p, index, before, before); proof.Compiled != 0 || proof.Trees == nil {
		t.Errorf("nothing changed, %d compared", proof.Compiled)
	}
}

// TestProveMake lets make see to a new source.
func TestProveMake(t *testing.T) {
	p, index := small(t)
	after := edit(t, "xen/Makefile", "OBJS := ", "OBJS := common/extra.o ")
	after["xen/common/extra.c"] = []byte("int extra(void)\n{\n    return 1;\n}\n")
	proof := prove(t, p, index, nil, after)
	if !slices.Equal(proof.Trees.Added, []string{"common/extra.o"}) {
		t.Errorf("added %v", proof.Trees.Added)
	}
}

// TestProveFails tells a patch that does not compile from a machine that fails.
func TestProveFails(t *testing.T) {
	p, index := small(t)
	proof := prove(t, p, index, nil, edit(t, "xen/common/event.c", "d->first.port", "d->second.port"))
	if proof.FailedAt != "xen/common/event.c:5" || !strings.Contains(proof.Failed, "no member named") || proof.Trees != nil {
		t.Errorf("%+v", proof)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Prove(ctx, analyze.Trial{Base: "base", After: edit(t, "xen/common/domain.c", "return 0", "return d"), BeforeIndex: index, AfterIndex: index}); err == nil {
		t.Error("cancelled, and no error")
	}
	if proof, err := p.Prove(t.Context(), analyze.Trial{Base: "another"}); proof != nil || err != nil {
		t.Errorf("a base that was not added: %v, %v", proof, err)
	}
}

// TestClosed leaves nothing behind.
func TestClosed(t *testing.T) {
	dir := t.TempDir()
	p, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
