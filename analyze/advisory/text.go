package advisory

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	headingLine   = regexp.MustCompile(`(?m)^[ \t*]*Xen Security Advisory\b.*$`)
	versionLine   = regexp.MustCompile(`(?i)^\s*version\s+(\d{1,4})\s*$`)
	xsaNumber     = regexp.MustCompile(`(?i)\bXSA-(\d{1,5})\b`)
	plainNumber   = regexp.MustCompile(`(?i)Xen Security Advisory\s+(\d{1,5})\b(?:\s+v(?:ersion\s+)?(\d{1,4})\b)?`)
	cveNumber     = regexp.MustCompile(`\bCVE-\d{4}-\d{4,7}\b`)
	underline     = regexp.MustCompile(`^={3,}\s*$`)
	embargoLine   = regexp.MustCompile(`(?i)\bEMBARGO(?:ED)?\s+(?:UNTIL|ENDS(?:\s+(?:AT|ON))?)\s*:?\s*(\d{4}-\d{2}-\d{2})(?:[T ]+(\d{2}:\d{2})(?::\d{2})?)?`)
	sumLine       = regexp.MustCompile(`^\s*([0-9a-fA-F]{64})\s+\*?(\S+)\s*$`)
	subjectTitle  = regexp.MustCompile(`(?i)Xen Security Advisory\s+(?:XSA-)?\d+[^-(]*(?:\([^)]*\))?\s*-\s*(.+)$`)
	publicRelease = regexp.MustCompile(`(?im)^\s*Public release\b`)
)

// errNoAdvisory says that a text is something else.
var errNoAdvisory = errors.New("no heading \"Xen Security Advisory ... XSA-nnn\"")

// holdsAdvisory tells whether text has the heading of an advisory.
func holdsAdvisory(text []byte) bool {
	return bytes.Contains(text, []byte("Xen Security Advisory")) && headingLine.Match(text)
}

// A listedSum is a line of the sha256sum list.
type listedSum struct{ sha256, name string }

// maxText limits the text of an advisory, bytes; real ones stay below 64 KiB.
const maxText = 1 << 20

// parseText reads the text of an advisory, without armor. The error wraps
// errNoAdvisory where text is something else. Version is 0 where the text has none.
func parseText(text string) (*Advisory, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("an advisory of more than %d bytes", maxText)
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	lines := strings.Split(text, "\n")
	start := slices.IndexFunc(lines, headingLine.MatchString)
	if start < 0 {
		return nil, errNoAdvisory
	}
	a := &Advisory{}
	at, err := a.readHeading(lines, start)
	if err != nil {
		return nil, err
	}
	at = a.readTitle(lines, at)
	a.readSections(lines[at:])
	for name, field := range map[string]*string{
		"UPDATES IN VERSION": &a.Updates,
		"IMPACT":             &a.Impact,
		"VULNERABLE SYSTEMS": &a.Vulnerable,
		"MITIGATION":         &a.Mitigation,
		"RESOLUTION":         &a.Resolution,
		"DEPLOYMENT DURING":  &a.Deployment,
	} {
		*field = a.Section(name)
	}
	if m := embargoLine.FindStringSubmatch(text); m != nil {
		a.Public = embargoEnd(m[1], m[2])
	}
	a.readSums(lines[at:])
	a.readMap()
	return a, nil
}

// readHeading reads the heading, which may wrap, and the version that may
// follow it. It returns the line after them.
func (a *Advisory) readHeading(lines []string, at int) (int, error) {
	first := at + 1
	var heading strings.Builder
	for ; at < len(lines) && strings.TrimSpace(lines[at]) != "" && !versionLine.MatchString(lines[at]) && heading.Len() < 4096; at++ {
		heading.WriteString(strings.TrimSpace(lines[at]) + " ")
	}
	text := heading.String()
	if m := xsaNumber.FindStringSubmatch(text); m != nil {
		a.XSA, _ = strconv.Atoi(m[1])
	} else if m := plainNumber.FindStringSubmatch(text); m != nil {
		a.XSA, _ = strconv.Atoi(m[1])
		a.Version, _ = strconv.Atoi(m[2])
	}
	if a.XSA == 0 {
		return 0, fmt.Errorf("line %d: %w", first, errNoAdvisory)
	}
	a.CVEs = distinct(cveNumber.FindAllString(text, -1))
	next := skipBlank(lines, at)
	if next < len(lines) {
		if m := versionLine.FindStringSubmatch(lines[next]); m != nil {
			a.Version, _ = strconv.Atoi(m[1])
			return next + 1, nil
		}
	}
	return at, nil
}

