package port

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpready/analyze/patch"
)

func writeOut(t testing.TB, r *Result) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	if err := r.Write(dir, map[string][]byte{"report.json": []byte("{}\n")}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWrite(t *testing.T) {
	moved := "one more\n" + pool
	dir := put(t, map[string]string{
		"xsa901.patch": diffOf("pool: fix", poolC, pool, swap(pool, "pool_line(20)", "pool_fixed(20)")),
		"xsa902.patch": diffOf("queue: fix", queueC, queue, swap(queue, "queue_line(20)", "queue_fixed(20)")),
		"xsa903.patch": diffOf("queue: more", queueC, swap(queue, "queue_line(30)", "queue_wanted(30)"), swap(queue, "queue_line(30)", "queue_wanted(30)", "queue_line(32)", "queue_new(32)")),
	})
	tree := map[string]string{poolC: moved, queueC: swap(queue, "queue_line(20)", "queue_odd(20)")}
	_, r := port(t, Request{Bases: []Base{memory(tree)}}, dir)
	out := writeOut(t, r)
	if got := read(t, out+"/quay/series"); got != "xsa901.patch\n" {
		t.Errorf("series %q", got)
	}
	text := read(t, out+"/quay/xsa901.patch")
	if !strings.Contains(text, "@@ -18,7 +18,7 @@") || !strings.Contains(text, "Signed-off-by: Ada Quay <ada@example.org>\nPorted-to: quay, Xen 4.17\n---\n") {
		t.Errorf("%s", text)
	}
	marked := read(t, out+"/quay/conflicts/xsa902.patch/xen/common/queue.c")
	want := "<<<<<<< quay\n    queue_odd(20);\n||||||| before xsa902.patch\n    queue_line(20);\n=======\n    queue_fixed(20);\n>>>>>>> xsa902.patch\n"
	if !strings.Contains(marked, want) {
		t.Errorf("%s", marked)
	}
	if list := read(t, out+"/quay/conflicts/list.txt"); !strings.Contains(list, "xen/common/queue.c:20: hunk 1 of 1: the base and the patch change the same lines") || !strings.Contains(list, "review/xsa903.patch") {
		t.Errorf("%s", list)
	}
	// what a merge gave is there to be read, and it applies
	review := read(t, out+"/quay/review/xsa903.patch")
	patches, err := patch.Parse("review", strings.NewReader(review))
	if err != nil {
		t.Fatal(err)
	}
	over := patch.NewTree(memory(tree).Tree)
	if report, err := over.Apply(&patches[0]); err != nil || report.Status() != patch.Applies {
		t.Errorf("%v %v\n%s", report, err, review)
	}
	err = filepath.WalkDir(out, func(name string, d fs.DirEntry, err error) error {
		info, _ := d.Info()
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(out, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a folder that is not empty was written to: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestUse takes back what a person finished, and carries it to new versions.
func TestUse(t *testing.T) {
	base := swap(pool, "pool_line(20)", "pool_ours(20)")
	up := swap(pool, "pool_line(20)", "pool_line(20)") // where the recipe was made
	v1 := diffOf("pool: fix", poolC, up, swap(up, "pool_line(20)", "pool_fixed(20)", "pool_line(35)", "pool_also(35)"))
	hand := diffOf("pool: fix", poolC, base, swap(base, "pool_ours(20)", "pool_ours_fixed(20)", "pool_line(35)", "pool_also(35)"))
	folder := func(original string) string {
		files := map[string]string{"quay/xsa901.patch": hand}
		if original != "" {
			files["quay/original/xsa901.patch"] = original
		}
		return put(t, files)
	}
	for _, c := range []struct {
		name, recipe, original string
		status                 string
		review                 string
		wants                  []string // in the tree at the end
	}{
		{"the same", v1, v1, Applies, "", []string{"pool_ours_fixed(20)", "pool_also(35)"}},
		{"no original", v1, "", Applies, "compare it with the recipe", []string{"pool_ours_fixed(20)", "pool_also(35)"}},
		{"tags", strings.Replace(v1, "---\n", "Reviewed-by: Ben <ben@example.org>\n---\n", 1), v1, Applies, "", []string{"pool_ours_fixed(20)"}},
		{"elsewhere", diffOf("pool: fix", poolC, up, swap(up, "pool_line(20)", "pool_fixed(20)", "pool_line(35)", "pool_better(35)", "pool_line(5)", "pool_new(5)")), v1,
			Applies, "", []string{"pool_ours_fixed(20)", "pool_better(35)", "pool_new(5)"}},
		{"the same place", diffOf("pool: fix", poolC, up, swap(up, "pool_line(20)", "pool_fixed_better(20)", "pool_line(35)", "pool_also(35)")), v1,
			Conflicts, "in the same place", nil},
		{"beside", diffOf("pool: fix", poolC, up, swap(up, "pool_line(20)", "pool_fixed(20)", "pool_line(22)", "pool_near(22)", "pool_line(35)", "pool_also(35)")), v1,
			Applies, "beside", []string{"pool_ours_fixed(20)", "pool_near(22)"}},
		{"dropped", diffOf("pool: fix", poolC, up, swap(up, "pool_line(20)", "pool_fixed(20)")), v1, Applies, "", []string{"pool_ours_fixed(20)", "pool_line(35)"}},
	} {
		use, err := LoadFinished(folder(c.original))
		if err != nil {
			t.Fatal(err)
		}
		cells, r := port(t, Request{Bases: []Base{memory(map[string]string{poolC: base})}, Use: use}, put(t, map[string]string{"xsa901.patch": c.recipe}))
		cell := cells[901]
		if cell.Port.Status != c.status || len(cell.Port.Used) != 1 || (c.review == "") != (cell.Port.Used[0].Review == "") || !strings.Contains(cell.Port.Used[0].Review, c.review) {
			t.Errorf("%s: %s\n%+v", c.name, describe(&cell), cell.Port.Used)
		}
		data, err := r.series[0].now.ReadFile(poolC)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.wants {
			if !bytes.Contains(data, []byte(w)) {
				t.Errorf("%s: the tree lacks %s", c.name, w)
			}
		}
		out := writeOut(t, r)
		names, _ := filepath.Glob(filepath.Join(out, "quay", "conflicts", "xsa901.patch", "xen", "common", "*"))
		if c.status == Conflicts && !slices.Contains(names, filepath.Join(out, "quay", "conflicts", "xsa901.patch", "xen", "common", "pool.c")) {
			t.Errorf("%s: no three sides in %q", c.name, names)
		}
	}
}
