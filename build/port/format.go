package port

import (
	"bytes"
	"fmt"
	"mime"
	"path"
	"regexp"
	"slices"
	"strings"

	"lpready/analyze/advisory"
	"lpready/analyze/patch"
)

// An output is a patch of the series as it will be written.
type output struct {
	name string
	text []byte
}

// outputs writes the patches of a step for the place where they were applied.
// Patches that are there already are left out.
func (s *series) outputs(st *step) (out []output) {
	note, texts := s.portedTo(), st.text
	if st.commit != nil {
		texts = []advisory.NamedData{{Name: st.patches[0].Name, Data: st.commit.text}}
	}
	parts := map[string][]part{}
	var names []string
	for _, p := range st.trial.parts {
		if p.status != patch.Applied {
			if parts[p.patch.Name] == nil {
				names = append(names, p.patch.Name)
			}
			parts[p.patch.Name] = append(parts[p.patch.Name], p)
		}
	}
	for _, name := range names {
		o := output{name: fileName(path.Base(name))}
		if st.commit != nil {
			o.name = fmt.Sprintf("prereq-%.12s-%s.patch", st.commit.hash, slug(st.commit.subject))
		}
		at := slices.IndexFunc(texts, func(f advisory.NamedData) bool { return f.Name == name })
		whole := at >= 0 && !slices.ContainsFunc(st.trial.parts, func(p part) bool {
			return p.patch.Name == name && (!p.whole || p.status == patch.Applied || len(p.there) > 0)
		})
		if whole {
			o.text = rebased(texts[at], parts[name], note)
		} else {
			for _, p := range parts[name] {
				o.text = append(o.text, written(p.patch, p.report, note)...)
			}
		}
		out = append(out, o)
	}
	return out
}

// portedTo is the line that a ported patch carries.
func (s *series) portedTo() string {
	what := s.base.ID
	if s.base.Xen != "" {
		what += ", Xen " + s.base.Xen
	}
	if s.base.Commit != "" {
		what += fmt.Sprintf(", upstream %.12s", s.base.Commit)
	}
	return "Ported-to: " + strings.Map(func(r rune) rune {
		if r < ' ' {
			return '?'
		}
		return r
	}, what)
}

// moved is the head of a hunk for the place where it went.
func moved(h *patch.Hunk, r patch.HunkReport) string {
	newStart := r.At
	if h.NewLines == 0 {
		newStart--
	}
	return fmt.Sprintf("@@ -%s +%s @@", lineRange(h.OldStart+r.Offset, h.OldLines), lineRange(newStart, h.NewLines))
}

func lineRange(start, count int) string {
	if count == 1 {
		return fmt.Sprint(start)
	}
	return fmt.Sprintf("%d,%d", start, count)
}

var hunkHead = regexp.MustCompile(`^@@ -[0-9,]+ \+[0-9,]+ @@`)

// rebased is a patch file as it came, with the line numbers of the place where
// it went and the note in each message. Modes, names and the rest stay.
func rebased(file advisory.NamedData, parts []part, note string) []byte {
	text := lines(file.Data)
	insert := map[int]string{} // before the line of that index
	for _, p := range parts {
		for i := range p.patch.Files {
			for j := range p.patch.Files[i].Hunks {
				h, r := &p.patch.Files[i].Hunks[j], p.report.Files[i].Hunks[j]
				if at := h.Line - 1; at < len(text) {
					text[at] = hunkHead.ReplaceAllLiteralString(text[at], moved(h, r))
				}
			}
		}
		at, line := noteLine(text, p.patch, note)
		insert[at] = line
	}
	var b bytes.Buffer
	for i, l := range text {
		b.WriteString(insert[i])
		b.WriteString(l)
	}
	return b.Bytes()
}

// noteLine finds where in a patch the note goes: behind the message.
func noteLine(text []string, p *patch.Patch, note string) (at int, line string) {
	start, end := p.Line-1, p.Files[0].Line-1
	for i := start; i < end && i < len(text); i++ {
		if strings.TrimRight(text[i], "\r\n") == "---" {
			end = i
			break
		}
	}
	at = end
	for at > start && strings.TrimSpace(text[at-1]) == "" {
		at--
	}
	line = note + "\n"
	switch {
	case at == start:
		line += "\n" // nothing was said
	case !isTrailer(text[at-1]):
		line = "\n" + line
	}
	return at, line
}

