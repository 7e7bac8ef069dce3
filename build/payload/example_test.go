package payload_test

import (
	"fmt"
	"os"

	"lpready/build/payload"
)

func ExampleVerifyFile() {
	syms, err := os.ReadFile("testdata/xen-syms")
	if err != nil {
		fmt.Println(err)
		return
	}
	base, err := payload.ReadHypervisor(syms)
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := os.ReadFile("testdata/branded.livepatch")
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := payload.VerifyFile(data, base, payload.Options{Name: "branded", Xen: "4.17"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Accepted)
	for _, f := range r.Findings {
		fmt.Println(f.Severity, f.Check, f.Symbol, f.Message)
	}
	// Output:
	// false
	// refused old-size-endbr64 branded the old function has 7 bytes and begins with ENDBR64, expected at least 9
}
