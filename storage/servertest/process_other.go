//go:build !linux

package servertest

import "os/exec"

// endWithParent has no counterpart here: a test process that is killed leaves its
// servers behind.
func endWithParent(*exec.Cmd) {}
