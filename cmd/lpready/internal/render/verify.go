package render

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/build/payload"
)

// Verify writes what hypervisors would say to payloads, in one of the formats.
func Verify(w io.Writer, format string, o Options, at time.Time, list []*payload.Result) error {
	if !slices.Contains(Formats(), format) {
		return unknownFormat(format, Formats())
	}
	switch format {
	case "json":
		return writeJSON(w, verifyRecord{analyze.Schema, "verify", at, list, verifiedOf(list)})
	case "csv":
		return verifyCSV(w, list)
	}
	out := bufio.NewWriter(w)
	if format == "markdown" {
		verifyMarkdown(out, list)
	} else {
		newTable(o).verify(out, list)
	}
	return out.Flush()
}

type verifyRecord struct {
	Schema    string            `json:"schema"`
	Command   string            `json:"command"`
	Generated time.Time         `json:"generated"`
	Payloads  []*payload.Result `json:"payloads"`
	Totals    verified          `json:"totals"`
}

type verified struct {
	Payloads int `json:"payloads"`
	Accepted int `json:"accepted"`
	Refused  int `json:"refused"`
}

func verifiedOf(list []*payload.Result) verified {
	n := verified{Payloads: len(list)}
	for _, r := range list {
		if r.Accepted {
			n.Accepted++
		} else {
			n.Refused++
		}
	}
	return n
}

func (n verified) String() string {
	return fmt.Sprintf("%s verified: %d accepted, %d refused", count(n.Payloads, "payload"), n.Accepted, n.Refused)
}

// LoadVerify reads results that were saved as JSON, and when they were made.
func LoadVerify(s *Saved) ([]*payload.Result, time.Time, error) {
	var r verifyRecord
	if err := s.decode(&r, func() string { return r.Schema }); err != nil {
		return nil, time.Time{}, err
	}
	for i, p := range r.Payloads {
		if p == nil || p.Accepted != (p.Count(payload.Refused) == 0) {
			return nil, time.Time{}, fmt.Errorf("%s: payload %d: the verdict does not belong to the findings", s.Name, i+1)
		}
	}
	if r.Totals != verifiedOf(r.Payloads) {
		return nil, time.Time{}, fmt.Errorf("%s: the totals do not belong to the payloads", s.Name)
	}
	return r.Payloads, r.Generated, nil
}

// verifyTitle is a payload with its verdict.
func verifyTitle(r *payload.Result) string {
	verdict := "refused"
	if r.Accepted {
		verdict = "accepted"
	}
	return r.Name + ": " + verdict
}

// verifyFacts are what there is to say of a payload and of its base.
func verifyFacts(r *payload.Result) (list []line) {
	add := func(topic string, words ...string) {
		if says := strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), ", "); says != "" {
			list = append(list, line{topic, says})
		}
	}
	named := func(name, value string) string {
		if value == "" {
			return ""
		}
		return name + " " + value
	}
	version := r.Release
	if version == "" {
		version = r.Xen
	}
	add("Base", named("Xen", version), named("build-id", r.BaseBuildID))
	add("Payload", plural(fmt.Sprint(r.Bytes), "byte"), named("build-id", r.BuildID))
	add("Made for", named("the hypervisor", r.XenDepends), named("upon", r.Depends))
	add("Functions", functionWords(r)...)
	var hooks []string
	for i := range r.Hooks {
		hooks = append(hooks, r.Hooks[i].Kind+" "+r.Hooks[i].Function)
	}
	add("Hooks", hooks...)
	add("Metadata", slices.Clone(r.Metadata)...)
	add("Checks", fmt.Sprintf("%d made, %d not made", r.Made, len(r.NotMade)))
	for _, n := range notMade(r) {
		add("Not made", n)
	}
	for _, s := range r.Warnings {
		add("Warning", s)
	}
	return list
}

// functionWords are the functions with their old and their new size.
func functionWords(r *payload.Result) (list []string) {
	for i := range r.Functions {
		f := &r.Functions[i]
		what := fmt.Sprintf("%d -> %d", f.OldSize, f.NewSize)
		if f.New == "" {
			what = fmt.Sprintf("%d of %d become nothing", f.NewSize, f.OldSize)
		}
		list = append(list, fmt.Sprintf("%s (%s)", f.Name, what))
	}
	return list
}

