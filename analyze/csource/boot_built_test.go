package csource

import (
	"context"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLifetimesBuilt holds the verdicts against the relocations of a built
// tree: code that can run at any time must not refer to a function that is
// said to run at boot or bring-up only. Every function of a Xen build with
// CONFIG_CC_SPLIT_SECTIONS has a section of its own, so that a relocation says
// who refers to whom, after all inlining.
func TestLifetimesBuilt(t *testing.T) {
	dir := os.Getenv("LPREADY_XEN_BUILT")
	if dir == "" {
		t.Skip("set LPREADY_XEN_BUILT to a folder with a built xen/ (objects and .config)")
	}
	cfg := loadConfig(t, filepath.Join(dir, "xen/.config"))
	tree := os.DirFS(dir)
	units, err := Units(tree, Arch(cfg), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ix, err := Open(context.Background(), tree, Options{})
	if err != nil {
		t.Fatal(err)
	}
	boot := Lifetimes(ix, units)
	checked := make(map[LifeKind]int)
	edges, data := 0, 0
	for _, u := range units {
		if u.Init || u.Asm {
			continue
		}
		for _, ref := range references(t, filepath.Join(dir, "xen", u.Object)) {
			kind, known := boot.kindIn(u.Source, ref.to)
			if !known || kind == Runtime || kind == Init {
				continue
			}
			if ref.from == "" {
				data++
				continue
			}
			from, known := boot.kindIn(u.Source, ref.from)
			if !known {
				continue
			}
			edges++
			checked[kind]++
			if from == Runtime && !isBringUp(ref.to) && !boot.startsBringUp(u.Source, ref.from) {
				t.Errorf("%s: %s can run at any time and refers to %s (%v)", u.Object, ref.from, ref.to, kind)
			}
		}
	}
	t.Logf("%d references from code to functions of boot or bring-up %v, %d from data", edges, checked, data)
	if edges < 50 {
		t.Errorf("only %d references found: is this a build with split sections?", edges)
	}
}

func isBringUp(name string) bool {
	for _, key := range bringUp {
		if key.name == name {
			return true
		}
	}
	return false
}

// startsBringUp tells whether a function calls one of bringUp, which the
// compiler may have put into it.
func (b *Boot) startsBringUp(source, symbol string) bool {
	for _, id := range b.graph.resolve(symbol, source) {
		for _, to := range b.graph.nodes[id].uses {
			if isBringUp(b.graph.nodes[to].name) {
				return true
			}
		}
	}
	return false
}

// kindIn is the verdict on a symbol of a unit. Where functions of one name
// disagree, the verdict is not known.
func (b *Boot) kindIn(source, symbol string) (kind LifeKind, known bool) {
	symbol, _, _ = strings.Cut(symbol, ".") // .isra.0, .cold
	for _, id := range b.graph.resolve(symbol, source) {
		if b.graph.nodes[id].file == "" {
			continue
		}
		if known && b.kind[id] != kind {
			return Runtime, false
		}
		kind, known = b.kind[id], true
	}
	return kind, known
}

type reference struct{ from, to string } // functions; from is empty for data

// references reads the relocations of an object.
func references(t *testing.T, name string) []reference {
	t.Helper()
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	var out []reference
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA || int(s.Info) >= len(f.Sections) {
			continue
		}
		at := f.Sections[s.Info].Name
		from, isCode := functionOf(at)
		if !isCode && !strings.HasPrefix(at, ".data") && !strings.HasPrefix(at, ".rodata") {
			continue
		}
		rela, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+24 <= len(rela); i += 24 {
			index := f.ByteOrder.Uint64(rela[i+8:]) >> 32
			if index == 0 || int(index) > len(symbols) {
				continue
			}
			switch symbol := symbols[index-1]; {
			case elf.ST_TYPE(symbol.Info) == elf.STT_SECTION:
				if to, ok := functionOf(f.Sections[symbol.Section].Name); ok {
					out = append(out, reference{from, to})
				}
			default:
				out = append(out, reference{from, symbol.Name})
			}
		}
	}
	return out
}

// functionOf names the function of a section that -ffunction-sections made.
func functionOf(section string) (name string, ok bool) {
	for _, prefix := range []string{".text.unlikely.", ".text."} {
		if name, ok = strings.CutPrefix(section, prefix); ok {
			return name, name != ""
		}
	}
	return "", false
}
