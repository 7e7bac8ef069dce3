package objdiff

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var listed = regexp.MustCompile(`^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+)`)

// TestDecodeBesideObjdump wants the instructions of a whole build to be as long
// as objdump says.
func TestDecodeBesideObjdump(t *testing.T) {
	tree := os.Getenv("LPREADY_XEN_BUILT")
	if tree == "" {
		t.Skip("LPREADY_XEN_BUILT is not set: a built source tree of Xen")
	}
	if _, err := exec.LookPath("objdump"); err != nil {
		t.Skip("objdump is not installed: see binutils")
	}
	total, wrong := 0, 0
	for _, name := range []string{"arch/x86/x86_emulate.o", "arch/x86/hvm/hvm.o", "arch/x86/mm/p2m.o", "arch/x86/x86_64/entry.o", "common/grant_table.o", "arch/x86/domain.o"} {
		cmd := exec.Command("objdump", "-d", "-w", "--insn-width=16", filepath.Join(tree, "xen", name))
		out, err := cmd.Output()
		if err != nil {
			t.Skipf("objdump %s: %v", name, err)
		}
		for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
			m := listed.FindStringSubmatch(lines.Text())
			if m == nil || strings.Contains(lines.Text(), "(bad)") {
				continue
			}
			var code []byte
			for _, f := range strings.Fields(m[2]) {
				b, _ := strconv.ParseUint(f, 16, 8)
				code = append(code, byte(b))
			}
			total++
			if got := decode(append(code, make([]byte, 16)...)); got.length != len(code) {
				if wrong++; wrong < 20 {
					t.Errorf("%s: %s: %d bytes, expected %d", name, strings.TrimSpace(lines.Text()), got.length, len(code))
				}
			}
		}
	}
	t.Logf("%d instructions, %d wrong", total, wrong)
}
