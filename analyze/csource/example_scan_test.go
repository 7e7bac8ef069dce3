package csource_test

import (
	"context"
	"fmt"
	"testing/fstest"

	"lpready/analyze/csource"
)

func ExampleScan() {
	src := []byte(`static unsigned int __read_mostly limit = 4;

int __init cf_check set_limit(const char *s)
{
    static bool once;

    once = true;
    return limit = *s;
}
`)
	f := csource.Scan("xen/common/limit.c", src)
	for _, fn := range f.Funcs {
		fmt.Println(fn.Name, fn.Start, fn.End, fn.Attrs, fn.Section, fn.Statics[0].Name)
	}
	for _, v := range f.Vars {
		fmt.Println(v.Name, v.Type, v.Init, v.Section)
	}
	fmt.Println(f.At(7).Kind == csource.PlaceFunc)
	// Output:
	// set_limit 3 9 [__init cf_check] .init.text once
	// limit unsigned int 4 .data.read_mostly
	// true
}

func ExampleDiff() {
	before := []byte("struct vcpu {\n    int id;\n    long flags;\n};\nint get(struct vcpu *v) { return v->id; }\n")
	after := []byte("struct vcpu {\n    int id;\n    int lock;\n    long flags;\n};\nint get(struct vcpu *v) { return v->id; /* same */ }\n")
	d := csource.Diff(csource.Scan("x.h", before), csource.Scan("x.h", after), before, after)
	for _, t := range d.Types {
		for _, m := range t.Members {
			fmt.Println(t.New.Kind, t.New.Name, m.Change, m.Name)
		}
	}
	for _, f := range d.Funcs {
		fmt.Println(f.New.Name, "code:", f.Code)
	}
	fmt.Println("line 4 moves by", d.Shift(4))
	// Output:
	// struct vcpu added lock
	// get code: false
	// line 4 moves by 1
}

func ExampleOpen() {
	tree := fstest.MapFS{
		"xen/common/a.c":        {Data: []byte("#include <xen/lib.h>\nint a(void) { return helper(); }\n")},
		"xen/include/xen/lib.h": {Data: []byte("int helper(void); /* a */\n")},
	}
	ix, err := csource.Open(context.Background(), tree, csource.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ix.Mentions("helper"))
	fmt.Println(ix.Includers("xen/include/xen/lib.h"))
	fmt.Println(ix.Uses("xen/common/a.c", &ix.File("xen/common/a.c").Funcs[0]))
	// Output:
	// [xen/common/a.c xen/include/xen/lib.h]
	// [xen/common/a.c]
	// [helper return]
}
