package vectors_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/storage/servertest"
	"weft/storage/vectors"
	"weft/tasks"
)

const (
	gen   tasks.Generation = "g0123456789ab"
	other tasks.Generation = "gba9876543210"
)

// suite is what the store must do on every server.
var suite = []struct {
	name string
	run  func(t *testing.T, rdb redis.UniversalClient)
}{
	{"RoundTrip", testRoundTrip},
	{"Layout", testLayout},
	{"Live", testLive},
	{"CorruptHashes", testCorruptHashes},
	{"AllAndHeads", testAllAndHeads},
	{"Fence", testFence},
	{"Tombstones", testTombstones},
	{"RacingWriters", testRacingWriters},
	{"ForgottenScripts", testForgottenScripts},
	{"Load", testLoad},
	{"LoadExclusive", testLoadExclusive},
	{"Updates", testUpdates},
	{"TrimmedUpdates", testTrimmedUpdates},
	{"NoIndex", testNoIndex},
}

func TestStore(t *testing.T) {
	for _, server := range []struct {
		name string
		rdb  redis.UniversalClient
	}{
		{"miniredis", client(t, miniredis.RunT(t).Addr())},
		{"redis", client(t, servertest.Redis(t).Addr)},
		{"cluster", cluster(t)},
	} {
		t.Run(server.name, func(t *testing.T) {
			for _, member := range suite {
				t.Run(member.name, func(t *testing.T) {
					if err := server.rdb.FlushAll(t.Context()).Err(); err != nil {
						t.Fatal(err)
					}
					member.run(t, server.rdb)
				})
			}
		})
	}
}

func client(t testing.TB, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, DialerRetries: 1}) // refuse at once where the server is gone
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// cluster is a Redis Cluster of one node, which knows its slots like a big one.
func cluster(t testing.TB) redis.UniversalClient {
	s := servertest.Redis(t, "--cluster-enabled", "yes")
	node := client(t, s.Addr)
	if err := node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C { // it answers after two seconds
		info, err := node.ClusterInfo(t.Context()).Result()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(info, "cluster_state:ok") {
			tick.Stop()
			break
		}
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{s.Addr}})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func store(t testing.TB, rdb redis.UniversalClient, tenant tasks.Tenant) *vectors.Store {
	t.Helper()
	s, err := vectors.New(vectors.Config{Redis: rdb, Tenant: tenant, UpdatesKept: 100})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// unit is a random vector of length 1.
func unit(seed uint64, dim int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	v, sum := make([]float32, dim), 0.0
	for i := range v {
		v[i] = float32(r.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return v
}

func product(id string, version int64, sources string) vectors.Record {
	price := 12.5
	return vectors.Record{
		ID: id, Vector: unit(uint64(version), 8), Content: unit(uint64(version)+1, 6), Modalities: []string{"image", "text"},
		SourceVersion: version, Sources: sources, UpdatedAt: version + 10, Title: "a dress", Category: "dresses", Price: &price, Image: "media/p/front.jpg", Attributes: `{"brand":"B"}`,
	}
}

func user(id string, version int64, sources string) vectors.Record {
	return vectors.Record{ID: id, Vector: unit(uint64(version), 8), SourceVersion: version, Sources: sources, UpdatedAt: version + 10}
}

func put(t testing.TB, s *vectors.Store, r vectors.Record, want vectors.Outcome) {
	t.Helper()
	got, err := s.Put(t.Context(), gen, vectors.Product, r)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("Put version %d of %s with sources %s: %v, want %v", r.SourceVersion, r.ID, r.Sources, got, want)
	}
}

func remove(t testing.TB, s *vectors.Store, id string, version int64, want vectors.Outcome) {
	t.Helper()
	got, err := s.Delete(t.Context(), gen, vectors.Product, id, version)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("Delete version %d of %s: %v, want %v", version, id, got, want)
	}
}

func id(i int) string { return fmt.Sprintf("p%05d", i) }
