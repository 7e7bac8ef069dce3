package render

import (
	"bufio"
	"fmt"
	"io"
	"strconv"

	"lpready/analyze"
	"lpready/analyze/effort"
)

// Calibration writes how records compare with the model, in one of the formats.
func Calibration(w io.Writer, format string, o Options, c *effort.Calibration) error {
	out := bufio.NewWriter(w)
	pt := calibrationTable(c)
	switch format {
	case "json":
		return writeJSON(w, struct {
			Schema  string `json:"schema"`
			Command string `json:"command"`
			*effort.Calibration
		}{analyze.Schema, "calibrate", c})
	case "csv":
		return calibrationCSV(w, c)
	case "markdown":
		fmt.Fprintf(out, "# Hours against what was recorded\n\n%s\n\n", mark(calibrationLine(c)))
		markdown{}.table(out, pt.header, pt.rows)
	case "table":
		t := newTable(o)
		t.bullet(out, "", calibrationLine(c))
		t.planTable(out, pt)
	default:
		return unknownFormat(format, Formats())
	}
	return out.Flush()
}

func calibrationLine(c *effort.Calibration) string {
	if c.All.Records == 0 {
		return "Nothing was recorded: the hours stay as they are."
	}
	return fmt.Sprintf("%s took %.2f of the hours expected; the error is %.0f %% of the hours before, and %.0f %% after refitting, each judged without itself.",
		count(c.All.Records, "task"), c.All.Ratio, c.All.Before, c.All.After)
}

func calibrationTable(c *effort.Calibration) planTable {
	t := planTable{title: "By task", header: []string{"Task", "Records:", "Expected:", "Real:", "Ratio:", "Factor:", "Error before:", "Error after:"}}
	for _, f := range append(c.Tasks, c.All) {
		t.rows = append(t.rows, []string{f.Task, fmt.Sprint(f.Records), hours(f.Expected), hours(f.Hours), fmt.Sprintf("%.2f", f.Ratio), fmt.Sprintf("%.2f", f.Factor),
			fmt.Sprintf("%.0f %%", f.Before), fmt.Sprintf("%.0f %%", f.After)})
	}
	return t
}

func calibrationCSV(w io.Writer, c *effort.Calibration) error {
	rows := [][]string{{"task", "records", "expected", "hours", "ratio", "factor", "error_before", "error_after"}}
	float := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	for _, f := range append(c.Tasks, c.All) {
		rows = append(rows, []string{f.Task, strconv.Itoa(f.Records), float(f.Expected), float(f.Hours), float(f.Ratio), float(f.Factor), float(f.Before), float(f.After)})
	}
	return writeCSV(w, rows)
}
