package advisory

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// endless is a reader of n bytes that repeat a pattern.
type endless struct {
	pattern string
	n       int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	n := int(min(e.n, int64(len(p))))
	for i := range p[:n] {
		p[i] = e.pattern[i%len(e.pattern)]
	}
	e.n -= int64(n)
	return n, nil
}

// oneHeader makes a tar archive of one entry.
func oneHeader(t testing.TB, h tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	h.Mode = 0o644
	if err := w.WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	if h.Size > 0 {
		if _, err := io.Copy(w, &endless{"x", h.Size}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func bomb(t testing.TB, n int64) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.Copy(w, &endless{"x", n}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// layers packs data n times.
func layers(t testing.TB, n int, data string) string {
	for range n {
		data = pack(t, "gz", data)
	}
	return data
}

// nestedMail puts mails inside each other.
func nestedMail(depth int) string {
	mail := mailHead + "Subject: x\n\nXen Security Advisory XSA-12\n"
	for i := range depth {
		mail = fmt.Sprintf("%sContent-Type: multipart/mixed; boundary=b%d\n\n--b%d\nContent-Type: message/rfc822\n\n%s\n--b%d--\n", mailHead, i, i, mail, i)
	}
	return mail
}

func zipEntries(t testing.TB, headers ...zip.FileHeader) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, h := range headers {
		f, err := w.CreateHeader(&h)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, "/") {
			fmt.Fprint(f, "Xen Security Advisory XSA-12\n")
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func linkHeader(name string, mode fs.FileMode) zip.FileHeader {
	h := zip.FileHeader{Name: name}
	h.SetMode(mode)
	return h
}

func TestHostile(t *testing.T) {
	text := "Xen Security Advisory XSA-12\n"
	good := tarOf(t, "a/xsa901.patch", demoPatch(t, "xsa901.patch"))
	whole := wholeMail(t)
	small := Limits{File: 1 << 20, Total: 8 << 20, Files: 50}
	tests := []struct {
		name   string
		data   string
		limits Limits
		want   string
	}{
		{"tar: parent", tarOf(t, "ok.txt", text, "../evil", text), Limits{}, `the name "../evil" leaves its folder`},
		{"tar: parent inside", tarOf(t, "a/../../evil", text), Limits{}, "leaves its folder"},
		{"tar: absolute", tarOf(t, "/etc/evil", text), Limits{}, "is absolute"},
		{"tar: backslash", tarOf(t, `..\evil`, text), Limits{}, "backslash"},
		{"tar: drive", tarOf(t, `C:/evil`, text), Limits{}, "is absolute"},
		{"tar: folder", oneHeader(t, tar.Header{Name: "../evil/", Typeflag: tar.TypeDir}), Limits{}, "leaves its folder"},
		{"tar: link", oneHeader(t, tar.Header{Name: "a", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}), Limits{}, `"a" is a symbolic link`},
		{"tar: hard link", oneHeader(t, tar.Header{Name: "a", Linkname: "../b", Typeflag: tar.TypeLink}), Limits{}, "hard link"},
		{"tar: device", oneHeader(t, tar.Header{Name: "a", Typeflag: tar.TypeBlock, Devmajor: 8}), Limits{}, "device"},
		{"tar: pipe", oneHeader(t, tar.Header{Name: "a", Typeflag: tar.TypeFifo}), Limits{}, "named pipe"},
		{"tar: twice", tarOf(t, "a.txt", text, "./a.txt", text), Limits{}, "comes twice"},
		{"tar: many", tarOf(t, manyFiles(60)...), small, "an archive of more than 50 files"},
		{"tar: cut in a header", good[:300], Limits{}, "damaged or cut"},
		{"tar: cut in a file", good[:700], Limits{}, "unexpected EOF"},
		{"tar.gz: cut", pack(t, "gz", good)[:200], Limits{}, "unexpected EOF"},
		{"tar.xz: cut", pack(t, "xz", good)[:200], Limits{}, "unexpected EOF"},
		{"tar.zst: cut", pack(t, "zst", good)[:200], Limits{}, "unexpected EOF"},
		{"gz: cut in the header", pack(t, "gz", good)[:5], Limits{}, "unexpected EOF"},
		{"xz: cut in the header", pack(t, "xz", good)[:9], Limits{}, "unexpected EOF"},
		{"gz: wrong checksum", damaged(pack(t, "gz", good)), Limits{}, "checksum"},
		{"gz: a bomb", bomb(t, 64<<20), Limits{}, "a bomb"},
		{"tar.gz: a bomb", pack(t, "gz", oneHeader(t, tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 20 << 20})), Limits{}, "a bomb"},
		{"tar.gz: too much in all", pack(t, "gz", oneHeader(t, tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 20 << 20})), Limits{Ratio: 1 << 30, Total: 8 << 20}, "more than is allowed"},
		{"layers", layers(t, 20, text), Limits{}, "more than 6 archives or compressions"},
		{"nested tars", nestedTars(t, 20, text), Limits{}, "more than 6 archives or compressions"},
		{"zip: parent", zipOf(t, "../evil", text), Limits{}, "leaves its folder"},
		{"zip: absolute", zipOf(t, "/evil", text), Limits{}, "is absolute"},
		{"zip: link", zipEntries(t, linkHeader("a", fs.ModeSymlink|0o777)), Limits{}, "only files and folders"},
		{"zip: device", zipEntries(t, linkHeader("a", fs.ModeDevice|0o600)), Limits{}, "only files and folders"},
		{"zip: folder", zipEntries(t, zip.FileHeader{Name: "../x/"}), Limits{}, "leaves its folder"},
		{"zip: encrypted", encrypted(zipOf(t, "a", text)), Limits{}, "encrypted"},
		{"zip: cut", zipOf(t, "a", text)[:60], Limits{}, "damaged or cut"},
		{"zip: a bomb", zipOf(t, "a", strings.Repeat("\x00", 20<<20)), Limits{}, "a bomb"},
		{"zip: large", zipOf(t, "a", whole) + strings.Repeat("x", 9<<20), small, "a zip archive of more than"},
		{"xz: giant dictionary", giantXz(t), Limits{}, "an xz dictionary of"},
		{"mails inside each other", nestedMail(100), Limits{}, "more than 10 mails or multiparts inside each other"},
		{"multiparts inside each other", nestedParts(100), Limits{}, "more than 10 mails or multiparts inside each other"},
		{"mail: cut in the header", whole[:150], Limits{}, "header only"},
		{"mail: cut in the text", whole[:900], Limits{}, "the mail is damaged or cut"},
		{"mail: cut in an attachment", whole[:len(whole)-400], Limits{}, "the mail is damaged or cut"},
		{"mail: no boundary", strings.Replace(whole, "boundary=", "frontier=", 1), Limits{}, "without a boundary"},
		{"mail: broken base64", strings.Replace(whole, "base64\n\n", "base64\n\n*", 1), Limits{}, `the attachment "xsa901.patch": damaged or cut base64`},
		{"mail: hostile name", demoMail("x", text, part{"../../evil", "x"}), Limits{}, "leaves its folder"},
		{"mail: unknown encoding", strings.Replace(whole, "base64", "uuencode", 1), Limits{}, `unknown transfer encoding "uuencode"`},
		{"mail: many parts", strings.Replace(whole, "--=separator\n", strings.Repeat("--=separator\n\nx\n", 60)+"--=separator\n", 1), small, "more than 50 parts"},
		{"text: too long", text + strings.Repeat("x\n", maxText), Limits{}, "an advisory of more than"},
		{"mailed text: too long", mailHead + "\n" + text + strings.Repeat("x\n", maxText), Limits{}, "an advisory of more than"},
		{"mbox: many", strings.Repeat("From a Tue Mar 10 12:00:05 2099\nTo: x\n\nx\n\n", 60), small, "more than 50 messages"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, map[string]string{"bad": test.data, "xsa901.patch": demoPatch(t, "xsa901.patch")})
			bad := filepath.Join(dir, "bad")
			b, err := Read(t.Context(), []string{bad}, Options{Limits: test.limits})
			if b != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), bad) {
				t.Fatalf("%+v, %v; want %q", b, err, test.want)
			}
			// In a folder the rest is not lost.
			b = read(t, Options{Limits: test.limits}, dir)
			if len(b.Entries) != 1 || len(b.Warnings) != 1 || !strings.Contains(b.Warnings[0], bad) {
				t.Errorf("in a folder: %d entries, %q", len(b.Entries), b.Warnings)
			}
		})
	}
}

