package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpready/vendors"
)

func TestEvaluate(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1", " 0 ": "0", "! 0": "1", "!1": "0", "-3 + 5": "2", "2*(3+4)": "14", "7/2": "3",
		"08 < 9": "1", "3 >= 4": "0", `"a" < "b"`: "1", `".fc37" >= ".fc20"`: "1", `"" == ""`: "1",
		"0 && 0 || 1": "1", "1 || 1 && 0": "0", // from left to right
		`"x" ? 2 : 3`: "2", `"" ? 2 : 0 ? 4 : 5`: "5", `"a" + "b"`: "ab", "!1 == 0": "1",
		"": "!ends too early", "1 +": "!ends too early", "foo": "!found", "1 2": "!found", `"a`: "!found",
		`1 < "a"`: "!meets", "1/0": "!division", "99999999999": "!found", "1x": "!found", "(1": "!early",
		`v"1.2" < v"1.3"`: "!found", `-"a"`: "!meets", `"a" - "b"`: "!subtracted", `"a" * 2`: "!multiplied",
		strings.Repeat("(", 500) + "1": "!limit",
	} {
		v, err := evaluate(text)
		if problem, bad := strings.CutPrefix(want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), problem) {
				t.Errorf("%q: %v, %v; want %q", clip(text), v, err, problem)
			}
		} else if err != nil || v.String() != want {
			t.Errorf("%q: %v, %v; want %q", text, v, err, want)
		}
	}
}

func TestExpand(t *testing.T) {
	tests := []struct{ define, text, want, unknown string }{
		{"", "a %% b 100%", "a % b 100%", ""},
		{"%define v 4.17", "xen-%{v}.tar %v-%v.", "xen-4.17.tar 4.17-4.17.", ""},
		{"%define a %b\n%define b x", "%a", "x", ""},              // when it is used
		{"%define b x\n%global a %b\n%define b y", "%a", "x", ""}, // when it is defined
		{"%define v 1", "%{?v:yes}%{!?v:no}%{?v}%{!?v}", "yes1", ""},
		{"", "%{?v:yes}", "%{?v:yes}", "v"},
		{"", "%{!?v:no}", "%{!?v:no}", "v"},
		{"", "%{v} %w", "%{v} %w", "v, w"},
		{"%define v %(date)", "%v", "%(date)", "%(date)"},
		{"%global v %(date)", "%v", "%v", "%(date)"},
		{"", "%[1+2]%{nil}", "3", ""},
		{"", "%[x]", "%[x]", "%[x]"},
		{"%define p() %1", "%{p a}", "%{p a}", "p()"},
		{"", "%{lua:print(1)}", "%{lua:print(1)}", "lua"},
		{"", "%{basename:a/b/c}", "c", ""},
		{"%define n v\n%define v 7", "%{expand:%%{%n}}", "7", ""},
		{"%{!?v: %define v 1}", "%v", "%v", "v"},
		{"%define t 1\n%{?t: %define v 1}", "%v", "1", ""},
		{"%define v a\\\nb", "%v", "a\nb", ""},
		{"%define v %{?x:\n1}", "%v", "%{?x:\n1}", "x"},
		{"%define v 1\n%undefine v", "%v", "%v", "v"},
		{"", "@VERSION@ @REL@", "4.19 @REL@", "@REL@"},
		{"%define with_x 1", "%{with x}%{without x}%{with y}", "10%{with y}", "with_y"},
	}
	for _, tt := range tests {
		m := newMacros(map[string]string{"@VERSION@": "4.19"})
		if _, err := m.expand(tt.define); err != nil {
			t.Fatal(err)
		}
		r, err := m.expand(tt.text)
		if err != nil || r.text != tt.want || r.why() != tt.unknown {
			t.Errorf("%q, %q: %q, unknown %q, %v; want %q, %q", tt.define, tt.text, r.text, r.why(), err, tt.want, tt.unknown)
		}
	}
	bomb := newMacros(nil)
	bomb.expand("%define a0 0123456789")
	for i := range 30 {
		bomb.expand(fmt.Sprintf("%%define a%d %%a%d%%a%d", i+1, i, i))
	}
	for _, text := range []string{"%a30", "%{expand:%a30}"} {
		if _, err := bomb.expand(text); !errors.Is(err, errLimit) {
			t.Errorf("bomb: %v", err)
		}
	}
	bomb.expand("%define loop %loop")
	if _, err := bomb.expand("%loop"); !errors.Is(err, errLimit) {
		t.Errorf("loop: %v", err)
	}
}

