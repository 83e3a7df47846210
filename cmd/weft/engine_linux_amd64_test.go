package main

import (
	"testing"

	"weft/storage/servertest"
)

// queryEngine starts a Redis with the Query Engine, of which only this platform has a wheel.
func queryEngine(t *testing.T) (server *servertest.RedisServer, has bool) {
	return servertest.QueryEngine(t), true
}
