package factor

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpready/analyze/csource"
	"lpready/analyze/patch"
	"lpready/analyze/reach"
)

func TestCatalogue(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range Rules() {
		if seen[r.ID] || r.ID == "" {
			t.Errorf("rule %q: expected an id of its own", r.ID)
		}
		seen[r.ID] = true
		if r.Title == "" || r.Explanation == "" || r.Remedy == "" || r.Severity == "" || r.Check == nil {
			t.Errorf("%s: expected title, explanation, remedy, severity and check", r.ID)
		}
		if moves := r.Severity == Blocker || r.Severity == Change; moves && r.Class == "" {
			t.Errorf("%s: expected a class, since its findings move it", r.ID)
		}
		if _, err := os.Stat(strings.ReplaceAll(r.ID, "-", "_") + ".go"); err != nil {
			t.Errorf("%s: expected the rule in a file of its own: %v", r.ID, err)
		}
	}
	if !slices.IsSortedFunc(Rules(), func(a, b Rule) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("expected the rules sorted by id")
	}
}

func TestScope(t *testing.T) {
	for name, want := range map[string]string{
		"xen/arch/x86/mm/p2m.c":                "hypervisor/x86",
		"xen/arch/x86/include/asm/mm.h":        "hypervisor/x86",
		"xen/include/asm-x86/mm.h":             "hypervisor/x86",
		"xen/include/public/arch-x86/xen.h":    "hypervisor/x86",
		"xen/include/public/arch-x86_64.h":     "hypervisor/x86",
		"xen/include/xen/lib/x86/cpu-policy.h": "hypervisor/x86",
		"xen/lib/x86/cpuid.c":                  "hypervisor/x86",
		"xen/drivers/passthrough/vtd/iommu.c":  "hypervisor/x86",
		"xen/drivers/passthrough/pci.c":        "hypervisor/common",
		"xen/drivers/passthrough/arm/smmu.c":   "hypervisor/arm",
		"xen/arch/arm/arm64/entry.S":           "hypervisor/arm",
		"xen/include/asm-arm/page.h":           "hypervisor/arm",
		"xen/include/asm-generic/div64.h":      "hypervisor/common",
		"xen/include/public/arch-arm.h":        "hypervisor/arm",
		"xen/arch/riscv/setup.c":               "hypervisor/riscv",
		"xen/arch/ppc/setup.c":                 "hypervisor/ppc",
		"xen/common/grant_table.c":             "hypervisor/common",
		"xen/include/public/domctl.h":          "hypervisor/common",
		"xen/lib/list-sort.c":                  "hypervisor/common",
		"xen/Makefile":                         "hypervisor/common",
		"xen/xsm/flask/hooks.c":                "hypervisor/common",
		"xen/xsm/flask/policy/access_vectors":  "flask-policy",
		"tools/flask/policy/modules/xen.te":    "flask-policy",
		"tools/xenstored/core.c":               "toolstack",
		"stubdom/Makefile":                     "toolstack",
		"docs/misc/xen-command-line.pandoc":    "docs",
		"SUPPORT.md":                           "docs",
		".cirrus.yml":                          "other",
		"automation/build/Dockerfile":          "other",
		"xen/tools/kconfig/confdata.c":         "other",
		"drivers/block/xen-blkback/blkback.c":  "other",
		"hw/xen/xen_pt.c":                      "other",
		"":                                     "other",
	} {
		if got := Scope(name); got != want {
			t.Errorf("Scope(%q) = %s, want %s", name, got, want)
		}
	}
	patches := []patch.Patch{{Files: []patch.File{{NewName: "xen/include/public/domctl.h"}, {NewName: "SUPPORT.md"}}}}
	if got, want := Scopes(patches), []string{"docs", "hypervisor/common", "toolstack"}; !slices.Equal(got, want) {
		t.Errorf("Scopes = %v, want %v", got, want)
	}
}

