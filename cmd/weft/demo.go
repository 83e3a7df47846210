package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"weft/behaviour/files"
	"weft/client"
	"weft/fusion"
)

type demoCmd struct {
	encoders
	Catalogue string `help:"Folder of products to demonstrate." default:"examples/catalogue" type:"existingdir" placeholder:"DIR"`
	Data      string `help:"Data directory; a second run goes on where the first one stood." default:"out/demo" type:"path" placeholder:"DIR"`
	Report    string `help:"HTML page of products beside their neighbours." default:"out/neighbours.html" type:"path" placeholder:"FILE"`
	Listen    string `help:"HTTP address; port 0 takes a free one." default:"127.0.0.1:0"`
	Serve     bool   `help:"Stay up after the report, until Ctrl-C."`
	Shoppers  int    `help:"Simulated shoppers." default:"400"`
	Seed      uint64 `help:"Seed of the shoppers and of the training." default:"7"`
	Towers    int    `help:"Towers of the model that is trained on the shop." default:"3"`
	Epochs    int    `help:"Epochs of its training, at most." default:"12"`
}

// Help is shown by --help.
func (demoCmd) Help() string {
	return `Copies the sample catalogue into a bucket and runs 'weft up' over it until every product has a vector. Then simulated
shoppers, seeded and with known tastes, send what they did over HTTP; what they buy in the last days of the simulation is
kept from the shop. The shop then trains on their rows, as by 'weft train --data', and the model serves if it passes the gate of
'weft models promote'. Prints a short table and draws a page: three of the shoppers with what they did and what they get in the
end, and every product beside its nearest neighbours.

Examples:
  weft demo
  weft demo --serve --listen 127.0.0.1:8080
  weft demo --catalogue shop/ --shoppers 2000 --seed 11 --data out/shop`
}

// Run is `weft demo`.
func (c *demoCmd) Run(ctx context.Context, a *app) error {
	began := time.Now()
	up := upCmd{place: place{Tenant: "default", Data: c.Data}, encoders: c.encoders, Listen: c.Listen, SweepEvery: 30 * time.Second}
	counts, err := c.upload(ctx, a, up.place)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.err, "catalogue: %d files, %d of them new in %s\n", counts.Rows, counts.Accepted, up.bucketDir())
	u, err := up.start(ctx, a)
	if err != nil {
		return err
	}
	defer func() { u.stop() }()
	if err := u.wait(ctx, true); err != nil {
		return stopped(err, c.Data)
	}
	work := u.report()
	people, err := c.people(ctx, u)
	if err != nil {
		return stopped(err, c.Data)
	}
	// Before training, which is told the classes of these very products.
	products, err := u.tenant.neighbourhoods(ctx, demoNeighbours)
	if err != nil {
		return err
	}
	score, err := sameClass(ctx, products)
	if err != nil {
		return err
	}
	if people != nil && people.Trained == nil {
		if u, people.Learned, err = c.learn(ctx, a, up, u); err == nil && people.Learned.Promoted {
			people.Trained, err = people.judge(ctx, u)
		}
		if err != nil {
			return stopped(err, c.Data)
		}
		if products, err = u.tenant.neighbourhoods(ctx, demoNeighbours); err != nil {
			return err
		}
	}
	if err := writeReport(ctx, c.Report, u.tenant, products, people, work, score); err != nil {
		return err
	}
	printDemo(a, products, people, work, score, time.Since(began))
	fmt.Fprintf(a.out, "\nas pictures: %s\n", c.Report)
	if !c.Serve {
		return nil
	}
	id := products[0].ID
	console := fmt.Sprintf("http://%s/console/%s/", u.node.http.Addr(), u.tenant.name)
	fmt.Fprintf(a.out, "\nconsole until Ctrl-C:   %s\n", console)
	fmt.Fprintf(a.out, "  catalogue manager:    %sproducts/%s   a product beside its neighbours\n", console, id)
	if people != nil && len(people.Shown) > 0 {
		fmt.Fprintf(a.out, "  service desk:         %sshoppers/%s   a simulated shopper\n", console, people.Shown[0].User)
	}
	fmt.Fprintf(a.out, "  platform engineer:    %s   what waits, who works\n", console)
	fmt.Fprintf(a.out, "in Redis:               redis-cli -u %s hkeys weft:default:%s:product:%s\n", u.vectorsURL, u.tenant.pinned.id, id)
	if err := u.wait(ctx, false); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

