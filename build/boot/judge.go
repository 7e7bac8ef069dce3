package boot

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lpready/build/payload"
)

// A Verdict is what a boot showed.
type Verdict string

const (
	Passed   Verdict = "passed"   // every step did what it should
	Refused  Verdict = "refused"  // the hypervisor, or the tool, said no
	Crashed  Verdict = "crashed"  // the host died
	Looped   Verdict = "looped"   // the host crashed again and again without an end
	Hung     Verdict = "hung"     // no word any more, or no end
	NotQuiet Verdict = "no-quiet" // the processors did not meet to apply or revert
	Wrong    Verdict = "wrong"    // a step said yes and something else was true
)

// A Result is what one boot showed of a payload, or of a set.
type Result struct {
	Payload string   `json:"payload,omitempty"` // empty for a set
	Set     []string `json:"set,omitempty"`     // names of all payloads that were loaded, in order
	Verdict Verdict  `json:"verdict"`
	Says    string   `json:"says"` // one sentence

	Hypervisor string `json:"hypervisor"` // file that was booted
	BuildID    string `json:"build_id"`   // that it says it has
	Version    string `json:"version,omitempty"`
	Kernel     string `json:"kernel"` // file of the dom0 kernel
	Guest      bool   `json:"guest,omitempty"`

	Steps     []Step        `json:"steps"`
	Refusal   *Refusal      `json:"refusal,omitempty"`
	Crash     *Crash        `json:"crash,omitempty"`
	Defect    string        `json:"defect,omitempty"` // where the checks of verify said something else
	Functions []RanFunction `json:"ran,omitempty"`    // with a guest: which replacements ran
	Remarks   []string      `json:"remarks,omitempty"`

	MemoryMB int     `json:"memory_mb"` // that QEMU was given
	QEMU     float64 `json:"qemu"`      // seconds in QEMU
	Took     float64 `json:"took"`      // seconds, with all that belongs to it
	Logs     []Log   `json:"logs,omitempty"`
}

// Good tells whether nothing stood against the payload.
func (r *Result) Good() bool { return r.Verdict == Passed }

// A Step is one command, and what came of it.
type Step struct {
	Action  string   `json:"action"`
	Subject string   `json:"subject,omitempty"` // payload or guest
	State   string   `json:"state"`             // passed, failed, skipped, unfinished or not-reached
	Exit    int      `json:"exit,omitempty"`
	Tries   int      `json:"tries,omitempty"` // where it was more than one
	Took    float64  `json:"took,omitempty"`  // seconds
	Output  []string `json:"output,omitempty"`
	Console []string `json:"console,omitempty"` // what Xen said of live patches meanwhile
	Why     string   `json:"why,omitempty"`     // it failed although the command did not
}

// States of steps.
const (
	stepPassed     = "passed"
	stepFailed     = "failed"
	stepSkipped    = "skipped"
	stepUnfinished = "unfinished"
	stepNotReached = "not-reached"
)

// A Refusal is a no, in the words of the hypervisor.
type Refusal struct {
	Action  string `json:"action"`
	Payload string `json:"payload"`
	Says    string `json:"says"`            // Xen's line, or the tool's where Xen is silent
	Check   string `json:"check,omitempty"` // the check of verify that said so before
}

// maxShown is how many lines of a step are kept in the record; the logs have all.
const maxShown = 20

// judge makes the result of a boot. An error means that it did not come as far as the
// first payload, for which no payload can be blamed.
func (h *Host) judge(p *plan, b *booted) (*Result, error) {
	t, c := readTranscript(b.output), readConsole(b.console)
	r := &Result{Hypervisor: h.From, Kernel: h.Kernel, BuildID: h.BuildID, Guest: p.guest, Remarks: p.remarks, Steps: []Step{}}
	r.readBanner(c.before)
	for i := range p.payloads {
		r.Set = append(r.Set, p.payloads[i].Name)
	}
	if len(t.steps) == 0 || !t.ready {
		return nil, h.notStarted(b, c)
	}
	for i := range p.steps {
		r.Steps = append(r.Steps, stepOf(&p.steps[i], t.steps[i], c.steps[i]))
	}
	h.verdict(r, p, b, t, c)
	if first := firstPayload(p); t.last < first && r.Verdict != Passed {
		return nil, fmt.Errorf("the host fails without a payload: %s", r.Says)
	}
	return r, nil
}

// firstPayload is the number of the first step that a payload can have to do with.
func firstPayload(p *plan) int {
	return slices.IndexFunc(p.steps, func(s planned) bool { return s.action == actUpload })
}

