package advisory

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// outline is a batch in a few lines.
func outline(b *Batch) string {
	var s strings.Builder
	if b.Queue {
		s.WriteString("queue\n")
	}
	for _, e := range b.Entries {
		fmt.Fprintf(&s, "%s %q", e.Name, e.Title())
		if e.Context {
			s.WriteString(" context")
		}
		if a := e.Advisory; a != nil {
			fmt.Fprintf(&s, " v%d %s %s", a.Version, a.Signature, a.Checksums)
			for _, old := range a.Older {
				fmt.Fprintf(&s, " older v%d %s", old.Version, old.Checksums)
			}
		}
		s.WriteByte('\n')
		for _, r := range e.Recipes {
			_, err := e.Patches(r)
			fmt.Fprintf(&s, "  %s %s %v %s here=%v\n", r.Tree, r.Xen, r.Patches, r.From, err == nil)
		}
	}
	return s.String()
}

func expect(t *testing.T, b *Batch, want string, warnings ...string) {
	t.Helper()
	if got := outline(b); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if len(b.Warnings) != len(warnings) {
		t.Errorf("warnings %q, want %d", b.Warnings, len(warnings))
	}
	for _, w := range warnings {
		if !slices.ContainsFunc(b.Warnings, func(got string) bool { return strings.Contains(got, w) }) {
			t.Errorf("no warning %q in %q", w, b.Warnings)
		}
	}
}

const wholeDemo = `XSA-901 "made-up overrun in the demo ring buffer" v2 good ok
  xen unstable - 4.18 [xsa901.patch] resolution here=true
  xen 4.17 - 4.16 [xsa901-4.17.patch] resolution here=true
`

