package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"weft/tasks"
)

// onTerminal tells whether w is a terminal: progress is drawn only there.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// bytesBar draws downloads, one bar per label. It is what models.Progress wants.
func bytesBar(w io.Writer) func(label string, done, total int64) {
	if !onTerminal(w) {
		return func(string, int64, int64) {}
	}
	bars := map[string]*progressbar.ProgressBar{}
	return func(label string, done, total int64) {
		bar, ok := bars[label]
		if !ok {
			bar = progressbar.NewOptions64(total, progressbar.OptionSetDescription(label), progressbar.OptionSetWriter(w),
				progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionOnCompletion(func() { _, _ = io.WriteString(w, "\n") }))
			bars[label] = bar
		}
		_ = bar.Set64(done)
	}
}

// countBar draws items done of a total that may grow. Its spinner turns with the
// work: one that turns by the clock would be drawn by a goroutine of the library
// that shares the bar's state without a lock.
func countBar(w io.Writer, label string, total int) *progressbar.ProgressBar {
	return progressbar.NewOptions(total, progressbar.OptionSetDescription(label), progressbar.OptionSetWriter(w), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetVisibility(onTerminal(w)), progressbar.OptionSetSpinnerChangeInterval(0))
}

// workBar draws what was done for a tenant: it has no total before the first sweep,
// and one that grows while more arrives.
type workBar struct {
	bar *progressbar.ProgressBar
}

func newWorkBar(w io.Writer) *workBar { return &workBar{countBar(w, "vectors", -1)} }

func (b *workBar) draw(t *tenant) {
	p := t.worker.Progress()
	if last := t.scheduler.Last(); last != nil && last.Products > 0 {
		b.bar.ChangeMax(last.Products)
		b.bar.Describe(fmt.Sprintf("vectors (%d photos and %d texts encoded, %d dead)", p.Encoded[tasks.Image], p.Encoded[tasks.Text], p.Dead))
		_ = b.bar.Set64(min(int64(last.Current)+p.Published, int64(last.Products)))
		return
	}
	b.bar.Describe(fmt.Sprintf("looking at the bucket (%d photos and %d texts encoded)", p.Encoded[tasks.Image], p.Encoded[tasks.Text]))
	_ = b.bar.Set64(p.Published)
}

func (b *workBar) done() { _ = b.bar.Clear() }
