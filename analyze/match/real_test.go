package match

import (
	"os"
	"strings"
	"testing"

	"lpready/analyze/csource"
)

// real reads the hypervisors that environment variables name.
func real(t testing.TB, variables ...string) (list []*Hypervisor) {
	t.Helper()
	for _, v := range variables {
		name := os.Getenv(v)
		if name == "" {
			t.Skip("set LPREADY_SYMS_SHIPPED to the xen-syms of Debian's 4.17.5+72 (its -dbg package), LPREADY_SYMS_OWN to a rebuild with its own .config, LPREADY_SYMS_OTHER to one with that of 4.17.7")
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Read(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list = append(list, h)
	}
	return list
}

// TestOwn wants a rebuild with the shipped configuration to have every symbol of the
// shipped hypervisor, with the same size and the same code.
func TestOwn(t *testing.T) {
	list := real(t, "LPREADY_SYMS_SHIPPED", "LPREADY_SYMS_OWN")
	shipped, own := list[0], list[1]
	r := Compare(shipped, own, Given{})
	if n := &r.Counts; !r.Matches || n.SameSize != len(shipped.Symbols) || n.SameSize != len(own.Symbols) || n.LabelsSame != len(shipped.Labels) {
		t.Errorf("%+v, %q", r.Counts, saysAll(r))
	}
	if !r.SameCompiler || len(r.Options) > 0 || len(r.Warnings) > 0 || shipped.Config == nil || len(shipped.BuildID) != 40 || shipped.BuildID == own.BuildID {
		t.Errorf("%+v, %+v, %v, %v, %q", r.Shipped, r.Rebuilt, r.SameCompiler, r.Options, r.Warnings)
	}
	t.Logf("%d symbols and %d labels are the same", r.Counts.SameSize, r.Counts.LabelsSame)
}

// TestOther wants every difference that another configuration makes to have an option
// as its reason, with the source at hand and without.
func TestOther(t *testing.T) {
	list := real(t, "LPREADY_SYMS_SHIPPED", "LPREADY_SYMS_OTHER")
	shipped, other := list[0], list[1]
	givens := map[string]Given{"without the source": {}}
	if dir := os.Getenv("LPREADY_XEN_TREE"); dir != "" {
		givens["with the source"] = realGiven(t, dir, shipped, other)
	}
	for name, given := range givens {
		r := Compare(shipped, other, given)
		if r.Matches || len(r.Differences) == 0 || len(r.Options) == 0 || !r.SameCompiler {
			t.Fatalf("%s: %+v, %v", name, r.Counts, r.Options)
		}
		for i := range r.Differences {
			d := &r.Differences[i]
			if len(d.Reason.Options) == 0 {
				t.Errorf("%s: %s: %s", name, says(d), because(d.Reason))
			}
			if d.Reason.Kind == ByConfig && given.Index != nil {
				t.Errorf("%s: %s is in no source", name, says(d))
			}
		}
		t.Logf("%s: %+v", name, r.Counts)
		for _, x := range r.Reasons {
			t.Logf("%4d %v %s: %s ...", x.Count, x.May, x.Says, strings.Join(x.Examples, ", "))
		}
	}
}

func realGiven(t *testing.T, dir string, shipped, rebuilt *Hypervisor) Given {
	t.Helper()
	tree := os.DirFS(dir)
	ix, err := csource.Open(t.Context(), tree, csource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	given := Given{Index: ix}
	for _, f := range []struct {
		h  *Hypervisor
		to *[]csource.Unit
	}{{shipped, &given.ShippedUnits}, {rebuilt, &given.RebuiltUnits}} {
		if *f.to, err = csource.Units(tree, csource.Arch(f.h.Config), f.h.Config); err != nil {
			t.Fatal(err)
		}
	}
	return given
}

// BenchmarkOwn reads and compares two hypervisors.
func BenchmarkOwn(b *testing.B) {
	real(b, "LPREADY_SYMS_SHIPPED", "LPREADY_SYMS_OWN")
	var files [2][]byte
	for i, v := range []string{"LPREADY_SYMS_SHIPPED", "LPREADY_SYMS_OWN"} {
		files[i], _ = os.ReadFile(os.Getenv(v)) // was read before
	}
	b.SetBytes(int64(len(files[0]) + len(files[1])))
	b.ReportAllocs()
	for b.Loop() {
		shipped, err := Read(files[0])
		if err != nil {
			b.Fatal(err)
		}
		rebuilt, err := Read(files[1])
		if err != nil {
			b.Fatal(err)
		}
		Compare(shipped, rebuilt, Given{})
	}
}