func TestDecide(t *testing.T) {
	find := func(classes ...Class) []Finding {
		var list []Finding
		for i, c := range classes {
			list = append(list, Finding{ID: fmt.Sprintf("rule-%d", i), Class: c, Message: "m"})
		}
		return list
	}
	for _, c := range []struct {
		findings []Finding
		want     Class
		id       string
	}{
		{nil, Unknown, ""},
		{find(""), Unknown, ""},
		{find(NotNeeded), NotNeeded, ""},
		{find(NotNeeded, Clean), Clean, ""},
		{find(Clean, Unknown), Unknown, "rule-1"},
		{find(Unknown, Adapt), Adapt, "rule-1"},
		{find(Adapt, Hard, Clean), Hard, "rule-1"},
		{find(Hard, Reboot), Reboot, "rule-1"},
	} {
		got, why := Decide(c.findings)
		if got != c.want || !strings.Contains(why, c.id) || why == "" {
			t.Errorf("Decide(%v) = %s, %q; want %s because of %q", c.findings, got, why, c.want, c.id)
		}
	}
	if _, why := Decide(find(NotNeeded), "toolstack"); !strings.Contains(why, "toolstack") {
		t.Errorf("expected the scope in %q", why)
	}
}

func TestActivity(t *testing.T) {
	cfg := csource.Config{"CONFIG_PV": "y", "CONFIG_LEVELS": "4"}
	src := `#ifndef __GUARD
#define __GUARD
#ifdef CONFIG_PV
a
#else
b
#endif
#if defined(CONFIG_HVM) && OTHER
c
#elif CONFIG_LEVELS == 4
d
#else
e
#endif
#if OTHER
f
#ifdef CONFIG_HVM
g
#endif
#endif
#ifdef CONFIG_HVM
#ifdef OTHER
h
#endif
#endif
#endif
`
	want := map[string]verdict{"a": maybe, "b": off, "c": off, "d": maybe, "e": off, "f": maybe, "g": off, "h": off}
	why := map[string]string{"b": "#if defined(CONFIG_PV) holds", "g": "CONFIG_HVM is not set", "h": "CONFIG_HVM is not set"}
	act := activityOf([]byte(src), configured(cfg, "x86", ".c", nil))
	line := 0
	for text := range strings.Lines(src) {
		line++
		name := strings.TrimSpace(text)
		if v, ok := want[name]; ok && act.of(line) != v {
			t.Errorf("line %d %s: %d, want %d", line, name, act.of(line), v)
		}
		if r := why[name]; r != "" && act.reason(line) != r {
			t.Errorf("line %d %s: %q, want %q", line, name, act.reason(line), r)
		}
	}
}

func TestFanOut(t *testing.T) {
	in := &Input{Reach: &reach.Result{}}
	for i := range 120 {
		in.Reach.Functions = append(in.Reach.Functions, reach.Function{Name: fmt.Sprint(i), Object: "a.o", Change: "affected"})
	}
	got := show(run(in, []Rule{fanOut}))
	if want := "blocker hard : 120 functions of 1 object are predicted to change\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	in.Reach.Functions = in.Reach.Functions[:29]
	if got := run(in, []Rule{fanOut}); len(got) != 0 {
		t.Errorf("expected silence for few functions, got %v", got)
	}
}

func TestBinary(t *testing.T) {
	in := &Input{Patches: []patch.Patch{{Files: []patch.File{{NewName: "xen/arch/x86/blob.bin", Binary: true}}}}}
	class, _ := Decide(Run(in))
	if class != Unknown {
		t.Errorf("a binary change is %s, want unknown", class)
	}
}

