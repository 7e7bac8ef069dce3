package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/build/internal/lock"
	"lpready/vendors"
)

// whole is sample with patches applied, tools included.
var whole = map[string]string{
	"xen/common/domain.c": patched["xen/common/domain.c"], "xen/common/new.c": "new\n",
	"xen/include/xen/domain.h": sample["xen/include/xen/domain.h"],
	"tools/libs/x.c":           "third\n", "tools/xen/odd": sample["tools/xen/odd"], "Config.mk": "config\n",
}

// state describes everything below a folder: names, modes, times, contents.
func state(t testing.TB, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s := info.Mode().String()
		switch {
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(name)
			got[name[len(dir):]] = s + " " + target
			return err
		case d.Type().IsRegular():
			data, err := os.ReadFile(name)
			got[name[len(dir):]] = fmt.Sprint(s, info.ModTime().UnixNano(), " ", string(data))
			return err
		}
		got[name[len(dir):]] = s
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// allFiles reads the regular files of a tree.
func allFiles(t testing.TB, tree fs.FS) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		got[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func prepare(t testing.TB, src vendors.Source, cache string) *Prepared {
	t.Helper()
	p, err := Prepare(t.Context(), src, cache, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// Every kind of source gives the same tree, is not modified, and is made once.
func TestPrepare(t *testing.T) {
	dir := write(t, t.TempDir(), sample)
	if err := os.Chmod(filepath.Join(dir, "tools/xen/odd"), 0o755); err != nil {
		t.Fatal(err)
	}
	queue := write(t, t.TempDir(), patches)
	archive := filepath.Join(t.TempDir(), "xen.tar.gz")
	os.WriteFile(archive, compressed(t, "gz", tarOf(t, "xen-4.17/", sample)), 0o644)
	pack := t.TempDir()
	for name, src := range map[string]vendors.Source{
		"folder":  {Dir: dir, Series: queue},
		"tarball": {Tarball: archive, Series: queue},
		"git":     {Git: vendors.Git{Repo: gitRepo(t), Ref: "v1", Queue: queue}},
		"debian":  {Debian: vendors.Debian{DSC: dscOf(t, t.TempDir(), "4.17.5-1", nil)}},
		"rpm":     {RPM: &vendors.RPM{Spec: packOf(t, pack), Define: map[string]string{"xenserver": "8"}}},
	} {
		t.Run(name, func(t *testing.T) {
			inputs := []string{dir, queue, pack}
			if src.Git.Repo != "" {
				inputs = append(inputs, src.Git.Repo)
			}
			var before []map[string]string
			for _, dir := range inputs {
				before = append(before, state(t, dir))
			}
			cache := filepath.Join(t.TempDir(), "cache")
			p := prepare(t, src, cache)
			got := allFiles(t, p)
			maps.DeleteFunc(got, func(name, _ string) bool { return strings.HasPrefix(name, "debian/") || name == ".gitattributes" })
			if !maps.Equal(got, whole) {
				t.Errorf("got %q", got)
			}
			if len(p.Applied) != 4 || len(p.Skipped) != 0 || p.From == "" || (p.Commit == "") != (name != "git") {
				t.Errorf("%+v", p.Tree)
			}
			if err := p.Verify(t.Context()); err != nil {
				t.Error(err)
			}
			first := state(t, cache)
			again := prepare(t, src, cache)
			if again.Key != p.Key || !slices.Equal(again.Applied, p.Applied) || !slices.Equal(again.Warnings, p.Warnings) || again.From != p.From {
				t.Errorf("another tree: %+v", again.Tree)
			}
			second := state(t, cache)
			lock := "/" + p.Key + ".lock"
			delete(first, lock)
			delete(second, lock)
			if !maps.Equal(first, second) {
				t.Error("the entry was touched")
			}
			for i, dir := range inputs {
				if !maps.Equal(state(t, dir), before[i]) {
					t.Errorf("%s was modified", dir)
				}
			}
			if info, err := os.Stat(cache); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("mode of the cache: %v, %v", info.Mode(), err)
			}
		})
	}
}

// A folder is taken as it is: times, programs, links; not its repository, and no
// link that leads out.
func TestPrepareFolder(t *testing.T) {
	dir := write(t, t.TempDir(), sample)
	write(t, dir, map[string]string{".git/config": "secret\n", "xen/.config": "CONFIG_X86=y\n"})
	stamp := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, err := range []error{
		os.Chmod(filepath.Join(dir, "xen/Makefile"), 0o755), os.Chtimes(filepath.Join(dir, "xen/Makefile"), stamp, stamp),
		os.Symlink("../Config.mk", filepath.Join(dir, "xen/link")), os.Symlink("/etc/passwd", filepath.Join(dir, "xen/out")),
		os.Symlink("common/../../..", filepath.Join(dir, "xen/up")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cache := t.TempDir()
	p := prepare(t, vendors.Source{Dir: dir}, cache)
	work := filepath.Join(t.TempDir(), "work")
	if err := p.WorkCopy(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{p.Dir, work} {
		info, err := os.Lstat(filepath.Join(root, "xen/Makefile"))
		if err != nil || !info.ModTime().Equal(stamp) || info.Mode()&0o111 == 0 {
			t.Errorf("%v, %v", info, err)
		}
		if target, err := os.Readlink(filepath.Join(root, "xen/link")); target != "../Config.mk" {
			t.Errorf("link %q, %v", target, err)
		}
		for _, name := range []string{".git", "xen/out", "xen/up"} {
			if _, err := os.Lstat(filepath.Join(root, name)); err == nil {
				t.Errorf("%s is there", name)
			}
		}
	}
	if len(p.Warnings) != 2 || !strings.HasPrefix(p.Warnings[0], "xen/out: symbolic link to /etc/passwd, ") {
		t.Errorf("warnings %q", p.Warnings)
	}
	write(t, dir, map[string]string{"xen/Makefile": "changed\n"})
	if other := prepare(t, vendors.Source{Dir: dir}, cache); other.Key == p.Key {
		t.Error("a changed folder has the same key")
	}
}

func TestWorkCopy(t *testing.T) {
	dir := write(t, t.TempDir(), sample)
	p := prepare(t, vendors.Source{Dir: dir}, t.TempDir())
	parent := t.TempDir()
	work := filepath.Join(parent, "work")
	left := filepath.Join(parent, ".work.work-123") // of a killed run
	os.Mkdir(left, 0o700)
	busy := filepath.Join(parent, ".work.work-456") // of one that lives
	os.Mkdir(busy, 0o700)
	hold, err := os.Open(busy)
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	if taken, err := lock.Flock(hold, true); !taken || err != nil {
		t.Fatal(err)
	}
	if err := p.WorkCopy(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	if got := allFiles(t, os.DirFS(work)); !maps.Equal(got, sample) {
		t.Errorf("got %q", got)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("a left copy is still there")
	}
	if _, err := os.Stat(busy); err != nil {
		t.Error("a copy that is being made was removed")
	}
	// Writing in place does not reach the cache.
	for name := range sample {
		f, err := os.OpenFile(filepath.Join(work, name), os.O_RDWR|os.O_TRUNC, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString("written in place\n")
		f.Close()
	}
	if err := p.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.WorkCopy(t.Context(), work); err == nil || !strings.Contains(err.Error(), "expected a new folder") {
		t.Errorf("over another: %v", err)
	}
	if err := p.WorkCopy(t.Context(), filepath.Join(filepath.Dir(p.Dir), "work")); err == nil || !strings.Contains(err.Error(), "outside the cache") {
		t.Errorf("into the cache: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.WorkCopy(ctx, filepath.Join(parent, "other")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

// What somebody changed in the cache is seen, and made anew.
func TestTampered(t *testing.T) {
	src := vendors.Source{Dir: write(t, t.TempDir(), sample)}
	for name, change := range map[string]func(entry string) error{
		"longer": func(e string) error {
			os.Chmod(e+"/tree/xen/Makefile", 0o600)
			return os.WriteFile(e+"/tree/xen/Makefile", []byte("something else\n"), 0o600)
		},
		"same size": func(e string) error {
			os.Chmod(e+"/tree/xen/Makefile", 0o600)
			err := os.WriteFile(e+"/tree/xen/Makefile", []byte("ALL:\n"), 0o600)
			return errors.Join(err, os.Chmod(e+"/tree/xen/Makefile", 0o444))
		},
		"removed": func(e string) error { os.Chmod(e+"/tree/xen", 0o700); return os.Remove(e + "/tree/xen/Makefile") },
		"added": func(e string) error {
			os.Chmod(e+"/tree/xen", 0o700)
			return os.WriteFile(e+"/tree/xen/x", nil, 0o444)
		},
		"all":         func(e string) error { return remove(e + "/tree") },
		"no manifest": func(e string) error { return os.Remove(e + "/manifest") },
		"manifest": func(e string) error {
			text, err := os.ReadFile(e + "/manifest")
			os.Chmod(e+"/manifest", 0o600)
			return errors.Join(err, os.WriteFile(e+"/manifest", bytes.Replace(text, []byte("Makefile"), []byte("makefile"), 1), 0o400))
		},
	} {
		t.Run(name, func(t *testing.T) {
			cache := t.TempDir()
			p := prepare(t, src, cache)
			entry := filepath.Join(cache, p.Key)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if err := change(entry); err != nil {
				t.Fatal(err)
			}
			p = prepare(t, src, cache)
			if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "made anew") || !maps.Equal(allFiles(t, p), sample) {
				t.Errorf("warnings %q", p.Warnings)
			}
		})
	}
	t.Run("content alone", func(t *testing.T) { // only Verify sees it
		p := prepare(t, src, t.TempDir())
		file := filepath.Join(p.Dir, "xen/Makefile")
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		os.Chmod(file, 0o600)
		os.WriteFile(file, []byte("ALL:\n"), 0o600)
		os.Chmod(file, info.Mode())
		os.Chtimes(file, info.ModTime(), info.ModTime())
		if err := p.Verify(t.Context()); !errors.Is(err, errChanged) || !strings.Contains(err.Error(), "xen/Makefile: checksum") {
			t.Errorf("verify: %v", err)
		}
	})
}

func TestPrepareProblems(t *testing.T) {
	if _, err := Prepare(t.Context(), vendors.Source{}, t.TempDir(), Options{}); !errors.Is(err, ErrNoSource) {
		t.Errorf("no source: %v", err)
	}
	cache := t.TempDir()
	queue := write(t, t.TempDir(), map[string]string{"series": "b.patch\nb.patch\n", "b.patch": changeB})
	_, err := Prepare(t.Context(), vendors.Source{Dir: write(t, t.TempDir(), sample), Series: queue}, cache, Options{})
	if err == nil || !strings.Contains(err.Error(), "series:2: patch b.patch: does not apply (applied)") {
		t.Errorf("conflict: %v", err)
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0].Name(), ".lock") {
		t.Errorf("left %v, %v", left, err)
	}
	small := Options{Limits: Limits{Kept: 10}}
	archive := filepath.Join(t.TempDir(), "x.tar")
	os.WriteFile(archive, tarOf(t, "xen-4.17/", sample), 0o644)
	if _, err := Prepare(t.Context(), vendors.Source{Tarball: archive}, cache, small); !errors.Is(err, errLimit) {
		t.Errorf("limit: %v", err)
	}
}

func TestPrune(t *testing.T) {
	cache := t.TempDir()
	var keys []string
	for i := range 4 {
		dir := write(t, t.TempDir(), sample)
		write(t, dir, map[string]string{"xen/number": fmt.Sprint(i)})
		p := prepare(t, vendors.Source{Dir: dir}, cache)
		keys = append(keys, p.Key)
		if i != 0 {
			p.Close() // the first stays open
		}
	}
	for i, key := range keys {
		used := time.Date(2026, 1, i+1, 0, 0, 0, 0, time.UTC)
		os.Chtimes(filepath.Join(cache, key+".lock"), used, used)
	}
	write(t, cache, map[string]string{"other/file": "not ours"})
	size := int64(1)
	for _, text := range sample {
		size += int64(len(text))
	}
	for _, step := range []struct {
		now   time.Time
		bytes int64
		want  []string
	}{
		{time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC), 4 * size, nil},
		{time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC), 3 * size, keys[1:2]}, // the oldest that is not open
		{time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC), 4 * size, keys[2:3]}, // 30 days old
		{time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), 0, keys[3:]},
	} {
		got, err := Prune(cache, step.now, 30*24*time.Hour, step.bytes)
		if err != nil || !slices.Equal(got, step.want) {
			t.Errorf("%v: removed %v, %v; want %v", step.now, got, err, step.want)
		}
	}
	left, _ := filepath.Glob(filepath.Join(cache, "*"))
	want := []string{filepath.Join(cache, keys[0]), filepath.Join(cache, keys[0]+".lock"), filepath.Join(cache, "other")}
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left %v", left)
	}
}

// The whole of the real Debian package is what dpkg-source makes of it.
func TestRealPrepared(t *testing.T) {
	dsc, folder := os.Getenv("LPREADY_XEN_DSC"), os.Getenv("LPREADY_XEN_TREE")
	if dsc == "" || folder == "" {
		t.Skip("set LPREADY_XEN_DSC to Debian's .dsc of Xen and LPREADY_XEN_TREE to the tree that dpkg-source -x makes of it")
	}
	p := prepare(t, vendors.Source{Debian: vendors.Debian{DSC: dsc}}, t.TempDir())
	want := allFiles(t, os.DirFS(folder))
	maps.DeleteFunc(want, func(name, _ string) bool { return strings.HasPrefix(name, ".pc/") })
	compare(t, allFiles(t, p), want)
	for _, e := range p.manifest.Files {
		info, err := os.Lstat(filepath.Join(folder, e.Name))
		if err != nil || info.Mode()&0o111 != 0 != e.Exec {
			t.Errorf("%s: program %t, there %v, %v", e.Name, e.Exec, info.Mode(), err)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(sum([]byte(`{"form":"lpready tree 1"}`)) + "\n" + `{"form":"lpready tree 1"}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := parseManifest(text); (m == nil) != (err != nil) {
			t.Fatalf("%v with error %v", m, err)
		}
	})
}

// FuzzWhole: whatever an archive holds, what is written stays in the folder and
// is what the manifest says.
func FuzzWhole(f *testing.F) {
	f.Add(tarOf(f, "xen-4.17/", sample))
	f.Fuzz(func(t *testing.T, data []byte) {
		o := &opener{ctx: t.Context(), limits: Limits{Stream: 1 << 20, Kept: 1 << 16, File: 1 << 15, Entries: 100}, whole: true}
		tree := &Tree{}
		c, err := o.unpack(tree, bytes.NewReader(data))
		if err != nil {
			return
		}
		dir := t.TempDir()
		defer remove(dir)
		m, err := o.write(dir, tree.hold(c))
		if err != nil {
			return // a name that the file system does not take
		}
		if err := m.check(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		for _, e := range m.Files {
			if e.Target == "" {
				continue
			}
			if real, err := filepath.EvalSymlinks(filepath.Join(dir, e.Name)); err == nil && real != dir && !strings.HasPrefix(real, dir+"/") {
				t.Fatalf("%s -> %s leads to %s", e.Name, e.Target, real)
			}
		}
	})
}

func BenchmarkPrepareWarm(b *testing.B) {
	src, cache := realSource(b), b.TempDir()
	prepare(b, src, cache)
	b.ReportAllocs()
	for b.Loop() {
		p, err := Prepare(b.Context(), src, cache, Options{})
		if err != nil {
			b.Fatal(err)
		}
		p.Close()
	}
}

func BenchmarkPrepareCold(b *testing.B) {
	src := realSource(b)
	b.ReportAllocs()
	for b.Loop() {
		p, err := Prepare(b.Context(), src, b.TempDir(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(p.manifest.Bytes)
		p.Close()
	}
}

func BenchmarkWorkCopy(b *testing.B) {
	p := prepare(b, realSource(b), b.TempDir())
	b.SetBytes(p.manifest.Bytes)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.WorkCopy(b.Context(), filepath.Join(b.TempDir(), "work")); err != nil {
			b.Fatal(err)
		}
	}
}

func realSource(b *testing.B) vendors.Source {
	dsc := os.Getenv("LPREADY_XEN_DSC")
	if dsc == "" {
		b.Skip("set LPREADY_XEN_DSC to Debian's .dsc of Xen")
	}
	return vendors.Source{Debian: vendors.Debian{DSC: dsc}}
}
