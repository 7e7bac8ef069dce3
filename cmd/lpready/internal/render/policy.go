package render

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/vendors/plan"
)

// A PolicyReport is the record of plan policy.
type PolicyReport struct {
	Schema    string        `json:"schema"`
	Command   string        `json:"command"`
	Vendor    string        `json:"vendor"`
	Generated time.Time     `json:"generated"`
	Bases     int           `json:"bases"`
	Lead      int           `json:"lead_days"`
	From      string        `json:"from"` // days of the history
	To        string        `json:"to"`
	Items     int           `json:"items"`
	Policies  []plan.Record `json:"policies"`
}

// Policy writes a replay in one of the formats.
func Policy(w io.Writer, format string, o Options, r *PolicyReport) error {
	out := bufio.NewWriter(w)
	switch format {
	case "json":
		return writeJSON(w, r)
	case "html":
		return policyHTML(w, r)
	case "csv":
		return policyCSV(w, r)
	case "markdown":
		fmt.Fprint(out, "# What a policy of batching does to the team\n\n")
		for _, l := range policyLines(r) {
			fmt.Fprintf(out, "- **%s:** %s\n", l.Topic, mark(l.Says))
		}
		fmt.Fprintln(out)
		pt := policyTable(r)
		markdown{}.table(out, pt.header, pt.rows)
		fmt.Fprint(out, "\n## Worst week of each year, of what the team has in a week\n\n")
		pt = peakTable(r)
		markdown{}.table(out, pt.header, pt.rows)
	case "table":
		t := newTable(o)
		for _, l := range policyLines(r) {
			t.field(out, "", l.Topic, plain(l.Says))
		}
		t.planTable(out, policyTable(r))
		fmt.Fprintf(out, "\nWorst week of each year, %s to %s (a full block is 200 %% of what the team has)\n", r.From[:4], r.To[:4])
		for i := range r.Policies {
			fmt.Fprintf(out, "%-24s %s\n", r.Policies[i].Name, sparks(r.Policies[i].Peaks))
		}
	default:
		return unknownFormat(format, ReportFormats())
	}
	return out.Flush()
}

// LoadPolicy reads a replay that was saved as JSON.
func LoadPolicy(s *Saved) (*PolicyReport, error) {
	r := new(PolicyReport)
	if err := s.decode(r, func() string { return r.Schema }); err != nil {
		return nil, err
	}
	const most = 100
	if len(r.Policies) == 0 || len(r.Policies) > most || len(r.From) < 4 || len(r.To) < 4 {
		return nil, fmt.Errorf("%s: expected a report of plan policy", s.Name)
	}
	for i := range r.Policies {
		if len(r.Policies[i].Peaks) > most {
			return nil, fmt.Errorf("%s: policy %d: %d years, expected at most %d", s.Name, i+1, len(r.Policies[i].Peaks), most)
		}
	}
	return r, nil
}

// NewPolicyReport is the record of a replay.
func NewPolicyReport(vendor string, at time.Time, replay *plan.Replay, list []plan.Record) *PolicyReport {
	h := replay.History
	return &PolicyReport{Schema: analyze.Schema, Command: "policy", Vendor: vendor, Generated: at, Bases: replay.Bases, Lead: replay.Lead,
		From: h[0].Date.Format(time.DateOnly), To: h[len(h)-1].Date.Format(time.DateOnly), Items: len(h), Policies: list}
}

func policyLines(r *PolicyReport) []line {
	best, calm := &r.Policies[0], &r.Policies[0]
	for i := range r.Policies {
		p := &r.Policies[i]
		if p.InTime > best.InTime {
			best = p
		}
		if p.Worst < calm.Worst {
			calm = p
		}
	}
	return []line{
		{"History", fmt.Sprintf("%d advisories from %s to %s, each on %s, for the team of %s, known %d days before.", r.Items, r.From, r.To, plural(fmt.Sprint(r.Bases), "base"), r.Vendor, r.Lead)},
		{"Most ready", fmt.Sprintf("%s: %s of the items in time, held back for %.1f days on average; those that are late are so by %.1f days, as it was by %.1f.", best.Name, percent(best.InTime), best.Waiting, best.Late, r.Policies[0].Late)},
		{"Calmest", fmt.Sprintf("%s: %s in the worst week, that of %s; as it was it is %s.", calm.Name, percent(calm.Worst), calm.WorstWeek, percent(r.Policies[0].Worst))},
		{"Assumed", "Class and hours of an advisory follow its size: of those that touch the hypervisor the smallest third is clean, the largest two ninths are hard, as of twelve that were assessed. Nobody is ill or on leave, no revisions come, and nothing is so urgent that it cannot wait."},
	}
}

func policyTable(r *PolicyReport) planTable {
	t := planTable{title: "Policies", header: []string{"Policy", "Batches:", "Largest:", "Held back:", "Load:", "In time:", "Whole:", "Late by:", "Worst:", "In week of"}}
	for i := range r.Policies {
		p := &r.Policies[i]
		t.rows = append(t.rows, []string{p.Name, fmt.Sprint(p.Batches), fmt.Sprint(p.Largest), fmt.Sprintf("%.1f d", p.Waiting), percent(p.Utilisation),
			percent(p.InTime), percent(p.Clean), fmt.Sprintf("%.1f d", p.Late), percent(p.Worst), p.WorstWeek})
	}
	return t
}

func peakTable(r *PolicyReport) planTable {
	t := planTable{header: []string{"Policy"}}
	for y := year(r.From); y <= year(r.To); y++ {
		t.header = append(t.header, fmt.Sprintf("%d:", y))
	}
	for i := range r.Policies {
		row := []string{r.Policies[i].Name}
		for y := year(r.From); y <= year(r.To); y++ {
			row = append(row, percent(peakOf(r.Policies[i].Peaks, y)))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func year(date string) int {
	n, err := strconv.Atoi(date[:4])
	if err != nil {
		return 0
	}
	return n
}

func peakOf(peaks []plan.Peak, year int) float64 {
	for _, p := range peaks {
		if p.Year == year {
			return p.Load
		}
	}
	return 0
}

// sparks draws a bar for each peak, full at twice of what the team has.
func sparks(peaks []plan.Peak) string {
	const bars = "▁▂▃▄▅▆▇█"
	steps := []rune(bars)
	var b strings.Builder
	for _, p := range peaks {
		n := int(p.Load / 2 * float64(len(steps)))
		b.WriteRune(steps[min(max(n, 0), len(steps)-1)])
		b.WriteByte(' ')
	}
	return strings.TrimRight(b.String(), " ")
}

func policyCSV(w io.Writer, r *PolicyReport) error {
	rows := [][]string{{"policy", "batches", "largest", "waiting_days", "utilisation", "in_time", "clean_batches", "late_days", "nobody", "worst_week", "worst_load"}}
	float := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	for i := range r.Policies {
		p := &r.Policies[i]
		rows = append(rows, []string{text(p.Name), fmt.Sprint(p.Batches), fmt.Sprint(p.Largest), float(p.Waiting), float(p.Utilisation), float(p.InTime), float(p.Clean),
			float(p.Late), fmt.Sprint(p.Nobody), p.WorstWeek, float(p.Worst)})
	}
	return writeCSV(w, rows)
}
