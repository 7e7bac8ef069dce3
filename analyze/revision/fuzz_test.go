package revision

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzCompare compares whatever parses as a patch: nothing differs from itself,
// and two runs say the same.
func FuzzCompare(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var sides [2][]byte
		for _, file := range ar.Files {
			if filepath.Ext(file.Name) == ".patch" {
				side := 0
				if filepath.Dir(file.Name) == "new" {
					side = 1
				}
				sides[side] = append(sides[side], file.Data...)
			}
		}
		f.Add(sides[0], sides[1])
	}
	f.Fuzz(func(t *testing.T, old, fresh []byte) {
		a, err := parse([]string{"old"}, [][]byte{old})
		if err != nil {
			return
		}
		if self := compareText(a, a); len(self) > 0 {
			t.Fatalf("differs from itself: %v", self)
		}
		b, err := parse([]string{"new"}, [][]byte{fresh})
		if err != nil {
			return
		}
		first := compareText(a, b)
		if again := compareText(a, b); !reflect.DeepEqual(first, again) {
			t.Fatalf("two runs differ: %v and %v", first, again)
		}
	})
}
