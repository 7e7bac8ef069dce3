package match

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"lpready/analyze/csource"
)

const (
	comment = "GCC: (Debian 12.2.0-14+deb12u1) 12.2.0"
	config  = "#\n# Xen/x86 4.17.5 Configuration\n#\nCONFIG_X86=y\nCONFIG_NR_CPUS=256\n# CONFIG_DEBUG is not set\n"
)

func TestRead(t *testing.T) {
	h := must(t, &made{
		pieces: []piece{
			{file: "common/a.c", name: "one", code: nops(16)},
			{file: "common/a.c", name: "two", code: nops(8)},
			{file: "./common/b.c", name: "one", code: nops(4), init: true},
			{file: "x86_64/entry.S", name: "path", code: nops(24), label: true},
			{name: "whole", code: nops(32)},
			{name: "_etext", label: true},
			{name: "stray.o.unlikely", label: true},
		},
		comment: comment + "\x00" + comment + "\x00",
		buildID: []byte{0xde, 0xad},
		config:  config,
		rodata:  []byte("\x00x86_64-linux-gnu-gcc (Debian 12.2.0-14+deb12u1) 12.2.0\x00"),
	})
	want := []Symbol{
		{"one", "common/a.c", ".text", textAddr, 16, true},
		{"two", "common/a.c", ".text", textAddr + 16, 8, true},
		{"whole", "", ".text", textAddr + 48, 32, false},
		{"one", "common/b.c", ".init.text", initAddr, 4, true},
	}
	if !reflect.DeepEqual(h.Symbols, want) {
		t.Errorf("symbols %+v, expected %+v", h.Symbols, want)
	}
	if want := []Symbol{{"path", "x86_64/entry.S", ".text", textAddr + 24, 24, true}}; !reflect.DeepEqual(h.Labels, want) {
		t.Errorf("labels %+v, expected %+v", h.Labels, want)
	}
	if h.BuildID != "dead" {
		t.Errorf("build-id %q", h.BuildID)
	}
	if c := h.Compiler; !reflect.DeepEqual(c, Compiler{Comments: []string{comment}, Banner: "x86_64-linux-gnu-gcc (Debian 12.2.0-14+deb12u1) 12.2.0"}) || c.String() != comment {
		t.Errorf("compiler %+v", h.Compiler)
	}
	if want := (csource.Config{"CONFIG_X86": "y", "CONFIG_NR_CPUS": "256"}); !reflect.DeepEqual(h.Config, want) || h.ConfigError != nil {
		t.Errorf("configuration %v, %v, expected %v", h.Config, h.ConfigError, want)
	}
}

// TestReadBare wants what a hypervisor does not say to be absent, and an error for
// what is no hypervisor.
func TestReadBare(t *testing.T) {
	good := &made{pieces: []piece{{name: "f", code: nops(4)}}}
	h := must(t, good)
	if h.BuildID != "" || h.Compiler.String() != "" || h.Config != nil || h.ConfigError != nil {
		t.Errorf("out of nothing: %+v", h)
	}
	for _, packed := range [][]byte{[]byte("no gzip"), gzipped(t, "no configuration"), gzipped(t, config)[:20], {}} {
		h := must(t, &made{pieces: good.pieces, packed: packed})
		if h.Config != nil || h.ConfigError == nil {
			t.Errorf("configuration %q: %v, %v", packed, h.Config, h.ConfigError)
		}
	}
	whole := good.bytes(t)
	for name, change := range map[string]func([]byte) []byte{
		"expected an ELF file":          func(b []byte) []byte { return b[:20] },
		"least byte first":              func(b []byte) []byte { b[5] = 2; return b },
		"expected a linked file":        func(b []byte) []byte { b[16] = 1; return b },
		"a table of 64-byte entries":    func(b []byte) []byte { b[58] = 0; return b },
		"expected them inside the file": func(b []byte) []byte { b[41] = 0xff; return b },
		"section 1: expected":           func(b []byte) []byte { le.PutUint64(b[le.Uint64(b[40:])+sectionSize+32:], 1<<40); return b },
	} {
		if h, err := Read(change(bytes.Clone(whole))); err == nil || h != nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, expected %q", err, name)
		}
	}
	for want, m := range map[string]*made{
		"not stripped": {},
		"have a size":  {pieces: []piece{{name: "f", code: nops(4), label: true}}},
	} {
		if _, err := Read(m.bytes(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, expected %q", err, want)
		}
	}
}

// TestBomb reads a configuration that unpacks to far more than a configuration is.
func TestBomb(t *testing.T) {
	h := must(t, &made{pieces: []piece{{name: "f", code: nops(4)}}, packed: gzipped(t, strings.Repeat("# nothing\n", 1<<20))})
	if h.ConfigError == nil || !strings.Contains(h.ConfigError.Error(), "at most") {
		t.Errorf("%v", h.ConfigError)
	}
}

// TestLinked reads what gcc and ld make.
func TestLinked(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("install gcc")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "unit.c")
	text := `static const char name[] = "gcc (made) 1.2.3";
static __attribute__((noinline)) int local(int x) { return x * x + name[x & 3]; }
int global(int x) { return local(x) + local(x + 1); }
void _start(void) { for (;;) global(1); }
asm(".globl here\nhere: nop\nnop\n");
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"-gdwarf-4", "-gdwarf-5"} {
		linked := filepath.Join(dir, "linked")
		cmd := exec.Command("gcc", "-nostdlib", "-static", "-O1", format, "-Wl,--build-id=sha1", "-o", linked, source)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("gcc cannot link here: %v: %s", err, out)
		}
		data, err := os.ReadFile(linked)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Read(data)
		if err != nil {
			t.Fatal(err)
		}
		sameAsElf(t, data, h)
		if len(h.BuildID) != 40 || len(h.Compiler.Comments) == 0 || !strings.HasPrefix(strings.Join(h.Compiler.Producers, "; "), "GNU C") {
			t.Errorf("%s: build-id %q, compiler %+v", format, h.BuildID, h.Compiler)
		}
		if p := h.Compiler.Producers; len(p) != 1 || version(p[0]) == "" || version(p[0]) != version(h.Compiler.Comments[0]) {
			t.Errorf("%s: %q is not %q", format, p, h.Compiler.Comments)
		}
		if r := Compare(h, h, Given{}); !r.Matches || r.Counts.SameSize != len(h.Symbols) {
			t.Errorf("%s: %+v", format, r)
		}
	}
}

// sameAsElf compares symbols with what the standard library reads.
func sameAsElf(t *testing.T, data []byte, h *Hypervisor) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	list, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]Symbol{}
	for _, s := range h.Symbols {
		have[s.Name] = s
	}
	n := 0
	for _, s := range list {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Size > 0 {
			n++
			if got := have[s.Name]; got.Size != s.Size || got.Addr != s.Value || got.Local != (elf.ST_BIND(s.Info) == elf.STB_LOCAL) {
				t.Errorf("%+v, expected %+v", got, s)
			}
		}
	}
	if n == 0 {
		t.Error("no function")
	}
}