// Whatever the advisory comes in, the same comes out.
func TestContainers(t *testing.T) {
	mail := wholeMail(t)
	text, p, p417 := signedDemo(t), demoPatch(t, "xsa901.patch"), demoPatch(t, "xsa901-4.17.patch")
	loose := []string{"advisory-901.txt", text, "xsa901.patch", p, "xsa901-4.17.patch", p417}
	nested := []string{"x/advisory-901.txt", text, "x/xsa901/xsa901.patch", p, "x/xsa901/xsa901-4.17.patch", p417}
	bz2, err := os.ReadFile("testdata/xsa901.tar.bz2")
	if err != nil {
		t.Fatal(err)
	}
	mbox := "From x@example.org Tue Mar 10 12:00:05 2099\n" + strings.ReplaceAll(mail, "\nFrom ", "\n>From ") + "\nFrom y@example.org Tue Mar 10 12:00:06 2099\nSubject: Re: hello\nTo: x\n\nhello\n"
	tests := []struct {
		name     string
		files    map[string]string
		warnings []string
	}{
		{"eml", map[string]string{"a.eml": mail}, nil},
		{"eml without ending", map[string]string{"mail": mail}, nil},
		{"eml with CRLF", map[string]string{"a.eml": strings.ReplaceAll(mail, "\n", "\r\n")}, nil},
		{"mbox", map[string]string{"box": mbox}, []string{"1 of 2 messages"}},
		{"mbox.gz", map[string]string{"box.gz": pack(t, "gz", mbox)}, []string{"1 of 2 messages"}},
		{"maildir", map[string]string{"cur/1.2.host:2,S": mail, "tmp/3.4.host": mail[:100], "new/.keep": ""}, []string{"still being delivered", ".keep"}},
		{"folder", map[string]string{loose[0]: loose[1], loose[2]: loose[3], loose[4]: loose[5]}, nil},
		{"subfolder", map[string]string{nested[0]: nested[1], nested[2]: nested[3], nested[4]: nested[5]}, nil},
		{"packed patches", map[string]string{"advisory-901.txt.bz": text, "xsa901.patch.xz": pack(t, "xz", p), "xsa901-4.17.patch.zst": pack(t, "zst", p417)}, nil},
		{"tar", map[string]string{"a.tar": tarOf(t, loose...)}, nil},
		{"tar under another name", map[string]string{"batch": tarOf(t, nested...)}, nil},
		{"tar.gz", map[string]string{"a.tar.gz": pack(t, "gz", tarOf(t, nested...))}, nil},
		{"tgz", map[string]string{"a.tgz": pack(t, "gz", tarOf(t, "./a.eml", mail))}, nil},
		{"tar.xz", map[string]string{"a.tar.xz": pack(t, "xz", tarOf(t, nested...))}, nil},
		{"tar.zst", map[string]string{"a.tar.zst": pack(t, "zst", tarOf(t, nested...))}, nil},
		{"tar.bz2", map[string]string{"a.txt": text, "a.tar.bz2": string(bz2)}, nil},
		{"zip", map[string]string{"a.zip": zipOf(t, nested...)}, nil},
		{"zip in tar.gz", map[string]string{"a.tar.gz": pack(t, "gz", tarOf(t, "in.zip", zipOf(t, nested...)))}, nil},
		{"mail with a tar", map[string]string{"a.eml": demoMail("x", text, part{"patches.tar.gz", pack(t, "gz", tarOf(t, loose[2:]...))})}, nil},
		{"mail with packed patches", map[string]string{"a.eml": demoMail("x", text, part{"xsa901.patch.gz", pack(t, "gz", p)}, part{"xsa901-4.17.patch.xz", pack(t, "xz", p417)})}, nil},
		{"mail with folders in names", map[string]string{"a.eml": demoMail("x", text, part{"xsa901/xsa901.patch", p}, part{"xsa901/xsa901-4.17.patch", p417})}, nil},
		{"mail with the text attached", map[string]string{"a.eml": demoMail("x", "see attachment", part{"advisory.txt", text}, part{"xsa901.patch", p}, part{"xsa901-4.17.patch", p417})}, nil},
		{"forwarded mail", map[string]string{"a.eml": mailHead + "Subject: fwd\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nlook\n--b\nContent-Type: message/rfc822\n\n" + mail + "\n--b--\n"}, nil},
		{"twice", map[string]string{"a.eml": mail, "b.tar": tarOf(t, loose...)}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, test.files)
			expect(t, read(t, Options{Keyring: keyring()}, dir), wholeDemo, test.warnings...)
			if len(test.files) > 1 {
				return
			}
			for name, data := range test.files {
				expect(t, read(t, Options{Keyring: keyring()}, filepath.Join(dir, name)), wholeDemo, test.warnings...)
				expect(t, read(t, Options{Keyring: keyring(), Stdin: strings.NewReader(data)}, "-"), wholeDemo, test.warnings...)
			}
		})
	}
}

// A patch that came compressed is checked under either name.
func TestPackedChecksums(t *testing.T) {
	packed := pack(t, "gz", demoPatch(t, "xsa901.patch"))
	text := "Xen Security Advisory XSA-901\n\nRESOLUTION\n==========\n\nxsa901.patch.gz   xen-unstable\n\n$ sha256sum *\n" + sha256Hex([]byte(packed)) + "  xsa901.patch.gz\n"
	b := read(t, Options{}, write(t, map[string]string{"a.txt": text, "xsa901.patch.gz": packed}))
	a := b.Entries[0].Advisory
	if a.Checksums != ChecksumOK || a.Attachments[0].Name != "xsa901.patch.gz" {
		t.Errorf("%s: %+v", a.Checksums, a.Warnings)
	}
	if _, err := b.Entries[0].Patches(a.Recipes[0]); err != nil {
		t.Error(err)
	}
}

