package csource

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// wantFound is the part of the definitions that the scanner has to find.
const wantFound = 0.997

// A definition is a function as the compiler sees it: the line of its name from
// -aux-info, the line of its closing brace from the preprocessed unit, in which
// no #if and no macro is left.
type definition struct {
	file string
	line int
	name string
}

// An extent is what the compiler says of a definition.
type extent struct {
	end    int // line of the closing brace
	static bool
}

// TestScanTruth compares the scanner with gcc over every unit of a built tree:
// each definition that -aux-info names, in .c files and headers, whose name
// stands literally in its line, must be found with its name line and its last
// line.
func TestScanTruth(t *testing.T) {
	root := os.Getenv("LPREADY_XEN_BUILT")
	if root == "" {
		t.Skip("LPREADY_XEN_BUILT is not set: it wants a Xen tree that was built (with its .*.cmd files)")
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("gcc is missing")
	}
	xen := filepath.Join(root, "xen")
	commands := unitCommands(t, xen)
	if len(commands) == 0 {
		t.Skipf("%s: no recorded commands (.*.cmd) of compiled units", xen)
	}
	truth := compileAll(t, xen, commands)

	defs := make([]definition, 0, len(truth))
	for d := range truth {
		defs = append(defs, d)
	}
	slices.SortFunc(defs, byPlace)
	files := map[string]*File{}
	lines := map[string][]string{}
	literal, pasted, found, madeFound, linkage := 0, 0, 0, 0, 0
	for _, d := range defs {
		f := files[d.file]
		if f == nil {
			src, err := os.ReadFile(filepath.Join(xen, d.file))
			if err != nil {
				t.Fatal(err)
			}
			f = Scan(d.file, src)
			files[d.file], lines[d.file] = f, strings.Split(string(src), "\n")
		}
		text := ""
		if d.line <= len(lines[d.file]) {
			text = lines[d.file][d.line-1]
		}
		want := truth[d]
		n := slices.IndexFunc(f.Funcs, func(fn Func) bool {
			return fn.Name == d.name && fn.Contains(d.line) && fn.End == want.end && (fn.NameLine == d.line || fn.Macro != "")
		})
		ok := n >= 0
		if !hasWord(text, d.name) {
			pasted++
			if ok {
				madeFound++
			}
			continue
		}
		literal++
		if ok {
			found++
			if f.Funcs[n].Static == want.static {
				linkage++
			} else {
				t.Logf("linkage: %s:%d: %s, static %v", d.file, d.line, d.name, want.static)
			}
			continue
		}
		t.Logf("missed: %s:%d: %s, ends in line %d; the scanner has %s", d.file, d.line, d.name, want.end, around(f, d.line))
	}
	t.Logf("%d units, %d files, %d definitions; %d named literally, found with name and extent: %d = %.3f %%, with the right linkage: %d; %d named by macros, %d of them found",
		len(commands), len(files), len(defs), literal, found, 100*float64(found)/float64(literal), linkage, pasted, madeFound)
	if float64(found) < wantFound*float64(literal) {
		t.Errorf("found %.3f %%, want at least %.1f %%", 100*float64(found)/float64(literal), 100*wantFound)
	}
}

func byPlace(a, b definition) int {
	return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.name, b.name))
}

func hasWord(text, name string) bool {
	for _, w := range wordsOf(text) {
		if w == name {
			return true
		}
	}
	return false
}

// around says what the scanner found near a line.
func around(f *File, line int) string {
	for _, fn := range f.Funcs {
		if fn.Start-2 <= line && line <= fn.End {
			return fmt.Sprintf("%s, lines %d (name %d) to %d", fn.Name, fn.Start, fn.NameLine, fn.End)
		}
	}
	return fmt.Sprintf("%+v", f.At(line))
}

var recorded = regexp.MustCompile(`(?m)^cmd_\S+ := (gcc .* -c (\S+\.c) .*)$`)

