package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"lpready/build/internal/run"
	"lpready/vendors"
)

func TestFolder(t *testing.T) {
	dir := write(t, t.TempDir(), sample)
	tree := expect(t, vendors.Source{Dir: dir}, hypervisor)
	if tree.From != "folder "+dir {
		t.Errorf("from %s", tree.From)
	}
	queue := write(t, t.TempDir(), patches)
	for _, series := range []string{queue, filepath.Join(queue, "series")} {
		tree := expect(t, vendors.Source{Dir: dir, Series: series}, patched)
		if !slices.Equal(tree.Applied, []string{"b.patch", "sub/new.patch", "both.patch"}) || !slices.Equal(tree.Skipped, []string{"tool.patch"}) {
			t.Errorf("applied %q, skipped %q", tree.Applied, tree.Skipped)
		}
	}
	if got := content(t, os.DirFS(dir)); !maps.Equal(got, hypervisor) {
		t.Error("the folder was written to")
	}
}

// A link that leads out of the tree cannot be read through.
func TestFolderLinks(t *testing.T) {
	outside := write(t, t.TempDir(), map[string]string{"secret": "s"})
	dir := write(t, t.TempDir(), sample)
	for link, target := range map[string]string{"xen/out": filepath.Join(outside, "secret"), "xen/up": "../../secret", "xen/in": "Makefile"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	tree, err := Open(t.Context(), vendors.Source{Dir: dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for name, want := range map[string]bool{"xen/out": false, "xen/up": false, "xen/in": true} {
		if _, err := fs.ReadFile(tree, name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTarball(t *testing.T) {
	dir := t.TempDir()
	queue := write(t, t.TempDir(), patches)
	for _, kind := range []string{"tar", "gz", "xz", "zst", "bz2"} {
		for _, prefix := range []string{"", "./", "xen-4.17.5/", "./xen-4.17.5/", "xen/"} {
			t.Run(kind+" "+prefix, func(t *testing.T) {
				file := filepath.Join(dir, "any-name")
				if err := os.WriteFile(file, compressed(t, kind, tarOf(t, prefix, sample)), 0o644); err != nil {
					t.Fatal(err)
				}
				expect(t, vendors.Source{Tarball: file}, hypervisor)
				expect(t, vendors.Source{Tarball: file, Series: queue}, patched)
			})
		}
	}
}

func TestTarballLinks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.tar")
	link := func(name, target string, kind byte) tar.Header {
		return tar.Header{Name: "top/" + name, Linkname: target, Typeflag: kind}
	}
	archive := tarOf(t, "top/", sample,
		link("xen/soft", "common/domain.c", tar.TypeSymlink),
		link("xen/common/chain", "../soft", tar.TypeSymlink),
		link("xen/loop", "loop", tar.TypeSymlink),
		link("xen/dir", "common", tar.TypeSymlink),
		link("xen/tool", "../tools/libs/x.c", tar.TypeSymlink),
		link("xen/etc", "/etc/passwd", tar.TypeSymlink),
		link("xen/up", "../../../../etc/passwd", tar.TypeSymlink),
		link("xen/hard", "top/xen/Makefile", tar.TypeLink),
		link("tools/any", "/etc/passwd", tar.TypeSymlink),
	)
	if err := os.WriteFile(file, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(hypervisor)
	want["xen/soft"], want["xen/common/chain"], want["xen/hard"] = sample["xen/common/domain.c"], sample["xen/common/domain.c"], sample["xen/Makefile"]
	tree := expect(t, vendors.Source{Tarball: file}, want)
	var left []string
	for _, w := range tree.Warnings {
		name, _, _ := strings.Cut(w, ":")
		left = append(left, name)
	}
	if !slices.Equal(left, []string{"xen/dir", "xen/etc", "xen/loop", "xen/tool", "xen/up"}) {
		t.Errorf("warnings %q", tree.Warnings)
	}
}

func TestHostileArchives(t *testing.T) {
	file := func(name, data string) map[string]string { return map[string]string{name: data} }
	limits := Limits{Stream: 1 << 20, Kept: 5000, File: 4000, Entries: 50}
	many := map[string]string{}
	for i := range 60 {
		many[fmt.Sprintf("xen/%02d", i)] = ""
	}
	big := tarOf(t, "", file("other/big", strings.Repeat("x", 2<<20)))
	tests := []struct {
		name    string
		archive []byte
		want    string
	}{
		{"up", tarOf(t, "", file("../xen/a", "")), "leads out of the archive"},
		{"up inside", tarOf(t, "", file("xen/../../a", "")), "leads out of the archive"},
		{"absolute", tarOf(t, "", file("/xen/a", "")), "leads out of the archive"},
		{"backslash", tarOf(t, "", file(`xen\..\a`, "")), "leads out of the archive"},
		{"device", tarOf(t, "", nil, tar.Header{Name: "xen/null", Typeflag: tar.TypeChar}), `type '3'`},
		{"fifo", tarOf(t, "", nil, tar.Header{Name: "x/fifo", Typeflag: tar.TypeFifo}), `type '6'`},
		{"hard link out", tarOf(t, "", nil, tar.Header{Name: "xen/a", Linkname: "../../etc/passwd", Typeflag: tar.TypeLink}), "leads out of the archive"},
		{"hard link to nothing", tarOf(t, "", nil, tar.Header{Name: "xen/a", Linkname: "xen/b", Typeflag: tar.TypeLink}), "which is not before it"},
		{"entries", tarOf(t, "", many), "more than 50 entries: over the limit"},
		{"file", tarOf(t, "", file("xen/a", strings.Repeat("x", 4001))), "xen/a: more than 4000 bytes: over the limit"},
		{"kept", tarOf(t, "", map[string]string{"xen/a": strings.Repeat("x", 3000), "xen/b": strings.Repeat("x", 3000)}), "more than 5000 bytes to keep: over the limit"},
		{"bomb gz", compressed(t, "gz", big), "more bytes when decompressed: over the limit"},
		{"bomb xz", compressed(t, "xz", big), "more bytes when decompressed: over the limit"},
		{"bomb zst", compressed(t, "zst", big), "more bytes when decompressed: over the limit"},
		{"no xen", tarOf(t, "", file("linux/a", "")), "no xen/ in it"},
		{"xen is a file", tarOf(t, "", file("xen", "")), "no xen/ in it"},
		{"no archive", []byte("hello"), "not a tar archive"},
		{"empty", nil, "not a tar archive"},
		{"cut gz", compressed(t, "gz", tarOf(t, "", sample))[:60], "unexpected EOF"},
		{"cut xz", compressed(t, "xz", tarOf(t, "", sample))[:100], "EOF"},
		{"cut tar in a file", tarOf(t, "", sample)[:515], "EOF"},
		{"cut tar", tarOf(t, "", sample)[:700], "cut short"},
		{"huge xz dictionary", []byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x28" + strings.Repeat("\x00", 600)), "xz dictionary of 4096 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x")
			if err := os.WriteFile(path, tt.archive, 0o644); err != nil {
				t.Fatal(err)
			}
			tree, err := Open(t.Context(), vendors.Source{Tarball: path}, Options{Limits: limits})
			if tree != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSeriesProblems(t *testing.T) {
	dir := write(t, t.TempDir(), sample)
	tests := []struct {
		name  string
		queue map[string]string
		want  string
	}{
		{"no series", map[string]string{"x": ""}, "series"},
		{"no patch", map[string]string{"series": "# x\nb.patch\n"}, "series:2: patch b.patch: "},
		{"option", map[string]string{"series": "b.patch -p0\n"}, "series:1: option -p0 of patch b.patch; expected -p1 or none"},
		{"conflict", map[string]string{"series": "b.patch\nb2.patch\n", "b.patch": changeB, "b2.patch": strings.Replace(changeB, "+long", "+short", 1)},
			"series:2: patch b2.patch: does not apply (conflicts): xen/common/domain.c: hunk 1 of 1"},
		{"twice", map[string]string{"series": "b.patch\nb.patch\n", "b.patch": changeB}, "series:2: patch b.patch: does not apply (applied)"},
		{"missing file", map[string]string{"series": "b.patch\n", "b.patch": strings.ReplaceAll(changeB, "domain.c", "none.c")}, "does not apply (missing): xen/common/none.c"},
		{"no patch at all", map[string]string{"series": "b.patch\n", "b.patch": "hello\n"}, "series:1: patch b.patch: b.patch"},
		{"out of the folder", map[string]string{"series": "../../../etc/passwd\n"}, "series:1: patch ../../../etc/passwd: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			queue := write(t, t.TempDir(), tt.queue)
			tree, err := Open(t.Context(), vendors.Source{Dir: dir, Series: queue}, Options{})
			if tree != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// dscOf makes a Debian source package and gives its .dsc file.
func dscOf(t testing.TB, dir string, version string, change func(string) string) string {
	t.Helper()
	orig := compressed(t, "xz", tarOf(t, "xen-4.17.5/", sample))
	inDebian := map[string]string{"debian/control": "x\n"}
	for name, text := range patches {
		inDebian["debian/patches/"+name] = text
	}
	debian := compressed(t, "xz", tarOf(t, "", inDebian))
	upstream, _, _ := strings.Cut(version, "-")
	files := map[string]string{"xen_" + upstream + ".orig.tar.xz": string(orig), "xen_" + version + ".debian.tar.xz": string(debian)}
	text := "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nFormat: 3.0 (quilt)\nSource: xen\nVersion: " + version + "\nChecksums-Sha1:\n 0 1 x\nChecksums-Sha256:\n"
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text += fmt.Sprintf(" %x %d %s\n", sha256.Sum256([]byte(files[name])), len(files[name]), name)
	}
	text += "Files:\n 0 1 x\n\n-----BEGIN PGP SIGNATURE-----\nChecksums-Sha256:\n bad\n"
	if change != nil {
		text = change(text)
	}
	name := "xen_" + version + ".dsc"
	files[name] = text
	write(t, dir, files)
	return filepath.Join(dir, name)
}

func TestDSC(t *testing.T) {
	dir := t.TempDir()
	file := dscOf(t, dir, "4.17.5-1", nil)
	tree := expect(t, vendors.Source{Debian: vendors.Debian{DSC: file}}, patched)
	if tree.From != "Debian source package xen 4.17.5-1" || len(tree.Applied) != 3 || len(tree.Skipped) != 1 {
		t.Errorf("%+v", tree)
	}

	named := vendors.Source{Debian: vendors.Debian{Package: "xen", Version: "1:4.17.5-1"}}
	found, err := Open(t.Context(), named, Options{Look: []string{t.TempDir(), dir}})
	if err != nil || !maps.Equal(content(t, found), patched) {
		t.Errorf("not found among downloads: %v", err)
	}
	var notHere *NotHereError
	if _, err := Open(t.Context(), named, Options{}); !errors.As(err, &notHere) ||
		err.Error() != "the source is not on this machine: Debian source package xen 1:4.17.5-1; to get it: apt-get source --download-only xen=1:4.17.5-1 (needs a deb-src entry), then give the .dsc file" {
		t.Errorf("not here: %v", err)
	}
}

func TestDSCProblems(t *testing.T) {
	replace := func(old, new string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, new, 1) }
	}
	tests := []struct {
		name   string
		change func(string) string
		want   string
	}{
		{"format", replace("3.0 (quilt)", "1.0"), `format "1.0"; expected 3.0 (quilt) or 3.0 (native)`},
		{"no format", replace("Format:", "X:"), "no Format field"},
		{"no checksums", replace("Checksums-Sha256", "X"), "does not name the tarballs"},
		{"bad line", replace("Checksums-Sha256:\n", "Checksums-Sha256:\n x\n"), ".dsc:10: expected checksum, size and name"},
		{"bad checksum", replace("Checksums-Sha256:\n", "Checksums-Sha256:\n xyz 1 a.orig.tar.xz\n"), `"xyz" is no SHA-256 checksum`},
		{"bad size", replace(".orig.tar.xz", ".orig.tar.xz\n "+strings.Repeat("a", 64)+" -1 x"), `"-1" is no size`},
		{"path", replace("xen_4.17.5.orig.tar.xz", "../xen_4.17.5.orig.tar.xz"), `"../xen_4.17.5.orig.tar.xz" is no file name`},
		{"other file", replace("xen_4.17.5.orig", "xen_4.17.6.orig"), "xen_4.17.6.orig.tar.xz: no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := dscOf(t, t.TempDir(), "4.17.5-1", tt.change)
			tree, err := Open(t.Context(), vendors.Source{Debian: vendors.Debian{DSC: file}}, Options{})
			if tree != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("damaged", func(t *testing.T) {
		dir := t.TempDir()
		file := dscOf(t, dir, "4.17.5-1", nil)
		orig := filepath.Join(dir, "xen_4.17.5.orig.tar.xz")
		data, err := os.ReadFile(orig)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)-1] ^= 1
		os.WriteFile(orig, data, 0o644)
		if _, err := Open(t.Context(), vendors.Source{Debian: vendors.Debian{DSC: file}}, Options{}); err == nil || !strings.Contains(err.Error(), "its checksum is not the one in the .dsc file") {
			t.Errorf("damage not seen: %v", err)
		}
	})
}

// gitRepo makes a repository whose settings and attributes would change what is
// read if they were followed.
func gitRepo(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := write(t, t.TempDir(), sample)
	write(t, dir, map[string]string{".gitattributes": "*.c filter=evil export-ignore\n*.h text eol=crlf\n"})
	if err := os.Symlink("Makefile", filepath.Join(dir, "xen/link")); err != nil {
		t.Skip(err)
	}
	git := func(args ...string) {
		t.Helper()
		cmd := run.Cmd{Name: "git", Args: append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@example.org"}, args...)}
		if _, err := cmd.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	git("add", "-A")
	git("commit", "-q", "-m", "first")
	git("tag", "v1")
	git("config", "filter.evil.smudge", "touch "+filepath.Join(dir, "evil"))
	git("config", "core.fsmonitor", "touch "+filepath.Join(dir, "evil"))
	return dir
}

func TestGit(t *testing.T) {
	t.Setenv("GIT_DIR", "/does/not/exist")
	os.Unsetenv("GIT_DIR") // for the making of the repository
	dir := gitRepo(t)
	os.Setenv("GIT_DIR", "/does/not/exist")
	want := maps.Clone(hypervisor)
	want["xen/link"] = sample["xen/Makefile"]
	for _, ref := range []string{"v1", "HEAD"} {
		tree := expect(t, vendors.Source{Git: vendors.Git{Repo: dir, Ref: ref, Lacks: "a queue"}}, want)
		if !slices.Equal(tree.Warnings, []string{"this is not all of the base: it lacks a queue"}) {
			t.Errorf("warnings %q", tree.Warnings)
		}
		if len(tree.Commit) != 40 || !strings.Contains(tree.From, tree.Commit[:12]) {
			t.Errorf("%+v", tree)
		}
	}
	want = maps.Clone(patched)
	want["xen/link"] = sample["xen/Makefile"]
	expect(t, vendors.Source{Git: vendors.Git{Repo: dir, Ref: "v1", Queue: write(t, t.TempDir(), patches)}}, want)
	if _, err := os.Stat(filepath.Join(dir, "evil")); err == nil {
		t.Error("the repository's settings were run")
	}

	for name, src := range map[string]vendors.Git{
		"no ref":        {Repo: dir, Ref: "v2"},
		"option as ref": {Repo: dir, Ref: "--all"},
		"no repository": {Repo: t.TempDir(), Ref: "v1"},
		"no xen":        {Repo: dir, Ref: "v1:tools"},
	} {
		if tree, err := Open(t.Context(), vendors.Source{Git: src}, Options{}); tree != nil || err == nil || !strings.Contains(err.Error(), src.Repo) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var notHere *NotHereError
	_, err := Open(t.Context(), vendors.Source{Git: vendors.Git{Repo: "https://example.org/xen.git", Ref: "v1"}}, Options{})
	if !errors.As(err, &notHere) || !strings.Contains(notHere.Obtain, "git clone https://example.org/xen.git") {
		t.Errorf("address: %v", err)
	}
	if _, err := Open(t.Context(), vendors.Source{Git: vendors.Git{Repo: dir, Ref: "v1"}}, Options{Limits: Limits{File: 3}}); !errors.Is(err, errLimit) {
		t.Errorf("limit: %v", err)
	}
}

func TestOpenProblems(t *testing.T) {
	if _, err := Open(t.Context(), vendors.Source{}, Options{}); !errors.Is(err, ErrNoSource) {
		t.Errorf("nothing: %v", err)
	}
	for name, src := range map[string]vendors.Source{
		"no folder": {Dir: "/does/not/exist"}, "no xen": {Dir: t.TempDir()}, "no tarball": {Tarball: "/does/not/exist"},
		"no dsc": {Debian: vendors.Debian{DSC: "/does/not/exist"}},
	} {
		if tree, err := Open(t.Context(), src, Options{}); tree != nil || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "x.tar")
	os.WriteFile(file, tarOf(t, "", sample), 0o644)
	if _, err := Open(ctx, vendors.Source{Tarball: file}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestAt(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{"x.dsc": "", "xen.tar.gz": ""})
	for path, want := range map[string]vendors.Source{
		dir: {Dir: dir}, dir + "/x.dsc": {Debian: vendors.Debian{DSC: dir + "/x.dsc"}}, dir + "/xen.tar.gz": {Tarball: dir + "/xen.tar.gz"},
	} {
		if got, err := At(path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
	for _, path := range []string{dir + "/none", "/dev/null"} {
		if _, err := At(path); err == nil {
			t.Errorf("%s taken", path)
		}
	}
}

func TestMemoryIsAFileSystem(t *testing.T) {
	m := newMemory(files{"xen/a": []byte("a"), "xen/common/b.c": []byte("bb"), "xen/common/c/d.c": nil})
	if err := fstest.TestFS(m, "xen/a", "xen/common/b.c", "xen/common/c/d.c"); err != nil {
		t.Error(err)
	}
}

func FuzzTar(f *testing.F) {
	f.Add(tarOf(f, "xen-4.17/", sample))
	f.Add(tarOf(f, "", map[string]string{"xen/a": "x"}, tar.Header{Name: "xen/b", Linkname: "a", Typeflag: tar.TypeSymlink}))
	for _, kind := range []string{"gz", "xz", "zst"} {
		f.Add(compressed(f, kind, tarOf(f, "xen-4.17/", sample)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o := &opener{ctx: t.Context(), limits: Limits{Stream: 1 << 20, Kept: 1 << 16, File: 1 << 15, Entries: 100}}
		c, err := o.unpack(&Tree{}, bytes.NewReader(data))
		if err != nil {
			if c != nil {
				t.Fatalf("files with error %v", err)
			}
			return
		}
		got := c.files
		for name := range got {
			if !fs.ValidPath(name) || !strings.HasPrefix(name, "xen/") {
				t.Fatalf("name %q", name)
			}
		}
		if err := fs.WalkDir(newMemory(got), ".", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDSC(f *testing.F) {
	text, err := os.ReadFile(dscOf(f, f.TempDir(), "4.17.5-1", nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parseDSC("x.dsc", bytes.NewReader(data))
		if (d == nil) != (err != nil) {
			t.Fatalf("%v with error %v", d, err)
		}
		if d != nil && strings.Contains(d.orig.name, "/") {
			t.Fatalf("name %q", d.orig.name)
		}
	})
}

func FuzzListing(f *testing.F) {
	f.Add("100644 blob 01140da4e8babe1e79d845b9117c1f9e6a057d0a\txen/a\x00120000 blob 01140da4e8babe1e79d845b9117c1f9e6a057d0a\txen/b\x00")
	f.Fuzz(func(t *testing.T, listing string) {
		list, err := parseListing(listing)
		if err != nil && list != nil {
			t.Fatal("list with error")
		}
	})
}

func ExampleOpen() {
	src := vendors.Source{Debian: vendors.Debian{Package: "xen", Version: "4.17.5+72-g01140da4e8-1"}}
	_, err := Open(context.Background(), src, Options{})
	fmt.Println(err)
	// Output:
	// the source is not on this machine: Debian source package xen 4.17.5+72-g01140da4e8-1; to get it: apt-get source --download-only xen=4.17.5+72-g01140da4e8-1 (needs a deb-src entry), then give the .dsc file
}