// TestFragments rebuilds a function, a structure and a table from hunks that
// start inside them.
func TestFragments(t *testing.T) {
	text := `--- a/xen/common/a.c
+++ b/xen/common/a.c
@@ -20,6 +20,7 @@ static int first(struct domain *d,
  * of a comment that begins above
  */
         use(d);
     }
+    more(d);
     return 0;
 }
@@ -40,4 +41,5 @@ struct holder {
     int a;
+    int b;
     struct {
         int c;
     } inner;
@@ -60,3 +62,3 @@ static const int table[] = {
     1,
-    2,
+    3,
     4,
`
	patches, err := patch.Parse("t", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := fragments(patches)[0]
	if len(c.Funcs) != 1 || funcName(c.Funcs[0]) != "first" || c.Funcs[0].Old == nil || c.Funcs[0].New == nil {
		t.Errorf("functions: %+v", c.Funcs)
	}
	if len(c.Types) != 1 || c.Types[0].Old == nil || c.Types[0].Old.Name != "holder" || len(c.Types[0].Members) != 1 {
		t.Errorf("types: %+v", c.Types)
	}
	if len(c.Vars) != 1 || c.Vars[0].Old == nil || c.Vars[0].Old.Name != "table" || !c.Vars[0].Init {
		t.Errorf("variables: %+v", c.Vars)
	}
	if want := []csource.Span{{Start: 24, End: 24}, {Start: 42, End: 42}, {Start: 63, End: 63}}; !slices.Equal(c.newLines, want) {
		t.Errorf("changed lines %v, want %v", c.newLines, want)
	}
}

// FuzzRun feeds patches without a tree: no panic, and whatever comes out is
// complete and sorted.
func FuzzRun(f *testing.F) {
	fixtures, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range fixtures {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("@@ -1,3 +1,4 @@ int f(void)\n", data)
	}
	f.Fuzz(func(t *testing.T, section string, body []byte) {
		h := patch.Hunk{OldStart: len(section), NewStart: len(section), Section: section}
		for line := range bytes.Lines(body) {
			op := []patch.Op{patch.Context, patch.Add, patch.Delete}[len(line)%3]
			h.Lines = append(h.Lines, patch.Line{Op: op, Text: string(line)})
		}
		var p patch.Patch
		for _, name := range []string{"xen/common/a.c", "xen/include/xen/a.h", "xen/arch/x86/a.S", "xen/common/Kconfig", "xen/Makefile"} {
			p.Files = append(p.Files, patch.File{OldName: name, NewName: name, Hunks: []patch.Hunk{h}})
		}
		findings := Run(&Input{Patches: []patch.Patch{p}, Config: csource.Config{"CONFIG_PV": "y"}})
		for _, x := range findings {
			if x.ID == "" || x.Severity == "" || x.Message == "" || x.Evidence != Text {
				t.Fatalf("incomplete finding %+v", x)
			}
		}
		if !slices.IsSortedFunc(findings, compareFindings) {
			t.Fatal("findings are not sorted")
		}
	})
}

func BenchmarkRunText(b *testing.B) {
	name := filepath.Join("testdata", "struct-layout.txtar")
	data, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	var lines []patch.Line
	for line := range strings.Lines(string(data)) {
		lines = append(lines, patch.Line{Op: patch.Add, Text: line})
	}
	p := patch.Patch{Files: []patch.File{{OldName: "xen/common/a.c", NewName: "xen/common/a.c",
		Hunks: []patch.Hunk{{OldStart: 100, NewStart: 100, Lines: lines}}}}}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		Run(&Input{Patches: []patch.Patch{p}})
	}
}

func ExampleRun() {
	text := `--- a/xen/arch/x86/domain.c
+++ b/xen/arch/x86/domain.c
@@ -10,5 +10,4 @@ void context_switch(struct vcpu *next)
 {
-    static unsigned int last;
     unsigned int id = next->vcpu_id;
 
     flush(id);
`
	patches, err := patch.Parse("xsa999.patch", strings.NewReader(text))
	if err != nil {
		fmt.Println(err)
		return
	}
	class, why := Decide(Run(&Input{Patches: patches}), Scopes(patches)...)
	fmt.Println(class)
	fmt.Println(why)
	// Output:
	// adapt
	// static-local-removed at xen/arch/x86/domain.c:11 context_switch.last: context_switch() loses its static variable last: the differ refuses it
}
