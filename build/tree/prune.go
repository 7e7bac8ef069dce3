package tree

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"lpready/build/internal/lock"
)

// What a cache keeps when an entry is added to it.
const (
	KeepAge   = 60 * 24 * time.Hour // since the last use
	KeepBytes = 8 << 30
)

// Prune removes prepared trees from a cache: those that nobody used for a time,
// then the longest unused until the rest is small enough. A tree that is open is
// never removed. It gives the keys of those that it removed, sorted.
func Prune(cacheDir string, now time.Time, age time.Duration, bytes int64) ([]string, error) {
	s, err := openStore(cacheDir)
	if err != nil {
		return nil, err
	}
	return prune(s.dir, now, age, bytes, "")
}

var entryName = regexp.MustCompile(`^[0-9a-f]{40}$`)

// prune is Prune; the entry whose lock the caller has stays.
func prune(dir string, now time.Time, age time.Duration, bytes int64, but string) ([]string, error) {
	s := &store{dir}
	type used struct {
		key   string
		at    time.Time
		bytes int64
		made  bool // else there is only a lock file
	}
	var list []used
	var total int64
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, d := range names {
		u := used{key: strings.TrimSuffix(d.Name(), ".lock")} // of an entry that was never made, too
		if seen[u.key] || !entryName.MatchString(u.key) {
			continue
		}
		seen[u.key] = true
		if _, err := os.Lstat(s.path(u.key)); err == nil {
			u.made = true
		}
		if info, err := os.Stat(s.path(u.key + ".lock")); err == nil {
			u.at = info.ModTime()
		}
		if m, err := loadManifest(filepath.Join(s.path(u.key), "manifest")); err == nil {
			u.bytes = m.Bytes
		}
		list, total = append(list, u), total+u.bytes
	}
	slices.SortFunc(list, func(a, b used) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.key, b.key)) })
	var removed []string
	var failed []error
	for _, u := range list {
		if u.key == but || now.Sub(u.at) <= age && total <= bytes {
			continue
		}
		switch err := s.drop(u.key); {
		case err == nil:
			if total -= u.bytes; u.made {
				removed = append(removed, u.key)
			}
		case !errors.Is(err, lock.ErrBusy):
			failed = append(failed, s.errorf(u.key, err))
		}
	}
	slices.Sort(removed)
	return removed, errors.Join(failed...)
}

// drop removes an entry that nobody has open, with its lock file.
func (s *store) drop(key string) error {
	alone, err := lock.Try(s.path(key+".lock"), true)
	if err != nil {
		return err
	}
	defer alone.Release()
	if err := s.discard(key); err != nil {
		return err
	}
	if err := os.Remove(s.path(key + ".lock")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
