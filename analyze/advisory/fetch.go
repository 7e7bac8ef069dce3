package advisory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// DefaultBase is where the Xen Project publishes its advisories.
const DefaultBase = "https://xenbits.xen.org/xsa"

// What became of a file that Fetch dealt with.
const (
	FetchDone    = "fetched"
	FetchResumed = "resumed" // fetched, from where an earlier transfer broke off
	FetchKept    = "kept"    // it was there already, with the right checksum
)

// A Fetched is a file that Fetch leaves in its folder.
type Fetched struct {
	Name     string // slash path inside the folder, as the site names it
	Bytes    int64
	Status   string // one of the Fetch constants
	Checksum string // ChecksumOK, or ChecksumAbsent where the advisory lists none
}

// Fetch downloads a public advisory and its patches in the layout of
// xenbits.xen.org/xsa: BASE/advisory-NNN.txt, BASE/xsaNNN.patch,
// BASE/xsaNNN/xsaNNN-4.17-1.patch, BASE/xsaNNN.meta. Which files there are say
// the checksum list, the RESOLUTION and the .meta file; where these have only
// globs, the links of BASE/advisory-NNN.html do.
//
// Files come into being complete and verified, mode 0600, folders 0700. What
// breaks off is resumed, in this call or in a later one. Fetch does not check
// the signature: Read does, on what Fetch has brought.
//
// Fetch goes on after a file that failed and returns what it has together
// with all errors. progress, which may be nil, is called as bytes arrive;
// total is -1 while unknown.
func Fetch(ctx context.Context, client *http.Client, base string, xsa int, dir string, progress func(name string, done, total int64)) ([]Fetched, error) {
	if client == nil {
		client = &http.Client{Timeout: 5 * time.Minute}
	}
	f := &fetcher{ctx: ctx, base: strings.TrimRight(base, "/"), xsa: xsa, progress: progress, sleep: sleep, tried: map[string]bool{}}
	if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("fetch from %q: a http or https address is expected", base)
	}
	if xsa <= 0 {
		return nil, fmt.Errorf("fetch: %d is not the number of an XSA", xsa)
	}
	same := *client
	same.CheckRedirect = stayHome
	f.client = &same
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f.root = root
	return f.all()
}

// A fetcher downloads one advisory.
type fetcher struct {
	ctx      context.Context
	client   *http.Client
	base     string
	xsa      int
	root     *os.Root
	progress func(name string, done, total int64)
	sleep    func(context.Context, time.Duration) error
	done     []Fetched
	tried    map[string]bool
}

// sleep waits, or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

var errRedirect = errors.New("refused redirect")

// stayHome refuses redirects to another host or away from https.
func stayHome(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > 5:
		return fmt.Errorf("%w after 5 others", errRedirect)
	case req.URL.Host != first.Host, first.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("%w to %s", errRedirect, req.URL)
	}
	return nil
}

// all fetches the advisory, then everything that belongs to it.
func (f *fetcher) all() ([]Fetched, error) {
	name := fmt.Sprintf("advisory-%d.txt", f.xsa)
	text, err := f.get(name, maxText)
	if err != nil {
		return nil, err
	}
	s, _ := openSigned(text)
	a, err := parseText(s.text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s/%s: %w", f.base, name, err)
	case a.XSA != f.xsa:
		return nil, fmt.Errorf("%s/%s: it is XSA-%d", f.base, name, a.XSA)
	}
	if err := f.store(name, text); err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range a.refused {
		errs = append(errs, fmt.Errorf("%s: the name %q is refused", f.base, name))
	}
	names, err := f.names(a)
	errs = append(errs, err)
	for _, name := range names {
		if f.ctx.Err() != nil {
			errs = append(errs, f.ctx.Err())
			break
		}
		errs = append(errs, f.fetch(a, name))
	}
	return f.done, errors.Join(errs...)
}