var trailer = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z-]*-by: |Fixes: |Ported-to: |\(cherry picked from |master (?:commit|date): )`)

func isTrailer(l string) bool { return trailer.MatchString(l) }

// written is a patch that did not come like this, in the form of git
// format-patch. The report gives the places of its hunks; without one they are
// right already.
func written(p *patch.Patch, report patch.Report, note string) []byte {
	var b bytes.Buffer
	h := &p.Header
	commit := h.Commit
	if commit == "" {
		commit = strings.Repeat("0", 40)
	}
	fmt.Fprintf(&b, "From %s Mon Sep 17 00:00:00 2001\n", commit)
	if h.From != "" {
		fmt.Fprintf(&b, "From: %s\n", author(h.From))
	}
	if h.Date != "" {
		fmt.Fprintf(&b, "Date: %s\n", h.Date)
	}
	fmt.Fprintf(&b, "Subject: [PATCH] %s\n", h.Subject)
	if strings.ContainsFunc(h.Subject+h.Body, func(r rune) bool { return r >= 0x80 }) {
		b.WriteString("MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n")
	}
	body := strings.TrimSpace(h.Body)
	fmt.Fprintf(&b, "\n%s", body)
	if body != "" {
		b.WriteString("\n")
		if last := body[strings.LastIndexByte(body, '\n')+1:]; !isTrailer(last) {
			b.WriteString("\n")
		}
	}
	fmt.Fprintf(&b, "%s\n---\n", note)
	for i := range p.Files {
		var r []patch.HunkReport
		if len(report.Files) == len(p.Files) {
			r = report.Files[i].Hunks
		}
		writeFile(&b, &p.Files[i], r)
	}
	return b.Bytes()
}

func author(from string) string {
	name, address, ok := strings.Cut(from, "<")
	if !ok {
		return from
	}
	return mime.QEncoding.Encode("UTF-8", strings.TrimSpace(name)) + " <" + address
}

// writeFile writes the change of one file with git's headers.
func writeFile(b *bytes.Buffer, f *patch.File, places []patch.HunkReport) {
	oldName, newName := f.OldName, f.NewName
	if oldName == "" {
		oldName = newName
	}
	if newName == "" {
		newName = oldName
	}
	fmt.Fprintf(b, "diff --git a/%s b/%s\n", oldName, newName)
	before, after := "a/"+oldName, "b/"+newName
	switch {
	case f.New:
		b.WriteString("new file mode 100644\n")
		before = "/dev/null"
	case f.Deleted:
		b.WriteString("deleted file mode 100644\n")
		after = "/dev/null"
	case f.Renamed:
		fmt.Fprintf(b, "rename from %s\nrename to %s\n", oldName, newName)
	case f.Copied:
		fmt.Fprintf(b, "copy from %s\ncopy to %s\n", oldName, newName)
	}
	if len(f.Hunks) == 0 {
		return
	}
	fmt.Fprintf(b, "--- %s\n+++ %s\n", before, after)
	for i := range f.Hunks {
		h := &f.Hunks[i]
		head := fmt.Sprintf("@@ -%s +%s @@", lineRange(h.OldStart, h.OldLines), lineRange(h.NewStart, h.NewLines))
		if i < len(places) && !places[i].Failed {
			head = moved(h, places[i])
		}
		if h.Section != "" {
			head += " " + h.Section
		}
		b.WriteString(head + "\n")
		for _, l := range h.Lines {
			b.WriteByte(byte(l.Op))
			b.WriteString(l.Text)
			if !strings.HasSuffix(l.Text, "\n") {
				b.WriteString("\n\\ No newline at end of file\n")
			}
		}
	}
}

// Diff writes how the content of a file changes, with git's headers; nil is a file that
// is not there. It is empty where nothing changes.
func Diff(name string, before, after []byte) []byte {
	f := patch.File{OldName: name, NewName: name, New: before == nil, Deleted: after == nil, Hunks: hunks(lines(before), lines(after))}
	if f.New == f.Deleted && len(f.Hunks) == 0 {
		return nil
	}
	var b bytes.Buffer
	writeFile(&b, &f, nil)
	return b.Bytes()
}

var unsafeName = regexp.MustCompile(`[^A-Za-z0-9._+-]+`)

// fileName makes a name that is safe as that of a file or folder.
func fileName(s string) string {
	s = unsafeName.ReplaceAllString(s, "_")
	if s = strings.TrimLeft(s, ".-"); s == "" {
		return "_"
	}
	return s[:min(len(s), 150)]
}

// slug is a subject as a part of a file name.
func slug(s string) string {
	s = strings.Trim(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(s, "-"), "-")
	return s[:min(len(s), 40)]
}
