package objects_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"weft/storage/objects"
	"weft/storage/objects/objecttest"
	"weft/storage/servertest"
)

func openS3(t testing.TB, s *servertest.S3Server, prefix string) objects.Store {
	t.Helper()
	store, err := objects.Open(t.Context(), s.URL(prefix), objects.Credentials{AccessKey: s.AccessKey, SecretKey: s.SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestS3(t *testing.T) {
	server := servertest.S3(t)
	var n atomic.Int32
	objecttest.Run(t, func(t *testing.T) objects.Store { return openS3(t, server, fmt.Sprintf("run/%d", n.Add(1))) })
}
