package lpbt

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// With the stand-in; the real tool is found in the same way.
func ExampleTool_Shared() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			panic(err)
		}
		return name
	}
	tool, err := Find(context.Background(), standIn)
	if err != nil {
		panic(err)
	}
	req := Request{
		Patch: file("xsa900.patch", "one"), Config: file("config", "CONFIG_LIVEPATCH=y\n"),
		Depends: id, XenDepends: id, Work: filepath.Join(dir, "work"),
	}
	from := Compiled{
		Pairs: []Pair{{Path: "xen/common/event.o", Old: file("old.o", "int event(void)\n{\n  return 1;\n}\n"), New: file("new.o", "int event(void)\n{\n  return 2;\n}\n")}},
		Syms:  file("xen-syms", ""), Sizes: Sizes{Alternative: 14, Bug: 8, Exception: 8},
	}
	built, err := tool.Shared(context.Background(), req, from)
	if err != nil {
		panic(err)
	}
	fmt.Println(built.Name, built.Objects[0].Path, built.Objects[0].Changed)

	// The tool does not write into a folder that is there.
	_, err = tool.Shared(context.Background(), req, from)
	fmt.Println(err.(*Failure).Kind)
	// Output:
	// xsa900 xen/common/event.o [event]
	// setup
}

func ExampleCheckSeries() {
	problems, err := CheckSeries("series", strings.NewReader("xsa1.patch\n# not yet\nxsa2.patch\n"))
	if err != nil {
		panic(err)
	}
	for _, p := range problems {
		fmt.Println(p)
	}
	// Output:
	// series:2: a comment, which the tool takes for a patch; remove it
}
