package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/doctor"
	"weft/storage/objects"
	"weft/storage/servertest"
)

// findingsOf runs the doctor; it may find that something would not work.
func findingsOf(t *testing.T, code int, args ...string) map[string]doctor.Finding {
	t.Helper()
	o := weft(t, append([]string{"doctor", "--json"}, args...)...)
	if o.code != code {
		t.Fatalf("exit %d, want %d\n%s%s", o.code, code, o.out, o.err)
	}
	var list []doctor.Finding
	must(t, json.Unmarshal([]byte(o.out), &list))
	all := map[string]doctor.Finding{}
	for _, f := range list {
		if _, twice := all[f.Check]; twice {
			t.Errorf("%s is checked twice", f.Check)
		}
		if (f.Status == doctor.OK) != (f.Do == "") || f.Found == "" {
			t.Errorf("%+v: what is not ok says what to do, and all say what was found", f)
		}
		all[f.Check] = f
	}
	return all
}

func want(t *testing.T, all map[string]doctor.Finding, status string, checks ...string) {
	t.Helper()
	for _, check := range checks {
		if all[check].Status != status {
			t.Errorf("%s: %+v, want %s", check, all[check], status)
		}
	}
}

func TestDoctorOfAHealthyFleet(t *testing.T) {
	redis, s3 := servertest.Redis(t, "--maxmemory", "100mb"), servertest.S3(t)
	place := []string{"--objects", s3.URL("shop"), "--s3-access-key", s3.AccessKey, "--s3-secret-key", s3.SecretKey, "--queue", redis.URL("0"), "--vectors", redis.URL("1")}
	all := findingsOf(t, exitDone, place...)
	want(t, all, doctor.OK, "weft", "model cache", "model onnxruntime", "model efficientnet-lite0", "model all-minilm-l6-v2", "encoders", "provider cpu", "decoders",
		"--queue version", "--queue eviction", "--queue memory", "--queue clock", "--vectors eviction", "bucket", "bucket put", "bucket get", "bucket list", "bucket if-none-match",
		"bucket if-match", "bucket if-match again", "bucket delete", "generation", "disk of the model cache")
	want(t, all, doctor.Warn, "--queue durability") // the tests' server keeps nothing
	bucket, err := objects.Open(t.Context(), s3.URL(""), objects.Credentials{AccessKey: s3.AccessKey, SecretKey: s3.SecretKey})
	must(t, err)
	for info, err := range bucket.List(t.Context(), "", "") {
		must(t, err)
		t.Errorf("the doctor left %s", info.Key)
	}
}

func TestDoctorFindsWhatWouldNotWork(t *testing.T) {
	evicting, s3 := servertest.Redis(t, "--maxmemory", "1mb", "--maxmemory-policy", "allkeys-lru"), servertest.S3(t)
	all := findingsOf(t, exitFailed, "--objects", s3.URL("shop"), "--s3-access-key", s3.AccessKey, "--s3-secret-key", "wrong", "--queue", evicting.URL("0"),
		"--vectors", "redis://127.0.0.1:1/0", "--cache", t.TempDir())
	want(t, all, doctor.Fail, "--queue eviction", "--vectors", "bucket", "model efficientnet-lite0", "model onnxruntime")
	if !strings.Contains(all["model onnxruntime"].Do, "models pull") || !strings.Contains(all["--queue eviction"].Do, "noeviction") {
		t.Errorf("%+v", all)
	}
	if _, ok := all["provider cpu"]; ok {
		t.Error("encoders are loaded that are not there")
	}
}

func TestDoctorOfADirectory(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "bucket"), 0o755))
	all := findingsOf(t, exitDone, "--data", dir)
	want(t, all, doctor.OK, "bucket put", "bucket if-none-match", "bucket if-match", "bucket delete", "disk of the bucket")
	o := weft(t, "doctor", "--data", filepath.Join(dir, "nowhere"))
	if o.code != exitFailed || !strings.Contains(o.out, "fail") || !strings.Contains(o.out, "→") {
		t.Errorf("exit %d\n%s", o.code, o.out)
	}
	if o := weft(t, "doctor", "--tenant", "Shop"); o.code != exitUsage {
		t.Errorf("exit %d", o.code)
	}
}
