package port

import (
	"slices"
	"strings"
	"testing"
)

// history is a lab with what the tests need: a fix of XSA-901 that builds on
// two ordinary commits, of which one builds on a third, between others that do
// not matter; XSA-902 that applies anywhere, XSA-903 that builds on XSA-902, and
// XSA-904 for which nothing helps.
type history struct {
	*lab
	needs                        []string // commits that XSA-901 needs, in order
	xsa901, xsa902, xsa903, gone string
}

func newHistory(t testing.TB) *history {
	h := &history{lab: newLab(t)}
	h.change("pool: unrelated", "", "xen/common/pool.c", "pool_line(50)", "pool_fifty()")
	a := h.change("queue: first", "", "xen/common/queue.c", "queue_line(20)", "queue_first(20)")
	h.change("tools: unrelated", "", "tools/quay.c", "quay_line(3)", "quay_three()")
	b := h.change("queue: second", "", "xen/common/queue.c", "queue_first(20)", "queue_second(20)")
	h.change("queue: elsewhere", "", "xen/common/queue.c", "queue_line(50)", "queue_fifty()")
	c := h.change("pool: third", "", "xen/common/pool.c", "pool_line(10)", "pool_third(10)")
	h.needs = []string{a, b, c}
	h.edit("xen/common/queue.c", "queue_second(20)", "queue_safe(20)")
	h.edit("xen/common/pool.c", "pool_line(11)", "pool_safe(11)")
	fix := h.commit("queue: be safe", "This is XSA-901.")
	h.xsa901 = h.recipe("xsa901-4.17.patch", fix)
	h.xsa902 = h.recipe("xsa902-4.17.patch", h.change("pool: guard", "This is XSA-902.", "xen/common/pool.c", "pool_line(30)", "pool_guard(30)"))
	h.xsa903 = h.recipe("xsa903-4.17.patch", h.change("pool: guard more", "This is XSA-903.", "xen/common/pool.c", "pool_guard(30)", "pool_guard_all(30)"))
	h.git("checkout", "-q", "-b", "side")
	h.change("pool: odd", "", "xen/common/pool.c", "pool_line(40)", "pool_odd(40)")
	h.gone = h.recipe("xsa904-4.17.patch", h.change("pool: even", "This is XSA-904.", "xen/common/pool.c", "pool_odd(40)", "pool_even(40)"))
	h.git("checkout", "-q", "staging-4.17")
	h.change("queue: repair being safe", "Fixes: "+fix[:12]+" (\"queue: be safe\")", "xen/common/queue.c", "queue_line(22)", "queue_repair(22)")
	h.change("pool: repair the repair", "Fixes: \"queue: repair being safe\"", "xen/common/pool.c", "pool_line(12)", "pool_repair(12)")
	h.change("docs: tell of it", "After XSA-901 this has to be said.", "tools/quay.c", "quay_line(9)", "quay_nine()")
	return h
}

func commits(c Cell) (list []string) {
	for _, q := range c.Port.Prerequisites {
		if q.Commit != "" {
			list = append(list, q.Commit)
		}
	}
	return list
}

