package render

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"lpready/build/boot"
	"lpready/build/payload"
)

// bootedPayloads are one that is good, one whose tree is not known to fit, and one that
// crashes, whose words try to steer what shows them.
func bootedPayloads() *Verification {
	passed := func() *boot.Result {
		return &boot.Result{Verdict: boot.Passed, Says: "the host did all", Version: "4.17.5", BuildID: "39a6", Kernel: "/x/vmlinuz-6.1", Guest: true, MemoryMB: 928, QEMU: 10.9, Took: 11,
			Steps:     []boot.Step{{Action: "upload", State: "passed"}, {Action: "apply", State: "passed"}},
			Functions: []boot.RanFunction{{Name: "f", Ran: true, Times: 7}, {Name: "g"}}, Remarks: []string{"a copy stands in"}, Logs: []boot.Log{{Name: "console.log", File: "ev/p.gz"}}}
	}
	crashed := passed()
	crashed.Verdict, crashed.Says, crashed.Defect = boot.Crashed, "dies\x1b[31m <b>", "=verify\u202e"
	crashed.Steps = []boot.Step{{Action: "apply", Subject: "bad", State: "unfinished"}, {Action: "revert", State: "not-reached"}}
	crashed.Crash = &boot.Crash{Panic: "FATAL", Faults: 1, Payload: true, Trace: []boot.Frame{{Symbol: "hook", Payload: "bad"}, {Symbol: "common/livepatch.c#apply_payload", Offset: 0x65}}}
	crashed.Refusal = &boot.Refusal{Check: "build-id"}
	return &Verification{
		Payloads: []Verified{
			{&payload.Result{Name: "fine", Accepted: true, Made: 3}, passed()},
			{&payload.Result{Name: "bad", Accepted: true, Made: 3}, crashed},
		},
		Set: passed(), Proof: &Proof{Matches: true, Says: "matches: all", BuildID: "39a6"},
	}
}

// TestBooted wants in text what the host said, and a verdict that needs the proof.
func TestBooted(t *testing.T) {
	v := bootedPayloads()
	for _, format := range []string{"table", "markdown"} {
		var b bytes.Buffer
		if err := Verify(&b, format, Options{}, time.Time{}, v); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e") || format == "markdown" && strings.Contains(b.String(), "<b>") {
			t.Errorf("%s passes control characters on:\n%q", format, b.String())
		}
		got := strings.ReplaceAll(strings.Join(strings.Fields(b.String()), " "), `\`, "")
		for _, want := range []string{"fine: good", "bad: not good: crashed", "passed: the host did all", "f (entered at least 7 times)", "11.0 s, of which QEMU 10.9 s; at most 928 MB",
			"Xen 4.17.5, build-id 39a6, dom0 vmlinuz-6.1", "apply (unfinished)", "hook+0x0 in payload bad", "common/livepatch.c#apply_payload+0x65", "by the check build-id",
			"a copy stands in", "ev/p.gz", "matches: all", "ll of them in their order: passed", "2 payloads verified: 2 accepted, 0 refused; 2 booted, 1 good"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s without %q:\n%s", format, want, b.String())
			}
		}
		for l := range strings.Lines(b.String()) {
			if w := width(strings.TrimSuffix(l, "\n")); format == "table" && w > DefaultWidth {
				t.Errorf("%d columns: %s", w, l)
			}
		}
	}
	v.Proof = &Proof{Says: "not shown"}
	if v.Good(0) || !strings.Contains(verifyTitle(v, 0), "not shown to fit what was shipped") {
		t.Error(verifyTitle(v, 0))
	}
}

// TestBootedRecords wants a saved run to be the run itself, and rows for each function.
func TestBootedRecords(t *testing.T) {
	v, at := bootedPayloads(), time.Unix(0, 0).UTC()
	var saved bytes.Buffer
	if err := Verify(&saved, "json", Options{}, at, v); err != nil {
		t.Fatal(err)
	}
	s, err := Read("saved", strings.NewReader(saved.String()))
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := LoadVerify(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range Formats() {
		var a, b bytes.Buffer
		if err := Verify(&a, format, Options{}, at, v); err != nil {
			t.Fatal(err)
		}
		if err := Verify(&b, format, Options{}, at, again); err != nil || a.String() != b.String() {
			t.Errorf("%s: %v\n%s\n%s", format, err, a.String(), b.String())
		}
		if format != "csv" {
			continue
		}
		rows, err := csv.NewReader(&a).ReadAll()
		if err != nil || len(rows) != 11 || rows[2][2] != "ran" || rows[3][2] != "not-reached" || rows[5][2] != "defect" || rows[5][7] != `'=verify\u202e` {
			t.Errorf("%v, %q", err, rows)
		}
	}
	other, err := Read("saved", strings.NewReader(strings.Replace(saved.String(), `"good": 1`, `"good": 2`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadVerify(other); err == nil {
		t.Error("totals that do not belong to the payloads were read")
	}
}
