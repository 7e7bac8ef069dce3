package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"lpready/build/internal/run"
	"lpready/vendors"
)

var (
	packageName    = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)            // Debian policy 5.6.1
	packageVersion = regexp.MustCompile(`^([0-9]+:)?[0-9][A-Za-z0-9.+~-]*$`) // Debian policy 5.6.12
)

// A FetchError says why apt has no such package here, and what to do about it.
type FetchError struct {
	Package string // with the version
	Remedy  string
	Err     error // of apt
}

func (e *FetchError) Error() string {
	return fmt.Sprintf("fetch %s: %s (%v)", e.Package, e.Remedy, e.Err)
}

func (e *FetchError) Unwrap() error { return e.Err }

// Fetch has apt download a Debian source package into a folder, verifies the
// checksums, and gives the path of its .dsc file, which Open and Prepare take. apt
// verifies the signatures of the archive. A package that is there already, whole,
// is not downloaded again. It uses the network, so only call it when the user
// asked for that. Nothing is installed or built.
func Fetch(ctx context.Context, name, version, dir string) (string, error) {
	if err := checkPackage(name, version); err != nil {
		return "", err
	}
	file := filepath.Join(dir, dscName(vendors.Debian{Package: name, Version: version}))
	if verifyDSC(file) == nil {
		return file, nil
	}
	return file, download(ctx, dir, name+"="+version, verifyDSC, filepath.Base(file), "source", "--download-only")
}

// FetchBinary has apt download a binary package, such as the one with the .config
// or the symbols of a hypervisor, and gives the path of the .deb file.
func FetchBinary(ctx context.Context, name, version, dir string) (string, error) {
	if err := checkPackage(name, version); err != nil {
		return "", err
	}
	// apt writes the colon of an epoch as %3a.
	pattern := name + "_" + strings.ReplaceAll(version, ":", "%3a") + "_*.deb"
	if have, err := filepath.Glob(filepath.Join(dir, pattern)); err == nil && len(have) > 0 {
		return have[0], nil
	}
	if err := download(ctx, dir, name+"="+version, nil, pattern, "download"); err != nil {
		return "", err
	}
	have, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(have) == 0 {
		return "", fmt.Errorf("fetch %s=%s: apt-get left no %s", name, version, pattern)
	}
	return have[0], nil
}

func checkPackage(name, version string) error {
	if !packageName.MatchString(name) {
		return fmt.Errorf("fetch: %q; expected the name of a Debian package", name)
	}
	if !packageVersion.MatchString(version) {
		return fmt.Errorf("fetch %s: %q; expected a version", name, version)
	}
	return nil
}

// verifyDSC checks that the files of a source package are there with the
// checksums that its .dsc file says.
func verifyDSC(file string) error {
	d, err := readDSC(file)
	if err != nil {
		return err
	}
	for _, p := range []*part{d.orig, d.debian} {
		if p == nil {
			continue
		}
		if err := d.open(p, func(io.Reader) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// download runs apt-get in a folder of its own and moves what it brought into
// dir, the file that stands for the whole last: what is there under that name is
// complete.
func download(ctx context.Context, dir, what string, verify func(string) error, last string, args ...string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("fetch %s: %w", what, err)
	}
	aside, err := os.MkdirTemp(dir, ".fetch-*")
	if err != nil {
		return fmt.Errorf("fetch %s: %w", what, err)
	}
	defer os.RemoveAll(aside)
	cmd := run.Cmd{
		Name: "apt-get",
		Args: append(append([]string{"-qq", "-o", "APT::Sandbox::User="}, args...), what),
		Dir:  aside, Env: run.Env(os.Environ(), proxies(os.Environ())...),
		Hint: "apt is needed for Debian packages: download " + what + " elsewhere and give the file",
	}
	if _, err := cmd.Run(ctx); err != nil {
		return explain(what, err)
	}
	entries, err := os.ReadDir(aside)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", what, err)
	}
	if verify != nil {
		if err := verify(filepath.Join(aside, last)); err != nil {
			return fmt.Errorf("fetch %s: %w", what, err)
		}
	}
	stands := func(e fs.DirEntry) bool { match, _ := filepath.Match(last, e.Name()); return match }
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int {
		switch {
		case stands(a) == stands(b):
			return 0
		case stands(b):
			return -1
		}
		return 1
	})
	for _, e := range entries {
		if err := os.Rename(filepath.Join(aside, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("fetch %s: %w", what, err)
		}
	}
	return nil
}

// proxies are the settings by which apt finds its way out.
func proxies(environ []string) (list []string) {
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains([]string{"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "APT_CONFIG"}, name) {
			list = append(list, kv)
		}
	}
	return list
}

// explain turns what apt says into what the user can do.
func explain(what string, err error) error {
	var exit *run.ExitError
	if !errors.As(err, &exit) || exit.Cause != nil {
		return fmt.Errorf("fetch %s: %w", what, err)
	}
	e := &FetchError{Package: what, Err: err}
	for _, known := range []struct{ says, remedy string }{
		{"'deb-src' URIs", "apt has no source packages: add a deb-src entry, that is \"Types: deb deb-src\" in the .sources file under /etc/apt/sources.list.d " +
			"or a line \"deb-src\" like the \"deb\" one in /etc/apt/sources.list, then run apt-get update"},
		{"Can not find version", "apt knows no such source: is there a deb-src entry for this release, and was apt-get update run since? " +
			"A version that the archive no longer has is in Debian's snapshot archive: add it as a deb-src entry at a day when it was current"},
		{"Unable to find a source package", "apt knows no such source: is there a deb-src entry for this release, and was apt-get update run since?"},
		{"was not found", "apt knows no such version: run apt-get update; a version that the archive no longer has is in Debian's snapshot archive"},
		{"Unable to locate package", "apt knows no such package: is there an entry for this release and architecture, and was apt-get update run since?"},
		{"No space left", "no room on the disk"},
		{"Failed to fetch", "apt could not download it: is the network there, and was apt-get update run lately?"},
	} {
		if strings.Contains(exit.Output, known.says) {
			e.Remedy = known.remedy
			return e
		}
	}
	return fmt.Errorf("fetch %s: %w", what, err)
}
