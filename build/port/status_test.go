package port

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"lpready/analyze"
)

// diffOf is a patch of the form of git format-patch for one file.
func diffOf(subject, name string, before, after string) string {
	body := fmt.Sprintf("From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nFrom: Ada Quay <ada@example.org>\nDate: Mon, 1 Oct 2029 10:00:00 +0000\nSubject: [PATCH] %s\n\nSigned-off-by: Ada Quay <ada@example.org>\n---\n", subject)
	return body + plainDiff(name, before, after)
}

func plainDiff(name, before, after string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "diff --git a/%s b/%s\n", name, name)
	switch {
	case before == "":
		fmt.Fprintf(&b, "new file mode 100644\n--- /dev/null\n+++ b/%s\n", name)
	case after == "":
		fmt.Fprintf(&b, "deleted file mode 100644\n--- a/%s\n+++ /dev/null\n", name)
	default:
		fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n", name, name)
	}
	for _, h := range hunks(lines([]byte(before)), lines([]byte(after))) {
		fmt.Fprintf(&b, "@@ -%s +%s @@\n", lineRange(h.OldStart, h.OldLines), lineRange(h.NewStart, h.NewLines))
		for _, l := range h.Lines {
			b.WriteString(string(rune(l.Op)) + l.Text)
		}
	}
	return b.String()
}

// put writes files into a folder and gives its path.
func put(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func memory(files map[string]string) Base {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return Base{Base: analyze.Base{ID: "quay", Xen: "4.17", Tree: m}}
}

const poolC, queueC = "xen/common/pool.c", "xen/common/queue.c"

var (
	pool  = numbered("pool", 40)
	queue = numbered("queue", 40)
)

func swap(text string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			panic(pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func TestStatuses(t *testing.T) {
	fix := diffOf("pool: fix", poolC, pool, swap(pool, "pool_line(20)", "pool_fixed(20)"))
	two := fix + plainDiff(queueC, queue, swap(queue, "queue_line(20)", "queue_fixed(20)"))
	tools := fix + plainDiff("tools/quay.c", "a\n", "b\n")
	for _, c := range []struct {
		name, recipe string
		tree         map[string]string
		want         string
		detail       string
	}{
		{"as it is", fix, map[string]string{poolC: pool}, Applies, ""},
		{"moved", fix, map[string]string{poolC: "one more\n" + pool}, Offset, ""},
		{"there", fix, map[string]string{poolC: swap(pool, "pool_line(20)", "pool_fixed(20)")}, Applied, ""},
		{"another text", fix, map[string]string{poolC: swap(pool, "pool_line(20)", "pool_other(20)")}, Conflicts, ""},
		{"no file", fix, map[string]string{queueC: queue}, Missing, ""},
		{"half", two, map[string]string{poolC: swap(pool, "pool_line(20)", "pool_fixed(20)"), queueC: queue}, Partly, "there already: " + poolC},
		{"half, and the rest does not fit", two, map[string]string{poolC: swap(pool, "pool_line(20)", "pool_fixed(20)"), queueC: swap(queue, "queue_line(20)", "odd()")}, Conflicts, ""},
		{"nothing but xen/", tools, map[string]string{poolC: pool}, Applies, "tools/quay.c"},
		{"nothing of it in xen/", diffOf("quay", "tools/quay.c", "a\n", "b\n"), map[string]string{poolC: pool}, Outside, ""},
		{"tools that do not fit", tools, map[string]string{poolC: pool, "tools/quay.c": "c\n"}, Conflicts, ""},
	} {
		dir := put(t, map[string]string{"xsa901-4.17.patch": c.recipe})
		cells, _ := port(t, Request{Bases: []Base{memory(c.tree)}}, dir)
		cell := cells[901]
		if cell.Port.Status != c.want || !strings.Contains(strings.Join(cell.Port.Detail, "\n"), c.detail) {
			t.Errorf("%s: expected %s with %q\n%s", c.name, c.want, c.detail, describe(&cell))
		}
		if c.name == "tools that do not fit" && cell.Port.Hypervisor != Applies {
			t.Errorf("%s: hypervisor %q", c.name, cell.Port.Hypervisor)
		}
	}
}

// TestNearest tries recipes for other versions, the nearest first.
func TestNearest(t *testing.T) {
	files := map[string]string{
		"xsa901-4.19.patch": diffOf("pool: fix", poolC, pool, swap(pool, "pool_line(20)", "pool_fixed(20)")),
		"xsa901-4.18.patch": diffOf("pool: fix", poolC, swap(pool, "pool_line(20)", "pool_other(20)"), swap(pool, "pool_line(20)", "pool_fixed(20)")),
		"xsa902-4.12.patch": diffOf("queue: fix", queueC, "a\n", "b\n"),
	}
	cells, _ := port(t, Request{Bases: []Base{memory(map[string]string{poolC: pool, queueC: queue})}}, put(t, files))
	c := cells[901]
	if tried := c.Port.Tried; c.Port.Status != Applies || len(tried) != 2 || tried[0].Xen != "4.18" || tried[0].Status != Conflicts || tried[0].Taken ||
		tried[1].Xen != "4.19" || !tried[1].Taken || !slices.Equal(c.Patches, []string{"xsa901-4.19.patch"}) {
		t.Errorf("%s\n%+v", describe(&c), c.Port.Tried)
	}
	if c := cells[902]; c.Port.Status != Conflicts || len(c.Port.Tried) != 1 || !c.Port.Tried[0].Taken {
		t.Errorf("%s\n%+v", describe(&c), c.Port.Tried)
	}
}

// TestPrereqs respects what .meta files want first.
func TestPrereqs(t *testing.T) {
	one, two := swap(pool, "pool_line(20)", "pool_one(20)"), swap(pool, "pool_line(20)", "pool_two(20)")
	meta := `{"XSA":901,"Recipes":{"4.17":{"Recipes":{"xen":{"StableRef":"","Prereqs":[903,899],"Patches":["xsa901.patch"]}}}}}`
	dir := put(t, map[string]string{
		"xsa901/xsa901.meta": meta, "xsa901/xsa901.patch": diffOf("pool: two", poolC, one, two),
		"xsa903/xsa903.patch": diffOf("pool: one", poolC, pool, one),
	})
	cells, _ := port(t, Request{Bases: []Base{memory(map[string]string{poolC: pool})}}, dir)
	c := cells[901]
	if c.Port.Order != 2 || cells[903].Port.Order != 1 || c.Port.Status != Applies || !strings.Contains(strings.Join(c.Port.Detail, "\n"), "XSA-899") {
		t.Errorf("%s", describe(&c))
	}
}

// TestClash names what is in the way.
func TestClash(t *testing.T) {
	dir := put(t, map[string]string{
		"xsa901.patch": diffOf("pool: one", poolC, pool, swap(pool, "pool_line(20)", "pool_one(20)")),
		"xsa902.patch": diffOf("pool: two", poolC, pool, swap(pool, "pool_line(21)", "pool_two(21)")),
	})
	cells, _ := port(t, Request{Bases: []Base{memory(map[string]string{poolC: pool})}}, dir)
	c := cells[902]
	if c.Port.Status != Applies || c.Port.On == "" || !slices.Equal(c.Port.Clashes, []string{"XSA-901"}) || c.Port.Ready() {
		t.Errorf("%s", describe(&c))
	}
}
