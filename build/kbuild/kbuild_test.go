package kbuild

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpready/build/internal/run"
)

// TestFailed wants the first real cause of failures as tools word them.
func TestFailed(t *testing.T) {
	for _, c := range []struct {
		output string
		fault  Fault
		says   string
	}{
		{"In file included from common/a.c:3:\n./include/xen/b.h:7:5: error: unknown type name 'foo_t'\n    7 |     foo_t x;\nmake[3]: *** [Rules.mk:249: common/a.o] Error 1\n", Source, "include/xen/b.h:7: unknown type name 'foo_t'"},
		{"common/a.c: In function 'f':\ncommon/a.c:12:10: fatal error: xen/new.h: No such file or directory\ncompilation terminated.\n", Source, "common/a.c:12: xen/new.h: No such file or directory"},
		{"arch/x86/entry.S: Assembler messages:\narch/x86/entry.S:40: Error: no such instruction: `foo %rax'\n", Source, "arch/x86/entry.S:40: no such instruction: `foo %rax'"},
		{"ld: prelink.o: in function `f':\n(.text.f+0x10): undefined reference to `new_helper'\n", Source, "undefined reference to `new_helper'"},
		{"make[2]: *** No rule to make target 'common/gone.o', needed by 'common/built_in.o'.  Stop.\n", Source, "No rule to make target 'common/gone.o'"},
		{"Error: size of common/x.o:.text is 0x10\n", Source, "size of common/x.o:.text"},
		{"common/a.c:1:1: error: x\ngcc: fatal error: Killed signal terminated program cc1\n", Machine, "want of memory"},
		{"cc1: out of memory allocating 65536 bytes\n", Machine, "memory"},
		{"/tmp/ccx.s: fatal error: error writing to -: No space left on device\n", Machine, "disk"},
		{"/bin/sh: 1: flex: not found\nmake: *** [x] Error 127\n", Machine, "flex"},
		{"make[1]: bison: No such file or directory\n", Machine, "install"},
		{"gcc: error: cannot execute 'cc1': execvp: No such file or directory\n", Machine, "whole compiler"},
		{"tools/fixdep.c:5:10: fatal error: stdio.h: No such file or directory\n", Machine, "libc6-dev"},
		{"during GIMPLE pass: vrp\ncommon/a.c:3:1: internal compiler error: Segmentation fault\n", Machine, "compiler is broken"},
		{"make: *** [all] Error 2\nsomething odd\n", Machine, "something odd"},
	} {
		err := failed(&run.ExitError{Command: "make", Code: 2, Output: c.output})
		var f *FailedError
		if !errors.As(err, &f) || f.Fault != c.fault || !strings.Contains(f.Error(), c.says) || strings.Contains(f.Error(), "\n") {
			t.Errorf("%q: %v, expected %s: %s", c.output, err, c.fault, c.says)
		}
	}
	killed := failed(&run.ExitError{Command: "sh", Code: -1, Signal: "killed"})
	if f := new(FailedError); !errors.As(killed, &f) || f.Fault != Machine {
		t.Errorf("killed: %v", killed)
	}
	if err := failed(&run.ExitError{Command: "sh", Code: -1, Cause: context.Canceled}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := failed(nil); err != nil {
		t.Error(err)
	}
}

// tree writes files below a temporary folder, with the log beside it.
func recorded(t testing.TB, log string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	for name, text := range files {
		name = filepath.Join(dir, "xen", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, "$DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), logName), []byte(strings.ReplaceAll(log, "$DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRecord(t *testing.T) {
	// As from Xen 4.17 on: paths from xen/, dependencies in the same file.
	dir := recorded(t, "", map[string]string{
		"common/a.c": "", "common/xenoprof.c": "", "arch/x86/e.S": "",
		"common/.gone.o.cmd": "cmd_common/gone.o := gcc -c common/gone.c -o common/gone.o\n",
		"common/.a.o.cmd": "cmd_common/a.o := gcc -DX='\\#' -DY=$$z -c common/a.c -o common/.a.o.tmp -MQ common/a.o\n\n" +
			"source_common/a.o := common/a.c\n\ndeps_common/a.o := \\\n    $(wildcard include/config/x.h) \\\n  include/xen/a.h \\\n\ncommon/a.o: $(deps_common/a.o)\n",
		"common/.i.init.o.cmd":      "cmd_common/i.init.o := objcopy x y\n",
		"common/.built_in.o.cmd":    "cmd_common/built_in.o := ld -r\n",
		"arch/x86/efi/.b.o.cmd":     "cmd_arch/x86/efi/b.o := objcopy -I ihex x.ihex b.o\n",
		"common/.xenoprof.o.cmd":    "cmd_common/xenoprof.o := gcc -c common/xenoprof.c -o common/xenoprof.o\n",
		"tools/kconfig/.conf.o.cmd": "cmd_tools/kconfig/conf.o := gcc -c tools/kconfig/conf.c\n",
		"arch/x86/.e.o.cmd":         "cmd_arch/x86/e.o := gcc -c arch/x86/e.S -o arch/x86/e.o\n\nsource_arch/x86/e.o := arch/x86/e.S\n\ndeps_arch/x86/e.o := \\\n",
	})
	units, err := record(dir)
	if err != nil || len(units) != 4 || units[3].Object != "common/xenoprof.o" {
		t.Fatalf("%+v %v", units, err)
	}
	if u := units[1]; u.Object != "common/a.o" || u.Source != "common/a.c" || strings.Join(u.Deps, " ") != "common/a.c include/xen/a.h" || !strings.Contains(u.command, "-DX='#' -DY=$z") {
		t.Errorf("%+v", u)
	}
	if units[2].From != "common/i.o" || !units[0].Asm {
		t.Errorf("%+v", units)
	}
	// As in 4.16: make runs in each folder, the compiler keeps the dependencies.
	dir = recorded(t, "", map[string]string{
		"common/a.c":      "",
		"common/.a.o.cmd": "cmd_a.o := gcc -I$DIR/xen/include -c a.c -o a.o\n",
		"common/.a.o.d":   "a.o: a.c $DIR/xen/include/xen/a.h \\\n ../common/b.h /usr/lib/x.h\n\n../common/b.h:\n",
	})
	if units, err = record(dir); err != nil || len(units) != 1 {
		t.Fatalf("%+v %v", units, err)
	}
	if u := units[0]; u.dir != "common" || u.Source != "common/a.c" || strings.Join(u.Deps, " ") != "common/a.c common/b.h include/xen/a.h" {
		t.Errorf("%+v", u)
	}
	// Before that only make's output tells.
	dir = recorded(t, "make[1]: Entering directory '$DIR/xen/common'\ngcc -c a.c -o .a.o.tmp -MQ a.o\nmake[1]: Entering directory '$DIR/xen/tools'\ngcc -c t.c -o t.o\n",
		map[string]string{"common/a.o": "", "tools/t.o": "", "common/a.c": ""})
	if units, err = record(dir); err != nil || len(units) != 1 || units[0].Object != "common/a.o" || units[0].dir != "common" {
		t.Errorf("%+v %v", units, err)
	}
	if _, err := record(recorded(t, "", map[string]string{"common/a.c": ""})); err == nil {
		t.Error("no record, and no error")
	}
}

func TestDefine(t *testing.T) {
	o := &offsets{head: "/* */\n" + guard}
	got := o.define([]byte("\t.ident\n.ascii \"==>#define DOMAIN_id $24 /* offsetof */<==\"\n# ==>no<==\n==>#define NEXT -8<==\n"))
	if want := "/* */\n" + guard + "#define DOMAIN_id 24 /* offsetof */\n#define NEXT -8\n\n#endif\n"; string(got) != want {
		t.Errorf("%q", got)
	}
}

// FuzzRecord reads whatever stands in a file of Kbuild's.
func FuzzRecord(f *testing.F) {
	f.Add("cmd_common/a.o := gcc -c common/a.c\n\nsource_common/a.o := common/a.c\n", "a.o: b.h \\\n c.h\n")
	f.Add("cmd_a.o := gcc -c ../../x.c", ":")
	f.Fuzz(func(t *testing.T, cmd, deps string) {
		dir := recorded(t, "", map[string]string{"common/.a.o.cmd": cmd, "common/.a.o.d": deps})
		units, err := record(dir)
		if err != nil && units != nil {
			t.Error("units and an error")
		}
		for _, u := range units {
			for _, d := range u.Deps {
				if strings.HasPrefix(d, "..") {
					t.Errorf("dependency outside of the tree: %s", d)
				}
			}
		}
	})
}