func TestPrerequisites(t *testing.T) {
	h := newHistory(t)
	base, up := h.base("RELEASE-4.17.0"), h.upstream()
	cells, _ := port(t, Request{Bases: []Base{base}, Upstream: up}, h.xsa901)
	c := cells[901]
	if got := commits(c); !slices.Equal(got, h.needs) {
		t.Fatalf("XSA-901 needs %q, expected %q\n%s", got, h.needs, describe(&c))
	}
	if c.Port.Status != Offset && c.Port.Status != Applies || c.Port.Alone != Conflicts || !c.Port.Search.Smallest || c.Port.Ready() {
		t.Errorf("%s", describe(&c))
	}
	for _, q := range c.Port.Prerequisites {
		if !q.Hypervisor || q.Class == "" || q.Why == "" {
			t.Errorf("%+v", q)
		}
	}

	// a base that has one of them already, and one that has all
	second := h.base(h.needs[1])
	cells, _ = port(t, Request{Bases: []Base{second}, Upstream: up}, h.xsa901)
	if got := commits(cells[901]); !slices.Equal(got, h.needs[2:]) {
		t.Errorf("after two of three, XSA-901 needs %q", got)
	}
	third := h.base(h.needs[2])
	cells, _ = port(t, Request{Bases: []Base{third}, Upstream: up}, h.xsa901)
	if c := cells[901]; c.Port.Status != Applies || !c.Port.Ready() || c.Port.Search != nil {
		t.Errorf("%s", describe(&c))
	}

	// the release that the source says it is, where the commit is not known
	base.Commit = ""
	cells, _ = port(t, Request{Bases: []Base{base}, Upstream: up}, h.xsa901)
	if got := commits(cells[901]); !slices.Equal(got, h.needs) {
		t.Errorf("without a commit, XSA-901 needs %q", got)
	}

	// nothing helps: it says so and why, and what stands there
	cells, _ = port(t, Request{Bases: []Base{h.base("RELEASE-4.17.0")}, Upstream: up}, h.gone)
	c = cells[904]
	if c.Port.Status != Conflicts || len(c.Port.Prerequisites) > 0 || c.Port.Search.Found || !strings.Contains(c.Port.Search.Why, `adds the line "pool_odd(40);"`) {
		t.Errorf("%s", describe(&c))
	}
	if m := c.Port.Misfits; len(m) != 1 || m[0].Line != 37 || m[0].At != 40 || !slices.Equal(m[0].Expected, []string{"    pool_odd(40);"}) || !slices.Equal(m[0].Found, []string{"    pool_line(40);"}) {
		t.Errorf("%+v", m)
	}
}

func TestBatch(t *testing.T) {
	h := newHistory(t)
	base := h.base("RELEASE-4.17.0")
	cells, _ := port(t, Request{Bases: []Base{base}}, h.xsa903, h.xsa902)
	if c := cells[902]; c.Port.Status != Applies || c.Port.Order != 1 {
		t.Errorf("%s", describe(&c))
	}
	c := cells[903]
	if c.Port.Status != Applies || c.Port.Alone != Conflicts || !c.Port.Ready() || len(c.Port.Prerequisites) != 1 || c.Port.Prerequisites[0].XSA != 902 {
		t.Errorf("%s", describe(&c))
	}
	// prerequisites and the rest of the batch together
	cells, _ = port(t, Request{Bases: []Base{base}, Upstream: h.upstream()}, h.xsa901, h.xsa902, h.xsa903, h.gone)
	if got := commits(cells[901]); !slices.Equal(got, h.needs) {
		t.Errorf("in the batch, XSA-901 needs %q", got)
	}
	if c := cells[903]; !c.Port.Ready() {
		t.Errorf("%s", describe(&c))
	}

	// it is there already, wholly or in part
	fixed := h.base("staging-4.17~3")
	cells, _ = port(t, Request{Bases: []Base{fixed}}, h.xsa901, h.xsa902, h.xsa903)
	for x, c := range cells {
		if c.Port.Status != Applied || !c.Port.Ready() {
			t.Errorf("XSA-%d: %s", x, describe(&c))
		}
	}
}

func TestWatch(t *testing.T) {
	h := newHistory(t)
	cells, _ := port(t, Request{Bases: []Base{h.base("RELEASE-4.17.0")}, Upstream: h.upstream(), Watch: true}, h.xsa901, h.xsa902)
	var got []string
	for _, f := range cells[901].Port.Watch {
		got = append(got, f.Subject+": "+f.Status)
	}
	want := []string{"queue: repair being safe: applies", "pool: repair the repair: applies", "docs: tell of it: applies"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, expected %q", got, want)
	}
	if w := cells[902].Port.Watch; len(w) > 0 {
		t.Errorf("%+v", w)
	}
}
