package csource

import (
	"bytes"
	"context"
	"math/bits"
	"strings"
)

// Mentions lists the sources whose code has an identifier, sorted. Comments and
// strings do not count.
func (ix *Index) Mentions(name string) []string {
	if name == "" {
		return nil
	}
	ix.filters.Do(ix.filterNames)
	var found []string
	hash := hashName(name)
	for _, path := range ix.paths {
		if e := ix.files[path]; scannable(path) && e.filter().has(hash) && e.mentions(name) {
			found = append(found, path)
		}
	}
	return found
}

// mentions looks at the text itself.
func (e *entry) mentions(name string) bool {
	text := view(e.src)
	if !strings.Contains(text, name) {
		return false
	}
	for _, w := range wordsOf(text) {
		if w == name {
			return true
		}
	}
	return false
}

// A nameFilter says no to most identifiers that a file does not have: a bit for
// each identifier, as many bits as the file has bytes or somewhat more. Of the
// names that are not there about one in forty gets a yes.
type nameFilter []byte

func (f nameFilter) has(hash uint32) bool {
	hash &= uint32(len(f)*8 - 1)
	return len(f) > 0 && f[hash/8]&(1<<(hash%8)) != 0
}

// filterSize is the length of the filter for a text: a power of two.
func filterSize(text int) int {
	if text == 0 {
		return 0
	}
	return max(1, 1<<bits.Len(uint(text-1))/8)
}

func hashName(name string) uint32 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return h ^ h>>15
}

func (e *entry) filter() nameFilter {
	e.names.once.Do(func() { e.names.filter = filterOf(e.src) })
	return e.names.filter
}

func filterOf(src []byte) nameFilter {
	f := make(nameFilter, filterSize(len(src)))
	mask := uint32(len(f)*8 - 1)
	for _, w := range Words(src) {
		h := hashName(w) & mask
		f[h/8] |= 1 << (h % 8)
	}
	return f
}

// filterNames makes the filters of all files, or takes them from the cache:
// those of the base, to which With adds only the files that differ.
func (ix *Index) filterNames() {
	if ix.base != nil {
		ix.base.filters.Do(ix.base.filterNames)
		return
	}
	sources := ix.sources()
	data, err := ix.Derived("names", nil, func() ([]byte, error) {
		err := parallel(context.Background(), len(sources), func(i int) error {
			sources[i].filter()
			return nil
		})
		var all bytes.Buffer
		for _, e := range sources {
			all.Write(e.filter())
		}
		return all.Bytes(), err
	})
	if err == nil {
		ix.useFilters(data)
	}
}

// sources are the entries of the files that the scanner reads, by path.
func (ix *Index) sources() []*entry {
	var list []*entry
	for _, path := range ix.paths {
		if scannable(path) {
			list = append(list, ix.files[path])
		}
	}
	return list
}

// useFilters hands out the filters of all sources, which stand one after the
// other. If they are not as long as they must be, every file makes its own when
// it is asked.
func (ix *Index) useFilters(data []byte) (ok bool) {
	sources := ix.sources()
	size := 0
	for _, e := range sources {
		size += filterSize(len(e.src))
	}
	if len(data) != size {
		return false
	}
	for _, e := range sources {
		n := filterSize(len(e.src))
		e.names.once.Do(func() { e.names.filter = nameFilter(data[:n:n]) })
		data = data[n:]
	}
	return true
}
