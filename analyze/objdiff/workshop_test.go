package objdiff

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A seriesCase is one XSA of the corpus, or one patch between.
type seriesCase struct {
	xsa     string // empty for a patch between
	patches []string
	files   []string // that they change, below xen/
}

var xsaNumber = regexp.MustCompile(`xsa(\d+)`)

func seriesCases(t *testing.T, shared string) (list []*seriesCase) {
	data, err := os.ReadFile(filepath.Join(shared, "corpus", "series"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(string(data)) {
		number := ""
		if m := xsaNumber.FindStringSubmatch(name); m != nil {
			number = m[1]
		}
		if n := len(list); n == 0 || number == "" || list[n-1].xsa != number {
			list = append(list, &seriesCase{xsa: number})
		}
		c := list[len(list)-1]
		c.patches = append(c.patches, filepath.Join(shared, "corpus", name))
		text, err := os.ReadFile(c.patches[len(c.patches)-1])
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(text)) {
			if file, ok := strings.CutPrefix(strings.TrimSpace(l), "+++ b/xen/"); ok {
				c.files = append(c.files, file)
			}
		}
	}
	return list
}

// A workshop is a copy of a built tree in which single units are compiled by
// their recorded commands.
type workshop struct {
	dir   string // of the tree
	units map[string]*workUnit
	epoch int // of the sources: patches applied so far
	last  map[string]int
}

type workUnit struct {
	command string
	files   map[string]bool
	made    int // epoch of its object
}

func newWorkshop(t *testing.T, built string) *workshop {
	w := &workshop{dir: filepath.Join(t.TempDir(), "tree"), units: map[string]*workUnit{}, last: map[string]int{}}
	run(t, "", "cp", "-a", built, w.dir)
	err := filepath.WalkDir(w.xen(), func(name string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".o.cmd") {
			w.addUnit(t, name)
		}
		return err
	})
	if err != nil || len(w.units) < 300 {
		t.Fatalf("%d units in %s: %v", len(w.units), built, err)
	}
	return w
}

func (w *workshop) xen() string { return filepath.Join(w.dir, "xen") }

// addUnit reads a file that Kbuild wrote: the command, the source, what it includes.
func (w *workshop) addUnit(t *testing.T, name string) {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	object, command, ok := strings.Cut(strings.TrimPrefix(strings.SplitN(string(data), "\n", 2)[0], "cmd_"), " := ")
	if !ok || strings.HasSuffix(object, "built_in.o") || strings.HasSuffix(object, "prelink.o") {
		return
	}
	u := &workUnit{command: strings.ReplaceAll(command, "$$", "$"), files: map[string]bool{}}
	for l := range strings.Lines(string(data)) {
		l = strings.TrimSuffix(strings.TrimSpace(l), " \\")
		if source, ok := strings.CutPrefix(l, "source_"+object+" := "); ok {
			l = source
			if real, err := filepath.EvalSymlinks(filepath.Join(w.xen(), source)); err == nil {
				if real, err = filepath.Rel(w.xen(), real); err == nil {
					u.files[real] = true
				}
			}
		}
		u.files[l] = true
	}
	if from, ok := strings.CutSuffix(object, ".init.o"); ok {
		u.files[from+".o"] = true
	}
	w.units[object] = u
}

// chosen are the objects to compare, each before those that are made of it.
func (w *workshop) chosen(c *seriesCase, want *truth, all bool) (list []string) {
	touched := func(u *workUnit, only string) bool {
		return slices.ContainsFunc(c.files, func(f string) bool { return u.files[f] && strings.HasSuffix(f, only) })
	}
	pick := slices.Clone(want.Objects)
	for _, x := range want.Ignored {
		pick = append(pick, x.Object)
	}
	for name, u := range w.units {
		if all && touched(u, "") || touched(u, ".c") || touched(u, ".S") {
			pick = append(pick, name)
		}
	}
	for _, name := range pick {
		if plain := strings.Replace(name, ".init.o", ".o", 1); w.units[plain] != nil {
			list = append(list, plain)
		}
		if made := strings.TrimSuffix(strings.Replace(name, ".init.o", ".o", 1), ".o") + ".init.o"; w.units[made] != nil {
			list = append(list, made)
		}
	}
	return sorted(list)
}

