//go:build !linux

package tree

import (
	"errors"
	"os"
)

func settle(dir string) error { return syncAll(dir) }

func reflink(to, from *os.File) error { return errors.ErrUnsupported }
