package advisory

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// describe prints all that was understood of an advisory.
func describe(a *Advisory) string {
	var b strings.Builder
	fmt.Fprintf(&b, "XSA-%d version %d %q\n", a.XSA, a.Version, a.Title)
	fmt.Fprintf(&b, "CVEs %v\n", a.CVEs)
	if !a.Public.IsZero() {
		fmt.Fprintf(&b, "public %v\n", a.Public)
	}
	for _, s := range a.Sections {
		fmt.Fprintf(&b, "section %q, %d bytes\n", s.Name, len(s.Text))
	}
	if a.Updates != "" {
		fmt.Fprintf(&b, "updates %q\n", a.Updates)
	}
	for _, m := range a.mappings {
		fmt.Fprintf(&b, "map %s: %s %v\n", m.pattern, m.tree, m.spans)
	}
	for _, r := range a.Recipes {
		fmt.Fprintf(&b, "recipe %q %s from %s: %v\n", r.Xen, r.Tree, r.From, r.Patches)
	}
	for _, w := range a.Warnings {
		fmt.Fprintf(&b, "warning %s\n", w)
	}
	return b.String()
}

func TestTexts(t *testing.T) {
	files, err := filepath.Glob("testdata/text/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no texts: %v", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			a, err := parseText(fixture(t, name))
			if err != nil {
				t.Fatal(err)
			}
			a.complete(nil)
			golden(t, strings.TrimSuffix(name, ".txt")+".golden", describe(a))

			crlf, err := parseText(strings.ReplaceAll(fixture(t, name), "\n", "\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			crlf.complete(nil)
			if got, want := describe(crlf), describe(a); got != want {
				t.Errorf("with CRLF:\n%s\nwithout:\n%s", got, want)
			}
		})
	}
}

// golden compares text with a golden file, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run with -update to accept):\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}

func TestNotAnAdvisory(t *testing.T) {
	for _, text := range []string{"", "\n\n", "Xen Security Advisory", "A Xen Security Advisory XSA-1", "> Xen Security Advisory XSA-901\n"} {
		if a, err := parseText(text); err == nil || a != nil {
			t.Errorf("parseText(%q) = %+v, %v", text, a, err)
		}
	}
}

func TestSubject(t *testing.T) {
	tests := []struct {
		text, subject  string
		version        int
		title, warning string
		cves           int
	}{
		{"Xen Security Advisory XSA-907\n", "[oss-security] Xen Security Advisory 907 v3 (CVE-2099-1907) - a title", 3, "a title", "subject only", 1},
		{"Xen Security Advisory XSA-907\nversion 2\n\nown title\n", "[Xen-devel] Xen Security Advisory 907 v3 - a title", 2, "own title", "the subject says version 3", 0},
		{"Xen Security Advisory XSA-907\n", "Re: Xen Security Advisory 908 v1 - other", 0, "", "the subject says XSA-908", 0},
		{"Xen Security Advisory XSA-907\n", "Xen Security Advisory 907 v1 - missed flush in XSA-321 backport", 1, "missed flush in XSA-321 backport", "", 0},
		{"Xen Security Advisory XSA-907\n", "hello", 0, "", "", 0},
	}
	for _, test := range tests {
		a, err := parseText(test.text)
		if err != nil {
			t.Fatal(err)
		}
		a.readSubject(test.subject)
		warnings := strings.Join(a.Warnings, "; ")
		if a.Version != test.version || a.Title != test.title || len(a.CVEs) != test.cves || !strings.Contains(warnings, test.warning) || (test.warning == "") != (warnings == "") {
			t.Errorf("%q: version %d, title %q, CVEs %v, warnings %q", test.subject, a.Version, a.Title, a.CVEs, warnings)
		}
	}
}
