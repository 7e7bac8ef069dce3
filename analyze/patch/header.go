package patch

import (
	"mime"
	"strings"
	"unicode/utf8"
)

// Preambles of real advisories are mails of git format-patch, mails that went
// through other hands, quilt and DEP-3 headers, hg and git exports, or a few
// words. The parser takes what it knows and never fails.

// patchStarts are lines that only the preamble of a new patch has.
var patchStarts = []string{"From: ", "Subject: ", "Date: ", "# HG changeset patch", "commit ", "Signed-off-by: "}

// betweenFiles are lines that diff tools write between two files.
var betweenFiles = []string{"Index:", "diff ", "=====", "Only in ", "Binary files ", "Files ", "retrieving revision ", "RCS file: "}

// mailHeaders are the fields of mails, git logs and Debian's DEP-3, in lower
// case, that may stand before a message. Those with a dash at the end stand for
// a family.
var mailHeaders = set("from author date authordate subject description commit commitdate committer merge to cc bcc reply-to " +
	"sender in-reply-to references message-id mime-version received return-path delivered-to user-agent lines status " +
	"organization precedence origin bug forwarded applied-upstream last-update authentication-results errors-to " +
	"content- x- list- bug- dkim- arc-")

// hgHeaders are the comments that hg export and stable branches put in front.
var hgHeaders = map[string]string{
	"HG changeset patch": "", "User": "from", "Author": "from", "Date": "date",
	"Node ID": "", "Parent": "", "Branch": "", "Commit": "", "Committer": "",
}

// trailerKeys are the keys of trailers besides those that end in -by.
var trailerKeys = set("fixes cc link closes references backport message-id change-id coverity-id cve " +
	"master_commit master_date upstream_commit upstream-commit")

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[strings.ReplaceAll(w, "_", " ")] = true
	}
	return m
}

// isMbox recognises the line that starts a message in an mbox or in the output
// of git format-patch: From, a hash or an address, a date that ends in the year.
func isMbox(l string) bool {
	if !strings.HasPrefix(l, "From ") {
		return false
	}
	f := strings.Fields(l)
	if len(f) < 6 {
		return false
	}
	year := f[len(f)-1]
	return weekdays[f[2]] && len(year) == 4 && strings.Trim(year, "0123456789") == ""
}

var weekdays = set("Mon Tue Wed Thu Fri Sat Sun")

// hash is the 40 hex digits that s starts with, "" without them.
func hash(s string) string {
	n := len(s) - len(strings.TrimLeft(s, "0123456789abcdef"))
	if n != 40 {
		return ""
	}
	return s[:n]
}

func hasPrefix(l string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(l, p) {
			return true
		}
	}
	return false
}

// isBetween tells whether a line is one between two files rather than a message.
func isBetween(l string) bool {
	return strings.TrimSpace(l) == "" || hasPrefix(l, betweenFiles)
}

// startsPatch tells whether a line is one that only a new preamble has.
func startsPatch(l string) bool {
	return hasPrefix(l, patchStarts) && (!strings.HasPrefix(l, "commit ") || hash(l[len("commit "):]) != "")
}

// beginning finds the offset in the text before a file change at which a new
// patch begins, if one begins there. The first file always begins one.
func beginning(text string, first bool) (int, bool) {
	for end := len(text); end > 0; {
		at := strings.LastIndexByte(text[:end-1], '\n') + 1
		if text[at] == 'F' && isMbox(text[at:end]) {
			return at, true
		}
		end = at
	}
	start, found := 0, first
	if !first {
		for l := range strings.Lines(text) {
			found = found || startsPatch(l)
		}
		if !found {
			return 0, false
		}
		start = afterSignature(text)
	}
	for start < len(text) {
		l := firstLine(text[start:])
		if !isBetween(l) {
			break
		}
		start += len(l)
	}
	if first && start == len(text) {
		// Nothing but the tool's own lines: the patch starts with them.
		start = len(text) - len(strings.TrimLeft(text, "\r\n"))
	}
	return start, true
}