func manyFiles(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint("f", i), "x")
	}
	return out
}

func damaged(gz string) string {
	b := []byte(gz)
	b[len(b)-6] ^= 1
	return string(b)
}

func encrypted(z string) string {
	b := []byte(z)
	b[6] |= 1
	b[bytes.Index(b, []byte("PK\x01\x02"))+8] |= 1
	return string(b)
}

func nestedTars(t testing.TB, n int, data string) string {
	for range n {
		data = tarOf(t, "inner", data)
	}
	return data
}

func nestedParts(n int) string {
	body := "\nXen Security Advisory XSA-12\n"
	for i := range n {
		body = fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%s\n--b%d--\n", i, i, body, i)
	}
	return mailHead + body
}

// giantXz declares a dictionary of 1.5 GiB for a small file. The checksum of
// the header is left wrong: it must not come to that.
func giantXz(t testing.TB) string {
	b := []byte(pack(t, "xz", "hello"))
	if b[14] != 0x21 || b[15] != 1 {
		t.Fatalf("not the header that was expected: % x", b[:24])
	}
	b[16] = 37
	return string(b)
}

// A bad file inside an archive, mailbox or mail does not take the rest along.
func TestBadItemInside(t *testing.T) {
	good := demoPatch(t, "xsa901.patch")
	cut := wholeMail(t)[:900]
	broken := "junk.gz"
	tests := map[string]string{
		"tar":  tarOf(t, "cut.eml", cut, broken, "\x1f\x8bjunk", "xsa901.patch", good),
		"zip":  zipOf(t, "cut.eml", cut, broken, "\x1f\x8bjunk", "xsa901.patch", good),
		"mbox": "From a Tue Mar 10 12:00:05 2099\n" + cut + "\n\nFrom a Tue Mar 10 12:00:05 2099\nTo: x\n\n" + good + "\n",
	}
	for name, data := range tests {
		b := read(t, Options{Stdin: strings.NewReader(data)}, "-")
		if len(b.Entries) != 1 || b.Entries[0].XSA != 901 || len(b.Warnings) == 0 || !strings.Contains(b.Warnings[0], "damaged or cut") {
			t.Errorf("%s: %d entries, %q", name, len(b.Entries), b.Warnings)
		}
	}
	mail := demoMail("x", "Xen Security Advisory XSA-901\n", part{broken, "\x1f\x8bjunk"}, part{"logo.png", "\x00"}, part{"xsa901.patch", good})
	b := read(t, Options{Stdin: strings.NewReader(mail)}, "-")
	if len(b.Entries[0].Advisory.Attachments) != 1 || len(b.Warnings) != 2 {
		t.Errorf("mail: %+v, %q", b.Entries[0].Advisory.Attachments, b.Warnings)
	}
}

