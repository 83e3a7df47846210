package objecttest_test

import (
	"testing"

	"weft/storage/objects"
	"weft/storage/objects/objecttest"
)

func TestMemory(t *testing.T) {
	objecttest.Run(t, func(*testing.T) objects.Store { return new(objecttest.Memory) })
}
