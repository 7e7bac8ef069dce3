package tree

import (
	"os"

	"golang.org/x/sys/unix"
)

// Settle brings all that was written below a folder to the disk: one call for
// the file system rather than one for each of thousands of files.
func Settle(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return syncAll(dir)
	}
	return nil
}

// reflink gives to the content of from: the blocks are shared until one of the
// two is written to. Few file systems can (Btrfs, XFS, bcachefs).
func reflink(to, from *os.File) error {
	return unix.IoctlFileClone(int(to.Fd()), int(from.Fd()))
}
