package patch_test

import (
	"fmt"
	"strings"
	"testing/fstest"

	"lpready/analyze/patch"
)

const fix = `From: A Developer <dev@example.org>
Subject: [PATCH v2] x86/p2m: flush before the page is freed

Signed-off-by: A Developer <dev@example.org>
---
--- a/xen/arch/x86/mm/p2m.c
+++ b/xen/arch/x86/mm/p2m.c
@@ -2,2 +2,3 @@ void p2m_free_ptp(void)
 {
+    p2m_tlb_flush_sync();
     free_page();
`

func ExampleParse() {
	patches, err := patch.Parse("xsa480.patch", strings.NewReader(fix))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range patches {
		fmt.Printf("%s (+%d -%d)\n", p.Header.Subject, p.Added(), p.Removed())
		for _, f := range p.Files {
			fmt.Println(f.Name(), f.Hunks[0].Section)
		}
	}
	// Output:
	// x86/p2m: flush before the page is freed (+1 -0)
	// xen/arch/x86/mm/p2m.c void p2m_free_ptp(void)
}

func ExampleTree_Apply() {
	tree := patch.NewTree(fstest.MapFS{"xen/arch/x86/mm/p2m.c": {
		Data: []byte("/* A vendor's comment. */\nvoid p2m_free_ptp(void)\n{\n    free_page();\n}\n"),
	}})
	patches, err := patch.Parse("xsa480.patch", strings.NewReader(fix))
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		report, err := tree.Apply(&patches[0])
		if err != nil {
			fmt.Println(err)
			return
		}
		hunk := report.Files[0].Hunks[0]
		fmt.Println(report.Status(), hunk.Offset, tree.Changed())
	}
	// Output:
	// offset 1 [xen/arch/x86/mm/p2m.c]
	// applied 0 [xen/arch/x86/mm/p2m.c]
}