// stale are those of the objects whose sources changed since they were made.
func (w *workshop) stale(names []string) (list []string) {
	for _, name := range names {
		u := w.units[name]
		for f := range u.files {
			if w.last[f] > u.made || strings.HasSuffix(name, ".init.o") && w.epoch > u.made {
				list = append(list, name)
				break
			}
		}
	}
	return list
}

func (w *workshop) apply(t *testing.T, patches []string) {
	w.epoch++
	offsets := false
	for _, p := range patches {
		run(t, w.dir, "patch", "-p1", "-N", "-s", "--fuzz=0", "-i", p)
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(text)) {
			if file, ok := strings.CutPrefix(strings.TrimSpace(l), "+++ b/xen/"); ok {
				w.last[file] = w.epoch
				offsets = offsets || strings.HasSuffix(file, ".h")
			}
		}
	}
	if w.last["include/public/arch-x86/cpufeatureset.h"] == w.epoch {
		run(t, w.xen(), "python3", "tools/gen-cpuid.py", "-i", "include/public/arch-x86/cpufeatureset.h", "-o", "include/xen/lib/x86/cpuid-autogen.h")
	}
	if offsets {
		w.assemblyOffsets(t)
	}
}

var output = regexp.MustCompile(`-MMD -MP -MF \S+| -g |-c \S+ -o \S+ -MQ \S+`)

var immediate = regexp.MustCompile(` [$#]`)

// assemblyOffsets makes the header that tells assembly where members lie.
func (w *workshop) assemblyOffsets(t *testing.T) {
	flags := output.ReplaceAllString(w.units["arch/x86/mm/p2m.o"].command, " ")
	run(t, w.xen(), "sh", "-c", flags+" -S -g0 arch/x86/x86_64/asm-offsets.c -o asm-offsets.s")
	text, err := os.ReadFile(filepath.Join(w.xen(), "asm-offsets.s"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("#ifndef __ASM_OFFSETS_H__\n#define __ASM_OFFSETS_H__\n\n")
	for l := range strings.Lines(string(text)) {
		if _, rest, ok := strings.Cut(l, "==>"); ok && !strings.HasPrefix(l, "#") {
			define, _, _ := strings.Cut(rest, "<==")
			b.WriteString(immediate.ReplaceAllString(define, " ") + "\n")
		}
	}
	b.WriteString("\n#endif\n")
	if err := os.WriteFile(filepath.Join(w.xen(), "arch/x86/include/asm/asm-offsets.h"), b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

// compile makes objects anew, those that are made of others last.
func (w *workshop) compile(t *testing.T, names []string) {
	for _, made := range []bool{false, true} {
		slots := make(chan bool, runtime.GOMAXPROCS(0))
		var wg sync.WaitGroup
		for _, name := range names {
			if strings.HasSuffix(name, ".init.o") != made {
				continue
			}
			slots <- true
			wg.Go(func() {
				defer func() { <-slots }()
				w.make(t, name)
			})
		}
		wg.Wait()
	}
	if t.Failed() {
		t.FailNow()
	}
}

// make runs the recorded command. That of a C source leaves the object under
// another name, in which the name of the source is to be put in full.
func (w *workshop) make(t *testing.T, name string) {
	u := w.units[name]
	object := filepath.Join(w.xen(), name)
	was, err := os.ReadFile(object)
	if err != nil {
		t.Error(err)
		return
	}
	cmd := exec.Command("sh", "-c", u.command)
	cmd.Dir = w.xen()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%.2000s", name, err, out)
		return
	}
	u.made = w.epoch
	temporary := filepath.Join(filepath.Dir(object), "."+filepath.Base(object)+".tmp")
	if !strings.Contains(u.command, filepath.Base(temporary)) {
		return
	}
	o, err := readObject(was)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for _, s := range o.symbols {
		if s.typ == sttFile {
			if out, err := exec.Command("objcopy", "--redefine-sym", filepath.Base(s.name)+"="+s.name, temporary, object).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
			break
		}
	}
}

func (w *workshop) save(t *testing.T, names []string, dir string) {
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(w.xen(), name))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%.2000s", name, strings.Join(args, " "), err, out)
	}
}
