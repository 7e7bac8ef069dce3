package advisory

import (
	"slices"
	"strings"
	"testing"
)

func TestReadLabel(t *testing.T) {
	tests := []struct {
		name string
		xsa  int
		xen  string
		tree string
	}{
		{"xsa480-4.17.patch", 480, "4.17", "xen"},
		{"xsa492/xsa492-4.17-01.patch", 492, "4.17", "xen"},
		{"xsa499/xsa499-1.patch", 499, "", "xen"},
		{"xsa502.patch", 502, "", "xen"},
		{"xsa502-unstable.patch", 502, "unstable", "xen"},
		{"xsa502-4.18.patch.xz", 502, "4.18", "xen"},
		{"xsa286-4.13/0001-x86-mm.patch", 286, "4.13", "xen"},
		{"xsa286/4.13/0001-x86-mm.patch", 286, "4.13", "xen"},
		{"4.13/xsa286.patch", 286, "4.13", "xen"},
		{"xen-4.13.2/xsa286.patch", 286, "4.13", "xen"},
		{"0012-xsa480.patch", 480, "", "xen"},
		{"XSA-480-4.17.5.diff", 480, "4.17", "xen"},
		{"xsa155-linux.patch", 155, "", "linux"},
		{"xsa155-linux-4.17.patch", 155, "4.17", "linux"},
		{"xsa155-x86-stop-linux-guests.patch", 155, "", "xen"},
		{"xsa133-qemuu-4.3.patch", 133, "4.3", "qemu-xen"},
		{"xsa133-qemut.patch", 133, "", "qemu-traditional"},
		{"0001-linux-boot.patch", 0, "", "xen"},
		{"fix-p2m-4.17.patch", 0, "4.17", "xen"},
		{"0001-update-Xen-version-to-4.17.6.patch", 0, "4.17", "xen"},
		{"taxsa480.patch", 0, "", "xen"},
		{"stdin", 0, "", "xen"},
	}
	for _, test := range tests {
		l := readLabel(test.name)
		if l.xsa != test.xsa || l.release.String() != test.xen || l.tree != test.tree {
			t.Errorf("readLabel(%q) = %d, %q, %s", test.name, l.xsa, l.release, l.tree)
		}
	}
}

