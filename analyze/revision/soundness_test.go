package revision

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// unified writes the diff of two states of a file as git does, three lines of
// context.
func unified(name string, before, after []string) string {
	effort := 0
	pairs, ok := align(len(before), len(after), func(i, j int) bool { return before[i] == after[j] }, &effort)
	if !ok {
		panic("the test's files are small")
	}
	type op struct {
		mark byte
		text string
	}
	var ops []op
	i, j := 0, 0
	for _, p := range append(pairs, pair{len(before), len(after)}) {
		for ; i < p.old; i++ {
			ops = append(ops, op{'-', before[i]})
		}
		for ; j < p.new; j++ {
			ops = append(ops, op{'+', after[j]})
		}
		if p.old < len(before) {
			ops = append(ops, op{' ', before[i]})
			i, j = i+1, j+1
		}
	}
	near := func(at int) bool {
		return slices.ContainsFunc(ops[max(0, at-3):min(len(ops), at+4)], func(o op) bool { return o.mark != ' ' })
	}
	var out strings.Builder
	fmt.Fprintf(&out, "diff --git a/%s b/%s\n--- a/%s\n+++ b/%s\n", name, name, name, name)
	oldLine, newLine, head := 1, 1, ""
	for at := 0; at < len(ops); {
		if !near(at) {
			if heads(ops[at].text) {
				head = ops[at].text
			}
			oldLine, newLine, at = oldLine+1, newLine+1, at+1
			continue
		}
		end, olds, news := at, 0, 0
		section := head
		for ; end < len(ops) && near(end); end++ {
			if ops[end].mark != '+' {
				olds++
				if heads(ops[end].text) {
					head = ops[end].text
				}
			}
			if ops[end].mark != '-' {
				news++
			}
		}
		start := func(line, n int) int {
			if n == 0 {
				return line - 1
			}
			return line
		}
		fmt.Fprintf(&out, "@@ -%d,%d +%d,%d @@ %s\n", start(oldLine, olds), olds, start(newLine, news), news, section)
		for ; at < end; at++ {
			fmt.Fprintf(&out, "%c%s\n", ops[at].mark, ops[at].text)
		}
		oldLine, newLine = oldLine+olds, newLine+news
	}
	return out.String()
}

// A text is made of chunks: statements and whole comments.
type text [][]string

func (t text) lines() []string { return slices.Concat(t...) }

// source makes up a file whose functions repeat one another, so that places are
// easily mistaken.
func source(r *rand.Rand) text {
	var t text
	for f := range 2 + r.IntN(3) {
		t = append(t, []string{fmt.Sprintf("static int func_%d(struct domain *d)", f), "{"})
		for range 3 + r.IntN(14) {
			t = append(t, chunk(r))
		}
		t = append(t, []string{"}", ""})
	}
	return t
}

func chunk(r *rand.Rand) []string {
	comment := []string{"    /*", "     * Careful there.", "     */"}
	for range r.IntN(12) * r.IntN(2) {
		comment = slices.Insert(comment, 2, "     * More words.")
	}
	return [][]string{{"    spin_lock(&d->lock);"}, {"    spin_unlock(&d->lock);"}, {"    if ( !d )"}, {"        return -EINVAL;"},
		{"    rc = 0;"}, {""}, {"    /* Careful here. */"}, {"    {"}, {"    }"}, {"    put_domain(d);"}, comment, {"    glob(\"a*/b\");"},
		{"    foo(d,", "        rc);"}, {"#ifdef CONFIG_X86"}, {"#endif"}, {"    rc = bar(d); /* why */"}, {"#define X(a) \\", "    foo(a); \\", "    bar(a)"}}[r.IntN(17)]
}

// edited makes some random changes.
func edited(r *rand.Rand, t text) text {
	t = slices.Clone(t)
	for range 1 + r.IntN(3) {
		at := r.IntN(len(t))
		switch c := t[at]; r.IntN(6) {
		case 0:
			t = slices.Delete(t, at, at+1)
		case 1, 2:
			t = slices.Insert(t, at, chunk(r))
		case 3:
			t[at] = chunk(r)
		case 4:
			t = slices.Insert(slices.Delete(t, at, at+1), r.IntN(len(t)), c)
		case 5: // another comment
			c = slices.Clone(c)
			if i := r.IntN(len(c)); strings.HasPrefix(c[i], "     * ") {
				c[i] += " Or not."
			} else if !strings.HasSuffix(c[i], "\\") && !strings.Contains(c[i], "*") {
				c[i] += " /* note */"
			}
			t[at] = c
		}
		if len(t) == 0 {
			return text{{"int x;"}}
		}
	}
	return t
}

// FuzzSound holds verdicts by text alone to what the versions make of a file
// that only the test sees: nothing may be called the same that is not.
func FuzzSound(f *testing.F) {
	for seed := range uint64(64) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { sound(t, seed) })
}

// TestSound does so for many files. The files repeat themselves so much that a
// detour over two patches sometimes looks like a change; that has to stay rare.
func TestSound(t *testing.T) {
	const files = 4000
	counts, missed := map[Kind]int{}, 0
	for seed := range uint64(files) {
		kind, same := sound(t, seed)
		counts[kind]++
		if same && rank(kind) >= rank(Comments) && kind != Unknown {
			missed++
		}
	}
	t.Logf("verdicts: %v, %d times a difference where there is none", counts, missed)
	for _, k := range []Kind{Same, Context, Comments, Unknown, Code} {
		if counts[k] == 0 {
			t.Errorf("no verdict %s: the test tests nothing", k)
		}
	}
	if missed > files/1000 {
		t.Errorf("%d of %d times a difference where there is none", missed, files)
	}
}

func sound(t *testing.T, seed uint64) (kind Kind, same bool) {
	const name = "xen/common/made.c"
	r := rand.New(rand.NewPCG(seed, 1))
	made := source(r)
	now := edited(r, made)
	then := now
	if r.IntN(3) != 0 {
		then = edited(r, now)
	}
	base, first, second := made.lines(), now.lines(), then.lines()
	middle := edited(r, made).lines() // the new version is a series of two, on some way
	old := must(t, unified(name, base, first))
	fresh := must(t, unified(name, base, middle)+unified(name, middle, second))
	if r.IntN(2) == 0 {
		fresh = must(t, unified(name, base, second))
	}
	kind, same = worst(compareText(old, fresh)), slices.Equal(first, second)
	words := slices.Equal(allWords([]byte(strings.Join(first, "\n")), cSource), allWords([]byte(strings.Join(second, "\n")), cSource))
	if !same && rank(kind) <= rank(Context) || !words && rank(kind) <= rank(Comments) {
		t.Errorf("seed %d: %s although the result differs:\n%s\n---- and\n%s", seed, kind, old.raw, fresh.raw)
	}
	return kind, same
}

func must(t *testing.T, text string) *series {
	t.Helper()
	var kept strings.Builder
	for part := range strings.SplitSeq(text, "diff --git ") {
		if strings.Contains(part, "@@") { // a file without a hunk is no patch
			kept.WriteString("diff --git " + part)
		}
	}
	if kept.Len() == 0 {
		return &series{}
	}
	s, err := parse([]string{"made.patch"}, [][]byte{[]byte(kept.String())})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