const demoNeighbours = 6

// people lets simulated shoppers come, waits for their vectors and judges their lists.
// It is nil where the catalogue is not one that shoppers can be drawn over.
func (c *demoCmd) people(ctx context.Context, u *up) (*people, error) {
	api, err := u.client()
	if err != nil {
		return nil, err
	}
	p, err := simulate(ctx, api, c.Catalogue, c.Shoppers, c.Seed)
	if cannotSimulate(err) {
		u.app.log.Warn("no shoppers are simulated", "cause", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := u.wait(ctx, true); err != nil {
		return nil, err
	}
	lists, err := p.judge(ctx, u)
	if u.tenant.pinned.spec.Towers == nil {
		p.Untrained = lists
	} else { // an earlier run has trained
		p.Trained = lists
	}
	return p, err
}

func (u *up) client() (*client.Client, error) {
	return client.New(client.Config{URL: "http://" + u.node.http.Addr().String()})
}

// stopped explains an interruption: nothing is lost by it.
func stopped(err error, data string) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped; what was encoded is in %s, and the next run goes on from there", data)
	}
	return err
}

// upload copies the catalogue into the bucket; what is there already is left.
func (c *demoCmd) upload(ctx context.Context, a *app, p place) (importCounts, error) {
	if err := os.MkdirAll(filepath.Dir(c.Report), 0o755); err != nil {
		return importCounts{}, fmt.Errorf("--report: %w", err)
	}
	if err := p.makeBucket(); err != nil {
		return importCounts{}, err
	}
	bucket, _, err := p.openTenant(ctx)
	if err != nil {
		return importCounts{}, err
	}
	return importAll(ctx, a, bucket, "photos", files.Mapping{}, []string{c.Catalogue})
}

// sameClass evaluates the vectors by the products' categories.
func sameClass(ctx context.Context, products []neighbourhood) (fusion.Neighbourhood, error) {
	var vectors [][]float32
	var labels []string
	for _, p := range products {
		if p.Category != "" {
			vectors, labels = append(vectors, p.vector), append(labels, p.Category)
		}
	}
	return fusion.Neighbours(ctx, vectors, labels, demoNeighbours)
}

func printDemo(a *app, products []neighbourhood, people *people, work upReport, score fusion.Neighbourhood, took time.Duration) {
	fmt.Fprintf(a.out, "products                     %d\n", work.Sweep.Products)
	fmt.Fprintf(a.out, "vectors                      %d\n", len(products))
	if work.Work > 0 {
		fmt.Fprintf(a.out, "photos/s, first to last      %.0f  (%d photos and %d texts encoded)\n", work.ImagesRate, work.Encoded["image"], work.Encoded["text"])
	} else {
		fmt.Fprintln(a.out, "photos/s                     nothing was left to encode")
	}
	fmt.Fprintf(a.out, "same class among %d nearest   %.0f %%  (by chance %.0f %%)\n", score.K, 100*score.Same, 100*chance(score))
	if p := people; p != nil {
		fmt.Fprintf(a.out, "simulated shoppers           %d, with %d events; %d have a vector\n", len(p.sim.Users), p.Events, p.Vectors)
		fmt.Fprintf(a.out, "later purchase in the first %d, of %d shoppers\n", demoList, p.Random.Users)
		for _, row := range p.Rows() {
			fmt.Fprintf(a.out, "  %-26s %.0f ± %.0f %%\n", row.Name, 100*row.Rate, 100*row.Error)
		}
		fmt.Fprintf(a.out, "%s\n", p.Serving())
	}
	fmt.Fprintf(a.out, "ready after                  %.2f s, all of it took %.1f s\n", work.Startup, took.Seconds())
}

// chance is the share of same-class neighbours that random ones would have.
func chance(n fusion.Neighbourhood) float64 {
	var sum float64
	for _, c := range n.Classes {
		sum += float64(c.Items) * float64(c.Items-1)
	}
	return sum / (float64(n.Items) * float64(n.Items-1))
}
