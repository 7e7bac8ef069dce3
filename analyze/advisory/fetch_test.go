package advisory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A site is a made-up xenbits: files by path, and how it misbehaves.
type site struct {
	files    map[string]string
	odd      map[string]http.HandlerFunc // in the place of a file
	requests []string                    // path and range of each
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/xsa/")
	s.requests = append(s.requests, strings.TrimSpace(name+" "+r.Header.Get("Range")))
	if odd := s.odd[name]; odd != nil {
		odd(w, r)
		return
	}
	data, ok := s.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(data))
}

// demoSite serves XSA-901, with a large patch.
func demoSite(t testing.TB) *site {
	big := demoPatch(t, "xsa901.patch") + strings.Repeat("-- \nfiller\n", 20000)
	meta := fixture(t, "testdata/xsa901.meta")
	meta = strings.Replace(meta, `,
      "qemu-xen": {"StableRef": "3333333333333333333333333333333333333333", "Prereqs": [], "Patches": ["xsa901-qemu-?.patch"]}`, "", 1)
	part := "part " + demoPatch(t, "xsa901-4.17.patch")
	text := fixture(t, "testdata/text/xsa901-v2.txt")
	text = strings.Replace(text, sha256Hex([]byte(demoPatch(t, "xsa901.patch"))), sha256Hex([]byte(big)), 1)
	text = strings.Replace(text, "$ sha256sum xsa901*\n", "xsa901/xsa901-4.15-?.patch   Xen 4.15.x\n\n$ sha256sum xsa901*\n"+
		sha256Hex([]byte(meta))+"  xsa901.meta\n"+sha256Hex([]byte(part))+"  xsa901/xsa901-4.15-1.patch\n", 1)
	return &site{files: map[string]string{
		"advisory-901.txt":           sign(t, text, 0, nil),
		"xsa901.patch":               big,
		"xsa901-4.17.patch":          demoPatch(t, "xsa901-4.17.patch"),
		"xsa901/xsa901-4.15-1.patch": part,
		"xsa901.meta":                meta,
	}, odd: map[string]http.HandlerFunc{}}
}

// fetchDemo fetches XSA-901 without waiting between tries.
func fetchDemo(t testing.TB, s *site, dir string) ([]Fetched, []time.Duration, error) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	client := *server.Client()
	client.CheckRedirect = stayHome
	var pauses []time.Duration
	f := &fetcher{ctx: t.Context(), client: &client, base: server.URL + "/xsa", xsa: 901, root: root, tried: map[string]bool{},
		sleep: func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil }}
	done, err := f.all()
	return done, pauses, err
}

func statuses(done []Fetched) string {
	var out []string
	for _, d := range done {
		out = append(out, d.Name+"="+d.Status+","+d.Checksum)
	}
	return strings.Join(out, " ")
}

const wholeFetch = "advisory-901.txt=fetched,absent xsa901.meta=fetched,ok xsa901-4.17.patch=fetched,ok xsa901.patch=fetched,ok xsa901/xsa901-4.15-1.patch=fetched,ok"

func TestFetch(t *testing.T) {
	s := demoSite(t)
	server := httptest.NewServer(s)
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	var progress int64
	done, err := Fetch(t.Context(), nil, server.URL+"/xsa/", 901, dir, func(name string, done, total int64) {
		if done > total {
			t.Errorf("%s: %d of %d", name, done, total)
		}
		progress = max(progress, done)
	})
	if err != nil || statuses(done) != wholeFetch {
		t.Fatalf("%s, %v", statuses(done), err)
	}
	if progress != int64(len(s.files["xsa901.patch"])) {
		t.Errorf("progress up to %d", progress)
	}
	checkFolder600(t, filepath.Dir(dir), 5)
	b := read(t, Options{Keyring: keyring()}, dir)
	if a := b.Entries[0].Advisory; len(b.Entries) != 1 || a.Checksums != ChecksumOK || a.Signature != SignatureGood || len(b.Warnings) != 0 || len(a.Warnings) != 0 {
		t.Errorf("%s, %q, %q", outline(b), b.Warnings, a.Warnings)
	}

	s.requests = nil
	done, err = Fetch(t.Context(), server.Client(), server.URL+"/xsa", 901, dir, nil)
	want := strings.ReplaceAll(wholeFetch, "fetched", "kept")
	if err != nil || statuses(done) != want || len(s.requests) != 1 {
		t.Errorf("again: %s, %v, %v", statuses(done), s.requests, err)
	}
}

// checkFolder600 checks that nobody else can read what is in dir.
func checkFolder600(t *testing.T, dir string, files int) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if name != dir && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		if !d.IsDir() {
			n++
		}
		if strings.HasSuffix(name, partSuffix) {
			t.Errorf("%s is left over", name)
		}
		return nil
	})
	if err != nil || n != files {
		t.Errorf("%d files, %v", n, err)
	}
}

// dropAfter sends the first n bytes of what is asked for, then cuts the line.
func dropAfter(s *site, name string, n, times int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data := s.files[name]
		var from int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(data)-1, len(data)))
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(data)-from))
		if from > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		if times--; times < 0 {
			n = len(data)
		}
		_, _ = w.Write([]byte(data[from:min(from+n, len(data))]))
		if times >= 0 {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}
}