func TestLoosePatches(t *testing.T) {
	p, p417 := demoPatch(t, "xsa901.patch"), demoPatch(t, "xsa901-4.17.patch")
	plain := strings.Replace(p, "This is XSA-901 / CVE-2099-10901.", "It mentions XSA-901.", 1)
	dir := write(t, map[string]string{
		"xsa901.patch":                 p,
		"xsa901-4.17.patch":            p417,
		"xsa902/xsa902-4.17-10.patch":  plain,
		"xsa902/xsa902-4.17-9.patch":   plain,
		"xsa902/xsa902-4.18-1.patch":   plain,
		"xsa903.patch":                 strings.ReplaceAll(p, "901", "903"),
		"xsa904-linux.patch":           plain,
		"zz-fix.patch":                 strings.ReplaceAll(p, "901", "900"),
		"unknown.patch":                plain,
		"xsa905.patch":                 p,
		"mailed/from-the-list":         mailHead + "Subject: [PATCH] x86: mailed\n\nThis is XSA-906.\n---\n" + p[strings.Index(p, "--- a/"):],
		"git/0001-x.patch":             strings.ReplaceAll(p417, "901", "907"),
		"README":                       "hello",
		"logo":                         "\x00\x01",
		".git/config":                  "x",
		"deep/xsa908/4.16/0001-a.diff": plain,
		"deep/xsa908/4.16/0002-b.diff": plain,
	})
	expect(t, read(t, Options{}, dir), `XSA-900 "demo/ring: do not believe the guest about its size"
  xen  [zz-fix.patch] name here=true
XSA-901 "demo/ring: große slots"
  xen unstable [xsa901.patch] name here=true
  xen 4.17 [xsa901-4.17.patch] name here=true
XSA-902 "demo/ring: do not believe the guest about its size"
  xen 4.18 [xsa902/xsa902-4.18-1.patch] name here=true
  xen 4.17 [xsa902/xsa902-4.17-9.patch xsa902/xsa902-4.17-10.patch] name here=true
XSA-903 "demo/ring: do not believe the guest about its size"
  xen  [xsa903.patch] name here=true
XSA-904 "demo/ring: do not believe the guest about its size"
  linux  [xsa904-linux.patch] name here=true
XSA-905 "demo/ring: do not believe the guest about its size"
  xen  [xsa905.patch] name here=true
XSA-906 "x86: mailed"
  xen  [from-the-list] name here=true
XSA-907 "demo/ring: große slots"
  xen  [0001-x.patch] name here=true
XSA-908 "demo/ring: do not believe the guest about its size"
  xen 4.16 [4.16/0001-a.diff 4.16/0002-b.diff] name here=true
unknown.patch "demo/ring: do not believe the guest about its size"
  xen  [unknown.patch] name here=true
`, "its name says XSA-905, its text XSA-901", "unknown.patch: no XSA number", "README", "logo", ".git: a hidden folder")
}

func TestVersions(t *testing.T) {
	text := func(version int, sums string) string {
		return fmt.Sprintf("Xen Security Advisory XSA-901\nversion %d\n\ntitle %d\n\nRESOLUTION\n==========\n\nxsa901.patch   xen-unstable\n\n$ sha256sum\n%s\n", version, version, sums)
	}
	p := demoPatch(t, "xsa901.patch")
	older := strings.Replace(p, "slots", "old", 1)
	sum := func(data string) string { return sha256Hex([]byte(data)) + "  xsa901.patch" }
	dir := write(t, map[string]string{
		"a/v1.txt":       text(1, sum("something else")),
		"a/xsa901.patch": older,
		"b/v3.txt":       text(3, sum(p)),
		"b/xsa901.patch": p,
		"c/v2.txt":       sign(t, text(2, sum(older)), 0, nil),
		"c/again.txt":    text(2, sum(older)),
	})
	b := read(t, Options{Keyring: keyring()}, dir)
	expect(t, b, `XSA-901 "title 3" v3 none ok older v2 ok older v1 absent
  xen unstable [xsa901.patch] resolution here=true
`)
	a := b.Entries[0].Advisory
	if len(a.Warnings) != 1 || !strings.Contains(a.Warnings[0], "version 3 counts as the newest, but its signature is none") {
		t.Errorf("warnings %q", a.Warnings)
	}
	if a.Older[0].Signature != SignatureGood || len(a.Older[0].Attachments) != 1 {
		t.Errorf("older: %+v", a.Older[0])
	}
}

