package boot

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze/match"
	"lpready/analyze/truth"
	"lpready/build/payload"
)

// A real is Debian's Xen with all that booting it takes.
type real struct {
	request HostRequest
	checks  *payload.Hypervisor
}

func realXen(t testing.TB) *real {
	t.Helper()
	if testing.Short() {
		t.Skip("short: no host is booted")
	}
	files := truth.Env(t, "LPREADY_BOOT_FILES", "folder with the packages that are booted")
	syms := truth.Env(t, "LPREADY_SYMS_SHIPPED", "the shipped xen-syms of Debian's Xen 4.17.5+72")
	cache := truth.Env(t, "LPREADY_XEN_CACHE", "folder for what is unpacked")
	data, err := os.ReadFile(syms)
	if err != nil {
		t.Fatal(err)
	}
	r := &real{}
	if r.request.Files, err = OpenFiles(t.Context(), filepath.Join(cache, "lpready", "boot"), files); err != nil {
		t.Fatal(err)
	}
	if r.request.Symbols, err = match.Read(data); err != nil {
		t.Fatal(err)
	}
	if r.checks, err = payload.ReadHypervisor(data); err != nil {
		t.Fatal(err)
	}
	r.request.BuildID, r.request.Work = r.request.Symbols.BuildID, t.TempDir()
	return r
}

