package objecttest

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"weft/storage/objects"
)

// Bench measures a Store. open returns an empty store; what it needs to clean up it
// registers with b.
func Bench(b *testing.B, open func(b *testing.B) objects.Store) {
	photo := bytes.Repeat([]byte("photograph"), 10_000) // 100 kB

	b.Run("Put", func(b *testing.B) { benchPut(b, open(b), photo, 1) })
	b.Run("Put16", func(b *testing.B) { benchPut(b, open(b), photo, 16) })
	b.Run("Get", func(b *testing.B) {
		s := open(b)
		if _, err := s.Put(b.Context(), "media/p/photo.jpg", photo, objects.Condition{}); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(photo)))
		for b.Loop() {
			if _, _, err := s.Get(b.Context(), "media/p/photo.jpg", objects.GetOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("List2000", func(b *testing.B) {
		s := open(b)
		const n = 2000
		Fill(b, s, n)
		for b.Loop() {
			BenchList(b, s, n)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/object")
	})
}

// Fill puts n small objects, ten to a folder.
func Fill(b *testing.B, s objects.Store, n int) {
	b.Helper()
	var next atomic.Int64
	parallel(b, 16, func() bool {
		i := int(next.Add(1)) - 1
		if i >= n {
			return false
		}
		_, err := s.Put(b.Context(), fmt.Sprintf("media/product-%05d/%d.jpg", i/10, i%10), []byte("x"), objects.Condition{})
		if err != nil {
			b.Error(err)
		}
		return err == nil
	})
}

// BenchList lists the whole store once, which must hold n objects.
func BenchList(b *testing.B, s objects.Store, n int) {
	b.Helper()
	found := 0
	for _, err := range s.List(b.Context(), "", "") {
		if err != nil {
			b.Fatal(err)
		}
		found++
	}
	if found != n {
		b.Fatalf("listed %d objects, want %d", found, n)
	}
}

func benchPut(b *testing.B, s objects.Store, body []byte, writers int) {
	b.SetBytes(int64(len(body)))
	var next atomic.Int64
	b.ResetTimer()
	parallel(b, writers, func() bool {
		i := next.Add(1)
		if i > int64(b.N) {
			return false
		}
		_, err := s.Put(b.Context(), fmt.Sprintf("media/p%d/%d.jpg", i%50, i), body, objects.Condition{})
		if err != nil {
			b.Error(err)
		}
		return err == nil
	})
}

// parallel runs step in n goroutines until it returns false in each.
func parallel(b *testing.B, n int, step func() bool) {
	b.Helper()
	done := make(chan struct{})
	for range n {
		go func() {
			defer func() { done <- struct{}{} }()
			for step() {
			}
		}()
	}
	for range n {
		<-done
	}
}
