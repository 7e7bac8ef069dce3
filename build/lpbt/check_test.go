package lpbt

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCheckIsQuiet(t *testing.T) {
	tool := standInTool(t)
	list := tool.Check(t.Context(), request(t, fix, ""))
	for _, p := range list {
		if !strings.Contains(p.What, "not in PATH") { // this machine's own
			t.Error(p)
		}
	}
}

// TestCheck breaks one thing after the other, and wants it named with a remedy.
func TestCheck(t *testing.T) {
	tool := standInTool(t)
	for _, c := range []struct {
		name  string
		spoil func(*Request)
		what  string
	}{
		{"build-id", func(r *Request) { r.Depends = "xyz" }, "40 hex digits"},
		{"no build-id", func(r *Request) { r.XenDepends = "" }, "40 hex digits"},
		{"folder", func(r *Request) { write(t, filepath.Join(r.Work, "x"), "") }, "the folder exists"},
		{"no patch", func(r *Request) { r.Patch += "x" }, "cannot be read"},
		{"empty patch", func(r *Request) { write(t, r.Patch, "") }, "is empty"},
		{"no .config", func(r *Request) { r.Config += "x" }, "cannot be read"},
		{"no livepatch", func(r *Request) { write(t, r.Config, "CONFIG_DEBUG_INFO=y\n# CONFIG_DEBUG is not set\n") }, "CONFIG_LIVEPATCH"},
		{"no DWARF", func(r *Request) { write(t, r.Config, "CONFIG_LIVEPATCH=y\n# CONFIG_DEBUG is not set\n") }, "CONFIG_DEBUG_INFO"},
		{"debug", func(r *Request) { write(t, r.Config, "CONFIG_LIVEPATCH=y\n"); r.DebugInfo = true }, "CONFIG_DEBUG is not mentioned"},
		{"no source", func(r *Request) { r.Source = t.TempDir() }, "no source of Xen"},
		{"built", func(r *Request) { write(t, filepath.Join(r.Source, "xen", ".config"), "") }, "built or configured before"},
		{"dirty", func(r *Request) {
			write(t, filepath.Join(r.Source, "xen", "Rules.mk"), "CFLAGS += -nostdinc -ffunction-sections\n")
		}, "left it changed"},
		{"new file", func(r *Request) { write(t, r.Patch, fix+newFile) }, "xen/common/hooks.o"},
		{"old Xen", func(r *Request) {
			write(t, filepath.Join(r.Source, "xen", "Makefile"), "export XEN_VERSION    = 4\nexport XEN_SUBVERSION    = 13\n")
		}, "Xen 4.13"},
		{"older Xen", func(r *Request) { write(t, filepath.Join(r.Source, "xen", "Makefile"), "export XEN_SUBVERSION = 9\n") }, "Xen 4.9"},
		{"no ELF", func(r *Request) { r.Symbols = r.Config }, "its build-id cannot be read"},
	} {
		r := request(t, fix, "")
		c.spoil(&r)
		list := tool.Check(t.Context(), r)
		if !slices.ContainsFunc(list, func(p Problem) bool { return strings.Contains(p.What, c.what) && p.Subject != "" && p.Remedy != "" }) {
			t.Errorf("%s: %v, expected %s", c.name, list, c.what)
		}
	}
}

func TestCheckPrograms(t *testing.T) {
	tool := standInTool(t)
	r := request(t, fix, "")
	t.Setenv("PATH", t.TempDir())
	tool.Options = slices.DeleteFunc(tool.Options, func(o string) bool { return o == "xen-depends" || o == "strip" })
	r.Strip = true
	list := tool.Check(t.Context(), r)
	for _, want := range []string{"perl", "gawk", "getopt", "readelf", "objcopy", "strip", "make", "gcc"} {
		if !slices.ContainsFunc(list, func(p Problem) bool { return p.Subject == want }) {
			t.Errorf("%s is not missed", want)
		}
	}
	for _, want := range []string{"--xen-depends", "--strip"} {
		if !slices.ContainsFunc(list, func(p Problem) bool { return strings.HasSuffix(p.What, want) }) {
			t.Errorf("the option %s is not missed: %v", want, list)
		}
	}
	r.Source = ""
	if slices.ContainsFunc(tool.Check(t.Context(), r), func(p Problem) bool { return p.Subject == "gcc" }) {
		t.Error("the shared mode needs no compiler")
	}
}

func TestCheckNames(t *testing.T) {
	tool := standInTool(t)
	long := strings.Repeat("x", 60)
	list := tool.checkNames([]Request{
		{Patch: "a/xsa1.patch", XenDepends: id}, {Patch: "b/xsa1.patch", XenDepends: id}, {Patch: "c/xsa1.patch", XenDepends: "other base"},
		{Patch: "xsa2.4.patch", XenDepends: id}, {Patch: "xsa2-4.patch", XenDepends: id},
		{Patch: long + "1.patch", XenDepends: id}, {Patch: long + "2.patch", XenDepends: id}, {Patch: ".patch", XenDepends: id},
	})
	var what []string
	for _, p := range list {
		what = append(what, p.What)
	}
	text := strings.Join(what, "\n")
	for _, want := range []string{"of that of a/xsa1.patch: xsa1", "of that of xsa2.4.patch: xsa2-4", "of that of " + long + "1.patch", "is cut", `name ""`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nexpected %s", text, want)
		}
	}
	if n := len(slices.DeleteFunc(list, func(p Problem) bool { return p.Warning })); n != 4 {
		t.Errorf("%d problems: %s", n, text)
	}
}

func TestCheckLongName(t *testing.T) {
	tool := &Tool{NameLimit: 128}
	list := tool.checkNames([]Request{{Patch: strings.Repeat("x", 200) + ".patch"}})
	if !slices.ContainsFunc(list, func(p Problem) bool { return strings.Contains(p.What, "takes 127") }) {
		t.Errorf("%v", list)
	}
}

func TestCheckSeries(t *testing.T) {
	list, err := CheckSeries("series", strings.NewReader("xsa1.patch\n\n# later\nxsa2.patch -p1\nxsa3.patch\n"))
	if err != nil || len(list) != 3 || list[0].Subject != "series:2" || list[1].Subject != "series:3" || list[2].Subject != "series:4" {
		t.Errorf("%v, %v", list, err)
	}
}

func TestVersion(t *testing.T) {
	dir := t.TempDir()
	if got := version(t.Context(), dir); got != "" {
		t.Errorf("%q out of nothing", got)
	}
	write(t, filepath.Join(dir, "debian", "changelog"), "livepatch-build-tools (20240223-1) unstable\n")
	if got := version(t.Context(), dir); got != "20240223" {
		t.Errorf("changelog: %q", got)
	}
	os.RemoveAll(dir)
}
