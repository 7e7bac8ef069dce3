package factor

import (
	"path"
	"strings"

	"lpready/analyze/csource"
	"lpready/analyze/patch"
)

// maxLine bounds the line numbers that a hunk may claim: each costs a blank
// line of the rebuilt fragment. The longest file below xen/ has 14,000 lines.
const maxLine = 200_000

// fragments rebuilds from the hunks as much of each file as the patch shows,
// before and after, every line at the number the patch gives it. Where a hunk
// starts inside a function or a type, its section heading is put in front and
// closed again behind; git takes the heading from the last line before the hunk
// that starts with a letter, so it can name an entity that has already ended.
// A heading is therefore used only where the hunk's first lines are indented.
func fragments(patches []patch.Patch) []*change {
	var list []*change
	for i := range patches {
		for j := range patches[i].Files {
			list = append(list, fragment(&patches[i].Files[j]))
		}
	}
	return list
}

func fragment(f *patch.File) *change {
	name := f.Name()
	c := &change{Delta: csource.Delta{Path: name}}
	var before, after sheet
	for i := range f.Hunks {
		h := &f.Hunks[i]
		before.open(h.OldStart, opening(h, patch.Add))
		after.open(h.NewStart, opening(h, patch.Delete))
		for _, line := range h.Lines {
			if line.Op != patch.Add {
				c.oldLines = before.add(line.Text, line.Op == patch.Delete, c.oldLines)
			}
			if line.Op != patch.Delete {
				c.newLines = after.add(line.Text, line.Op == patch.Add, c.newLines)
			}
		}
		before.close()
		after.close()
	}
	c.src, c.newSrc = []byte(before.text.String()), []byte(after.text.String())
	if isSource(name) || isHeader(name) {
		if !f.New {
			c.before = csource.Scan(name, c.src)
		}
		if !f.Deleted {
			c.after = csource.Scan(name, c.newSrc)
		}
		if path.Ext(name) != ".S" {
			c.Delta = csource.Diff(c.before, c.after, c.src, c.newSrc)
			c.Delta.Path = name
		}
	}
	return c
}

// A sheet is the text of one side of a fragment.
type sheet struct {
	text  strings.Builder
	line  int  // lines written so far
	depth int  // braces open in the hunk being written
	quiet bool // the hunk being written is inside a comment
}

// open goes on to the line before a hunk and writes its heading there, or in
// front of the hunk's first line where there is no room.
func (s *sheet) open(start int, head string) {
	for s.line < min(start-2, maxLine) {
		s.text.WriteByte('\n')
		s.line++
	}
	s.text.WriteString(head)
	s.depth = strings.Count(head, "{")
	s.quiet = strings.HasSuffix(head, "/*")
	if s.line < min(start-1, maxLine) {
		s.text.WriteByte('\n')
		s.line++
	} else {
		s.text.WriteByte(' ')
	}
}

