package render

import (
	"fmt"
	"path/filepath"
	"strings"

	"lpready/build/boot"
)

// bootFacts are what there is to say of a boot, nothing where there was none.
func bootFacts(b *boot.Result) (list []line) {
	if b == nil {
		return nil
	}
	add := func(topic, says string) {
		if says != "" {
			list = append(list, line{topic, says})
		}
	}
	add("Booted", string(b.Verdict)+": "+b.Says)
	add("Defect", b.Defect)
	if b.Refusal != nil && b.Refusal.Check != "" {
		add("Foreseen", "by the check "+b.Refusal.Check)
	}
	add("Steps", stepWords(b))
	for i := range b.Steps {
		if s := &b.Steps[i]; s.State == "failed" || s.State == "unfinished" {
			add("Step", stepDetail(s))
		}
	}
	if b.Crash != nil {
		for i, f := range b.Crash.Trace {
			topic := ""
			if i == 0 {
				topic = "Trace"
			}
			if i < maxTraceShown {
				list = append(list, line{topic, f.String()})
			}
		}
	}
	ran, not := ranWords(b)
	if !b.Guest {
		ran = "not measured: no guest was run"
	}
	add("Ran", ran)
	add("Not reached", not)
	add("Host", fmt.Sprintf("Xen %s, build-id %s, dom0 %s", b.Version, b.BuildID, filepath.Base(b.Kernel)))
	add("Time", fmt.Sprintf("%.1f s, of which QEMU %.1f s; at most %d MB", b.Took, b.QEMU, b.MemoryMB))
	for _, s := range b.Remarks {
		add("Remark", s)
	}
	for _, l := range b.Logs {
		add("Log", l.File)
	}
	return list
}

// maxTraceShown is how much of a trace people see; JSON has more.
const maxTraceShown = 8

// stepWords sum up the steps: those that passed in short, by how they ended.
func stepWords(b *boot.Result) string {
	var words []string
	for i := range b.Steps {
		s := &b.Steps[i]
		if s.State == "skipped" || s.State == "not-reached" {
			continue
		}
		word := s.Action
		if s.State != "passed" {
			word += " (" + s.State + ")"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func stepDetail(s *boot.Step) string {
	says := strings.TrimSpace(s.Action+" "+s.Subject) + " " + s.State
	if s.Exit != 0 {
		says += fmt.Sprintf(", exit code %d", s.Exit)
	}
	if s.Tries > 1 {
		says += fmt.Sprintf(" after %d tries", s.Tries)
	}
	if s.Why != "" {
		says += ": " + s.Why
	}
	return says
}

// ranWords are the functions that ran, and those that did not.
func ranWords(b *boot.Result) (ran, not string) {
	var yes, no []string
	for _, f := range b.Functions {
		if f.Ran {
			yes = append(yes, fmt.Sprintf("%s (entered at least %s)", f.Name, plural(fmt.Sprint(f.Times), "time")))
		} else {
			no = append(no, f.Name)
		}
	}
	return strings.Join(yes, ", "), strings.Join(no, ", ")
}

// bootRows are rows of CSV: the boot and, with a guest, each function.
func bootRows(name, verdict string, b *boot.Result) (rows [][]string) {
	if b == nil {
		return nil
	}
	row := func(kind, check, symbol, message string) {
		rows = append(rows, []string{text(name), verdict, kind, text(check), text(symbol), "", "", text(message), fmt.Sprint(b.Crash != nil), "", "", "", ""})
	}
	row("booted", string(b.Verdict), "", b.Says)
	if b.Defect != "" {
		row("defect", "", "", b.Defect)
	}
	for _, f := range b.Functions {
		kind := "not-reached"
		if f.Ran {
			kind = "ran"
		}
		row(kind, "", f.Name, "")
	}
	return rows
}
