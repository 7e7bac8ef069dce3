package effort

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"lpready/analyze/factor"
)

// A Work is what an estimate is made from: one advisory on one base.
type Work struct {
	Class     factor.Class
	Findings  []factor.Finding
	Patches   int // patches of the recipe
	Lines     int // lines that they add or remove
	Functions int // functions that the payload would change
	// FirstBase is set for the base on which the work is done first. Choose one
	// that needs the work: a base that needs none makes no other cheaper.
	FirstBase bool
	Port      string   // applies, offset, conflicts, missing, applied; else nobody tried
	Scope     []string // parts of Xen that the patches touch, as factor.Scopes names them
}

// Estimate gives the hours of one item, line by line. With everything else equal,
// more findings, patches, lines or functions never give fewer hours, and a
// further base never takes more than the first. A line without hours is left out.
func (m *Model) Estimate(w Work) Hours {
	e := &estimate{m: m, w: w}
	e.read()
	switch w.Class {
	case factor.NotNeeded:
		e.note()
	case factor.Reboot:
		e.line(Decide, m.Reboot.Decide, "no live patch can give the fix: confirm it, and choose what helps until the reboot")
		e.line(Announce, m.Reboot.Announce, "tell those who have to reboot, with the package that carries the fix")
	case factor.Clean, factor.Adapt, factor.Hard:
		e.port()
		e.adapt()
		e.redesign()
		e.payload()
		e.note()
	default:
		e.line(FindOut, m.FindOut, "the class is unknown: from a look that settles it to a redesign")
	}
	return total(e.tasks)
}

// An estimate is one being made.
type estimate struct {
	m     *Model
	w     Work
	tasks []Task
}

// line adds a task, at its share where this is a further base.
func (e *estimate) line(task string, p Point, why string) {
	if share, ok := e.m.Further[task]; ok && !e.w.FirstBase {
		p = p.times(share)
		why += fmt.Sprintf("; further base: %g %% of the first", math.Round(share*1000)/10)
	}
	t := Task{Task: task, Optimistic: round(p.Optimistic), Likely: round(p.Likely), Pessimistic: round(p.Pessimistic), Why: why}
	t.Expected = round((t.Optimistic + 4*t.Likely + t.Pessimistic) / 6)
	if t.Pessimistic > 0 {
		e.tasks = append(e.tasks, t)
	}
}

func (e *estimate) hundreds() float64 { return float64(max(0, e.w.Lines)) / 100 }

func (e *estimate) read() {
	r, patches := &e.m.Read, max(0, e.w.Patches)
	p := r.Advisory.plus(r.Patch.times(float64(patches))).plus(r.Lines.times(e.hundreds()))
	e.line(Read, p, fmt.Sprintf("the advisory and %s with %s", count(patches, "patch", "patches"), e.lines()))
}

func (e *estimate) lines() string { return count(max(0, e.w.Lines), "changed line", "changed lines") }

func (e *estimate) port() {
	p := &e.m.Port
	work := p.Lines.times(e.hundreds())
	switch e.w.Port {
	case "applies":
		e.line(Port, p.Applies, "the recipe applies as it is")
	case "applied":
		e.line(Port, p.Applied, "the base has the fix already: confirm it")
	case "offset":
		e.line(Port, p.Offset, "the recipe applies with offsets: check that each hunk landed where it belongs")
	case "conflicts":
		e.line(Port, p.Conflicts.plus(work), "the recipe conflicts with this base; "+e.lines())
	case "missing":
		e.line(Port, p.Missing.plus(work), "the recipe changes files that this base does not have; "+e.lines())
	default:
		e.line(Port, p.Unknown, "nobody has tried whether the recipe applies")
	}
}

// A group is the findings of one id that ask for the same kind of work.
type group struct {
	id       string
	severity factor.Severity
	findings []factor.Finding
}

// groups gathers the findings of the given severities, sorted by id.
func (e *estimate) groups(severities ...factor.Severity) []group {
	var groups []group
	for _, f := range e.w.Findings {
		if !slices.Contains(severities, f.Severity) {
			continue
		}
		same := func(g group) bool { return g.id == f.ID && g.severity == f.Severity }
		i := slices.IndexFunc(groups, same)
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{id: f.ID, severity: f.Severity})
		}
		groups[i].findings = append(groups[i].findings, f)
	}
	slices.SortFunc(groups, func(a, b group) int {
		return strings.Compare(a.id+"\x00"+string(a.severity), b.id+"\x00"+string(b.severity))
	})
	return groups
}

