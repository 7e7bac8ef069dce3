package main

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport says which packages of ours a package may import: a name stands for
// the package, a name with "/..." for it and all below. What is not listed may
// import nothing of ours. The longest prefix counts.
var mayImport = map[string][]string{
	"analyze":          {"analyze/..."},
	"analyze/advisory": {},
	"analyze/patch":    {},
	"analyze/csource":  {},
	"analyze/cpp":      {"analyze/csource"},
	"analyze/match":    {"analyze/csource"},
	"analyze/reach":    {"analyze/patch", "analyze/csource", "analyze/cpp"},
	"analyze/factor":   {"analyze/patch", "analyze/csource", "analyze/reach", "analyze/objdiff"},
	"analyze/effort":   {"analyze/factor", "analyze/strict"},
	"analyze/strict":   {},
	"build":            {"analyze/...", "vendors/...", "build/..."},
	"vendors":          {"analyze/..."},
	"vendors/plan":     {"analyze/...", "vendors"},
	"vendors/track":    {"analyze/...", "vendors/plan"},
	"cmd/lpready":      {"analyze/...", "build/...", "vendors/...", "cmd/lpready/...", "testdata"},
	"testdata":         {},
}

// testsOnly is a package that nothing but tests imports.
const testsOnly = "analyze/truth"

// A source is one Go file of the project.
type source struct {
	name string // slash path from the root
	pkg  string // its folder
	test bool
	text []byte
	ast  *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && name != root {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(set, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		test := strings.HasSuffix(rel, "_test.go") || path.Dir(rel) == testsOnly
		list = append(list, source{rel, path.Dir(rel), test, text, file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 20 {
		t.Fatalf("%d files of Go below %s", len(list), root)
	}
	return list
}

func (s *source) imports(t *testing.T) []string {
	var list []string
	for _, i := range s.ast.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// TestImports holds the rooms to the rules of docs/architecture.md.
func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		inside := func(dir string) bool { return s.pkg == dir || strings.HasPrefix(s.pkg, dir+"/") }
		for _, p := range s.imports(t) {
			if ours, ok := strings.CutPrefix(p, "lpready/"); ok && !s.test && !allowed(s.pkg, ours) {
				t.Errorf("%s imports %s, which docs/architecture.md does not allow", s.name, p)
			}
			if ours, ok := strings.CutPrefix(p, "lpready/"); ok && s.test && inside("analyze") && (strings.HasPrefix(ours, "build") || strings.HasPrefix(ours, "cmd")) {
				t.Errorf("%s imports %s: a test of analyze needs neither build nor cmd", s.name, p)
			}
			if p == "lpready/"+testsOnly && !s.test {
				t.Errorf("%s imports %s, which is for tests", s.name, p)
			}
			if p == "os/exec" && !s.test && !inside("build") && !inside("cmd") {
				t.Errorf("%s imports os/exec: only build and cmd start processes", s.name)
			}
			if (p == "log" || p == "log/slog") && !s.test && !inside("cmd") {
				t.Errorf("%s imports %s: only cmd prints", s.name, p)
			}
			if p == "C" {
				t.Errorf("%s imports %s", s.name, p)
			}
		}
	}
}

func allowed(pkg, imported string) bool {
	rule, longest := []string(nil), ""
	for prefix, r := range mayImport {
		if (pkg == prefix || strings.HasPrefix(pkg, prefix+"/")) && len(prefix) > len(longest) {
			rule, longest = r, prefix
		}
	}
	return slices.ContainsFunc(rule, func(r string) bool {
		below, all := strings.CutSuffix(r, "/...")
		return imported == below || all && strings.HasPrefix(imported, below+"/")
	})
}

// TestQuiet wants that what is not cmd neither prints nor reads the clock or the
// environment. Generators of documents and tests may.
func TestQuiet(t *testing.T) {
	banned := []string{"fmt.Print", "fmt.Println", "fmt.Printf", "os.Stdout", "os.Stderr", "os.Getenv", "os.LookupEnv", "os.Exit", "time.Now"}
	for _, s := range sources(t) {
		if s.test || strings.HasPrefix(s.pkg, "cmd/") || strings.HasPrefix(s.pkg, "build") {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Obj == nil && slices.Contains(banned, x.Name+"."+sel.Sel.Name) {
				t.Errorf("%s uses %s.%s: only cmd does", s.name, x.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

// TestForm wants formatted files of a readable length, a comment for every
// package, and a short main.
func TestForm(t *testing.T) {
	const longest = 600
	documented := map[string]bool{}
	for _, s := range sources(t) {
		formatted, err := format.Source(s.text)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
		} else if !bytes.Equal(formatted, s.text) {
			t.Errorf("%s: gofmt would change it", s.name)
		}
		lines := bytes.Count(s.text, []byte("\n"))
		if lines > longest {
			t.Errorf("%s: %d lines, expected at most %d", s.name, lines, longest)
		}
		if s.name == "cmd/lpready/main.go" && lines > 40 {
			t.Errorf("%s: %d lines, expected at most 40", s.name, lines)
		}
		if !s.test {
			documented[s.pkg] = documented[s.pkg] || s.ast.Doc.Text() != ""
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment", pkg)
		}
	}
}

// TestDependencies holds docs/dependencies.md to the imports.
func TestDependencies(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{} // rows of the table
	for l := range strings.Lines(string(data)) {
		if cell, ok := strings.CutPrefix(l, "| `"); ok {
			module, _, _ := strings.Cut(cell, "`")
			used[module] = false
		}
	}
	for _, s := range sources(t) {
		for _, p := range s.imports(t) {
			if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") {
				continue
			}
			known := false
			for module := range used {
				if p == module || strings.HasPrefix(p, module+"/") {
					used[module], known = true, true
				}
			}
			if !known {
				t.Errorf("%s imports %s, which docs/dependencies.md does not name", s.name, p)
			}
		}
	}
	for module, ok := range used {
		if !ok {
			t.Errorf("docs/dependencies.md names %s, which nothing imports", module)
		}
	}
}

// TestTool runs the go tool's own checks.
func TestTool(t *testing.T) {
	if testing.Short() {
		t.Skip("short: vet and tidy are left out")
	}
	for _, args := range [][]string{{"vet", "./..."}, {"mod", "tidy", "-diff"}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		switch text := string(out); {
		case err == nil:
		case args[0] == "mod" && !strings.Contains(text, "diff "):
			t.Skipf("go mod tidy has no network: %s", text)
		default:
			t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, text)
		}
	}
}
