package lpbt

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lpready/build/lpbt/standin"
)

// standIn is the folder with the stand-in, which is this test program under other
// names.
var standIn string

func TestMain(m *testing.M) {
	standin.Run()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "lpbt")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		standIn = filepath.Join(dir, "tool")
		if err := standin.Install(standIn); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

func standInTool(t testing.TB) *Tool {
	t.Helper()
	if _, err := exec.LookPath("patch"); err != nil {
		t.Skip("patch is not installed")
	}
	tool, err := Find(t.Context(), standIn)
	if err != nil {
		t.Fatal(err)
	}
	tool.LosesNew = true // as the tool does that it stands for
	return tool
}

const id = "0123456789abcdef0123456789abcdef01234567"

// Sources of a small tree, and the patches to it.
const (
	eventC = "static int helper(int x)\n{\n    return x;\n}\n\nint event(int x)\n{\n    return helper(x) - 1;\n}\n"
	otherC = "int other(void)\n{\n    return 0;\n}\n"

	head      = "--- a/xen/common/event.c\n+++ b/xen/common/event.c\n@@ -5,5 +5,5 @@\n \n int event(int x)\n {\n"
	fix       = head + "-    return helper(x) - 1;\n+    return helper(x) - 22;\n }\n"
	noFix     = "--- a/xen/common/event.c\n+++ b/xen/common/event.c\n@@ -1,2 +1,3 @@\n+/* nothing */\n static int helper(int x)\n {\n"
	elsewhere = head + "-    return 17;\n+    return 18;\n }\n"
	newFile   = "--- /dev/null\n+++ b/xen/common/hooks.c\n@@ -0,0 +1,4 @@\n+void hook(void)\n+{\n+    return;\n+}\n"
)

func write(t testing.TB, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// request is one for the small tree. A deed is a word for the stand-in.
func request(t testing.TB, patch, deed string) Request {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "source", "xen", "Rules.mk"), "CFLAGS += -nostdinc\n")
	write(t, filepath.Join(dir, "source", "xen", "common", "event.c"), eventC)
	write(t, filepath.Join(dir, "source", "xen", "common", "other.c"), otherC)
	if deed != "" {
		patch = "standin: " + deed + "\n" + patch
	}
	return Request{
		Patch:   write(t, filepath.Join(dir, "xsa900-4.17.patch"), patch),
		Config:  write(t, filepath.Join(dir, "config"), "CONFIG_LIVEPATCH=y\nCONFIG_DEBUG_INFO=y\n# CONFIG_DEBUG is not set\n"),
		Depends: id, XenDepends: id,
		Work: filepath.Join(dir, "work"), Source: filepath.Join(dir, "source"),
	}
}

// compiled is what the stand-in's compiler makes of the small tree before and after
// a patch.
func compiled(t testing.TB, patched string) Compiled {
	t.Helper()
	dir := t.TempDir()
	return Compiled{
		Pairs: []Pair{{Path: "xen/common/event.o", Old: write(t, filepath.Join(dir, "old.o"), eventC), New: write(t, filepath.Join(dir, "new.o"), patched)}},
		Syms:  write(t, filepath.Join(dir, "xen-syms"), "none"),
		Sizes: Sizes{Alternative: 14, Bug: 8, Exception: 8},
	}
}

var fixed = strings.Replace(eventC, "- 1", "- 22", 1)
