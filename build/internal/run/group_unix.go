//go:build unix

package run

import (
	"os/exec"
	"syscall"
)

// ownGroup makes cmd the leader of a new process group and has cancellation kill
// the whole group. There is no polite signal first: what a tool leaves behind
// lies in a scratch folder, and a half-obeyed signal is how orphans come about.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// endGroup kills what is left of the group after its leader has ended. While a
// member lives the group's number is not given out again.
func endGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

func signalName(exit *exec.ExitError) string {
	if st, ok := exit.Sys().(syscall.WaitStatus); ok && st.Signaled() {
		return st.Signal().String()
	}
	return ""
}
