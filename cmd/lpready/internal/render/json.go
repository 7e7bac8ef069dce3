package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"lpready/analyze"
)

// jsonRecord writes the canonical form of a report: two spaces of indentation,
// keys in the order of the contract. Characters that could steer a terminal
// are written as \u escapes, which no reader of JSON can tell from the plain
// form.
type jsonRecord struct{}

func (jsonRecord) Render(w io.Writer, r *analyze.Report) error { return writeJSON(w, r) }

func writeJSON(w io.Writer, value any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return fmt.Errorf("report as JSON: %w", err)
	}
	_, err := w.Write(ascii(b.Bytes()))
	return err
}

// ascii escapes, in a JSON text, all characters that are not harmless. They
// stand inside strings only: JSON allows them nowhere else.
func ascii(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\n' || harmless(r):
			out = append(out, text[:size]...)
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
		text = text[size:]
	}
	return out
}
