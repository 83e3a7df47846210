package objects

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/minio/minio-go/v7"
)

// s3Page is how many objects one request lists, the most that S3 allows.
const s3Page = 1000

// List implements [Store]. A page that fails is asked for again, from the last key
// on; the attempts count anew whenever an object came.
func (s *S3) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		pause := newBackOff()
		for failures, last := 0, after; ; {
			before := last
			more, err := s.listFrom(ctx, prefix, &last, yield)
			if !more {
				return
			}
			if last != before {
				failures = 0
				pause.Reset()
			}
			if failures++; err == nil {
				return
			}
			if failures >= s.config.Attempts || !passing(err) {
				yield(Info{}, fmt.Errorf("list %q after %q: %w", prefix, last, err))
				return
			}
			if err := wait(ctx, pause.NextBackOff()); err != nil {
				yield(Info{}, fmt.Errorf("list %q after %q: %w", prefix, last, err))
				return
			}
		}
	}
}

// listFrom yields the objects after *last, which it moves on. It returns false when
// the caller wants no more.
func (s *S3) listFrom(ctx context.Context, prefix string, last *string, yield func(Info, error) bool) (bool, error) {
	if err := ctx.Err(); err != nil {
		return true, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	noOwner, previous := false, ""
	for object := range s.client.ListObjectsIter(ctx, s.config.Bucket, minio.ListObjectsOptions{
		Prefix: sendable(prefix), StartAfter: sendable(*last), MaxKeys: s3Page, Recursive: true, FetchOwner: &noOwner,
	}) {
		if object.Err != nil {
			return true, s3Error(ctx, object.Err)
		}
		if object.Key <= previous {
			return true, fmt.Errorf("endpoint lists %q after %q; weft needs ordered listings, which S3 directory buckets do not have", object.Key, previous)
		}
		previous = object.Key
		if object.Key <= *last || !strings.HasPrefix(object.Key, prefix) {
			continue // what could not be sent is compared here
		}
		*last = object.Key
		if hidden(object.Key) {
			continue
		}
		if !yield(describeS3(object, object.Key), nil) {
			return false, nil
		}
	}
	return true, ctx.Err()
}

// sendable is the beginning of a key that can be sent: valid UTF-8 without control
// characters. It sorts before the key.
func sendable(key string) string {
	for i, r := range key {
		if r < 0x20 || r == utf8.RuneError && !strings.HasPrefix(key[i:], "\ufffd") {
			return key[:i]
		}
	}
	return key
}
