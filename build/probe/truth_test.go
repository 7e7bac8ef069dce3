package probe

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/csource"
	"lpready/analyze/factor"
	"lpready/analyze/objdiff"
	"lpready/analyze/truth"
	"lpready/build/kbuild"
	"lpready/build/tree"
	"lpready/vendors"
)

// explained are the facts of the truth that are not ours, and why we are right.
var explained = map[string]string{
	"492 init arch/x86/setup.o:__start_xen":    "byte for byte the same but for the distances of calls to a neighbour that grew",
	"439 init arch/x86/spec_ctrl.o:parse_xpti": "byte for byte the same but for the number of a literal's label (.LC24, .LC25)",
	"488 freed text.4":                         "a text that warning_add() is given, in .init.rodata: the truth names only what other objects define",
	"490 freed text.4":                         "the same",
	"491 freed vpmu_ops":                       "static and __initdata (vpmu.c): the functions that change call through it by alternatives, which the payload's loader resolves from freed memory",
	"494 ignored arch/x86/domain_page.o text .text.unlikely.unmap_domain_page": "the cold part of a function that is replaced: nothing calls it any more",
}

// compiled is a base in the cache that tests share.
func compiled(t testing.TB, source vendors.Source, config string) *kbuild.Base {
	t.Helper()
	cache := truth.Env(t, "LPREADY_XEN_CACHE", "folder for what is compiled")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	b, err := kbuild.Prepare(context.Background(), kbuild.Request{Source: source, Config: text, Cache: filepath.Join(cache, "lpready")})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// prober has one base, "base".
func prober(t testing.TB, b *kbuild.Base) *Prober {
	t.Helper()
	p, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.Add("base", "4.17", b, nil, ""); err != nil {
		t.Fatal(err)
	}
	p.bases["base"].pairs = os.Getenv("LPREADY_PAIRS")
	return p
}

// TestTruth proves every case of the corpus, on Debian's tree with what comes
// before it, and wants what the real differ said. LPREADY_PAIRS names a folder that
// keeps the objects.
func TestTruth(t *testing.T) {
	dir := truth.Env(t, "LPREADY_XEN_TREE", "Debian's Xen 4.17.5+72")
	config := truth.Shared(t, "truth", "xen.config")
	p := prober(t, compiled(t, vendors.Source{Dir: dir}, config))
	batch, err := advisory.Read(t.Context(), []string{truth.Shared(t, "corpus")}, advisory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	proofs := map[int]*factor.Proof{}
	gate := make(chan bool, 1) // the cases share the states between them
	report, err := analyze.Assess(t.Context(), analyze.Request{
		Batch: batch, Bases: []analyze.Base{{ID: "base", Xen: "4.17", Tree: os.DirFS(dir), Config: truth.Config(t, config)}},
		Prove: func(ctx context.Context, trial analyze.Trial) (*factor.Proof, error) {
			gate <- true
			defer func() { <-gate }()
			proof, err := p.Prove(ctx, trial)
			proofs[trial.XSA] = proof
			if proof != nil {
				t.Logf("XSA-%d: %.1f s", trial.XSA, proof.Seconds)
			}
			return proof, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(header)
	for _, xsa := range slices.Sorted(maps.Keys(proofs)) {
		t.Run(fmt.Sprintf("XSA-%d", xsa), func(t *testing.T) {
			compareTruth(t, truth.Load(t, truth.Shared(t, "truth", fmt.Sprintf("xsa%d-4.17.json", xsa))), proofs[xsa])
		})
	}
	for _, c := range report.Cells {
		o := truth.Load(t, truth.Shared(t, "truth", fmt.Sprintf("xsa%d-4.17.json", c.XSA)))
		t.Logf("XSA-%d %s (%s): %s", c.XSA, c.Class, c.Evidence, c.Why)
		if !slices.Contains(o.Allows(), string(c.Class)) {
			t.Errorf("XSA-%d: %s, the real outcome (%s) allows %v", c.XSA, c.Class, o.Effective, o.Allows())
		}
	}
	if len(proofs) < 9 {
		t.Errorf("%d cases were proven, expected at least 9", len(proofs))
	}
}

// TestOlderTruth does the same for older XSAs on upstream's history: one base is
// compiled, and the trees before and after each fix are laid over it.
func TestOlderTruth(t *testing.T) {
	repo := truth.Env(t, "LPREADY_XEN_GIT", "clone of upstream's repository")
	config := truth.Shared(t, "truth", "older", "xen.config")
	var cases []truth.Outcome
	files, err := filepath.Glob(filepath.Join(filepath.Dir(config), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if o := truth.Load(t, name); o.Verdict != "not-hypervisor" {
			cases = append(cases, o)
		}
	}
	// From the middle, most trees are reached without a change to a Makefile.
	start := cases[slices.IndexFunc(cases, func(o truth.Outcome) bool { return o.XSA == 439 })].Base
	b := compiled(t, vendors.Source{Git: vendors.Git{Repo: repo, Ref: start}}, config)
	p := prober(t, b)
	opened, err := tree.Open(t.Context(), vendors.Source{Git: vendors.Git{Repo: repo, Ref: start}}, tree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	index, err := csource.Open(t.Context(), opened.FS, csource.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(header)
	for _, o := range cases {
		t.Run(fmt.Sprintf("XSA-%d", o.XSA), func(t *testing.T) {
			before := between(t, repo, start, o.Base)
			after := between(t, repo, start, o.Commits[len(o.Commits)-1].Commit)
			proof, err := p.Prove(t.Context(), analyze.Trial{XSA: o.XSA, Base: "base", Before: before, After: after,
				BeforeIndex: index.With(before), AfterIndex: index.With(after)})
			if err != nil {
				t.Fatal(err)
			}
			compareTruth(t, o, proof)
		})
	}
}

// between are the files below xen/ that differ between two commits, as the second
// has them.
func between(t *testing.T, repo, from, to string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for line := range strings.Lines(string(truth.Git(t, repo, "diff", "--name-status", "--no-renames", from, to, "--", "xen"))) {
		status, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if status == "D" {
			files[name] = nil
			continue
		}
		files[name] = bytes.Clone(truth.Git(t, repo, "show", to+":"+name))
	}
	return files
}

const header = "XSA   seconds  reached compared  changed new data refused init ignored layouts freed   (all equal to the truth unless said)"

// compareTruth compares all that the truth says of objects, and prints a row.
func compareTruth(t *testing.T, want truth.Outcome, proof *factor.Proof) {
	t.Helper()
	if proof == nil || proof.Trees == nil {
		t.Fatalf("no proof: %+v", proof)
	}
	xsa := strconv.Itoa(want.XSA)
	var changed, fresh, data, refusals, initFuncs, ignored, freed []string
	for _, d := range proof.Trees.Objects {
		add := func(to *[]string, list []string) {
			for _, s := range list {
				*to = append(*to, d.Path+":"+s)
			}
		}
		add(&changed, d.Functions)
		add(&fresh, d.NewFunctions)
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
	for i, s := range want.Data { // object:file.c#symbol where it is static
		object, symbol, _ := strings.Cut(s, ":")
		want.Data[i] = object + ":" + symbol[strings.LastIndexByte(symbol, '#')+1:]
	}
	for _, r := range proof.Freed {
		freed = append(freed, r.Symbol)
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
	equal(t, xsa, "freed", slices.Compact(slices.Sorted(slices.Values(freed))), want.Freed)
	compareTruthLayouts(t, want, proof.Trees)
	t.Logf("%-5s %7.1f %8d %8d %8d %3d %4d %7d %4d %7d %7d %5d", xsa, proof.Seconds, proof.Reached, proof.Compiled,
		len(changed), len(fresh), len(data), len(refusals), len(initFuncs), len(ignored), len(want.Layouts), len(freed))
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
		if !slices.Contains(want, s) && explained[xsa+" "+what+" "+s] == "" {
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
func compareTruthLayouts(t *testing.T, want truth.Outcome, got *objdiff.Trees) {
	t.Helper()
	ours := map[string]objdiff.Layout{}
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

// capture takes what is to be proven, and proves nothing.
func capture(to *analyze.Trial) func(context.Context, analyze.Trial) (*factor.Proof, error) {
	return func(_ context.Context, t analyze.Trial) (*factor.Proof, error) {
		*to = t
		return nil, nil
	}
}
