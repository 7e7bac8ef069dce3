package vendors

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze/strict"
)

var update = flag.Bool("update", false, "write golden files")

// What every embedded profile says, and does not say, in a file for people to read.
func TestEmbedded(t *testing.T) {
	var b strings.Builder
	for _, name := range Embedded() {
		p, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Name != name {
			t.Errorf("%s calls itself %s", name, p.Name)
		}
		if p.Title == "" || p.Updated.IsZero() || len(p.Sources) == 0 {
			t.Errorf("%s: title, updated and sources are needed for public facts", name)
		}
		fmt.Fprintf(&b, "%s (%s), %d facts of %s\n", p.Name, p.Title, len(p.Sources), p.Updated)
		for i := range p.Bases {
			base := &p.Bases[i]
			livepatch, known := base.Config.Option("CONFIG_LIVEPATCH")
			if !known {
				livepatch = "unknown"
			}
			fmt.Fprintf(&b, "  %s: Xen %s for %s, livepatch %s; unknown: %s\n",
				base.ID, base.Xen, base.Arch, livepatch, strings.Join(base.Unknown(), ", "))
		}
	}
	golden(t, "testdata/embedded.golden", b.String())
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s", file, got)
	}
}

// Public facts name public places: no path of a machine, no mirror's host.
func TestEmbeddedHoldsNoLocalPaths(t *testing.T) {
	local := regexp.MustCompile(`(^|[ "'(])/[a-z]+/|file://|localhost|\.deb\b|deb\.debian|archive\.ubuntu`)
	for _, name := range Embedded() {
		data, err := embedded.ReadFile(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(data), "\n") {
			if local.MatchString(line) {
				t.Errorf("%s.yaml:%d: %s", name, i+1, line)
			}
		}
	}
}

// The configuration that the truth was measured with is Debian's plus EXPERT and
// DEBUG_INFO, so that Debian's own must be the same but for these and what hangs
// on them.
func TestDebianConfigAgainstTruth(t *testing.T) {
	shared := shared(t)
	p, err := Find("debian-bookworm")
	if err != nil {
		t.Fatal(err)
	}
	for file, id := range map[string]string{"truth/xen.config": "4.17.5+72", "truth/older/xen.config": "4.17.7+13"} {
		base, _ := p.Base(id)
		got, complete := base.Config.All()
		if !complete {
			t.Fatalf("%s: not complete", id)
		}
		want := readConfig(t, filepath.Join(shared, file))
		for _, name := range []string{"CONFIG_EXPERT", "CONFIG_DEBUG_INFO", "CONFIG_GDBSX"} {
			delete(want, name)
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: got %v\nwant %v", id, got, want)
		}
	}
}

func readConfig(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	options := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && strings.HasPrefix(name, "CONFIG_") {
			options[name] = strings.Trim(value, `"`)
		}
	}
	return options
}

// shared finds the folder of reference data beside the module.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			path := filepath.Join(filepath.Dir(dir), "shared")
			if _, err := os.Stat(path); err != nil {
				t.Skipf("no reference data: %s is missing", path)
			}
			return path
		}
		dir = filepath.Dir(dir)
	}
	t.Skip("no go.mod above the test")
	return ""
}

const minimal = "name: x\nbases:\n  - id: a\n    xen: 4.17\n"

