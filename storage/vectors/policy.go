package vectors

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// CheckPolicy reports whether the server can be relied upon: ErrUnavailable, naming
// the address, if it does not answer; ErrEvicting if its maxmemory-policy is
// anything but noeviction, because it would then delete tasks and vectors without a
// word. A server that does not tell its policy (the embedded one has none, some
// hosted ones hide it) passes.
func CheckPolicy(ctx context.Context, rdb redis.UniversalClient) error {
	switch c := rdb.(type) {
	case *redis.Client:
		return checkPolicy(ctx, c)
	case *redis.ClusterClient:
		if err := c.ForEachMaster(ctx, checkPolicy); err != nil {
			return fmt.Errorf("redis cluster: %w", err)
		}
		return nil
	}
	return fmt.Errorf("redis client %T: want a *redis.Client or a *redis.ClusterClient", rdb)
}

func checkPolicy(ctx context.Context, c *redis.Client) error {
	addr := c.Options().Addr
	if err := c.Ping(ctx).Err(); err != nil {
		if err = classify(err); !errors.Is(err, ErrUnavailable) {
			return fmt.Errorf("redis at %s: %w", addr, err)
		}
		return fmt.Errorf("redis at %s: %w; is it running, and is the address right?", addr, err)
	}
	policy, err := policyOf(ctx, c)
	if err != nil {
		return fmt.Errorf("redis at %s: %w", addr, err)
	}
	if policy != "" && policy != "noeviction" {
		return fmt.Errorf("redis at %s: %w: maxmemory-policy is %s, want noeviction; run `redis-cli CONFIG SET maxmemory-policy noeviction` and set it in redis.conf",
			addr, ErrEvicting, policy)
	}
	return nil
}

// policyOf asks in the two ways there are; hosted servers often refuse CONFIG.
func policyOf(ctx context.Context, c *redis.Client) (string, error) {
	info, err := c.Info(ctx, "memory").Result()
	if err = onlyBroken(err); err != nil {
		return "", err
	}
	for line := range strings.Lines(info) {
		if policy, ok := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:"); ok {
			return policy, nil
		}
	}
	config, err := c.ConfigGet(ctx, "maxmemory-policy").Result()
	if err = onlyBroken(err); err != nil {
		return "", err
	}
	return config["maxmemory-policy"], nil
}

// onlyBroken passes over a server's refusal of a command.
func onlyBroken(err error) error {
	var reply redis.Error
	if err = classify(err); errors.As(err, &reply) && !errors.Is(err, ErrUnavailable) {
		return nil
	}
	return err
}