const head = "Name: xen\nVersion: 4.17.5\nRelease: 3%{?dist}\nSource0: https://example.org/%{name}-%{version}.tar.gz\n"

// plan shows what a spec applies, "name -pN".
func plan(s *spec) string {
	var list []string
	for _, p := range s.patches {
		list = append(list, fmt.Sprintf("%s -p%d", p.name, p.strip))
	}
	return strings.Join(list, ", ")
}

func TestParseSpec(t *testing.T) {
	tests := []struct{ name, text, want, warning string }{
		{"autosetup", head + "Patch0: a.patch\nPatch0001: b.patch\n%prep\n%autosetup -p1 -n %{name}-%{unknown}\n%build\nPatch9: x\n", "a.patch -p1, b.patch -p1", ""},
		{"macros in names", head + "Patch5: %{name}-%{version}-%{?nil}fix.patch\n%prep\n%autosetup -p 1 -S git_am", "xen-4.17.5-fix.patch -p1", ""},
		{"order of lines", head + "Patch2: b\nPatch1: a\n%prep\n%autosetup -p1", "b -p1, a -p1", "not that of their numbers"},
		{"numbered by rpm", head + "Patch: a\nPatch7: b\nPatch: c\n%prep\n%setup -q\n%patch8 -p1\n%patch 0 -p1\n", "c -p1, a -p1", "does not apply: 7"},
		{"list", head + "%patchlist\na\nb\n\n%prep\n%autosetup -p1", "a -p1, b -p1", ""},
		{"one by one", head + "Patch1: a\nPatch2: b\nPatch3: c\nPatch4: d\n%prep\n%setup -q -n x\n%patch3 -p1 -b .old\n%patch -P 1 -p0\n%patch -P2 -F 2\n%patch 4 -p2\n", "c -p1, a -p0, b -p0, d -p2", ""},
		{"some", head + "Patch1: a\nPatch2: b\nPatch3: c\n%prep\n%autosetup -N\n%autopatch -p1 -m 3\n%autopatch -p1 2 1\n", "c -p1, b -p1, a -p1", ""},
		{"range", head + "Patch1: a\nPatch2: b\nPatch3: c\n%prep\n%autosetup -N\n%autopatch -p1 -M2", "a -p1, b -p1", "does not apply: 3"},
		{"if", head + "%define x 1\n%if %x\nPatch1: a\n%else\nPatch1: b\n%endif\n%if !%{x}\nPatch2: c\n%elif 1\nPatch2: d\n%else\nPatch2: e\n%endif\n%prep\n%autosetup -p1", "a -p1, d -p1", ""},
		{"given", head + "%if 0%{?xenserver} < 9\nPatch1: a\n%endif\n%prep\n%autosetup -p1", "a -p1", ""},
		{"arch", head + "%ifarch x86_64 %{ix86}\nPatch1: a\n%endif\n%ifnarch aarch64 %{foo}\n%else\n%endif\n%ifarch aarch64\nPatch1: b\n%endif\n%prep\n%autosetup -p1", "a -p1", ""},
		{"unknown but idle", head + "%if 0%{?fedora} > 7\nBuildRequires: x\n%define y 1\n%endif\nPatch1: a\n%prep\n%autosetup -p1", "a -p1", ""},
		{"nested in no", head + "%if 0\n%if %{unknown}\nPatch1: a\n%endif\n%endif\n%prep\n%autosetup -p1", "", ""},
		{"comments", head + "#Patch1: a\n# %patch1\n%dnl Patch2: b\n%prep\n%setup\n#%patch1 -p1\n# %%autosetup", "", ""},
		{"commands", head + "%prep\n%autosetup -p1\nset -e\n\ncp %{SOURCE3} xen/.config\n%{nil}\n", "", "not followed: cp %{SOURCE3}"},
		{"moved patch", head + "Patch1: a\n%prep\n%setup\ncp -v %{PATCH1} stubdom/\n", "", "not followed: cp"},
		{"several lines", head + "%define f() %{lua:\n  if x then\n%prep\n  end}\nPatch1: a\n%prep\n%autosetup -p1", "a -p1", ""},
		{"version of a package", head + "%package libs\nVersion: 9\n%prep\n%autosetup -p1", "", ""},
		{"more archives", head + "Source5: y.tar\n%prep\n%autosetup -p1 -a 5", "", "Source5 is unpacked besides"},
		{"undefined source", head + "Source1: %{foo}\n%prep\n%autosetup -p1", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parseSpec("x.spec", []byte(tt.text), map[string]string{"xenserver": "8", "_target_cpu": "x86_64"})
			if err != nil {
				t.Fatal(err)
			}
			if plan(s) != tt.want || s.archive != "xen-4.17.5.tar.gz" || s.unnamed != nil {
				t.Errorf("got %q and %q, %v; want %q", plan(s), s.archive, s.unnamed, tt.want)
			}
			if all := strings.Join(s.warnings, "\n"); (all == "") != (tt.warning == "") || !strings.Contains(all, tt.warning) {
				t.Errorf("warnings %q, want %q", all, tt.warning)
			}
		})
	}
}

