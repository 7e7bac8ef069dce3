package cpp

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"lpready/analyze/csource"
	"lpready/analyze/truth"
)

// A command is how make compiled one unit, from its .cmd file.
type command struct {
	unit csource.Unit
	args []string // without output, dependency and assembler options
}

func commands(t testing.TB, built string) []command {
	t.Helper()
	var found []command
	err := filepath.Walk(filepath.Join(built, "xen"), func(path string, info os.FileInfo, err error) error {
		base := filepath.Base(path)
		if err != nil || !strings.HasPrefix(base, ".") || !strings.HasSuffix(base, ".o.cmd") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		line, _, _ := strings.Cut(string(data), "\n")
		if c, ok := parseCommand(line); ok {
			found = append(found, c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func parseCommand(line string) (command, bool) {
	_, text, _ := strings.Cut(line, ":= ")
	head, tail, ok := strings.Cut(text, " -c ")
	if !ok || !strings.HasPrefix(text, "gcc") || !strings.HasSuffix(strings.Fields(tail)[0], ".c") {
		return command{}, false
	}
	source := strings.Fields(tail)[0]
	c := command{unit: csource.Unit{Object: source, Source: "xen/" + source}}
	words := strings.Fields(strings.ReplaceAll(head, "'", ""))
	for i := 1; i < len(words); i++ {
		switch word := words[i]; {
		case word == "-MF":
			i++
		case word == "-MMD" || word == "-MP" || strings.HasPrefix(word, "-Wa,"):
		default:
			if strings.HasPrefix(word, "-D") {
				c.unit.Defines = append(c.unit.Defines, word)
			}
			c.args = append(c.args, word)
		}
	}
	c.args = append(c.args, "-w", "-E", "-P", "-o", "-", source)
	return c, true
}

// TestAgainstGCC holds every function of every unit of a built tree against what
// gcc -E makes of it. __LINE__ is pinned on both sides, since gcc's output does
// not tell which numbers came from it.
func TestAgainstGCC(t *testing.T) {
	built := truth.Env(t, "LPREADY_XEN_BUILT", "built Xen tree")
	index, err := csource.Open(context.Background(), os.DirFS(built), csource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := truth.Config(t, filepath.Join(built, "xen/.config"))
	p := New(index, "x86", cfg)
	p.predef["__LINE__"] = parseMacro("__LINE__ 0", 0)

	var mu sync.Mutex
	var wg sync.WaitGroup
	total, differ, units := 0, 0, 0
	gate := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, c := range commands(t, built) {
		wg.Add(1)
		gate <- struct{}{}
		go func() {
			defer func() { <-gate; wg.Done() }()
			gcc := exec.Command("gcc", append(c.args, "-D__LINE__=0")...)
			gcc.Dir = filepath.Join(built, "xen")
			out, err := gcc.Output()
			if err != nil {
				t.Errorf("%s: %v", c.unit.Source, err)
				return
			}
			reference := splitter{data: map[string]bool{}}
			reference.take(lex(nil, string(out), 1))
			want := map[string]uint64{}
			for _, fn := range reference.funcs {
				want[fn.Name] = fn.Hash
			}
			text := p.Unit(c.unit, nil)
			mu.Lock()
			defer mu.Unlock()
			units++
			for _, fn := range text.Funcs {
				total++
				if want[fn.Name] != fn.Hash {
					differ++
					t.Logf("%s: %s differs from gcc -E", c.unit.Source, fn.Name)
				}
			}
		}()
	}
	wg.Wait()
	t.Logf("%d of %d functions in %d units are token for token what gcc -E gives", total-differ, total, units)
	if total == 0 || differ*1000 > total {
		t.Errorf("%d of %d functions differ", differ, total)
	}
}
