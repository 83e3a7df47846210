package servertest

import (
	"os/exec"
	"syscall"
)

// endWithParent ends the server even when the test process is killed.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