// Every prefix of a good file gives an error or a result, never a panic, and a
// cut signed text is never good.
func TestTruncatedEverywhere(t *testing.T) {
	loose := []string{"advisory-901.txt", signedDemo(t), "xsa901.patch", demoPatch(t, "xsa901.patch")}
	for name, data := range map[string]string{
		"mail": wholeMail(t), "text": signedDemo(t), "tar": tarOf(t, loose...), "zip": zipOf(t, loose...),
		"gz": pack(t, "gz", tarOf(t, loose...)), "xz": pack(t, "xz", tarOf(t, loose...)), "zst": pack(t, "zst", tarOf(t, loose...)),
		"patch": demoPatch(t, "xsa901-4.17.patch"), "meta": fixture(t, "testdata/xsa901.meta"),
	} {
		signedEnd := len(data)
		if i := strings.Index(data, endSignature); i >= 0 && name != "zip" {
			signedEnd = i
		}
		for n := 0; n < len(data); n += 7 {
			b, err := Read(t.Context(), []string{"-"}, Options{Stdin: strings.NewReader(data[:n]), Keyring: keyring()})
			if err != nil {
				if b != nil {
					t.Errorf("%s cut at %d: an error and a result", name, n)
				}
				continue
			}
			for _, e := range b.Entries {
				if e.Advisory != nil && e.Advisory.Signature == SignatureGood && n < signedEnd {
					t.Errorf("%s cut at %d: a good signature", name, n)
				}
			}
		}
	}
}

