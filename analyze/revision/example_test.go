package revision_test

import (
	"context"
	"fmt"
	"strings"

	"lpready/analyze/advisory"
	"lpready/analyze/revision"
)

// Two versions of a patch by their text alone.
func ExampleCompare() {
	version := func(check string) *advisory.Batch {
		b, err := advisory.Read(context.Background(), []string{"-"}, advisory.Options{Stdin: strings.NewReader(`Subject: check where a copy starts

This is XSA-930.
---
diff --git a/xen/common/grant_table.c b/xen/common/grant_table.c
--- a/xen/common/grant_table.c
+++ b/xen/common/grant_table.c
@@ -63,3 +63,6 @@ static int copy_one(struct domain *d)
     src = active_entry(d);
 
+    if ( ` + check + ` )
+        return -EINVAL;
+
     copy(src);
`)})
		if err != nil {
			panic(err)
		}
		return b
	}
	report, err := revision.Compare(context.Background(), revision.Request{Old: version("len > PAGE_SIZE"), New: version("len >= PAGE_SIZE")})
	if err != nil {
		panic(err)
	}
	r := report.Cells[0].Revision
	fmt.Println(r.Kind, r.Redo)
	for _, c := range r.Changes {
		fmt.Println(c.File, c.Function, c.Detail)
	}
	// Output:
	// code [re-port rebuild retest]
	// xen/common/grant_table.c copy_one "if ( len > PAGE_SIZE )" is now "if ( len >= PAGE_SIZE )"
}
