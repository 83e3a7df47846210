package objects

import (
	"context"
	"fmt"
	"net/url"
)

// Open opens the store that a URL names: file:///absolute/directory, which must
// exist, or s3://bucket/prefix?endpoint=host:port&secure=false&region=name. The
// credentials are for S3 alone.
func Open(ctx context.Context, raw string, credentials Credentials) (Store, error) {
	u, err := url.Parse(raw)
	if err == nil && u.Scheme == "file" {
		if u.Host != "" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("objects: %q; want file:///absolute/directory", raw)
		}
		return OpenDir(u.Path)
	}
	c, err := ParseS3URL(raw)
	if err != nil {
		return nil, err
	}
	c.Credentials = credentials
	return OpenS3(ctx, c)
}
