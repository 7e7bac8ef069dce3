package revision

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"lpready/analyze/advisory"
)

// updates are the texts UPDATES IN VERSION n of the versions after the old one,
// as far as they are at hand.
func updates(old, new *advisory.Advisory) []string {
	if new == nil {
		return nil
	}
	from := 0
	if old != nil {
		from = old.Version
	}
	var list []string
	for _, a := range append(slices.Clone(new.Older), new) {
		if a.Updates != "" && (a == new || a.Version > from) {
			list = append(list, fmt.Sprintf("version %d: %s", a.Version, strings.Join(strings.Fields(a.Updates), " ")))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// filler are words that leave a statement what it is.
const filler = `(?: (?:a|an|the|all|some|of|to|in|for|and|further|additional|more|missing|new|review|our|impact|issue|vulnerable|systems|mitigation|tags?|text|section|description|patch|patches|series|title|numbers?|cves?|cve-[\d-]+))*`

var (
	sentence = regexp.MustCompile(`[^.;\n]+(?:\([^)]*\))?`)
	// harmless are statements after which nothing but text is expected to differ:
	// all words of them are known.
	harmless = regexp.MustCompile(`(?i)^\s*(?:` + strings.Join([]string{
		`public(?:ly)? released?`,
		`(?:add(?:ed)?|updated?|include[sd]?|collect(?:ed)?)` + filler + ` (?:tags?|acks?|cves?(?: numbers?)?|credits?|reviewed-by|acked-by|metadata)` + filler,
		`(?:a )?cves?(?: numbers?)?` + filler + ` (?:assigned|allocated)`,
		`(?:fix(?:ed)?|correct(?:ed)?|clarif(?:y|ied)|reword(?:ed)?|updated?|tid(?:y|ied))` + filler + ` (?:wording|typos?|spelling|text|title|credits?|description|commit messages?|embargo|dates?)` + filler,
		`there (?:was|were|is|are) no functional (?:issues?|changes?).*`, `no functional (?:issues?|changes?).*`,
		`no changes? (?:to|in) the (?:patch|patches|code)`, `white ?space(?: only| changes?)?`,
	}, "|") + `)\s*$`)
	// denial is a statement that code stays as it is.
	denial = regexp.MustCompile(`(?i)\bno functional (?:issues?|changes?)|no changes? (?:to|in) the (?:patch|patches|code)`)
	// verb and noun together are a statement that patches differ.
	verb = regexp.MustCompile(`(?i)\b(?:fix(?:ed|es)?|rework(?:ed)?|new|revised?|replac\w+|correct(?:ed)?|updated?|re-?bas\w+|chang\w+|backport\w*|provide\w*)\b`)
	noun = regexp.MustCompile(`(?i)\b(?:patch(?:es)?|backports?|series|code)\b`)
)

// onlyText tells whether a text UPDATES promises that nothing but tags and text
// differs: each statement of it is one that is known to.
func onlyText(says string) bool {
	_, says, _ = strings.Cut(says, ": ")
	if denial.MatchString(says) {
		return true
	}
	statements := sentence.FindAllString(says, -1)
	if len(statements) == 0 {
		return false
	}
	return !slices.ContainsFunc(statements, func(s string) bool {
		return strings.TrimSpace(s) != "" && !harmless.MatchString(s)
	})
}

// contradictions compare what the advisory says with what was found. touched
// tells whether any patch of the advisory differs at all.
func contradictions(r *Revision, old, new *advisory.Advisory, touched bool) []string {
	var list []string
	for _, s := range r.Says {
		switch {
		case onlyText(s) && r.Kind == Code:
			list = append(list, fmt.Sprintf("it says %q, but code differs: %s", statement(s), places(r.Changes)))
		case onlyText(s) && r.Kind == Unknown:
			list = append(list, fmt.Sprintf("it says %q, which could not be confirmed", statement(s)))
		case !onlyText(s) && verb.MatchString(statement(s)) && noun.MatchString(statement(s)) && !touched:
			list = append(list, fmt.Sprintf("it says %q, but no patch of it differs by a byte", statement(s)))
		}
	}
	if old == nil || new == nil || old.XSA != new.XSA {
		return list
	}
	if old.Version == new.Version && touched {
		list = append(list, fmt.Sprintf("both say version %d, but their patches differ", new.Version))
	}
	if new.Version < old.Version {
		list = append(list, fmt.Sprintf("version %d was given as the old one, version %d as the new one", old.Version, new.Version))
	}
	return list
}

func statement(says string) string {
	_, text, _ := strings.Cut(says, ": ")
	return text
}

// places lists where code differs.
func places(changes []Change) string {
	var list []string
	for _, c := range changes {
		if c.Kind == Code {
			list = append(list, c.place())
		}
	}
	return some(list)
}

// place names where a change is.
func (c Change) place() string {
	switch {
	case c.Function == "":
		return c.File
	case c.File == "":
		return c.Function
	}
	return c.Function + " in " + c.File
}

// some lists at most four.
func some(names []string) string {
	const most = 4
	if more := len(names) - most; more > 1 {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, ", ")
}

// sections lists the headings of an advisory's text under which two versions
// differ, in the order of the new one. UPDATES and the list of checksums, which
// always do, do not count.
func sections(old, new *advisory.Advisory) []string {
	if old == nil || new == nil {
		return nil
	}
	var list []string
	add := func(name string, was, is string) {
		if squeeze(was) != squeeze(is) && !strings.HasPrefix(name, "UPDATES") && name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	add("title", old.Title, new.Title)
	add("CVEs", strings.Join(old.CVEs, " "), strings.Join(new.CVEs, " "))
	for _, s := range new.Sections {
		add(s.Name, old.Section(s.Name), s.Text)
	}
	for _, s := range old.Sections {
		if new.Section(s.Name) == "" {
			add(s.Name, s.Text, "")
		}
	}
	return list
}

// squeeze folds white space and drops checksums.
func squeeze(s string) string {
	return strings.Join(strings.Fields(sumLine.ReplaceAllString(s, "")), " ")
}

var sumLine = regexp.MustCompile(`(?m)^\s*([0-9a-fA-F]{64})\s+\*?(\S+)\s*$`)

// A listing says which content each patch of an advisory has: by its data, or by
// the checksums that the text lists.
func listing(e *advisory.Entry) map[string]string {
	sums := map[string]string{}
	if e.Advisory != nil {
		for _, s := range e.Advisory.Sections {
			for _, m := range sumLine.FindAllStringSubmatch(s.Text, -1) {
				sums[m[2]] = strings.ToLower(m[1])
			}
		}
	}
	for _, name := range filesOf(e) {
		if data, ok := e.Patch(name); ok {
			sums[name] = digest(data)
		}
	}
	return sums
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// touched tells whether any patch of an item differs from the version before.
func touched(old, new *advisory.Entry) bool {
	contents := func(e *advisory.Entry) []string {
		var list []string
		for name, sum := range listing(e) {
			if !strings.HasSuffix(name, ".meta") {
				list = append(list, sum)
			}
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	return !slices.Equal(contents(old), contents(new))
}
