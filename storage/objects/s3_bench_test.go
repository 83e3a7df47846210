package objects_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"weft/storage/objects"
	"weft/storage/objects/objecttest"
	"weft/storage/servertest"
)

func BenchmarkS3(b *testing.B) {
	server := servertest.S3(b)
	var n atomic.Int32
	objecttest.Bench(b, func(b *testing.B) objects.Store { return openS3(b, server, fmt.Sprintf("run/%d", n.Add(1))) })
}