func TestFetchResumes(t *testing.T) {
	s := demoSite(t)
	s.odd["xsa901.patch"] = dropAfter(s, "xsa901.patch", 50000, 2)
	dir := t.TempDir()
	done, pauses, err := fetchDemo(t, s, dir)
	if err != nil || !strings.Contains(statuses(done), "xsa901.patch=resumed,ok") {
		t.Fatalf("%s, %v", statuses(done), err)
	}
	if !slices.Contains(s.requests, "xsa901.patch bytes=50000-") || !slices.Contains(s.requests, "xsa901.patch bytes=100000-") {
		t.Errorf("requests %v", s.requests)
	}
	if !slices.Equal(pauses, []time.Duration{firstPause, 2 * firstPause}) {
		t.Errorf("pauses %v", pauses)
	}
	checkFolder600(t, dir, 5)
}

func TestFetchResumesLater(t *testing.T) {
	s := demoSite(t)
	dir := t.TempDir()
	s.odd["xsa901.patch"] = dropAfter(s, "xsa901.patch", 10000, 100)
	done, _, err := fetchDemo(t, s, dir)
	if err == nil || !strings.Contains(err.Error(), "given up after 5 tries") || len(done) != 4 {
		t.Fatalf("%s, %v", statuses(done), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "xsa901.patch")); err == nil {
		t.Error("an incomplete file is there under its name")
	}
	b := read(t, Options{}, dir) // Read does not take the part for a patch
	if !strings.Contains(strings.Join(b.Warnings, "\n"), "an unfinished download") {
		t.Errorf("%q", b.Warnings)
	}
	delete(s.odd, "xsa901.patch")
	s.requests = nil
	done, _, err = fetchDemo(t, s, dir)
	if err != nil || !strings.Contains(statuses(done), "xsa901.patch=resumed,ok") || !slices.Contains(s.requests, "xsa901.patch bytes=50000-") {
		t.Fatalf("%s, %v, %v", statuses(done), s.requests, err)
	}
	checkFolder600(t, dir, 5)
}

