package analyze_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"lpready/analyze"
	"lpready/analyze/advisory"
)

// A loose patch without any source: the verdict rests on the text and says so.
func ExampleAssess() {
	const fix = `Subject: xenstored: count quota once

This is XSA-901.

--- a/tools/xenstored/core.c
+++ b/tools/xenstored/core.c
@@ -10,3 +10,3 @@ static int charge(struct node *n)
 {
-    n->owner->used += 2;
+    n->owner->used += 1;
 }
`
	batch, err := advisory.Read(context.Background(), []string{"-"}, advisory.Options{Stdin: strings.NewReader(fix)})
	if err != nil {
		log.Fatal(err)
	}
	report, err := analyze.Assess(context.Background(), analyze.Request{Batch: batch, Bases: []analyze.Base{{ID: "mine", Xen: "4.17"}}})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range report.Cells {
		fmt.Printf("XSA-%d on %s: %s (%s), %s\n", c.XSA, c.Base, c.Class, c.Evidence, c.Why)
	}
	// Output: XSA-901 on mine: not-needed (text), nothing of it is hypervisor code, only toolstack
}
