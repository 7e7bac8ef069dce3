package advisory

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// status is the verdict on a clearsigned text.
func status(data string, keys openpgp.EntityList) (string, string) {
	s, err := openSigned([]byte(data))
	if err != nil {
		return SignatureBad, err.Error()
	}
	return s.verify(keys)
}

func TestSignature(t *testing.T) {
	text := signedDemo(t)
	old := sign(t, "old\n", 0, nil)
	tests := []struct {
		name, data string
		keys       openpgp.EntityList
		want       string
	}{
		{"good", text, keyring(), SignatureGood},
		{"among other keys", text, openpgp.EntityList{signers()[1], signers()[0]}, SignatureGood},
		{"CRLF", strings.ReplaceAll(text, "\n", "\r\n"), keyring(), SignatureGood},
		{"trailing blanks", strings.ReplaceAll(text, "\n", " \t\n"), keyring(), SignatureGood},
		{"text around it", "hello\n\n" + text + "\nDownload attachment\n", keyring(), SignatureGood},
		{"dashes", sign(t, "- one\n-- \n-----\n-\nFrom me\n", 0, nil), keyring(), SignatureGood},
		{"no newline at the end", sign(t, "text", 0, nil), keyring(), SignatureGood},
		{"empty", sign(t, "", 0, nil), keyring(), SignatureGood},
		{"SHA512", sign(t, "text\n", 0, &packet.Config{DefaultHash: crypto.SHA512}), keyring(), SignatureGood},
		{"no keyring", text, nil, SignatureUnknownKey},
		{"another key", sign(t, "text\n", 1, nil), keyring(), SignatureUnknownKey},
		{"cut in the text", text[:600], keyring(), SignatureBad},
		{"cut in the signature", text[:strings.Index(text, "-----END")], keyring(), SignatureBad},
		{"no begin", strings.Replace(text, beginSigned, "", 1), keyring(), SignatureBad},
		{"a line more", strings.Replace(text, "IMPACT", "IMPACT\n", 1), keyring(), SignatureBad},
		{"another hash in the armor", strings.Replace(text, "Hash: SHA", "Hash: XSHA", 1), keyring(), SignatureBad},
		{"unknown armor header", strings.Replace(text, "Hash: ", "Version: 1\nHash: ", 1), keyring(), SignatureBad},
		{"signature of another text", text[:strings.Index(text, beginSignature)] + old[strings.Index(old, beginSignature):], keyring(), SignatureBad},
	}
	for _, test := range tests {
		if got, note := status(test.data, test.keys); got != test.want {
			t.Errorf("%s: %s (%s), want %s", test.name, got, note, test.want)
		}
	}
	if _, err := openSigned([]byte("plain\n")); err != errUnsigned {
		t.Errorf("a plain text: %v", err)
	}
}

