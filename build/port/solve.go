package port

import (
	"cmp"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"lpready/analyze/patch"
)

// solve looks for upstream commits that make a job fit, and places both.
func (s *series) solve(j *job) (bool, error) {
	r, err := s.span(j)
	j.search = &r.Search
	if err != nil || r.pool == nil {
		return false, err
	}
	if got, err := s.look(j, r, s.now); err != nil {
		return false, err
	} else if got != nil {
		return s.adopt(j, r, got, s.steps, nil), nil
	}
	if len(s.steps) == 0 {
		return false, nil
	}
	// What was placed before may be in the way: try without, and then with the
	// commits in front of all.
	why := j.search.Why
	got, err := s.look(j, r, s.ground.tree)
	if err != nil {
		return false, err
	}
	if got == nil {
		j.search.Why = why
		return false, nil
	}
	if s.adopt(j, r, got, nil, s.steps) {
		return true, nil
	}
	s.separate(j, r, got)
	return false, nil
}

// look searches on a tree.
func (s *series) look(j *job, r *span, from *patch.Tree) (*found, error) {
	search := &search{ctx: s.ctx, up: s.req.Upstream, ground: s.ground, from: from, goal: j.patches, pool: r.pool, must: r.must}
	if err := search.load(r.must); err != nil {
		return nil, err
	}
	got, err := search.run()
	j.search.Tried += search.tried
	if got == nil {
		j.search.Why = search.why
		return nil, err
	}
	j.search.Found, j.search.Smallest, j.search.Why = true, got.smallest, ""
	return got, err
}

// commitSteps are the members of a set as steps.
func (s *series) commitSteps(r *span, set []int) []*step {
	var out []*step
	for _, i := range set {
		out = append(out, &step{commit: r.pool[i], patches: []patch.Patch{*s.req.Upstream.patch(r.pool[i])}})
	}
	return out
}

// adopt rebuilds the series with the commits between two lists of steps and
// the job at the end. It changes nothing where that does not apply.
func (s *series) adopt(j *job, r *span, got *found, before, after []*step) bool {
	all := slices.Concat(before, s.commitSteps(r, got.set), after, []*step{{job: j, patches: j.patches, text: j.files}})
	tree := s.ground.tree
	for n, st := range all {
		t := s.ground.try(tree, st.patches)
		if !t.usable() {
			return false
		}
		fresh := *st
		fresh.trial = t
		all[n], tree = &fresh, t.tree
	}
	s.steps, s.now = all, tree
	for _, st := range all {
		if st.job != nil {
			st.job.trial = st.trial
		}
	}
	j.placed = true
	return true
}

// separate reports a set that works on the base alone but not in the series.
func (s *series) separate(j *job, r *span, got *found) {
	steps := s.commitSteps(r, got.set)
	tree, stuck := s.replay(steps)
	if stuck != nil {
		return
	}
	if t := s.ground.try(tree, j.patches); t.usable() {
		s.explain(j, steps)
		j.cell.Port.Detail = append(j.cell.Port.Detail, "the prerequisites work on the base alone, not together with the rest of the batch")
	}
}

// A span is the range of commits in which prerequisites of a job may lie.
type span struct {
	Search
	pool []*commit
	must []int // members that the .meta file asks for
}

