package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/build/boot"
	"lpready/build/payload"
)

// A Verification is what was found out about payloads.
type Verification struct {
	Payloads []Verified

	// With a boot: the proof that their tree is what was shipped, and what the host said
	// to all of them in their order, nil for a single one.
	Proof *Proof
	Set   *boot.Result
}

// A Verified is one payload: what the checks say, and what a real hypervisor said.
type Verified struct {
	*payload.Result
	Boot *boot.Result `json:"boot,omitempty"`
}

// A Proof is the answer to whether the tree of the payloads is what was shipped.
type Proof struct {
	Matches bool   `json:"matches"`
	Says    string `json:"says"`
	BuildID string `json:"build_id,omitempty"` // of what was shipped
}

// Good tells whether nothing stands against a payload. One that was booted is good only
// with the proof that its tree is what was shipped.
func (v *Verification) Good(i int) bool {
	p := &v.Payloads[i]
	if p.Boot == nil {
		return p.Accepted
	}
	return p.Accepted && p.Boot.Good() && p.Boot.Defect == "" && v.Proof != nil && v.Proof.Matches
}

// Verify writes what hypervisors would say to payloads, and did say, in one of the
// formats.
func Verify(w io.Writer, format string, o Options, at time.Time, v *Verification) error {
	return result{
		record: func() any {
			return verifyRecord{analyze.Schema, "verify", at, v.Payloads, v.Proof, v.Set, verifiedOf(v)}
		},
		csv:      func(w io.Writer) error { return verifyCSV(w, v) },
		markdown: func(w io.Writer) { verifyMarkdown(w, v) },
		table:    func(t table, w io.Writer) { t.verify(w, v) },
	}.write(w, format, o)
}

type verifyRecord struct {
	Schema    string       `json:"schema"`
	Command   string       `json:"command"`
	Generated time.Time    `json:"generated"`
	Payloads  []Verified   `json:"payloads"`
	Proof     *Proof       `json:"proof,omitempty"`
	Set       *boot.Result `json:"set,omitempty"`
	Totals    verified     `json:"totals"`
}

type verified struct {
	Payloads int `json:"payloads"`
	Accepted int `json:"accepted"`
	Refused  int `json:"refused"`
	Booted   int `json:"booted,omitempty"`
	Good     int `json:"good,omitempty"` // of those that were booted
}

func verifiedOf(v *Verification) verified {
	n := verified{Payloads: len(v.Payloads)}
	for i := range v.Payloads {
		p := &v.Payloads[i]
		if p.Accepted {
			n.Accepted++
		} else {
			n.Refused++
		}
		if p.Boot != nil {
			n.Booted++
			if v.Good(i) {
				n.Good++
			}
		}
	}
	return n
}

func (n verified) String() string {
	s := fmt.Sprintf("%s verified: %d accepted, %d refused", count(n.Payloads, "payload"), n.Accepted, n.Refused)
	if n.Booted > 0 {
		s += fmt.Sprintf("; %d booted, %d good", n.Booted, n.Good)
	}
	return s
}

// LoadVerify reads results that were saved as JSON, and when they were made.
func LoadVerify(s *Saved) (*Verification, time.Time, error) {
	var r verifyRecord
	if err := s.decode(&r, func() string { return r.Schema }); err != nil {
		return nil, time.Time{}, err
	}
	for i, p := range r.Payloads {
		if p.Result == nil || p.Accepted != (p.Count(payload.Refused) == 0) {
			return nil, time.Time{}, fmt.Errorf("%s: payload %d: the verdict does not belong to the findings", s.Name, i+1)
		}
	}
	v := &Verification{Payloads: r.Payloads, Proof: r.Proof, Set: r.Set}
	if r.Totals != verifiedOf(v) {
		return nil, time.Time{}, fmt.Errorf("%s: the totals do not belong to the payloads", s.Name)
	}
	return v, r.Generated, nil
}

// verifyTitle is a payload with its verdict.
func verifyTitle(v *Verification, i int) string {
	p := &v.Payloads[i]
	return p.Name + ": " + verdictOf(p.Accepted, p.Boot, v.Good(i))
}

// verdictOf is the verdict of the checks and of the hypervisor.
func verdictOf(accepted bool, b *boot.Result, good bool) string {
	checks := "refused"
	if accepted {
		checks = "accepted"
	}
	switch {
	case b == nil:
		return checks
	case good:
		return "good"
	case !b.Good():
		return "not good: " + string(b.Verdict)
	case !accepted:
		return "not good: " + checks
	}
	return "not good: not shown to fit what was shipped"
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

func (t table) verify(w io.Writer, v *Verification) {
	for i := range v.Payloads {
		r := v.Payloads[i].Result
		t.bullet(w, "", plain(verifyTitle(v, i)))
		for _, f := range append(verifyFacts(r), bootFacts(v.Payloads[i].Boot)...) {
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
	if v.Set != nil {
		t.bullet(w, "", "all of them in their order: "+string(v.Set.Verdict))
		for _, f := range bootFacts(v.Set) {
			t.field(w, "  ", f.Topic, plain(f.Says))
		}
		fmt.Fprintln(w)
	}
	if v.Proof != nil {
		t.field(w, "", "Tree", plain(v.Proof.Says))
	}
	t.bullet(w, "", verifiedOf(v).String())
}

func verifyMarkdown(w io.Writer, v *Verification) {
	fmt.Fprintf(w, "# Payloads\n\n%s.\n", verifiedOf(v))
	if v.Proof != nil {
		fmt.Fprintf(w, "\nTree: %s.\n", mark(v.Proof.Says))
	}
	if v.Set != nil {
		fmt.Fprintf(w, "\n## All of them in their order: %s\n\n", v.Set.Verdict)
		for _, f := range bootFacts(v.Set) {
			fmt.Fprintf(w, "- **%s:** %s\n", f.Topic, mark(f.Says))
		}
	}
	for i := range v.Payloads {
		r := v.Payloads[i].Result
		fmt.Fprintf(w, "\n## %s\n\n", mark(verifyTitle(v, i)))
		for _, f := range append(verifyFacts(r), bootFacts(v.Payloads[i].Boot)...) {
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

func verifyCSV(w io.Writer, v *Verification) error {
	rows := [][]string{{"payload", "verdict", "severity", "check", "symbol", "section", "relocation", "message", "crash", "more", "loader", "source", "remedy"}}
	for i := range v.Payloads {
		r, booted := v.Payloads[i].Result, v.Payloads[i].Boot
		verdict := strings.TrimPrefix(verifyTitle(v, i), r.Name+": ")
		rows = append(rows, bootRows(r.Name, verdict, booted)...)
		if len(r.Findings) == 0 && booted == nil {
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
	if v.Set != nil {
		rows = append(rows, bootRows("", string(v.Set.Verdict), v.Set)...)
	}
	return writeCSV(w, rows)
}
