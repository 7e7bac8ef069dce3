package objdiff

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A truth is what the real differ said of one XSA; see its README in ../shared.
type truth struct {
	XSA     int      `json:"xsa"`
	Changed []string `json:"changed_functions"`
	New     []string `json:"new_functions"`
	Objects []string `json:"changed_objects"`
	Data    []string `json:"included_data"`
	Errors  []string `json:"errors"`
	Init    []string `json:"init_functions_touched"`
	Ignored []struct {
		Object       string   `json:"object"`
		Init         []string `json:"init"`
		Text         []string `json:"text"`
		Alternatives []string `json:"alternatives"`
	} `json:"silently_ignored"`
	Layouts []struct {
		Struct  string   `json:"struct"`
		Kind    string   `json:"kind"`
		Before  *int64   `json:"before"`
		After   *int64   `json:"after"`
		Added   []string `json:"added"`
		Removed []string `json:"removed"`
		Moved   []string `json:"moved"`
	} `json:"layout_changes"`
}

// explained are the facts of the truth that are not ours, and why we are right.
var explained = map[string]string{
	"492 init arch/x86/setup.o:__start_xen":                                    "byte for byte the same but for the distances of calls to a neighbour that grew",
	"494 ignored arch/x86/domain_page.o text .text.unlikely.unmap_domain_page": "the cold part of a function that is replaced: nothing calls it any more",
}

// TestTruth compares objects of a real tree before and after each XSA with what
// the real differ said. Only what the patch's own sources and the truth name is
// compiled, without XSA-491 and 492: some seconds. LPREADY_TRUTH=wide has these,
// too, which change 185 objects; LPREADY_TRUTH=all compiles every unit that
// includes a changed file. LPREADY_PAIRS names a folder that keeps the objects.
func TestTruth(t *testing.T) {
	built, width, shared := os.Getenv("LPREADY_XEN_BUILT"), os.Getenv("LPREADY_TRUTH"), sharedFolder(t)
	if built == "" {
		t.Skip("LPREADY_XEN_BUILT is not set: a built source tree of Debian's Xen 4.17.5+72")
	}
	for _, tool := range []string{"gcc", "patch", "objcopy", "cp"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	w := newWorkshop(t, built)
	keep := os.Getenv("LPREADY_PAIRS")
	if keep == "" {
		keep = t.TempDir()
	}
	for _, c := range seriesCases(t, shared) {
		want, err := readTruth(filepath.Join(shared, "truth", fmt.Sprintf("xsa%s-4.17.json", c.xsa)))
		all := width == "all"
		if err != nil || len(want.Objects) == 0 && len(want.Changed) == 0 || width == "" && (c.xsa == "491" || c.xsa == "492") {
			w.apply(t, c.patches)
			continue
		}
		names := w.chosen(c, want, all)
		old, new := filepath.Join(keep, c.xsa, "old"), filepath.Join(keep, c.xsa, "new")
		w.compile(t, w.stale(names))
		w.save(t, names, old)
		w.apply(t, c.patches)
		w.compile(t, names)
		w.save(t, names, new)
		t.Run("XSA-"+c.xsa, func(t *testing.T) {
			trees, err := CompareTrees(context.Background(), os.DirFS(old), os.DirFS(new), Options{Xen: "4.17"})
			if err != nil {
				t.Fatal(err)
			}
			compareTruth(t, c.xsa, want, trees)
		})
	}
}

func sharedFolder(t *testing.T) string {
	dir, err := filepath.Abs("../../../shared")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "truth")); err != nil {
		t.Skipf("../shared/truth is not there: %v", err)
	}
	return dir
}

func readTruth(name string) (w *truth, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return w, json.Unmarshal(data, &w)
}