// What hangs on something unknown is an error that names it.
func TestParseSpecProblems(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"condition", "%if 0%{?fedora} > 37\nPatch1: a\n%endif\n%prep\n%autosetup -p1", "x.spec:6: patch 1: it hangs on a condition that cannot be known here: line 5, %if 0%{?fedora} > 37 (unknown: fedora); define what it asks for"},
		{"else", "%if %{foo}\n%else\nPatch1: a\n%endif\n%prep\n%autosetup -p1", "x.spec:7: patch 1: it hangs on"},
		{"arch", "%ifarch x86_64\nPatch1: a\n%endif\n%prep\n%autosetup -p1", "unknown: _target_cpu"},
		{"os", "%ifos linux\nPatch1: a\n%endif\n%prep\n%autosetup -p1", "the operating system"},
		{"macro of the unknown", "%if %{foo}\n%define x 1\n%endif\n%if 0%{?x}\nPatch1: a\n%endif\n%prep\n%autosetup -p1", "unknown: line 5, %if %{foo} (unknown: foo)"},
		{"name", "Patch1: %{foo}.patch\n%prep\n%autosetup -p1", "x.spec:5: patch 1: %{foo}.patch: not known here: foo; define it"},
		{"command in a name", "Patch1: %(ls)\n%prep\n%autosetup -p1", "not known here: %(ls)"},
		{"template", "Patch1: @FOO@\n%prep\n%autosetup -p1", "not known here: @FOO@"},
		{"expression", "%if foo\nPatch1: a\n%endif\n%prep\n%autosetup -p1", "found \"foo\""},
		{"prep", "%if %{foo}\n%prep\n%autosetup -p1\n%endif", "%prep: it hangs on"},
		{"patch", "Patch1: a\n%prep\n%setup\n%if %{foo}\n%patch1 -p1\n%endif", "x.spec:9: %patch1 -p1: it hangs on"},
		{"shell", "Patch1: a\n%prep\n%setup\nif test -f x; then\n%patch1 -p1\nfi", "hangs on a condition of the shell"},
		{"folder", "Patch1: a\n%prep\n%setup\ncd tools\n%patch1 -p1", `in the folder that "cd tools" went to`},
		{"patch by hand", "Patch1: a\n%prep\n%setup\npatch -p1 < %{PATCH1}", "a command that may apply patches"},
		{"pipe", "%prep\n%setup\nsed s/a/b/ x.patch | patch -p1", "a command that may apply patches"},
		{"git", "%prep\n%setup\ngit -C . am %{patches}", "a command that may apply patches"},
		{"script of the package", "%prep\n%setup\n%{SOURCE98} %{SOURCE99}", "a command that may apply patches"},
		{"script with a patch", "Patch1: a\n%prep\n%setup\n./do %{PATCH1}", "a command that may apply patches"},
		{"in a line", "Patch1: a\n%prep\n%setup\ntrue && %patch1 -p1", "a command that may apply patches"},
		{"hidden", "%define do patch -p1\n%prep\n%setup\n%do < x", "a command that may apply patches"},
		{"comment", "%prep\n%setup\n# %autopatch -p1", "a macro in a comment"},
		{"no -p", "Patch1: a\n%prep\n%autosetup", "%autosetup without -p"},
		{"reverse", "Patch1: a\n%prep\n%setup\n%patch1 -p1 -R", "option -R is not followed"},
		{"option", "Patch1: a\n%prep\n%setup\n%patch1 -p%{foo}", "not known here: foo"},
		{"not declared", "%prep\n%setup\n%patch1 -p1", "patch 1 is not declared"},
		{"twice", "Patch1: a\n%prep\n%setup\n%patch1 -p1\n%patch1 -p1", "patch 1: applied twice"},
		{"declared twice", "Patch1: a\nPatch01: b\n%prep\n%autosetup -p1", "patch 1 is given twice; the first one is in line 5"},
		{"before", "Patch1: a\n%prep\n%patch1 -p1\n%setup", "before the source is unpacked"},
		{"no setup", "%prep\ntrue\n%build", "no %setup or %autosetup"},
		{"two setups", "%prep\n%setup\n%setup", "a second one"},
		{"empty setup", "%prep\n%setup -T -c", "does not unpack Source0"},
		{"number", "Patch99999999999999999999: a\n%prep\n%setup", "expected a number"},
		{"include", "%include other\n%prep\n%setup", "other files are not read"},
		{"endif", "%endif\n", "%endif without %if"},
		{"open", "%if 1\n%prep\n%setup", "x.spec:5: %if 1 without %endif"},
		{"two elses", "%if 1\n%else\n%else\n%endif", "%else after %else"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parseSpec("x.spec", []byte(head+tt.text+"\n"), nil)
			if s != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v, error %v\nwant %q", s, err, tt.want)
			}
		})
	}
	if _, err := parseSpec("x.spec", []byte("%prep\n%autosetup -p1\n"), nil); err == nil || !strings.Contains(err.Error(), "no Source0") {
		t.Errorf("no source: %v", err)
	}
}