// readTitle reads the paragraph between heading and first section.
func (a *Advisory) readTitle(lines []string, at int) int {
	var title []string
	for at = skipBlank(lines, at); at < len(lines); at++ {
		line := strings.TrimSpace(lines[at])
		if at+1 < len(lines) && underline.MatchString(lines[at+1]) {
			break
		}
		if embargoLine.MatchString(line) {
			continue
		}
		if line == "" {
			if len(title) > 0 {
				break
			}
			continue
		}
		title = append(title, strings.Fields(line)...)
	}
	a.Title = strings.Join(title, " ")
	return at
}

// readSections cuts the rest of the text at its underlined headings.
func (a *Advisory) readSections(lines []string) {
	current := Section{}
	var text []string
	flush := func() {
		current.Text = strings.Trim(strings.Join(text, "\n"), "\n")
		if current.Name != "" || strings.TrimSpace(current.Text) != "" {
			a.Sections = append(a.Sections, current)
		}
		text = text[:0]
	}
	for i := 0; i < len(lines); i++ {
		name := strings.TrimSpace(lines[i])
		if name != "" && i+1 < len(lines) && underline.MatchString(lines[i+1]) && !underline.MatchString(lines[i]) {
			flush()
			current = Section{Name: name}
			i++
			continue
		}
		text = append(text, strings.TrimRight(lines[i], " \t\r"))
	}
	flush()
}

// readSums reads the list that "sha256sum" printed. Names that could leave a
// folder are refused.
func (a *Advisory) readSums(lines []string) {
	for _, line := range lines {
		m := sumLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		name, err := cleanName(m[2])
		if err != nil {
			a.refused = append(a.refused, m[2])
			a.warn("the checksum list: %v", err)
			continue
		}
		a.sums = append(a.sums, listedSum{strings.ToLower(m[1]), name})
		a.sumNames.add(name)
	}
}

// readSubject takes from a mail's subject what the text lacks. The subject is
// not signed, so a version that it alone names is worth a warning.
func (a *Advisory) readSubject(subject string) {
	m := plainNumber.FindStringSubmatch(strings.Replace(subject, "XSA-", "", 1))
	if m == nil {
		return
	}
	if n, _ := strconv.Atoi(m[1]); n != a.XSA {
		a.warn("the subject says XSA-%d, the text XSA-%d", n, a.XSA)
		return
	}
	version, _ := strconv.Atoi(m[2])
	switch {
	case version == 0 || version == a.Version:
	case a.Version == 0:
		a.Version = version
		if version > 1 {
			a.warn("version %d stands in the mail's subject only, which no signature covers", version)
		}
	default:
		a.warn("the subject says version %d, the text version %d", version, a.Version)
	}
	if len(a.CVEs) == 0 {
		a.CVEs = distinct(cveNumber.FindAllString(subject, -1))
	}
	if t := subjectTitle.FindStringSubmatch(subject); t != nil && a.Title == "" {
		a.Title = strings.TrimSpace(t[1])
	}
}

// saysPublic tells whether the text itself says that it is the public release.
func (a *Advisory) saysPublic() bool { return publicRelease.MatchString(a.Updates) }

func (a *Advisory) warn(format string, args ...any) {
	if w := fmt.Sprintf(format, args...); !slices.Contains(a.Warnings, w) {
		a.Warnings = append(a.Warnings, w)
	}
}

// embargoEnd reads the end of an embargo, UTC; noon, the custom of the
// project, where no hour is given.
func embargoEnd(day, hour string) time.Time {
	if hour == "" {
		hour = "12:00"
	}
	t, err := time.Parse("2006-01-02 15:04", day+" "+hour)
	if err != nil {
		return time.Time{}
	}
	return t
}

func skipBlank(lines []string, at int) int {
	for at < len(lines) && strings.TrimSpace(lines[at]) == "" {
		at++
	}
	return at
}

// distinct drops repetitions, keeping the order.
func distinct(list []string) []string {
	var out []string
	seen := make(map[string]bool, len(list))
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