func TestFetchMisbehaviour(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the other server was asked for %s", r.URL)
	}))
	defer elsewhere.Close()
	const name = "xsa901.patch"
	tests := []struct {
		name  string
		set   func(s *site)
		want  string // error, "" for none
		there bool   // the large patch arrives all the same
	}{
		{"ignores Range", func(s *site) {
			s.odd[name] = func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, s.files[name]) }
		}, "", true},
		{"answers with another range", func(s *site) {
			first := true
			s.odd[name] = func(w http.ResponseWriter, r *http.Request) {
				if first {
					first = false
					w.Header().Set("Content-Range", "bytes 5-9/10")
					w.WriteHeader(http.StatusPartialContent)
					return
				}
				fmt.Fprint(w, s.files[name])
			}
		}, "", true},
		{"range not satisfiable", func(s *site) {
			s.odd[name] = func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") != "" {
					w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
					return
				}
				fmt.Fprint(w, s.files[name])
			}
		}, "", true},
		{"wrong part of an earlier time", func(s *site) {}, "", true},
		{"wrong checksum", func(s *site) { s.files[name] += "x" }, "the checksum is wrong", false},
		{"404", func(s *site) { delete(s.files, name) }, "404 Not Found", false},
		{"403", func(s *site) {
			s.odd[name] = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) }
		}, "403 Forbidden", false},
		{"500, then good", func(s *site) {
			n := 0
			s.odd[name] = func(w http.ResponseWriter, r *http.Request) {
				if n++; n < 4 {
					w.WriteHeader(http.StatusBadGateway)
					return
				}
				fmt.Fprint(w, s.files[name])
			}
		}, "", true},
		{"500 for ever", func(s *site) {
			s.odd[name] = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
		}, "given up after 5 tries", false},
		{"redirects elsewhere", func(s *site) {
			s.odd[name] = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, elsewhere.URL+"/secret", http.StatusFound)
			}
		}, "refused redirect to " + elsewhere.URL, false},
		{"redirects at home", func(s *site) {
			s.files["moved"] = s.files[name]
			s.odd[name] = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/xsa/moved", http.StatusMovedPermanently)
			}
		}, "", true},
		{"redirects in circles", func(s *site) {
			s.odd[name] = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, r.URL.Path, http.StatusFound)
			}
		}, "refused redirect after 5 others", false},
		{"announces too much", func(s *site) {
			s.odd[name] = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "1000000000")
				fmt.Fprint(w, "x")
			}
		}, "larger than the limit", false},
		{"sends too much", func(s *site) {
			s.odd[name] = func(w http.ResponseWriter, r *http.Request) {
				for range maxFetch/4096 + 2 {
					if _, err := w.Write(make([]byte, 4096)); err != nil {
						return
					}
				}
			}
		}, "larger than the limit", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := demoSite(t)
			test.set(s)
			dir := write(t, map[string]string{"xsa901.patch.part": "an earlier try", "xsa901-4.17.patch": "an old version"})
			done, _, err := fetchDemo(t, s, dir)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			want := wholeFetch
			if !test.there {
				want = strings.Replace(want, " xsa901.patch=fetched,ok", "", 1)
			}
			if all := statuses(done); all != want {
				t.Errorf("%s, want %s", all, want)
			}
			if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != (test.there) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestFetchNames(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	advisory := func(resolution string) *site {
		return &site{files: map[string]string{"advisory-901.txt": "Xen Security Advisory XSA-901\n\nRESOLUTION\n==========\n\n" + resolution + "\n"}, odd: map[string]http.HandlerFunc{}}
	}
	page := `<a href="xsa901/xsa901-1.patch">a</a> <A HREF='./xsa901/xsa901-2.patch'>b</a> <a href=xsa901/other.patch> <a href="../xsa901-3.patch"> <a href="/xsa901-4.patch"> <a href="http://x/xsa901/xsa901-5.patch"> <a href="xsa900.patch">`
	tests := []struct {
		name, resolution, page, want, err string
	}{
		{"nothing", "no patch", "", "advisory-901.txt", ""},
		{"a map without sums", "xsa901.patch   xen-unstable", "", "advisory-901.txt xsa901.patch", ""},
		{"globs, with a page", "xsa901/xsa901-?.patch   xen-unstable", page, "advisory-901.txt xsa901/xsa901-1.patch xsa901/xsa901-2.patch", ""},
		{"globs, without a page", "xsa901/xsa901-?.patch   xen-unstable", "", "advisory-901.txt", "which files xsa901/xsa901-?.patch means stands nowhere"},
		{"parent", sum + "  ../evil", "", "advisory-901.txt", `the name "../evil" is refused`},
		{"parent inside", sum + "  xsa901/../../evil", "", "advisory-901.txt", "is refused"},
		{"absolute", sum + "  /etc/evil", "", "advisory-901.txt", "is refused"},
		{"another XSA", sum + "  xsa900.patch", "", "advisory-901.txt", "it is not one of XSA-901"},
		{"the advisory itself", sum + "  advisory-901.txt", "", "advisory-901.txt", "is refused"},
		{"a part file", sum + "  xsa901.patch.part", "", "advisory-901.txt", "is refused"},
		{"a query", sum + "  xsa901.patch?x=y%2e", "", "advisory-901.txt", ""},
		{"deep", sum + "  xsa901/a/b.patch", "", "advisory-901.txt", "is refused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := advisory(test.resolution)
			for _, name := range []string{"xsa901.patch", "xsa901/xsa901-1.patch", "xsa901/xsa901-2.patch", "xsa901/other.patch"} {
				s.files[name] = "x"
			}
			if test.page != "" {
				s.files["advisory-901.html"] = test.page
			}
			dir := t.TempDir()
			done, _, err := fetchDemo(t, s, dir)
			var names []string
			for _, d := range done {
				names = append(names, d.Name)
			}
			if strings.Join(names, " ") != test.want {
				t.Errorf("fetched %v, want %s", names, test.want)
			}
			if test.err == "" && err != nil && test.name != "a query" || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want %q", err, test.err)
			}
			if entries, _ := os.ReadDir(filepath.Dir(dir)); len(entries) != 1 {
				t.Errorf("something was written outside: %v", entries)
			}
		})
	}
}

func TestFetchArguments(t *testing.T) {
	s := demoSite(t)
	s.files["advisory-902.txt"] = s.files["advisory-901.txt"]
	s.files["advisory-903.txt"] = "<html>not found</html>"
	server := httptest.NewServer(s)
	defer server.Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		ctx  context.Context
		base string
		xsa  int
		want string
	}{
		{t.Context(), "ftp://example.org", 901, "a http or https address is expected"},
		{t.Context(), "nonsense", 901, "a http or https address is expected"},
		{t.Context(), server.URL + "/xsa", 0, "0 is not the number of an XSA"},
		{t.Context(), server.URL + "/xsa", 900, "404 Not Found"},
		{t.Context(), server.URL + "/xsa", 902, "it is XSA-901"},
		{t.Context(), server.URL + "/xsa", 903, "no heading"},
		{canceled, server.URL + "/xsa", 901, "canceled"},
	}
	for _, test := range tests {
		dir := t.TempDir()
		done, err := Fetch(test.ctx, server.Client(), test.base, test.xsa, dir, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || len(done) != 0 {
			t.Errorf("%s %d: %v, %v; want %q", test.base, test.xsa, done, err, test.want)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("%s %d: left %v", test.base, test.xsa, entries)
		}
	}
	if _, err := Fetch(t.Context(), nil, server.URL+"/xsa", 900, t.TempDir(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing advisory: %v", err)
	}
}

// A link in the folder does not lead the download out of it.
func TestFetchIntoLinks(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "xsa901")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	done, _, err := fetchDemo(t, demoSite(t), dir)
	if err == nil || len(done) != 4 {
		t.Errorf("%s, %v", statuses(done), err)
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("written outside: %v", entries)
	}
}
