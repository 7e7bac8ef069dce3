package analyze_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/testdata"
)

// small is the sample's tree with two units of our own, one of which an option
// leaves out.
func small(t testing.TB) fstest.MapFS {
	t.Helper()
	sample, err := fs.Sub(testdata.Files, "tree")
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	err = fs.WalkDir(sample, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(sample, name)
		tree[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tree["xen/common/Makefile"].Data = append(tree["xen/common/Makefile"].Data, "obj-y += ring.o\nobj-$(CONFIG_RECORD) += record.o\n"...)
	for name, text := range map[string]string{
		"xen/common/ring.c":      "int ring(int when)\n{\n    return when;\n}\n",
		"xen/common/record.c":    "int record(int event)\n{\n    return event;\n}\n",
		"tools/xenstored/core.c": "int main(void)\n{\n    return 0;\n}\n",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

func diff(file string, line int, old, new string) string {
	return fmt.Sprintf("Subject: fix it\n\n--- a/%s\n+++ b/%s\n@@ -%d,3 +%d,3 @@ int f(int a)\n {\n-%s\n+%s\n }\n", file, file, line, line, old, new)
}

func batch(t testing.TB, patches map[string]string) *advisory.Batch {
	t.Helper()
	dir := t.TempDir()
	for name, text := range patches {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := advisory.Read(context.Background(), []string{dir}, advisory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAssess(t *testing.T) {
	const event, when = "    return event;", "    return when;"
	b := batch(t, map[string]string{
		"xsa901.patch": diff("xen/common/ring.c", 2, when, "    return when + 1;"),
		"xsa902.patch": diff("xen/common/ring.c", 2, "    return when + 1;", "    return when + 2;"),
		"xsa903.patch": diff("xen/common/ring.c", 2, when, "    return when + 3;"),
		"xsa904.patch": diff("xen/common/record.c", 2, event, "    return event + 1;"),
		"xsa905.patch": diff("tools/xenstored/core.c", 2, "    return 0;", "    return 1;"),
		"xsa906.patch": diff("xen/common/ring.c", 2, "    return then;", "    return now;"),
		"xsa907.patch": diff("xen/common/ring.c", 2, "    return then;", when),
		"xsa908.patch": diff("tools/xenstored/gone.c", 2, "    return 0;", "    return 1;") + diff("xen/common/record.c", 2, event, "    return 1;"),
	})
	bases := []analyze.Base{
		{ID: "full", Xen: "4.17", Arch: "x86", Tree: small(t), Config: csource.Config{"CONFIG_RECORD": "y", "CONFIG_LIVEPATCH": "y"}},
		{ID: "lean", Xen: "4.17", Arch: "x86", Tree: small(t), Config: csource.Config{"CONFIG_LIVEPATCH": "y"}},
		{ID: "text", Xen: "4.17"},
	}
	report, err := analyze.Assess(context.Background(), analyze.Request{Batch: b, Bases: bases})
	if err != nil {
		t.Fatal(err)
	}
	type verdict struct {
		class analyze.Class
		port  string
	}
	want := map[string]verdict{
		"901 full": {factor.Clean, "applies"}, "901 lean": {factor.Clean, "applies"}, "901 text": {factor.Clean, ""},
		"902 full": {factor.Clean, "applies"}, // only after 901
		"903 full": {factor.Clean, "applies"}, // only on the base alone
		"904 full": {factor.Clean, "applies"}, "904 lean": {factor.NotNeeded, "applies"},
		"905 full": {factor.NotNeeded, "applies"}, "905 text": {factor.NotNeeded, ""},
		"906 full": {factor.Unknown, "conflicts"},
		"907 full": {factor.NotNeeded, "applied"},
		"908 full": {factor.Clean, "applies"}, // the part that is not there is none of the hypervisor's
	}
	seen := 0
	for _, c := range report.Cells {
		key := fmt.Sprintf("%d %s", c.XSA, c.Base)
		w, ok := want[key]
		if !ok {
			continue
		}
		seen++
		port := ""
		if c.Port != nil {
			port = c.Port.Status
		}
		if c.Class != w.class || port != w.port {
			t.Errorf("XSA-%s: %s, port %q (%s); want %s, %q", key, c.Class, port, c.Why, w.class, w.port)
		}
		if key == "903 full" && c.Port.On == "" {
			t.Error("XSA-903 does not say that it was applied to the base alone")
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d cells", seen, len(want))
	}
	if report.Totals.Cells != len(report.Cells) || len(report.Cells) != 8*3 {
		t.Errorf("%d cells, total of %d", len(report.Cells), report.Totals.Cells)
	}
}

func TestAssessCached(t *testing.T) {
	b := batch(t, map[string]string{"xsa901.patch": diff("xen/common/ring.c", 2, "    return when;", "    return 0;")})
	base := analyze.Base{ID: "full", Xen: "4.17", Arch: "x86", Tree: small(t), Config: csource.Config{"CONFIG_LIVEPATCH": "y"}}
	req := analyze.Request{Batch: b, Bases: []analyze.Base{base}, Cache: t.TempDir(), Version: "1"}
	var first string
	for range 2 {
		report, err := analyze.Assess(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%+v", report.Cells[0].Functions); first == "" {
			first = text
		} else if text != first {
			t.Errorf("the second run says %s, the first %s", text, first)
		}
	}
	if entries, _ := os.ReadDir(req.Cache); len(entries) == 0 {
		t.Error("nothing was cached")
	}
}
