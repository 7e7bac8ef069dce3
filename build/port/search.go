package port

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lpready/analyze/patch"
)

// A search looks for the fewest commits of a range that make a recipe apply.
//
// It rests on this: if the commits of a set apply in order but a hunk of one of
// them, or of the recipe, does not find its lines, then every larger set that
// works holds a further commit before it that changes that file, and more
// exactly one that adds a line that the hunk wants and the file lacks. So each
// failure leaves few commits to choose from, mostly one; choices are tried
// depth first for a set that works, from which members are then dropped one by
// one, and after that breadth first for a smaller one. Every set that is
// reported was applied whole. Budgets count what is applied, not time, so that
// two runs find the same.
type search struct {
	ctx    context.Context
	up     *Upstream
	ground *ground
	from   *patch.Tree
	goal   []patch.Patch
	pool   []*commit                          // oldest first
	has    map[string][]int                   // file: members of pool that touch it
	adds   map[int]map[string]map[string]bool // by member of pool, file and line
	there  map[int]int                        // parts of the goal that were there before
	must   []int                              // members that belong to every set
	trees  map[string]*patch.Tree             // by key of a set, all of which applied
	done   map[string]bool                    // sets that were looked at
	tried  int                                // sets that were applied
	effort int                                // file changes that were applied
	limit  int                                // of effort
	why    string                             // the first dead end
}

// Budgets, in file changes that are applied; a file change takes about a third
// of a millisecond.
const (
	maxDive  = 20_000 // to find any set
	maxProve = 20_000 // to find a smaller one
	maxDepth = 64     // commits in a set
	maxTrees = 4096   // trees that are kept
)

// A found is a set of commits, by index in the pool, that was applied together
// with the recipe.
type found struct {
	set      []int
	smallest bool // no smaller set exists
}

func (s *search) run() (*found, error) {
	s.has, s.adds = map[string][]int{}, map[int]map[string]map[string]bool{}
	s.trees, s.done = map[string]*patch.Tree{}, map[string]bool{}
	for i, c := range s.pool {
		for _, f := range c.files {
			s.has[f] = append(s.has[f], i)
		}
	}
	first := s.ground.try(s.from, s.goal)
	s.there = first.presence()
	s.limit = maxDive
	set, ok, err := s.dive(s.must)
	if err != nil || !ok {
		return nil, err
	}
	if set, err = s.reduce(set); err != nil {
		return nil, err
	}
	s.limit = s.effort + maxProve
	smaller, complete, err := s.shrink(len(set))
	if err != nil {
		return nil, err
	}
	if smaller != nil {
		set = smaller
	}
	return &found{set, complete}, nil
}

// presence counts, for each patch, what of it was there already.
func (t *trial) presence() map[int]int {
	out := map[int]int{}
	for i, p := range t.parts {
		if p.status == patch.Applied {
			out[i] = 1 << 20
		} else if len(p.there) > 0 {
			out[i] = len(p.there)
		}
	}
	return out
}

// reached tells whether the recipe applies; what of it was not there before the
// commits must not be there through them either.
func (s *search) reached(t *trial) bool {
	if !t.usable() {
		return false
	}
	for i, n := range t.presence() {
		if n > s.there[i] {
			return false
		}
	}
	return true
}

func key(set []int) string {
	var b strings.Builder
	for _, i := range set {
		fmt.Fprintf(&b, "%x,", i)
	}
	return b.String()
}

// A failure is where a set does not apply: at which member, len(set) for the
// recipe, and how.
type failure struct {
	member int
	tree   *patch.Tree // that it was applied to
	places []place
	either bool // a change at one of the places is enough; otherwise each needs one
}

// apply applies the commits of a set and then the recipe. A nil failure means
// that all of it applied.
func (s *search) apply(set []int) (*failure, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	s.tried++
	tree, start := s.from, 0
	for n := len(set); n > 0; n-- {
		if known := s.trees[key(set[:n])]; known != nil {
			tree, start = known, n
			break
		}
	}
	for n := start; n < len(set); n++ {
		p := s.up.patch(s.pool[set[n]])
		if p == nil {
			return &failure{member: n, tree: tree}, nil
		}
		p, _ = s.ground.within(p)
		s.effort += len(p.Files)
		next := tree.Fork()
		report, err := next.Apply(p)
		if err != nil {
			return nil, err
		}
		if !report.OK() {
			t := trial{parts: []part{{patch: p, status: report.Status(), report: report}}}
			return &failure{member: n, tree: tree, places: t.places()}, nil
		}
		if tree = next; len(s.trees) < maxTrees {
			s.trees[key(set[:n+1])] = tree
		}
	}
	t := s.ground.try(tree, s.goal)
	for _, p := range t.parts {
		s.effort += len(p.patch.Files)
	}
	switch {
	case t.problem != "":
		return nil, fmt.Errorf("%s", t.problem)
	case s.reached(t):
		return nil, nil
	}
	if t.failed < 0 {
		return &failure{member: len(set), tree: t.tree, places: s.doubled(t), either: true}, nil
	}
	return &failure{member: len(set), tree: t.tree, places: t.places()}, nil
}

