package advisory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// smallLimits keep a fuzzing step short.
var smallLimits = Limits{File: 1 << 20, Total: 4 << 20, Files: 100}

// checkRead reads data as a file and checks what always holds: an error means
// no result, a result has entries whose names stay in their folder.
func checkRead(t *testing.T, data string) {
	b, err := Read(t.Context(), []string{"-"}, Options{Stdin: strings.NewReader(data), Limits: smallLimits, Keyring: keyring()})
	if err != nil {
		if b != nil {
			t.Errorf("an error and a result: %v", err)
		}
		return
	}
	for _, e := range b.Entries {
		checkEntry(t, e)
	}
}

func checkEntry(t *testing.T, e *Entry) {
	if e.Name == "" || e.XSA < 0 || e.Context && e.XSA != 0 {
		t.Errorf("entry %q of XSA %d", e.Name, e.XSA)
	}
	if a := e.Advisory; a != nil {
		if a.XSA != e.XSA || a.Version < 1 || a.Signature == "" || a.Checksums == "" {
			t.Errorf("advisory XSA-%d v%d %q %q in entry %d", a.XSA, a.Version, a.Signature, a.Checksums, e.XSA)
		}
		for _, f := range a.Attachments {
			if _, err := cleanName(f.Name); err != nil {
				t.Error(err)
			}
		}
	}
	for _, r := range e.Recipes {
		if len(r.Patches) == 0 && r.From != FromMeta || r.Tree == "" && r.From != FromMeta {
			t.Errorf("recipe %+v", r)
		}
		for _, p := range r.Patches {
			if _, err := cleanName(p); err != nil {
				t.Error(err)
			}
		}
		_, _ = e.Patches(r)
	}
	for _, xen := range []string{"4.17", "unstable", ""} {
		if r, ok := e.Recipe(xen); ok && !r.Covers(xen) {
			t.Errorf("the recipe %+v for %q does not cover it", r, xen)
		}
		for _, r := range e.Nearest(xen) {
			if r.Covers(xen) {
				t.Errorf("the recipe %+v is near %q but covers it", r, xen)
			}
		}
	}
	if e.Title() == "" {
		t.Errorf("%s has no title", e.Name)
	}
}

func FuzzText(f *testing.F) {
	files, _ := filepath.Glob("testdata/text/*.txt")
	for _, name := range files {
		f.Add(fixture(f, name))
	}
	f.Add(signedDemo(f))
	f.Fuzz(func(t *testing.T, data string) {
		s, err := openSigned([]byte(data))
		if err == nil {
			s.verify(keyring())
		}
		a, err := parseText(s.text)
		if (err != nil) != (a == nil) {
			t.Errorf("%v, %v", a, err)
		}
		if a != nil && a.XSA <= 0 {
			t.Errorf("XSA-%d", a.XSA)
		}
		checkRead(t, data)
	})
}

func FuzzMail(f *testing.F) {
	f.Add(wholeMail(f))
	f.Add(nestedMail(3))
	f.Add(nestedParts(3))
	f.Add("From a Tue Mar 10 12:00:05 2099\n" + wholeMail(f) + "\nFrom b Tue Mar 10 12:00:05 2099\nTo: x\n\n>From me\n")
	f.Add(mailHead + "Subject: =?utf-8?q?Xen_Security_Advisory_12_v2?=\nContent-Transfer-Encoding: quoted-printable\n\nXen Security Advisory XSA=2D12\n")
	f.Fuzz(func(t *testing.T, data string) {
		if header, body, err := cutHeader([]byte(data)); err == nil && (header == nil || len(body) > len(data)) {
			t.Error("a header out of nothing")
		}
		checkRead(t, mailHead+data)
		checkRead(t, "From a Tue Mar 10 12:00:05 2099\n"+data)
	})
}

func FuzzMeta(f *testing.F) {
	data, err := os.ReadFile("testdata/xsa901.meta")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	f.Add(`{"XSA":1,"Recipes":{"4.1":{"Recipes":{"xen":{"Patches":["xsa1-?.patch","a[b-c]"],"Prereqs":[-1]}}}}}`)
	f.Fuzz(func(t *testing.T, data string) {
		m, err := parseMeta("x.meta", []byte(data))
		if (err != nil) != (m == nil) {
			t.Errorf("%v, %v", m, err)
		}
		checkRead(t, data)
	})
}

func FuzzArchive(f *testing.F) {
	loose := []string{"a/advisory-901.txt", signedDemo(f), "a/xsa901.patch", demoPatch(f, "xsa901.patch"), "a/series", "xsa901.patch\n"}
	tarball := tarOf(f, loose...)
	f.Add(tarball)
	f.Add(zipOf(f, loose...))
	for _, how := range []string{"gz", "xz", "zst"} {
		f.Add(pack(f, how, tarball))
	}
	bz2, err := os.ReadFile("testdata/xsa901.tar.bz2")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(bz2))
	f.Fuzz(func(t *testing.T, data string) {
		checkRead(t, data)
	})
}

func FuzzSeries(f *testing.F) {
	f.Add(fixture(f, "testdata/series"))
	f.Add("a.patch -p1\r\nb.patch -p 1 # x\n#\n\n c.patch\n../x\n")
	f.Fuzz(func(t *testing.T, data string) {
		lines, err := parseSeries("series", []byte(data))
		if err != nil && lines != nil {
			t.Errorf("%v, %v", lines, err)
		}
		for i, l := range lines {
			if _, err := cleanName(l.name); err != nil || i > 0 && l.line <= lines[i-1].line {
				t.Errorf("line %d: %v", l.line, err)
			}
		}
		checkRead(t, tarOf(t, "series", data, "xsa901.patch", demoPatch(t, "xsa901.patch"), "a.patch", demoPatch(t, "xsa901.patch")))
	})
}