// compareTruth compares all that the truth says of objects.
func compareTruth(t *testing.T, xsa string, want *truth, got *Trees) {
	var changed, fresh, data, refusals, initFuncs, ignored []string
	lines := 0
	for _, d := range got.Objects {
		add := func(to *[]string, list []string) {
			for _, s := range list {
				*to = append(*to, d.Path+":"+s)
			}
		}
		add(&changed, d.Functions)
		add(&fresh, d.NewFunctions)
		lines += len(d.LineOnly)
		for _, x := range d.Data {
			if x.Included {
				add(&data, []string{x.Symbol})
			}
		}
		for _, s := range d.Refusals {
			refusals = append(refusals, d.Path+": "+s)
		}
		if g := d.Ignored; g != nil {
			add(&initFuncs, g.Functions)
			ignored = append(ignored, ignoredFacts(d.Path, g.Init, g.Text, g.Alternatives)...)
		}
	}
	var wantRefusals, wantInit, wantIgnored []string
	for _, s := range want.Errors {
		object, says, _ := strings.Cut(s, ": ")
		if says == "unreconcilable difference" || strings.HasPrefix(says, "rc ") {
			continue
		}
		says = strings.TrimPrefix(says, "ERROR: ")
		wantRefusals = append(wantRefusals, object+": "+strings.TrimPrefix(says, filepath.Base(object)+": "))
	}
	for _, s := range want.Init {
		wantInit = append(wantInit, strings.TrimSuffix(s, " (removed)"))
	}
	for _, x := range want.Ignored {
		wantIgnored = append(wantIgnored, ignoredFacts(x.Object, x.Init, x.Text, x.Alternatives)...)
	}
	equal(t, xsa, "changed", changed, want.Changed)
	equal(t, xsa, "new", fresh, want.New)
	equal(t, xsa, "data", data, want.Data)
	equal(t, xsa, "refused", refusals, wantRefusals)
	equal(t, xsa, "init", initFuncs, wantInit)
	equal(t, xsa, "ignored", ignored, wantIgnored)
	compareTruthLayouts(t, want, got)
	t.Logf("%d objects, %d functions changed (%d by a line number only), %d new, %d refusals, %d init functions, %d ignored, %d layouts",
		len(got.Objects), len(changed), lines, len(fresh), len(refusals), len(initFuncs), len(ignored), len(want.Layouts))
}

func ignoredFacts(object string, init, text, alternatives []string) (list []string) {
	for _, x := range []struct {
		kind  string
		names []string
	}{{"init", init}, {"text", text}, {"alternatives", alternatives}} {
		for _, s := range x.names {
			list = append(list, object+" "+x.kind+" "+s)
		}
	}
	return list
}

// equal wants two lists to hold the same, in whatever order.
func equal(t *testing.T, xsa, what string, got, want []string) {
	t.Helper()
	for _, s := range got {
		if !slices.Contains(want, s) {
			t.Errorf("%s: %s is not in the truth", what, s)
		}
	}
	for _, s := range want {
		if slices.Contains(got, s) {
			continue
		}
		if why := explained[xsa+" "+what+" "+s]; why != "" {
			t.Logf("%s: %s is in the truth only: %s", what, s, why)
			continue
		}
		t.Errorf("%s: %s is missing", what, s)
	}
}

var movedMember = regexp.MustCompile(`(\w+)(?:\[\d+\])*(?::\d+)? @(\d+)->(\d+)$`)

// compareTruthLayouts wants the same structures with the same changes. The truth
// lists members of structures within structures besides.
func compareTruthLayouts(t *testing.T, want *truth, got *Trees) {
	ours := map[string]Layout{}
	for _, l := range got.Layouts {
		if l.Kind == "changed" {
			ours[l.Type] = l
		}
	}
	for _, x := range want.Layouts {
		if x.Kind != "changed" {
			continue
		}
		l, ok := ours[x.Struct]
		delete(ours, x.Struct)
		if !ok || x.Before == nil || x.After == nil || l.Size != [2]int64{*x.Before, *x.After} {
			t.Errorf("%s: %v, expected %v -> %v", x.Struct, l.Size, x.Before, x.After)
			continue
		}
		moved := map[string]bool{}
		for _, s := range x.Moved {
			if m := movedMember.FindStringSubmatch(s); m != nil {
				moved[m[1]+" "+m[2]+" "+m[3]] = true
			}
		}
		for _, c := range l.Changes {
			last := c.Member[strings.LastIndexByte(c.Member, '.')+1:]
			switch {
			case c.Change == "moved" && !moved[fmt.Sprintf("%s %d %d", last, c.Offset[0], c.Offset[1])]:
				t.Errorf("%s: %s moved %v, which the truth does not say", x.Struct, c.Member, c.Offset)
			case c.Change == "added" && !mentions(x.Added, last), c.Change == "removed" && !mentions(x.Removed, last):
				t.Errorf("%s: %s %s, which the truth does not say", x.Struct, c.Member, c.Change)
			}
		}
		for _, list := range []struct {
			change string
			of     []string
		}{{"added", x.Added}, {"removed", x.Removed}} {
			n := 0
			for _, c := range l.Changes {
				if c.Change == list.change || c.Change == "retyped" {
					n++
				}
			}
			if n != len(list.of) {
				t.Errorf("%s: %d members %s, expected %q", x.Struct, n, list.change, list.of)
			}
		}
	}
	for name := range ours {
		t.Errorf("layout of %s: not in the truth", name)
	}
}

func mentions(list []string, member string) bool {
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(member) + `\b`)
	return slices.ContainsFunc(list, word.MatchString)
}
