package payload

import (
	"reflect"
	"testing"
)

// TestRead wants everything that a payload says about itself.
func TestRead(t *testing.T) {
	p := fixturePayload(t, "good")
	same := func(what string, got, want any) {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, expected %+v", what, got, want)
		}
	}
	eleven, own := "1111111111111111111111111111111111111111", "3131313131313131313131313131313131313131"
	same("functions", names(p.Functions), []string{"plain -> new_plain 16 17 2", "common/a.c#inner -> common/a.c#inner 24 6 2"})
	same("expectation", p.Functions[0].Expect, &Expectation{Length: 2, Data: "9090"})
	same("hooks", p.Hooks, []Hook{{"load", "fresh"}})
	same("metadata", p.Metadata, []string{"author=nobody", "title=a test"})
	same("build-ids", []string{p.BuildID, p.Depends, p.XenDepends}, []string{own, eleven, eleven})
	if len(p.Relocations) == 0 || len(p.Symbols) == 0 || p.Bytes != len(fixture(t, "good.livepatch")) {
		t.Errorf("%d relocations, %d symbols, %d bytes", len(p.Relocations), len(p.Symbols), p.Bytes)
	}
	same("version 1", names(fixturePayload(t, "version-1").Functions),
		[]string{"plain -> new_plain 16 17 1", "common/a.c#inner -> common/a.c#inner 24 6 1"})
	same("no code", names(fixturePayload(t, "wide-nop").Functions), []string{"plain ->  16 20 2"})
}

// TestUnknown wants what needs more than the payload to be listed, and to find
// nothing.
func TestUnknown(t *testing.T) {
	r := Verify(fixturePayload(t, "other-build-id"), nil, Options{})
	why := map[string]string{}
	for _, n := range r.NotMade {
		why[n.Check] = n.Why
	}
	for i := range checks {
		c := &checks[i]
		if c.applies(newest) && (c.needs != 0 || c.id == "name-length") != (why[c.id] != "") {
			t.Errorf("%s: %q", c.id, why[c.id])
		}
	}
	if !r.Accepted || len(r.Findings) > 0 || len(r.Warnings) != 1 {
		t.Errorf("%+v", r)
	}
	if r := Verify(fixturePayload(t, "good"), nil, Options{Release: "4.13.5"}); len(r.Warnings) != 1 {
		t.Errorf("%+v", r)
	}
	// A file that cannot be read on leaves the rest open.
	r, err := VerifyFile(fixture(t, "truncated.livepatch"), nil, Options{Name: "n", Xen: "4.17"})
	if err != nil || r.Accepted || r.Made > 12 || r.Made+len(r.NotMade) < 60 {
		t.Errorf("%v, %+v", err, r)
	}
}

// TestStem compares names of functions with those of the source.
func TestStem(t *testing.T) {
	for name, want := range map[string][2]string{
		"f": {"", "f"}, "common/a.c#f": {"common/a.c", "f"}, "a.c#f.isra.0": {"a.c", "f"}, "f.part.0.cold": {"", "f"}, ".cold": {"", ".cold"},
	} {
		if file, function := stem(name); [2]string{file, function} != want {
			t.Errorf("%s: %s, %s", name, file, function)
		}
	}
}
