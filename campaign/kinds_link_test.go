package campaign

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"weft/campaign/proxy"
)

var cutFlag = flag.Duration("cut", 0, "for how long a worker is cut off; 0: one to four seconds")

// links are one worker's own ways to the servers, in front of the proxies that all share.
type links struct{ redis, s3 *proxy.TCP }

// linkKinds cut one of the workers off, with work in hand, while everybody else goes on. Nothing it sends
// is refused or reset: it is as if nobody was there. Then the network is there again, and what was sent meanwhile arrives.
func linkKinds() []kind {
	lasts := seconds(1, 4)
	if *cutFlag > 0 {
		lasts = [2]time.Duration{*cutFlag, *cutFlag}
	}
	cut := func(link func(*campaign) *proxy.TCP) func(*campaign, *rand.Rand) func() {
		return func(c *campaign, _ *rand.Rand) func() {
			link(c).Set(proxy.TCPFaults{Silent: true})
			return func() { link(c).Set(proxy.TCPFaults{}) }
		}
	}
	return []kind{
		{name: "a worker cut off from Redis", crash: true, lasts: lasts, begin: cut(func(c *campaign) *proxy.TCP { return c.links.redis })},
		{name: "a worker cut off from S3", crash: true, lasts: lasts, begin: cut(func(c *campaign) *proxy.TCP { return c.links.s3 })},
	}
}

// linked are a worker's arguments with ways of its own.
func (c *campaign) linked(args []string) []string {
	listen := func(target string) *proxy.TCP {
		p, err := proxy.ListenTCP(target, c.cfg.seed)
		c.must(err)
		c.t.Cleanup(p.Close)
		return p
	}
	c.links = links{redis: listen(c.tcp.Addr()), s3: listen(c.http.Addr())}
	args = slices.Clone(args)
	for i := range args {
		args[i] = strings.NewReplacer(c.tcp.Addr(), c.links.redis.Addr(), queryAddr(c.http.Addr()), queryAddr(c.links.s3.Addr())).Replace(args[i])
	}
	return args
}
