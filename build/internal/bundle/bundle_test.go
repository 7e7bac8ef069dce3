package bundle

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// packed is an archive of some entries, whatever they are.
func packed(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestRound wants files, links and times as they were, and texts as they are edited.
func TestRound(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(from, "a", "b"), 0o700), os.WriteFile(filepath.Join(from, "a", "b", "x.cmd"), []byte("cc /from/x"), 0o600),
		os.WriteFile(filepath.Join(from, "a", "run"), []byte("/from"), 0o700),
		os.WriteFile(filepath.Join(from, "a", "left"), nil, 0o600), os.Symlink("b/x.cmd", filepath.Join(from, "a", "link"))); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_700_000_000, 123_456_789)
	for _, name := range []string{"a/b/x.cmd", "a/b"} {
		if err := os.Chtimes(filepath.Join(from, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	leave := func(name string) bool { return name == "a/left" }
	edit := &Edit{Of: func(name string) bool { return strings.HasSuffix(name, ".cmd") },
		Text: func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("/from"), []byte("/to")) }, Link: func(target string) string { return target }}
	err := Pipe(func(w io.Writer) error { return Write(t.Context(), w, os.DirFS(from), leave, "a") }, func(r io.Reader) error { return Read(t.Context(), r, to, edit) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(to, "a", "left")); err == nil {
		t.Error("what was to be left is there")
	}
	for name, want := range map[string]string{"a/b/x.cmd": "cc /to/x", "a/link": "cc /to/x", "a/run": "/from"} {
		if data, err := os.ReadFile(filepath.Join(to, name)); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v, expected %q", name, data, err, want)
		}
	}
	for name, mode := range map[string]os.FileMode{"a/b/x.cmd": 0o600, "a/b": 0o700 | os.ModeDir} {
		if info, err := os.Stat(filepath.Join(to, name)); err != nil || !info.ModTime().Equal(at) || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// TestOutside writes nothing beside the folder, and nothing through a link.
func TestOutside(t *testing.T) {
	for name, headers := range map[string][]*tar.Header{
		"above":    {{Name: "../x", Typeflag: tar.TypeReg, Size: 1}},
		"absolute": {{Name: "/tmp/x", Typeflag: tar.TypeReg, Size: 1}},
		"device":   {{Name: "x", Typeflag: tar.TypeChar}},
		"twice":    {{Name: "x", Typeflag: tar.TypeReg, Size: 1}, {Name: "x", Typeflag: tar.TypeReg, Size: 1}},
		"link":     {{Name: "x", Typeflag: tar.TypeSymlink, Linkname: ".."}, {Name: "x/y", Typeflag: tar.TypeReg, Size: 1}},
	} {
		parent := t.TempDir()
		dir := filepath.Join(parent, "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := Read(t.Context(), bytes.NewReader(packed(t, headers...)), dir, nil); err == nil {
			t.Errorf("%s: it was opened", name)
		}
		if list, err := os.ReadDir(parent); err != nil || len(list) != 1 {
			t.Errorf("%s: %v beside the folder, %v", name, list, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	good := packed(f, &tar.Header{Name: "a/x", Typeflag: tar.TypeReg, Size: 3}, &tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "a/x"})
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		Read(t.Context(), bytes.NewReader(data), dir, nil)
		if list, err := os.ReadDir(parent); err != nil || len(list) != 1 {
			t.Errorf("%v beside the folder, %v", list, err)
		}
	})
}