// notStarted tells why dom0 did not come to its script.
func (h *Host) notStarted(b *booted, c *console) error {
	lines := slices.DeleteFunc(slices.Clone(c.before), func(l string) bool { return strings.TrimSpace(l) == "" })
	const most = 8
	tail := strings.Join(lines[max(0, len(lines)-most):], "\n")
	return fmt.Errorf("%s with %s: the dom0 did not come up in %v (%s); the console ends with\n%s", h.From, h.Kernel, b.took.Round(time.Second), b.end, tail)
}

// readBanner reads what the hypervisor says of itself when it starts.
func (r *Result) readBanner(lines []string) {
	for _, l := range lines {
		text := withoutPrefix(l)
		if v, ok := strings.CutPrefix(text, "Xen version "); ok && r.Version == "" {
			r.Version = strings.Fields(v)[0]
		}
		if id, ok := strings.CutPrefix(text, "build-id: "); ok {
			r.BuildID = strings.TrimSpace(id)
		}
	}
}

// stepOf sets what came of a step beside what was wanted.
func stepOf(want *planned, o *outcome, said []string) Step {
	s := Step{Action: want.action, Subject: want.subject}
	s.Console = firstOf(livepatchLines(said))
	switch {
	case o == nil:
		s.State = stepNotReached
		return s
	case o.skipped:
		s.State = stepSkipped
		return s
	case !o.ended:
		s.State = stepUnfinished
	case o.status != 0:
		s.State, s.Exit = stepFailed, o.status
	default:
		s.State = stepPassed
		s.Why = want.differs(o.output)
		if s.Why != "" {
			s.State = stepFailed
		}
	}
	s.Took = float64(int(o.took*100+0.5)) / 100
	if o.tries > 1 {
		s.Tries = o.tries
	}
	if want.action != actExercise || s.State != stepPassed {
		for _, l := range o.output {
			s.Output = append(s.Output, printable(l))
		}
		s.Output = firstOf(s.Output)
	}
	return s
}

func firstOf(list []string) []string { return list[:min(len(list), maxShown)] }

// differs says what a list shows that it should not.
func (want *planned) differs(output []string) string {
	if want.states == nil {
		return ""
	}
	got := states(output)
	if maps.Equal(got, want.states) {
		return ""
	}
	return fmt.Sprintf("expected %s, and the hypervisor has %s", inWords(want.states), inWords(got))
}

func inWords(states map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(states)) {
		words = append(words, printable(name)+" "+printable(states[name]))
	}
	return cmp.Or(strings.Join(words, ", "), "no payload")
}

// verdict decides, from the gravest to the least.
func (h *Host) verdict(r *Result, p *plan, b *booted, t *transcript, c *console) {
	at := t.last
	during := "before the first step"
	if at >= 0 && at < len(r.Steps) {
		during = "during the step " + r.Steps[at].what()
	}
	var after []string
	for i := range p.steps {
		after = append(after, c.steps[i]...)
	}
	r.Crash = readCrash(after, h.symbols)
	bad := slices.IndexFunc(r.Steps, func(s Step) bool { return s.State == stepFailed || s.State == stepUnfinished })
	switch {
	case r.Crash != nil && b.end == endDone:
		r.Verdict = Wrong
		r.Says = "the hypervisor printed a trace, and went on: " + r.Crash.where()
	case r.Crash != nil && (b.end == endLog || b.end == endTime && r.Crash.Faults > 2):
		r.Verdict = Looped
		r.Says = fmt.Sprintf("the host crashes again and again %s: %d traces in %v, then the boot was stopped; first %s", during, r.Crash.Faults, b.took.Round(time.Second), r.Crash.where())
	case r.Crash != nil:
		r.Verdict = Crashed
		r.Says = fmt.Sprintf("the host crashes %s: %s", during, r.Crash.where())
	case b.end == endReset:
		r.Verdict = Crashed
		r.Says = fmt.Sprintf("the host resets without a word %s", during)
	case b.end == endLog:
		r.Verdict = Looped
		r.Says = fmt.Sprintf("the host says the same without an end %s: %s", during, lastWords(after))
	case bad >= 0 && r.Steps[bad].unquiet():
		r.Verdict = NotQuiet
		r.Says = fmt.Sprintf("the hypervisor cannot %s: its processors do not meet, %d times: %s", r.Steps[bad].what(), max(r.Steps[bad].Tries, 1), strings.Join(r.Steps[bad].Console[:min(1, len(r.Steps[bad].Console))], ""))
	case b.end == endSilence || b.end == endTime || bad >= 0 && r.Steps[bad].Exit == exitKilled:
		r.Verdict = Hung
		r.Says = fmt.Sprintf("the host hangs %s: stopped after %v (%s)", during, b.took.Round(time.Second), b.end)
	case bad >= 0:
		r.failed(&r.Steps[bad])
	default:
		r.Verdict, r.Says = Passed, passedWords(r)
	}
}

// exitKilled is what a shell makes of a command that timeout killed.
const exitKilled = 137

