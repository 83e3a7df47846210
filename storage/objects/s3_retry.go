package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/minio/minio-go/v7"
)

// newBackOff pauses for 0.1 s to 5 s, each time about twice as long, at random
// between half and one and a half of that.
func newBackOff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.Multiplier, b.MaxInterval = 100*time.Millisecond, 2, 5*time.Second
	return b
}

// retry repeats an operation while it fails in passing.
func retry[T any](ctx context.Context, attempts int, operation func() (T, error)) (T, error) {
	return backoff.Retry(ctx, func() (T, error) {
		result, err := operation()
		if err != nil && !passing(err) {
			err = backoff.Permanent(err)
		}
		return result, err
	}, backoff.WithBackOff(newBackOff()), backoff.WithMaxTries(uint(attempts)), backoff.WithMaxElapsedTime(0))
}

// passing reports whether the same request may succeed later.
func passing(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, errFolderRace)
}

// errFolderRace is how versitygw answers a put into a folder that a deletion is
// removing as empty; it says the same of a key that is a folder indeed.
var errFolderRace = fmt.Errorf("%w: it is a folder of other objects", ErrKey)

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// s3Error says what an error of the client means in terms of the contract.
func s3Error(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) || answer.StatusCode == 0 {
		return fmt.Errorf("%w: %v", ErrUnavailable, err) // no answer, or none that could be read
	}
	says := answer.Message
	if says == "" {
		says = fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	if kind := s3Kind(answer); kind != nil {
		return fmt.Errorf("%w: %s (%s)", kind, says, answer.Code)
	}
	return fmt.Errorf("%s (%s)", says, answer.Code)
}

// s3Kind is the sentinel for an answer, nil if there is none.
func s3Kind(answer minio.ErrorResponse) error {
	switch answer.Code {
	case "NoSuchBucket", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return nil
	case "NoSuchKey":
		return ErrNotExist
	case "XMinioInvalidObjectName", "KeyTooLongError", "ObjectParentIsFile", "XMinioParentIsObject", "XMinioObjectExistsAsDirectory":
		return ErrKey
	case "ExistingObjectIsDirectory":
		return errFolderRace
	case "EntityTooLarge":
		return ErrTooLarge
	case "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded":
		return ErrFull
	case "ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "SlowDown":
		return ErrUnavailable // two writers at once: asking again gives the verdict
	}
	switch status := answer.StatusCode; {
	case status == http.StatusNotFound:
		return ErrNotExist
	case status == http.StatusPreconditionFailed:
		return ErrPrecondition
	case status == http.StatusRequestedRangeNotSatisfiable:
		return ErrRange
	case status == http.StatusInsufficientStorage:
		return ErrFull
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return ErrUnavailable
	}
	return nil
}