// unitCommands reads the commands that compiled the C units of a tree.
func unitCommands(t *testing.T, xen string) []string {
	var commands []string
	err := filepath.WalkDir(xen, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), ".") || !strings.HasSuffix(name, ".o.cmd") {
			return err
		}
		data, err := os.ReadFile(name)
		if m := recorded.FindSubmatch(data); m != nil {
			commands = append(commands, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(commands)
	return slices.Compact(commands)
}

// outputs are the options that would write into the tree.
var outputs = regexp.MustCompile(` (-MMD|-MP|-c|-MF \S+|-MQ \S+|-o \S+)\b`)

// compileAll asks gcc for the definitions of every unit, two units at a time.
func compileAll(t *testing.T, xen string, commands []string) map[definition]extent {
	truth := map[definition]extent{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	work := make(chan string)
	for range 2 {
		aux := filepath.Join(t.TempDir(), "aux")
		wg.Go(func() {
			for command := range work {
				defs, err := compile(t.Context(), xen, command, aux)
				mu.Lock()
				if err != nil {
					t.Error(err)
				}
				maps.Copy(truth, defs)
				mu.Unlock()
			}
		})
	}
	for _, c := range commands {
		work <- c
	}
	close(work)
	wg.Wait()
	return truth
}

var auxDefinition = regexp.MustCompile(`(?m)^/\* (.+?):(\d+):[NOI]F \*/ (.*)$`)

func compile(ctx context.Context, xen, command, aux string) (map[definition]extent, error) {
	command = outputs.ReplaceAllString(command, "")
	if err := shell(ctx, xen, command+" -fsyntax-only -aux-info "+aux, nil); err != nil {
		return nil, err
	}
	var unit bytes.Buffer
	if err := shell(ctx, xen, command+" -E -o -", &unit); err != nil {
		return nil, err
	}
	list, err := os.ReadFile(aux)
	if err != nil {
		return nil, err
	}
	ends := closingLines(unit.String())
	defs := map[definition]extent{}
	for _, m := range auxDefinition.FindAllStringSubmatch(string(list), -1) {
		line, _ := strconv.Atoi(m[2])
		file := path.Clean(m[1])
		name, ok := auxName(m[3])
		if !ok || filepath.IsAbs(file) {
			return nil, fmt.Errorf("-aux-info: cannot read %q", m[0])
		}
		d := definition{file, line, name}
		end, ok := ends[d]
		if !ok {
			return nil, fmt.Errorf("%s:%d: %s is not in the preprocessed unit", file, line, name)
		}
		defs[d] = extent{end, strings.HasPrefix(m[3], "static ")}
	}
	return defs, nil
}

// auxName is the name in the declaration that -aux-info writes.
func auxName(decl string) (string, bool) {
	decl, _, _ = strings.Cut(decl, "; /*")
	name, at := "", -1
	for i, w := range wordsOf(decl) {
		if rest := decl[i+len(w):]; strings.HasPrefix(rest, " (") && !strings.HasPrefix(rest, " (*") && roleOf(w) == plainWord {
			name, at = w, i
			break
		}
	}
	return name, at >= 0
}

func shell(ctx context.Context, dir, command string, out *bytes.Buffer) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = dir
	var msg bytes.Buffer
	cmd.Stderr = &msg
	if out != nil {
		cmd.Stdout = out
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, msg.String())
	}
	return nil
}

// closingLines matches the braces of a preprocessed unit and gives, for every
// name in front of a bracket in the head of a body, the line where it closes.
func closingLines(unit string) map[definition]int {
	ends := map[definition]int{}
	var heads []definition // since the last declaration
	file, line, depth, brackets := "", 0, 0, 0
	var last definition
	for text := range strings.Lines(unit) {
		if strings.HasPrefix(text, "# ") {
			n, rest, _ := strings.Cut(text[2:], " ")
			number, err := strconv.Atoi(n)
			if parts := strings.Split(rest, `"`); err == nil && len(parts) > 2 {
				file, line = path.Clean(parts[1]), number
				continue
			}
		}
		for i := 0; i < len(text); {
			c, from := text[i], i
			i++
			switch class[c] {
			case isSpace:
				continue
			case isWord:
				i = wordEnd(text, i)
				if depth == 0 {
					last = definition{file, line, text[from:i]}
				}
				continue
			case isQuote:
				i = quoteEnd(text, from)
				continue
			}
			switch c {
			case '(':
				if depth == 0 && last.name != "" {
					heads = append(heads, last)
				}
				brackets++
			case ')':
				brackets--
				if depth == 0 && brackets == 0 && last.name != "" {
					heads = append(heads, last) // (name)(...)
				}
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					for _, h := range heads {
						ends[h] = line
					}
					heads = heads[:0]
				}
			case ';':
				if depth == 0 && brackets == 0 {
					heads = heads[:0]
				}
			}
			last = definition{}
		}
		line++
	}
	return ends
}
