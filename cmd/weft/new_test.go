package main

import (
	"path/filepath"
	"testing"
)

// A data directory that does not exist yet is where everybody begins.
func TestANewDataDirectory(t *testing.T) {
	t.Run("up", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "shop")
		r := answer[upReport](t, "up", "--data", dir, "--until-idle", "--listen", "127.0.0.1:0", "--json")
		if r.Published != 0 || r.Sweep == nil {
			t.Errorf("an empty bucket gave %+v", r)
		}
	})
	t.Run("import", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "shop")
		photo := filepath.Join(t.TempDir(), "dress.jpg")
		write(t, photo, samplePhoto(t, samples(t, 1)[0]))
		if n := answer[importCounts](t, "import", "--data", dir, "--json", photo); n.Accepted != 1 {
			t.Errorf("imported %+v", n)
		}
	})
	t.Run("reading says what to do", func(t *testing.T) {
		if o := weft(t, "audit", "--data", filepath.Join(t.TempDir(), "typo")); o.code != exitFailed {
			t.Errorf("exit %d: %s", o.code, o.err)
		}
	})
}
