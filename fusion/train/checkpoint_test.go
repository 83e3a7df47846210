package train

import (
	"os"
	"path/filepath"
	"testing"
)

// A process may be killed while it saves: half a checkpoint is never taken for one, and does not stay for ever.
func TestSaveRemovesWhatAKilledOneLeft(t *testing.T) {
	f := open(t, shop(60, 40, false), small(false))
	dir := t.TempDir()
	path := filepath.Join(dir, "fit.checkpoint")
	for _, name := range []string{".fit.checkpoint6129484611666145821", ".fit.checkpoint7", "fit.onnx", ".other.checkpoint7"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.save(path); err != nil {
		t.Fatal(err)
	}
	if err := f.load(path); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 { // the checkpoint, and two files that are not its own
		t.Errorf("%v: %v", err, entries)
	}
}
