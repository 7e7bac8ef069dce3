package boot

import (
	"bytes"
	"strconv"
	"strings"
)

// A transcript is what init.sh said on the second serial port.
type transcript struct {
	ready bool
	done  bool
	steps map[int]*outcome
	last  int // the step that began last, -1 for none
}

// An outcome is what came of a step.
type outcome struct {
	ended   bool
	skipped bool
	status  int
	tries   int
	began   float64 // seconds since the kernel started
	took    float64
	output  []string
}

// maxOutput is how many lines of a step's output are kept.
const maxOutput = 1000

// readTranscript reads what is there; a last line that is cut off is left out.
func readTranscript(data []byte) *transcript {
	t := &transcript{steps: map[int]*outcome{}, last: -1}
	for {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			return t
		}
		data = rest
		t.line(strings.TrimRight(string(line), "\r"))
	}
}

func (t *transcript) line(l string) {
	if text, ok := strings.CutPrefix(l, "|"); ok {
		if o := t.steps[t.last]; o != nil && !o.ended && len(o.output) < maxOutput {
			o.output = append(o.output, text)
		}
		return
	}
	words := strings.Fields(strings.TrimPrefix(l, "@"))
	if !strings.HasPrefix(l, "@") || len(words) < 2 {
		return
	}
	switch words[0] {
	case "ready":
		t.ready = true
		return
	case "done":
		t.done = true
		return
	}
	id, err := strconv.Atoi(words[0])
	if err != nil || id < 0 {
		return
	}
	switch words[1] {
	case "skip":
		t.steps[id] = &outcome{ended: true, skipped: true}
	case "begin":
		o := &outcome{}
		if len(words) > 2 {
			o.began, _ = strconv.ParseFloat(words[2], 64)
		}
		t.steps[id], t.last = o, id
	case "exit":
		o := t.steps[id]
		if o == nil || o.ended || len(words) < 5 {
			return
		}
		status, err := strconv.Atoi(words[2])
		if err != nil {
			return
		}
		o.ended, o.status = true, status
		o.tries, _ = strconv.Atoi(words[3])
		if up, err := strconv.ParseFloat(words[4], 64); err == nil {
			o.took = up - o.began
		}
	}
}

// states reads the output of xen-livepatch list.
func states(output []string) map[string]string {
	list := map[string]string{}
	for _, l := range output {
		name, rest, ok := strings.Cut(l, "|")
		words := strings.Fields(rest)
		if !ok || len(words) == 0 || strings.TrimSpace(name) == "ID" {
			continue
		}
		list[strings.TrimSpace(name)] = strings.TrimRight(words[0], "|")
	}
	return list
}
