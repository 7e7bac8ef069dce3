//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package lock

import (
	"os"
	"syscall"
)

// Flock takes a lock on an open file, or says that another has it. The system
// lets go of it when the file is closed, and so when the process dies, however
// it dies.
func Flock(f *os.File, exclusive bool) (taken bool, err error) {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	for {
		switch err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err {
		case nil:
			return true, nil
		case syscall.EWOULDBLOCK:
			return false, nil
		case syscall.EINTR:
		default:
			return false, &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
	}
}