// afterSignature skips git's "-- " and what follows up to a blank line, where
// text starts with them.
func afterSignature(text string) int {
	start := len(text) - len(strings.TrimLeft(text, "\r\n"))
	if l := firstLine(text[start:]); chomp(l) != "-- " && chomp(l) != "--" {
		return 0
	}
	for start < len(text) {
		l := firstLine(text[start:])
		start += len(l)
		if chomp(l) == "" {
			break
		}
	}
	return start
}

// parseHeader reads the preamble of one patch.
func parseHeader(text string) Header {
	var h Header
	all := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, l := range all {
		if !utf8.ValidString(l) {
			all[i] = latin1(l)
		}
	}
	rest := message(h.fields(all))
	if h.From == "" || h.Subject == "" || inBody(rest) {
		// A message may start with the true author, as git am has it.
		rest = h.fields(rest)
	}
	rest = trimBlank(rest)
	if h.Subject == "" && len(rest) > 0 && !isTrailer(rest[0]) {
		h.Subject = strings.TrimSpace(rest[0])
		if isLog(all) {
			rest = unindent(rest[1:])
		} else {
			rest = rest[1:]
		}
		rest = trimBlank(rest)
	}
	h.Subject = untag(decode(h.Subject))
	h.From = decode(h.From)
	h.Body = strings.Join(rest, "\n")
	h.Trailers = trailers(rest)
	return h
}

// fields reads header lines at the start of a preamble and returns the lines
// after them.
func (h *Header) fields(ls []string) []string {
	ls = trimBlank(ls)
	for len(ls) > 0 && ls[0] != "" {
		l := ls[0]
		key, _, _ := strings.Cut(l, ":")
		switch {
		case key == "": // ": a comment of Qubes"
		case isMbox(l):
			h.commit(strings.TrimPrefix(l, "From "))
		case strings.HasPrefix(l, "commit ") && startsPatch(l):
			h.commit(strings.TrimPrefix(l, "commit "))
		case strings.HasPrefix(l, "# "):
			if !h.comment(l[2:]) {
				return ls
			}
		case isMailHeader(key) && len(key) < len(l):
			var value string
			value, ls = unfold(ls)
			h.set(key, value)
			continue
		default:
			return ls
		}
		ls = ls[1:]
	}
	return ls
}

func isMailHeader(key string) bool {
	key = strings.ToLower(key)
	family, _, _ := strings.Cut(key, "-")
	return mailHeaders[key] || mailHeaders[family+"-"]
}

// comment reads one of the hg headers, given without its "# ".
func (h *Header) comment(l string) bool {
	for key, field := range hgHeaders {
		if l == key || strings.HasPrefix(l, key+" ") {
			h.set(field, strings.TrimSpace(l[len(key):]))
			return true
		}
	}
	return false
}

// commit takes the hash in front of s, unless it is all zero.
func (h *Header) commit(s string) {
	if sha := hash(s); strings.Trim(sha, "0") != "" {
		h.Commit = sha
	}
}

func (h *Header) set(key, value string) {
	switch strings.ToLower(key) {
	case "from", "author":
		h.From = value
	case "date", "authordate":
		h.Date = value
	case "subject":
		h.Subject = value
	case "description":
		if h.Subject == "" {
			h.Subject = value
		}
	}
}

// unfold reads the value of a "Key: value" line and of the indented lines that
// go on with it, and returns the lines after them.
func unfold(ls []string) (value string, rest []string) {
	_, first, _ := strings.Cut(ls[0], ":")
	parts := []string{strings.TrimSpace(first)}
	for ls = ls[1:]; len(ls) > 0 && strings.TrimLeft(ls[0], " \t") != ls[0]; ls = ls[1:] {
		part := strings.TrimSpace(ls[0])
		if part == "" {
			break
		}
		parts = append(parts, part)
	}
	return strings.TrimSpace(strings.Join(parts, " ")), ls
}