const sampleSpec = `Name: xen
Version: @VERSION@
Release: @REL@%{?dist}
Source0: https://example.org/%{name}-%{version}.tar.xz
Patch1: b.patch
Patch2: tool.patch
%if 0%{?xenserver} < 9
Patch3: new.patch
%endif
Patch4: both.patch

%prep
%autosetup -p1 -n %{name}-%{version}
cp %{SOURCE3} xen/.config
`

// packOf writes an RPM package and gives its spec.
func packOf(t testing.TB, dir string) string {
	t.Helper()
	write(t, filepath.Join(dir, "SPECS"), map[string]string{"xen.spec.in": sampleSpec, "version": "4.17.5\n", "rel": "1\n"})
	write(t, filepath.Join(dir, "SOURCES"), map[string]string{
		"b.patch": changeB, "tool.patch": changeTool, "new.patch": newFile, "both.patch": both,
		"xen-4.17.5.tar.xz": string(compressed(t, "xz", tarOf(t, "xen-4.17.5/", sample))),
	})
	return filepath.Join(dir, "SPECS", "xen.spec.in")
}

func TestRPM(t *testing.T) {
	file := packOf(t, t.TempDir())
	src := vendors.Source{RPM: &vendors.RPM{Spec: file, Define: map[string]string{"xenserver": "8"}}}
	tree := expect(t, src, patched)
	if want := []string{"b.patch", "new.patch", "both.patch"}; !slices.Equal(tree.Applied, want) || !slices.Equal(tree.Skipped, []string{"tool.patch"}) {
		t.Errorf("applied %q, skipped %q", tree.Applied, tree.Skipped)
	}
	if len(tree.Warnings) != 1 || !strings.HasPrefix(tree.Warnings[0], "xen.spec.in:14: %prep runs a command that is not followed: cp ") {
		t.Errorf("warnings %q", tree.Warnings)
	}

	repo := gitRepo(t)
	git := vendors.RPM{Spec: file, Define: src.RPM.Define, Git: vendors.Git{Repo: repo, Ref: "v1"}}
	tree, err := Open(t.Context(), vendors.Source{RPM: &git}, Options{})
	if err != nil || tree.Commit == "" || content(t, tree)["xen/common/new.c"] != "new\n" {
		t.Errorf("%+v, %v", tree, err)
	}

	if _, err := Open(t.Context(), vendors.Source{RPM: &vendors.RPM{Spec: file}}, Options{}); err == nil || !strings.Contains(err.Error(), "unknown: xenserver") {
		t.Errorf("unknown macro: %v", err)
	}
	sources := filepath.Join(filepath.Dir(file), "..", "SOURCES")
	archive := filepath.Join(sources, "xen-4.17.5.tar.xz")
	if err := os.WriteFile(archive, []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var notHere *NotHereError
	if _, err := Open(t.Context(), src, Options{}); !errors.As(err, &notHere) || !strings.Contains(err.Error(), "git lfs pull") {
		t.Errorf("pointer: %v", err)
	}
	os.Remove(archive)
	if _, err := Open(t.Context(), src, Options{}); !errors.As(err, &notHere) || !strings.Contains(err.Error(), "xen-4.17.5.tar.xz") {
		t.Errorf("no archive: %v", err)
	}
	os.Remove(filepath.Join(sources, "new.patch"))
	if _, err := Open(t.Context(), vendors.Source{RPM: &git}, Options{}); err == nil || !strings.Contains(err.Error(), "xen.spec.in:8: patch new.patch: ") {
		t.Errorf("no patch: %v", err)
	}
	address := vendors.RPM{Spec: file, Git: vendors.Git{Repo: "https://example.org/xen.git", Ref: "v1"}}
	if _, err := Open(t.Context(), vendors.Source{RPM: &address}, Options{}); !errors.As(err, &notHere) || !strings.Contains(err.Error(), "git clone") {
		t.Errorf("address: %v", err)
	}
}

func TestStripped(t *testing.T) {
	deep := strings.NewReplacer("a/xen", "x-1/y/xen", "b/xen", "x-2/y/xen").Replace(changeB)
	bare := strings.NewReplacer("a/xen", "xen", "b/xen", "xen").Replace(changeB)
	for _, tt := range []struct{ text, option, want string }{
		{deep, "-p2", ""}, {bare, "-p0", ""},
		{changeB, "-p0", "names have a part before"}, {bare, "-p2", "its names are those of the tree"}, {changeB, "-p9", "too short"},
	} {
		dir := write(t, t.TempDir(), map[string]string{
			"x.spec": head + "Patch1: b\n%prep\n%setup\n%patch1 " + tt.option + "\n", "b": tt.text,
			"xen-4.17.5.tar.gz": string(compressed(t, "gz", tarOf(t, "xen/", sample))),
		})
		tree, err := Open(t.Context(), vendors.Source{RPM: &vendors.RPM{Spec: filepath.Join(dir, "x.spec")}}, Options{})
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) || tt.want == "" && (err != nil || content(t, tree)["xen/common/domain.c"] != "int a;\nlong b;\nint c;\n") {
			t.Errorf("%s: %v, want %q", tt.option, err, tt.want)
		}
	}
}