// unquiet tells whether a step failed for want of a moment at which all processors meet.
func (s *Step) unquiet() bool {
	return s.Exit == 2 && slices.ContainsFunc(s.Console, func(l string) bool { return strings.Contains(l, "Timed out on semaphore") })
}

func (s *Step) what() string { return strings.TrimSpace(s.Action + " " + s.Subject) }

// failed tells of a step that ended badly.
func (r *Result) failed(s *Step) {
	said := s.complaint()
	switch s.Action {
	case actUpload, actApply, actRevert, actReplace, actUnload:
		r.Verdict = Refused
		r.Refusal = &Refusal{Action: s.Action, Payload: s.Subject, Says: said}
		if len(s.Console) > 0 {
			r.Refusal.Says = refusalOf(s.Console)
		}
		r.Says = fmt.Sprintf("the hypervisor refuses %s: %s", s.what(), r.Refusal.Says)
	default:
		r.Verdict = Wrong
		r.Says = fmt.Sprintf("the step %s failed: %s", s.what(), cmp.Or(s.Why, said, fmt.Sprintf("exit code %d", s.Exit)))
	}
}

// complaint is the first line of a command's output that tells of an error, else the last.
func (s *Step) complaint() string {
	for _, l := range s.Output {
		if strings.Contains(strings.ToLower(l), "error") {
			return l
		}
	}
	return strings.Join(s.Output[max(0, len(s.Output)-1):], "")
}

// refusalOf picks the line that says why: the last one that is no mere note of progress.
func refusalOf(lines []string) string {
	for _, l := range slices.Backward(lines) {
		if !progressLine(l) {
			return l
		}
	}
	return lines[len(lines)-1]
}

// progressLine tells what Xen says of every payload.
func progressLine(l string) bool {
	return strings.Contains(l, "CPU") && strings.Contains(l, " IPIing ") || strings.Contains(l, " finished ") || strings.Contains(l, "Verifying enabled expectations")
}

// where is the place of a crash in words.
func (c *Crash) where() string {
	var words []string
	if c.Panic != "" {
		words = append(words, c.Panic)
	}
	if c.RIP != nil {
		words = append(words, "at "+c.RIP.String())
	}
	if c.RIP == nil || c.RIP.Payload == "" {
		for _, f := range c.Trace {
			if f.Payload != "" {
				words = append(words, "called from "+f.String())
				break
			}
		}
	}
	return strings.Join(words, " ")
}

// lastWords is the last line on the console.
func lastWords(lines []string) string {
	for _, l := range slices.Backward(lines) {
		if strings.TrimSpace(l) != "" {
			return l
		}
	}
	return "nothing"
}

// passedWords sum up what was done.
func passedWords(r *Result) string {
	count := map[string]int{}
	for i := range r.Steps {
		if r.Steps[i].State == stepPassed {
			count[r.Steps[i].Action]++
		}
	}
	var words []string
	for _, a := range []string{actUpload, actApply, actReplace, actRevert, actUnload} {
		if count[a] > 0 {
			words = append(words, fmt.Sprintf("%s %d", a, count[a]))
		}
	}
	if count[actCreate] > 0 {
		words = append(words, fmt.Sprintf("%d guests ran", count[actCreate]))
	}
	return "the host did all that was asked: " + strings.Join(words, ", ")
}

// compare holds what happened against what the checks of verify said before.
func (r *Result) compare(v *payload.Result) {
	refused := loaderFindings(v)
	switch {
	case r.Verdict == Refused && r.Refusal.Payload == r.Payload:
		for _, f := range refused {
			if sameWords(f.Loader, r.Refusal.Says) || f.Loader == "" && !strings.HasPrefix(r.Refusal.Says, "livepatch: ") {
				r.Refusal.Check = f.Check
				return
			}
		}
		if len(refused) == 0 {
			r.Defect = "verify accepted a payload that the hypervisor refuses"
		} else {
			r.Defect = "verify expected another refusal: " + cmp.Or(refused[0].Loader, refused[0].Message)
		}
	case r.Verdict == Passed && len(refused) > 0:
		r.Defect = fmt.Sprintf("verify expected a refusal (%s: %s), and the hypervisor took the payload", refused[0].Check, cmp.Or(refused[0].Loader, refused[0].Message))
	}
}

// loaderFindings are those that a hypervisor would act upon.
func loaderFindings(v *payload.Result) (list []payload.Finding) {
	for _, f := range v.Findings {
		if f.Severity == payload.Refused && strings.HasPrefix(f.Source, "xen/") {
			list = append(list, f)
		}
	}
	return list
}

// sameWords compares the words of a check with those of the hypervisor, as far as the
// former are certain.
func sameWords(check, xen string) bool {
	certain, _, _ := strings.Cut(check, "...")
	return certain != "" && strings.HasPrefix(xen, strings.TrimRight(certain, " "))
}
