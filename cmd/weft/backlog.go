package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/scheduler"
	"weft/storage/objects"
	"weft/tasks"
)

// backlogMetrics asks for the backlog at every scrape, so that what is shown is what
// an autoscaler would hear. Several processes show the same: take the maximum.
type backlogMetrics struct {
	gauge *scheduler.Gauge
	log   *slog.Logger

	up                                                  *prometheus.Desc
	waiting, delayed, oldest, work, item, paused        *prometheus.Desc // by queue
	unissued, total, drain, longest, workers, wantedNow *prometheus.Desc
}

// scrapeTime bounds one look: a scrape does not wait for a Redis that is away.
const scrapeTime = 2 * time.Second

func newBacklogMetrics(g *scheduler.Gauge, tenant tasks.Tenant, log *slog.Logger) *backlogMetrics {
	fixed := prometheus.Labels{"tenant": string(tenant)}
	all := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, fixed) }
	queue := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"queue"}, fixed)
	}
	return &backlogMetrics{
		gauge: g, log: log,
		up:        all("weft_backlog_up", "Whether the queues could be read; without it the others are absent."),
		waiting:   queue("weft_queue_waiting", "Tasks that a worker holds or may take: pending, active, and retries that are due."),
		delayed:   queue("weft_queue_delayed", "Tasks put back until later."),
		oldest:    queue("weft_queue_oldest_seconds", "How long the first of the tasks that a worker may take has waited."),
		work:      queue("weft_queue_work_seconds", "How long one worker would take for the tasks that wait."),
		item:      queue("weft_item_seconds", "Seconds of one worker per item, as measured by workers with enough to do, or a default."),
		paused:    queue("weft_queue_paused", "1 while the queue is paused."),
		unissued:  all("weft_backlog_unissued", "Items counted in the bucket that are not yet queued."),
		total:     all("weft_backlog_work_seconds", "How long one worker would take for everything that waits."),
		drain:     all("weft_backlog_drain_seconds", "How long the workers that run will take; absent while none runs and something waits."),
		longest:   all("weft_backlog_oldest_seconds", "How long the first of everything that waits has waited."),
		workers:   all("weft_backlog_workers", "Workers that report and are not draining."),
		wantedNow: all("weft_backlog_workers_wanted", "Workers that would do everything within the default target."),
	}
}

// Describe is prometheus.Collector's.
func (m *backlogMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.up, m.waiting, m.delayed, m.oldest, m.work, m.item, m.paused, m.unissued, m.total, m.drain, m.longest, m.workers, m.wantedNow} {
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
	b, err := m.gauge.Look(ctx, 0)
	if err != nil {
		m.log.Warn("the backlog cannot be shown", "error", err)
		send(m.up, 0)
		return
	}
	send(m.up, 1)
	for _, q := range b.Queues {
		send(m.waiting, float64(q.Waiting), q.Queue)
		send(m.delayed, float64(q.Delayed), q.Queue)
		send(m.oldest, q.Oldest, q.Queue)
		send(m.work, q.Work, q.Queue)
		send(m.item, q.ItemSeconds, q.Queue)
		paused := 0.0
		if q.Paused {
			paused = 1
		}
		send(m.paused, paused, q.Queue)
	}
	send(m.unissued, float64(b.Unissued))
	send(m.total, b.Work)
	if b.Drain != nil {
		send(m.drain, *b.Drain)
	}
	send(m.longest, b.Oldest)
	send(m.workers, float64(b.Workers))
	send(m.wantedNow, float64(b.Wanted))
}

// keyPrefix is what a tenant's keys of the bucket itself begin with before media/.
func (p place) keyPrefix(name tasks.Tenant) string {
	prefix := ""
	if c, err := objects.ParseS3URL(p.Objects); err == nil && c.Prefix != "" {
		prefix = strings.Trim(c.Prefix, "/") + "/"
	}
	return prefix + string(name) + "/"
}
