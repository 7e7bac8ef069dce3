package payload

import (
	"os"
	"testing"
)

// real reads the file that an environment variable names.
func real(t testing.TB, variable, what string) []byte {
	t.Helper()
	name := os.Getenv(variable)
	if name == "" {
		t.Skipf("set %s to %s", variable, what)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func realPayload(t testing.TB) []byte {
	return real(t, "LPREADY_PAYLOAD", "a payload that livepatch-build made for the base of LPREADY_SYMS_SHIPPED")
}

func realHypervisor(t testing.TB, variable, what string) *Hypervisor {
	t.Helper()
	h, err := ReadHypervisor(real(t, variable, what))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestReal wants a payload of the real tool to be accepted on the hypervisor that it
// was made for.
func TestReal(t *testing.T) {
	data := realPayload(t)
	h := realHypervisor(t, "LPREADY_SYMS_SHIPPED", "the xen-syms of that base")
	r, err := VerifyFile(data, h, Options{Name: "real", Xen: "4.17", Release: "4.17.5", Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Accepted || len(r.Functions) == 0 || r.Count(Warning) > 0 {
		t.Errorf("%+v", r.Findings)
	}
	t.Logf("%d functions, %d checks made, %d not made, %d findings", len(r.Functions), r.Made, len(r.NotMade), len(r.Findings))
}

// TestRealOther wants it to be refused on a hypervisor of another configuration. It
// tells too what would be left of that if somebody had forged the build-ids.
func TestRealOther(t *testing.T) {
	data := realPayload(t)
	h := realHypervisor(t, "LPREADY_SYMS_OTHER", "the xen-syms of another configuration")
	p, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	if r := Verify(p, h, Options{Name: "real", Xen: "4.17"}); r.Accepted || found(r)[0] != "build-id" {
		t.Errorf("%+v", r.Findings)
	}
	p.XenDepends, p.Depends = h.BuildID, h.BuildID
	t.Logf("with forged build-ids: %q", found(Verify(p, h, Options{Name: "real", Xen: "4.17"})))
}

// BenchmarkVerify reads and verifies a payload against a hypervisor that was read
// before.
func BenchmarkVerify(b *testing.B) {
	data := realPayload(b)
	h := realHypervisor(b, "LPREADY_SYMS_SHIPPED", "the xen-syms of that base")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := VerifyFile(data, h, Options{Name: "real", Xen: "4.17"}); err != nil {
			b.Fatal(err)
		}
	}
}
