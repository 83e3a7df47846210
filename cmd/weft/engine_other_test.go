//go:build !(linux && amd64)

package main

import (
	"testing"

	"weft/storage/servertest"
)

// queryEngine starts a Redis, here without the Query Engine.
func queryEngine(t *testing.T) (server *servertest.RedisServer, has bool) {
	return servertest.Redis(t), false
}
