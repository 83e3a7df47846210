package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const lockName = "weft.lock"

// lockInfo tells other commands where the process of a data directory answers.
type lockInfo struct {
	PID     int       `json:"pid"`
	HTTP    string    `json:"http"`
	Token   string    `json:"token,omitempty"` // for HTTP, where it asks for one
	Redis   string    `json:"redis"`           // URL of the vectors
	Queue   string    `json:"queue"`           // URL of the queues
	Started time.Time `json:"started"`
}

// dataLock is held by the one `weft up` of a data directory. The kernel lets go
// of it when the process ends, however it ends.
type dataLock struct{ file *os.File }

var errLocked = errors.New("in use")

// lockData takes the lock, or says who holds it.
func lockData(dir string) (*dataLock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("--data %s: %w", dir, err)
	}
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--data %s: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		holder := "another process"
		if info, ok := runningAt(dir); ok {
			holder = fmt.Sprintf("process %d (http://%s)", info.PID, info.HTTP)
		}
		return nil, fmt.Errorf("--data %s is %w by %s: stop it first, or use another directory", dir, errLocked, holder)
	}
	return &dataLock{file: f}, nil
}

// publish writes where the process answers, for the commands of other terminals.
func (l *dataLock) publish(info lockInfo) error {
	b, err := json.Marshal(info)
	if err != nil {
		return err
	}
	if err := l.file.Chmod(0o600); err != nil { // it may be of a time without tokens
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(append(b, '\n'), 0)
	return err
}

func (l *dataLock) release() {
	_ = l.file.Truncate(0)
	_ = l.file.Close()
}

// runningAt reads the lock of a data directory. ok is false when nobody holds it
// or its holder does not answer yet.
func runningAt(dir string) (info lockInfo, ok bool) {
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return info, false
	}
	defer func() { _ = f.Close() }()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return info, false // nobody holds it: what it says is old
	}
	if json.NewDecoder(f).Decode(&info) != nil || info.HTTP == "" {
		return info, false
	}
	return info, true
}
