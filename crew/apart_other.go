//go:build !linux

package crew

import (
	"os/exec"
	"syscall"
)

// apart keeps the terminal's Ctrl-C from a child: it is drained by this process, and a
// second signal would end it at once. If this process is killed, the child stays.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
