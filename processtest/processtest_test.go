package processtest

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestStart(t *testing.T) {
	var said Journal
	cmd := exec.Command("/bin/sh", "-c", `echo up; exec sleep 1000`)
	cmd.Stdout = &said
	exited, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	Until(t, "it says that it is up", func() bool { return said.String() == "up\n" })
	if said.Last(2) != "p\n" || said.Last(100) != "up\n" {
		t.Errorf("the last of %q are %q and %q", said.String(), said.Last(2), said.Last(100))
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if <-exited; cmd.ProcessState.ExitCode() != -1 {
		t.Errorf("it ended with %v", cmd.ProcessState)
	}
	if _, err := Start(exec.Command("/nowhere/" + strings.Repeat("x", 9))); err == nil {
		t.Error("a program that is not there is started")
	}
}
