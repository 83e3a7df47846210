package vectors_test

import (
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"weft/storage/vectors"
)

// A server without the Query Engine keeps no index, and says so.
func testNoIndex(t *testing.T, rdb redis.UniversalClient) {
	s := store(t, rdb, "shop")
	if x, err := s.KeepIndex(t.Context()); !errors.Is(err, vectors.ErrNoQueryEngine) || x != (vectors.Index{}) {
		t.Errorf("%+v, %v", x, err)
	}
}
