//go:build !linux

package processtest

import "os/exec"

// endWithParent has no counterpart here: a test process that is killed leaves its children behind.
func endWithParent(*exec.Cmd) {}
