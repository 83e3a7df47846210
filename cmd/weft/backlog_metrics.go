package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/storage/objects"
	"weft/tasks"
)

// backlogMetrics asks for the backlog at every scrape, so that what is shown is what
// an autoscaler would hear: of all tenants of the fleet, also of those that this process cannot open. Several processes show
// the same: take the maximum.
type backlogMetrics struct {
	node *node

	up                                                  *prometheus.Desc // by tenant, like all but the last
	waiting, delayed, oldest, work, item, paused        *prometheus.Desc // by queue too
	unissued, total, drain, longest, workers, wantedNow *prometheus.Desc
	weight, held, fault                                 *prometheus.Desc
	fleetWanted                                         *prometheus.Desc
}

// scrapeTime bounds one look: a scrape does not wait for a Redis that is away.
const scrapeTime = 2 * time.Second

func newBacklogMetrics(n *node) *backlogMetrics {
	all := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"tenant"}, nil)
	}
	queue := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"tenant", "queue"}, nil)
	}
	return &backlogMetrics{
		node:        n,
		up:          all("weft_backlog_up", "Whether the queues could be read; without it the others are absent."),
		waiting:     queue("weft_queue_waiting", "Tasks that a worker holds or may take: pending, active, and retries that are due."),
		delayed:     queue("weft_queue_delayed", "Tasks put back until later."),
		oldest:      queue("weft_queue_oldest_seconds", "How long the first of the tasks that a worker may take has waited."),
		work:        queue("weft_queue_work_seconds", "How long one worker would take for the tasks that wait."),
		item:        queue("weft_item_seconds", "Seconds of one worker per item, as measured by workers with enough to do, or a default."),
		paused:      queue("weft_queue_paused", "1 while the queue is paused."),
		unissued:    all("weft_backlog_unissued", "Items counted in the bucket that are not yet queued."),
		total:       all("weft_backlog_work_seconds", "How long one worker would take for everything that waits."),
		drain:       all("weft_backlog_drain_seconds", "How long the workers that run would take for this tenant alone; absent while none runs and something waits."),
		longest:     all("weft_backlog_oldest_seconds", "How long the first of everything that waits has waited."),
		workers:     all("weft_backlog_workers", "Workers that report and are not draining; they serve all tenants."),
		wantedNow:   all("weft_backlog_workers_wanted", "Workers that would do everything of this tenant within the default target."),
		weight:      all("weft_tenant_weight", "Weight of the tenant's share of the encoders."),
		held:        prometheus.NewDesc("weft_tenant_held", "1 while the tenant's sweep waits, by what for: its share, its quota, or memory of the queue's server.", []string{"tenant", "by"}, nil),
		fault:       all("weft_tenant_fault", "1 while nothing is done for a tenant, or not by its settings; GET /v1/backlog says why."),
		fleetWanted: prometheus.NewDesc("weft_fleet_workers_wanted", "Workers that would do everything of all tenants within the default target.", nil, nil),
	}
}

// Describe is prometheus.Collector's.
func (m *backlogMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.up, m.waiting, m.delayed, m.oldest, m.work, m.item, m.paused, m.unissued, m.total, m.drain, m.longest, m.workers, m.wantedNow,
		m.weight, m.held, m.fault, m.fleetWanted} {
		ch <- d
	}
}

// Collect is prometheus.Collector's.
func (m *backlogMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	names := m.node.names()
	f, err := m.node.gauge.Look(ctx, 0)
	if err == nil {
		names = slices.DeleteFunc(names, func(t tasks.Tenant) bool {
			return slices.ContainsFunc(f.Tenants, func(b tasks.Backlog) bool { return b.Tenant == t })
		})
	}
	if err == nil && len(names) > 0 { // of whom nobody tells anything
		var silent tasks.Fleet
		silent, err = m.node.gauge.Look(ctx, 0, names...)
		f.Tenants = append(f.Tenants, silent.Tenants...)
	}
	if err != nil {
		m.node.log.Warn("the backlog cannot be shown", "error", err)
		for _, name := range names {
			send(m.up, 0, string(name))
		}
		return
	}
	for _, b := range f.Tenants {
		m.one(b, send)
	}
	send(m.fleetWanted, float64(f.Wanted))
}

// one shows the backlog of one tenant.
func (m *backlogMetrics) one(b tasks.Backlog, send func(d *prometheus.Desc, v float64, labels ...string)) {
	tenant := string(b.Tenant)
	send(m.up, 1, tenant)
	for _, q := range b.Queues {
		send(m.waiting, float64(q.Waiting), tenant, q.Queue)
		send(m.delayed, float64(q.Delayed), tenant, q.Queue)
		send(m.oldest, q.Oldest, tenant, q.Queue)
		send(m.work, q.Work, tenant, q.Queue)
		send(m.item, q.ItemSeconds, tenant, q.Queue)
		paused := 0.0
		if q.Paused {
			paused = 1
		}
		send(m.paused, paused, tenant, q.Queue)
	}
	send(m.unissued, float64(b.Unissued), tenant)
	send(m.total, b.Work, tenant)
	if b.Drain != nil {
		send(m.drain, *b.Drain, tenant)
	}
	send(m.longest, b.Oldest, tenant)
	send(m.workers, float64(b.Workers), tenant)
	send(m.wantedNow, float64(b.Wanted), tenant)
	if b.Weight > 0 { // a scheduler tells of it
		send(m.weight, b.Weight, tenant)
	}
	if b.Held != "" {
		send(m.held, 1, tenant, string(b.Held))
	}
	fault := 0.0
	if b.Fault != "" {
		fault = 1
	}
	send(m.fault, fault, tenant)
}

// keyPrefix is what a tenant's keys of the bucket itself begin with before media/.
func (p place) keyPrefix(name tasks.Tenant) string {
	prefix := ""
	if c, err := objects.ParseS3URL(p.Objects); err == nil && c.Prefix != "" {
		prefix = strings.Trim(c.Prefix, "/") + "/"
	}
	return prefix + string(name) + "/"
}
