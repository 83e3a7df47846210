package crew

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"weft/processtest"
)

// crewOf runs a shell script as every member.
func crewOf(t *testing.T, script string, out io.Writer) *Crew {
	t.Helper()
	c := New(Config{Program: "/bin/sh", Args: []string{"-c", script}, Env: os.Environ(), Output: out, Grace: 20 * time.Second,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: time.Now})
	t.Cleanup(c.Stop)
	return c
}

// lasting is a member that ends when it is asked to, and says so.
const lasting = `trap 'echo drained; exit 0' TERM; echo up; while :; do sleep 0.05; done`

func TestACrewGrowsAndDrains(t *testing.T) {
	var out processtest.Journal
	c := crewOf(t, lasting, &out)
	c.Become(3, 3)
	processtest.Until(t, "three are up", func() bool { return strings.Count(out.String(), "up") == 3 })
	c.Become(1, 3)
	if s := c.State(); s.Running != 1 || s.Running+s.Draining > 3 {
		t.Errorf("%+v", s)
	}
	processtest.Until(t, "two have drained", func() bool { return c.State().Draining == 0 })
	if s := c.State(); s.Running != 1 || s.Started != 3 || s.Crashed != 0 || s.Killed != 0 || strings.Count(out.String(), "drained") != 2 {
		t.Errorf("%+v\n%s", s, out.String())
	}
	c.Stop()
	if s := c.State(); s.Running+s.Draining != 0 || strings.Count(out.String(), "drained") != 3 {
		t.Errorf("%+v\n%s", s, out.String())
	}
}

// While some drain, others are started only as far as the limit goes.
func TestACrewNeverExceedsItsMost(t *testing.T) {
	var out processtest.Journal
	c := crewOf(t, `trap '' TERM; echo up; while :; do sleep 0.05; done`, &out)
	c.Grace = time.Second
	c.Become(2, 2)
	processtest.Until(t, "two are up", func() bool { return strings.Count(out.String(), "up") == 2 })
	c.Become(0, 2)
	c.Become(2, 2)
	if s := c.State(); s.Running+s.Draining > 2 || s.Running > s.Killed {
		t.Errorf("%+v: two drain, and two are the most", s)
	}
	processtest.Until(t, "those that will not drain are ended", func() bool { return c.State().Draining == 0 })
	if s := c.State(); s.Killed != 2 || s.Crashed != 0 {
		t.Errorf("%+v", s)
	}
}

func TestACrewReplacesWhatCrashesWithGrowingPauses(t *testing.T) {
	c := crewOf(t, "exit 3", io.Discard)
	now := time.Unix(0, 0)
	c.Now = func() time.Time { return now }
	var pauses []time.Duration
	for range 9 {
		started := c.State().Started
		for c.Become(1, 1); c.State().Started == started; c.Become(1, 1) {
			now = now.Add(100 * time.Millisecond)
			if pause := now.Sub(time.Unix(0, 0)); pause > time.Hour {
				t.Fatal("it is not replaced")
			}
		}
		<-c.changed
		pauses = append(pauses, c.notBefore.Sub(now))
	}
	want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
	for i, p := range pauses {
		if p != want[i]*time.Second {
			t.Errorf("pause %d is %v, want %v s", i+1, p, int(want[i]))
		}
	}
	if s := c.State(); s.Crashed != 9 || s.Running != 0 {
		t.Errorf("%+v", s)
	}
}