// notMade are the checks that were not made, by why.
func notMade(r *payload.Result) (list []string) {
	var whys []string
	of := map[string][]string{}
	for _, n := range r.NotMade {
		if of[n.Why] == nil {
			whys = append(whys, n.Why)
		}
		of[n.Why] = append(of[n.Why], n.Check)
	}
	for _, why := range whys {
		list = append(list, why+": "+strings.Join(of[why], ", "))
	}
	return list
}

// verifyWhere is the place of a finding.
func verifyWhere(f *payload.Finding) string {
	var words []string
	for _, s := range []string{f.Symbol, f.Section} {
		if s != "" {
			words = append(words, s)
		}
	}
	if f.Relocation != "" {
		words = append(words, "relocation "+f.Relocation)
	}
	return strings.Join(words, ", ")
}

// verifySays is what a check found, with how often it found more.
func verifySays(f *payload.Finding) string {
	s := f.Message
	if at := verifyWhere(f); at != "" {
		s = at + ": " + s
	}
	if f.Crash {
		s += ": the host crashes"
	}
	if f.More > 0 {
		s += fmt.Sprintf(" (and %d more)", f.More)
	}
	return s
}

func (t table) verify(w io.Writer, list []*payload.Result) {
	for _, r := range list {
		t.bullet(w, "", plain(verifyTitle(r)))
		for _, f := range verifyFacts(r) {
			t.field(w, "  ", f.Topic, plain(f.Says))
		}
		for i := range r.Findings {
			f := &r.Findings[i]
			fmt.Fprintln(w)
			t.bullet(w, "  ", plain(fmt.Sprintf("%s: %s", f.Severity, f.Check)))
			t.bullet(w, "    ", plain(verifySays(f)))
			if f.Loader != "" {
				t.field(w, "    ", "Loader", plain(f.Loader))
			}
			t.field(w, "    ", "Source", plain(f.Source))
			t.field(w, "    ", "Remedy", plain(f.Remedy))
		}
		fmt.Fprintln(w)
	}
	t.bullet(w, "", verifiedOf(list).String())
}

func verifyMarkdown(w io.Writer, list []*payload.Result) {
	fmt.Fprintf(w, "# Payloads\n\n%s.\n", verifiedOf(list))
	for _, r := range list {
		fmt.Fprintf(w, "\n## %s\n\n", mark(verifyTitle(r)))
		for _, f := range verifyFacts(r) {
			fmt.Fprintf(w, "- **%s:** %s\n", f.Topic, mark(f.Says))
		}
		if len(r.Findings) == 0 {
			continue
		}
		var rows [][]string
		for i := range r.Findings {
			f := &r.Findings[i]
			rows = append(rows, []string{string(f.Severity), f.Check, verifySays(f), f.Loader, f.Source, f.Remedy})
		}
		fmt.Fprintln(w)
		markdown{}.table(w, []string{"Severity", "Check", "What", "Loader", "Source", "Remedy"}, rows)
	}
}

func verifyCSV(w io.Writer, list []*payload.Result) error {
	rows := [][]string{{"payload", "verdict", "severity", "check", "symbol", "section", "relocation", "message", "crash", "more", "loader", "source", "remedy"}}
	for _, r := range list {
		verdict := strings.TrimPrefix(verifyTitle(r), r.Name+": ")
		if len(r.Findings) == 0 {
			rows = append(rows, []string{text(r.Name), verdict, "", "", "", "", "", "", "", "", "", "", ""})
		}
		for i := range r.Findings {
			f := &r.Findings[i]
			rows = append(rows, []string{text(r.Name), verdict, text(string(f.Severity)), text(f.Check), text(f.Symbol), text(f.Section), text(f.Relocation),
				text(f.Message), fmt.Sprint(f.Crash), number(f.More), text(f.Loader), text(f.Source), text(f.Remedy)})
		}
		for _, n := range r.NotMade {
			rows = append(rows, []string{text(r.Name), verdict, "not-made", text(n.Check), "", "", "", text(n.Why), "", "", "", "", ""})
		}
	}
	return writeCSV(w, rows)
}
