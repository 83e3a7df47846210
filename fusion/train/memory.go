package train

import (
	"runtime"
	"syscall"
)

// peakMemory is the most that this process has held at once, in MiB; 0 where the system does not tell.
func peakMemory() int {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" { // bytes there, KiB elsewhere
		return int(usage.Maxrss >> 20)
	}
	return int(usage.Maxrss >> 10)
}
