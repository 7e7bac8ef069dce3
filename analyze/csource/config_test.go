package csource

import (
	"maps"
	"strings"
	"testing"
)

const sampleConfig = `#
# Automatically generated file; DO NOT EDIT.
# Xen/x86 4.17.5 Configuration
#
CONFIG_X86_64=y
CONFIG_X86=y
CONFIG_NR_CPUS=256
# CONFIG_PV32 is not set
CONFIG_BASE=0x1F
CONFIG_OFFSET=-5
CONFIG_CMDLINE="dom0=\"pvh\" # not a comment"
CONFIG_DTB_FILE=""
# end of Architecture Features
CONFIG_PV32=n
`

func TestParseConfig(t *testing.T) {
	want := Config{
		"CONFIG_X86_64": "y", "CONFIG_X86": "y", "CONFIG_NR_CPUS": "256", "CONFIG_BASE": "0x1F",
		"CONFIG_OFFSET": "-5", "CONFIG_CMDLINE": `"dom0=\"pvh\" # not a comment"`, "CONFIG_DTB_FILE": `""`,
	}
	for _, text := range []string{sampleConfig, strings.ReplaceAll(sampleConfig, "\n", "\r\n")} {
		got, err := ParseConfig("sample", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		if !got.On("X86") || !got.On("CONFIG_X86_64") || got.On("PV32") || got.On("NR_CPUS") {
			t.Error("On: wrong options are on")
		}
		if a := Arch(got); a != "x86" {
			t.Errorf("Arch = %q, want x86", a)
		}
	}
}

func TestParseConfigErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "f:0: expected a Kconfig .config"},
		{"comments only", "# hello\n\n", "f:2: expected a Kconfig .config"},
		{"not a config", "CONFIG_A=y\nint main(void)\n", `f:2: expected CONFIG_NAME=value, found "int main(void)"`},
		{"no value", "CONFIG_A=\n", `f:1: expected y, n, a number or a quoted string for CONFIG_A, found ""`},
		{"bad string", "CONFIG_A=\"x\"y\n", "f:1: expected y, n, a number"},
		{"open string", "CONFIG_A=\"x\\\"\n", "f:1: expected y, n, a number"},
		{"bad hex", "CONFIG_A=0x\n", "f:1: expected y, n, a number"},
		{"bad name", "CONFIG_A-B=y\n", "f:1: expected CONFIG_NAME=value"},
		{"bad unset", "# CONFIG_A B is not set\n", "f:1: expected # CONFIG_NAME is not set"},
		{"long line", "CONFIG_A=y\nCONFIG_B=\"" + strings.Repeat("x", maxConfigLine) + "\"\n", "f:2: expected a line of at most"},
		{"large file", "CONFIG_A=y\n" + strings.Repeat("# x\n", maxConfigSize/4), "f: expected a configuration of at most"},
	} {
		cfg, err := ParseConfig("f", strings.NewReader(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s...", c.name, err, c.want)
		}
		if cfg != nil {
			t.Errorf("%s: a result beside an error", c.name)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(sampleConfig)
	f.Add("CONFIG_A=\"\\\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := ParseConfig("fuzz", strings.NewReader(text))
		if err != nil && cfg != nil {
			t.Fatal("a result beside an error")
		}
		for name, value := range cfg {
			if !isOption(name) || value == "" || strings.ContainsAny(value, "\n\r") {
				t.Fatalf("impossible option %q=%q", name, value)
			}
		}
	})
}

func BenchmarkParseConfig(b *testing.B) {
	b.SetBytes(int64(len(sampleConfig)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseConfig("bench", strings.NewReader(sampleConfig)); err != nil {
			b.Fatal(err)
		}
	}
}