func TestChecksums(t *testing.T) {
	p, p417 := demoPatch(t, "xsa901.patch"), demoPatch(t, "xsa901-4.17.patch")
	mail := func(parts ...part) string { return demoMail("x", signedDemo(t), parts...) }
	tests := []struct{ name, mail, want, warning string }{
		{"none", mail(), ChecksumAbsent, "patches that did not arrive: 2 (xsa901.patch, xsa901-4.17.patch)"},
		{"some", mail(part{"xsa901.patch", p}), ChecksumOK, "patches that did not arrive: 1 (xsa901-4.17.patch)"},
		{"changed", mail(part{"xsa901.patch", p}, part{"xsa901-4.17.patch", p417 + "\n"}), ChecksumMismatch, "the checksum of xsa901-4.17.patch is"},
		{"unlisted", mail(part{"xsa901.patch", p}, part{"xsa901-4.17.patch", p417}, part{"xsa901-4.9.patch", p}), ChecksumAbsent, ""},
	}
	for _, test := range tests {
		a := read(t, Options{Stdin: strings.NewReader(test.mail)}, "-").Entries[0].Advisory
		if a.Checksums != test.want || !strings.Contains(strings.Join(a.Warnings, "\n"), test.warning) {
			t.Errorf("%s: %s, %q", test.name, a.Checksums, a.Warnings)
		}
	}
}

func TestMeta(t *testing.T) {
	meta := fixture(t, "testdata/xsa901.meta")
	p := demoPatch(t, "xsa901.patch")
	base := map[string]string{"advisory-901.txt": signedDemo(t), "xsa901.patch": p, "xsa901-4.17.patch": demoPatch(t, "xsa901-4.17.patch"), "xsa901.meta": meta, "xsa901-qemu-2.patch": p, "xsa901-qemu-1.patch": p, "xsa901-4.9.patch": p}
	b := read(t, Options{Keyring: keyring()}, write(t, base))
	expect(t, b, `XSA-901 "made-up overrun in the demo ring buffer" v2 good absent
  xen unstable [xsa901.patch] meta here=true
  xen 4.18 [xsa901.patch] meta here=true
  qemu-xen 4.18 [xsa901-qemu-1.patch xsa901-qemu-2.patch] meta here=true
  xen 4.17 [xsa901-4.17.patch] meta here=true
  xen unstable - 4.18 [xsa901.patch] resolution here=true
  xen 4.17 - 4.16 [xsa901-4.17.patch] resolution here=true
  xen 4.9 [xsa901-4.9.patch] name here=true
`)
	e := b.Entries[0]
	for _, test := range []struct{ xen, want string }{
		{"unstable", "unstable xen 1111 [] [xsa901.patch] meta"},
		{"4.20", "4.20 xen  [] [xsa901.patch] resolution"},
		{"4.18.3", "4.18 xen 2222 [900] [xsa901.patch] meta"},
		{"4.17.5+72", "4.17 xen 4444 [899 900] [xsa901-4.17.patch] meta"},
		{"4.16", "4.16 xen  [] [xsa901-4.17.patch] resolution"},
		{"4.15", ""},
		{"4.9", "4.9 xen  [] [xsa901-4.9.patch] name"},
		{"", ""},
		{"nonsense", ""},
	} {
		got := ""
		if r, ok := e.Recipe(test.xen); ok {
			got = fmt.Sprintf("%s %s %.4s %v %v %s", r.Xen, r.Tree, r.StableRef, r.Prereqs, r.Patches, r.From)
		}
		if got != test.want {
			t.Errorf("Recipe(%q) = %q, want %q", test.xen, got, test.want)
		}
	}
	var near []string
	for _, r := range e.Nearest("4.15") {
		near = append(near, r.Xen+"="+strings.Join(r.Patches, "+"))
	}
	if got := strings.Join(near, " "); got != "4.16=xsa901-4.17.patch 4.17=xsa901-4.17.patch 4.18=xsa901.patch 4.9=xsa901-4.9.patch unstable=xsa901.patch" {
		t.Errorf("Nearest: %s", got)
	}

	// Without an advisory the .meta file still counts; a changed one does not.
	delete(base, "advisory-901.txt")
	if r, ok := read(t, Options{}, write(t, base)).Entries[0].Recipe("4.17"); !ok || r.From != FromMeta {
		t.Errorf("without an advisory: %+v", r)
	}
	text := strings.Replace(fixture(t, "testdata/text/xsa901-v2.txt"), "sha256sum xsa901*\n", "sha256sum xsa901*\n"+strings.Repeat("ab", 32)+"  xsa901.meta\n", 1)
	base["advisory-901.txt"] = text
	e = read(t, Options{}, write(t, base)).Entries[0]
	if r, ok := e.Recipe("4.17"); !ok || r.From != FromResolution || !strings.Contains(strings.Join(e.Advisory.Warnings, "\n"), "its recipes are not followed") {
		t.Errorf("with a changed .meta: %+v, %q", r, e.Advisory.Warnings)
	}
}

