package factor

import (
	"strings"
	"testing"

	"lpready/analyze/csource"
	"lpready/analyze/objdiff"
)

// TestSettle wants objects to refute, replace or leave what was predicted.
func TestSettle(t *testing.T) {
	changed := &objdiff.Diff{Path: "common/event.o", Verdict: objdiff.Changed, Functions: []string{"event_send"}}
	refused := &objdiff.Diff{Path: "common/event.o", Verdict: objdiff.Refused, Refusals: []string{"object size mismatch: names"}}
	same := &objdiff.Diff{Path: "common/event.o", Verdict: objdiff.Same}
	layout := objdiff.Layout{Type: "struct evtchn", Kind: "changed", Size: [2]int64{8, 16}}
	for _, c := range []struct {
		what    string
		finding Finding
		objects *objdiff.Diff
		layouts []objdiff.Layout
		freed   []Reference
		want    string // "keeps", "drops", or a part of the refutation
	}{
		{"a layout that did not change", Finding{ID: "struct-layout", Symbol: "struct evtchn", Severity: Blocker, Class: Hard}, changed, nil, nil, "laid out as before"},
		{"a layout that objects show themselves", Finding{ID: "struct-layout", Symbol: "struct evtchn", Severity: Blocker, Class: Hard}, changed, []objdiff.Layout{layout}, nil, "drops"},
		{"an anonymous layout", Finding{ID: "struct-layout", Symbol: "an anonymous struct", Severity: Blocker, Class: Hard}, changed, nil, nil, "keeps"},
		{"data that the differ takes", Finding{ID: "data-resized", File: "xen/common/event.c", Severity: Change, Class: Adapt}, changed, nil, nil, "the differ takes common/event.o"},
		{"data that it refuses", Finding{ID: "data-resized", File: "xen/common/event.c", Severity: Change, Class: Adapt}, refused, nil, nil, "keeps"},
		{"data of a file that was not compared", Finding{ID: "data-resized", File: "xen/common/other.c", Severity: Change, Class: Adapt}, changed, nil, nil, "keeps"},
		{"no reference to freed memory", Finding{ID: "init-refs", Severity: Change, Class: Adapt}, changed, nil, nil, "nothing in the payload"},
		{"a reference to freed memory", Finding{ID: "init-refs", Severity: Change, Class: Adapt}, changed, nil, []Reference{{"common/event.o", "x"}}, "drops"},
		{"a prediction that objects cannot judge", Finding{ID: "locking-change", Severity: Review}, changed, nil, nil, "keeps"},
		{"anything, where no object differs", Finding{ID: "hypervisor-code", Severity: Info, Class: Clean}, same, nil, nil, "no object comes out otherwise"},
		{"what no object shows", Finding{ID: "livepatch-off", Severity: Change, Class: Reboot}, same, nil, nil, "keeps"},
	} {
		in := &Input{Units: []csource.Unit{{Object: "common/event.o", Source: "xen/common/event.c"}},
			Proof: &Proof{Compiled: 1, Freed: c.freed, Trees: &objdiff.Trees{Objects: []*objdiff.Diff{c.objects}, Layouts: c.layouts}}}
		c.finding.Message = "predicted thing"
		got := in.settle([]Finding{c.finding})
		switch {
		case c.want == "drops":
			if len(got) != 0 {
				t.Errorf("%s: %+v", c.what, got)
			}
		case c.want == "keeps":
			if len(got) != 1 || got[0] != c.finding {
				t.Errorf("%s: %+v", c.what, got)
			}
		case len(got) != 1 || got[0].Class != "" || got[0].Evidence != Object || !strings.Contains(got[0].Message, c.want) || !strings.Contains(got[0].Message, "predicted thing"):
			t.Errorf("%s: %+v", c.what, got)
		}
	}
}

// TestCompiledLayouts tells types with live objects from those without.
func TestCompiledLayouts(t *testing.T) {
	layout := objdiff.Layout{Type: "struct evtchn", Kind: "changed", Size: [2]int64{8, 16}, Objects: []string{"common/event.o"},
		Changes: []objdiff.Change{{Member: "lock", Change: "added", Offset: [2]int64{-1, 8}, Now: "long"}}}
	retyped := objdiff.Layout{Type: "struct evtchn", Kind: "changed", Size: [2]int64{8, 8},
		Changes: []objdiff.Change{{Member: "state", Change: "retyped", Was: "int", Now: "unsigned int"}}}
	for _, c := range []struct {
		life   objdiff.Life
		layout objdiff.Layout
		class  Class
		says   string
	}{
		{objdiff.Life{Kind: objdiff.LifePointed, Path: []string{"variable `list`", "struct domain.first"}}, layout, Hard, "live: variable `list` > struct domain.first"},
		{objdiff.Life{Kind: objdiff.LifeHidden}, layout, Hard, "only hold pointers"},
		{objdiff.Life{Kind: objdiff.LifeStack, Users: []string{"common/event.o:event_send"}}, layout, "", "every function that uses it is in the payload"},
		{objdiff.Life{Kind: objdiff.LifeStack, Users: []string{"common/domain.o:other"}}, layout, "", "seen to outlive a call"},
		{objdiff.Life{Kind: objdiff.LifeStatic, Path: []string{"x"}}, retyped, "", "no member moves"},
	} {
		c.life.Type = "struct evtchn"
		fixture := &fixture{tree: map[string]string{"xen/common/event.c": "struct evtchn { int port; };\nint event_send(int port)\n{\n    struct evtchn chn;\n\n    return use(&chn, port);\n}\n"}}
		in := fixture.input(t, "none")
		in.Proof = &Proof{Compiled: 1, Lives: []objdiff.Life{c.life}, Trees: &objdiff.Trees{Layouts: []objdiff.Layout{c.layout},
			Objects: []*objdiff.Diff{{Path: "common/event.o", Verdict: objdiff.Changed, Functions: []string{"event_send"}}}}}
		got := run(in, []Rule{structLayout})
		if len(got) != 1 || got[0].Class != c.class || !strings.Contains(got[0].Message, c.says) {
			t.Errorf("%+v: %+v", c.life, got)
		}
	}
}
