package advisory_test

import (
	"context"
	"fmt"
	"strings"

	"lpready/analyze/advisory"
)

func ExampleRead() {
	text := `            Xen Security Advisory CVE-2099-10901 / XSA-901
                               version 2

                  made-up overrun in the demo ring

RESOLUTION
==========

xsa901.patch           xen-unstable - Xen 4.18.x
xsa901-4.17.patch      Xen 4.17.x
`
	batch, err := advisory.Read(context.Background(), []string{"-"}, advisory.Options{Stdin: strings.NewReader(text)})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range batch.Entries {
		fmt.Println(e.Name, "version", e.Advisory.Version, "-", e.Title(), e.CVEs(), "signature", e.Advisory.Signature)
		if r, ok := e.Recipe("4.17.5"); ok {
			fmt.Println(r.Xen, r.Tree, r.Patches, r.From)
		}
		for _, r := range e.Nearest("4.16") {
			fmt.Println("near 4.16:", r.Xen, r.Patches)
		}
	}
	// Output:
	// XSA-901 version 2 - made-up overrun in the demo ring [CVE-2099-10901] signature none
	// 4.17 xen [xsa901-4.17.patch] resolution
	// near 4.16: 4.17 [xsa901-4.17.patch]
	// near 4.16: 4.18 [xsa901.patch]
}
