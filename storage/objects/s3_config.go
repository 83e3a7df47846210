package objects

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Credentials for an S3 endpoint. The zero value asks anonymously.
type Credentials struct {
	AccessKey, SecretKey string
	SessionToken         string // of temporary credentials only
}

// Defaults of S3Config.
const (
	DefaultS3Endpoint = "s3.amazonaws.com"
	DefaultS3Attempts = 6
	DefaultS3Stall    = 20 * time.Second
)

// S3Config says where a bucket is and how patient to be.
type S3Config struct {
	// Endpoint is host or host:port. "": DefaultS3Endpoint.
	Endpoint string
	// Plain speaks HTTP instead of HTTPS.
	Plain bool
	// Region of the bucket. "": the endpoint is asked.
	Region string
	// Bucket must exist.
	Bucket string
	// Prefix below which all keys lie; not part of the keys. May be empty.
	Prefix string

	Credentials Credentials

	// Attempts is how often a request is made, with growing pauses, before
	// ErrUnavailable. 0: DefaultS3Attempts, which takes about three seconds when each
	// fails at once.
	Attempts int
	// Stall is how long a request may go without moving a byte. 0: DefaultS3Stall.
	Stall time.Duration
}

var (
	bucketPattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	endpointPattern = regexp.MustCompile(`^[A-Za-z0-9.\-\[\]:]+$`)
)

// ParseS3URL reads s3://bucket/prefix?endpoint=host:port&secure=false&region=name;
// prefix and all parameters may be left out. It sets no credentials.
func ParseS3URL(raw string) (S3Config, error) {
	u, err := url.Parse(raw)
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err // without the URL, which may hold a password
		}
		return S3Config{}, fmt.Errorf("objects: S3 URL: %w", err)
	}
	if u.Scheme != "s3" {
		return S3Config{}, fmt.Errorf("objects: URL scheme %q; want s3://bucket/prefix?endpoint=host:port", u.Scheme)
	}
	if u.User != nil || u.Port() != "" || u.Fragment != "" {
		return S3Config{}, errors.New("objects: S3 URL with user, port or fragment; want s3://bucket/prefix?endpoint=host:port, credentials apart")
	}
	c := S3Config{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return S3Config{}, fmt.Errorf("objects: S3 URL: %w", err)
	}
	for name, values := range query {
		value := values[len(values)-1]
		switch name {
		case "endpoint":
			c.Endpoint = value
		case "region":
			c.Region = value
		case "secure":
			secure, err := strconv.ParseBool(value)
			if err != nil {
				return S3Config{}, fmt.Errorf("objects: S3 URL: secure=%q; want true or false", value)
			}
			c.Plain = !secure
		default:
			return S3Config{}, fmt.Errorf("objects: S3 URL: unknown parameter %q; want endpoint, secure or region", name)
		}
	}
	return c, c.Validate()
}

// Validate reports the first field with a value that cannot work.
func (c S3Config) Validate() error {
	if !bucketPattern.MatchString(c.Bucket) {
		return fmt.Errorf("objects: S3 bucket %q; want 3 to 63 of a-z, 0-9, dots and hyphens", c.Bucket)
	}
	if c.Endpoint != "" && !endpointPattern.MatchString(c.Endpoint) {
		return fmt.Errorf("objects: S3 endpoint %q; want host or host:port, without scheme and path", c.Endpoint)
	}
	if host, port, err := net.SplitHostPort(c.Endpoint); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
			return fmt.Errorf("objects: S3 endpoint %q; want host or host:port", c.Endpoint)
		}
	}
	if c.Prefix != "" {
		if err := ValidateKey(c.Prefix); err != nil {
			return fmt.Errorf("objects: S3 prefix: %w", err)
		}
	}
	if (c.Credentials.AccessKey == "") != (c.Credentials.SecretKey == "") {
		return errors.New("objects: S3 credentials: give both the access key and the secret key, or neither")
	}
	if c.Attempts < 0 {
		return fmt.Errorf("objects: S3 attempts %d; want at least 1, or 0 for %d", c.Attempts, DefaultS3Attempts)
	}
	if c.Stall < 0 {
		return fmt.Errorf("objects: S3 stall %v; want a positive duration, or 0 for %v", c.Stall, DefaultS3Stall)
	}
	return nil
}

func (c S3Config) withDefaults() S3Config {
	if c.Endpoint == "" {
		c.Endpoint = DefaultS3Endpoint
	}
	if c.Attempts == 0 {
		c.Attempts = DefaultS3Attempts
	}
	if c.Stall == 0 {
		c.Stall = DefaultS3Stall
	}
	return c
}
