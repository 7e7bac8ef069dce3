package boot

import (
	"strings"
	"testing"
)

// TestJudge wants every end of a boot told as what it is: of a payload once it was
// there, of the machine before.
func TestJudge(t *testing.T) {
	one := made(t, "hello")
	const up = "(XEN) Xen version 4.17.5 (x)\r\n(XEN) build-id: aa\r\n"
	begin := "@ready 5\n@0 begin 5\n|Nothing to list\n@0 exit 0 1 5\n@1 begin 6\n"
	applied := begin + "@1 exit 0 1 6\n@2 begin 6\n"
	list := " ID | status | metadata\n|hello | APPLIED | \n"
	for _, c := range []struct {
		name            string
		end             end
		output, console string
		verdict         Verdict
		says            string
	}{
		{"no dom0", endSilence, "", up + "(XEN) Panic on CPU 0:\r\n(XEN) no dom0\r\n", "", "the dom0 did not come up"},
		{"ill without a payload", endReset, "@ready 5\n@0 begin 5\n", up, "", "fails without a payload"},
		{"reset", endReset, begin, up + "lpready: step 1\n", Crashed, "resets without a word during the step upload hello"},
		{"silence", endSilence, begin, up, Hung, "hangs during the step upload hello"},
		{"time", endTime, begin, up, Hung, "(time)"},
		{"log", endLog, begin, up + "lpready: step 1\n(XEN) again\n(XEN) again\n", Looped, "says the same without an end during the step upload hello: (XEN) again"},
		{"faults", endLog, applied, up + "lpready: step 2\n" + strings.Repeat("(XEN) *** DOUBLE FAULT ***\n", 5), Looped, "5 traces"},
		{"killed", endDone, applied + "@2 exit 137 1 40\n@done 50\n", up, Hung, "hangs during the step apply hello"},
		{"no", endDone, applied + "|Error 22\n@2 exit 1 1 7\n@done 9\n", up, Refused, "refuses apply hello: Error 22"},
		{"no with words", endDone, applied + "@2 exit 1 1 7\n@done 9\n", up + "lpready: step 2\n(XEN) livepatch: hello: check failed\n(XEN) livepatch: hello finished APPLY with rc=-22\n", Refused, "livepatch: hello: check failed"},
		{"other state", endDone, applied + "@2 exit 0 1 7\n@3 begin 7\n|" + strings.Replace(list, "APPLIED", "CHECKED", 1) + "@3 exit 0 1 8\n@done 9\n", up, Wrong, "expected hello APPLIED, and the hypervisor has hello CHECKED"},
		{"warning", endDone, applied + "@2 exit 0 1 7\n@3 begin 7\n|" + list + "@3 exit 0 1 8\n@done 9\n", up + "lpready: step 2\n(XEN) ----[ Xen-4.17.5  x86_64 ]----\n", Wrong, "printed a trace, and went on"},
		{"well", endDone, applied + "@2 exit 0 1 7\n@3 begin 7\n|" + list + "@3 exit 0 1 8\n@done 9\n", up, Passed, "upload 1, apply 1"},
	} {
		p := newPlan(false)
		p.list()
		p.upload(&one)
		p.apply(&one)
		p.list()
		r, err := new(Host).judge(p, &booted{end: c.end, output: []byte(c.output), console: []byte(c.console)})
		switch {
		case c.verdict == "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %+v, %v", c.name, r, err)
		case c.verdict == "":
		case err != nil || r.Verdict != c.verdict || !strings.Contains(r.Says, c.says) || r.Version != "4.17.5" || r.BuildID != "aa" || len(r.Steps) != 4:
			t.Errorf("%s: %+v, %v", c.name, r, err)
		}
	}
}
