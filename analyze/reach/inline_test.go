package reach

import (
	"context"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpready/analyze/cpp"
	"lpready/analyze/csource"
	"lpready/analyze/truth"
)

// TestInlining holds the prediction of which static functions keep a symbol
// against the symbols of a tree built by GCC at -O2, which is where the
// thresholds of unit.go come from.
func TestInlining(t *testing.T) {
	built := truth.Env(t, "LPREADY_XEN_BUILT", "built Xen tree")
	tree := os.DirFS(built)
	cfg := truth.Config(t, filepath.Join(built, "xen/.config"))
	units, err := csource.Units(tree, "x86", cfg)
	if err != nil {
		t.Fatal(err)
	}
	index, err := csource.Open(context.Background(), tree, csource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pre := cpp.New(index, "x86", cfg)
	right, kept, gone, total := 0, 0, 0, 0
	for _, u := range units {
		symbols := textSymbols(filepath.Join(built, "xen", u.Object))
		if u.Asm || u.Init || symbols == nil {
			continue
		}
		s := newSide(pre.Unit(u, nil))
		for _, name := range s.order {
			fn := s.funcs[name]
			if !fn.Static || s.calls[name]+s.refs[name] == 0 {
				continue
			}
			total++
			switch predicted := s.symbol(name); {
			case predicted == symbols[name]:
				right++
			case predicted:
				gone++
			default:
				kept++
			}
		}
	}
	t.Logf("%d of %d static functions (%.1f %%) rightly said to keep a symbol or not; %d are inlined where a symbol was predicted, %d the other way round",
		right, total, 100*ratio(right, total), gone, kept)
	if total == 0 || ratio(right, total) < 0.9 {
		t.Error("want at least 90 %")
	}
}

// textSymbols lists the functions of an object by their source names, nil if
// there is no such object.
func textSymbols(path string) map[string]bool {
	f, err := elf.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return nil
	}
	names := map[string]bool{}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && !strings.Contains(s.Name, ".cold") {
			names[clone.ReplaceAllString(s.Name, "")] = true
		}
	}
	return names
}