// names lists the files of an advisory, sorted. The .meta file is fetched on
// the way, since it names patches too.
func (f *fetcher) names(a *Advisory) ([]string, error) {
	var names, globs []string
	var errs []error
	add := func(name string) {
		switch {
		case strings.ContainsAny(name, "*?["):
			globs = append(globs, name)
		case !f.own(name):
			errs = append(errs, fmt.Errorf("%s: the name %q is refused: it is not one of XSA-%d", f.base, name, f.xsa))
		default:
			names = append(names, name)
		}
	}
	for _, s := range a.sums {
		add(s.name)
	}
	for _, m := range a.mappings {
		if _, ok := a.listed(m.pattern); !ok {
			add(m.pattern)
		}
	}
	m, err := f.meta(a)
	errs = append(errs, err)
	if m != nil {
		for _, r := range m.recipes {
			for _, p := range r.Patches {
				if _, ok := a.listed(p); !ok {
					add(p)
				}
			}
		}
	}
	unmet := slices.DeleteFunc(globs, func(g string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return matchGlob(g, n) })
	})
	if len(unmet) > 0 {
		links, err := f.links()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: which files %s means stands nowhere: %w", f.base, strings.Join(unmet, ", "), err))
		}
		for _, link := range links {
			if slices.ContainsFunc(unmet, func(g string) bool { return matchGlob(g, link) }) {
				names = append(names, link)
			}
		}
	}
	slices.SortFunc(names, compareNatural)
	return slices.Compact(names), errors.Join(errs...)
}

// own tells whether a file name is one that this XSA may have.
func (f *fetcher) own(name string) bool {
	pattern := fmt.Sprintf(`^xsa%d(?:[-_.][A-Za-z0-9_.+-]*)?(?:/[A-Za-z0-9_.+-]+)?$`, f.xsa)
	clean, err := cleanName(name)
	return err == nil && clean == name && regexp.MustCompile(pattern).MatchString(name) && !strings.HasSuffix(name, partSuffix)
}

// meta fetches the .meta file, where there is one.
func (f *fetcher) meta(a *Advisory) (*meta, error) {
	name := fmt.Sprintf("xsa%d.meta", f.xsa)
	if _, ok := a.listed(name); ok {
		if err := f.fetch(a, name); err != nil {
			return nil, err
		}
	} else {
		f.tried[name] = true
		data, err := f.get(name, maxMeta)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err == nil {
			err = f.store(name, data)
		}
		if err != nil {
			return nil, err
		}
	}
	data, err := f.root.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parseMeta(f.base+"/"+name, data)
}

// link finds what a page links to.
var link = regexp.MustCompile(`(?i)\bhref\s*=\s*["']?([^"'\s>]+)`)

// links reads the names of this XSA's files from the advisory's page.
func (f *fetcher) links() ([]string, error) {
	page, err := f.get(fmt.Sprintf("advisory-%d.html", f.xsa), maxText)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range link.FindAllSubmatch(page, -1) {
		if name := string(bytes.TrimPrefix(m[1], []byte("./"))); f.own(name) {
			names = append(names, name)
		}
	}
	return distinct(names), nil
}

// store writes a file that is in memory: aside, then under its name.
func (f *fetcher) store(name string, data []byte) error {
	have, err := f.root.ReadFile(name)
	status := FetchKept
	if err != nil || !bytes.Equal(have, data) {
		status = FetchDone
		if err := f.makeFolder(name); err != nil {
			return err
		}
		part := name + partSuffix
		if err := f.root.WriteFile(part, data, 0o600); err != nil {
			return err
		}
		if err := f.root.Chmod(part, 0o600); err != nil {
			return err
		}
		if err := f.root.Rename(part, name); err != nil {
			return err
		}
	}
	f.done = append(f.done, Fetched{name, int64(len(data)), status, ChecksumAbsent})
	return nil
}

func (f *fetcher) makeFolder(name string) error {
	if folder := path.Dir(name); folder != "." {
		return f.root.MkdirAll(folder, 0o700)
	}
	return nil
}

// fetch brings one file of the advisory, once.
func (f *fetcher) fetch(a *Advisory, name string) error {
	if f.tried[name] {
		return nil
	}
	f.tried[name] = true
	sum, ok := a.listed(name)
	if !ok {
		data, err := f.get(name, maxFetch)
		if err != nil {
			return err
		}
		return f.store(name, data)
	}
	return f.verified(name, sum.sha256)
}
