package factor

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"lpready/analyze/csource"
	"lpready/analyze/patch"
)

var update = flag.Bool("update", false, "rewrite golden findings in testdata")

// A fixture is one testdata/<rule>.txtar. Its files:
//
//	config              a .config; without it nothing is known
//	units               "object source" lines for sources that are not compiled once
//	off                 sources that are not compiled
//	text-mode           run without the tree, on the patch alone
//	tree/<path>         a file of every case
//	<case>/before/<path>, <case>/after/<path>
//	<case>/fit          how the case fits the base, see readFit
//	<case>/proof        what compiling it showed: a Proof as JSON
//	<case>/want         what the rule finds; golden
//
// A case whose name begins with "no-" is one in which the rule must be silent.
type fixture struct {
	archive *txtar.Archive
	config  csource.Config
	units   map[string][]string
	off     map[string]bool
	text    bool
	tree    map[string]string
	cases   []string
	before  map[string]map[string]string
	after   map[string]map[string]string
	want    map[string]string
	fit     map[string]*Fit   // how a case fits the base
	revised map[string]string // what a case says of the version before
	proof   map[string]*Proof // what compiling a case showed
}

// readFit reads a status, what it needs, and places that do not fit, a line each.
func readFit(text string) *Fit {
	fit := &Fit{}
	for line := range strings.Lines(text) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), " "); key {
		case "needs":
			fit.Needs = append(fit.Needs, value)
		case "detail":
			fit.Detail = append(fit.Detail, value)
		default:
			fit.Status = key
		}
	}
	return fit
}

func readFixture(t *testing.T, name string) *fixture {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{archive: archive, units: map[string][]string{}, off: map[string]bool{}, tree: map[string]string{},
		before: map[string]map[string]string{}, after: map[string]map[string]string{}, want: map[string]string{}, fit: map[string]*Fit{}, revised: map[string]string{}, proof: map[string]*Proof{}}
	for _, file := range archive.Files {
		data := string(file.Data)
		first, rest, _ := strings.Cut(file.Name, "/")
		switch first {
		case "config":
			if f.config, err = csource.ParseConfig(name, strings.NewReader(data)); err != nil {
				t.Fatal(err)
			}
		case "text-mode":
			f.text = true
		case "units":
			for line := range strings.Lines(data) {
				object, source, _ := strings.Cut(strings.TrimSpace(line), " ")
				f.units[source] = append(f.units[source], object)
			}
		case "off":
			for _, source := range strings.Fields(data) {
				f.off[source] = true
			}
		case "tree":
			f.tree[rest] = data
		default:
			if !slices.Contains(f.cases, first) {
				f.cases = append(f.cases, first)
				f.before[first], f.after[first] = map[string]string{}, map[string]string{}
			}
			side, path, _ := strings.Cut(rest, "/")
			switch side {
			case "fit":
				f.fit[first] = readFit(data)
			case "proof":
				f.proof[first] = new(Proof)
				if err := json.Unmarshal(file.Data, f.proof[first]); err != nil {
					t.Fatalf("%s: %s: %v", name, file.Name, err)
				}
			case "revised":
				f.revised[first] = strings.TrimSpace(data)
			case "before":
				f.before[first][path] = data
			case "after":
				f.after[first][path] = data
			case "want":
				f.want[first] = data
			default:
				t.Fatalf("%s: %s: expected before/, after/, fit, proof, revised or want", name, file.Name)
			}
		}
	}
	return f
}

// input builds the cell of one case.
func (f *fixture) input(t *testing.T, name string) *Input {
	t.Helper()
	base := fstest.MapFS{"xen/COPYING": &fstest.MapFile{}}
	for path, text := range f.tree {
		base[path] = &fstest.MapFile{Data: []byte(text)}
	}
	files := make(map[string][]byte)
	var p patch.Patch
	for path, text := range f.before[name] {
		base[path] = &fstest.MapFile{Data: []byte(text)}
		if _, stays := f.after[name][path]; !stays {
			files[path] = nil
		}
	}
	for path, text := range f.after[name] {
		files[path] = []byte(text)
	}
	for path := range files {
		p.Files = append(p.Files, makeFile(path, f.before[name][path], string(files[path]), files[path] == nil))
	}
	slices.SortFunc(p.Files, func(a, b patch.File) int { return strings.Compare(a.Name(), b.Name()) })
	if f.text {
		return &Input{Patches: []patch.Patch{p}}
	}
	before, err := csource.Open(context.Background(), base, csource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cell(before, files, []patch.Patch{p}, f.config, f.compiled(before.With(files)))
}

// cell builds the input for changed files on an index.
func cell(before *csource.Index, files map[string][]byte, patches []patch.Patch, cfg csource.Config, units []csource.Unit) *Input {
	after := before.With(files)
	in := &Input{Patches: patches, Before: before, After: after, Config: cfg, Arch: csource.Arch(cfg), Units: units, Xen: "4.17",
		Boot: csource.Lifetimes(after, units)}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		x, y := before.File(name), after.File(name)
		if x == nil && y == nil {
			continue
		}
		in.Deltas = append(in.Deltas, csource.Diff(x, y, before.Source(name), after.Source(name)))
	}
	return in
}