// TestWeakHash signs with SHA1 by hand: the library would not.
func TestWeakHash(t *testing.T) {
	text := "Xen Security Advisory XSA-12\n"
	key := signers()[0].PrivateKey
	sig := &packet.Signature{Version: key.Version, SigType: packet.SigTypeText, PubKeyAlgo: key.PubKeyAlgo, Hash: crypto.SHA1,
		CreationTime: signers()[0].PrimaryKey.CreationTime, IssuerKeyId: &key.KeyId}
	h := crypto.SHA1.New()
	h.Write([]byte(strings.TrimSuffix(strings.ReplaceAll(text, "\n", "\r\n"), "\r\n")))
	plain := false
	if err := sig.Sign(h, key, &packet.Config{NonDeterministicSignaturesViaNotation: &plain}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.SignatureType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := sig.Serialize(w); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got, note := status(beginSigned+"\nHash: SHA1\n\nx"+text+b.String(), nil); got != SignatureBad {
		t.Errorf("another text, without a key: %s (%s)", got, note)
	}
	dir := write(t, map[string]string{"a.txt": beginSigned + "\nHash: SHA1\n\n" + text + b.String() + "\n"})
	a := read(t, Options{Keyring: keyring()}, dir).Entries[0].Advisory
	if a.Signature != SignatureGood || !slices.Contains(a.Warnings, "signed with SHA1, which is weak today") {
		t.Errorf("%s, %v", a.Signature, a.Warnings)
	}
}

// TestFlippedOwn flips every character of a signed text, in several ways: once
// with the CRC that GnuPG writes, once without it as RFC 9580 has it. Without,
// nothing guards the unhashed part of the signature packet (section 5.2.3.2):
// a flip there leaves the text's signature good or its key unknown.
func TestFlippedOwn(t *testing.T) {
	text := strings.TrimRight(sign(t, "- Xen\n\nXen Security Advisory XSA-1\nIMPACT\n======\n", 0, nil), "\n")
	armor := strings.Index(text, beginSignature)
	flipRange(t, text, 0, armor, keyring(), 1, SignatureBad)
	flipRange(t, text, armor, len(text), keyring(), 1, SignatureBad, SignatureUnknownKey, SignatureGood)

	s, err := openSigned([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	crc := "=" + base64.StdEncoding.EncodeToString(crc24(s.signature)) + "\n"
	flipAll(t, strings.Replace(text, endSignature, crc+endSignature, 1), keyring(), 1, SignatureBad)
}

func flipAll(t *testing.T, text string, keys openpgp.EntityList, step int, want ...string) {
	t.Helper()
	flipRange(t, text, 0, len(text), keys, step, want...)
}

func flipRange(t *testing.T, text string, from, to int, keys openpgp.EntityList, step int, want ...string) {
	t.Helper()
	if got, note := status(text, keys); got != SignatureGood {
		t.Fatalf("unflipped: %s (%s)", got, note)
	}
	data := []byte(text)
	for i := from; i < to; i += step {
		for _, mask := range []byte{0x01, 0x20, 0x7f} {
			was := data[i]
			data[i] ^= mask
			if blank(was) && blank(data[i]) {
				data[i] = was
				continue // white space at the end of a line is not signed
			}
			if got, _ := status(string(data), keys); !slices.Contains(want, got) {
				t.Errorf("byte %d %q -> %q: %s, want %v", i, was, data[i], got, want)
			}
			data[i] = was
		}
	}
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// The five real advisories, whole and with each character of them flipped.
func TestRealAdvisories(t *testing.T) {
	dir := shared(t, "advisories")
	keys := realKeys(t, dir)
	files, _ := filepath.Glob(filepath.Join(dir, "xsa*"))
	if len(files) != 5 {
		t.Fatalf("%d mails, want 5", len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			e := read(t, Options{Keyring: keys}, file).Entries[0]
			a := e.Advisory
			if a.Signature != SignatureGood {
				t.Errorf("signature %s: %v", a.Signature, a.Warnings)
			}
			want := ChecksumOK
			if len(a.Attachments) == 0 {
				want = ChecksumAbsent
			}
			if a.Checksums != want || a.Title == "" || a.Public.IsZero() || len(a.Recipes) == 0 {
				t.Errorf("checksums %s, title %q, public %v, %d recipes", a.Checksums, a.Title, a.Public, len(a.Recipes))
			}
			for _, f := range a.Attachments {
				if f.Checksum != ChecksumOK {
					t.Errorf("%s: %s", f.Name, f.Checksum)
				}
			}
			if unknown := read(t, Options{}, file).Entries[0].Advisory.Signature; unknown != SignatureUnknownKey {
				t.Errorf("without a keyring: %s", unknown)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			start := bytes.Index(data, []byte(beginSigned))
			end := bytes.Index(data, []byte(endSignature)) + len(endSignature)
			step := 1
			if testing.Short() {
				step = 17
			}
			flipAll(t, string(data[start:end]), keys, step, SignatureBad)
			goldenReal(t, filepath.Base(file), a)
		})
	}
}

// goldenReal pins what was understood of the real mails.
func goldenReal(t *testing.T, name string, a *Advisory) {
	t.Helper()
	want := map[string]string{
		"xsa358-v5.eml": "XSA-358 v5, CVEs [CVE-2020-29570], 8 sections, unstable=[xsa358.patch] 4.17=- 4.14=[xsa358-4.14.patch] 4.12=[xsa358-4.14.patch] 4.9=-",
		"xsa366-v1.eml": "XSA-366 v1, CVEs [], 7 sections, unstable=- 4.17=- 4.14=- 4.12=- 4.9=-",
		"xsa369-v1.eml": "XSA-369 v1, CVEs [], 7 sections, unstable=linux[xsa369-linux.patch] 4.17=linux[xsa369-linux.patch] 4.14=linux[xsa369-linux.patch] 4.12=linux[xsa369-linux.patch] 4.9=linux[xsa369-linux.patch]",
		"xsa458-v2.eml": "XSA-458 v2, CVEs [CVE-2024-31143], 8 sections, unstable=[xsa458.patch] 4.17=[xsa458.patch] 4.14=- 4.12=- 4.9=-",
		"xsa499-v2.txt": "XSA-499 v2, CVEs [CVE-2026-62426 CVE-2026-62427], 8 sections, unstable=7 4.17=7 4.14=- 4.12=- 4.9=-",
	}[name]
	got := fmt.Sprintf("XSA-%d v%d, CVEs %v, %d sections,", a.XSA, a.Version, a.CVEs, len(a.Sections))
	e := &Entry{Recipes: a.Recipes}
	for _, xen := range []string{"unstable", "4.17", "4.14", "4.12", "4.9"} {
		r, ok := e.Recipe(xen)
		switch {
		case !ok:
			got += " " + xen + "=-"
		case len(r.Patches) > 1:
			got += fmt.Sprintf(" %s=%d", xen, len(r.Patches))
		default:
			got += fmt.Sprintf(" %s=%s%v", xen, strings.TrimPrefix(r.Tree, "xen"), r.Patches)
		}
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func realKeys(t testing.TB, dir string) openpgp.EntityList {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "xen-pgp-key.asc"))
	if err != nil {
		t.Skipf("the project's key is missing: %v", err)
	}
	defer f.Close()
	keys, err := ReadKeyring(f.Name(), f)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// The same mail in every transfer encoding.
func TestTransferEncodings(t *testing.T) {
	text := sign(t, "Xen Security Advisory XSA-12\n\nZoë's title = \"x\"\n\n- a dash\nlong "+strings.Repeat("word ", 40)+"\n", 0, nil)
	var quoted bytes.Buffer
	w := quotedprintable.NewWriter(&quoted)
	fmt.Fprint(w, text)
	w.Close()
	for encoding, body := range map[string]string{"7bit": text, "8bit": text, "binary": text, "Base64": lines76(text), "quoted-printable": quoted.String(), "": text} {
		for _, newline := range []string{"\n", "\r\n"} {
			mail := mailHead + "Subject: Xen Security Advisory 12 v3 - x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: " + encoding + "\n\n" + body
			if encoding == "" {
				mail = strings.Replace(mail, "Content-Transfer-Encoding: \n", "", 1)
			}
			mail = strings.ReplaceAll(strings.ReplaceAll(mail, "\r\n", "\n"), "\n", newline)
			a := read(t, Options{Keyring: keyring(), Stdin: strings.NewReader(mail)}, "-").Entries[0].Advisory
			if a.Signature != SignatureGood || a.Version != 3 || a.Title != "Zoë's title = \"x\"" {
				t.Errorf("%q with %q: %s, version %d, %q, %v", encoding, newline, a.Signature, a.Version, a.Title, a.Warnings)
			}
		}
	}
}

func TestReadKeyring(t *testing.T) {
	var binary, armored bytes.Buffer
	for _, key := range signers() {
		if err := key.Serialize(&binary); err != nil {
			t.Fatal(err)
		}
		w, err := armor.Encode(&armored, openpgp.PublicKeyType, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := key.Serialize(w); err != nil {
			t.Fatal(err)
		}
		w.Close()
		armored.WriteString("\nsome text\n")
	}
	for name, data := range map[string]string{"binary": binary.String(), "armored": armored.String()} {
		keys, err := ReadKeyring(name, strings.NewReader(data))
		if err != nil || len(keys) != 2 {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
	for _, data := range []string{"", "junk", armored.String()[:200], strings.Replace(armored.String(), "\n\n", "\n\nAAAA", 1)} {
		if keys, err := ReadKeyring("the file", strings.NewReader(data)); err == nil || keys != nil || !strings.Contains(err.Error(), "the file") {
			t.Errorf("%.40q: %d keys, %v", data, len(keys), err)
		}
	}
}
