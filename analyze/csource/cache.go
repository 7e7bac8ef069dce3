package csource

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
)

// A Digest names content: its SHA-256.
type Digest [sha256.Size]byte

// DigestOf is the digest of some bytes.
func DigestOf(data []byte) Digest { return sha256.Sum256(data) }

// A Store is a folder of derived data, named by what it was derived from. Two
// programs may share one. An entry that is damaged counts as absent; failing to
// write is no error, because everything in it can be made again.
type Store struct{ dir string }

// OpenStore uses a folder, which need not exist yet. Without a folder the store
// holds nothing.
func OpenStore(dir string) *Store { return &Store{dir} }

// maxStored bounds what Load reads.
const maxStored = 256 << 20

// magic begins every entry; it changes with the layout of entries.
const magic = "lpready cache 1\n"

func (s *Store) path(kind string, key Digest) string {
	name := hex.EncodeToString(key[:])
	return filepath.Join(s.dir, kind, name[:2], name[2:])
}

// Load gives the entry of a kind that was saved under a key.
func (s *Store) Load(kind string, key Digest) ([]byte, bool) {
	if s == nil || s.dir == "" {
		return nil, false
	}
	name := s.path(kind, key)
	if info, err := os.Stat(name); err != nil || info.Size() > maxStored {
		return nil, false
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, false
	}
	return unseal(raw, kind, key)
}

// Save keeps data under a key.
func (s *Store) Save(kind string, key Digest, data []byte) {
	if s == nil || s.dir == "" || len(data) > maxStored/2 {
		return
	}
	name := s.path(kind, key)
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return
	}
	// Written aside and renamed: nobody ever sees half an entry.
	tmp, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return
	}
	_, err = tmp.Write(seal(data, kind, key))
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
}

// seal puts the check sum before the data: over kind, key and data, so that an
// entry under a wrong name is noticed too.
func seal(data []byte, kind string, key Digest) []byte {
	sum := checksum(data, kind, key)
	out := make([]byte, 0, len(magic)+len(sum)+len(data))
	out = append(out, magic...)
	out = append(out, sum[:]...)
	return append(out, data...)
}

func unseal(raw []byte, kind string, key Digest) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(raw, []byte(magic))
	if !ok || len(rest) < len(Digest{}) {
		return nil, false
	}
	data := rest[len(Digest{}):]
	sum := checksum(data, kind, key)
	if !bytes.Equal(sum[:], rest[:len(sum)]) {
		return nil, false
	}
	return data, true
}

func checksum(data []byte, kind string, key Digest) Digest {
	h := sha256.New()
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write(key[:])
	h.Write(data)
	return Digest(h.Sum(nil))
}

// Digest names the content of the whole index: all paths and sources.
func (ix *Index) Digest() Digest {
	ix.digest.once.Do(func() {
		h := sha256.New()
		for _, path := range ix.paths {
			h.Write([]byte(path))
			h.Write([]byte{0})
			h.Write(ix.files[path].sum[:])
		}
		ix.digest.sum = Digest(h.Sum(nil))
	})
	return ix.digest.sum
}

// Derived gives what make works out of this index and of what about tells, from
// the cache if the same was worked out before. Whoever reads the result must
// still check its form.
func (ix *Index) Derived(kind string, about []byte, make func() ([]byte, error)) ([]byte, error) {
	sum := ix.Digest()
	key := DigestOf(slices.Concat([]byte(ix.version), []byte{0}, sum[:], about))
	if data, ok := ix.store.Load(kind, key); ok {
		return data, nil
	}
	data, err := make()
	if err != nil {
		return nil, err
	}
	ix.store.Save(kind, key, data)
	return data, nil
}