// message cuts a preamble where the diffstat or the diff tool's lines begin.
func message(ls []string) []string {
	for i, l := range ls {
		if l == "---" || isDiffstat(l) {
			ls = ls[:i]
			break
		}
	}
	for len(ls) > 0 && isBetween(ls[len(ls)-1]) {
		ls = ls[:len(ls)-1]
	}
	return ls
}

// isDiffstat recognises a line like " xen/arch/x86/mm.c |  5 +++--".
func isDiffstat(l string) bool {
	if !strings.HasPrefix(l, " ") {
		return false
	}
	_, stat, ok := strings.Cut(l, " | ")
	stat = strings.TrimSpace(stat)
	return ok && (strings.HasPrefix(stat, "Bin ") || stat != "" && stat[0] != '+' && stat[0] != '-' &&
		strings.Trim(stat, "0123456789 +-") == "")
}

// inBody tells whether a message starts with its own From: or Subject: line.
func inBody(ls []string) bool {
	ls = trimBlank(ls)
	return len(ls) > 0 && (strings.HasPrefix(ls[0], "From: ") || strings.HasPrefix(ls[0], "Subject: "))
}

// isLog tells whether a preamble is that of git log or git show, which indent
// the message.
func isLog(ls []string) bool {
	ls = trimBlank(ls)
	return len(ls) > 0 && strings.HasPrefix(ls[0], "commit ")
}

func unindent(ls []string) []string {
	out := make([]string, len(ls))
	for i, l := range ls {
		out[i] = strings.TrimPrefix(l, "    ")
	}
	return out
}

func trimBlank(ls []string) []string {
	for len(ls) > 0 && strings.TrimSpace(ls[0]) == "" {
		ls = ls[1:]
	}
	for len(ls) > 0 && strings.TrimSpace(ls[len(ls)-1]) == "" {
		ls = ls[:len(ls)-1]
	}
	return ls
}

// trailers collects the trailers of a message wherever they stand: stable
// branches put "master commit:" lines in a paragraph of their own.
func trailers(ls []string) (out []Trailer) {
	for len(ls) > 0 {
		if !isTrailer(ls[0]) {
			ls = ls[1:]
			continue
		}
		t := Trailer{}
		t.Key, _, _ = strings.Cut(ls[0], ":")
		t.Value, ls = unfold(ls)
		out = append(out, t)
	}
	return out
}

func isTrailer(l string) bool {
	key, value, ok := strings.Cut(l, ":")
	if !ok || key == "" || strings.TrimSpace(value) == "" || value[0] != ' ' && value[0] != '\t' {
		return false
	}
	key = strings.ToLower(key)
	return trailerKeys[key] || strings.HasSuffix(key, "-by") && !strings.Contains(key, " ")
}

// untag takes Re: and the bracketed groups off a subject when one of them says
// PATCH or RFC, so that "[PATCH v2 1/3] [4.17] x86: foo" becomes "x86: foo".
func untag(s string) string {
	rest, tagged := strings.TrimSpace(s), false
	for {
		if r, ok := strings.CutPrefix(rest, "Re: "); ok {
			rest = strings.TrimSpace(r)
			continue
		}
		if !strings.HasPrefix(rest, "[") {
			break
		}
		tag, r, ok := strings.Cut(rest, "]")
		if !ok {
			break
		}
		tag = strings.ToUpper(tag)
		tagged = tagged || strings.Contains(tag, "PATCH") || strings.HasPrefix(tag, "[RFC")
		rest = strings.TrimSpace(r)
	}
	if tagged {
		return rest
	}
	return strings.TrimSpace(s)
}

// decode reads RFC 2047 words; text in an unknown charset stays as written.
func decode(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	if d, err := new(mime.WordDecoder).DecodeHeader(s); err == nil {
		return d
	}
	return s
}

// latin1 reads bytes that are not UTF-8 as ISO 8859-1, as old mails need it.
func latin1(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}
