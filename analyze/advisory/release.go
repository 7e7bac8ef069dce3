package advisory

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A release is a Xen stable branch on an axis that can be compared:
// major*1000+minor, so 4.17 is 4017. Zero is no release.
type release int

const (
	oldest   release = 1
	unstable release = 1 << 30 // the development branch, newer than any release
)

var unstableNames = map[string]bool{"unstable": true, "master": true, "staging": true, "xen-unstable": true}

var releaseNumber = regexp.MustCompile(`^(?:xen|staging|stable|release)?[-_ ]?v?(\d{1,3})\.(\d{1,3})(?:\.(?:\d+|x))?(?:[^0-9.].*)?$`)

// parseRelease reads "4.17", "4.17.x", "4.17.5+72-g0114", "xen-4.17",
// "staging-4.17", "unstable" or "master".
func parseRelease(s string) (release, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if unstableNames[s] {
		return unstable, true
	}
	m := releaseNumber.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major == 0 {
		return 0, false
	}
	return release(major*1000 + minor), true
}

func (r release) String() string {
	switch r {
	case 0:
		return ""
	case unstable:
		return "unstable"
	}
	return fmt.Sprintf("%d.%d", r/1000, r%1000)
}

// A span is a closed range of releases. The zero span is "whatever the
// version", as for patches of other trees.
type span struct{ from, to release }

var anyRelease = span{}

func (s span) covers(r release) bool { return s == anyRelease || s.from <= r && r <= s.to }

// nearest is the release of s that lies closest to r.
func (s span) nearest(r release) release { return min(max(r, s.from), s.to) }

func (s span) String() string {
	switch {
	case s == anyRelease:
		return ""
	case s.from == s.to:
		return s.to.String()
	case s == span{oldest, unstable}:
		return "all"
	case s.from == oldest:
		return s.to.String() + " and older"
	case s.to == unstable-1:
		return s.from.String() + " and newer"
	}
	return s.to.String() + " - " + s.from.String()
}

// versionToken cuts a version list, in lower case, into range separators,
// releases, words and punctuation.
var versionToken = regexp.MustCompile(`\.{2,}|…|–|—|xen-unstable|v?\d+(?:\.(?:\d+|x)\b)+|\pL[\pL\pN_.+*/-]*[\pL\pN_+*/]|[^\s]`)

// A coverage is what the right side of a line of the RESOLUTION says.
type coverage struct {
	tree  string // "xen" unless the text names another
	spans []span // none where the versions are not Xen's, or none was understood
	odd   []string
}

// parseCoverage reads "xen-unstable - Xen 4.16.x", "Xen 4.20.x - Xen 4.19.x",
// "4.11.x ... 4.7.x", "xen-unstable, 4.12.x", "Xen 4.9 and older",
// "Linux 5.9-stable - 5.12-rc" and the like. Words that it does not know are
// returned in odd, so that nothing is misread without a trace.
func parseCoverage(text string) coverage {
	c := coverage{tree: "xen"}
	if tree := treeAt(text); tree != "" {
		c.tree = tree
		if !strings.HasPrefix(tree, "qemu") {
			return c // other trees have version numbers of their own
		}
	}
	open := false // the last token was a range separator
	for _, tok := range versionToken.FindAllString(strings.ToLower(text), -1) {
		last := len(c.spans) - 1
		if r, ok := parseRelease(tok); ok {
			if open {
				s := c.spans[last]
				c.spans[last] = span{min(s.from, r), max(s.to, r)}
			} else {
				c.spans = append(c.spans, span{r, r})
			}
			open = false
			continue
		}
		switch tok {
		case "-", "–", "—", "...", "..", "…", "to", "through", "until", "down":
			open = last >= 0
		case ",", ";", "&":
			open = false
		case "and", "or", "(", ")", "xen", "version", "versions", "branch", "branches", "stable", "for", "only":
		case "all", "any":
			c.spans = append(c.spans, span{oldest, unstable})
		default:
			if last < 0 || !c.spans[last].stretch(tok) {
				c.odd = append(c.odd, tok)
			}
		}
	}
	if len(c.spans) == 0 && strings.EqualFold(strings.TrimSpace(text), "xen") {
		c.spans = []span{{oldest, unstable}}
	}
	if open {
		c.odd = append(c.odd, "an open range")
	}
	if c.tree != "xen" {
		c.odd = nil // other trees have names of their own for their branches
	}
	return c
}

// stretch opens a span at one end, for a word that says so.
func (s *span) stretch(word string) bool {
	switch word {
	case "earlier", "older", "before", "below", "previous":
		s.from = oldest
	case "later", "newer", "onwards", "onward", "above", "+":
		s.to = unstable
	default:
		return false
	}
	return true
}

// trees maps how file names and the RESOLUTION begin for another tree than
// Xen's. Only a name in the right place counts: a Xen patch may well mention
// Linux.
var trees = []struct {
	start *regexp.Regexp
	tree  string
}{
	{treeStart(`qemut|qemu-trad(itional)?|qemu-xen-trad(itional)?|trad(itional)?`), "qemu-traditional"},
	{treeStart(`qemuu|qemu(-?xen|-?upstream)?`), "qemu-xen"},
	{treeStart(`linux`), "linux"},
	{treeStart(`mini-?os`), "mini-os"},
	{treeStart(`freebsd`), "freebsd"},
	{treeStart(`ovmf|edk2`), "ovmf"},
	{treeStart(`xapi|xen-?api`), "xapi"},
	{treeStart(`windows|win-?pv`), "windows-pv-drivers"},
}

func treeStart(words string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)^[(\s]*(?:` + words + `)(?:[^a-z]|$)`)
}

// treeAt returns the tree other than Xen that s begins with, or "".
func treeAt(s string) string {
	for _, t := range trees {
		if t.start.MatchString(s) {
			return t.tree
		}
	}
	return ""
}