// compiled makes a unit of every source that the fixture does not switch off.
func (f *fixture) compiled(ix *csource.Index) []csource.Unit {
	units := []csource.Unit{}
	for _, path := range ix.Paths() {
		if !isSource(path) || f.off[path] || Scope(path) != scopeCommon && Scope(path) != "hypervisor/x86" {
			continue
		}
		objects := f.units[path]
		if objects == nil {
			objects = []string{strings.TrimPrefix(path[:len(path)-1]+"o", "xen/")}
		}
		for _, object := range objects {
			units = append(units, csource.Unit{Object: object, Source: path, Asm: strings.HasSuffix(path, ".S")})
		}
	}
	return units
}

var headingLine = regexp.MustCompile(`^[A-Za-z_$]`)

// makeFile is the change between two texts as one hunk with three lines of
// context and the heading that git would write.
func makeFile(path, before, after string, deleted bool) patch.File {
	f := patch.File{OldName: path, NewName: path, New: before == "", Deleted: deleted}
	if f.New {
		f.OldName = ""
	}
	if f.Deleted {
		f.NewName = ""
	}
	old, new := slices.Collect(strings.Lines(before)), slices.Collect(strings.Lines(after))
	from := 0
	for from < len(old) && from < len(new) && old[from] == new[from] {
		from++
	}
	tail := 0
	for tail < len(old)-from && tail < len(new)-from && old[len(old)-1-tail] == new[len(new)-1-tail] {
		tail++
	}
	start := max(from-3, 0)
	h := patch.Hunk{OldStart: start + 1, NewStart: start + 1}
	for _, line := range old[:start] {
		if headingLine.MatchString(line) {
			h.Section = strings.TrimSpace(line)
		}
	}
	add := func(op patch.Op, lines []string) {
		for _, line := range lines {
			h.Lines = append(h.Lines, patch.Line{Op: op, Text: line})
		}
	}
	add(patch.Context, old[start:from])
	add(patch.Delete, old[from:len(old)-tail])
	add(patch.Add, new[from:len(new)-tail])
	add(patch.Context, old[len(old)-tail:min(len(old)-tail+3, len(old))])
	f.Hunks = []patch.Hunk{h}
	return f
}

// show writes findings one a line.
func show(findings []Finding) string {
	var out strings.Builder
	for _, f := range findings {
		class := string(f.Class)
		if class == "" {
			class = "-"
		}
		fmt.Fprintf(&out, "%s %s %s: %s\n", f.Severity, class, f.Place(), f.Message)
	}
	return out.String()
}

// TestRules runs every rule alone on the cases of its fixture.
func TestRules(t *testing.T) {
	for _, rule := range Rules() {
		t.Run(rule.ID, func(t *testing.T) {
			name := filepath.Join("testdata", rule.ID+".txtar")
			f := readFixture(t, name)
			found, silent := 0, 0
			for _, c := range f.cases {
				in := f.input(t, c)
				in.Fit, in.Revised, in.Proof = f.fit[c], f.revised[c], f.proof[c]
				got := show(run(in, []Rule{rule}))
				switch quiet := strings.HasPrefix(c, "no-"); {
				case quiet && got != "":
					t.Errorf("%s: expected silence, got\n%s", c, got)
				case quiet:
					silent++
				case got == "":
					t.Errorf("%s: expected a finding", c)
				case *update:
					f.want[c] = got
					fallthrough
				default:
					found++
				}
				if !*update && got != f.want[c] {
					t.Errorf("%s: got\n%swant\n%s", c, got, f.want[c])
				}
			}
			if silent == 0 {
				t.Errorf("%s has no case in which the rule must be silent", name)
			}
			if special := []string{"binary-file", "fan-out"}; found == 0 && !slices.Contains(special, rule.ID) {
				t.Errorf("%s has no case in which the rule finds something", name)
			}
			if *update {
				f.write(t, name)
			}
		})
	}
}

// write puts the golden findings back, each behind its case.
func (f *fixture) write(t *testing.T, name string) {
	t.Helper()
	var files []txtar.File
	for i, file := range f.archive.Files {
		c, rest, _ := strings.Cut(file.Name, "/")
		if rest == "want" {
			continue
		}
		files = append(files, file)
		next := ""
		for _, other := range f.archive.Files[i+1:] {
			if !strings.HasSuffix(other.Name, "/want") {
				next, _, _ = strings.Cut(other.Name, "/")
				break
			}
		}
		if want := f.want[c]; want != "" && next != c {
			files = append(files, txtar.File{Name: c + "/want", Data: []byte(want)})
		}
	}
	text := txtar.Format(&txtar.Archive{Comment: f.archive.Comment, Files: files})
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, text) {
		return
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
