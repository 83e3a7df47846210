package objects

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// maxSinglePut is the largest object that S3 takes in one request.
const maxSinglePut = 5 << 30

// S3 stores objects in a bucket of an S3-compatible endpoint, which must support
// conditional puts and list in order. Objects are put whole, up to 5 GiB.
//
// It repeats requests that fail in passing, and gives up with ErrUnavailable. A
// conditional put whose answer was lost is looked at before it is repeated, so that
// it does not fail on its own earlier success.
type S3 struct {
	config S3Config
	client minio.Core
}

// OpenS3 connects to a bucket and tests that the endpoint honours conditions. It
// fails with ErrUnavailable, naming the endpoint, if that cannot be reached.
func OpenS3(ctx context.Context, c S3Config) (Store, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	client, err := minio.New(c.Endpoint, &minio.Options{
		Creds:      credentials.NewStaticV4(c.Credentials.AccessKey, c.Credentials.SecretKey, c.Credentials.SessionToken),
		Secure:     !c.Plain,
		Region:     c.Region,
		Transport:  newStallTransport(c.Stall),
		MaxRetries: 1, // S3.retry knows of bodies too
	})
	if err != nil {
		return nil, fmt.Errorf("objects: S3 endpoint %s: %w", c.Endpoint, err)
	}
	s := &S3{config: c, client: minio.Core{Client: client}}
	if err := s.probe(ctx); err != nil {
		return nil, fmt.Errorf("objects: S3 endpoint %s: %w", c.Endpoint, err)
	}
	return WithPrefix(s, c.Prefix), nil
}

// putMark names, in an object's metadata, the call that wrote it.
const putMark = "Weft-Put"

// Put implements [Store].
func (s *S3) Put(ctx context.Context, key string, body []byte, cond Condition) (Info, error) {
	err := checkCall(ctx, key)
	if err == nil {
		err = cond.validate()
	}
	if err == nil && int64(len(body)) > maxSinglePut {
		err = fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, len(body), int64(maxSinglePut))
	}
	if err != nil {
		return Info{}, fmt.Errorf("put: %w", err)
	}
	mark := rand.Text()
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	doubtful := false // an earlier attempt may have succeeded
	info, err := retry(ctx, s.config.Attempts, func() (Info, error) {
		info, err := s.putOnce(ctx, key, body, digest, cond, mark)
		switch {
		case err == nil:
			return info, nil
		case errors.Is(err, ErrPrecondition) && doubtful:
			if info, mine := s.wroteIt(ctx, key, mark); mine {
				return info, nil
			}
		case errors.Is(err, ErrUnavailable):
			doubtful = true
		}
		return Info{}, err
	})
	if err != nil {
		return Info{}, fmt.Errorf("put %q: %w", key, err)
	}
	return info, nil
}

// putOnce puts a body with the SHA-256 (hex) that the server checks it against.
// Without it the client would send the body in signed chunks, whose end versitygw
// leaves unread when the body is empty, and takes for the next request.
func (s *S3) putOnce(ctx context.Context, key string, body []byte, digest string, cond Condition, mark string) (Info, error) {
	options := minio.PutObjectOptions{DisableContentSha256: true}
	if cond != (Condition{}) {
		options.UserMetadata = map[string]string{putMark: mark}
	}
	if cond.IfAbsent {
		options.SetMatchETagExcept("*")
	}
	if cond.IfMatch != "" {
		options.SetMatchETag(cond.IfMatch)
	}
	put, err := s.client.PutObject(ctx, s.config.Bucket, key, bytes.NewReader(body), int64(len(body)), "", digest, options)
	if err != nil {
		err = s3Error(ctx, err)
		if cond.IfMatch != "" && errors.Is(err, ErrNotExist) {
			err = fmt.Errorf("%w: absent, expected ETag %s", ErrPrecondition, cond.IfMatch)
		}
		return Info{}, err
	}
	return Info{Key: key, ETag: put.ETag, Size: int64(len(body)), Modified: put.LastModified}, nil
}

// wroteIt tells whether the object is the one that the call marked mark wrote.
func (s *S3) wroteIt(ctx context.Context, key, mark string) (Info, bool) {
	stat, err := s.client.StatObject(ctx, s.config.Bucket, key, minio.StatObjectOptions{})
	if err != nil || stat.UserMetadata[putMark] != mark {
		return Info{}, false
	}
	return describeS3(stat, key), true
}

func describeS3(o minio.ObjectInfo, key string) Info {
	return Info{Key: key, ETag: o.ETag, Size: o.Size, Modified: o.LastModified}
}

// Get implements [Store].
func (s *S3) Get(ctx context.Context, key string, opt GetOptions) ([]byte, Info, error) {
	if err := checkCall(ctx, key); err != nil {
		return nil, Info{}, fmt.Errorf("get: %w", err)
	}
	var info Info
	body, err := retry(ctx, s.config.Attempts, func() (body []byte, err error) {
		body, info, err = s.getOnce(ctx, key, opt)
		return body, err
	})
	if err != nil {
		return nil, Info{}, fmt.Errorf("get %q: %w", key, err)
	}
	return body, info, nil
}

func (s *S3) getOnce(ctx context.Context, key string, opt GetOptions) ([]byte, Info, error) {
	var options minio.GetObjectOptions
	if err := matching(&options, opt.IfMatch); err != nil {
		return nil, Info{}, err
	}
	stream, object, _, err := s.client.GetObject(ctx, s.config.Bucket, key, options)
	if err != nil {
		return nil, Info{}, s3Error(ctx, err)
	}
	defer stream.Close()
	info := describeS3(object, key)
	if opt.IfMatch != "" && info.ETag != opt.IfMatch {
		return nil, Info{}, fmt.Errorf("%w: ETag is %s, not %s", ErrPrecondition, info.ETag, opt.IfMatch)
	}
	if opt.MaxBytes > 0 && info.Size > opt.MaxBytes {
		return nil, Info{}, fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, info.Size, opt.MaxBytes)
	}
	body, err := readExactly(ctx, stream, info.Size)
	return body, info, err
}

