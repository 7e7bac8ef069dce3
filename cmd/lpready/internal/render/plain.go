package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// Safe makes text of several lines harmless for a terminal: what is neither
// plain text nor the end of a line is shown as what it is.
func Safe(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		indent := l[:len(l)-len(strings.TrimLeft(l, " "))]
		lines[i] = indent + plain(l)
	}
	return strings.Join(lines, "\n")
}

// plain makes one line of text harmless for a terminal and for a reader: white
// space is folded, and characters that control a terminal or reorder the line
// are shown as what they are ("\x1b").
func plain(s string) string {
	var b strings.Builder
	space := false
	for i, r := range s {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || unicode.Is(unicode.Zs, r):
			space = b.Len() > 0
			continue
		case space:
			b.WriteByte(' ')
			space = false
		}
		if _, size := utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
			continue
		}
		if harmless(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(escape(r))
	}
	return b.String()
}

// harmless tells whether a character only shows itself: no control character
// (C0, DEL, C1), none that reorders text or that is invisible, and no line or
// paragraph separator.
func harmless(r rune) bool {
	return r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Zs, r)
}

// escape writes a character as Go and C write it in a string.
func escape(r rune) string {
	switch {
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// width is the number of columns that s takes on a terminal.
func width(s string) int { return twwidth.Width(s) }

// wrap breaks a line at spaces so that no part is wider than columns; words
// that are too long are cut, after a slash where there is one. Spaces at the
// start indent every part. At least one part comes back.
func wrap(s string, columns int) []string {
	indent := s[:len(s)-len(strings.TrimLeft(s, " "))]
	lines := fill(s, max(columns-len(indent), 1))
	for i := range lines {
		lines[i] = indent + lines[i]
	}
	return lines
}

func fill(s string, columns int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		for {
			joined := word
			if line != "" {
				joined = line + " " + word
			}
			if width(joined) <= columns {
				line = joined
				break
			}
			if line != "" {
				lines = append(lines, line)
				line = ""
				continue
			}
			head, tail := cut(word, columns)
			lines = append(lines, head)
			word = tail
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// cut splits a word that is wider than columns.
func cut(word string, columns int) (head, tail string) {
	used, end, slash := 0, 0, 0
	for i, r := range word {
		w := width(string(r))
		if used+w > columns && i > 0 {
			break
		}
		used += w
		end = i + utf8.RuneLen(r)
		if r == '/' {
			slash = end
		}
	}
	if slash > 0 {
		end = slash
	}
	return word[:end], word[end:]
}
