package processtest

import (
	"os/exec"
	"syscall"
)

// endWithParent ends the child even when the test process is killed.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
