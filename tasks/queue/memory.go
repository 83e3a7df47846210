package queue

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Memory tells how many bytes the queue's server uses and may use. limit is 0
// where there is none, or where the server does not tell.
func (c *Client) Memory(ctx context.Context) (used, limit int64, err error) {
	info, err := c.rdb.Info(ctx, "memory").Result()
	if err != nil {
		return 0, 0, fmt.Errorf("asking the queue's server for its memory: %w", err)
	}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "used_memory":
			used, err = strconv.ParseInt(value, 10, 64)
		case "maxmemory":
			limit, err = strconv.ParseInt(value, 10, 64)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("INFO memory: %s %q is not a number", name, value)
		}
	}
	return used, limit, nil
}
