package payload

import (
	"lpready/analyze"
	"lpready/analyze/factor"
)

// Expect gives the functions that a payload of some assessed cells must hold. Those
// that only change in the compiled code are certain where they were compiled.
func Expect(cells []analyze.Cell) []Expected {
	list := []Expected{}
	for i := range cells {
		c := &cells[i]
		if c.Class == factor.NotNeeded {
			continue
		}
		for _, f := range c.Functions {
			if f.Change == "removed" {
				continue
			}
			sure := f.Change == "edited" || c.Evidence != factor.Text && c.Evidence != factor.Tree
			list = append(list, Expected{Name: f.Name, File: f.File, New: f.Change == "new", Sure: sure})
		}
	}
	return list
}