func TestParseProblems(t *testing.T) {
	const commit = "01140da4e8babe1e79d845b9117c1f9e6a057d0a"
	base := func(lines string) string { return minimal + lines }
	tests := []struct{ name, text, want string }{
		{"empty", "", "v.yaml:1:1: bases: missing\nv.yaml:1:1: name: missing"},
		{"no bases", "name: x\nbases: []\n", "v.yaml:2:1: bases: empty; expected at least one base"},
		{"name", "name: Big Corp\n" + minimal[8:], `v.yaml:1:1: name: "Big Corp"; expected lower-case letters, digits, dots and dashes`},
		{"unknown key", base("    comit: x\n"), `v.yaml:5:5: bases[0].comit: unknown key; did you mean "commit"?`},
		{"version", "name: x\nbases:\n  - id: a\n    xen: 4.17.5\n", `v.yaml:4:5: bases[0].xen: "4.17.5"; expected the version that recipes are made for, such as 4.17`},
		{"no id", "name: x\nbases:\n  - xen: 4.17\n", "v.yaml:3:5: bases[0].id: missing"},
		{"empty id", "name: x\nbases:\n  - xen: 4.17\n    id: ''\n", "v.yaml:4:5: bases[0].id: empty; expected text"},
		{"twice the same base", base("  - id: a\n    xen: 4.18\n"), `v.yaml:5:5: bases[1].id: "a" is the bases[0].id already`},
		{"commit", base("    commit: 01140da4e8\n"), `v.yaml:5:5: bases[0].commit: "01140da4e8"; expected 40 lower-case hexadecimal digits; leave it out where only a part is known`},
		{"build-id", base("    build-id: " + strings.ToUpper(commit) + "\n"), `v.yaml:5:5: bases[0].build-id: "` + strings.ToUpper(commit) + `"; expected 40 lower-case hexadecimal digits`},
		{"date", base("    eol: 2026-02-30\n"), `v.yaml:5:10: bases[0].eol: "2026-02-30" is no date; expected YYYY-MM-DD`},
		{"arch", base("    arch: amd64\n"), `v.yaml:5:5: bases[0].arch: "amd64"; expected one of x86_64, arm64, arm32`},
		{"two sources", base("    source: {folder: a, tarball: b}\n"), "v.yaml:5:5: bases[0].source: folder and tarball; expected one kind of source"},
		{"no source", base("    source: {}\n"), "v.yaml:5:5: bases[0].source: expected one of folder, tarball, git, debian, rpm"},
		{"two sources", base("    source: {folder: a, rpm: {spec: x.spec}}\n"), "v.yaml:5:5: bases[0].source: folder and rpm; expected one kind of source"},
		{"spec", base("    source: {rpm: {spec: xen.txt}}\n"), `v.yaml:5:20: bases[0].source.rpm.spec: "xen.txt"; expected a file .spec or .spec.in`},
		{"no spec", base("    source: {rpm: {sources: SOURCES}}\n"), "v.yaml:5:14: bases[0].source.rpm.spec: missing"},
		{"macro", base("    source: {rpm: {spec: x.spec, define: {a-b: 1}}}\n"), `v.yaml:5:43: bases[0].source.rpm.define.a-b: "a-b"; expected the name of a macro, or @NAME@ of a template`},
		{"queue of a spec", base("    source: {rpm: {spec: x.spec, git: {repository: r, ref: v1, queue: q}}}\n"), "v.yaml:5:64: bases[0].source.rpm.git.queue: the patches are those of the spec"},
		{"series for git", base("    source: {series: p, git: {repository: r, ref: v1}}\n"), "v.yaml:5:14: bases[0].source.series: goes with folder or tarball; for git it is git.queue, and a Debian package has its own"},
		{"git without ref", base("    source: {git: {repository: r}}\n"), "v.yaml:5:14: bases[0].source.git.ref: missing"},
		{"ref as option", base("    source: {git: {repository: r, ref: --upload-pack=x}}\n"), `v.yaml:5:35: bases[0].source.git.ref: "--upload-pack=x"; expected a tag, a branch or a commit`},
		{"debian", base("    source: {debian: {package: xen}}\n"), "v.yaml:5:14: bases[0].source.debian.version: missing"},
		{"config", base("    config: {file: a, package: b, path: c}\n"), "v.yaml:5:5: bases[0].config: expected either file, or package and path"},
		{"option", base("    config: {options: {LIVEPATCH: y}}\n"), `v.yaml:5:24: bases[0].config.options.LIVEPATCH: "LIVEPATCH"; expected the name of an option, CONFIG_...`},
		{"option of the wrong type", base("    config: {options: {CONFIG_LIVEPATCH: true}}\n"), "v.yaml:5:42: bases[0].config.options.CONFIG_LIVEPATCH: found true or false, expected text"},
		{"complete", base("    config: {complete: true}\n"), "v.yaml:5:14: bases[0].config.complete: true without options"},
		{"symbols", base("    symbols: {package: p}\n"), "v.yaml:5:5: bases[0].symbols.path: missing: where in the package it is"},
		{"compiler", base("    compiler: {name: tcc}\n"), `v.yaml:5:16: bases[0].compiler.name: "tcc"; expected one of gcc, clang`},
		{"policy", base("policy: {payloads: false, replace: true}\n"), "v.yaml:5:27: policy.replace: says how payloads are shipped, but payloads is false"},
		{"person", base("team: {people: [{name: A, hours: 25, seniority: guru}, {name: A}, {skills: [x, x]}]}\n"),
			"v.yaml:5:27: team.people[0].hours: 25; expected hours of a day\n" +
				"v.yaml:5:38: team.people[0].seniority: \"guru\"; expected one of junior, regular, senior\n" +
				"v.yaml:5:57: team.people[1].name: \"A\" is the team.people[0].name already\n" +
				"v.yaml:5:68: team.people[2].name: missing\n" +
				"v.yaml:5:80: team.people[2].skills[1]: \"x\" is the team.people[2].skills[0] already"},
		{"several at once, in order", "nam: x\nbases:\n  - id: a b\n    xen: four\n",
			"v.yaml:1:1: nam: unknown key; did you mean \"name\"?\n" +
				"v.yaml:1:1: name: missing\n" +
				"v.yaml:3:5: bases[0].id: \"a b\"; expected letters, digits and . + ~ _ -\n" +
				"v.yaml:4:5: bases[0].xen: \"four\"; expected the version that recipes are made for, such as 4.17"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse("v.yaml", []byte(tt.text))
			var problems strict.Problems
			if p != nil || !errors.As(err, &problems) {
				t.Fatalf("profile %v, error %v", p, err)
			}
			if err.Error() != tt.want {
				t.Errorf("got\n%s\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestLoadJoinsPaths(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "v.yaml")
	text := minimal + `    source: {tarball: xen.tar.gz, series: patches}
    config: {file: /abs/.config}
    symbols: {package: dbg, path: boot/xen-syms}
  - id: b
    xen: 4.18
    source: {git: {repository: "https://example.org/xen.git", ref: v1, queue: q/series}}
  - id: c
    xen: 4.18
    source: {git: {repository: repo.git, ref: v1}}
  - id: d
    xen: 4.18
    arch: arm64
    source: {rpm: {spec: SPECS/xen.spec, sources: SOURCES, git: {repository: repo.git, ref: v1}}}
effort: my/hours.yaml
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{p.File, p.Effort, p.Bases[0].Source.Tarball, p.Bases[0].Source.Series, p.Bases[0].Config.File, p.Bases[0].Symbols.Path,
		p.Bases[1].Source.Git.Repo, p.Bases[1].Source.Git.Queue, p.Bases[2].Source.Git.Repo,
		p.Bases[3].Source.RPM.Spec, p.Bases[3].Source.RPM.Sources, p.Bases[3].Source.RPM.Git.Repo, p.Bases[3].Source.RPM.Define["_target_cpu"]}
	want := []string{file, dir + "/my/hours.yaml", dir + "/xen.tar.gz", dir + "/patches", "/abs/.config", "boot/xen-syms",
		"https://example.org/xen.git", dir + "/q/series", dir + "/repo.git", dir + "/SPECS/xen.spec", dir + "/SOURCES", dir + "/repo.git", "aarch64"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestFind(t *testing.T) {
	for name, want := range map[string]string{
		"debain":         "no such profile; embedded are debian-bookworm, gentoo",
		"./missing.yaml": "no such file",
		t.TempDir():      "directory",
	} {
		if p, err := Find(name); p != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", name, p, err, want)
		}
	}
}

func TestTemplate(t *testing.T) {
	p, err := Parse("acme.yaml", Template("acme"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "acme" || len(p.Bases) != 2 || len(p.Team.People) != 3 {
		t.Errorf("%+v", p)
	}
	// Every line that is commented out must be right, too.
	text := string(Template("acme"))
	text = regexp.MustCompile(`(?m)^( *)# ([a-z-]+: )`).ReplaceAllString(text, "$1$2")
	text = strings.ReplaceAll(text, "      tarball: xen-4.17.5.tar.gz", "      # tarball")
	text = strings.ReplaceAll(text, "      series: patches", "      # series")
	text = strings.ReplaceAll(text, "      git: {", "      # git: {")
	rpm := regexp.MustCompile(`(?m)^      rpm: .*\n`).FindString(text)
	text = strings.Replace(text, rpm, "", 1)
	spec := strings.Replace(text, "      debian: {", rpm+"      # debian: {", 1)
	if _, err := Parse("acme.yaml", []byte(spec)); err != nil || rpm == "" {
		t.Errorf("commented lines with %q: %v", rpm, err)
	}
	if _, err := Parse("acme.yaml", []byte(text)); err != nil {
		t.Errorf("commented lines: %v", err)
	}
}

func TestConfig(t *testing.T) {
	part := Config{Options: map[string]string{"CONFIG_A": "y", "CONFIG_B": "n"}}
	whole := part
	whole.Complete = true
	for _, tt := range []struct {
		c           Config
		name, value string
		known       bool
	}{
		{part, "CONFIG_A", "y", true}, {part, "CONFIG_B", "n", true}, {part, "CONFIG_C", "n", false}, {whole, "CONFIG_C", "n", true},
	} {
		if v, known := tt.c.Option(tt.name); v != tt.value || known != tt.known {
			t.Errorf("%s: %s %v", tt.name, v, known)
		}
	}
	if _, ok := part.All(); ok {
		t.Error("a part passes for the whole")
	}
	if all, ok := whole.All(); !ok || len(all) != 1 || all["CONFIG_A"] != "y" {
		t.Errorf("%v", all)
	}
}

func TestIsAddress(t *testing.T) {
	for repo, want := range map[string]bool{
		"https://x.org/xen.git": true, "git@x.org:xen.git": true, "ssh://x/y": true,
		"xen.git": false, "/srv/xen.git": false, "../a:b": false, "": false, "dir@x/y:z": false,
	} {
		if IsAddress(repo) != want {
			t.Errorf("%s: not %v", repo, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add(Template("acme"))
	for _, name := range Embedded() {
		data, err := embedded.ReadFile(name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("f.yaml", data)
		if (p == nil) != (err != nil) {
			t.Fatalf("profile %v with error %v", p, err)
		}
		if p != nil {
			for i := range p.Bases {
				p.Bases[i].Unknown()
			}
			p.join("/x")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data, err := embedded.ReadFile("debian-bookworm.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("debian-bookworm.yaml", data); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleFind() {
	p, err := Find("debian-bookworm")
	if err != nil {
		fmt.Println(err)
		return
	}
	base, _ := p.Base("4.17.7+13")
	shadow, _ := base.Config.Option("CONFIG_SHADOW_PAGING")
	fmt.Println(base.Release, "shadow paging:", shadow)
	fmt.Println("unknown:", base.Unknown())
	// Output:
	// 4.17.7+13-g2445b30a44-0+deb12u1 shadow paging: n
	// unknown: [commit]
}

func ExampleParse() {
	_, err := Parse("acme.yaml", []byte("name: acme\nbases:\n  - id: r1\n    xen: 4.17\n    eol: soon\n    commit: 01140da4e8\n"))
	fmt.Println(err)
	// Output:
	// acme.yaml:5:10: bases[0].eol: "soon" is no date; expected YYYY-MM-DD
	// acme.yaml:6:5: bases[0].commit: "01140da4e8"; expected 40 lower-case hexadecimal digits; leave it out where only a part is known
}

var november = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
