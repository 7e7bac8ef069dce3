//go:build !linux

package tree

import (
	"errors"
	"os"
)

// Settle brings all that was written below a folder to the disk.
func Settle(dir string) error { return syncAll(dir) }

func reflink(to, from *os.File) error { return errors.ErrUnsupported }