// doubled lists the files of a patch of the goal of which a part is there
// already through the commits of a set: some other commit has to change one.
func (s *search) doubled(t *trial) (out []place) {
	for i, n := range t.presence() {
		if n > s.there[i] {
			p := t.parts[i].patch
			for k := range p.Files {
				out = append(out, place{patch: p, file: &p.Files[k], name: p.Files[k].Name(), reason: "there already"})
			}
			return out
		}
	}
	return out
}

// choices lists the commits of which every larger set that works holds at
// least one, the most promising first. There are none in a dead end.
func (s *search) choices(set []int, f *failure) ([]int, error) {
	end := len(s.pool)
	if f.member < len(set) {
		end = set[f.member]
	}
	free := func(i int) bool { return i < end && !slices.Contains(set, i) }
	var best []int
	if f.either {
		for _, p := range f.places {
			best = append(best, slices.DeleteFunc(slices.Clone(s.has[p.name]), func(i int) bool { return !free(i) })...)
		}
		slices.Sort(best)
		best = slices.Compact(best)
		return best, s.load(best)
	}
	score := map[int]int{}
	for n := range f.places {
		p := &f.places[n]
		touching := slices.DeleteFunc(slices.Clone(s.has[p.name]), func(i int) bool { return !free(i) })
		if old := p.file.OldName; old != p.name {
			for _, i := range s.has[old] {
				if free(i) && !slices.Contains(touching, i) {
					touching = append(touching, i)
				}
			}
		}
		if err := s.load(touching); err != nil {
			return nil, err
		}
		list, lacking := s.providers(p, f.tree, touching, score)
		if n == 0 || len(list) < len(best) {
			best = list
		}
		if len(list) == 0 {
			if s.why == "" {
				s.why = s.deadEnd(set, f, p, lacking)
			}
			return nil, nil
		}
	}
	slices.SortStableFunc(best, func(a, b int) int { return cmp.Or(cmp.Compare(score[b], score[a]), cmp.Compare(b, a)) })
	return best, nil
}

// providers picks, of the commits that touch a file, those that can help a
// place, and adds to their score. Lacking is a line that the smallest choice
// was made by, if any.
func (s *search) providers(p *place, tree *patch.Tree, touching []int, score map[int]int) (list []int, lacking string) {
	data, err := tree.ReadFile(p.name)
	if err != nil || p.hunk == nil || p.reason != lost || p.repeated() {
		return touching, ""
	}
	want := map[string]bool{}
	var old strings.Builder
	for _, l := range p.hunk.Lines {
		if l.Op != patch.Add {
			want[l.Text] = true
			old.WriteString(l.Text)
		}
	}
	if strings.Contains(string(data), old.String()) {
		return touching, "" // found, but not where it may be
	}
	present := map[string]bool{}
	for l := range strings.Lines(string(data)) {
		if want[l] {
			present[l] = true
		}
	}
	seen := map[string]bool{}
	chosen := false
	for _, l := range p.hunk.Lines {
		if l.Op == patch.Add || present[l.Text] || seen[l.Text] {
			continue
		}
		seen[l.Text] = true
		var adding []int
		for _, i := range touching {
			if s.added(i, p.name)[l.Text] || s.moves(i, p.name) {
				adding = append(adding, i)
				if len(strings.TrimSpace(l.Text)) > 3 {
					score[i]++
				}
			}
		}
		if !chosen || len(adding) < len(list) {
			chosen, list, lacking = true, adding, l.Text
		}
	}
	if chosen {
		return list, lacking
	}
	// All its lines are there, but not together: something has to go from
	// between them, or one of them has to come again.
	for _, i := range touching {
		if n := s.joins(i, p.name, want); n > 0 || s.moves(i, p.name) {
			list = append(list, i)
			score[i] += n
		}
	}
	return list, ""
}

// repeated tells whether the patch changes the file in several goes, so that
// what a hunk finds is not what the tree holds.
func (p *place) repeated() bool {
	n := 0
	for i := range p.patch.Files {
		if f := &p.patch.Files[i]; f.Name() == p.file.Name() || f.OldName == p.file.OldName {
			n++
		}
	}
	return n > 1
}

// lost is the reason that patch gives where a hunk does not find its lines.
const lost = "its old lines are not there"