// A gigabyte in one line, as anything, costs little memory.
func TestGigabyteLines(t *testing.T) {
	if testing.Short() {
		t.Skip("reads several gigabytes")
	}
	const gigabyte = 1 << 30
	tests := []struct{ name, head, pattern, tail, want string }{
		{"zeros", "", "\x00", "", "neither advisory"},
		{"text", "", "x", "", "a file of more than"},
		{"header line", "Received: ", "x", "", "a file of more than"},
		{"mail body", mailHead + "\n", "x", "", "a file of more than"},
		{"advisory", "Xen Security Advisory XSA-12", " ", "", "a file of more than"},
		{"json", "{\"XSA\":1,\"Recipes\":{\"", "x", "", "a file of more than"},
		{"patch", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-", "x", "", "a file of more than"},
		{"mbox", "From a Tue Mar 10 12:00:05 2099\nTo: x\n\n", "x", "", "a message of more than"},
		{"mbox of short lines", "From a Tue Mar 10 12:00:05 2099\nTo: x\n\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", "", "a message of more than"},
		{"mbox with a good message behind", "From a Tue Mar 10 12:00:05 2099\nTo: x\n\n", "x", "\n\nFrom a Tue Mar 10 12:00:05 2099\nTo: x\n\nXen Security Advisory XSA-12\n", ""},
		{"zip", "PK\x03\x04", "x", "", "a zip archive of more than"},
		{"bzip2", "BZh9", "x", "", "bzip2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			peak := watchMemory(t)
			r := io.MultiReader(strings.NewReader(test.head), &endless{test.pattern, gigabyte}, strings.NewReader(test.tail))
			b, err := Read(t.Context(), []string{"-"}, Options{Stdin: r})
			if test.want == "" {
				if err != nil || len(b.Entries) != 1 || len(b.Warnings) != 1 {
					t.Errorf("%+v, %v", b, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			got := peak()
			t.Logf("at most %d MiB of heap", got>>20)
			if got > 400<<20 {
				t.Errorf("%d MiB of heap", got>>20)
			}
		})
	}
}

// watchMemory returns a function that tells the largest heap seen since.
func watchMemory(t testing.TB) func() uint64 {
	runtime.GC()
	done, result := make(chan bool), make(chan uint64)
	go func() {
		var most uint64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-done:
				result <- most
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 { close(done); return <-result }
}

// Special files in a folder are neither opened nor followed out of it.
func TestSpecialFiles(t *testing.T) {
	outside := write(t, map[string]string{"xsa902.patch": demoPatch(t, "xsa901.patch")})
	dir := write(t, map[string]string{"xsa901.patch": demoPatch(t, "xsa901.patch"), "sub/x": ""})
	links := map[string]string{"out.patch": filepath.Join(outside, "xsa902.patch"), "up.patch": "../../xsa902.patch", "loop": "loop", "gone": "nothing", "folder": "sub"}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	makePipe(t, filepath.Join(dir, "pipe"))
	b := read(t, Options{}, dir)
	if len(b.Entries) != 1 || b.Entries[0].XSA != 901 {
		t.Errorf("%s", outline(b))
	}
	all := strings.Join(b.Warnings, "\n")
	for _, name := range []string{"out.patch", "up.patch", "loop", "gone", "folder", "pipe", "sub/x"} {
		if !strings.Contains(all, filepath.Join(dir, name)) {
			t.Errorf("no warning for %s in %q", name, b.Warnings)
		}
	}
	if _, err := Read(t.Context(), []string{filepath.Join(dir, "pipe")}, Options{}); err == nil {
		t.Error("a pipe as argument is taken")
	}
}

// Too many useless files are counted, not listed.
func TestManyUselessFiles(t *testing.T) {
	files := map[string]string{"xsa901.patch": demoPatch(t, "xsa901.patch")}
	for i := range 30 {
		files[fmt.Sprintf("notes/%02d", i)] = "x"
	}
	b := read(t, Options{}, write(t, files))
	if len(b.Warnings) != maxNamed+1 || !strings.Contains(b.Warnings[maxNamed], "20 more files are neither") {
		t.Errorf("%q", b.Warnings)
	}
}
