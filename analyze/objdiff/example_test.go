package objdiff_test

import (
	"fmt"
	"os"

	"lpready/analyze/objdiff"
)

func ExampleCompare() {
	before, _ := os.ReadFile("testdata/line.old.o")
	after, _ := os.ReadFile("testdata/line.new.o")
	d, err := objdiff.Compare(before, after, objdiff.Options{Xen: "4.17"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Verdict, d.Functions)
	fmt.Println("only a line number differs:", d.LineOnly)
	// Output:
	// changed [constant edited follows]
	// only a line number differs: [follows]
}
