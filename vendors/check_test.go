package vendors

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const id = "39a640e6f1412319235087391df9f1c5e13ae920"
	write("tree/xen/Makefile", "")
	write("bare/common/x.c", "")
	write("patches/series", "")
	config, symbols := write(".config", ""), write("xen-syms", string(elfWithBuildID(t, id)))
	complete := Base{
		ID: "good", Xen: "4.17", Release: "1", Commit: id, Arch: "x86_64", BuildID: id,
		Source: Source{Dir: filepath.Join(dir, "tree"), Series: filepath.Join(dir, "patches")},
		Config: Config{File: config}, Symbols: Artifact{File: symbols}, Compiler: Compiler{Name: "gcc"},
	}
	if err := complete.EOL.UnmarshalText([]byte("2026-11-23")); err != nil {
		t.Fatal(err)
	}
	bad := complete
	bad.ID, bad.BuildID = "bad", strings.Repeat("0", 40)
	bad.Source = Source{Dir: filepath.Join(dir, "bare"), Series: filepath.Join(dir, "none")}
	bad.Config = Config{File: filepath.Join(dir, "absent")}
	far := complete
	far.ID, far.Source, far.Symbols = "far", Source{Git: Git{Repo: "https://example.org/xen.git", Ref: "v1"}}, Artifact{}
	far.Config = Config{Package: "hyp", Path: "boot/config", Options: map[string]string{"CONFIG_LIVEPATCH": "n"}}
	part := complete
	part.ID, part.Source = "part", Source{Git: Git{Repo: dir, Ref: "v1", Lacks: "9 patches"}}
	deb := complete
	deb.ID, deb.Source = "deb", Source{Debian: Debian{Package: "xen", Version: "4.17.5-1"}}
	deb.Symbols.File = config
	rpm := complete
	rpm.ID, rpm.Source = "rpm", Source{RPM: &RPM{Spec: filepath.Join(dir, "x.spec"), Git: Git{Repo: "https://example.org/xen.git", Ref: "v1"}}}
	p := &Profile{Bases: []Base{complete, bad, far, part, deb, rpm}}

	var got strings.Builder
	for _, problem := range Check(p, november) {
		fmt.Fprintln(&got, strings.ReplaceAll(problem.String(), dir, "DIR"))
	}
	want := `bad: error: source.folder: stat DIR/bare/xen: no such file or directory
bad: error: source.series: stat DIR/none: no such file or directory
bad: error: config.file: stat DIR/absent: no such file or directory
bad: error: symbols.file: DIR/xen-syms has build-id 39a640e6f1412319235087391df9f1c5e13ae920, the base 0000000000000000000000000000000000000000: symbols of another build
far: warning: source.git.repository: not at hand: git clone https://example.org/xen.git, then give its folder
far: warning: config: not at hand: take boot/config out of package hyp
far: warning: config: CONFIG_LIVEPATCH is not set: this hypervisor takes no live patch
far: unknown: symbols: the profile does not say
part: warning: source.git: not all of the base: it lacks 9 patches
deb: warning: source.debian: not at hand: apt-get source --download-only xen=4.17.5-1 (needs a deb-src entry), then give the .dsc file
deb: error: symbols.file: DIR/.config: EOF
rpm: error: source.rpm.spec: stat DIR/x.spec: no such file or directory
rpm: warning: source.rpm.git.repository: not at hand: git clone https://example.org/xen.git, then give its folder in source.rpm.git
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}

	past := Check(&Profile{Bases: []Base{complete}}, november.Add(24*time.Hour))
	if len(past) != 1 || past[0].Field != "eol" || past[0].Level != Warning {
		t.Errorf("a day later: %v", past)
	}
}

// elfWithBuildID makes the smallest ELF file that carries a build-id note:
// header, note, section names, three section headers.
func elfWithBuildID(t *testing.T, id string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	var note bytes.Buffer
	for _, v := range []uint32{4, uint32(len(raw)), 3} {
		binary.Write(&note, binary.LittleEndian, v)
	}
	note.WriteString("GNU\x00")
	note.Write(raw)
	names := "\x00.note.gnu.build-id\x00.shstrtab\x00"

	const header, section = 64, 64
	at := uint64(header + note.Len())
	h := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Ehsize: header,
		Shoff: at + uint64(len(names)), Shentsize: section, Shnum: 3, Shstrndx: 2,
	}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, h)
	b.Write(note.Bytes())
	b.WriteString(names)
	for _, s := range []elf.Section64{
		{},
		{Name: 1, Type: uint32(elf.SHT_NOTE), Off: header, Size: uint64(note.Len())},
		{Name: 20, Type: uint32(elf.SHT_STRTAB), Off: at, Size: uint64(len(names))},
	} {
		binary.Write(&b, binary.LittleEndian, s)
	}
	return b.Bytes()
}

func TestGNUNote(t *testing.T) {
	good := "\x04\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00GNU\x00\xab\xcd"
	for name, note := range map[string]string{
		"empty": "", "cut": good[:14], "cut id": good[:17], "other type": strings.Replace(good, "\x03", "\x01", 1), "other name": strings.Replace(good, "GNU", "Xen", 1),
		"huge": strings.Replace(good, "\x02\x00\x00\x00", "\xff\xff\xff\xff", 1),
	} {
		if id, ok := gnuNote([]byte(note), binary.LittleEndian); ok {
			t.Errorf("%s: %s", name, id)
		}
	}
	if id, ok := gnuNote([]byte(good), binary.LittleEndian); !ok || id != "abcd" {
		t.Errorf("good: %s %v", id, ok)
	}
}

func ExampleCheck() {
	p, err := Find("ubuntu-24.04")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, problem := range Check(p, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)) {
		fmt.Println(problem)
	}
	// Output:
	// 4.17.3+10: warning: source.debian: not at hand: apt-get source --download-only xen=4.17.3+10-g091466ba55-1.1ubuntu3 (needs a deb-src entry), then give the .dsc file
	// 4.17.3+10: warning: eol: past its end of life since 2029-05-31
	// 4.17.3+10: unknown: config: the profile does not say
	// 4.17.3+10: unknown: symbols: the profile does not say
	// 4.17.3+10: unknown: compiler: the profile does not say
	// 4.17.3+10: unknown: build-id: the profile does not say
}
