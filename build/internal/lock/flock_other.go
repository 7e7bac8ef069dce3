//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package lock

import (
	"errors"
	"os"
)

func Flock(f *os.File, exclusive bool) (taken bool, err error) {
	return false, &os.PathError{Op: "flock", Path: f.Name(), Err: errors.ErrUnsupported}
}
