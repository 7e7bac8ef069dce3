package advisory

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// A kind is what a file is, by its content.
type kind int

const (
	kindOther kind = iota
	kindGzip
	kindXz
	kindZstd
	kindBzip2
	kindZip
	kindTar
	kindMbox
	kindMail
	kindText // an advisory's text, signed or not
	kindPatch
	kindMeta
	kindKey
	kindSeries
	kindBinary
)

// sniffSize is how much of a file decides its kind, bytes. A file that is kept
// is looked at as a whole by textKind.
const sniffSize = 4096

var magics = []struct {
	at   int
	text string
	kind kind
}{
	{0, "\x1f\x8b", kindGzip},
	{0, "\xfd7zXZ\x00", kindXz},
	{0, "\x28\xb5\x2f\xfd", kindZstd},
	{0, "BZh", kindBzip2},
	{0, "PK\x03\x04", kindZip},
	{0, "PK\x05\x06", kindZip},
	{257, "ustar", kindTar},
}

var (
	mboxStart  = regexp.MustCompile(`^From \S.*\d{4}[^\n]*\r?\n(?:[A-Za-z][A-Za-z0-9-]*:|>From )`)
	patchStart = regexp.MustCompile(`^From [0-9a-f]{7,64} `)
	headerLine = regexp.MustCompile(`^[!-9;-~]+:`)
	mailHeader = regexp.MustCompile(`(?im)^(?:Message-Id|To|Received|Return-Path|Delivered-To|X-Mozilla-Status|Content-Type:\s*multipart/)`)
	diffStart  = regexp.MustCompile(`(?m)^(?:diff --git |Index: |(?:---|\*\*\*) \S[^\n]*\n(?:\+\+\+|---) \S)`)
)

// containerKind tells compressed files, archives, mailboxes and binaries from
// text by their first bytes.
func containerKind(head []byte) kind {
	for _, m := range magics {
		if len(head) > m.at && bytes.HasPrefix(head[m.at:], []byte(m.text)) {
			return m.kind
		}
	}
	switch {
	case bytes.IndexByte(head, 0) >= 0:
		if isOldTar(head) {
			return kindTar
		}
		return kindBinary
	case isMbox(head):
		return kindMbox
	}
	return kindOther
}

// isMbox tells a mailbox from a patch that git wrote, which begins alike.
func isMbox(head []byte) bool { return mboxStart.Match(head) && !patchStart.Match(head) }

// isOldTar knows tar archives from before POSIX by their header checksum.
func isOldTar(head []byte) bool {
	if len(head) < 512 {
		return false
	}
	sum, want := 0, 0
	for i, b := range head[:512] {
		if 148 <= i && i < 156 {
			b = ' '
		}
		sum += int(b)
	}
	for _, c := range strings.Trim(string(head[148:156]), " \x00") {
		if c < '0' || c > '7' {
			return false
		}
		want = want*8 + int(c-'0')
	}
	return want != 0 && sum == want
}

// textKind tells what a whole text file is.
func textKind(data []byte) kind {
	text := bytes.TrimLeft(data, " \t\r\n\ufeff")
	if line, rest, _ := bytes.Cut(text, []byte("\n")); bytes.HasPrefix(line, []byte("From ")) {
		text = rest // of a mailbox, or of a patch that git wrote
	}
	head, _, _ := bytes.Cut(text, []byte("\n\n"))
	if i := bytes.Index(head, []byte("\r\n\r\n")); i >= 0 {
		head = head[:i]
	}
	switch {
	case len(text) == 0:
		return kindOther
	case bytes.HasPrefix(text, []byte("-----BEGIN PGP PUBLIC KEY")), bytes.HasPrefix(text, []byte("-----BEGIN PGP PRIVATE KEY")):
		return kindKey
	case text[0] == '{' && isMeta(text):
		return kindMeta
	case headerLine.Match(text) && mailHeader.Match(head):
		return kindMail
	case bytes.HasPrefix(text, []byte(beginSigned)) && holdsAdvisory(text):
		return kindText
	case holdsDiff(text):
		return kindPatch
	case holdsAdvisory(text):
		return kindText
	}
	return kindOther
}

// holdsDiff tells whether a text has the begin of a file's change in it. The
// words are looked for first: most mails of a mailbox have none of them.
func holdsDiff(text []byte) bool {
	for _, word := range []string{"diff --git ", "Index: ", "--- ", "*** "} {
		if bytes.Contains(text, []byte(word)) {
			return diffStart.Match(text)
		}
	}
	return false
}

// isMeta tells the JSON of a .meta file from other JSON.
func isMeta(text []byte) bool {
	var keys map[string]json.RawMessage
	if json.Unmarshal(text, &keys) != nil {
		return bytes.Contains(text, []byte(`"Recipes"`)) && bytes.Contains(text, []byte(`"XSA"`))
	}
	return keys["XSA"] != nil && keys["Recipes"] != nil
}