func (r *real) host(t testing.TB, guest bool) *Host {
	t.Helper()
	r.request.Guest = guest
	h, err := NewHost(r.request)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// verified makes the checks of a payload.
func (r *real) verified(t *testing.T, one Payload) Payload {
	t.Helper()
	v, err := payload.VerifyFile(one.Data, r.checks, payload.Options{Name: one.Name, Xen: "4.17", Release: "4.17.5"})
	if err != nil {
		t.Fatal(err)
	}
	one.Verified = v
	return one
}

func try(t *testing.T, h *Host, trial Trial) *Result {
	t.Helper()
	r, err := h.Try(t.Context(), trial)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("measured: %s: %s: %s (%.1f s, QEMU %.1f s)", r.Payload, r.Verdict, r.Says, r.Took, r.QEMU)
	return r
}

// TestRealVerdicts boots Debian's unmodified hypervisor with payloads that are right and
// with such as are wrong in ways that no look at the file shows, and wants each within
// its limits and told as what it is.
func TestRealVerdicts(t *testing.T) {
	real := realXen(t)
	h := real.host(t, false)
	other := made(t, "hello") // as if made for another hypervisor
	other.Name = "other"
	id, err := hex.DecodeString(h.BuildID)
	if err != nil {
		t.Fatal(err)
	}
	other.Data = bytes.ReplaceAll(other.Data, id, bytes.Repeat([]byte{0x22}, len(id)))
	for _, c := range []struct {
		payload Payload
		limits  Limits
		verdict Verdict
		says    string
		check   string // of verify, for a refusal
	}{
		{payload: made(t, "hello"), verdict: Passed, says: "upload 2, apply 2, replace 1, revert 2, unload 2"},
		{payload: other, verdict: Refused, says: "check against hypervisor build-id failed", check: "build-id"},
		{payload: made(t, "crash-hook"), verdict: Crashed, says: "during the step apply crash-hook: FATAL TRAP: vector = 6 (invalid opcode) at hook_body+0x0 in payload crash-hook"},
		{payload: made(t, "crash-code"), verdict: Crashed, says: "during the step exercise: FATAL TRAP: vector = 6 (invalid opcode) at replacement+0x0 in payload crash-code"},
		{payload: made(t, "fault-loop"), limits: Limits{LogBytes: 512 << 10}, verdict: Looped, says: "the host crashes again and again during the step exercise"},
		{payload: made(t, "hang"), limits: Limits{Silence: 20 * time.Second}, verdict: Hung, says: "the host hangs during the step apply hang"},
		{payload: made(t, "no-quiet"), verdict: NotQuiet, says: "cannot revert no-quiet: its processors do not meet, 5 times: livepatch: no-quiet: Timed out on semaphore"},
	} {
		r := try(t, h, Trial{Payload: real.verified(t, c.payload), Limits: c.limits})
		if r.Verdict != c.verdict || !strings.Contains(r.Says, c.says) || r.Defect != "" || r.Version != "4.17.5" || r.BuildID != h.BuildID {
			t.Errorf("%s: %s: %s; defect %q; Xen %s %s", c.payload.Name, r.Verdict, r.Says, r.Defect, r.Version, r.BuildID)
		}
		if (r.Refusal != nil) != (c.check != "") || r.Refusal != nil && r.Refusal.Check != c.check {
			t.Errorf("%s: refusal %+v, expected check %q", c.payload.Name, r.Refusal, c.check)
		}
		if c.verdict == Crashed && (r.Crash == nil || !r.Crash.Payload || !slices.ContainsFunc(r.Crash.Trace, func(f Frame) bool { return f.Payload == "" && f.Symbol != "" })) {
			t.Errorf("%s: %+v", c.payload.Name, r.Crash)
		}
	}
	if r := try(t, h, Trial{Payload: real.verified(t, made(t, "hello")), Second: &other, Policy: Policy{Replace: true}}); r.Verdict != Refused || r.Refusal.Payload != "other" {
		t.Errorf("%s: %s", r.Verdict, r.Says)
	}
	left, err := os.ReadDir(real.request.Work)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestRealSet boots two payloads, the second upon the first, in their order and each for
// itself, and wants the consoles kept.
func TestRealSet(t *testing.T) {
	real := realXen(t)
	h := real.host(t, false)
	set := []Payload{made(t, "hello"), made(t, "hello-again")}
	r, err := h.TrySet(t.Context(), set, Policy{}, Limits{})
	if err != nil || !r.Good() || !slices.Equal(r.Set, []string{"hello", "hello-again"}) {
		t.Fatalf("%+v, %v", r, err)
	}
	t.Logf("measured: set: %s (%.1f s)", r.Says, r.Took)
	if r := try(t, h, TrialOf(set, 1, Policy{}, false)); !r.Good() || len(r.Set) != 2 {
		t.Errorf("%s: %s", r.Verdict, r.Says)
	}
	dir := filepath.Join(t.TempDir(), "evidence")
	if err := r.SaveLogs(dir, "set"); err != nil {
		t.Fatal(err)
	}
	for _, l := range r.Logs {
		data, err := os.ReadFile(l.File)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := unpacked(data)
		if info, _ := os.Stat(l.File); err != nil || len(plain) != l.Bytes || info.Mode().Perm() != 0o600 {
			t.Errorf("%+v: %d bytes, %v", l, len(plain), err)
		}
	}
}

// TestRealGuest runs a guest while a payload is applied, and wants it seen that the
// replacement ran.
func TestRealGuest(t *testing.T) {
	real := realXen(t)
	r := try(t, real.host(t, true), Trial{Payload: real.verified(t, made(t, "hello")), Guest: true})
	if !r.Good() || len(r.Functions) != 1 || !r.Functions[0].Ran {
		t.Errorf("%s: %s: %+v", r.Verdict, r.Says, r.Functions)
	}
	for _, s := range r.Steps {
		if s.State != stepPassed {
			t.Errorf("%+v", s)
		}
	}
}

// TestRealCancel wants a boot to end with its context, and nothing left of it.
func TestRealCancel(t *testing.T) {
	real := realXen(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	began := time.Now()
	if _, err := real.host(t, false).Try(ctx, Trial{Payload: made(t, "hello")}); err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	if left, _ := os.ReadDir(real.request.Work); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// BenchmarkRealTry is the whole sequence of one payload without a guest, and how much of
// its time is QEMU's.
func BenchmarkRealTry(b *testing.B) {
	real := realXen(b)
	h := real.host(b, false)
	one := made(b, "hello")
	qemu := 0.0
	for b.Loop() {
		r, err := h.Try(b.Context(), Trial{Payload: one})
		if err != nil || !r.Good() {
			b.Fatalf("%+v, %v", r, err)
		}
		qemu += r.QEMU
	}
	b.ReportMetric(qemu/float64(b.N), "qemu-s/op")
}
