package advisory

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

var (
	// messageEnd is where the message of a patch ends and its diff begins.
	messageEnd = regexp.MustCompile(`(?m)^(?:---\s*$|diff --git |Index: |--- \S)`)

	// statement is how the author of a fix says what it is: "This is XSA-480 /
	// CVE-2026-23554.", "This is CVE-2026-42488 / XSA-494.", "This is part of
	// XSA-492." A mere mention of an XSA is not one.
	statement = regexp.MustCompile(`(?im)^[ \t]*this is (?:part (?:\d+ )?of )?((?:CVE-\d{4}-\d{4,7}\s*[/,&]\s*|and\s+)*)XSA-(\d{1,5})(\s*(?:[/,&]|and)\s*CVE-\d{4}-\d{4,7}(?:\s*[/,&]\s*CVE-\d{4}-\d{4,7})*)?[ \t]*(?:[.,;(]|$)`)

	subjectLine = regexp.MustCompile(`(?im)^Subject:[ \t]*(.*(?:\r?\n[ \t]+.*)*)$`)
	subjectTag  = regexp.MustCompile(`^(?:\s*(?:\[[^\]]*\]|Re:))+\s*`)
)

// patchMessage is what a patch says before its diff.
func patchMessage(data []byte) []byte {
	if at := messageEnd.FindIndex(data); at != nil {
		return data[:at[0]]
	}
	return data
}

// ownNumber reads the XSA and the CVEs that a patch says it is, or 0.
func ownNumber(data []byte) (xsa int, cves []string) {
	for _, m := range statement.FindAllSubmatch(patchMessage(data), -1) {
		n, _ := strconv.Atoi(string(m[2]))
		if xsa == 0 {
			xsa = n
		}
		if n == xsa {
			cves = append(cves, cveNumber.FindAllString(strings.ToUpper(string(m[1])+string(m[3])), -1)...)
		}
	}
	return xsa, distinct(cves)
}

// subject reads the subject of a patch: unfolded, decoded, without tags. For a
// patch without mail headers it is the first line of the message.
func subject(data []byte) string {
	message := patchMessage(data)
	if m := subjectLine.FindSubmatch(message); m != nil {
		text := strings.Join(strings.Fields(string(m[1])), " ")
		return strings.TrimSpace(subjectTag.ReplaceAllString(decodeHeader(text), ""))
	}
	line, _, _ := bytes.Cut(bytes.TrimSpace(message), []byte("\n"))
	return strings.TrimSpace(string(line))
}