// adapt gives a line for each kind of finding. The second place with the same
// problem costs less than the first, the third less than the second.
func (e *estimate) adapt() {
	groups := e.groups(factor.Blocker, factor.Change)
	for _, g := range groups {
		e.line(Adapt, e.m.adapting(g).times(repeated(len(g.findings), e.m.Adapt.Repeat)), g.why())
	}
	if len(groups) == 0 && e.w.Class == factor.Adapt {
		e.line(Adapt, e.m.least(), "no finding names the work: the least that any adaptation takes")
	}
}

// adapting is the work for the first finding of a group.
func (m *Model) adapting(g group) Point {
	if p, ok := m.Adapt.Findings[g.id]; ok {
		return p
	}
	if g.severity == factor.Blocker {
		return m.Adapt.Blocker
	}
	return m.Adapt.Change
}

// least is the smallest of each number over all findings. It stands in where an
// adaptation is needed but not named, so that naming it never makes it cheaper.
func (m *Model) least() Point {
	least := m.Adapt.Change
	for _, p := range append(slices.Collect(maps.Values(m.Adapt.Findings)), m.Adapt.Blocker) {
		least.Optimistic = min(least.Optimistic, p.Optimistic)
		least.Likely = min(least.Likely, p.Likely)
		least.Pessimistic = min(least.Pessimistic, p.Pessimistic)
	}
	return least
}

// repeated is 1 + r + r*r ... with n terms.
func repeated(n int, r float64) float64 {
	sum, term := 0.0, 1.0
	for range n {
		sum += term
		term *= r
	}
	return sum
}

func (e *estimate) redesign() {
	if e.w.Class != factor.Hard {
		return
	}
	var ids []string
	for _, g := range e.groups(factor.Blocker) {
		ids = append(ids, g.id)
	}
	why := "the live state would disagree with the new code: another way to the fix must be found"
	if len(ids) > 0 {
		why += "; because of " + strings.Join(ids, ", ")
	}
	e.line(Redesign, e.m.Redesign, why)
}

// payload gives the lines for building, testing and reviewing a live patch.
func (e *estimate) payload() {
	m, hard := e.m, e.w.Class == factor.Hard
	e.line(Build, m.Build, "one payload for this base")

	functions := max(0, e.w.Functions)
	test := m.Test.Payload.plus(m.Test.Functions.times(min(float64(functions), m.Test.MaxFunctions) / 10))
	why := "load, apply, provoke, revert; " + count(functions, "changed function", "changed functions")
	if hard {
		test, why = test.plus(m.Test.Hard), why+"; with live state of guests at stake"
	}
	e.line(Test, test, why)

	review := m.Review.Payload.plus(m.Review.Lines.times(e.hundreds()))
	why = "a second person over " + e.lines()
	var ids []string
	for _, g := range e.groups(factor.Review) {
		first, listed := m.Review.Findings[g.id]
		if !listed {
			first = m.Review.Finding
		}
		review = review.plus(first.times(repeated(len(g.findings), m.Review.Repeat)))
		ids = append(ids, times(g.id, len(g.findings)))
	}
	if len(ids) > 0 {
		why += "; to look at: " + strings.Join(ids, ", ")
	}
	if hard {
		review, why = review.plus(m.Review.Hard), why+"; a redesign needs a senior"
	}
	e.line(Review, review, why)
}

// note is for what does not go out as a live patch.
func (e *estimate) note() {
	switch {
	case slices.Contains(e.w.Scope, "toolstack"):
		e.line(Note, e.m.Note.Toolstack, "the toolstack part goes out as a package; say which daemons to restart")
	case e.w.Class == factor.NotNeeded:
		e.line(Note, e.m.Note.Nothing, "say why this base needs no live patch")
	}
}

// why names the places of a group, the first few of them, and the remedy.
func (g *group) why() string {
	const most = 3
	var places []string
	for _, f := range g.findings {
		if p := f.Place(); p != "" && !slices.Contains(places, p) {
			places = append(places, p)
		}
	}
	s := times(g.id, len(g.findings))
	if len(places) > most {
		places = append(places[:most:most], fmt.Sprintf("%d more", len(places)-most))
	}
	if len(places) > 0 {
		s += ": " + strings.Join(places, ", ")
	}
	if r := g.findings[0].Remedy; r != "" {
		s += "; remedy: " + r
	}
	return s
}

func times(id string, n int) string {
	if n == 1 {
		return id
	}
	return fmt.Sprintf("%s (%d times)", id, n)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
