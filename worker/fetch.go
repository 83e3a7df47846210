package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"weft/storage/objects"
	"weft/tasks"
)

// content is what an object held: the bytes and their identity.
type content struct {
	sha  string // SHA-256, hex
	body []byte
	size int64
}

// fetch reads the version of the object that was listed, whole and checked.
func (w *Worker) fetch(ctx context.Context, t tasks.Task, limit int64) (content, error) {
	defer w.metrics.time("fetch")()
	body, info, err := w.Objects.Get(ctx, t.Key, objects.GetOptions{IfMatch: t.ETag, MaxBytes: limit})
	switch {
	case errors.Is(err, objects.ErrNotExist), errors.Is(err, objects.ErrPrecondition):
		return content{}, errGone
	case errors.Is(err, objects.ErrTooLarge):
		return content{}, &fault{reason: tasks.ReasonTooManyBytes, stage: "fetch", err: err}
	case err != nil:
		return content{}, fmt.Errorf("fetch: %w", err)
	}
	sum := sha256.Sum256(body)
	return content{sha: hex.EncodeToString(sum[:]), body: body, size: info.Size}, nil
}
