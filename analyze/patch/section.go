package patch

import (
	"io"
	"strconv"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// A section is the text of one file change: header lines and hunks.
type section struct {
	text     string
	line     int    // of its first line
	git      string // the "diff --git" line, "" for a plain diff
	old, new string // what follows "--- " and "+++ ", "" where absent
	index    string // what follows a preceding "Index:"
	cr       bool   // CRLF is to be read as LF
	hunks    []int  // lines of the @@ lines
}

// section reads the file change that starts at the next line, or nil if none
// starts there. Before is the text since the last file change.
func (p *parser) section(before string) (*section, error) {
	start := p.cursor
	var sec *section
	switch line := p.peek(); line[0] {
	case 'd':
		if !strings.HasPrefix(line, "diff --git ") || !isExtended(p.after(line)) {
			return nil, nil
		}
		sec = &section{line: p.line, git: chomp(line)}
		p.skip(line)
	case '-':
		if !strings.HasPrefix(line, "--- ") || !strings.HasPrefix(p.after(line), "+++ ") {
			return nil, nil
		}
		sec = &section{line: p.line, index: indexLine(before)}
	case 'B':
		return p.binary()
	case '*':
		if err := p.context(); err != nil {
			return nil, err
		}
		return nil, nil
	case '@':
		if _, ok := parseRanges(line); ok {
			return nil, p.errorf(p.line, "hunk without a file: expected --- and +++ lines before %q", chomp(line))
		}
		return nil, nil
	default:
		return nil, nil
	}
	pad, err := p.body(sec)
	if err != nil {
		return nil, err
	}
	sec.text = p.text[start.pos:p.pos] + pad
	return sec, nil
}

// body reads the header lines and hunks of a section. It returns the blank
// context lines that an editor or a mailer chopped off the end of the file.
func (p *parser) body(sec *section) (pad string, err error) {
	for {
		line := p.peek()
		if max(len(line), len(sec.git)) > maxNames {
			return "", p.errorf(p.line, "%w: a line with file names has at most %d KiB", ErrLimit, maxNames>>10)
		}
		switch {
		case strings.HasPrefix(line, "--- "):
			sec.old = chomp(line[4:])
		case strings.HasPrefix(line, "+++ "):
			sec.new = chomp(line[4:])
			// GNU patch looks at this very line to decide.
			sec.cr = strings.HasSuffix(line, "\r\n")
		case strings.HasPrefix(line, "GIT binary patch"):
			p.skip(line)
			p.binaryData()
			return "", nil
		case strings.HasPrefix(line, "Binary files "), strings.HasPrefix(line, "Files "):
			p.skip(line)
			return "", nil
		case sec.git != "" && isExtended(line):
		default:
			return p.hunkList(sec)
		}
		p.skip(line)
		if sec.new != "" && sec.old != "" {
			return p.hunkList(sec)
		}
	}
}

func (p *parser) hunkList(sec *section) (pad string, err error) {
	for strings.HasPrefix(p.peek(), "@@ -") {
		if p.hunks++; p.hunks > maxHunks {
			return "", p.errorf(p.line, "%w: a patch file has at most %d hunks", ErrLimit, maxHunks)
		}
		sec.hunks = append(sec.hunks, p.line)
		if pad, err = p.hunk(sec.cr); err != nil {
			return "", err
		}
	}
	if len(sec.hunks) == 0 && sec.new != "" {
		return "", p.errorf(p.line, "expected a line like \"@@ -1,7 +1,9 @@\" after the +++ line, found %q", chomp(p.peek()))
	}
	return pad, nil
}

// ranges are the counts of old and new lines in the header of a hunk.
type ranges struct{ old, new int }

// parseRanges reads a line like "@@ -1,7 +1,9 @@".
func parseRanges(line string) (r ranges, ok bool) {
	rest, ok := strings.CutPrefix(line, "@@ -")
	if !ok {
		return r, false
	}
	if r.old, rest, ok = parseRange(rest); !ok {
		return r, false
	}
	if rest, ok = strings.CutPrefix(rest, " +"); !ok {
		return r, false
	}
	if r.new, rest, ok = parseRange(rest); !ok {
		return r, false
	}
	return r, strings.HasPrefix(rest, " @@")
}

// parseRange reads "12,7", or "12" for one line, and returns the count.
func parseRange(s string) (count int, rest string, ok bool) {
	if _, s, ok = number(s); !ok {
		return 0, s, false
	}
	if !strings.HasPrefix(s, ",") {
		return 1, s, true
	}
	return number(s[1:])
}

// number reads up to nine digits.
func number(s string) (n int, rest string, ok bool) {
	i := 0
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		if i == 9 {
			return 0, s, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s[i:], i > 0
}

// hunk walks over one hunk and holds it against its header, so that an error
// names the line and what is missing there.
func (p *parser) hunk(cr bool) (pad string, err error) {
	line := p.peek()
	at, header := p.line, excerpt(line)
	r, ok := parseRanges(line)
	if !ok {
		return "", p.errorf(at, "expected a line like \"@@ -1,7 +1,9 @@\", found %q", header)
	}
	p.skip(line)
	old, new := r.old, r.new
	for last := byte(0); old > 0 || new > 0; {
		line = p.peek()
		if line == "" && old == new && new <= 3 && last != 0 {
			return strings.Repeat(" \n", new), nil
		}
		op := byte(0)
		if line != "" {
			op = line[0]
		}
		if op == '\n' || op == '\t' || op == '\r' && cr {
			op = ' ' // a mailer or an editor ate the blank
		}
		switch {
		case op == ' ' && old > 0 && new > 0:
			old--
			new--
		case op == '-' && old > 0:
			old--
		case op == '+' && new > 0:
			new--
		case op == '\\' && (last != '+' && last != 0 && old == 0 || last == '+' && new == 0):
		default:
			return "", p.errorf(p.line, "the hunk of line %d (%s) lacks %d old and %d new lines here: expected %s, found %q",
				at, header, old, new, wanted(old, new), excerpt(line))
		}
		if !strings.HasSuffix(line, "\n") {
			return "", p.errorf(p.line, "the patch file ends in the middle of a line: expected %d old and %d new lines more", old, new)
		}
		last = op
		p.skip(line)
	}
	if line = p.peek(); strings.HasPrefix(line, "\\") {
		p.skip(line)
	}
	return "", p.overlong(at, header)
}

// overlong refuses changed lines that directly follow a hunk whose header does
// not count them: GNU patch would drop them without a word.
func (p *parser) overlong(at int, header string) error {
	c := p.cursor
	for {
		line := c.peek()
		if line == "" || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "-- ") || chomp(line) == "--" {
			return nil
		}
		switch line[0] {
		case '+', '-':
			return p.errorf(c.line, "the hunk of line %d (%s) ends before this line: expected another hunk or file, found %q",
				at, header, excerpt(line))
		case ' ':
			c.skip(line)
		default:
			return nil
		}
	}
}

// wanted lists the first characters that the next line of a hunk may have.
func wanted(old, new int) string {
	switch {
	case old == 0:
		return "a line with '+'"
	case new == 0:
		return "a line with '-'"
	}
	return "a line with ' ', '-' or '+'"
}

// excerpt is a line short enough for a message.
func excerpt(line string) string {
	line = chomp(line)
	if len(line) > 60 {
		line = line[:60] + "..."
	}
	return line
}

// binary reads the line with which diff -r tells of a binary file.
func (p *parser) binary() (*section, error) {
	names, ok := strings.CutPrefix(chomp(p.peek()), "Binary files ")
	if !ok {
		return nil, nil
	}
	names, ok = strings.CutSuffix(names, " differ")
	old, new, found := strings.Cut(names, " and ")
	if !ok || !found || !strings.Contains(old+new, "/") {
		return nil, nil
	}
	p.skip(p.peek())
	return &section{line: p.line - 1, old: old, new: new}, nil
}

// binaryData skips git's base85 data: one or two runs that end with a blank line.
func (p *parser) binaryData() {
	for {
		l := p.peek()
		if !strings.HasPrefix(l, "literal ") && !strings.HasPrefix(l, "delta ") {
			return
		}
		for ; chomp(l) != ""; l = p.peek() {
			p.skip(l)
		}
		p.skip(l)
	}
}

// context refuses the hunk of a context diff.
func (p *parser) context() error {
	line := p.peek()
	if !strings.HasPrefix(line, "***************") {
		return nil
	}
	l := chomp(p.after(line))
	if strings.HasPrefix(l, "*** ") && strings.HasSuffix(l, " ****") {
		return p.errorf(p.line, "%w but a context diff: expected the output of diff -u", ErrFormat)
	}
	return nil
}

// extended are the lines that git puts between "diff --git" and the hunks.
var extended = []string{
	"index ", "old mode ", "new mode ", "new file mode ", "deleted file mode ",
	"similarity index ", "dissimilarity index ", "rename ", "copy from ", "copy to ",
	"--- ", "GIT binary patch", "Binary files ",
}

func isExtended(line string) bool { return hasPrefix(line, extended) }

// indexLine is the name in the last "Index:" line, as svn, cvs and quilt write it.
func indexLine(text string) string {
	i := strings.LastIndex("\n"+text, "\nIndex:")
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(chomp(firstLine(text[i+len("Index:"):])))
}

// lines hands the text of a section to go-gitdiff line by line. It has the
// ReadString method that go-gitdiff looks for, so that no line is copied.
type lines struct {
	text   string
	cr     bool // read CRLF as LF everywhere, else only before the first hunk
	inHunk bool
}

func (l *lines) ReadString(byte) (string, error) {
	s := firstLine(l.text)
	l.text = l.text[len(s):]
	if !strings.HasSuffix(s, "\n") {
		return s, io.EOF
	}
	l.inHunk = l.inHunk || strings.HasPrefix(s, "@@ -")
	if (l.cr || !l.inHunk) && strings.HasSuffix(s, "\r\n") {
		s = s[:len(s)-2] + "\n"
	}
	if l.inHunk && s[0] == '\t' {
		s = " " + s
	}
	return s, nil
}

// Read satisfies io.Reader; go-gitdiff prefers ReadString.
func (l *lines) Read(b []byte) (int, error) {
	n := copy(b, l.text)
	l.text = l.text[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// file turns a section into our types.
func (p *parser) file(sec *section) (File, error) {
	if p.files++; p.files > maxFiles {
		return File{}, p.errorf(sec.line, "%w: a patch file has at most %d files", ErrLimit, maxFiles)
	}
	if sec.text == "" { // a line of diff -r
		f := File{Binary: true, Line: sec.line}
		return f, p.names(sec, &gitdiff.File{}, &f)
	}
	parsed, _, err := gitdiff.Parse(&lines{text: sec.text, cr: sec.cr})
	if err != nil {
		return File{}, p.located(sec, err)
	}
	if len(parsed) != 1 || len(parsed[0].TextFragments) != len(sec.hunks) {
		return File{}, p.errorf(sec.line, "expected one file with %d hunks", len(sec.hunks))
	}
	g := parsed[0]
	f := File{
		New: g.IsNew, Deleted: g.IsDelete, Renamed: g.IsRename, Copied: g.IsCopy, Binary: g.IsBinary,
		Line: sec.line, git: sec.git != "",
		oldEmpty: isEmptyBlob(g.OldOIDPrefix), newEmpty: isEmptyBlob(g.NewOIDPrefix),
		oldMode: uint32(g.OldMode), newMode: uint32(g.NewMode),
	}
	if err := p.names(sec, g, &f); err != nil {
		return File{}, err
	}
	n := 0
	for _, t := range g.TextFragments {
		n += len(t.Lines)
	}
	all := make([]Line, n) // of all hunks
	f.Hunks = make([]Hunk, len(g.TextFragments))
	for i, t := range g.TextFragments {
		f.Hunks[i] = Hunk{
			OldStart: int(t.OldPosition), OldLines: int(t.OldLines),
			NewStart: int(t.NewPosition), NewLines: int(t.NewLines),
			Section: t.Comment, Line: sec.hunks[i], Lines: all[:len(t.Lines):len(t.Lines)],
		}
		all = all[len(t.Lines):]
		for j, l := range t.Lines {
			f.Hunks[i].Lines[j] = Line{Op: ops[l.Op], Text: l.Line}
		}
	}
	return f, nil
}

var ops = [...]Op{gitdiff.OpContext: Context, gitdiff.OpDelete: Delete, gitdiff.OpAdd: Add}

// isEmptyBlob recognises the abbreviated hash of git's empty blob.
func isEmptyBlob(oid string) bool {
	return len(oid) >= 4 && strings.HasPrefix("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", oid)
}

// located gives an error of go-gitdiff our name and line.
func (p *parser) located(sec *section, err error) error {
	text, line := err.Error(), 1
	if rest, ok := strings.CutPrefix(text, "gitdiff: line "); ok {
		if n, message, ok := strings.Cut(rest, ": "); ok {
			line, _ = strconv.Atoi(n)
			text = message
		}
	}
	return p.errorf(sec.line+line-1, "%s", text)
}