// Packages of vendors: LPREADY_XEN_SPEC is a list of SPEC=REF, where REF of
// LPREADY_XEN_GIT is what Source0 was made from.
func TestRealSpecs(t *testing.T) {
	specs, repo := os.Getenv("LPREADY_XEN_SPEC"), os.Getenv("LPREADY_XEN_GIT")
	if specs == "" || repo == "" {
		t.Skip("set LPREADY_XEN_SPEC to \"SPEC=REF ...\", specs of public packages and the tags they are made from, and LPREADY_XEN_GIT to a clone of upstream's repository")
	}
	for word := range strings.FieldsSeq(specs) {
		file, ref, _ := strings.Cut(word, "=")
		src := vendors.Source{RPM: &vendors.RPM{Spec: file, Git: vendors.Git{Repo: repo, Ref: ref}}}
		tree, err := Open(t.Context(), src, Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		t.Logf("%s: %d patches applied, %d skipped; %q", file, len(tree.Applied), len(tree.Skipped), tree.Warnings)
		p, err := Prepare(t.Context(), src, t.TempDir(), Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		if len(p.Applied) != len(tree.Applied)+len(tree.Skipped) {
			t.Errorf("%s: prepared with %d patches", file, len(p.Applied))
		}
		for name, want := range content(t, tree) {
			if got, err := fs.ReadFile(p, name); err != nil || string(got) != want {
				t.Errorf("%s: %s differs, %v", file, name, err)
			}
		}
		p.Close()
	}
}

func FuzzSpec(f *testing.F) {
	f.Add(sampleSpec)
	f.Add(head + "%if 1\n%elif 0 && \"a\" < \"b\"\n%else\n%endif\n%ifarch x86_64\n%endif\n%patchlist\na\n%prep\n%setup -q\n%patch -P 0 -p1\n%autopatch -p1 -m1")
	f.Add(head + "%global x %{?y:%{!?z:1}}\n%define f() %{lua:\n}\n%{expand:%%define q 1}\nPatch: %[1 ? 2 : 3]\n%prep\n%autosetup -N -p1 -a 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSpec("x.spec", []byte(text), map[string]string{"@VERSION@": "4.17.5"})
		if (s == nil) != (err != nil) {
			t.Fatalf("%+v with error %v", s, err)
		}
		if s == nil {
			return
		}
		for _, p := range s.patches {
			if p.name == "" || p.name == "." || p.name == ".." || strings.Contains(p.name, "/") {
				t.Fatalf("patch %q", p.name)
			}
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	f.Add(`1 + 2 * (3 - -4) < 5 && "a" != "b" ? 1 : 0`)
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := evaluate(text); err != nil && v != (value{}) {
			t.Fatalf("%v with error %v", v, err)
		}
	})
}
