package patch

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of one patch file. The largest release patches of Linux, about 60 MB,
// stay within them.
const (
	maxSize  = 64 << 20 // bytes
	maxLine  = 1 << 20  // bytes of one line
	maxLines = 1 << 21
	maxFiles = 1 << 14
	maxHunks = 1 << 18
	maxNames = 1 << 14 // bytes of a header line with names
)

var (
	// ErrFormat is a diff in a format other than unified.
	ErrFormat = errors.New("not a unified diff")
	// ErrNoChange is a text that changes no file.
	ErrNoChange = errors.New("no file is changed by it")
	// ErrLimit is a patch or a file that is larger than this package reads.
	ErrLimit = errors.New("limit exceeded")
)

// Parse reads all patches of one patch file, in file order: a single patch, a
// series or mbox in one file, or a bare diff. Every patch has at least one
// file. Errors start with "name:line:" and say what was expected; they match
// ErrFormat, ErrNoChange or ErrLimit with errors.Is where that is the reason.
func Parse(name string, r io.Reader) ([]Patch, error) {
	text, err := read(name, r)
	if err != nil {
		return nil, err
	}
	p := &parser{name: name, cursor: cursor{text: text, line: 1}}
	patches, err := p.patches()
	if err != nil {
		return nil, err
	}
	if len(patches) == 0 {
		return nil, p.nothing()
	}
	return patches, nil
}

// read takes in the whole file as far as the limits allow.
func read(name string, r io.Reader) (string, error) {
	var b strings.Builder
	if s, ok := r.(interface{ Len() int }); ok && s.Len() <= maxSize {
		b.Grow(s.Len()) // io.Copy then needs no buffer of its own
	} else {
		r = io.LimitReader(r, maxSize+1)
	}
	n, err := io.Copy(&b, r)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if n > maxSize {
		return "", fmt.Errorf("%s: %w: a patch file has at most %d MiB", name, ErrLimit, maxSize>>20)
	}
	text := b.String()
	if strings.Count(text, "\n") >= maxLines {
		return "", fmt.Errorf("%s: %w: a patch file has at most %d lines", name, ErrLimit, maxLines)
	}
	for at := 0; len(text)-at > maxLine; {
		end := strings.LastIndexByte(text[at:at+maxLine], '\n') + 1
		if end == 0 {
			line := 1 + strings.Count(text[:at], "\n")
			return "", fmt.Errorf("%s:%d: %w: a line has at most %d MiB", name, line, ErrLimit, maxLine>>20)
		}
		at += end
	}
	return text, nil
}

// A cursor walks over the lines of a text without copying them.
type cursor struct {
	text string
	pos  int // offset of the next line
	line int // its 1-based number
}

// peek is the next line with its end of line, "" at the end of the text.
func (c *cursor) peek() string { return firstLine(c.text[c.pos:]) }

// skip moves on behind the next line, which is given.
func (c *cursor) skip(line string) {
	c.pos += len(line)
	c.line++
}

// after is the line after the next line, which is given.
func (c *cursor) after(line string) string { return firstLine(c.text[c.pos+len(line):]) }

// firstLine is the first line of text with its end of line, if it has one.
func firstLine(text string) string {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return text[:i+1]
	}
	return text
}

// chomp takes the end of line off, be it LF or CRLF.
func chomp(line string) string {
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
}

// A parser cuts a patch file into patches.
type parser struct {
	cursor
	name         string
	files, hunks int
	prefixes     map[string]bool // first parts of names: taken off (true) or kept
}

func (p *parser) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", p.name, line, fmt.Errorf(format, args...))
}

func (p *parser) patches() ([]Patch, error) {
	var patches []Patch
	from := p.cursor // start of the text since the last file
	for p.pos < len(p.text) {
		before := p.text[from.pos:p.pos]
		sec, err := p.section(before)
		if err != nil {
			return nil, err
		}
		if sec == nil {
			p.skip(p.peek())
			continue
		}
		file, err := p.file(sec)
		if err != nil {
			return nil, err
		}
		start, isNew := beginning(before, len(patches) == 0)
		if isNew {
			patches = append(patches, Patch{
				Name:   p.name,
				Line:   from.line + strings.Count(before[:start], "\n"),
				Header: parseHeader(before[start:]),
			})
		}
		last := &patches[len(patches)-1]
		last.Files = append(last.Files, file)
		from = p.cursor
	}
	return patches, nil
}

// nothing explains a file in which no unified diff was found.
func (p *parser) nothing() error {
	for i, last := 1, ""; ; i++ {
		l := firstLine(p.text)
		if l == "" {
			return fmt.Errorf("%s: %w: expected a unified diff (--- a/file, +++ b/file, @@ -1 +1 @@)", p.name, ErrNoChange)
		}
		p.text = p.text[len(l):]
		switch l = chomp(l); {
		case (strings.HasPrefix(l, "< ") || strings.HasPrefix(l, "> ")) && isEdCommand(last):
			return p.errorf(i-1, "%w but a normal diff: expected the output of diff -u", ErrFormat)
		case l == "." && isEdCommand(last):
			return p.errorf(i-1, "%w but an ed script: expected the output of diff -u", ErrFormat)
		case !isEdCommand(last) || isEdCommand(l):
			last = l
		}
	}
}

// isEdCommand recognises 12a, 3,4c or 5d7, with which ed and normal diffs start
// a change.
func isEdCommand(l string) bool {
	digits := "0123456789,"
	rest := strings.TrimLeft(l, digits)
	return len(rest) < len(l) && rest != "" && strings.IndexByte("acd", rest[0]) >= 0 &&
		strings.Trim(rest[1:], digits) == ""
}
