package port_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"testing/fstest"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/build/port"
)

// A patch for the tip of a branch, on a source that stands a few lines earlier.
func ExamplePlace() {
	const fix = `Subject: count once

This is XSA-901.

--- a/xen/common/port.c
+++ b/xen/common/port.c
@@ -6,3 +6,3 @@ int port_count(int n)
 {
-    return 2 * n;
+    return n;
 }
`
	source := fstest.MapFS{"xen/common/port.c": {Data: []byte("int port_count(int n)\n{\n    return 2 * n;\n}\n")}}
	batch, err := advisory.Read(context.Background(), []string{"-"}, advisory.Options{Stdin: strings.NewReader(fix)})
	if err != nil {
		log.Fatal(err)
	}
	result, err := port.Place(context.Background(), port.Request{Batch: batch,
		Bases: []port.Base{{Base: analyze.Base{ID: "mine", Xen: "4.17", Arch: "x86", Tree: source}}}})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range result.Report.Cells {
		fmt.Printf("XSA-%d on %s: %s\n", c.XSA, c.Base, c.Port.Status)
	}
	// Output: XSA-901 on mine: offset
}
