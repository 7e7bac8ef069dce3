package match

import "fmt"

func ExampleCompare() {
	shipped, err := Read(withDwarf())
	if err != nil {
		fmt.Println(err)
		return
	}
	rebuilt, err := Read(withDwarf())
	if err != nil {
		fmt.Println(err)
		return
	}
	r := Compare(shipped, rebuilt, Given{})
	fmt.Println(r.Matches, r.Counts.SameSize, r.Shipped.Compiler)
	// Output:
	// true 1 GNU C99 12.2.0, clang version 15.0.6
}
