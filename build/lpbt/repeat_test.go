package lpbt

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestRepeatable gives two payloads, which differ as those of two runs of the tool in
// two folders do, the same bytes.
func TestRepeatable(t *testing.T) {
	if _, err := exec.LookPath("objcopy"); err != nil {
		t.Skip("objcopy is not installed: install binutils")
	}
	var results [][]byte
	for _, number := range []string{"7", "1234567890"} {
		object := compile(t, "a", "extern void say(const char *); void f(void) { say(__func__); }\nstatic const char name[] __attribute__((used)) = \"f\";\n")
		payload := filepath.Join(t.TempDir(), "x.livepatch")
		if err := os.WriteFile(payload, link(t, object), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("objcopy", "--redefine-sym", "name=a.c#__func__."+number, payload).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		before := read(t, payload)
		if err := setBuildID(before, bytes.Repeat([]byte(number[:1]), 20)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(payload, before, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := repeatable(t.Context(), payload); err != nil {
			t.Fatal(err)
		}
		after := read(t, payload)
		if list, err := Compare(before, after); err != nil || len(list) > 0 {
			t.Errorf("the content changed: %v, %v", list, err)
		}
		results = append(results, after)
	}
	if !bytes.Equal(results[0], results[1]) {
		t.Error("the bytes differ")
	}
	if bytes.Contains(results[0], []byte(os.TempDir())) {
		t.Error("it holds the folder of the build")
	}
	if !bytes.Contains(results[0], []byte("a.c#__func__.")) || bytes.Contains(results[0], []byte("a.c#__func__.7\x00")) {
		t.Error("the symbol was not renamed")
	}
}
