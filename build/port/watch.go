package port

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lpready/analyze/patch"
)

var fixesLine = regexp.MustCompile(`(?im)^\s*Fixes:\s*(?:commit\s+)?([0-9a-f]{7,40})?\s*(?:\(?\s*[“"']?(.*?)["'”]?\s*\)?)\s*$`)

// watch lists the commits after the base that fix a commit of the recipe, fix
// such a fix, or name its XSA. They are looked for in the branch of the base's
// version and in the development branch.
func (s *series) watch(j *job) error {
	up := s.req.Upstream
	from, err := s.baseCommit()
	if err != nil || from == "" {
		return err
	}
	var all []*commit
	for _, version := range slices.Compact([]string{s.base.Xen, "unstable"}) {
		_, tip, err := up.branch(s.ctx, version)
		if err != nil {
			return err
		}
		if tip == "" {
			continue
		}
		list, err := up.between(s.ctx, from, tip)
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	known := newLineage(j.patches)
	for _, c := range all {
		if slices.ContainsFunc(j.patches, func(p patch.Patch) bool { return c.is(&p) }) {
			known.add(c)
		}
	}
	why := map[*commit]string{}
	var found []*commit
	for grown := true; grown; {
		grown = false
		for _, c := range all {
			if why[c] != "" || known.own[c] {
				continue
			}
			reason := known.fixedBy(c)
			if reason == "" && names(c, j.entry.XSA) {
				reason = fmt.Sprintf("it names XSA-%d", j.entry.XSA)
			}
			if reason != "" {
				why[c], grown = reason, true
				found = append(found, c)
				known.hashes = append(known.hashes, c.hash)
				known.hashes = append(known.hashes, origins(c.message)...)
				known.subjects = append(known.subjects, c.subject)
			}
		}
	}
	return s.report(j, found, why)
}

// report lists fixes, the oldest first, with how each of them fits. A commit
// and its backports are one: the one that fits the base's own branch counts.
func (s *series) report(j *job, found []*commit, why map[*commit]string) error {
	if err := s.req.Upstream.read(s.ctx, found); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range found {
		if seen[c.subject] {
			continue
		}
		seen[c.subject] = true
		fix := Fix{Commit: c.hash, Subject: c.subject, Date: c.date, Why: why[c], Status: Unknown}
		if p := s.req.Upstream.patch(c); p != nil && s.ground != nil {
			fix.Status = s.ground.try(s.now, []patch.Patch{*p}).status
		}
		j.cell.Port.Watch = append(j.cell.Port.Watch, fix)
	}
	slices.SortStableFunc(j.cell.Port.Watch, func(a, b Fix) int { return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.Commit, b.Commit)) })
	return nil
}

// A lineage is under what hashes and subjects the commits of a recipe are known.
type lineage struct {
	hashes, subjects []string
	own              map[*commit]bool
}

func newLineage(patches []patch.Patch) *lineage {
	l := &lineage{own: map[*commit]bool{}}
	for _, p := range patches {
		if p.Header.Commit != "" {
			l.hashes = append(l.hashes, p.Header.Commit)
		}
		l.hashes = append(l.hashes, origins(p.Header.Body)...)
		if p.Header.Subject != "" {
			l.subjects = append(l.subjects, p.Header.Subject)
		}
	}
	return l
}

func (l *lineage) add(c *commit) {
	l.own[c] = true
	l.hashes = append(append(l.hashes, c.hash), origins(c.message)...)
}

// fixedBy tells by which line a commit says that it fixes one of the lineage.
func (l *lineage) fixedBy(c *commit) string {
	for _, m := range fixesLine.FindAllStringSubmatch(c.message, -1) {
		hash, subject := strings.ToLower(m[1]), m[2]
		if hash != "" && slices.ContainsFunc(l.hashes, func(h string) bool {
			return strings.HasPrefix(h, hash) || len(h) < len(hash) && strings.HasPrefix(hash, h)
		}) ||
			subject != "" && slices.Contains(l.subjects, subject) {
			return strings.Join(strings.Fields(m[0]), " ")
		}
	}
	return ""
}

// names tells whether a commit names an XSA.
func names(c *commit, xsa int) bool {
	return xsa > 0 && slices.ContainsFunc(statesXSA.FindAllStringSubmatch(c.message, -1), func(m []string) bool {
		n, err := strconv.Atoi(m[1])
		return err == nil && n == xsa
	})
}
