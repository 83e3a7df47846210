package objects_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"weft/storage/objects"
)

func TestParseS3URL(t *testing.T) {
	for url, want := range map[string]objects.S3Config{
		"s3://shop-media": {Bucket: "shop-media"},
		"s3://bucket/a/b/?endpoint=127.0.0.1:9000&secure=false&region=eu-1": {Bucket: "bucket", Prefix: "a/b", Endpoint: "127.0.0.1:9000", Plain: true, Region: "eu-1"},
		"s3://bucket?endpoint=minio.example.org&secure=true":                {Bucket: "bucket", Endpoint: "minio.example.org"},
		"s3://bucket?endpoint=[::1]:9000":                                   {Bucket: "bucket", Endpoint: "[::1]:9000"},
	} {
		if got, err := objects.ParseS3URL(url); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseS3URL(%s) = %+v, %v; want %+v", url, got, err, want)
		}
	}
	for url, part := range map[string]string{
		"http://bucket":                          "http",
		"s3://":                                  "bucket",
		"s3://B":                                 "bucket",
		"s3://bucket/a//b":                       "prefix",
		"s3://bucket/../b":                       "prefix",
		"s3://key:secret@bucket":                 "credentials",
		"s3://bucket:9000":                       "endpoint",
		"s3://bucket?secure=maybe":               "maybe",
		"s3://bucket?endpiont=x":                 "endpiont",
		"s3://bucket?endpoint=http://127.0.0.1":  "scheme",
		"s3://bucket?endpoint=127.0.0.1:99999":   "99999",
		"s3://bucket?endpoint=:9000":             ":9000",
		"s3://bucket?endpoint=127.0.0.1:9000/x":  "endpoint",
		"s3://buc\x7fket":                        "S3 URL",
		"s3://bucket?region=%zz":                 "S3 URL",
		"s3://key:secret@buc ket?endpoint=x:123": "S3 URL",
	} {
		_, err := objects.ParseS3URL(url)
		if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), ":secret") {
			t.Errorf("ParseS3URL(%q): error %v, want one that names %q", url, err, part)
		}
	}
}

func TestS3ConfigNamesBadFields(t *testing.T) {
	for part, c := range map[string]objects.S3Config{
		"credentials": {Bucket: "bucket", Credentials: objects.Credentials{AccessKey: "x"}},
		"attempts":    {Bucket: "bucket", Attempts: -1},
		"stall":       {Bucket: "bucket", Stall: -1},
	} {
		if _, err := objects.OpenS3(t.Context(), c); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want one that names %s", err, part)
		}
	}
}

func TestOpenDirectory(t *testing.T) {
	folder := t.TempDir()
	s, err := objects.Open(t.Context(), "file://"+folder, objects.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := s.(*objects.Dir); !ok || d.Root() != folder {
		t.Errorf("Open = %#v", s)
	}
	for _, url := range []string{"file://relative/folder", "file://", "file:///tmp?x=1", "ftp://x/y", "/tmp", "", "file://" + filepath.Join(folder, "absent")} {
		if s, err := objects.Open(t.Context(), url, objects.Credentials{}); err == nil {
			t.Errorf("Open(%q) = %#v, want an error", url, s)
		}
	}
}

func FuzzValidateKey(f *testing.F) {
	for _, key := range []string{"", "a/b", "../x", "a//b", "é/\u00a0", "a\\b", "\xff", ".a", "a/."} {
		f.Add(key)
	}
	folder := f.TempDir()
	d, err := objects.OpenDir(folder)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		err := objects.ValidateKey(key)
		if err != nil {
			if !errors.Is(err, objects.ErrKey) {
				t.Errorf("%q: %v is not ErrKey", key, err)
			}
			return
		}
		if clean := filepath.Join(folder, key); clean != folder+"/"+key || !filepath.IsLocal(key) {
			t.Errorf("%q leads to %q", key, clean)
		}
		if _, err := d.Stat(t.Context(), key); !errors.Is(err, objects.ErrNotExist) && key != "weft.lock" {
			t.Errorf("Stat(%q): %v", key, err)
		}
	})
}