// joins counts the lines of a hunk next to which a commit changes something.
func (s *search) joins(i int, name string, want map[string]bool) (n int) {
	for _, f := range s.filesOf(i) {
		if f.Name() != name && f.OldName != name {
			continue
		}
		for _, h := range f.Hunks {
			for k, l := range h.Lines {
				edge := l.Op != patch.Add && (k+1 < len(h.Lines) && h.Lines[k+1].Op == patch.Delete || k > 0 && h.Lines[k-1].Op == patch.Delete)
				bare := l.Op == patch.Delete && (k == 0 || k == len(h.Lines)-1)
				if want[l.Text] && (l.Op == patch.Add || edge) || bare {
					n++
				}
			}
		}
	}
	return n
}

// added is the set of lines that a commit adds to a file.
func (s *search) added(i int, name string) map[string]bool {
	if s.adds[i] == nil {
		s.adds[i] = map[string]map[string]bool{}
		for _, f := range s.filesOf(i) {
			set := s.adds[i][f.Name()]
			if set == nil {
				set = map[string]bool{}
				s.adds[i][f.Name()] = set
			}
			for _, h := range f.Hunks {
				for _, l := range h.Lines {
					if l.Op == patch.Add {
						set[l.Text] = true
					}
				}
			}
		}
	}
	return s.adds[i][name]
}

// moves tells whether a commit brings a file to a name from another.
func (s *search) moves(i int, name string) bool {
	return slices.ContainsFunc(s.filesOf(i), func(f patch.File) bool { return (f.Renamed || f.Copied) && f.NewName == name })
}

func (s *search) filesOf(i int) []patch.File {
	if p := s.up.patch(s.pool[i]); p != nil {
		return p.Files
	}
	return nil
}

// load reads the texts of members of the pool.
func (s *search) load(members []int) error {
	list := make([]*commit, len(members))
	for n, i := range members {
		list[n] = s.pool[i]
	}
	return s.up.read(s.ctx, list)
}

// deadEnd words why nothing can help.
func (s *search) deadEnd(set []int, f *failure, p *place, lacking string) string {
	who := p.patch.Name
	if f.member < len(set) {
		who += " (" + s.pool[set[f.member]].subject + ")"
	}
	where := p.name
	if p.number > 0 {
		where += fmt.Sprintf(", hunk %d", p.number)
	}
	if lacking != "" {
		return fmt.Sprintf("no commit of the range adds the line %q, which %s needs in %s", strings.TrimSpace(lacking), who, where)
	}
	return fmt.Sprintf("no commit of the range changes what %s needs in %s", who, where)
}

// with is a set with one more member.
func with(set []int, member int) []int {
	at, _ := slices.BinarySearch(set, member)
	return slices.Insert(slices.Clone(set), at, member)
}

// dive looks depth first for a set that works and holds all of the given one.
func (s *search) dive(set []int) ([]int, bool, error) {
	switch {
	case s.done[key(set)]:
		return nil, false, nil
	case len(set) > maxDepth:
		s.why = fmt.Sprintf("gave up: more than %d commits would have to come first", maxDepth)
		return nil, false, nil
	case s.effort > s.limit:
		s.why = cmp.Or(s.why, "gave up: too many sets to try")
		return nil, false, nil
	}
	s.done[key(set)] = true
	f, err := s.apply(set)
	if err != nil {
		return nil, false, err
	}
	if f == nil {
		return set, true, nil
	}
	next, err := s.choices(set, f)
	if err != nil {
		return nil, false, err
	}
	for _, i := range next {
		if full, ok, err := s.dive(with(set, i)); ok || err != nil {
			return full, ok, err
		}
	}
	return nil, false, nil
}

// reduce drops members without which the rest still works, the latest first,
// until none is left that can go.
func (s *search) reduce(set []int) ([]int, error) {
	for dropped := true; dropped; {
		dropped = false
		for n := len(set) - 1; n >= 0; n-- {
			if slices.Contains(s.must, set[n]) {
				continue
			}
			less := slices.Delete(slices.Clone(set), n, n+1)
			f, err := s.apply(less)
			if err != nil {
				return nil, err
			}
			if f == nil {
				set, dropped = less, true
			}
		}
	}
	return set, nil
}

// shrink looks breadth first for a set of fewer than most members. It is
// complete where it looked at all that could be one.
func (s *search) shrink(most int) (set []int, complete bool, err error) {
	s.done = map[string]bool{}
	level := [][]int{s.must}
	for size := len(s.must); size < most && len(level) > 0; size++ {
		var next [][]int
		for _, set := range level {
			if s.effort > s.limit {
				return nil, false, nil
			}
			f, err := s.apply(set)
			if err != nil {
				return nil, false, err
			}
			if f == nil {
				return set, true, nil
			}
			more, err := s.choices(set, f)
			if err != nil {
				return nil, false, err
			}
			for _, i := range more {
				if w := with(set, i); size+1 < most && !s.done[key(w)] {
					s.done[key(w)] = true
					next = append(next, w)
				}
			}
		}
		level = next
	}
	return nil, true, nil
}
