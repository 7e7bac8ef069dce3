package lpbt

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compile compiles C as Xen is compiled, in a folder of its own.
func compile(t testing.TB, name, text string) string {
	t.Helper()
	for _, tool := range []string{"gcc", "ld"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: install gcc and binutils", tool)
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, name+".c"), text)
	out, err := exec.Command("gcc", "-O2", "-g", "-fcf-protection=none", "-fno-pic", "-mcmodel=kernel", "-fno-asynchronous-unwind-tables", "-ffunction-sections", "-fdata-sections",
		"-c", filepath.Join(dir, name+".c"), "-o", filepath.Join(dir, name+".o")).CombinedOutput()
	if err != nil {
		t.Skipf("gcc does not compile for x86-64: %s", out)
	}
	return filepath.Join(dir, name+".o")
}

// link makes a payload of objects in the given order.
func link(t testing.TB, objects ...string) []byte {
	t.Helper()
	to := filepath.Join(t.TempDir(), "x.livepatch")
	if out, err := exec.Command("ld", append([]string{"-r", "--build-id=sha1", "-o", to}, objects...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return read(t, to)
}

// alternative is an entry as Xen's ALTERNATIVE makes it, for the first bytes of a
// function.
func alternative(of, replacement string) string {
	return `asm(".pushsection .altinstr_replacement, \"ax\"; 1: ` + replacement + ` 2: .popsection;"
".pushsection .altinstructions, \"a\"; .long ` + of + ` - .; .long 1b - .; .word 7; .byte 3, 2b - 1b, 0, 0; .popsection");
`
}

// Two units with functions and strings of the same names, and a table in both. The
// replacement of an alternative may have no bytes.
var (
	unitA = `extern void say(const char *, int);
static __attribute__((noinline)) void helper(int x) { say("a says", x); }
static const int table[] __attribute__((section(".ex_table"), used)) = { 1, 2 };
void a(int x) { helper(x); say("shared", x); }
` + alternative("a", "")
	unitB = `extern void say(const char *, int); extern void a(int);
static __attribute__((noinline)) void helper(int x) { say("b says", x); }
static const int table[] __attribute__((section(".ex_table"), used)) = { 3, 4 };
void b(int x) { helper(x); say("shared", x); a(x); }
` + alternative("b", "lfence;")
)

// TestCompare wants nothing of path and order, and everything else.
func TestCompare(t *testing.T) {
	a, b := compile(t, "a", unitA), compile(t, "b", unitB)
	payload := link(t, a, b)
	for _, c := range []struct {
		name  string
		other []byte
		says  string // of one difference; empty: none
	}{
		{"itself", payload, ""},
		{"another folder", link(t, compile(t, "a", unitA), compile(t, "b", unitB)), ""},
		{"another order", link(t, b, a), ""},
		{"a constant", link(t, compile(t, "a", strings.Replace(unitA, "1, 2", "1, 5", 1)), b), ".ex_table"},
		{"a string", link(t, compile(t, "a", strings.Replace(unitA, "a says", "A says", 1)), b), ".text.helper helper"},
		{"a replacement", link(t, a, compile(t, "b", strings.Replace(unitB, "lfence", "mfence", 1))), ".altinstr_replacement"},
		{"a replacement of no bytes", link(t, compile(t, "a", strings.Replace(unitA, "1:  2:", "1: lfence; 2:", 1)), b), ".altinstructions"},
		{"an alternative of another function", link(t, compile(t, "a", strings.Replace(unitA, ".long a", ".long helper", 1)), b), ".text.helper helper"},
		{"a call", link(t, a, compile(t, "b", strings.Replace(unitB, "a(", "c(", 2))), "symbol c,"},
		{"static or not", link(t, a, compile(t, "b", strings.Replace(unitB, "static __attr", "__attr", 1))), "STB_GLOBAL"},
		{"a unit less", link(t, a), "symbol b,"},
	} {
		list, err := Compare(payload, c.other)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		text := ""
		for _, d := range list {
			text += d.String() + "\n"
		}
		if c.says == "" && text != "" || !strings.Contains(text, c.says) {
			t.Errorf("%s: differences %q, expected %q", c.name, text, c.says)
		}
	}
}

func TestCompareDamage(t *testing.T) {
	good := link(t, compile(t, "a", unitA))
	for name, data := range map[string][]byte{"empty": nil, "text": []byte("no ELF"), "cut": good[:len(good)/2], "header": good[:64]} {
		if list, err := Compare(good, data); err == nil || list != nil {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

func TestSizes(t *testing.T) {
	file := compile(t, "sizes", `struct alt_instr { char x[14]; } a; struct bug_frame { int x[2]; } b;
struct exception_table_entry { int x[2]; } e; struct outer { struct alt_instr inner; } o;`)
	var sizes Sizes
	if err := sizes.read(file); err != nil || sizes != (Sizes{14, 8, 8}) {
		t.Errorf("%+v, %v", sizes, err)
	}
	for _, text := range []string{"struct alt_instr { char x[40]; } a; struct bug_frame { int x; } b; struct exception_table_entry { int x; } e;", "int nothing;"} {
		if err := new(Sizes).read(compile(t, "sizes", text)); err == nil || !strings.Contains(err.Error(), "alt_instr") && !strings.Contains(err.Error(), "struct") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := new(Sizes).read(write(t, filepath.Join(t.TempDir(), "x"), "no ELF")); err == nil {
		t.Error("no ELF file has sizes")
	}
}

func FuzzCompare(f *testing.F) {
	good := link(f, compile(f, "a", unitA))
	f.Add(good)
	f.Add(good[:len(good)/2])
	for _, at := range []int{40, 60, len(good) - 100, len(good) - 1000} {
		bad := bytes.Clone(good)
		bad[at] ^= 0xff
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Compare(data, data)
		if len(list) > 0 {
			t.Errorf("differs from itself: %v", list)
		}
		if err == nil {
			if _, err := Compare(good, data); err != nil {
				t.Error(err)
			}
		}
	})
}
