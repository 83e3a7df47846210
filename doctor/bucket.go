package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"weft/storage/lake"
	"weft/storage/objects"
)

// errNotDone says that a store let through what it should have refused.
var errNotDone = errors.New("the condition was not enforced")

// Bucket writes, lists, reads, rewrites and deletes one object, as weft does, and leaves nothing. It tells whether all of it
// could be done.
func (e *Examination) Bucket(ctx context.Context, store objects.Store) bool {
	const permit = "allow this user s3:PutObject, s3:GetObject, s3:ListBucket and s3:DeleteObject on the bucket"
	const conditions = "use a store that enforces If-Match and If-None-Match on PUT (AWS, MinIO and versitygw do): without them two processes overwrite each other's pointers"
	key, body := lake.Root+"doctor/"+strings.ToLower(rand.Text()), []byte("weft doctor")
	info, err := store.Put(ctx, key, body, objects.Condition{IfAbsent: true})
	if !e.Judge("bucket put", err, permit, "%s", key) {
		return false
	}
	defer func() { // whatever was found, nothing stays
		if err := store.Delete(context.WithoutCancel(ctx), key); err != nil {
			e.Add("bucket tidy", Warn, "delete "+key, "%s", inOneLine(err))
		}
	}()
	got, read, err := store.Get(ctx, key, objects.GetOptions{})
	if err == nil && (!bytes.Equal(got, body) || read.ETag != info.ETag) {
		err = errors.New("what was read is not what was written")
	}
	e.Judge("bucket get", err, permit, "the same bytes and ETag")
	listed := 0
	for i, err := range store.List(ctx, lake.Root+"doctor/", "") {
		if err != nil {
			e.Judge("bucket list", err, permit, "")
			break
		}
		if i.Key == key {
			listed++
		}
	}
	if listed == 1 {
		e.Add("bucket list", OK, "", "shows it at once")
	} else {
		e.Add("bucket list", Fail, "use a store whose listing is consistent", "listed %d times", listed)
	}
	for _, c := range []struct {
		name string
		cond objects.Condition
	}{{"if-none-match", objects.Condition{IfAbsent: true}}, {"if-match", objects.Condition{IfMatch: "0000"}}} {
		_, err := store.Put(ctx, key, []byte("must not be written"), c.cond)
		if err == nil {
			err = errNotDone
		} else if errors.Is(err, objects.ErrPrecondition) {
			err = nil
		}
		e.Judge("bucket "+c.name, err, conditions, "refused as it should be")
	}
	_, err = store.Put(ctx, key, body, objects.Condition{IfMatch: info.ETag})
	e.Judge("bucket if-match again", err, conditions, "let through as it should be")
	if skew := time.Since(read.Modified).Abs(); !read.Modified.IsZero() && skew > 10*time.Second {
		e.Add("bucket clock", Warn, "synchronise the clocks (NTP): S3 refuses requests of clocks 15 minutes off", "%v from this machine's", skew.Round(time.Second))
	}
	err = store.Delete(ctx, key)
	if err == nil {
		if _, err = store.Stat(ctx, key); errors.Is(err, objects.ErrNotExist) {
			err = nil
		} else if err == nil {
			err = errors.New("the object is still there")
		}
	}
	return e.Judge("bucket delete", err, permit, "it is gone")
}
