package advisory

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// fixture reads a file of testdata. "@SUM name@" in it becomes the checksum of
// that patch.
func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return sumMark.ReplaceAllStringFunc(string(data), func(mark string) string {
		return sha256Hex([]byte(demoPatch(t, strings.Trim(mark[len("@SUM "):], "@"))))
	})
}

var sumMark = regexp.MustCompile(`@SUM [^@]+@`)

func demoPatch(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/patch", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A throw-away key signs the fixtures; another one is nobody's.
var signers = sync.OnceValue(func() [2]*openpgp.Entity {
	var keys [2]*openpgp.Entity
	for i := range keys {
		config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC) }}
		e, err := openpgp.NewEntity(fmt.Sprint("signer ", i), "test only", "nobody@example.org", config)
		if err != nil {
			panic(err)
		}
		keys[i] = e
	}
	return keys
})

func keyring() openpgp.EntityList { return openpgp.EntityList{signers()[0]} }

// sign clearsigns a text with the trusted key, or with the other one.
func sign(t testing.TB, text string, key int, config *packet.Config) string {
	t.Helper()
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, signers()[key].PrivateKey, config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

// signedDemo is the advisory XSA-901, signed.
func signedDemo(t testing.TB) string {
	return sign(t, fixture(t, "testdata/text/xsa901-v2.txt"), 0, nil)
}

// A part is an attachment of a test mail.
type part struct{ name, data string }

const mailHead = "Return-Path: <x@example.org>\nFrom: team <security@example.org>\nTo: oss-security@lists.example.org\n" +
	"Date: Tue, 10 Mar 2099 12:00:05 +0000\nMessage-Id: <1@example.org>\n"

// demoMail makes a mail as the project sends them.
func demoMail(subject, text string, parts ...part) string {
	var b strings.Builder
	b.WriteString(mailHead + "Subject: " + subject + "\nContent-Type: multipart/mixed; boundary=\"=separator\"; charset=\"utf-8\"\nMIME-Version: 1.0\n\n--=separator\n")
	b.WriteString("Content-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: 7bit\n\n" + text + "\n")
	for _, p := range parts {
		fmt.Fprintf(&b, "--=separator\nContent-Type: application/octet-stream; name=%q\nContent-Disposition: attachment; filename=%q\nContent-Transfer-Encoding: base64\n\n%s\n", p.name, p.name, lines76(p.data))
	}
	b.WriteString("--=separator\nContent-Type: text/plain\n\n_______\nlist footer\n--=separator--\n")
	return b.String()
}

func lines76(data string) string {
	s := base64.StdEncoding.EncodeToString([]byte(data))
	var b strings.Builder
	for ; len(s) > 60; s = s[60:] {
		b.WriteString(s[:60] + "\n")
	}
	return b.String() + s + "\n"
}

// wholeMail is the mail of XSA-901 with its patches.
func wholeMail(t testing.TB) string {
	return demoMail("Xen Security Advisory 901 v2 (CVE-2099-10901) - made-up", signedDemo(t),
		part{"xsa901.patch", demoPatch(t, "xsa901.patch")}, part{"xsa901-4.17.patch", demoPatch(t, "xsa901-4.17.patch")})
}

// write puts files below a new folder.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t testing.TB, opt Options, paths ...string) *Batch {
	t.Helper()
	b, err := Read(t.Context(), paths, opt)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pack compresses data.
func pack(t testing.TB, how, data string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch how {
	case "gz":
		w = gzip.NewWriter(&b)
	case "xz":
		w, err = xz.NewWriter(&b)
	case "zst":
		w, err = zstd.NewWriter(&b)
	default:
		t.Fatalf("nothing here packs %s", how)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// tarOf makes a tar archive of name, content, name, content ...
func tarOf(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		err := w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644, Typeflag: tar.TypeReg})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zipOf(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// shared finds the folder of reference material beside the repository.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	full := filepath.Join(filepath.Dir(dir), "shared", name)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("the reference material ../shared/%s is missing beside the repository", name)
	}
	return full
}