// span finds the range: from the base's commit to the one that the recipe was
// made for, without the fix itself and without what the base has already.
func (s *series) span(j *job) (*span, error) {
	r, up := new(span), s.req.Upstream
	var err error
	if r.From, err = s.baseCommit(); err != nil {
		return r, err
	}
	if r.From == "" {
		r.Why = "the base's upstream commit is not known: name it in the profile or by --commit"
		if s.base.Commit != "" {
			r.Why = fmt.Sprintf("the base's commit %s is not in %s", s.base.Commit, up.dir)
		}
		return r, nil
	}
	version := cmp.Or(j.recipe.Xen, s.base.Xen)
	if j.recipe.StableRef != "" {
		if r.To, err = up.resolve(s.ctx, j.recipe.StableRef); err != nil {
			return r, err
		}
		r.Until = "the StableRef of the recipe"
	}
	if r.To == "" {
		name, tip, err := up.branch(s.ctx, version)
		if err != nil {
			return r, err
		}
		if tip == "" {
			r.Why = fmt.Sprintf("there is no branch %s in %s", name, up.dir)
			return r, nil
		}
		r.To, r.Until = tip, "the tip of "+name
	}
	list, err := up.between(s.ctx, r.From, r.To)
	if err != nil {
		return r, err
	}
	if r.pool, err = s.lacking(list, r.From, r.To); err != nil {
		return r, err
	}
	own := slices.IndexFunc(r.pool, func(c *commit) bool {
		return slices.ContainsFunc(j.patches, func(p patch.Patch) bool { return c.is(&p) })
	})
	if own >= 0 {
		r.Until = fmt.Sprintf("the fix itself (%.12s)", r.pool[own].hash)
		r.pool = r.pool[:own]
	}
	r.Commits = len(r.pool)
	if len(r.pool) == 0 {
		r.pool, r.Why = nil, "there are no commits between the base and "+r.Until
	}
	for _, x := range j.recipe.Prereqs {
		if slices.ContainsFunc(s.jobs, func(o *job) bool { return o.entry.XSA == x }) {
			continue
		}
		for i, c := range r.pool {
			if c.states(x) {
				r.must = append(r.must, i)
			}
		}
	}
	slices.Sort(r.must)
	return r, nil
}

// lacking drops commits that the base has under another hash: backports with
// the same subject.
func (s *series) lacking(list []*commit, from, to string) ([]*commit, error) {
	other, err := s.req.Upstream.between(s.ctx, to, from)
	if err != nil || len(other) == 0 {
		return list, err
	}
	has := map[string]bool{}
	for _, c := range other {
		has[c.subject] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(c *commit) bool { return has[c.subject] }), nil
}

// baseCommit is the base's commit in the repository: the one that is known,
// else the release that the source says it is.
func (s *series) baseCommit() (string, error) {
	if s.base.Commit != "" {
		return s.req.Upstream.resolve(s.ctx, s.base.Commit)
	}
	if tag := releaseTag(s.base.Tree); tag != "" {
		return s.req.Upstream.resolve(s.ctx, "refs/tags/"+tag)
	}
	return "", nil
}

var versionLine = regexp.MustCompile(`(?m)^(?:export )?XEN_(VERSION|SUBVERSION|EXTRAVERSION) *[:?]?= *\.?([0-9]+)`)

// releaseTag is the tag of the release that a source says it is, "" where it
// does not say.
func releaseTag(tree fs.FS) string {
	data, err := fs.ReadFile(tree, "xen/Makefile")
	if err != nil {
		return ""
	}
	v := map[string]string{}
	for _, m := range versionLine.FindAllStringSubmatch(string(data), -1) {
		v[m[1]] = m[2]
	}
	if v["VERSION"] == "" || v["SUBVERSION"] == "" || v["EXTRAVERSION"] == "" {
		return ""
	}
	return fmt.Sprintf("RELEASE-%s.%s.%s", v["VERSION"], v["SUBVERSION"], v["EXTRAVERSION"])
}

var (
	pickedFrom = regexp.MustCompile(`(?im)^\s*\(?(?:cherry[- ]picked from commit|master commit:|upstream commit|backported from commit)\s+([0-9a-f]{12,40})`)
	statesXSA  = regexp.MustCompile(`(?i)\bXSA-?([0-9]{1,5})\b`)
	isXSA      = regexp.MustCompile(`(?im)^\s*this is (?:part (?:\d+ )?of )?[^.\n]*\bXSA-(\d{1,5})\b`)
)

// states tells whether a commit says that it is a fix of an XSA.
func (c *commit) states(xsa int) bool {
	return slices.ContainsFunc(isXSA.FindAllStringSubmatch(c.message, -1), func(m []string) bool { return m[1] == fmt.Sprint(xsa) })
}

// is tells whether a commit is the same change as a patch, by hash or subject.
func (c *commit) is(p *patch.Patch) bool {
	if p.Header.Subject != "" && p.Header.Subject == c.subject || p.Header.Commit == c.hash {
		return true
	}
	mine := origins(p.Header.Body)
	return slices.ContainsFunc(origins(c.message), func(h string) bool { return slices.Contains(mine, h) })
}

// origins are the commits that a message says it was taken from.
func origins(message string) (out []string) {
	for _, m := range pickedFrom.FindAllStringSubmatch(message, -1) {
		out = append(out, strings.ToLower(m[1]))
	}
	return out
}
