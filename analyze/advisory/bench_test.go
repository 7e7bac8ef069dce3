package advisory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkText parses and verifies an advisory's text: all that one advisory
// costs besides its patches.
func BenchmarkText(b *testing.B) {
	data := []byte(signedDemo(b))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := openSigned(data)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := parseText(s.text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMail reads a whole mail, signature and checksums included.
func BenchmarkMail(b *testing.B) {
	mail := wholeMail(b)
	b.SetBytes(int64(len(mail)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(b.Context(), []string{"-"}, Options{Stdin: strings.NewReader(mail), Keyring: keyring()}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMailbox reads a mailbox of which one message in a hundred counts.
func BenchmarkMailbox(b *testing.B) {
	other := "From a Tue Mar 10 12:00:05 2099\nTo: x\nSubject: hello\n\n" + strings.Repeat("a line of talk that is of no use here\n", 100) + "\n"
	box := "From a Tue Mar 10 12:00:05 2099\n" + wholeMail(b) + "\n" + strings.Repeat(other, 99)
	box = strings.Repeat(box, 10)
	b.SetBytes(int64(len(box)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(b.Context(), []string{"-"}, Options{Stdin: strings.NewReader(box)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRealBatch reads the real queue and advisories, all signatures
// verified.
func BenchmarkRealBatch(b *testing.B) {
	paths := []string{shared(b, "corpus"), shared(b, "advisories")}
	keys := realKeys(b, paths[1])
	var size int64
	for _, p := range paths {
		_ = filepath.Walk(p, func(_ string, info os.FileInfo, err error) error {
			if err == nil && !info.IsDir() {
				size += info.Size()
			}
			return nil
		})
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(b.Context(), paths, Options{Keyring: keys}); err != nil {
			b.Fatal(err)
		}
	}
}