func TestBadMeta(t *testing.T) {
	for _, data := range []string{"", "{", "[]", "{}", `{"XSA":0}`, `{"XSA":1} x`, `{"XSA":1,"Recipes":{"x":{}}}`, `{"XSA":"1"}`,
		`{"XSA":1,"Recipes":{"4.1":{"Recipes":{"xen":{"Patches":["../x"]}}}}}`,
		`{"XSA":1,"Recipes":{"4.1":{"Recipes":{"xen":{"Patches":["/x"]}}}}}`,
		`{"XSA":1,"Recipes":{"4.1":{"Recipes":{"xen":{"Patches":["[x"]}}}}}`,
		`{"XSA":1,"Recipes":{"4.1":{"Recipes":{"xen":{"Patches":["x"` + strings.Repeat(`,"x"`, maxPatterns) + `]}}}}}`,
		strings.Repeat(" ", maxMeta) + "{}"} {
		if m, err := parseMeta("the.meta", []byte(data)); err == nil || m != nil || !strings.Contains(err.Error(), "the.meta") {
			t.Errorf("%.60q: %+v, %v", data, m, err)
		}
	}
}

func TestQueue(t *testing.T) {
	p := demoPatch(t, "xsa901.patch")
	plain := strings.Replace(p, "This is XSA-901", "It mentions XSA-901", 1)
	files := map[string]string{
		"q/series":                       fixture(t, "testdata/series") + "xsa901-late.patch -p1\nxsa904.patch -R\n",
		"q/0001-context.patch":           plain,
		"q/xsa901-4.17.patch":            demoPatch(t, "xsa901-4.17.patch"),
		"q/xsa902/xsa902-4.17-01.patch":  plain,
		"q/xsa902/xsa902-4.17-02.patch":  plain,
		"q/xsa901-late.patch":            p,
		"q/not-listed.patch":             plain,
		"mails/a.eml":                    wholeMail(t),
		"mails/xsa900.patch":             strings.ReplaceAll(p, "901", "900"),
		"packed/series":                  "x.patch.gz\n",
		"packed/x.patch.gz":              pack(t, "gz", plain),
		"missing/series":                 "gone.patch\nxsa903.patch\n",
		"missing/xsa903.patch":           strings.ReplaceAll(p, "901", "903"),
		"hostile/series":                 "../../etc/passwd\n",
		"hostile/xsa905/xsa905-01.patch": strings.ReplaceAll(p, "901", "905"),
	}
	dir := write(t, files)
	at := func(name string) string { return filepath.Join(dir, name) }
	_, err := Read(t.Context(), []string{at("q")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := read(t, Options{}, at("q"))
	if b.Queue || !strings.Contains(strings.Join(b.Warnings, "\n"), `series:8: the option "-R" is not known`) {
		t.Errorf("an unknown option: %v %q", b.Queue, b.Warnings)
	}
	files["q/series"] = strings.Replace(files["q/series"], "xsa904.patch -R\n", "", 1)
	if err := os.WriteFile(at("q/series"), []byte(files["q/series"]), 0o600); err != nil {
		t.Fatal(err)
	}
	want := `queue
0001-context.patch "demo/ring: do not believe the guest about its size" context
  xen  [0001-context.patch] name here=true
XSA-901 "made-up overrun in the demo ring buffer" v2 good mismatch
  xen 4.17 [xsa901-4.17.patch] resolution here=true
  xen unstable - 4.18 [xsa901.patch] resolution here=true
  xen 4.17 - 4.16 [xsa901-4.17.patch] resolution here=true
  xen unstable [xsa901-late.patch] name here=true
XSA-902 "demo/ring: do not believe the guest about its size"
  xen 4.17 [xsa902/xsa902-4.17-01.patch xsa902/xsa902-4.17-02.patch] name here=true
XSA-901 "made-up overrun in the demo ring buffer" v2 good mismatch
  xen  [xsa901-late.patch] name here=true
  xen unstable - 4.18 [xsa901.patch] resolution here=true
  xen 4.17 - 4.16 [xsa901-4.17.patch] resolution here=true
  xen unstable [xsa901-late.patch] name here=true
XSA-900 "demo/ring: do not believe the guest about its size"
  xen  [xsa900.patch] name here=true
`
	// A patch of the queue that the advisory does not list leaves its checksums absent.
	want = strings.ReplaceAll(want, "mismatch", "absent")
	for _, q := range []string{"q", "q/series"} {
		expect(t, read(t, Options{Keyring: keyring()}, at("mails"), at(q)), want, "not-listed.patch: not named in")
	}
	expect(t, read(t, Options{}, at("packed")), "queue\nx.patch \"demo/ring: do not believe the guest about its size\" context\n  xen  [x.patch] name here=true\n")
	expect(t, read(t, Options{}, at("missing")), "queue\nXSA-903 \"demo/ring: do not believe the guest about its size\"\n  xen  [xsa903.patch] name here=true\n", "series:1: the patch gone.patch is not there")
	expect(t, read(t, Options{}, at("hostile")), "XSA-905 \"demo/ring: do not believe the guest about its size\"\n  xen  [xsa905/xsa905-01.patch] name here=true\n", "leaves its folder; the order of the queue is lost")
}

// The real queue, if it is there.
func TestRealQueue(t *testing.T) {
	b := read(t, Options{}, shared(t, "corpus"), shared(t, "advisories"))
	var got []string
	for _, e := range b.Entries {
		if !e.Context {
			r, ok := e.Recipe("4.17")
			got = append(got, fmt.Sprintf("%d:%d:%v", e.XSA, len(r.Patches), ok))
		}
	}
	want := "477:1:true 479:1:true 480:1:true 488:1:true 483:1:true 484:1:true 486:1:true 490:1:true 491:1:true 492:17:true 493:1:true 494:1:true " +
		"358:0:false 366:0:false 369:1:true 458:1:true 499:7:true"
	if strings.Join(got, " ") != want || !b.Queue {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	if len(b.Entries) != 14+17 {
		t.Errorf("%d entries", len(b.Entries))
	}
	if len(b.Warnings) != 1 || !strings.Contains(b.Warnings[0], "xen-pgp-key.asc: holds OpenPGP keys") {
		t.Errorf("warnings %q", b.Warnings)
	}
}

func TestPublicDate(t *testing.T) {
	text := fixture(t, "testdata/text/xsa904-nopatch.txt")
	private := strings.Replace(mailHead, "oss-security@", "predisclosure@", 1)
	tests := []struct{ name, data, want string }{
		{"embargo in the text", private + "Subject: x\n\n" + text, "2099-03-09 12:30"},
		{"public list", mailHead + "Subject: x\n\nXen Security Advisory XSA-12\n", "2099-03-10 12:00"},
		{"predisclosure list", private + "Subject: x\n\nXen Security Advisory XSA-12\n", "0001-01-01 00:00"},
		{"public release", private + "Subject: x\n\n" + signedDemo(t), "2099-03-10 12:00"},
		{"a text alone", signedDemo(t), "0001-01-01 00:00"},
	}
	for _, test := range tests {
		a := read(t, Options{Stdin: strings.NewReader(test.data)}, "-").Entries[0].Advisory
		if got := a.Public.Format("2006-01-02 15:04"); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestArgumentErrors(t *testing.T) {
	dir := write(t, map[string]string{"README": "hello", "empty": "", "heading.txt": "Xen Security Advisory about nothing\n", "only/README": "x"})
	tests := map[string]string{
		filepath.Join(dir, "nothing"):     "no such file",
		filepath.Join(dir, "README"):      "neither advisory",
		filepath.Join(dir, "empty"):       "neither advisory",
		filepath.Join(dir, "heading.txt"): "no heading",
		filepath.Join(dir, "only"):        "the folder holds neither",
		"-":                               "standard input: there is none",
	}
	for name, want := range tests {
		b, err := Read(t.Context(), []string{name}, Options{})
		if err == nil || b != nil || !strings.Contains(err.Error(), want) || name != "-" && !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v", name, b, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, []string{dir}, Options{}); err != context.Canceled && !strings.Contains(fmt.Sprint(err), "canceled") {
		t.Errorf("canceled: %v", err)
	}
	if b, err := Read(t.Context(), nil, Options{}); err != nil || len(b.Entries) != 0 {
		t.Errorf("no paths: %v, %v", b, err)
	}
}

func TestMissingPatches(t *testing.T) {
	e := read(t, Options{Stdin: strings.NewReader(signedDemo(t))}, "-").Entries[0]
	r, ok := e.Recipe("4.17")
	if !ok {
		t.Fatal("no recipe")
	}
	if files, err := e.Patches(r); err == nil || len(files) != 0 || !strings.Contains(err.Error(), "xsa901-4.17.patch is not there") {
		t.Errorf("%v, %v", files, err)
	}
	if len(e.CVEs()) != 1 {
		t.Errorf("CVEs %v", e.CVEs())
	}
}

func TestOddMails(t *testing.T) {
	p := demoPatch(t, "xsa901.patch")
	b64 := base64.StdEncoding.EncodeToString([]byte(p))
	head := mailHead + "Subject: =?UTF-8?q?Xen_Security_Advisory_12_v4_-_Zo=C3=AB?=\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nXen Security Advisory XSA-12\n\n"
	tests := []struct{ name, data, want string }{
		{"encoded file name", head + "--b\nContent-Type: text/x-patch; name=\"=?UTF-8?q?xsa12.patch?=\"\nContent-Transfer-Encoding: base64\n\n" + b64 + "\n--b--\n", "[xsa12.patch]"},
		{"RFC 2231 name", head + "--b\nContent-Disposition: attachment; filename*=utf-8''xsa12%2d4.17.patch\nContent-Transfer-Encoding: base64\n\n" + b64 + "\n--b--\n", "[xsa12-4.17.patch]"},
		{"broken content type", head + "--b\nContent-Type: application/octet-stream; name=xsa12.patch; =;\nContent-Transfer-Encoding: base64\n\n" + b64 + "\n--b--\n", "[xsa12.patch]"},
		{"inline patch with a name", head + "--b\nContent-Type: text/plain\nContent-Disposition: inline; filename=xsa12.patch\n\n" + p + "\n--b--\n", "[xsa12.patch]"},
		{"lines that are no headers", "From nobody\n" + head + "--b--\n", "[]"},
	}
	for _, test := range tests {
		b, err := Read(t.Context(), []string{"-"}, Options{Stdin: strings.NewReader(test.data)})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		a := b.Entries[0].Advisory
		var names []string
		for _, f := range a.Attachments {
			names = append(names, f.Name)
			if !bytes.Equal(bytes.TrimSpace(f.Data), []byte(strings.TrimSpace(p))) {
				t.Errorf("%s: %s is changed", test.name, f.Name)
			}
		}
		if fmt.Sprint(names) != test.want || a.Version != 4 || a.Title != "Zoë" {
			t.Errorf("%s: %v, version %d, %q, %q", test.name, names, a.Version, a.Title, a.Warnings)
		}
	}
}

// A fix for another tree must not hide that Xen's own has no recipe.
func TestOtherTreesDoNotAnswerForXen(t *testing.T) {
	text := "Xen Security Advisory XSA-12\n\nRESOLUTION\n==========\n\nxsa12-4.18.patch   Xen 4.18.x\nxsa12-linux.patch   Linux 6.1\nxsa12-qemuu.patch   qemu-xen 4.17.x\n"
	e := read(t, Options{Stdin: strings.NewReader(text)}, "-").Entries[0]
	if r, ok := e.Recipe("4.17"); ok {
		t.Errorf("4.17: %+v", r)
	}
	if r, ok := e.Recipe("4.18"); !ok || r.Tree != "xen" {
		t.Errorf("4.18: %+v", r)
	}
	if near := e.Nearest("4.17"); len(near) != 1 || near[0].Xen != "4.18" {
		t.Errorf("near: %+v", near)
	}
	text = strings.Replace(text, "xsa12-4.18.patch   Xen 4.18.x\n", "", 1)
	e = read(t, Options{Stdin: strings.NewReader(text)}, "-").Entries[0]
	if r, ok := e.Recipe("4.17"); !ok || r.Tree != "linux" {
		t.Errorf("other trees only: %+v", r)
	}
}

// One name in the folders of two releases is two files.
func TestPortsInReleaseFolders(t *testing.T) {
	p := demoPatch(t, "xsa901.patch")
	files := map[string]string{"advisory-901.txt": signedDemo(t), "xsa901.patch": p, "4.14/xsa901.patch": p + "\n", "4.15/xsa901.patch": p + "\n\n"}
	e := read(t, Options{}, write(t, files)).Entries[0]
	for xen, want := range map[string]string{"4.14": p + "\n", "4.15": p + "\n\n", "4.19": p} {
		r, _ := e.Recipe(xen)
		got, err := e.Patches(r)
		if err != nil || len(got) != 1 || string(got[0].Data) != want {
			t.Errorf("%s: %+v, %v", xen, r, err)
		}
	}
}

// What is loose beside a queue belongs to the entry of the queue.
func TestLooseBesideQueue(t *testing.T) {
	p := demoPatch(t, "xsa901.patch")
	dir := write(t, map[string]string{"q/series": "xsa901-4.17.patch\n", "q/xsa901-4.17.patch": p, "more/xsa901-4.18.patch": p})
	expect(t, read(t, Options{}, filepath.Join(dir, "q"), filepath.Join(dir, "more")), `queue
XSA-901 "demo/ring: do not believe the guest about its size"
  xen 4.17 [xsa901-4.17.patch] name here=true
  xen 4.18 [xsa901-4.18.patch] name here=true
`)
}

// Two runs say the same, whatever the order of maps.
func TestDeterministic(t *testing.T) {
	p := demoPatch(t, "xsa901.patch")
	dir := write(t, map[string]string{"xsa903.patch": p, "xsa903-unstable.patch": p, "xsa903-4.17.patch": p, "xsa903-linux.patch": p, "xsa903-qemuu-4.17.patch": p,
		"a.txt": signedDemo(t), "b.txt": fixture(t, "testdata/text/xsa902-wrapped.txt"), "c.txt": fixture(t, "testdata/text/xsa903-linux.txt"), "xsa901.meta": fixture(t, "testdata/xsa901.meta")})
	want := ""
	for range 20 {
		b := read(t, Options{}, dir)
		got := outline(b) + strings.Join(b.Warnings, "\n")
		for _, e := range b.Entries {
			if e.Advisory != nil {
				got += describe(e.Advisory)
			}
		}
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("%s\nthen\n%s", want, got)
		}
	}
}
