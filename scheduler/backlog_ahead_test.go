package scheduler

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/storage/lake"
	"weft/storage/objects"
	"weft/storage/objects/objecttest"
	"weft/storage/vectors"
	"weft/tasks"
)

// A window that is full hides the rest of the bucket; the count shows it, and falls
// as the sweep goes on.
func TestWhatTheWindowHidesIsCounted(t *testing.T) {
	never := redis.NewClient(&redis.Options{}) // asked nothing
	t.Cleanup(func() { _ = never.Close() })
	synctest.Test(t, func(t *testing.T) {
		bucket, queue := &objecttest.Memory{}, &recorder{}
		l, err := lake.Open(t.Context(), lake.Config{Store: bucket, CommitDelay: time.Millisecond, IdleDelay: -1})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close(context.Background()) }()
		for i := range 40 {
			for _, name := range []string{"a.jpg", tasks.ListingName} {
				if _, err := bucket.Put(t.Context(), fmt.Sprintf("media/p%02d/%s", i, name), []byte("{}"), objects.Condition{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		v, err := vectors.New(vectors.Config{Redis: never, Tenant: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(Config{Tenant: "shop", Generation: gen, Recipes: recipes(), Objects: bucket, Lake: l, Vectors: v, Queue: queue, Name: "test",
			Shares: NewShares(queue, nil, 10), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			t.Fatal(err)
		}
		depth := func(pending int) {
			queue.mu.Lock()
			defer queue.mu.Unlock()
			queue.depths = map[tasks.Tenant][]tasks.Depth{"shop": {{Type: tasks.ImageEmbed, Lane: tasks.Bulk, Pending: pending}}}
		}
		depth(0)
		swept := make(chan error, 1)
		began := time.Now()
		go func() {
			_, err := s.Sweep(t.Context())
			swept <- err
		}()
		synctest.Wait() // ten are enqueued, and the queue says that none waits: ten more, and so on
		if f := s.feed(); <-swept != nil || len(f.Items) != 0 || f.Held != "" || f.Weight != 1 {
			t.Fatalf("with room: told %+v", f)
		}
		if n := len(queue.take()); n != 80 {
			t.Fatalf("%d were enqueued, want 80", n)
		}

		depth(10)
		go func() {
			_, err := s.Sweep(t.Context())
			swept <- err
		}()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		// The sweep stands at the first product, which is not ahead of it.
		if got := s.feed(); got.Items[tasks.ImageEmbed] != 39 || got.Items[tasks.TextEmbed] != 39 || time.UnixMilli(got.Since).Before(began) || got.Held != tasks.HeldByShare {
			t.Errorf("blocked at the first product: %+v, want 39 photos and 39 listings", got)
		}
		depth(0)
		time.Sleep(time.Second)
		synctest.Wait()
		if err := <-swept; err != nil {
			t.Fatal(err)
		}
		if got := s.feed(); len(got.Items) != 0 || got.Held != "" {
			t.Errorf("after the sweep: %+v", got)
		}
		if n := len(queue.take()); n != 80 {
			t.Errorf("%d were enqueued, want 80: the count enqueues nothing", n)
		}
	})
}

func TestPastFolderIsAfterAFolderAndBeforeTheNext(t *testing.T) {
	for _, folder := range []string{"media/p1/", "media/a.b/"} {
		after := pastFolder(folder)
		if after <= folder+"zzz" || after <= folder+"\xff" || after >= folder[:len(folder)-1]+"00" {
			t.Errorf("behind %s is %s", folder, after)
		}
	}
	if pastFolder("") != "" {
		t.Error("the beginning is behind nothing")
	}
}