func TestCleanName(t *testing.T) {
	for name, want := range map[string]string{"a.patch": "a.patch", "./xsa1/a.patch": "xsa1/a.patch", "a..b": "a..b"} {
		if got, err := cleanName(name); err != nil || got != want {
			t.Errorf("cleanName(%q) = %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", ".", "..", "../a", "a/../b", "a/..", "/a", "//a", `a\b`, `..\a`, "C:a", "C:/a", "a/", "a//b", "a/./b", "a\x00b", "a\nb", strings.Repeat("a", 2000), "\xff\xfe"} {
		if got, err := cleanName(name); err == nil {
			t.Errorf("cleanName(%q) = %q, want an error", name, got)
		}
	}
}

func TestNaturalOrder(t *testing.T) {
	want := []string{"a", "a01", "a1", "a2", "a2b", "a010", "a10", "b", "b-4.9", "b-4.10"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareNatural)
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestRelease(t *testing.T) {
	tests := map[string]string{"4.17": "4.17", "4.17.x": "4.17", "4.17.5+72-g01140da4e8-1": "4.17", "xen-4.17": "4.17", "staging-4.17": "4.17",
		"RELEASE-4.17.5": "4.17", "v4.9": "4.9", "master": "unstable", "xen-unstable": "unstable", "3.4.3": "3.4", "4.22.0": "4.22", "10.0": "10.0",
		"": "", "4": "", "4.": "", "x4.17": "", "0.9": "", "4.17.5.6": "", "1234.5": ""}
	for in, want := range tests {
		r, ok := parseRelease(in)
		if r.String() != want || ok != (want != "") {
			t.Errorf("parseRelease(%q) = %q, %v; want %q", in, r, ok, want)
		}
	}
}

func TestCoverage(t *testing.T) {
	tests := []struct{ text, tree, spans, odd string }{
		{"xen-unstable - Xen 4.16.x", "xen", "unstable - 4.16", ""},
		{"xen-unstable - Xen 4.22.0", "xen", "unstable - 4.22", ""},
		{"xen-unstable - Xen 4.17", "xen", "unstable - 4.17", ""},
		{"Xen 4.20.x - Xen 4.19.x", "xen", "4.20 - 4.19", ""},
		{"Xen 4.19.x - Xen 4.20.x", "xen", "4.20 - 4.19", ""},
		{"Xen 4.14 - 4.10", "xen", "4.14 - 4.10", ""},
		{"4.11.x ... 4.7.x", "xen", "4.11 - 4.7", ""},
		{"4.11.x...4.7.x", "xen", "4.11 - 4.7", ""},
		{"4.16.x-4.14.x", "xen", "4.16 - 4.14", ""},
		{"xen-unstable", "xen", "unstable", ""},
		{"Xen 4.17.x", "xen", "4.17", ""},
		{"xen-unstable, Xen 4.9.x, 4.8 and 4.7", "xen", "unstable, 4.9, 4.8, 4.7", ""},
		{"unstable, 4.9 - 4.7, 4.5", "xen", "unstable, 4.9 - 4.7, 4.5", ""},
		{"Xen 4.9 and older", "xen", "4.9 and older", ""},
		{"Xen 4.9 and later", "xen", "unstable - 4.9", ""},
		{"Xen 4.12+", "xen", "unstable - 4.12", ""},
		{"staging-4.12", "xen", "4.12", ""},
		{"all versions", "xen", "all", ""},
		{"Xen", "xen", "all", ""},
		{"Linux 5.9-stable - 5.12-rc", "linux", "", ""},
		{"qemu-xen 4.17.x", "qemu-xen", "4.17", ""},
		{"qemu-xen-traditional", "qemu-traditional", "", ""},
		{"mini-os", "mini-os", "", ""},
		{"Xen 4.17.x (with a Linux stubdom)", "xen", "4.17", "with a linux stubdom"},
		{"see below", "xen", "", "see below"},
		{"Xen 4.17.x -", "xen", "4.17", "an open range"},
		{"", "xen", "", ""},
	}
	for _, test := range tests {
		c := parseCoverage(test.text)
		var spans []string
		for _, s := range c.spans {
			spans = append(spans, s.String())
		}
		if c.tree != test.tree || strings.Join(spans, ", ") != test.spans || strings.Join(c.odd, " ") != test.odd {
			t.Errorf("parseCoverage(%q) = %s %v, odd %q", test.text, c.tree, spans, c.odd)
		}
	}
}

func TestOwnNumber(t *testing.T) {
	tests := []struct {
		text string
		xsa  int
		cves int
	}{
		{"This is XSA-480 / CVE-2026-23554", 480, 1},
		{"This is XSA-477 / CVE-2025-58150.", 477, 1},
		{"This is CVE-2026-42488 / XSA-494.", 494, 1},
		{"This is part of XSA-492.", 492, 0},
		{"This is part of CVE-2099-1111, CVE-2099-1112 / XSA-903.", 903, 2},
		{"This is XSA-903 / CVE-2099-1111 / CVE-2099-1112.", 903, 2},
		{"  this is xsa-12 (part of)", 12, 0},
		{"text\n\nThis is XSA-12.\n\nSigned-off-by: x", 12, 0},
		{"This is XSA-320 related preparation", 0, 0},
		{"This is XSA-320's fix-up", 0, 0},
		{"The code of XSA-320 is wrong.", 0, 0},
		{"Fixes: XSA-320", 0, 0},
		{"That this is XSA-320.", 0, 0},
		{"diff --git a/x b/x\n+This is XSA-320.", 0, 0},
		{"text\n---\nThis is XSA-320.", 0, 0},
	}
	for _, test := range tests {
		xsa, cves := ownNumber([]byte(test.text))
		if xsa != test.xsa || len(cves) != test.cves {
			t.Errorf("ownNumber(%q) = %d, %v", test.text, xsa, cves)
		}
	}
}

func TestPatchSubject(t *testing.T) {
	tests := map[string]string{
		demoPatch(t, "xsa901.patch"):      "demo/ring: do not believe the guest about its size",
		demoPatch(t, "xsa901-4.17.patch"): "demo/ring: große slots",
		"\nfix it\n\nlong text\n---\n":    "fix it",
		"--- a/x\n+++ b/x\n":              "",
	}
	for text, want := range tests {
		if got := subject([]byte(text)); got != want {
			t.Errorf("subject = %q, want %q", got, want)
		}
	}
}