// ReadRange implements [Store].
func (s *S3) ReadRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	if err := checkCall(ctx, key); err != nil {
		return nil, fmt.Errorf("read range: %w", err)
	}
	if err := validateRange(off, n); err != nil {
		return nil, fmt.Errorf("read range of %q: %w", key, err)
	}
	body, err := retry(ctx, s.config.Attempts, func() ([]byte, error) { return s.rangeOnce(ctx, key, off, n, ifMatch) })
	if err != nil {
		return nil, fmt.Errorf("read range of %q: %w", key, err)
	}
	return body, nil
}

func (s *S3) rangeOnce(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	var options minio.GetObjectOptions
	if err := matching(&options, ifMatch); err != nil {
		return nil, err
	}
	if err := options.SetRange(off, off+n-1); err != nil {
		return nil, err
	}
	stream, object, header, err := s.client.GetObject(ctx, s.config.Bucket, key, options)
	if err != nil {
		return nil, s3Error(ctx, err)
	}
	defer stream.Close()
	if ifMatch != "" && object.ETag != ifMatch {
		return nil, fmt.Errorf("%w: ETag is %s, not %s", ErrPrecondition, object.ETag, ifMatch)
	}
	// The answer may be a shorter range, or the whole object, which is right only if
	// that was asked for.
	whole := header.Get("Content-Range") == ""
	if object.Size != n || whole && off != 0 {
		return nil, fmt.Errorf("%w: offset %d, length %d, got %d bytes (%s)", ErrRange, off, n, object.Size, header.Get("Content-Range"))
	}
	return readExactly(ctx, stream, n)
}

func matching(options *minio.GetObjectOptions, etag string) error {
	if etag == "" {
		return nil
	}
	return options.SetMatchETag(etag)
}

// readExactly reads a body of n bytes, neither more nor less.
func readExactly(ctx context.Context, r io.Reader, n int64) ([]byte, error) {
	if n < 0 {
		return nil, fmt.Errorf("%w: the answer does not tell its length", ErrUnavailable)
	}
	body := make([]byte, n)
	if got, err := io.ReadFull(r, body); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: short body, %d of %d bytes: %v", ErrUnavailable, got, n, err)
	}
	if extra, _ := r.Read(make([]byte, 1)); extra > 0 {
		return nil, fmt.Errorf("%w: body longer than the %d bytes it said", ErrUnavailable, n)
	}
	return body, nil
}

// Stat implements [Store].
func (s *S3) Stat(ctx context.Context, key string) (Info, error) {
	if err := checkCall(ctx, key); err != nil {
		return Info{}, fmt.Errorf("stat: %w", err)
	}
	info, err := retry(ctx, s.config.Attempts, func() (Info, error) {
		stat, err := s.client.StatObject(ctx, s.config.Bucket, key, minio.StatObjectOptions{})
		return describeS3(stat, key), s3Error(ctx, err)
	})
	if err != nil {
		return Info{}, fmt.Errorf("stat %q: %w", key, err)
	}
	return info, nil
}

// Delete implements [Store].
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := checkCall(ctx, key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	_, err := retry(ctx, s.config.Attempts, func() (struct{}, error) {
		err := s3Error(ctx, s.client.RemoveObject(ctx, s.config.Bucket, key, minio.RemoveObjectOptions{}))
		if errors.Is(err, ErrNotExist) {
			err = nil
		}
		return struct{}{}, err
	})
	if err != nil {
		return fmt.Errorf("delete %q: %w", key, err)
	}
	return nil
}

// probe tests the endpoint, the bucket and what the contract demands of them.
func (s *S3) probe(ctx context.Context) error {
	exists, err := retry(ctx, s.config.Attempts, func() (bool, error) {
		exists, err := s.client.BucketExists(ctx, s.config.Bucket)
		return exists, s3Error(ctx, err)
	})
	if err != nil {
		return fmt.Errorf("bucket %q: %w", s.config.Bucket, err)
	}
	if !exists {
		return fmt.Errorf("bucket %q does not exist; create it first", s.config.Bucket)
	}
	key := ".weft-probe/" + rand.Text() // hidden: no listing shows it
	if s.config.Prefix != "" {
		key = s.config.Prefix + "/" + key
	}
	body := []byte("weft")
	sum := sha256.Sum256(body)
	put := func(cond Condition) error {
		_, err := retry(ctx, s.config.Attempts, func() (Info, error) {
			return s.putOnce(ctx, key, body, hex.EncodeToString(sum[:]), cond, "probe")
		})
		return err
	}
	defer func() {
		_ = s.client.RemoveObject(context.WithoutCancel(ctx), s.config.Bucket, key, minio.RemoveObjectOptions{}) // a stray probe is hidden and harmless
	}()
	if err := put(Condition{}); err != nil {
		return fmt.Errorf("bucket %q: probing a put: %w", s.config.Bucket, err)
	}
	for header, cond := range map[string]Condition{
		"If-None-Match": {IfAbsent: true},
		"If-Match":      {IfMatch: "00000000000000000000000000000000"},
	} {
		if err := put(cond); !errors.Is(err, ErrPrecondition) {
			if err != nil {
				return fmt.Errorf("bucket %q: probing a conditional put: %w", s.config.Bucket, err)
			}
			return fmt.Errorf("it ignores %s on PUT; weft needs conditional writes, as AWS S3, MinIO and versitygw have them", header)
		}
	}
	return nil
}
