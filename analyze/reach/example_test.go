package reach_test

import (
	"context"
	"fmt"
	"log"
	"testing/fstest"

	"lpready/analyze/cpp"
	"lpready/analyze/csource"
	"lpready/analyze/reach"
)

// A line added above a function that carries its line number changes both.
func ExamplePredict() {
	const name = "xen/common/a.c"
	old := []byte("void crash(int);\nint work(int);\nint edited(int a) { return work(a); }\nvoid shifted(void) { crash(__LINE__); }\n")
	new := []byte("void crash(int);\nint work(int);\nint edited(int a)\n{ return work(a + 1); }\nvoid shifted(void) { crash(__LINE__); }\n")
	before, err := csource.Open(context.Background(), fstest.MapFS{name: {Data: old}}, csource.Options{})
	if err != nil {
		log.Fatal(err)
	}
	after := before.With(map[string][]byte{name: new})
	pre := cpp.New(before, "x86", nil)
	result := reach.Predict(reach.Change{Before: before, After: after, Old: pre, New: pre.With(after),
		Deltas: []csource.Delta{csource.Diff(before.File(name), after.File(name), old, new)},
		Units:  []csource.Unit{{Object: "common/a.o", Source: name}}})
	for _, f := range result.Functions {
		fmt.Println(f.Object, f.Name, f.Change, "-", f.Why)
	}
	// Output:
	// common/a.o edited edited - the patch edits it
	// common/a.o shifted affected - only line numbers in it move, by +1
}
