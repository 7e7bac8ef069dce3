package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/tw"

	"lpready/analyze"
	"lpready/analyze/match"
)

// Match writes how a rebuilt hypervisor compares with the one that was shipped, in
// one of the formats. Text for people has the reasons with a few symbols each, CSV
// and JSON have all symbols that differ.
func Match(w io.Writer, format string, o Options, at time.Time, m *match.Result) error {
	return result{
		record:   func() any { return matchRecord{analyze.Schema, "match", at, m} },
		csv:      func(w io.Writer) error { return matchCSV(w, m) },
		markdown: func(w io.Writer) { matchMarkdown(w, m) },
		table:    func(t table, w io.Writer) { t.match(w, m) },
	}.write(w, format, o)
}

type matchRecord struct {
	Schema    string    `json:"schema"`
	Command   string    `json:"command"`
	Generated time.Time `json:"generated"`
	*match.Result
}

// LoadMatch reads a comparison that was saved as JSON, and when it was made.
func LoadMatch(s *Saved) (*match.Result, time.Time, error) {
	var r matchRecord
	if err := s.decode(&r, func() string { return r.Schema }); err != nil {
		return nil, time.Time{}, err
	}
	if r.Result == nil || r.Matches && len(r.Differences) > 0 {
		return nil, time.Time{}, fmt.Errorf("%s: the verdict does not belong to the differences", s.Name)
	}
	return r.Result, r.Generated, nil
}

// MatchVerdict is the answer in one sentence.
func MatchVerdict(m *match.Result) string {
	n := &m.Counts
	same := fmt.Sprintf("%d of %s of the shipped hypervisor with the same size", n.SameSize, count(m.Shipped.Symbols, "symbol"))
	if m.Matches {
		if m.CodeCompared {
			same += " and the same instructions"
		}
		return "matches: " + same
	}
	words := []string{same}
	for _, f := range []struct {
		n    int
		says string
	}{
		{n.CodeDiffers, "of them with other instructions"},
		{n.SectionDiffers, "of them in another section"},
		{n.SizeDiffers, "with another size"},
		{n.Clones, "copied in another way by the compiler"},
		{n.OnlyShipped, "missing in the rebuilt one"},
		{n.OnlyRebuilt, "only there"},
		{n.LabelsDiffer, "in assembly of another length"},
	} {
		if f.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", f.n, f.says))
		}
	}
	return "does not match: " + strings.Join(words, ", ")
}

// matchFacts are what there is to say of the two hypervisors.
func matchFacts(m *match.Result) []line {
	list := []line{{"Shipped", matchSide(&m.Shipped)}, {"Rebuilt", matchSide(&m.Rebuilt)}}
	if !m.SameCompiler {
		list = append(list, line{"Compiler", "differs"})
	}
	for _, f := range []struct {
		topic string
		of    match.Effect
	}{{"Options", match.OnCode}, {"Toolchain", match.OnCompiler}, {"No matter", match.OnNothing}} {
		var words []string
		for _, o := range m.Options {
			if o.Effect == f.of {
				words = append(words, fmt.Sprintf("%s (shipped: %s, rebuilt: %s)", o.Name, setting(o.Shipped), setting(o.Rebuilt)))
			}
		}
		if len(words) > 0 {
			list = append(list, line{f.topic, strings.Join(words, ", ")})
		}
	}
	return list
}

func setting(value string) string {
	if value == "" {
		return "off"
	}
	return value
}

func matchSide(s *match.Side) string {
	words := []string{count(s.Symbols, "symbol") + " of code"}
	if s.BuildID != "" {
		words = append(words, "build-id "+s.BuildID)
	}
	if s.Compiler != "" {
		words = append(words, s.Compiler)
	}
	switch {
	case s.Embedded:
		words = append(words, "embeds its configuration")
	case s.Options > 0:
		words = append(words, "its configuration was given")
	default:
		words = append(words, "configuration unknown")
	}
	return strings.Join(words, ", ")
}

// matchReason is a reason as a sentence; where nothing but the source is left, with
// the files in which to look.
func matchReason(r *match.Reason) string {
	switch {
	case r.May:
		return "perhaps: " + r.Says
	case r.Kind == match.BySource && len(r.Sources) > 0:
		return r.Says + " (" + strings.Join(r.Sources, ", ") + ")"
	}
	return r.Says
}

func matchExamples(r *match.Reason) string {
	s := strings.Join(r.Examples, ", ")
	if r.Count > len(r.Examples) {
		s += " ..."
	}
	return s
}

func (t table) match(w io.Writer, m *match.Result) {
	for _, f := range matchFacts(m) {
		t.field(w, "", f.Topic, plain(f.Says))
	}
	fmt.Fprintln(w)
	if len(m.Reasons) > 0 {
		var rows [][]string
		for i := range m.Reasons {
			r := &m.Reasons[i]
			rows = append(rows, []string{fmt.Sprint(r.Count), matchReason(r), matchExamples(r)})
		}
		t.grid(w, []string{"SYMBOLS", "REASON", "SUCH AS"}, plainRows(rows), []tw.Align{tw.AlignRight, tw.AlignLeft, tw.AlignLeft})
		fmt.Fprintln(w)
	}
	t.bullet(w, "", MatchVerdict(m))
	if len(m.Warnings) > 0 {
		fmt.Fprintln(w, "\nWarnings")
		for _, s := range m.Warnings {
			t.bullet(w, "  - ", plain(s))
		}
	}
}

func matchMarkdown(w io.Writer, m *match.Result) {
	fmt.Fprintf(w, "# Shipped and rebuilt\n\n%s.\n\n", mark(MatchVerdict(m)))
	for _, f := range matchFacts(m) {
		fmt.Fprintf(w, "- **%s:** %s\n", f.Topic, mark(f.Says))
	}
	if len(m.Reasons) > 0 {
		fmt.Fprint(w, "\n## Reasons\n\n")
		var rows [][]string
		for i := range m.Reasons {
			r := &m.Reasons[i]
			rows = append(rows, []string{fmt.Sprint(r.Count), matchReason(r), matchExamples(r)})
		}
		markdown{}.table(w, []string{"Symbols:", "Reason", "Such as"}, rows)
	}
	if len(m.Warnings) > 0 {
		fmt.Fprint(w, "\n## Warnings\n\n")
		for _, s := range m.Warnings {
			fmt.Fprintf(w, "- %s\n", mark(s))
		}
	}
}

func matchCSV(w io.Writer, m *match.Result) error {
	rows := [][]string{{"file", "name", "change", "as", "shipped_size", "rebuilt_size", "reason", "options", "may", "via", "source"}}
	bytes := func(n *uint64) string {
		if n == nil {
			return ""
		}
		return fmt.Sprint(*n)
	}
	for i := range m.Differences {
		d := &m.Differences[i]
		rows = append(rows, []string{text(d.File), text(d.Name), string(d.Change), text(d.As), bytes(d.Shipped), bytes(d.Rebuilt),
			string(d.Reason.Kind), texts(d.Reason.Options), fmt.Sprint(d.Reason.May), texts(d.Reason.Via), text(d.Reason.Source)})
	}
	return writeCSV(w, rows)
}