func (s *sheet) add(line string, changed bool, spans []csource.Span) []csource.Span {
	if strings.HasPrefix(line, "}") && s.depth > 1 { // what the hunk left open ends with its function
		s.text.WriteString(strings.Repeat("};", s.depth-1))
		s.depth = 1
	}
	s.text.WriteString(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
	s.text.WriteByte('\n')
	s.line++
	for t := range lex(codeOf(line, &s.quiet), 1) {
		switch t.text {
		case "{":
			s.depth++
		case "}":
			s.depth = max(s.depth-1, 0)
		}
	}
	if !changed {
		return spans
	}
	if n := len(spans); n > 0 && spans[n-1].End == s.line-1 {
		spans[n-1].End = s.line
		return spans
	}
	return append(spans, csource.Span{Start: s.line, End: s.line})
}

// close balances the braces at the end of a hunk. The semicolons end types and
// initialisers, and are empty statements in functions.
func (s *sheet) close() {
	if s.quiet {
		s.text.WriteString("*/")
	}
	if s.quiet || s.depth > 0 {
		s.text.WriteString(strings.Repeat("};", s.depth) + "\n")
		s.line++
	}
	s.depth, s.quiet = 0, false
}

// codeOf is what a line holds outside comments. Comment says whether one is open
// before the line, and after it.
func codeOf(line string, comment *bool) string {
	code := ""
	for {
		mark := "/*"
		if *comment {
			mark = "*/"
		}
		before, after, found := strings.Cut(line, mark)
		if !*comment {
			code += before + " "
		}
		if !found {
			return code
		}
		line, *comment = after, !*comment
	}
}

// opening is the text that makes the start of a hunk whole, on the side without
// the lines of one kind: empty at file scope, else the heading with a brace and
// one more for every inner block that the hunk ends, and "/*" where it starts in
// a comment.
func opening(h *patch.Hunk, without patch.Op) string {
	comment := startsInComment(h)
	head := heading(h, comment)
	if strings.HasSuffix(head, "{") {
		block := " {"
		if isType(head) {
			block = " struct {"
		}
		head += strings.Repeat(block, unopened(h, without))
	}
	if comment {
		head += " /*"
	}
	return head
}

// unopened counts the blocks that end in a hunk without having begun there, up
// to the brace at the left edge that ends the function.
func unopened(h *patch.Hunk, without patch.Op) int {
	depth, least, comment := 0, 0, startsInComment(h)
	for _, line := range h.Lines {
		if line.Op == without {
			continue
		}
		code := codeOf(line.Text, &comment)
		if strings.HasPrefix(line.Text, "}") {
			break
		}
		for t := range lex(code, 1) {
			switch t.text {
			case "{":
				depth++
			case "}":
				depth--
				least = min(least, depth)
			}
		}
	}
	return min(-least, 50)
}

func startsInComment(h *patch.Hunk) bool {
	for _, line := range h.Lines {
		open, end := strings.Index(line.Text, "/*"), strings.Index(line.Text, "*/")
		if open >= 0 || end >= 0 {
			return end >= 0 && (open < 0 || end < open)
		}
	}
	return false
}

func heading(h *patch.Hunk, comment bool) string {
	head := strings.TrimSpace(h.Section)
	head, _, _ = strings.Cut(head, "{")
	head = strings.TrimRight(head, " \t\\")
	if head == "" || strings.HasPrefix(head, "#") || strings.HasSuffix(head, ";") {
		return ""
	}
	function := strings.Contains(head, "(")
	switch {
	case function && bodyFollows(h):
		return head
	case !insideAtStart(h, comment):
		return ""
	case isType(head), strings.HasSuffix(head, "="):
		return head + " {"
	case !function:
		return ""
	}
	return strings.TrimRight(head, ",") + closers(head) + " {"
}

// bodyFollows tells whether the hunk itself opens the body of the function that
// the heading names, perhaps after the rest of its parameters.
func bodyFollows(h *patch.Hunk) bool {
	for _, line := range h.Lines {
		if line.Op == patch.Add {
			continue
		}
		switch text := strings.TrimRight(line.Text, "\r\n"); {
		case strings.HasPrefix(text, "{"):
			return true
		case text == "" || text[0] != ' ' && text[0] != '\t' || strings.ContainsAny(text, ";{}="):
			return false
		}
	}
	return false
}

// closers balances the parentheses of a heading that git cut off.
func closers(head string) string {
	return strings.Repeat(")", max(strings.Count(head, "(")-strings.Count(head, ")"), 0))
}

func isType(head string) bool {
	for _, word := range []string{"struct", "union", "enum", "typedef"} {
		if rest, ok := strings.CutPrefix(head, word); ok && rest != "" && !wordByte(rest[0]) {
			return !strings.Contains(head, "(")
		}
	}
	return false
}

// insideAtStart tells whether the first lines of a hunk lie inside braces: the
// first line that says anything is indented, or a brace closes before one opens
// at the start of a line.
func insideAtStart(h *patch.Hunk, comment bool) bool {
	for _, line := range h.Lines {
		text := strings.TrimRight(line.Text, "\r\n")
		trimmed := strings.TrimSpace(text)
		if comment {
			comment = !strings.Contains(text, "*/")
			continue
		}
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "/*") ||
			strings.HasPrefix(trimmed, "*") || strings.HasPrefix(trimmed, "//"):
			continue
		case strings.HasSuffix(text, "\\"): // the body of a macro, whose name the heading does not give
			return false
		case text[0] == '}' || text[0] == ' ' || text[0] == '\t':
			return true
		case strings.HasSuffix(trimmed, ":") && !strings.Contains(trimmed, "("): // a label at the left edge
			return true
		}
		return false
	}
	return false
}
